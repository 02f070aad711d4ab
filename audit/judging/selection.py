"""Which numbers of a record a gate speaks of.

A gate names a whole address; a policy of one's own that names a check, a metric, a feature or a group
which the record does not know is refused with the nearest name, so that a typing error never switches a
gate off. Rules of the catalogue whose check did not run are not assessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from audit.errors import PolicyError, hint, quote, quote_all
from audit.estimate.best import against_best
from audit.estimate.comparing import compare_estimates
from reports.lookup import SYNONYMS
from reports.record import HOUSE_WORDS, AuditRecord, Estimate, Finding, Gate, VerdictOutcome, Waiver, Where

CHANGE = "baseline_change"
"""The check that compares a record with a baseline; ``no_regression`` gates read its gains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The numbers to judge, or why there are none."""

    estimates: tuple[Estimate, ...] = ()
    outcome: VerdictOutcome = "not_assessed"
    """What the gate comes to where there are no estimates."""
    reason: str = ""
    totals: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Rows over all groups, by what crosses them: what a group's share is a share of."""


def matches(pattern: Where, where: Where) -> bool:
    """Tell whether a gate's address names an estimate's.

    The whole address must fit. ``"*"`` as a value stands for every level; ``"*"`` as a key stands for one
    or more further keys that are features of the rows.

    Examples
    --------
    >>> matches({"split": "test", "*": "*"}, {"split": "test", "sex": "f", "race": "b"})
    True
    >>> matches({"split": "test"}, {"split": "test", "sex": "f"})
    False
    """
    named = {key: level for key, level in pattern.items() if key != "*"}
    if any(key not in where or level not in {"*", where[key]} for key, level in named.items()):
        return False
    further = [key for key in where if key not in named]
    if "*" in pattern:
        return bool(further) and not HOUSE_WORDS & set(further)
    return not further


def find(gate: Gate, record: AuditRecord) -> Candidates:
    """Return the numbers that a gate speaks of.

    Parameters
    ----------
    gate : Gate
    record : AuditRecord

    Raises
    ------
    PolicyError
        If a gate of a policy of one's own names a check or metric that the record does not have, or any
        gate a feature or group that the data do not have.
    """
    findings = _findings(gate, record)
    if not findings:
        return Candidates(reason=_unknown_check(gate, record))
    broken = next((finding for finding in findings if finding.outcome == "error"), None)
    if broken is not None:
        return Candidates(outcome="error", reason=f"the check could not be run: {broken.reason}")
    measured = [finding for finding in findings if finding.measurement is not None]
    if not measured:
        return Candidates(reason=f"{findings[0].outcome.replace('_', ' ')}: {findings[0].reason}")
    estimates = [estimate for finding in measured for estimate in _estimates(finding)]
    alike = [estimate for estimate in estimates if estimate.metric in names_of(gate)]
    if not alike:
        return Candidates(reason=_unknown_metric(gate, estimates))
    require_known_address(gate, record)
    here = _once(estimate for estimate in alike if matches(gate.where, estimate.where))
    if not here and not is_rule(gate):
        raise PolicyError(_nowhere(gate, alike))
    if gate.kind in {"difference", "ratio"}:
        here = _compare(gate, here, alike, record)
    totals: dict[tuple[str, ...], int] = {}
    for estimate in _once(alike):
        totals[tuple(sorted(estimate.where))] = totals.get(tuple(sorted(estimate.where)), 0) + (estimate.n or 0)
    return Candidates(estimates=tuple(here), reason="this number was not measured", totals=totals)


def names_of(gate: Gate) -> tuple[str, ...]:
    """Return the names under which a gate's number may be in a record.

    Examples
    --------
    >>> names_of(Gate(id="g", title="", check="", metric="recall"))
    ('recall', 'true_positive_rate')
    >>> names_of(Gate(id="g", title="", check="", metric="f1", kind="no_regression"))
    ('f1_gain',)
    """
    alike = next((names for names in SYNONYMS if gate.metric in names), (gate.metric,))
    return tuple(f"{name}_gain" for name in alike) if gate.kind == "no_regression" else alike


def is_rule(gate: Gate) -> bool:
    """Tell whether a gate is a rule of the catalogue, which always names its check."""
    return gate.from_catalogue and bool(gate.check)


# --- findings -------------------------------------------------------------------------------------


