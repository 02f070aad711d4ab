"""Compare a record's numbers with a policy's gates.

For ``metric ≥ T`` with interval [L, U]: pass if L ≥ T; fail if U < T, after Holm's correction over the
family (single features before crossings); otherwise inconclusive, with the number of rows needed for an answer. A fact
about the rows at hand is decided on its number. A number that does not exist is not assessed and never
passes. Everything here works from a saved record alone.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from audit.errors import PolicyError
from audit.estimate.comparing import at_confidence
from audit.estimate.making import as_exact
from audit.judging.decision import (
    decide,
    detectable,
    p_failing,
    require_possible,
    rows_needed,
)
from audit.judging.extent import Rows, extent
from audit.judging.folding import fold_verdicts
from audit.judging.ranking import rank_verdicts
from audit.judging.selection import Candidates, find, is_rule, matches, require_known_waivers
from audit.judging.waivers import apply_waivers, unused_waivers
from audit.judging.words import message, next_step, within_reach
from audit.statistics.intervals import weighted_holm
from reports.lookup import Estimates
from reports.record import HOUSE_WORDS, AuditRecord, Estimate, Gate, Policy, Source, Verdict, VerdictOutcome, Where

__all__ = ["judge", "matches"]

SINGLES = 0.8
"""Share of a family's error rate that single features get; the rest is for crossings (weighted Holm)."""
SUPPRESS_N = 10
"""Below this many rows a count leaves no trace, unless the audit was run with another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A verdict before the correction over its family."""

    gate: Gate
    where: Where
    estimate: Estimate | None = None
    p: float | None = None
    settled: VerdictOutcome | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What holds for all verdicts of a record."""

    policy: Policy
    hidden: int
    """Fewer rows than this are not shown."""
    rows: Rows
    record: AuditRecord
    known: Estimates


def judge(
    record: AuditRecord,
    policy: Policy,
    *,
    today: datetime.date | None = None,
    baseline: AuditRecord | None = None,
    suppress_n: int = 0,
) -> AuditRecord:
    """Decide every gate of a policy on a record's findings.

    Parameters
    ----------
    record : AuditRecord
    policy : Policy
    today : date, optional
        Day on which waivers are compared with their end; the day of the record without one.
    baseline : AuditRecord, optional
        An earlier audit; what changed against it is measured first, in place of what stood there.
    suppress_n : int
        Slices of fewer rows must leave no count anywhere: a record that was made to show smaller ones is refused.

    Returns
    -------
    AuditRecord
        With the policy and its verdicts in place of what stood there.

    Raises
    ------
    PolicyError
        If a gate or waiver names a check, metric, feature or group that the record does not know, or the record shows
        slices that are smaller than `suppress_n`.
    ConfigError
        If the baseline cannot be compared with.
    """
    if baseline is not None:
        from audit.comparing.baseline import against

        record = against(record, baseline)
    require_known_waivers(policy.waivers, record)
    every = [draft for gate in policy.gates if gate.severity != "off" for draft in _drafts(gate, record, policy)]
    drafts = _without_idle_parts(every)
    day = today or datetime.date.fromisoformat(record.created[:10])
    hidden = suppressed_below(record)
    if suppress_n > hidden:
        raise PolicyError(
            f"slices under {suppress_n} rows must show no count (suppress_n), but this record was made with "
            f"suppress_n = {hidden}, so it may show smaller ones. Run the audit again with this policy, or with "
            f"[audit] suppress_n = {suppress_n}."
        )
    scene = _Scene(policy=policy, hidden=hidden, rows=Rows.of(record), record=record, known=Estimates(record))
    corrected = zip(drafts, _correct(drafts, policy), _family_sizes(drafts, policy), strict=True)
    decided = [apply_waivers(_verdict(draft, p, tests, scene), policy, day) for draft, p, tests in corrected]
    families = {finding.check: finding.family for finding in record.findings}
    verdicts = fold_verdicts(rank_verdicts(decided, [draft.gate for draft in drafts], families))
    kept = tuple(line for line in record.warnings if not line.startswith("waiver of "))
    return replace(record, policy=policy, verdicts=verdicts, warnings=(*kept, *unused_waivers(policy, verdicts)))


def suppressed_below(record: AuditRecord) -> int:
    """Return the number of rows below which the audit shows no counts."""
    asked = record.config.get("audit")
    number = asked.get("suppress_n") if isinstance(asked, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else SUPPRESS_N


# --- which numbers are judged ---------------------------------------------------------------------


def _drafts(gate: Gate, record: AuditRecord, policy: Policy) -> Iterator[_Draft]:
    candidates = find(gate, record)
    if not candidates.estimates:
        yield _Draft(gate=gate, where=gate.where, settled=candidates.outcome, reason=candidates.reason)
    for estimate in candidates.estimates:
        require_possible(gate, estimate)
        yield _draft(gate, at_confidence(estimate, policy.confidence), candidates)


def _without_idle_parts(drafts: Sequence[_Draft]) -> list[_Draft]:
    """Leave out parts of a rule that found no number, where another part of the same rule did."""
    measured = {draft.gate.id for draft in drafts if draft.estimate is not None}
    return [
        draft
        for draft in drafts
        if draft.estimate is not None
        or draft.settled == "error"
        or not is_rule(draft.gate)
        or draft.gate.id not in measured
    ]


def _draft(gate: Gate, estimate: Estimate, candidates: Candidates) -> _Draft:
    blank = _Draft(gate=gate, where=estimate.where, estimate=estimate)
    if estimate.value is None:
        return replace(blank, settled="not_assessed", reason=estimate.reason)
    if estimate.method == "count" or gate.decided == "count":
        return replace(blank, estimate=as_exact(estimate))
    if estimate.n is not None and estimate.n < gate.min_n:
        return replace(blank, settled="not_assessed", reason=f"fewer than {gate.min_n} rows of this kind")
    total = candidates.totals.get(tuple(sorted(estimate.where)), 0)
    if gate.min_share and total and (estimate.n or 0) < gate.min_share * total:
        reason = f"holds a share of the rows under {gate.min_share:g}"
        return replace(blank, settled="not_assessed", reason=reason)
    return replace(blank, p=p_failing(gate, estimate))


def _correct(drafts: Sequence[_Draft], policy: Policy) -> list[float | None]:
    """Adjust the p-values of each family; what is not decided by an interval takes no part."""
    adjusted: list[float | None] = [draft.p for draft in drafts]
    families: dict[str, list[int]] = {}
    for position, draft in enumerate(drafts):
        if draft.p is not None and policy.correction == "holm":
            families.setdefault(_family(draft), []).append(position)
    for positions in families.values():
        weights = _weights([drafts[k] for k in positions])
        pair = weighted_holm([drafts[k].p or 0.0 for k in positions], weights)
        for position, p in zip(positions, pair, strict=True):
            adjusted[position] = p
    return adjusted


def _family(draft: _Draft) -> str:
    return draft.gate.family or draft.gate.id


def _weights(drafts: Sequence[_Draft]) -> list[float]:
    """Share a family's error rate out: most of it for single features, the rest for their crossings."""
    crossed = [len(set(draft.where) - HOUSE_WORDS) > 1 for draft in drafts]
    sizes = Counter(crossed)
    if len(sizes) < 2:
        return [1.0] * len(drafts)
    return [(1 - SINGLES if flag else SINGLES) / sizes[flag] for flag in crossed]


