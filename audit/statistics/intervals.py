"""From a number and how sure it is to an interval, and from intervals to other intervals.

Closed forms only, on plain floats. A :class:`Span` is a value with its two limits; differences, sums
and ratios of spans keep the skewness of each part (method of variance estimates recovery, MOVER).
numpy and scipy are imported by the functions that need them, so that judging a saved record costs
neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, NamedTuple

Scale = Literal["identity", "proportion", "log"]
Transform = Literal["identity", "log", "logit", "fisher"]
_NORMAL = NormalDist()


class Interval(NamedTuple):
    """Two limits and how they were made."""

    low: float
    high: float
    method: str


class Span(NamedTuple):
    """A value with its two limits."""

    value: float
    low: float
    high: float

    def standard_error(self, level: float = 0.95) -> float:
        """Return the standard error of which the limits lie on both sides, as those of a normal interval do.

        Examples
        --------
        >>> round(Span(0.0, -1.96, 1.96).standard_error(), 3)
        1.0
        """
        return (self.high - self.low) / (2 * z_value(level))


@lru_cache(maxsize=256)
def z_value(level: float) -> float:
    """Return the normal quantile of a two-sided `level` between 0 and 1.

    Examples
    --------
    >>> round(z_value(0.95), 4)
    1.96
    """
    return _NORMAL.inv_cdf(0.5 + level / 2)


@lru_cache(maxsize=4096)
def t_value(level: float, degrees: float) -> float:
    """Return Student's quantile of a two-sided `level` at `degrees` of freedom (at least 1 is used).

    Examples
    --------
    >>> round(t_value(0.95, 9), 3)
    2.262
    """
    if degrees > 1e5:
        return z_value(level)
    from scipy.special import stdtrit

    return float(stdtrit(max(degrees, 1.0), 0.5 + level / 2))


def around(value: float, low: float, high: float, method: str) -> Interval:
    """Make an interval that holds its own value in spite of rounding."""
    return Interval(min(low, value), max(high, value), method)


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the score interval of a proportion (Wilson 1927; Newcombe 1998a, method 3).

    Parameters
    ----------
    successes, n : float
        Counts, or effective counts where rows are weighted or clustered.
    level : float
        Two-sided level.

    Raises
    ------
    ValueError
        If `n` is not positive or `successes` is outside [0, n].

    Examples
    --------
    >>> low, high, _ = wilson(81, 263)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if not (n > 0 and -1e-9 <= successes <= n * (1 + 1e-9)):
        raise ValueError(f"{successes} successes of {n}; expected 0 <= successes <= n and n > 0")
    share = min(max(successes / n, 0.0), 1.0)
    z2 = z_value(level) ** 2
    center = share + z2 / (2 * n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    scale = 1 + z2 / n
    low = 0.0 if share == 0 else max(0.0, (center - half) / scale)
    high = 1.0 if share == 1 else min(1.0, (center + half) / scale)
    return around(share, low, high, "wilson")


def bounded_interval(
    value: float, variance: float, *, level: float, degrees: float = math.inf, low: float = 0.0, high: float = 1.0
) -> Interval:
    """Return a score interval of a number that lives in [low, high], from its variance.

    The number is mapped to [0, 1] and given the effective number of rows that would make its
    variance a proportion's (Korn and Graubard 1998); few degrees of freedom shrink that number.

    Examples
    --------
    >>> bounded_interval(0.3, 0.3 * 0.7 / 50, level=0.95)[:2] == wilson(15, 50)[:2]
    True
    """
    width = high - low
    share = (value - low) / width
    if not (0 < share < 1 and variance > 0):
        raise ValueError(f"value {value} with variance {variance}; expected a value inside ({low}, {high})")
    effective = share * (1 - share) * width**2 / variance
    effective *= (z_value(level) / t_value(level, degrees)) ** 2
    limits = wilson(share * effective, effective, level)
    return around(value, low + width * limits.low, low + width * limits.high, "score, effective n")


def on_scale(
    value: float, error: float, *, level: float, degrees: float = math.inf, transform: Transform = "identity"
) -> Interval:
    """Return value ± t · standard error, taken on a scale on which it is nearly symmetric.

    Parameters
    ----------
    value, error : float
        The number and its standard error, on its own scale (delta method).
    transform : {"identity", "log", "logit", "fisher"}
        ``log`` for positive numbers, ``logit`` inside (0, 1), ``fisher`` (atanh) inside (-1, 1).

    Examples
    --------
    >>> [round(limit, 3) for limit in on_scale(0.9, 0.05, level=0.95, transform="logit")[:2]]
    [0.752, 0.964]
    """
    reach = t_value(level, degrees) * error
    if transform == "log":
        factor = math.exp(min(reach / value, 700.0))
        return around(value, value / factor, value * factor, "log scale")
    if transform == "logit":
        center, reach = math.log(value / (1 - value)), reach / (value * (1 - value))
        return around(value, _expit(center - reach), _expit(center + reach), "logit scale")
    if transform == "fisher":
        center, reach = math.atanh(value), reach / (1 - value * value)
        return around(value, math.tanh(center - reach), math.tanh(center + reach), "fisher scale")
    return around(value, value - reach, value + reach, "t")


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


# --- from intervals to intervals ------------------------------------------------------------------


def difference(a: Span, b: Span) -> Span:
    """Return a − b for independent parts (MOVER; with Wilson limits Newcombe 1998b, method 10).

    Examples
    --------
    >>> first, second = wilson(56, 70), wilson(48, 80)
    >>> gap = difference(Span(0.8, *first[:2]), Span(0.6, *second[:2]))
    >>> round(gap.low, 4), round(gap.high, 4)
    (0.0524, 0.3339)
    """
    return linear((1.0, -1.0), (a, b))


def linear(coefficients: Sequence[float], spans: Sequence[Span]) -> Span:
    """Return the weighted sum of independent parts (MOVER; Zou and Donner 2008).

    Examples
    --------
    >>> mean = linear((0.5, 0.5), (Span(0.9, 0.8, 0.95), Span(0.7, 0.6, 0.8)))
    >>> round(mean.value, 2), round(mean.low, 3), round(mean.high, 3)
    (0.8, 0.729, 0.856)
    """
    value = math.fsum(c * span.value for c, span in zip(coefficients, spans, strict=True))
    below = above = 0.0
    for c, span in zip(coefficients, spans, strict=True):
        down, up = c * (span.value - span.low), c * (span.high - span.value)
        below += (down if c >= 0 else up) ** 2
        above += (up if c >= 0 else down) ** 2
    return Span(value, value - math.sqrt(below), value + math.sqrt(above))


def ratio(a: Span, b: Span) -> Span | None:
    """Return a / b for independent parts that cannot be negative (MOVER-R; Donner and Zou 2012, eq. 10).

    A numerator of zero has the lower limit 0 and a finite upper one. Returns ``None`` where the
    denominator is zero, or its interval reaches zero, so that the ratio has no upper limit.

    Examples
    --------
    >>> share = ratio(Span(0.6, *wilson(48, 80)[:2]), Span(0.8, *wilson(56, 70)[:2]))
    >>> [round(number, 3) for number in share]
    [0.75, 0.601, 0.927]
    """
    squeezed = b.low * (2 * b.value - b.low)
    if b.value <= 0 or squeezed <= 0:
        return None
    product = a.value * b.value
    if a.value <= 0:
        return Span(0.0, 0.0, max(a.high, 0.0) / math.sqrt(squeezed))
    floor = a.low * (2 * a.value - a.low)
    wide = b.high * (2 * b.value - b.high)
    low = floor / (product + math.sqrt(max(product**2 - floor * wide, 0.0)))
    ceiling = a.high * (2 * a.value - a.high)
    high = (product + math.sqrt(max(product**2 - ceiling * squeezed, 0.0))) / squeezed
    value = a.value / b.value
    return Span(value, min(max(low, 0.0), value), max(high, value))


def at_level(span: Span, level: float, wanted: float, scale: Scale = "identity") -> Span:
    """Return the span at another level, as the implied spread on `scale` has it.

    For Wilson's interval and ``scale="proportion"`` this is exact.

    Examples
    --------
    >>> wide = at_level(Span(0.3, *wilson(15, 50)[:2]), 0.95, 0.99, "proportion")
    >>> abs(wide.low - wilson(15, 50, 0.99).low) < 1e-12
    True
    """
    z, other = z_value(level), z_value(wanted)
    low, high = (_move(span.value, limit, z, other, scale) for limit in (span.low, span.high))
    return Span(span.value, min(low, span.value), max(high, span.value))


def _move(value: float, limit: float, z: float, other: float, scale: Scale) -> float:
    if limit == value:
        return value
    if scale == "proportion" and 0 < limit < 1:
        n = z * z * limit * (1 - limit) / (limit - value) ** 2
        limits = wilson(value * n, n, 2 * _NORMAL.cdf(other) - 1)
        return limits.low if limit < value else limits.high
    if scale == "log" and value > 0 and limit > 0:
        return value * math.exp(math.log(limit / value) * other / z)
    return value + (limit - value) * other / z


# --- p-values -------------------------------------------------------------------------------------


def scale_of(unit: str) -> Scale:
    """Return the scale on which a unit's spread is read off: ``proportion``, ``log`` for ratios, else identity."""
    scales: dict[str, Scale] = {"proportion": "proportion", "ratio": "log"}
    return scales.get(unit, "identity")


