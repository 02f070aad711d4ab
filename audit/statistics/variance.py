"""How much a number would vary over new rows: linearization, weights, clusters.

A smooth statistic moves, to first order, by the mean of its rows' influence values (Hampel 1974), so
its variance is that of a weighted mean. Rows of one cluster are added up before they are squared, and
each cluster's part is inflated by its own share (the jackknife form, CR3: Bell and McCaffrey 2002),
which keeps few or unequal clusters from looking surer than they are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.statistics.intervals import Span, on_scale

Array = npt.NDArray[np.float64]


class Undefined(Exception):  # noqa: N818 -- a signal: this number does not exist on these rows
    """A statistic that does not exist on these rows; the text says why."""


class Measured(NamedTuple):
    """A number with its interval and the rows behind it, or the reason why it does not exist."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    n: int | None = None
    reason: str = ""


STILL = "these rows show no variation, so there is no interval"


def measured_within(value: float, limits: tuple[float, float, str] | None, n: int) -> Measured:
    """Return a number within its limits; with the reason where there are none, or none that end.

    Examples
    --------
    >>> measured_within(0.5, (0.4, 0.6, "wilson"), 90).high, measured_within(0.5, None, 90).reason
    (0.6, 'these rows show no variation, so there is no interval')
    """
    if limits is None or not (math.isfinite(limits[0]) and math.isfinite(limits[1])):
        return Measured(value, n=n, reason=STILL)
    return Measured(value, *limits, n)


class Linear(NamedTuple):
    """A statistic with the influence of each row on it.

    ``value`` moves by ``sum(share * influence)`` when rows are weighted by small changes of their
    share; influence values have a weighted mean of 0.
    """

    value: float
    influence: Array


class Variance(NamedTuple):
    """Variance of a statistic and the degrees of freedom it was estimated with."""

    value: float
    degrees: float


def effective_n(weight: npt.NDArray[np.floating], squares: npt.NDArray[np.floating] | None = None) -> float:
    """Return the number of equal rows with the same variance of a mean (Kish 1965); 0 without weight.

    Parameters
    ----------
    weight : ndarray of shape (n,)
    squares : ndarray of shape (n,), optional
        Sums of squared weights, where `weight` holds sums of weights and not single rows.

    Examples
    --------
    >>> effective_n(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    total = float(weight.sum())
    return total * total / float((weight * weight if squares is None else squares).sum()) if total > 0 else 0.0


def cluster_codes(cluster: Factor) -> npt.NDArray[np.int64]:
    """Return the number of each row's cluster; a row without one is a cluster of its own.

    Examples
    --------
    >>> cluster_codes(Factor.of(["a", None, "a"])).tolist()
    [0, 1, 0]
    """
    codes = cluster.codes.astype(np.int64)
    alone = codes < 0
    if alone.any():
        codes[alone] = len(cluster.levels) + np.arange(int(alone.sum()))
    used = np.bincount(codes) > 0 if len(codes) else np.zeros(0, dtype=np.bool_)
    return (np.cumsum(used) - 1)[codes]


def variance(influence: Array, weight: Array | None = None, cluster: Factor | None = None) -> Variance:
    """Return the variance of the weighted mean of `influence`.

    Degrees of freedom are those of the rows (Kish's number, less one), or fewer where a few rows make
    up most of the variance, so that it is itself uncertain (Satterthwaite 1946, with the rows' own kurtosis).

    Parameters
    ----------
    influence : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional
        Not negative; not all zero.
    cluster : Factor, optional
        Rows of one level vary together.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 6.0])
    >>> spread, degrees = variance(x - x.mean())
    >>> round(spread, 6) == round(float(x.var(ddof=1) / 4), 6), degrees
    (True, 3.0)
    """
    n = len(influence)
    if n == 0:
        return Variance(0.0, 0.0)
    share = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    parts = share * influence
    if cluster is not None:
        codes = cluster_codes(cluster)
        parts, share = np.bincount(codes, parts), np.bincount(codes, share)
    units = int(np.count_nonzero(share))
    if cluster is not None or weight is not None:
        parts = parts / np.maximum(1 - share, 1e-3)
        inflate = max(units - 1, 1) / units
    else:
        inflate = n / max(n - 1, 1)
    squares = parts * parts
    total = float(squares.sum())
    noise = float(squares @ squares) - total * total / units
    known = 2 * total * total / noise if noise > 0 else math.inf
    return Variance(total * inflate, max(min(effective_n(share) - 1, known), 0.0))


def variance_of_counts(influence: Array, n: npt.NDArray[np.integer], weight: Array, squares: Array) -> Variance:
    """Return the variance of a weighted mean from counts: cells of rows with the same influence.

    Each cell's rows are taken as equal, so that their fourth moment is known from the counts.

    Parameters
    ----------
    influence, n, weight, squares : ndarray of one shape
        By cell: influence of a row, number of rows, sums of their weights and of the squared weights.

    Examples
    --------
    >>> three = np.array([3, 1])
    >>> variance_of_counts(np.array([-0.25, 0.75]), three, three.astype(float), three.astype(float)).value
    0.0625
    """
    total = float(weight.sum())
    kish = total**2 / float(squares.sum())
    influence = np.where(weight > 0, influence, 0.0)
    spread = float((squares * influence**2).sum()) / total**2
    each = np.divide(squares, n, out=np.zeros(squares.shape), where=n > 0)
    noise = float((n * (each * influence**2) ** 2).sum()) / total**4 - spread**2 / max(float(n.sum()), 1.0)
    known = 2 * spread**2 / noise if noise > 0 else math.inf
    return Variance(spread * kish / max(kish - 1, 1), max(min(kish - 1, known), 0.0))


def skewness(influence: Array, weight: Array | None = None, cluster: Factor | None = None) -> float:
    """Return the skewness of the statistic that `influence` belongs to, as these rows have it.

    Examples
    --------
    >>> skewness(np.array([-1.0, 0.0, 1.0])), skewness(np.array([-1.0, -1.0, 2.0])) > 0
    (0.0, True)
    """
    parts = influence / max(len(influence), 1) if weight is None else influence * weight / weight.sum()
    if cluster is not None:
        parts = np.bincount(cluster_codes(cluster), parts)
    squares = float(parts @ parts)
    return float((parts**3).sum()) / squares**1.5 if squares > 0 else 0.0


def mean(
    values: npt.NDArray[np.floating],
    weight: Array | None = None,
    cluster: Factor | None = None,
    level: float = 0.95,
) -> Span | None:
    """Return the (weighted) mean with Student's interval, cluster-robust where clusters are given.

    Returns
    -------
    Span or None
        ``None`` without rows or weight, or where nothing varies, which tells nothing of the spread.

    Examples
    --------
    >>> [round(number, 3) for number in mean(np.array([1.0, 2.0, 3.0, 6.0]))]
    [3.0, -0.437, 6.437]
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or (weight is not None and not weight.sum() > 0):
        return None
    center = float(np.average(x, weights=weight))
    spread, degrees = variance(x - center, weight, cluster)
    if degrees <= 0 or spread <= 0:
        return None
    low, high, _ = on_scale(center, math.sqrt(spread), level=level, degrees=degrees)
    return Span(center, low, high)