def _findings(gate: Gate, record: AuditRecord) -> list[Finding]:
    """Return the findings to look in: the named check's, or the first that measured the metric at the address."""
    check = gate.check or (CHANGE if gate.kind == "no_regression" else "")
    if check:
        return [finding for finding in record.findings if finding.check == check]
    names = names_of(gate)
    speaking = [
        finding for finding in record.findings if any(estimate.metric in names for estimate in _estimates(finding))
    ]
    if not speaking:
        known = sorted({estimate.metric for finding in record.findings for estimate in _estimates(finding)})
        raise PolicyError(
            f"gate {quote(gate.id)} asks for metric {quote(gate.metric)}, which this audit did not measure; "
            f"it measured {quote_all(known) or 'nothing'}." + hint(gate.metric, known)
        )
    fitting = [
        finding
        for finding in speaking
        if any(estimate.metric in names and matches(gate.where, estimate.where) for estimate in _estimates(finding))
    ]
    return (fitting or speaking)[:1]


def _estimates(finding: Finding) -> tuple[Estimate, ...]:
    return finding.measurement.estimates if finding.measurement else ()


def _once(estimates: Iterable[Estimate]) -> list[Estimate]:
    """Keep the first of several estimates at one address."""
    first: dict[tuple[tuple[str, str], ...], Estimate] = {}
    for estimate in estimates:
        first.setdefault(tuple(sorted(estimate.where.items())), estimate)
    return list(first.values())


def _unknown_check(gate: Gate, record: AuditRecord) -> str:
    """Say that a rule's check was not run, or refuse a gate that names no check of this record."""
    if gate.kind == "no_regression" and not is_rule(gate):
        require_comparable_metric(gate, _own_metrics(record))
    if is_rule(gate) or gate.kind == "no_regression":
        return f"check {gate.check or CHANGE!r} was not run"
    known = sorted({finding.check for finding in record.findings})
    raise PolicyError(
        f"gate {quote(gate.id)} names check {quote(gate.check)}, which is not in this record; "
        f"it holds {quote_all(known) or 'none'}." + hint(gate.check, known)
    )


def _own_metrics(record: AuditRecord) -> tuple[str, ...]:
    """Return the names of the user's own metrics that a record was made with."""
    stated = record.config.get("metrics")
    return tuple(stated) if isinstance(stated, dict) else ()


def require_comparable_metric(gate: Gate, own: Iterable[str] = ()) -> None:
    """Refuse the name of a metric that no comparison with a baseline could measure.

    Raises
    ------
    PolicyError
        Naming the nearest that can be compared.
    """
    from audit.estimate.metrics import METRICS

    known = ("headline", *(name for name, metric in METRICS.items() if metric.better != "neither"), *own)
    if gate.metric not in known:
        raise PolicyError(
            f"gate {quote(gate.id)} asks for no regression of {quote(gate.metric)}, which is not a metric that can be "
            f"compared; there are {quote_all(known)}." + hint(gate.metric, known)
        )


def _unknown_metric(gate: Gate, estimates: list[Estimate]) -> str:
    if is_rule(gate):
        return "this number was not measured"
    known, metric = sorted({estimate.metric for estimate in estimates}), gate.metric
    if gate.kind == "no_regression":
        known = [name.removesuffix("_gain") for name in known if name.endswith("_gain")]
    raise PolicyError(
        f"gate {quote(gate.id)} asks for metric {quote(metric)}, which check {quote(gate.check or CHANGE)} did not "
        f"measure; it measured {quote_all(known)}." + hint(metric, known)
    )


def _nowhere(gate: Gate, alike: list[Estimate]) -> str:
    """Say where a metric was measured, if not at the gate's address."""
    places = sorted(
        {_write({key: "*" if key != "split" else estimate.where[key] for key in estimate.where}) for estimate in alike}
    )
    missing = "split" not in gate.where and any(
        matches({"split": "*", **gate.where}, estimate.where) for estimate in alike
    )
    text = f" Did you mean where = {_write({'split': 'test', **gate.where})}?" if missing else ""
    return (
        f"gate {quote(gate.id)} asks for {quote(gate.metric)} where {_write(gate.where)}; it was measured where "
        f"{' or '.join(places[:5])}.{text}"
    )


def _write(where: Where) -> str:
    """Write an address as a policy file has it."""
    parts = ", ".join(f"{quote(key) if key == '*' else key} = {quote(level)}" for key, level in where.items())
    return f"{{ {parts} }}" if parts else "{}"


# --- addresses ------------------------------------------------------------------------------------


def require_known_address(gate: Gate, record: AuditRecord) -> None:
    """Refuse an address, or a reference group, whose feature or level the record does not know.

    Raises
    ------
    PolicyError
        Naming the unknown word and the nearest known one.
    """
    named = dict(gate.where) | (dict(gate.reference) if isinstance(gate.reference, Mapping) else {})
    wanted = {key: level for key, level in named.items() if key != "*" and not (key in HOUSE_WORDS and is_rule(gate))}
    _require_known(wanted, record, f"gate {quote(gate.id)}")


