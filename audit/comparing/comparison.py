"""Two audits side by side: what changed, how sure that is, and which gates turned.

Where both kept answers to the same rows, metrics are compared pair by pair; everything else that stands
in both is compared as of independent samples, which is never too sure of itself when rows are shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from audit.comparing.baseline import (
    CHECK,
    OTHER_KEY,
    Directions,
    answers_of,
    better_of,
    both_carry,
    disagreement,
    is_paired,
    keys_differ,
    own_directions,
    require_comparable,
    settings_of,
)
from audit.comparing.changes import Change, Direction, Turn
from audit.comparing.conclusion import conclude, within_rounding
from audit.comparing.contest import contenders
from audit.comparing.result import Comparison
from audit.estimate.area_difference import AREA, area_p_value
from audit.estimate.comparing import compare_estimates
from audit.estimate.making import exact
from audit.estimate.metrics import METRICS, metrics_for
from audit.estimate.paired import churn, paired_by_group, paired_difference
from audit.evidence import Predictions
from reports.record import AuditRecord, Estimate, Verdict

Address = tuple[str, str, tuple[tuple[str, str], ...]]
"""Check, metric and where."""


def compare(before: AuditRecord, after: AuditRecord, *others: AuditRecord, names: Sequence[str] = ()) -> Comparison:
    """Compare audits of the same question.

    Parameters
    ----------
    before, after : AuditRecord
        The earlier and the later audit; paired where both kept answers to the same rows.
    *others : AuditRecord
        Further audits. The first is then compared with the last, and each with the best of all, the choice of
        the best allowed for (:attr:`Comparison.contenders`).
    names : sequence of str
        What distinguishes the models where their own names do not, in the order of the audits.

    Returns
    -------
    Comparison
        Its ``repr`` is the bottom line; ``worse`` is true where a loss is shown beyond chance.

    Raises
    ------
    ConfigError
        If they do not ask the same question.

    Examples
    --------
    >>> from reports.record import DataInfo, Environment, ModelInfo
    >>> record = AuditRecord(tool="modelassay", created="", seed=0, task="binary", headline="accuracy",
    ...     model=ModelInfo(name="m", kind="", format="none"), data=DataInfo(target="y"), environment=Environment())
    >>> compare(record, record)
    Comparison of m (1) and m (2)
      No difference shown: accuracy is missing from one audit or from both.
    """
    records = (before, after, *others)
    for record in records[:-1]:
        require_comparable(records[-1].task, records[-1].data, record)
    named = _names(records, names)
    comparison = _compare(before, records[-1], named[0], named[-1])
    return replace(comparison, contenders=contenders(records, named)) if others else comparison


def _names(records: Sequence[AuditRecord], given: Sequence[str]) -> tuple[str, ...]:
    """Return the models' names; where they are not unique, the given ones or numbers stand behind them."""
    names = [_name(record) for record in records]
    if len(set(names)) == len(names):
        return tuple(names)
    ends = given if len(given) == len(set(given)) == len(names) else tuple(map(str, range(1, len(names) + 1)))
    return tuple(f"{name} ({end})" for name, end in zip(names, ends, strict=True))


def _compare(before: AuditRecord, after: AuditRecord, *names: str) -> Comparison:
    pair = is_paired(after.pairing, before.pairing)
    new, old = (answers_of(after.pairing, after), answers_of(before.pairing, after)) if pair else (None, None)
    gaps = _paired_gaps(new, replace(old, y_true=new.y_true)) if new is not None and old is not None else {}
    sized = None if new is None else len(new)
    moves = () if new is None or old is None else _churn(new, old, after)
    own = own_directions(after)
    changes, turns = _changes(before, after, gaps, own), tuple(_turns(before, after))
    same_policy = before.policy.gates == after.policy.gates
    return Comparison(
        before=names[0],
        after=names[1],
        paired=pair,
        rows=sized,
        note=_note(before, after, sized),
        identity=_identity(before, after),
        changes=tuple(changes),
        churn=moves,
        disagreement=None if new is None or old is None or new.task == "regression" else disagreement(new, old),
        area_test=None if new is None or old is None or not both_carry(new, old, AREA) else area_p_value(new, old),
        turns=turns,
        same_policy=same_policy,
        own=tuple(own),
        headline=after.headline,
        favorable=after.data.favorable,
        names=after.data.names,
        conclusion=conclude(
            changes,
            turns if same_policy else (),
            {name: better_of(name, own) for name in (after.headline, *metrics_for("comparison", after.task), *own)},
            min_n=settings_of(after).min_n,
            same=bool(moves) and moves[0].value == 0,
        ),
    )


