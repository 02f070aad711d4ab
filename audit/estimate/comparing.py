"""A group compared with a reference group: one implementation for checks and gates.

Groups share no rows, so an interval of their difference or ratio follows in closed form from their own
(MOVER), whatever the metric.
"""

from __future__ import annotations

import math
from dataclasses import replace

from audit.statistics.intervals import Span, at_level, difference, ratio, scale_of
from reports.record import HOUSE_WORDS, Estimate


def span_of(estimate: Estimate) -> Span | None:
    """Return value and limits of an estimate, or ``None`` where there is no interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Span(estimate.value, estimate.low, estimate.high)


def at_confidence(estimate: Estimate, confidence: float) -> Estimate:
    """Return the estimate with its interval at another confidence, such as a policy's.

    Examples
    --------
    >>> mean = Estimate(metric="m", value=0.5, low=0.4, high=0.6, method="t")
    >>> str(at_confidence(mean, 0.99)), at_confidence(mean, 0.95) is mean
    ('0.500 [0.369, 0.631]', True)
    """
    span = span_of(estimate)
    if span is None or estimate.method == "count" or abs(estimate.level - confidence) < 1e-9:
        return estimate
    interval = at_level(span, estimate.level, confidence, scale_of(estimate.unit))
    method = f"{estimate.method}, from its {estimate.level:g} interval"
    return replace(estimate, low=interval.low, high=interval.high, level=confidence, method=method)


def gain(difference: Estimate, better: str, metric: str) -> Estimate:
    """Return a difference under another name, with its sign changed where lower is better, so that more is better.

    Examples
    --------
    >>> difference = Estimate(metric="error_rate_difference", value=0.02, low=0.01, high=0.04)
    >>> str(gain(difference, "lower", "error_rate_gain")), gain(difference, "higher", "other").metric
    ('-0.020 [-0.040, -0.010]', 'other')
    """
    return replace(difference.affine(-1.0) if better == "lower" else difference, metric=metric)


def compare_estimates(estimate: Estimate, reference: Estimate | None, kind: str, *, min_n: int = 0) -> Estimate:
    """Subtract or divide two estimates of disjoint groups, each with its own interval (MOVER).

    Compared with the whole, of which the group is a part, the interval is wider than it needs to be.

    Parameters
    ----------
    estimate : Estimate
    reference : Estimate or None
        ``None`` where the reference was not measured.
    kind : {"difference", "ratio"}
    min_n : int
        A reference of fewer rows gives a value without an interval, which no gate passes or fails.

    Returns
    -------
    Estimate
        ``<metric>_difference`` or ``<metric>_ratio`` at the group's address. Without an interval, and with the
        reason, where a part has none, or where the reference may be 0, so that a ratio has no limit.

    References
    ----------
    Newcombe 1998; Donner and Zou 2012.

    Examples
    --------
    >>> a = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=100, where={"sex": "f"})
    >>> b = Estimate(metric="recall", value=0.7, low=0.6, high=0.8, n=100, where={"sex": "m"})
    >>> str(compare_estimates(a, b, "difference"))
    '-0.200 [-0.341, -0.059]'
    >>> small = compare_estimates(a, b, "difference", min_n=200)
    >>> str(small), small.reason
    ('-0.200', "the reference group 'm' has 100 rows, fewer than 200")
    """
    if estimate.value is None:
        return without_value(estimate, kind, estimate.reason)
    if reference is None:
        return without_value(estimate, kind, "the reference group was not measured")
    if reference.value is None:
        return without_value(estimate, kind, f"the reference group has no value: {reference.reason}")
    if kind == "ratio" and (reference.value <= 0 or estimate.value < 0):
        return without_value(estimate, kind, "a ratio needs a reference group with a rate above 0")
    value = bare(estimate.value, reference.value, kind)
    if reference.n is not None and reference.n < min_n:
        return with_value(estimate, kind, value, reason=f"the reference group {too_few(reference, min_n)}")
    a, b = span_of(estimate), span_of(reference)
    if a is None or b is None:
        return with_value(estimate, kind, value, reason=estimate.reason or reference.reason or "no interval")
    span = difference(a, b) if kind == "difference" else ratio(a, b)
    if span is None:
        reason = "the rate of the reference group cannot be distinguished from 0, so the ratio has no interval"
        return with_value(estimate, kind, value, reason=reason)
    method = "mover" if kind == "difference" else "mover ratio"
    return with_value(estimate, kind, span, method=f"{method} of {estimate.method or 'given'}")


def too_few(estimate: Estimate, min_n: float) -> str:
    """Say that a group has too few rows to be the reference."""
    features = {key: level for key, level in estimate.where.items() if key not in HOUSE_WORDS}
    named = ", ".join(f"{level!r}" for level in features.values()) or estimate.address
    return f"{named} has {estimate.n} rows, fewer than {math.ceil(min_n)}"


def bare(value: float, reference: float, kind: str) -> Span:
    """Compare two values without an interval."""
    number = value - reference if kind == "difference" else value / reference
    return Span(number, number, number)


def with_value(estimate: Estimate, kind: str, span: Span, *, method: str = "", reason: str = "") -> Estimate:
    """Write a comparison at the group's address; without a method it has no interval, and the reason says why."""
    low, high = (span.low, span.high) if method else (None, None)
    return replace(
        without_value(estimate, kind, ""), value=span.value, low=low, high=high, method=method, reason=reason
    )


def without_value(estimate: Estimate, kind: str, reason: str) -> Estimate:
    """Write at the group's address why it is not compared."""
    own = kind == "difference" and estimate.unit not in {"proportion", "score", "difference", ""}
    return Estimate(
        metric=f"{estimate.metric}_{kind}",
        value=None,
        level=estimate.level,
        n=estimate.n,
        where=estimate.where,
        unit=estimate.unit if own else kind,
        reason=reason or "not measured",
    )
