"""A verdict in plain English: the sentence that reports tell of its number, what the rows can say of it, the limit."""

from __future__ import annotations

import math

from audit.estimate.comparing import span_of
from audit.estimate.rates import RATES
from audit.policy.limits import limits
from audit.statistics.intervals import p_above, p_below, scale_of
from reports.lookup import Estimates
from reports.phrases import NEARLY
from reports.record import AuditRecord, Estimate, Gate, Verdict, VerdictOutcome
from reports.sentences import limit_words, met_words, verdict_words

BEYOND_REACH = 20
"""More than this many times the rows at hand are not asked for."""
CLOSE = 0.25
"""Half an interval of at most this share of the limit is practically at it."""


def message(record: AuditRecord, known: Estimates, verdict: Verdict, gate: Gate, *, tests: float = 1) -> str:
    """Say in a sentence what was found, what these rows can say of it, and what the limit is.

    Parameters
    ----------
    record : AuditRecord
        Whose findings hold what stands beside the number, such as the rates behind a gap.
    known : Estimates
        Of that record.
    verdict : Verdict
        With outcome and estimate.
    gate : Gate
    tests : float
        Numbers of the family that are decided by an interval, weighted where they are.
    """
    estimate = verdict.estimate
    if estimate is None:
        return verdict.message
    still_known = _open(gate, estimate, tests) if verdict.outcome == "inconclusive" else ""
    by_number = "by the number alone" if gate.decide == "point" and verdict.outcome in ("pass", "fail") else ""
    is_met = verdict.outcome == "pass"
    number = met_words(record, known, verdict, gate) if is_met else verdict_words(record, known, verdict)
    parts = (number, still_known, limit_words(record, verdict, gate), by_number)
    return "; ".join(part for part in parts if part)


def _open(gate: Gate, estimate: Estimate, tests: float) -> str:
    """Say what is known although the verdict is open."""
    span = span_of(estimate)
    if span is None:
        return f"there is no interval ({estimate.reason or 'none was made'})"
    least, most = limits(gate)
    if (least is not None and span.high < least) or (most is not None and span.low > most):
        return "the interval lies past the limit, but no longer after correction for the number of comparisons"
    if gate.op == "abs<=" and _is_shown(estimate, tests):
        low, high = sorted(abs(end) for end in (span.low, span.high))
        ends = f"{_plain(low, estimate)} and {_plain(high, estimate)}{_unit(estimate)}"
        return f"a gap is shown (chance ruled out), its size is between {ends}"
    return estimate.reason or "these rows do not show on which side of the limit it lies"


def _is_shown(estimate: Estimate, tests: float) -> bool:
    """Tell whether a gap of 0 is ruled out, after Bonferroni's correction over the family."""
    span = span_of(estimate)
    if span is None or not span.low <= span.value <= span.high or span.low * span.high <= 0:
        return False
    scale = scale_of(estimate.unit)
    p = min(p_below(span, 0.0, estimate.level, scale), p_above(span, 0.0, estimate.level, scale))
    return p * max(tests, 1) < (1 - estimate.level) / 2


def _is_gap_of_rates(estimate: Estimate) -> bool:
    from audit.estimate.metrics import METRICS

    base = estimate.metric.removesuffix("_difference").removesuffix("_gain")
    if base == estimate.metric or estimate.unit != "difference":
        return estimate.metric in METRICS and METRICS[estimate.metric].unit == "difference"
    return base in RATES or base.endswith("_share")


def _unit(estimate: Estimate) -> str:
    return " points" if _is_gap_of_rates(estimate) else ""


def _plain(value: float, estimate: Estimate) -> str:
    return f"{100 * value:.1f}" if _is_gap_of_rates(estimate) else f"{value:.3f}"


# --- what to do -----------------------------------------------------------------------------------


def within_reach(needed: int | None, estimate: Estimate) -> int | None:
    """Return the rows needed to settle a verdict, unless nobody can be asked to collect so many.

    Examples
    --------
    >>> gap = Estimate(metric="m", value=0.1, n=100)
    >>> within_reach(2000, gap), within_reach(2001, gap)
    (2000, None)
    """
    return needed if needed is not None and needed <= BEYOND_REACH * (estimate.n or 0) else None


def next_step(outcome: VerdictOutcome, gate: Gate, estimate: Estimate, needed: int | None) -> str:
    """Say what to do about an outcome.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op=">=", threshold=0.8)
    >>> next_step("inconclusive", gate, Estimate(metric="m", value=0.8, low=0.79, high=0.81, n=9000), None)
    'Practically at the threshold; more rows will not help.'
    >>> next_step("inconclusive", gate, Estimate(metric="m", value=0.8, low=0.3, high=0.99, n=12), None)
    'These rows cannot tell; the interval reaches far to both sides of the limit.'
    """
    if outcome == "fail":
        return gate.remedy
    if outcome != "inconclusive":
        return ""
    if needed is not None and estimate.n is not None:
        rows = "A few more rows" if needed <= NEARLY * estimate.n else f"About {needed:,} rows"
        return f"{rows} of this kind would be needed for an answer ({estimate.n:,} here), if the estimate holds."
    span = span_of(estimate)
    if span is None:
        return "These rows cannot tell: the number has no interval."
    known = [limit for limit in limits(gate) if limit is not None]
    nearest = min((abs(limit) for limit in known), default=math.inf)
    if max(span.high - span.value, span.value - span.low) <= CLOSE * nearest:
        return "Practically at the threshold; more rows will not help."
    return "These rows cannot tell; the interval reaches far to both sides of the limit."
