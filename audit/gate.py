"""Hold a record's numbers against a policy's gates.

For ``metric ≥ T`` with interval [L, U]: pass if L ≥ T; fail if U < T, after Holm's correction over the
family; otherwise inconclusive, with the rows that would settle it. A number that does not exist is not
assessed and never passes. Everything here works from a saved record alone.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from audit.errors import PolicyError, hint, listed, shown
from audit.intervals import Span, difference, holm, p_above, p_below, ratio, scale_of, z_value
from reports.record import AuditRecord, Estimate, Finding, Gate, Policy, Source, Verdict, VerdictOutcome, Waiver, Where

HOUSE_WORDS = frozenset({"split", "fold", "variant", "class", "feature"})
POWER = 0.8416212335729143
"""Normal quantile of 80 % power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A verdict before the correction over its family."""

    gate: Gate
    where: Where
    estimate: Estimate | None = None
    p: float | None = None
    settled: VerdictOutcome | None = None
    reason: str = ""


def judge(record: AuditRecord, policy: Policy, *, today: datetime.date | None = None) -> AuditRecord:
    """Decide every gate of a policy on a record's findings.

    Parameters
    ----------
    record : AuditRecord
    policy : Policy
    today : date, optional
        Day on which waivers are held against their end; the day of the record without one.

    Returns
    -------
    AuditRecord
        With the policy and its verdicts in place of what stood there.

    Raises
    ------
    PolicyError
        If a gate names a check or metric that the record does not know.
    """
    gates = [gate for gate in policy.gates if gate.severity != "off"]
    drafts = [draft for gate in gates for draft in _drafts(gate, record)]
    adjusted = _corrected(drafts, policy)
    day = today or datetime.date.fromisoformat(record.created[:10])
    verdicts = [_verdict(draft, p, policy) for draft, p in zip(drafts, adjusted, strict=True)]
    verdicts = [_waived(verdict, policy, day) for verdict in verdicts]
    unused = [_unused(waiver, verdicts) for waiver in policy.waivers]
    kept = tuple(line for line in record.warnings if not line.startswith("waiver"))
    return replace(
        record, policy=policy, verdicts=tuple(verdicts), warnings=(*kept, *(line for line in unused if line))
    )


# --- which numbers a gate speaks of ---------------------------------------------------------------


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


def _drafts(gate: Gate, record: AuditRecord) -> Iterator[_Draft]:
    findings = _findings(gate, record)
    for finding in findings:
        if finding.measurement is None:
            outcome: VerdictOutcome = "error" if finding.outcome == "error" else "not_assessed"
            yield _Draft(gate=gate, where=gate.where, settled=outcome, reason=f"{finding.outcome}: {finding.reason}")
            return
    estimates = [one for finding in findings if finding.measurement for one in finding.measurement.estimates]
    found = list(_matched(gate, estimates, record))
    if not found:
        reason = "no such number was measured" if findings else f"check {gate.check!r} was not run"
        yield _Draft(gate=gate, where=gate.where, settled="not_assessed", reason=reason)
    total = max((one.n or 0 for one in estimates if one.metric == gate.metric), default=0)
    for estimate in found:
        yield _draft(gate, estimate, total)


def _findings(gate: Gate, record: AuditRecord) -> list[Finding]:
    """Return the findings to look in: the named check's, or all that measured the metric."""
    if gate.check:
        return [finding for finding in record.findings if finding.check == gate.check]
    measured = [finding for finding in record.findings if finding.measurement is not None]
    by_metric = [f for f in measured if any(one.metric == gate.metric for one in f.measurement.estimates)]  # type: ignore[union-attr]
    if not by_metric:
        known = sorted({one.metric for f in measured for one in f.measurement.estimates})  # type: ignore[union-attr]
        raise PolicyError(
            f"gate {shown(gate.id)} asks for metric {shown(gate.metric)}, which this audit did not measure; "
            f"it measured {listed(known)}." + hint(gate.metric, known)
        )
    return by_metric[:1]