def p_below(span: Span, threshold: float, level: float = 0.95, scale: Scale = "identity") -> float:
    """Return the one-sided p-value of "the true value is at least `threshold`".

    The interval is inverted, so that p < (1 − level) / 2 exactly where ``span.high < threshold``.

    Parameters
    ----------
    span : Span
        Value and limits at `level`.
    threshold : float
        On the scale of the value.
    scale : {"identity", "proportion", "log"}
        ``proportion``: score scale, right at 0 and 1; ``log`` for ratios.

    Examples
    --------
    >>> span = Span(0.6, *wilson(60, 100)[:2])
    >>> round(p_below(span, 0.7, scale="proportion"), 4)
    0.0145
    >>> round(p_below(span, span.high, scale="proportion"), 6)
    0.025
    """
    if threshold == span.value:
        return 1.0 if span.low == span.high else 0.5
    limit = span.high if threshold > span.value else span.low
    return _NORMAL.cdf(-_distance(span.value, limit, threshold, z_value(level), scale))


def p_above(span: Span, threshold: float, level: float = 0.95, scale: Scale = "identity") -> float:
    """Return the one-sided p-value of "the true value is at most `threshold`", as :func:`p_below` does.

    Examples
    --------
    >>> round(p_above(Span(0.6, *wilson(60, 100)[:2]), 0.5, scale="proportion"), 4)
    0.0228
    """
    if threshold == span.value:
        return 1.0 if span.low == span.high else 0.5
    limit = span.high if threshold > span.value else span.low
    return _NORMAL.cdf(_distance(span.value, limit, threshold, z_value(level), scale))


