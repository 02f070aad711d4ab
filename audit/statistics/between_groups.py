"""How much many groups differ: the variance between them beyond what chance makes of each.

Each group's number is its own true number plus chance. Paule and Mandel's estimate of the variance of the true
numbers is the one at which the weighted squares around the mean are as large as they should be; its interval holds
the variances at which they would not surprise (Q profile). Shares of few rows are not normal, and their squares
vary more than a chi-square's: how much more is read off the squares themselves.

References
----------
Paule and Mandel 1982, Consensus values and weighting factors (J. Res. NBS 87). DerSimonian and Kacker 2007,
Random-effects model for meta-analysis of clinical trials: an update. Viechtbauer 2007, Confidence intervals for the
amount of heterogeneity in meta-analysis. Kleinman 1973, Proportions with extraneous variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_STEPS = 200


class Between(NamedTuple):
    """A mean over groups, and the variance of the groups' true numbers around it."""

    mean: float
    variance: float
    low: float
    high: float


def between_variance(
    values: Array, within: Array, level: float = 0.95, *, share: Array | None = None, heavy: bool = True
) -> Between:
    """Return the variance between groups whose numbers have known variances.

    Parameters
    ----------
    values : ndarray of shape (groups,)
    within : ndarray of shape (groups,)
        Variance of each number by chance, above 0.
    level : float
    share : ndarray of shape (groups,), optional
        How much of the variance between groups a number shows; all of it unless given.
    heavy : bool
        Whether the interval allows for squares that vary more than those of normal numbers.

    Examples
    --------
    >>> found = between_variance(np.array([0.0, 1.0, 2.0]), np.full(3, 0.25))
    >>> round(found.mean, 6), round(found.variance, 6)
    (1.0, 0.75)
    """
    from scipy.stats import chi2

    whole = np.ones(len(values)) if share is None else share
    degrees = len(values) - 1

    def squares(variance: float) -> Array:
        weight = 1 / (whole * variance + within)
        return np.asarray(weight * (values - (weight @ values) / weight.sum()) ** 2, dtype=np.float64)

    value = _solve(squares, degrees)
    at = squares(value)
    spread = max(1.0, float(((at - at.mean()) ** 2).mean()) / 2) if heavy else 1.0
    ends = [(float(chi2.ppf(tail, degrees)) - degrees) * math.sqrt(spread) + degrees
            for tail in ((1 + level) / 2, (1 - level) / 2)]  # fmt: skip
    weight = 1 / (whole * value + within)
    low, high = (_solve(squares, max(end, 1e-9)) for end in ends)
    return Between(float(weight @ values / weight.sum()), value, min(low, value), max(high, value))


def _solve(squares: Callable[[float], Array], target: float) -> float:
    """Return the variance at which the sum of squares, which falls with it, is `target`; 0 if it is smaller there."""
    if float(squares(0.0).sum()) <= target:
        return 0.0
    low, high = 0.0, 1.0
    while float(squares(high).sum()) > target and high < 1e300:
        high *= 4
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if float(squares(middle).sum()) > target else (low, middle)
    return (low + high) / 2


def between_shares(share: Array, n: Array, level: float = 0.95) -> Between:
    """Return the variance between the true shares of groups, from the shares of `n` (effective) rows of each.

    The variance of a share by chance is taken from the mean of all, not from the group's own share, which few rows
    put at 0 or 1; groups of one row tell nothing of the variance between groups (Kleinman 1973).

    Examples
    --------
    >>> found = between_shares(np.array([0.2, 0.4, 0.6]), np.array([100.0, 100.0, 100.0]))
    >>> round(found.mean, 3), round(found.variance**0.5, 3)
    (0.4, 0.195)
    """
    mean = float(n @ share / n.sum())
    spread = Between(mean, 0.0, 0.0, 0.0)
    for _ in range(5):  # the variance by chance follows the mean, whose weights follow the variance
        inside = mean * (1 - mean)
        if not inside > 0:
            return Between(mean, 0.0, 0.0, 0.0)
        spread = between_variance(share, inside / n, level, share=1 - 1 / n)
        if abs(spread.mean - mean) < 1e-9:
            break
        mean = spread.mean
    most = spread.mean * (1 - spread.mean)
    return Between(spread.mean, min(spread.variance, most), min(spread.low, most), min(spread.high, most))


def between_means(mean: Array, n: Array, within: float, level: float = 0.95) -> Between:
    """Return the variance between the true means of groups, from means of `n` (effective) rows of one variance."""
    return between_variance(mean, within / n, level)


def shrunken(values: Array, within: Array, between: Between) -> Array:
    """Draw each group's number toward the mean, the more the less its own rows tell (empirical Bayes).

    Examples
    --------
    >>> shrunken(np.array([0.0, 1.0]), np.array([0.1, 0.1]), Between(0.5, 0.1, 0.0, 1.0)).tolist()
    [0.25, 0.75]
    """
    own = between.variance / (between.variance + within)
    return np.asarray(between.mean + own * (values - between.mean), dtype=np.float64)
