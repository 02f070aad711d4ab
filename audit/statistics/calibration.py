"""Whether scores mean what they say: calibration error, slope, intercept, gap, and proper losses."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.statistics.binning import quantile_edges
from audit.statistics.intervals import Interval, around, on_scale, wilson
from audit.statistics.variance import Linear, Undefined, Variance, cluster_codes, effective_n

Array = npt.NDArray[np.float64]
Repeats = tuple[npt.NDArray[np.int64], Array]
BINS = 15
ROWS_PER_BIN = 10
_LOGIT_EDGE = 1e-9


class Reliability(NamedTuple):
    """Rows in bins of score, each field of shape (bins,); empty bins are left out."""

    n: Array
    """Effective rows of the bin."""
    share: Array
    """Share of all weight."""
    score: Array
    """Mean score."""
    rate: Array
    """Share of positive rows."""


def reliability(
    y: npt.NDArray[np.bool_],
    score: Array,
    weight: Array | None = None,
    *,
    bins: int = BINS,
    strategy: Literal["quantile", "uniform"] = "quantile",
    repeats: Repeats | None = None,
) -> Reliability:
    """Group rows into bins of score: of equal mass, or of equal width on [0, 1].

    Equal scores stay together; `repeats` holds rows and squared weights of each cell of a counted log.
    Bins of equal mass hold ten rows or more on average; fewer rows make
    fewer bins.

    Examples
    --------
    >>> table = reliability(np.array([False, True, True, True]), np.array([0.1, 0.2, 0.8, 0.9]), bins=2,
    ...                     strategy="uniform")
    >>> table.score.round(2).tolist(), table.rate.tolist()
    ([0.15, 0.85], [0.5, 1.0])
    """
    w = np.ones(len(y)) if weight is None else weight
    if strategy == "uniform":
        # Right-closed bins, as torchmetrics and the papers have them.
        place = np.clip(np.ceil(score * bins) - 1, 0, bins - 1).astype(np.int64)
    else:
        place = _quantile_bins(score, bins, None if repeats is None else repeats[0])
    length = int(place.max()) + 1 if len(place) else 0
    total, squares, scores, hits = (
        np.bincount(place, values, minlength=length)
        for values in (w, w * w if repeats is None else repeats[1], w * score, w * y)
    )
    kept = total > 0
    total, squares, scores, hits = total[kept], squares[kept], scores[kept], hits[kept]
    return Reliability(total**2 / squares, total / total.sum(), scores / total, hits / total)


def _quantile_bins(score: Array, bins: int, n: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """Return the bin of equal mass that each row, or each cell of `n` rows, falls into."""
    number = min(bins, max(1, int(len(score) if n is None else n.sum()) // ROWS_PER_BIN))
    return np.searchsorted(quantile_edges(score, number, n, interpolated=True), score, side="left").astype(np.int64)


def expected_calibration_error(
    y: npt.NDArray[np.bool_],
    score: Array,
    weight: Array | None = None,
    *,
    bins: int = BINS,
    norm: Literal["l1", "l2", "max"] = "l1",
    strategy: Literal["quantile", "uniform"] = "uniform",
    repeats: Repeats | None = None,
) -> float:
    """Return the plain binned calibration error, on bins of equal width unless asked (Naeini 2015; Guo et al. 2017).

    It is biased upward in small samples, which is why gates use :func:`calibration_error`.

    Examples
    --------
    >>> y = np.array([False, False, True, True, True])
    >>> round(expected_calibration_error(y, np.array([0.25, 0.25, 0.55, 0.75, 0.75]), bins=2), 4)
    0.29
    """
    table = reliability(y, score, weight, bins=bins, strategy=strategy, repeats=repeats)
    gap = np.abs(table.score - table.rate)
    if norm == "max":
        return float(gap.max())
    return float(table.share @ gap) if norm == "l1" else math.sqrt(float(table.share @ gap**2))


def calibration_error(
    y: npt.NDArray[np.bool_],
    score: Array,
    weight: Array | None,
    cluster: Factor | None,
    level: float,
    repeats: Repeats | None = None,
) -> tuple[float, Interval]:
    """Return the root of the debiased squared calibration error and its interval.

    The value is that of Kumar, Liang and Ma (2019, section 5) on 15 bins of equal mass. Its square,
    before debiasing, is a weighted sum of squared nearly normal gaps, so the interval inverts a
    noncentral chi-square with matched mean and variance (Patnaik 1949). Clusters inflate what chance
    adds by the design effect within bins. A fit that is better than
    chance allows gives the upper limit that a typical well-calibrated model would have.

    Raises
    ------
    Undefined
        With fewer than ten rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(2000)
    >>> value, limits = calibration_error(rng.random(2000) < p, p, None, None, 0.95)
    >>> value < 0.05, limits.low
    (True, 0.0)
    """
    if (len(y) if repeats is None else repeats[0].sum()) < ROWS_PER_BIN:
        raise Undefined(f"fewer than {ROWS_PER_BIN} rows")
    table = reliability(y, score, weight, repeats=repeats)
    gap2 = (table.score - table.rate) ** 2
    design = clustered_within_bins(y, score, weight, cluster, repeats)
    noise = table.rate * (1 - table.rate) / np.maximum(table.n - 1, 1) * design
    # A bin without one class still leaves room for a few: Jeffreys' pseudo-counts, for the spread alone.
    smoothed = (table.rate * table.n + 0.5) / (table.n + 1)
    spread = table.share * np.maximum(noise, smoothed * (1 - smoothed) / (table.n + 1) * design)
    observed = float(table.share @ gap2)
    value = math.sqrt(max(observed - float(table.share @ noise), 0.0))
    # Bins are not equally sure; the unit of the chi-square is theirs on average, or that of the bins where the gap is.
    unit = float(spread @ spread) / float(spread.sum())
    if observed > 0:
        unit = max(unit, float(spread @ (table.share * gap2)) / observed)
    degrees = float(spread.sum()) / unit
    low, high = _noncentral(observed / unit, degrees, level)
    return value, around(value, math.sqrt(low * unit), math.sqrt(high * unit), "noncentral chi-square")


def _noncentral(observed: float, degrees: float, level: float) -> tuple[float, float]:
    """Return limits of the noncentrality of a chi-square."""
    from scipy.special import chdtr, chdtri, chndtrinc

    tail = (1 - level) / 2
    low = 0.0 if chdtr(degrees, observed) <= 1 - tail else float(chndtrinc(observed, degrees, 1 - tail))
    typical = max(observed, float(chdtri(degrees, 0.5)))
    return max(low, 0.0), max(float(chndtrinc(typical, degrees, tail)), 0.0)


def clustered_within_bins(
    y: npt.NDArray[np.bool_], score: Array, weight: Array | None, cluster: Factor | None, repeats: Repeats | None = None
) -> float:
    """Return by how much clusters inflate the variance of score minus outcome within bins; at least 1.

    Examples
    --------
    >>> y, score = np.array([True, False] * 4), np.full(8, 0.5)
    >>> [round(clustered_within_bins(y, score, None, of), 6) for of in (None, Factor.of("abababab"))]
    [1.0, 8.0]
    """
    if cluster is None:
        return 1.0
    place, codes = _quantile_bins(score, BINS, None if repeats is None else repeats[0]), cluster_codes(cluster)
    w = np.ones(len(y)) if weight is None else weight
    total = np.bincount(place, w)
    gap = score - y
    mean = np.bincount(place, w * gap) / np.where(total > 0, total, 1.0)
    off = (gap - mean[place]) / np.sqrt(np.where(total > 0, total, 1.0))[place]
    rest = w * off
    together, clusters = np.bincount(codes * len(total) + place, rest), int(codes.max()) + 1
    alone = float((rest if repeats is None else repeats[1] * off) @ (rest if repeats is None else off))
    inflate = clusters / max(clusters - 1, 1)
    return max(1.0, float(together @ together) / alone * inflate) if alone > 0 else 1.0


def mean_calibration_gap(y: npt.NDArray[np.bool_], score: Array, weight: Array | None = None) -> Linear:
    """Return the mean score minus the share of positive rows.

    Examples
    --------
    >>> mean_calibration_gap(np.array([True, False]), np.array([0.9, 0.5])).value.__round__(3)
    0.2
    """
    if not len(y):
        raise Undefined("no rows")
    gap = score - y
    value = float(np.average(gap, weights=weight))
    return Linear(value, gap - value)


def gap_interval(
    gap: float,
    spread: Variance,
    y: npt.NDArray[np.bool_],
    weight: Array | None,
    level: float,
    squares: Array | None = None,
) -> Interval:
    """Return the interval of mean score minus rate: the score interval of the rate, seen from the mean score.

    The effective number of rows is that of the gap, so that scores which distinguish rows narrow it; a
    group of one outcome, whose own variance is empty, keeps Wilson's honest limit.
    """
    rate = float(np.average(y, weights=weight))
    n = effective_n(np.ones(len(y)) if weight is None else weight, squares)
    if 0 < rate < 1 and spread.value > 0:
        from audit.statistics.intervals import t_value, z_value

        n = rate * (1 - rate) / spread.value * (z_value(level) / t_value(level, spread.degrees)) ** 2
    low, high, _ = wilson(rate * n, n, level)
    return around(gap, gap + rate - high, gap + rate - low, "score, effective n")


def log_loss(truth: npt.NDArray[np.int64], probabilities: Array, weight: Array | None = None) -> Linear:
    """Return the mean negative log of the probability given to the true class, clipped as scikit-learn does.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        Codes of the classes.
    probabilities : ndarray of shape (n, k)

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])).value, 4)
    0.1643
    """
    given = probabilities[np.arange(len(truth)), truth]
    edge = float(np.finfo(np.float64).eps)
    return _average(-np.log(np.clip(given, edge, 1 - edge)), weight)


def brier_score(truth: npt.NDArray[np.int64], probabilities: Array, weight: Array | None = None) -> Linear:
    """Return the mean squared distance of the probabilities from the outcome (Brier 1950).

    With two classes the positive one alone is counted, as scikit-learn does, so the score lies in [0, 1];
    with more, the sum over classes, in [0, 2].

    Examples
    --------
    >>> round(brier_score(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])).value, 4)
    0.025
    """
    if probabilities.shape[1] == 2:
        return _average((probabilities[:, 1] - (truth == 1)) ** 2, weight)
    outcome = np.zeros_like(probabilities)
    outcome[np.arange(len(truth)), truth] = 1.0
    return _average(((probabilities - outcome) ** 2).sum(1), weight)


def _average(loss: Array, weight: Array | None) -> Linear:
    if not len(loss):
        raise Undefined("no rows")
    value = float(np.average(loss, weights=weight))
    return Linear(value, loss - value)


def loss_interval(value: float, spread: Variance, level: float, most: float = math.inf) -> Interval | None:
    """Return the interval of a positive, skewed mean loss on the log scale; ``None`` where nothing varies.

    A loss that cannot exceed `most` has no upper limit beyond it.
    """
    if value <= 0 or spread.value <= 0 or spread.degrees <= 0:
        return None
    limits = on_scale(value, math.sqrt(spread.value), level=level, degrees=spread.degrees, transform="log")
    return limits._replace(high=min(limits.high, most), method="linearized, log scale")
