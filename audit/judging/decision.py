"""How one number is decided against one gate: the limits, the p-value, and what more rows would tell."""

from __future__ import annotations

import math

from audit.errors import PolicyError, quote
from audit.estimate.comparing import span_of
from audit.estimate.making import as_exact
from audit.policy.limits import limits
from audit.statistics.intervals import Span, p_above, p_below, scale_of, z_value
from reports.record import Estimate, Gate, VerdictOutcome

POWER = 0.8416212335729143
"""Normal quantile of 80 % power."""
SLACK = 1e-12
"""Rounding that a limit forgives."""


def require_possible(gate: Gate, estimate: Estimate) -> None:
    """Refuse limits that no proportion can meet, or that every proportion meets: percent were meant.

    Raises
    ------
    PolicyError
        Naming the number and what it would be as a proportion.
    """
    if estimate.unit != "proportion" or gate.kind != "value":
        return
    for limit in limits(gate):
        if limit is not None and not -1 <= limit <= 1:
            raise PolicyError(
                f"gate {quote(gate.id)} holds {quote(gate.metric)} {gate.op} {limit:g}; it is a proportion between "
                f"0 and 1.{f' Did you mean {limit / 100:g}?' if 1 < limit <= 100 else ''}"
            )


def is_exact(gate: Gate, estimate: Estimate) -> bool:
    """Tell whether the number alone decides: a fact about the rows at hand, or a gate that asks for no more."""
    return estimate.method == "count" or gate.decided == "count" or gate.decide == "point"


def p_failing(gate: Gate, estimate: Estimate) -> float | None:
    """Return the one-sided p-value of "the gate holds"; ``None`` for an exact number or one without interval."""
    span = span_of(estimate)
    if span is None or is_exact(gate, estimate):
        return None
    least, most = limits(gate)
    scale = scale_of(estimate.unit)
    p_low = 1.0 if least is None else p_below(span, least, estimate.level, scale)
    p_high = 1.0 if most is None else p_above(span, most, estimate.level, scale)
    return min(p_low, p_high)


def decide(gate: Gate, estimate: Estimate, p_adjusted: float | None) -> VerdictOutcome:
    """Decide: pass if the whole interval holds, fail if that is shown after correction, else inconclusive.

    An exact count is decided on the point, and so is every number of a gate that asks for it.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op=">=", threshold=0.5)
    >>> made = Estimate(metric="m", value=0.55, low=0.45, high=0.65)
    >>> above = Estimate(metric="m", value=0.55, low=0.51, high=0.65)
    >>> decide(gate, made, 0.8), decide(gate, above, 0.99)
    ('inconclusive', 'pass')
    """
    span, exact = span_of(estimate), is_exact(gate, estimate)
    if exact and estimate.value is not None:
        span = Span(estimate.value, estimate.value, estimate.value)
    if span is None:
        return "inconclusive"
    least, most = limits(gate)
    if (least is None or span.low >= least - SLACK) and (most is None or span.high <= most + SLACK):
        return "pass"
    if exact:
        return "fail"
    return "fail" if p_adjusted is not None and p_adjusted < (1 - estimate.level) / 2 else "inconclusive"


def rows_needed(gate: Gate, estimate: Estimate, p: float | None, p_adjusted: float | None) -> int | None:
    """Return the rows needed to settle the verdict if the estimate holds; ``None`` if it stands at the limit.

    Half widths fall with the square root of the rows, and so does the normal quantile of a p-value rise: a failure
    must be shown after correction, which is what its p-value at hand still lacks.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op=">=", threshold=0.5)
    >>> rows_needed(gate, Estimate(metric="m", value=0.55, low=0.45, high=0.65, n=100), 0.8, 0.8)
    400
    >>> past = Estimate(metric="m", value=0.3, low=0.15, high=0.48, n=100)
    >>> rows_needed(gate, past, 0.0139, 0.0278), rows_needed(gate, past, 0.0139, 0.139)
    (104, 163)
    """
    span = span_of(estimate)
    if span is None or not estimate.n:
        return None
    limit = _nearest_limit(gate, span.value)
    violated = decide(gate, as_exact(estimate), None) == "fail"
    if violated and p and p_adjusted and 0 < p <= p_adjusted and p < 0.5:
        asked = z_value(1 - (1 - estimate.level) * p / p_adjusted)
        return max(estimate.n + 1, math.ceil(estimate.n * (asked / z_value(1 - 2 * p)) ** 2))
    half = span.high - span.value if limit > span.value else span.value - span.low
    gap = abs(limit - span.value)
    rows = estimate.n * (half / gap) ** 2 if gap > 1e-3 * max(half, SLACK) else math.inf
    return max(estimate.n + 1, math.ceil(rows)) if math.isfinite(rows) else None


def _nearest_limit(gate: Gate, value: float) -> float:
    return min((limit for limit in limits(gate) if limit is not None), key=lambda limit: abs(limit - value))


def detectable(gate: Gate, estimate: Estimate, tests: float = 1) -> float | None:
    """Return the smallest distance past the limit that is found in four audits of five, on the value's own scale.

    A failure among several numbers of a family must hold after Holm's correction, so the distance is that
    of a number that is alone in failing. Ratios spread on the log scale, from the threshold on.

    Parameters
    ----------
    gate : Gate
    estimate : Estimate
    tests : float
        Numbers of the family that are decided by an interval, this one counted in; weighted where they are.

    Examples
    --------
    >>> gate = Gate(id="g", title="", check="", metric="m", op=">=", threshold=0.5)
    >>> made = Estimate(metric="m", value=0.5, low=0.4, high=0.6)
    >>> detectable(gate, made), detectable(gate, made, 10)
    (0.142941, 0.186159)
    """
    span = span_of(estimate)
    if span is None or is_exact(gate, estimate):
        return None
    above = gate.op == "<=" or (gate.op != ">=" and span.value > 0)
    limit = _nearest_limit(gate, span.value)
    steps = (z_value(1 - (1 - estimate.level) / max(tests, 1)) + POWER) / z_value(estimate.level)
    if scale_of(estimate.unit) == "log" and min(span.low, limit) > 0:
        reach = min(math.log(span.value / span.low if above else span.high / span.value) * steps, 700.0)
        return round(limit * (math.expm1(reach) if above else -math.expm1(-reach)), 6)
    return round((span.value - span.low if above else span.high - span.value) * steps, 6)