def _name(record: AuditRecord) -> str:
    return record.card.name.strip() or record.model.name


def _note(before: AuditRecord, after: AuditRecord, rows: int | None) -> str:
    if rows is not None:
        of = after.pairing.rows if after.pairing else rows
        sampled = f", a random sample of {of:,}" if rows < of else ""
        return f"Paired on the same {rows:,} rows{sampled}; numbers without kept answers count as independent samples."
    if before.pairing is None or after.pairing is None:
        return "Not paired: a record keeps no answers by row, so the two count as independent samples."
    if keys_differ(before.pairing, after.pairing):
        return f"Not paired, so the two count as independent samples. {OTHER_KEY}"
    return "Not paired: the two were audited on different rows, so they count as independent samples."


def _identity(before: AuditRecord, after: AuditRecord) -> tuple[tuple[str, str, str], ...]:
    """Name what differs of the two audits beside numbers."""
    sides = [
        {
            "model": _name(record),
            "kind of model": record.model.kind,
            "model file": record.model.sha256[:12],
            **{f"parameter {name}": value for name, value in record.model.parameters.items()},
            **{f"{split.name} rows": f"{split.rows}" for split in record.data.splits},
            **{f"{split.name} file": split.sha256[:12] for split in record.data.splits},
            "evaluated rows": record.pairing.fingerprint[:12] if record.pairing else "",
            "features": ", ".join(sorted(feature.name for feature in record.data.features)),
            "policy": f"{record.policy.name} {record.policy.sha256[:12]}".strip(),
            "headline": record.headline,
            "seed": str(record.seed),
            "tool": record.tool,
            **{f"version of {name}": version for name, version in record.environment.packages.items()},
        }
        for record in (before, after)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    rows = ((name, sides[0].get(name, ""), sides[1].get(name, "")) for name in names)
    return tuple(row for row in rows if row[1] != row[2])


# --- numbers --------------------------------------------------------------------------------------


def _paired_gaps(new: Predictions, old: Predictions) -> dict[tuple[str, tuple[tuple[str, str], ...]], Estimate]:
    """Return paired differences by metric and address, for all metrics that kept answers carry."""
    wanted = dict.fromkeys((new.headline, *metrics_for("comparison", new.task), *metrics_for("paired", new.task)))
    names = tuple(name for name in wanted if name in METRICS and both_carry(new, old, name))
    estimates = [paired_difference(new, old, name) for name in names]
    for features in new.crossings():
        estimates += paired_by_group(new, old, names, features)
    return {
        (estimate.metric.removesuffix("_difference"), tuple(sorted(estimate.where.items()))): estimate
        for estimate in estimates
    }


def _changes(
    before: AuditRecord,
    after: AuditRecord,
    gaps: Mapping[tuple[str, tuple[tuple[str, str], ...]], Estimate],
    own: Directions,
) -> list[Change]:
    old, new = _numbers(before), _numbers(after)
    changes = []
    for key in dict.fromkeys([*new, *old]):
        check, metric, address = key
        change = Change(check=check, metric=metric, where=dict(address), before=old.get(key), after=new.get(key))
        changes.append(_measure(change, gaps.get((metric, address)), own))
    return changes


def _numbers(record: AuditRecord) -> dict[Address, Estimate]:
    """Return every estimate by check, metric and address; what compares with a baseline is left out."""
    estimates: dict[Address, Estimate] = {}
    for finding in record.findings:
        if finding.check == CHECK or finding.measurement is None:
            continue
        for estimate in finding.measurement.estimates:
            estimates.setdefault((finding.check, estimate.metric, tuple(sorted(estimate.where.items()))), estimate)
    return estimates


def _measure(change: Change, gap: Estimate | None, own: Directions) -> Change:
    before, after = change.before, change.after
    if before is None or after is None:
        return replace(change, direction="only after" if before is None else "only before")
    if gap is not None:
        return replace(change, difference=gap, paired=True, direction=_direction(change, gap, own))
    if (before.value, before.low, before.high) == (after.value, after.low, after.high):
        return replace(change, direction="same")
    if "count" in (before.method, after.method) and before.value is not None and after.value is not None:
        gap = exact(f"{after.metric}_difference", after.value - before.value, after.where, n=after.n, unit=after.unit)
        return replace(change, difference=gap, direction="same" if within_rounding(gap) else "changed")
    if after.unit == "p-value":  # two p-values have no difference that means anything
        return change
    apart = compare_estimates(after, before, "difference")
    return replace(change, difference=apart, direction=_direction(change, apart, own))


def _direction(change: Change, gap: Estimate, own: Directions) -> Direction:
    if gap.value is None or gap.low is None or gap.high is None:
        return "no difference shown"
    if gap.low == gap.high == 0 or within_rounding(gap, change.before, change.after):
        return "same"
    metric = change.metric
    if gap.low <= 0 <= gap.high:
        return "no difference shown"
    better = better_of(metric, own)
    if better == "neither":
        return "changed"
    return "better" if (gap.low > 0) == (better == "higher") else "worse"


def _churn(new: Predictions, old: Predictions, record: AuditRecord) -> tuple[Estimate, ...]:
    """Measure how many decisions changed and to which outcome, overall and in each group that may be shown."""
    if new.task == "regression":
        return ()
    every = (group for features in new.crossings() for group in new.groups(*features))
    groups = [group for group in every if not new.settings.why_hidden(group.where, len(group))]
    pairs = [(new, old), *((group, old.take(group.row.astype(np.intp))) for group in groups)]
    toward = _toward(record)
    return tuple(churn(*pair, class_, name) for pair in pairs for class_, name in (("", "churn"), *toward))


def _toward(record: AuditRecord) -> tuple[tuple[str, str], ...]:
    """Return the classes that a decision may move to, and what such a move is called."""
    if record.task != "binary" or len(record.data.classes) != 2:
        return ()
    good, names = (record.data.favorable, _BY_PERSON) if record.data.favorable else (record.data.positive, _BY_MODEL)
    other = next((name for name in record.data.classes if name != good), "")
    return () if good not in record.data.classes else ((other, names[0]), (good, names[1]))


_BY_PERSON = ("churn_to_unfavorable", "churn_to_favorable")
_BY_MODEL = ("churn_to_negative", "churn_to_positive")


# --- gates ----------------------------------------------------------------------------------------


def _turns(before: AuditRecord, after: AuditRecord) -> list[Turn]:
    old, new = _verdicts(before), _verdicts(after)
    turns = []
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key), new.get(key)
        severity = (now or was).severity  # type: ignore[union-attr]
        if (was and was.outcome) != (now and now.outcome):
            turn = Turn(
                gate=key[0],
                where=dict(key[1]),
                before=was.outcome if was else "not asked",
                after=now.outcome if now else "not asked",
                severity=severity,
            )
            turns.append(turn)
    return turns


def _verdicts(record: AuditRecord) -> dict[tuple[str, tuple[tuple[str, str], ...], str], Verdict]:
    """Return verdicts by gate, address and metric; a gate's id may speak of several metrics."""
    verdicts = {}
    for verdict in record.verdicts:
        metric = verdict.estimate.metric if verdict.estimate else ""
        verdicts[(verdict.gate, tuple(sorted(verdict.where.items())), metric)] = verdict
    return verdicts