def _distance(value: float, limit: float, threshold: float, z: float, scale: Scale) -> float:
    """Return how many standard errors `threshold` lies above `value`."""
    sign = 1.0 if threshold > value else -1.0
    if limit == value:
        return sign * math.inf
    if scale == "proportion" and 0 <= limit <= 1:
        if not 0 < threshold < 1:
            return sign * math.inf
        n = z * z * limit * (1 - limit) / (limit - value) ** 2
        return (threshold - value) * math.sqrt(n / (threshold * (1 - threshold)))
    if scale == "log" and value > 0 and limit > 0:
        return z * math.log(threshold / value) / abs(math.log(limit / value)) if threshold > 0 else -math.inf
    return z * (threshold - value) / abs(limit - value)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values so that the chance of any false rejection keeps its level (Holm 1979).

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return tuple(adjusted)


def weighted_holm(p_values: Sequence[float], weights: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values by Holm's method where some hypotheses matter more than others (Holm 1979, section 4).

    Parameters
    ----------
    p_values : sequence of float
    weights : sequence of float
        Above 0; equal weights give :func:`holm`.

    Examples
    --------
    >>> [round(p, 3) for p in weighted_holm([0.01, 0.04, 0.03], [1, 1, 1])]
    [0.03, 0.06, 0.06]
    >>> [round(p, 4) for p in weighted_holm([0.02, 0.01], [0.8, 0.2])]
    [0.025, 0.025]
    """
    adjusted = [0.0] * len(p_values)
    highest, left = 0.0, float(sum(weights))
    for position in sorted(range(len(p_values)), key=lambda place: p_values[place] / weights[place]):
        highest = max(highest, min(1.0, left / weights[position] * p_values[position]))
        adjusted[position] = highest
        left -= weights[position]
    return tuple(adjusted)


# --- repeated fits --------------------------------------------------------------------------------


def corrected_resampled(scores: Sequence[float], test_share: float, level: float = 0.95) -> Span | None:
    """Return the mean score over folds with the corrected resampled t interval.

    Folds share training rows, so the naive variance of their mean is too small; it is multiplied by
    ``1 + k · test_share / (1 − test_share)`` (Nadeau and Bengio 2003, eq. 9; Bouckaert and Frank 2004).

    Parameters
    ----------
    scores : sequence of float
        One score, or one paired difference, a fold and repetition.
    test_share : float
        Rows of the test part over all rows, in (0, 1): 0.2 in five-fold cross-validation.

    Returns
    -------
    Span or None
        ``None`` for fewer than two scores.

    Examples
    --------
    >>> [round(number, 3) for number in corrected_resampled([0.8, 0.82, 0.78, 0.81, 0.79], 0.2)]
    [0.8, 0.771, 0.829]
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share}; expected a share between 0 and 1")
    k = len(scores)
    if k < 2:
        return None
    mean = math.fsum(scores) / k
    variance = math.fsum((score - mean) ** 2 for score in scores) / (k - 1)
    error = math.sqrt(variance * (1 / k + test_share / (1 - test_share)))
    low, high, _ = on_scale(mean, error, level=level, degrees=k - 1)
    return Span(mean, low, high)