def _family_sizes(drafts: Sequence[_Draft], policy: Policy) -> list[float]:
    """Return by how much the correction costs each number that is alone in failing: its family's size, weighted."""
    if policy.correction != "holm":
        return [1.0] * len(drafts)
    families: dict[str, list[int]] = {}
    for position, draft in enumerate(drafts):
        if draft.p is not None:
            families.setdefault(_family(draft), []).append(position)
    sizes = [1.0] * len(drafts)
    for positions in families.values():
        weights = _weights([drafts[k] for k in positions])
        for position, weight in zip(positions, weights, strict=True):
            sizes[position] = sum(weights) / weight
    return sizes


# --- verdicts -------------------------------------------------------------------------------------


def _verdict(draft: _Draft, p: float | None, tests: float, scene: _Scene) -> Verdict:
    gate, estimate, policy, hidden = draft.gate, draft.estimate, scene.policy, scene.hidden
    source = Source(file=policy.file, line=policy.line_of(gate)) if policy.file else None
    blank = Verdict(gate=gate.id, where=draft.where, outcome="not_assessed", severity=gate.severity, source=source)
    if draft.settled is not None or estimate is None:
        outcome = draft.settled or "not_assessed"
        shown = None if estimate is None else _without_few(estimate, hidden)
        return replace(blank, outcome=outcome, estimate=shown, message=draft.reason)
    outcome, kept = decide(gate, estimate, p), _without_few(estimate, hidden)
    needed = within_reach(rows_needed(gate, kept, draft.p, p), kept) if outcome == "inconclusive" else None
    verdict = replace(
        blank,
        outcome=outcome,
        estimate=kept,
        p_adjusted=p,
        n_needed=needed,
        detectable=detectable(gate, estimate, tests),
        extent=extent(gate, kept, scene.rows) if outcome in ("fail", "inconclusive") else None,
        next_step=next_step(outcome, gate, kept, needed),
    )
    return replace(verdict, message=message(scene.record, scene.known, verdict, gate, tests=tests))


def _without_few(estimate: Estimate, hidden: int) -> Estimate:
    """Leave out a count of rows that is too small to be shown."""
    return replace(estimate, n=None) if estimate.n is not None and 0 < estimate.n < hidden else estimate
