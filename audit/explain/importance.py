"""From attributions of rows to importances of features, with intervals from resampled rows."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from audit.explain.encoding import FloatArray

RESAMPLES, LEAST_RESAMPLES, NUMBERS = 1000, 200, 10**6
"""Resamples: where they would hold over a million numbers, fewer, but so many at least."""


class Band(NamedTuple):
    """Values with percentile limits, each of shape (k,)."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def resampled_means(values: FloatArray, *, seed: int, resamples: int | None = None) -> FloatArray:
    """Return column means of bootstrap samples of rows, shape (resamples, k).

    Parameters
    ----------
    values : ndarray of shape (n, k)
    seed : int
    resamples : int, optional
        1000 unless columns are more than a thousand: then fewer, down to 200.

    Examples
    --------
    >>> resampled_means(np.ones((5, 2)), seed=0, resamples=3).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    n, columns = values.shape
    resamples = resamples or min(RESAMPLES, max(LEAST_RESAMPLES, NUMBERS // max(columns, 1)))
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.asarray(counts @ values / n)


def shares(importance: FloatArray) -> FloatArray:
    """Divide importances, shape (..., k), by their sum; zeros where nothing has any.

    Examples
    --------
    >>> shares(np.array([3.0, 1.0])).tolist()
    [0.75, 0.25]
    """
    total = importance.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(importance, total, out=np.zeros_like(importance), where=total > 0))


def band(value: FloatArray, resampled: FloatArray, level: float) -> Band:
    """Return percentile limits of resampled values, widened where they do not hold the value.

    Parameters
    ----------
    value : ndarray of shape (k,)
    resampled : ndarray of shape (resamples, k)
    level : float
        Two-sided level.

    Examples
    --------
    >>> found = band(np.array([0.5]), np.linspace(0, 1, 101)[:, None], 0.9)
    >>> found.low.round(3).tolist(), found.high.round(3).tolist()
    ([0.05], [0.95])
    """
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return Band(value, np.minimum(low, value), np.maximum(high, value))


def share_band(values: FloatArray, *, seed: int, level: float) -> Band:
    """Return each feature's share of the mean absolute attribution, with its interval.

    Parameters
    ----------
    values : ndarray of shape (n, features)
        Attributions.

    Examples
    --------
    >>> share_band(np.array([[1.0, -1.0], [1.0, 1.0]]), seed=0, level=0.95).value.tolist()
    [0.5, 0.5]
    """
    absolute = np.abs(values)
    return band(shares(absolute.mean(axis=0)), shares(resampled_means(absolute, seed=seed)), level)


def rank_correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return Spearman's correlation along the last axis; NaN where one side is constant.

    Differences below a millionth of the largest value are ties, so that rounding makes no ranks.

    Examples
    --------
    >>> float(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])).round(6))
    1.0
    """
    return _correlation(_centered_ranks(a), _centered_ranks(b))


def mean_rank_correlation(rankings: FloatArray) -> FloatArray:
    """Return the mean Spearman correlation over pairs of rankings, which stand along the first axis.

    Examples
    --------
    >>> float(mean_rank_correlation(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 2.0, 1.0]])).round(6))
    -0.333333
    """
    ranks = [_centered_ranks(ranking) for ranking in rankings]
    return np.asarray(np.mean([_correlation(first, second) for first, second in combinations(ranks, 2)], axis=0))


def _correlation(first: FloatArray, second: FloatArray) -> FloatArray:
    """Correlate centered numbers along the last axis."""
    over = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((first * second).sum(axis=-1) / over)


def _centered_ranks(values: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    top = np.abs(values).max(axis=-1, keepdims=True)
    rounded = np.round(np.divide(values, top, out=np.zeros_like(values), where=top > 0), 6)
    ranks = np.asarray(rankdata(rounded, axis=-1), dtype=np.float64)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))