def require_known_waivers(waivers: Iterable[Waiver], record: AuditRecord) -> None:
    """Refuse waivers of a feature or group that the record does not know: they would cover nothing.

    Raises
    ------
    PolicyError
        Naming the unknown word and the nearest known one.
    """
    for waiver in waivers:
        wanted = {key: level for key, level in waiver.where.items() if key not in HOUSE_WORDS}
        _require_known(wanted, record, f"the waiver of {quote(waiver.gate)} by {quote(waiver.owner)}")


def _require_known(wanted: Where, record: AuditRecord, who: str) -> None:
    known = _levels(record) if wanted else {}
    for key, level in wanted.items():
        if key not in known and key not in HOUSE_WORDS:
            groups = sorted(set(known) - HOUSE_WORDS)
            raise PolicyError(
                f"{who} names {quote(key)}, which is not a sensitive feature of this audit; "
                f"there are {quote_all(groups) or 'none'}." + hint(key, groups)
            )
        if level != "*" and level not in known.get(key, set()):
            levels = sorted(known.get(key, set()))
            raise PolicyError(
                f"{who} names {key} = {quote(level)}, which this audit does not have; "
                f"there are {quote_all(levels) or 'none'}." + hint(level, levels)
            )


def _levels(record: AuditRecord) -> dict[str, set[str]]:
    """Return the levels by key of everything measured or declared."""
    known: dict[str, set[str]] = {feature: set() for feature in record.data.sensitive}
    for group in record.data.groups:
        known.setdefault(group.feature, set()).add(group.level)
    for finding in record.findings:
        for estimate in _estimates(finding):
            for key, level in estimate.where.items():
                known.setdefault(key, set()).add(level)
    return known


# --- groups compared with each other ---------------------------------------------------------------


def _compare(gate: Gate, here: list[Estimate], alike: list[Estimate], record: AuditRecord) -> list[Estimate]:
    """Compare each group with the gate's reference, with intervals from the groups' own."""
    peers, asked = _by_crossing(_once(alike)), _by_crossing(here)
    estimates: dict[int, Estimate] = {}
    for crossing, groups in asked.items():
        if gate.reference == "most_favored":
            least = max(gate.min_n, gate.min_share * sum(peer.n or 0 for peer in peers[crossing]))
            gaps = against_best(groups, peers[crossing], gate.kind, highest=gate.op != "<=", min_n=least)
            estimates.update(zip(map(id, groups), gaps, strict=True))
            continue
        for estimate, reference in _references(gate, groups, peers[crossing], record):
            if reference is None or dict(reference.where) != dict(estimate.where):
                estimates[id(estimate)] = compare_estimates(estimate, reference, gate.kind, min_n=gate.min_n)
    return [estimates[id(estimate)] for estimate in here if id(estimate) in estimates]


def _by_crossing(estimates: Iterable[Estimate]) -> dict[object, list[Estimate]]:
    """Gather estimates of the groups of one crossing, all else being equal."""
    table: dict[object, list[Estimate]] = {}
    for estimate in estimates:
        rest = frozenset((key, level) for key, level in estimate.where.items() if key in HOUSE_WORDS)
        table.setdefault((frozenset(estimate.where), rest), []).append(estimate)
    return table


def _references(
    gate: Gate, groups: list[Estimate], peers: list[Estimate], record: AuditRecord
) -> Iterator[tuple[Estimate, Estimate | None]]:
    """Pair each group with what it is compared with: a named group, all rows, or the largest group."""
    if not isinstance(gate.reference, Mapping):
        reference = _overall(gate, groups[0], record) if gate.reference == "overall" else _largest(peers, record)
        yield from ((group, reference) for group in groups)
        return
    by_address = {frozenset(peer.where.items()): peer for peer in peers}
    for group in groups:
        lacking = [key for key in gate.reference if key not in group.where]
        if lacking:
            raise PolicyError(
                f"gate {quote(gate.id)} names a reference by {quote_all(lacking)}, which its own address does not "
                "name; give such groups a gate of their own."
            )
        yield group, by_address.get(frozenset({**group.where, **gate.reference}.items()))


def _overall(gate: Gate, estimate: Estimate, record: AuditRecord) -> Estimate | None:
    rest = {key: level for key, level in estimate.where.items() if key in HOUSE_WORDS}
    everything = (estimate for finding in record.findings for estimate in _estimates(finding))
    return next(
        (estimate for estimate in everything if estimate.metric in names_of(gate) and dict(estimate.where) == rest),
        None,
    )


def _largest(peers: list[Estimate], record: AuditRecord) -> Estimate:
    sizes = {(group.feature, group.level): group.rows or 0 for group in record.data.groups}
    features = [key for key in peers[0].where if key not in HOUSE_WORDS]
    if len(features) == 1:
        return max(
            peers, key=lambda estimate: (sizes.get((features[0], estimate.where[features[0]]), 0), estimate.n or 0)
        )
    return max(peers, key=lambda estimate: estimate.n or 0)