def _matched(gate: Gate, estimates: list[Estimate], record: AuditRecord) -> Iterator[Estimate]:
    here = [one for one in estimates if one.metric == gate.metric and matches(gate.where, one.where)]
    if gate.kind in {"value", "no_regression"}:
        yield from here
        return
    for estimate in here:
        reference = _reference(gate, estimate, estimates, record)
        if reference is not None and dict(reference.where) != dict(estimate.where):
            yield compared(estimate, reference, gate.kind)


def _reference(gate: Gate, estimate: Estimate, estimates: list[Estimate], record: AuditRecord) -> Estimate | None:
    """Find what a group is held against, among groups that cross the same features."""
    features = {key for key in estimate.where if key not in HOUSE_WORDS}
    rest = {key: level for key, level in estimate.where.items() if key in HOUSE_WORDS}
    alike = [one for one in estimates if one.metric == gate.metric and set(one.where) == set(estimate.where)]
    alike = [one for one in alike if {k: v for k, v in one.where.items() if k in HOUSE_WORDS} == rest]
    present = [one for one in alike if one.value is not None and (one.n or 0) >= gate.min_n]
    if isinstance(gate.reference, Mapping):
        wanted = {**rest, **gate.reference}
        return next((one for one in alike if dict(one.where) == wanted), None)
    if gate.reference == "overall":
        return next((one for one in estimates if one.metric == gate.metric and dict(one.where) == rest), None)
    if gate.reference == "most_favored":
        return max(present, key=lambda one: one.value or 0.0, default=None)
    sizes = {(group.feature, group.level): group.rows or 0 for group in record.data.groups}
    if len(features) == 1:
        feature = next(iter(features))
        return max(alike, key=lambda one: (sizes.get((feature, one.where[feature]), 0), one.n or 0), default=None)
    return max(present, key=lambda one: one.n or 0, default=None)


def compared(estimate: Estimate, reference: Estimate, kind: str) -> Estimate:
    """Subtract or divide two estimates of disjoint groups, each with its own interval (MOVER).

    Parameters
    ----------
    estimate, reference : Estimate
    kind : {"difference", "ratio"}

    Returns
    -------
    Estimate
        ``<metric>_difference`` or ``<metric>_ratio`` at the group's address.

    References
    ----------
    Newcombe 1998; Donner and Zou 2012.

    Examples
    --------
    >>> a = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=100, where={"sex": "f"})
    >>> b = Estimate(metric="recall", value=0.7, low=0.6, high=0.8, n=100, where={"sex": "m"})
    >>> str(compared(a, b, "difference"))
    '-0.200 [-0.341, -0.059]'
    """
    name, unit = f"{estimate.metric}_{kind}", kind
    for one in (estimate, reference):
        if one.value is None or one.low is None or one.high is None:
            reason = one.reason or "no interval"
            return replace(estimate, metric=name, value=None, low=None, high=None, unit=unit, reason=reason)
    a, b = _span(estimate), _span(reference)
    made = difference(a, b) if kind == "difference" else ratio(a, b)
    if made is None or not all(map(math.isfinite, made)):
        return replace(
            estimate, metric=name, value=None, low=None, high=None, unit=unit, reason="the reference group's value is 0"
        )
    method = f"MOVER of {estimate.method or 'intervals'}"
    return replace(estimate, metric=name, value=made.value, low=made.low, high=made.high, unit=unit, method=method)


def _span(estimate: Estimate) -> Span:
    assert estimate.value is not None and estimate.low is not None and estimate.high is not None  # noqa: S101, PT018
    return Span(estimate.value, estimate.low, estimate.high)


# --- how a number is decided ----------------------------------------------------------------------


def _draft(gate: Gate, estimate: Estimate, total: int) -> _Draft:
    where = estimate.where
    if estimate.value is None:
        return _Draft(gate=gate, where=where, estimate=estimate, settled="not_assessed", reason=estimate.reason)
    if estimate.n is not None and estimate.n < gate.min_n and estimate.method != "count":
        reason = f"{estimate.n} rows, fewer than {gate.min_n}"
        return _Draft(gate=gate, where=where, estimate=estimate, settled="not_assessed", reason=reason)
    if gate.min_share and total and (estimate.n or 0) < gate.min_share * total:
        reason = f"{estimate.n} of {total} rows, a share under {gate.min_share:g}"
        return _Draft(gate=gate, where=where, estimate=estimate, settled="not_assessed", reason=reason)
    if estimate.low is None or estimate.high is None:
        reason = estimate.reason or "the number has no interval"
        return _Draft(gate=gate, where=where, estimate=estimate, settled="inconclusive", reason=reason)
    return _Draft(gate=gate, where=where, estimate=estimate, p=_p_fail(gate, estimate))


def _limits(gate: Gate) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that hold."""
    if isinstance(gate.threshold, tuple):
        return gate.threshold
    if gate.op == ">=":
        return gate.threshold, None
    if gate.op == "<=":
        return None, gate.threshold
    return -gate.threshold, gate.threshold


def _p_fail(gate: Gate, estimate: Estimate) -> float:
    """Return the one-sided p-value of "the gate holds"."""
    least, most = _limits(gate)
    span, scale = _span(estimate), scale_of(estimate.unit)
    p_low = 1.0 if least is None else p_below(span, least, estimate.level, scale)
    p_high = 1.0 if most is None else p_above(span, most, estimate.level, scale)
    return min(p_low, p_high)


def _corrected(drafts: list[_Draft], policy: Policy) -> list[float | None]:
    """Adjust the p-values of each family; what is not decided by an interval takes no part."""
    adjusted: list[float | None] = [draft.p for draft in drafts]
    if policy.correction == "none":
        return adjusted
    families: dict[str, list[int]] = {}
    for position, draft in enumerate(drafts):
        if draft.p is not None and draft.estimate is not None and draft.estimate.method != "count":
            families.setdefault(draft.gate.family or draft.gate.id, []).append(position)
    for positions in families.values():
        for position, p in zip(positions, holm([drafts[k].p or 0.0 for k in positions]), strict=True):
            adjusted[position] = p
    return adjusted


def _verdict(draft: _Draft, p: float | None, policy: Policy) -> Verdict:
    gate, estimate = draft.gate, draft.estimate
    source = Source(file=policy.file, line=policy.lines.get(gate.id, 1)) if policy.file else None
    blank = Verdict(gate=gate.id, where=draft.where, outcome="not_assessed", severity=gate.severity, source=source)
    if draft.settled is not None or estimate is None or p is None:
        outcome = draft.settled or "not_assessed"
        return replace(
            blank, outcome=outcome, estimate=estimate, message=draft.reason, next_step=_next(outcome, gate, None)
        )
    outcome = _decided(gate, estimate, p)
    needed = _rows_needed(gate, estimate) if outcome == "inconclusive" else None
    return replace(
        blank,
        outcome=outcome,
        estimate=estimate,
        p_adjusted=p,
        n_needed=needed,
        detectable=_detectable(gate, estimate),
        message=_message(outcome, gate, estimate),
        next_step=_next(outcome, gate, needed),
    )


def _decided(gate: Gate, estimate: Estimate, p: float) -> VerdictOutcome:
    least, most = _limits(gate)
    span = _span(estimate)
    slack = 1e-12
    if (least is None or span.low >= least - slack) and (most is None or span.high <= most + slack):
        return "pass"
    return "fail" if p < (1 - estimate.level) / 2 else "inconclusive"


def _nearest_limit(gate: Gate, estimate: Estimate) -> float:
    limits = [limit for limit in _limits(gate) if limit is not None]
    return min(limits, key=lambda limit: abs(limit - (estimate.value or 0.0)))


def _rows_needed(gate: Gate, estimate: Estimate) -> int | None:
    """Return the rows that would settle the verdict if the estimate holds; ``None`` if it stands at the limit."""
    if not estimate.n or estimate.value is None:
        return None
    limit, span = _nearest_limit(gate, estimate), _span(estimate)
    half = span.high - span.value if limit > span.value else span.value - span.low
    gap = abs(limit - span.value)
    if gap < 1e-3 * max(half, 1e-12) or not math.isfinite(estimate.n * (half / gap) ** 2):
        return None
    return max(estimate.n + 1, math.ceil(estimate.n * (half / gap) ** 2))


def _detectable(gate: Gate, estimate: Estimate) -> float | None:
    """Return the smallest shortfall that would have been found in four audits of five."""
    if estimate.method == "count":
        return None
    span, z = _span(estimate), z_value(estimate.level)
    half = span.value - span.low if gate.op == "<=" else span.high - span.value
    return round(half / z * (z + POWER), 6)


def _message(outcome: VerdictOutcome, gate: Gate, estimate: Estimate) -> str:
    rule = f"{gate.op} {gate.threshold:g}" if isinstance(gate.threshold, float) else f"within {list(gate.threshold)}"
    number = f"{estimate.metric} is {estimate}"
    told = {
        "pass": f"{number}; the gate asks {rule}",
        "fail": f"{number}, past the gate's {rule}",
        "inconclusive": f"{number}, which cannot be told from the gate's {rule}",
    }
    return told[outcome]


def _next(outcome: VerdictOutcome, gate: Gate, needed: int | None) -> str:
    if outcome == "fail":
        return gate.remedy
    if outcome == "inconclusive" and needed is not None:
        return f"About {needed:,} rows of this kind would settle it, if the estimate holds."
    if outcome == "inconclusive":
        return "The estimate stands at the threshold: more rows may not settle it; look at the remedy of the rule."
    return ""


# --- waivers --------------------------------------------------------------------------------------


def _covers(waiver: Waiver, verdict: Verdict) -> bool:
    return waiver.gate == verdict.gate and all(verdict.where.get(key) == level for key, level in waiver.where.items())


def _waived(verdict: Verdict, policy: Policy, day: datetime.date) -> Verdict:
    """Let an active waiver stand for a failure, unless its end or its limit is passed."""
    waiver = next((one for one in policy.waivers if _covers(one, verdict)), None)
    if waiver is None or verdict.outcome not in {"fail", "inconclusive"}:
        return verdict
    who = f"waiver of {waiver.owner} until {waiver.expires}: {waiver.reason}"
    if datetime.date.fromisoformat(waiver.expires) < day:
        return replace(verdict, message=f"{verdict.message}; the {who} has expired")
    if waiver.limit is not None and verdict.estimate is not None and _worse(verdict, waiver.limit, policy):
        return replace(verdict, message=f"{verdict.message}; worse than the limit {waiver.limit:g} of the {who}")
    return replace(verdict, outcome="waived", message=f"{verdict.message}; {who}")


def _worse(verdict: Verdict, limit: float, policy: Policy) -> bool:
    gate = next(gate for gate in policy.gates if gate.id == verdict.gate)
    value = (verdict.estimate.value if verdict.estimate else None) or 0.0
    if gate.op == ">=":
        return value < limit
    if gate.op == "<=":
        return value > limit
    return abs(value) > abs(limit)


def _unused(waiver: Waiver, verdicts: Iterable[Verdict]) -> str:
    covered = [verdict for verdict in verdicts if _covers(waiver, verdict)]
    if any(verdict.outcome in {"waived", "fail", "inconclusive"} for verdict in covered):
        return ""
    return f"waiver of {waiver.gate} by {waiver.owner} is not used: nothing it covers fails; delete it"
