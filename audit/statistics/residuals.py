"""Errors of numeric predictions: each statistic with the influence of every row.

An error is prediction minus truth, in the unit of the target.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.statistics.intervals import Interval, around, on_scale, t_value, wilson
from audit.statistics.variance import Linear, Undefined, Variance, effective_n, variance

Array = npt.NDArray[np.float64]
DEGREES = 3
"""Of Student's t, whose scale is the typical error."""
MOST_STEPS = 1_000


def mean_error(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the mean of prediction minus truth.

    Examples
    --------
    >>> mean_error(np.array([1.0, 2.0]), np.array([2.0, 2.0])).value
    0.5
    """
    return _average(y_pred - y_true, weight)


def mean_absolute_error(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the mean absolute error.

    Examples
    --------
    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([2.0, 2.0])).value
    0.5
    """
    return _average(np.abs(y_pred - y_true), weight)


def mean_squared_error(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the mean squared error, in the squared unit of the target.

    Examples
    --------
    >>> mean_squared_error(np.array([1.0, 2.0]), np.array([3.0, 2.0])).value
    2.0
    """
    return _average((y_pred - y_true) ** 2, weight)


def root_mean_squared_error(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the root of the mean squared error.

    Examples
    --------
    >>> root_mean_squared_error(np.array([1.0, 2.0]), np.array([3.0, 4.0])).value
    2.0
    """
    squared = mean_squared_error(y_true, y_pred, weight)
    root = math.sqrt(squared.value)
    return Linear(root, squared.influence / (2 * root) if root else squared.influence)


def r2_score(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the share of the target's variance that the predictions explain; below 0 if worse than its mean.

    Raises
    ------
    Undefined
        With fewer than two rows, or a target that does not vary.

    Examples
    --------
    >>> round(r2_score(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])).value, 3)
    0.5
    """
    if len(y_true) < 2:
        raise Undefined("fewer than two rows")
    center = float(np.average(y_true, weights=weight))
    around_mean = (y_true - center) ** 2
    spread = float(np.average(around_mean, weights=weight))
    if not spread > 1e-300 or np.ptp(y_true) == 0:
        raise Undefined("the target does not vary")
    squared = (y_true - y_pred) ** 2
    unexplained = float(np.average(squared, weights=weight)) / spread
    return Linear(1 - unexplained, -(squared - unexplained * around_mean) / spread)


def typical_error(y_true: Array, y_pred: Array, weight: Array | None = None) -> Linear:
    """Return the scale of the errors around 0, as Student's t with three degrees of freedom has it.

    Its maximum likelihood (Lange, Little and Taylor 1989): a mean of squares in which far errors have less weight.
    Where errors are skewed or have long tails it is known from fewer rows than the mean absolute error.

    Raises
    ------
    Undefined
        Without rows, or where three quarters of the errors are 0.

    Examples
    --------
    >>> errors = np.array([1.0, -1.0, 2.0, -2.0, 100.0])
    >>> round(typical_error(np.zeros(5), errors).value, 2), round(mean_absolute_error(np.zeros(5), errors).value, 2)
    (3.47, 21.2)
    """
    squares = (y_pred - y_true) ** 2
    if not len(squares) or np.average(squares > 0, weights=weight) * (DEGREES + 1) <= 1:
        raise Undefined("three quarters of the errors are 0" if len(squares) else "no rows")
    size = float(squares.max())
    ratio = squares / size
    place = float(np.average(ratio, weights=weight))
    for _ in range(MOST_STEPS):
        factor = float(np.average((DEGREES + 1) * ratio / (DEGREES * place + ratio), weights=weight))
        place *= factor
        if abs(factor - 1) < 1e-12:
            break
    pull = (DEGREES + 1) * ratio / (DEGREES * place + ratio)
    slope = 2 * float(np.average(pull * (1 - pull / (DEGREES + 1)), weights=weight))
    scale = math.sqrt(place * size)
    return Linear(scale, (pull - 1) / slope * scale)


def _average(values: Array, weight: Array | None) -> Linear:
    if not len(values):
        raise Undefined("no rows")
    value = float(np.average(values, weights=weight))
    return Linear(value, values - value)


TOO_SHORT = "skewed residuals: the interval is too short"
HEAVY_TAILS = "heavy-tailed residuals: the interval is too short"


def has_heavy_tails(error: Array, weight: Array | None, n: float) -> bool:
    """Tell whether residuals have tails so heavy that an interval of their mean square is too short.

    Where the fourth moment does not exist, as of Student's t with three degrees, the kurtosis of a sample grows with
    its rows, and no form of interval that was tried keeps its level. The limit on the kurtosis grows as the least tenth
    of such samples does; of fewer than about 80 rows it is the one that a tenth of normal samples of 60 rows exceed.

    Parameters
    ----------
    error : ndarray of shape (rows,)
    weight : ndarray of shape (rows,), optional
    n : float
        Effective rows.

    Examples
    --------
    >>> regular = np.linspace(-1, 1, 100)
    >>> has_heavy_tails(regular, None, 100), has_heavy_tails(regular**9, None, 100)
    (False, True)
    """
    squares = (error - np.average(error, weights=weight)) ** 2
    spread = float(np.average(squares, weights=weight))
    kurtosis = float(np.average(squares**2, weights=weight)) / spread**2 if spread > 0 else 0.0
    return kurtosis > max(3.6, 3.9 * math.pow(n / 100, 0.31))


def mean_interval(value: float, spread: Variance, level: float, skew: float = 0.0) -> Interval | None:
    """Return the interval of a mean of residuals, or ``None`` where nothing varies.

    Where residuals are skewed, the mean lies beyond most samples' own, on the side of the long tail: that
    limit is moved out by Hall's (1992) transformation, on as many degrees of freedom as the rows' kurtosis
    leaves.

    Parameters
    ----------
    value : float
    spread : Variance
    level : float
    skew : float
        Of the statistic (see :func:`audit.statistics.variance.skewness`).

    References
    ----------
    Hall 1992, On the removal of skewness by transformation.

    Examples
    --------
    >>> [round(limit, 3) for limit in mean_interval(1.0, Variance(0.01, 60.0), 0.95, 0.3)[:2]]
    [0.834, 1.273]
    """
    if spread.value <= 0 or spread.degrees <= 0:
        return None
    low, high = (value - sign * _reach(sign, spread, skew, level) for sign in (1, -1))
    return around(value, low, high, "linearized, skewness removed")


def size_interval(value: float, spread: Variance, level: float, skew: float = 0.0) -> Interval | None:
    """Return the interval of a size of errors, which is positive: its lower limit is taken on the log scale.

    See :func:`mean_interval`.

    Examples
    --------
    >>> [round(limit, 3) for limit in size_interval(1.0, Variance(0.01, 60.0), 0.95, 0.3)[:2]]
    [0.819, 1.273]
    """
    if spread.value <= 0 or spread.degrees <= 0:
        return None
    low, high = _positive(value, spread, level, skew)
    return around(value, low, high, "linearized, log scale, skewness removed")


def r2_interval(value: float, spread: Variance, level: float, skew: float = 0.0) -> Interval | None:
    """Return the interval of R², by that of the unexplained share, 1 − R², which is positive.

    See :func:`mean_interval`.

    Examples
    --------
    >>> r2_interval(0.9, Variance(0.0001, 60.0), 0.95).high < 1
    True
    """
    if spread.value <= 0 or spread.degrees <= 0 or value >= 1:
        return None
    low, high = _positive(1 - value, spread, level, -skew)
    return around(value, 1 - high, 1 - low, "linearized, log of the unexplained share, skewness removed")


def _positive(value: float, spread: Variance, level: float, skew: float) -> tuple[float, float]:
    low, high, _ = on_scale(value, math.sqrt(spread.value), level=level, degrees=spread.degrees, transform="log")
    return low, value + _reach(-1, spread, skew, level) if skew > 0 else high


def _reach(sign: int, spread: Variance, skew: float, level: float) -> float:
    """Return how far a limit lies from the value: Student's quantile of one side, taken back through the cubic."""
    quantile = sign * t_value(level, spread.degrees)
    if abs(skew) > 1e-8:
        quantile = 3 / skew * (math.cbrt(1 + skew * (quantile - skew / 6)) - 1)
    return abs(quantile) * math.sqrt(spread.value)


def median_absolute_error(
    y_true: Array,
    y_pred: Array,
    weight: Array | None,
    cluster: Factor | None,
    level: float,
    squares: Array | None = None,
) -> tuple[float, Interval | None]:
    """Return the (weighted) median absolute error and its interval.

    The interval inverts Wilson's around one half (Woodruff 1952): its limits are rows' own errors, so
    no density has to be estimated; half a row is added on either side, as for counts. `squares` holds the sums of
    squared weights of the rows that stand behind each row of a counted log.

    Examples
    --------
    >>> value, limits = median_absolute_error(np.zeros(9), np.arange(9.0), None, None, 0.95)
    >>> value, limits[:2]
    (4.0, (1.0, 7.0))
    """
    errors = np.abs(y_pred - y_true)
    if not len(errors):
        raise Undefined("no rows")
    order = np.argsort(errors)
    ranked = errors[order]
    w = np.ones(len(errors)) if weight is None else weight
    reached = np.cumsum(w[order]) / w.sum()
    # The middle of two rows where exactly half the weight is reached, as the plain median has it.
    upper = int(np.searchsorted(reached, 0.5 + 1e-12))
    lower = int(np.searchsorted(reached, 0.5 - 1e-12))
    value = float(ranked[lower] + ranked[min(upper, len(ranked) - 1)]) / 2
    effective = effective_n(w, squares)
    if cluster is not None:
        below = (errors <= value).astype(np.float64)
        spread = variance(below - float(np.average(below, weights=weight)), weight, cluster)
        effective = min(effective, 0.25 / spread.value) if spread.value > 0 else float(spread.degrees + 1)
    if effective < 6:
        return value, None
    low, high, _ = wilson(effective / 2, effective, level)
    first = int(np.searchsorted(reached, low - 0.5 / effective))
    last = min(int(np.searchsorted(reached, high + 0.5 / effective)), len(ranked) - 1)
    return value, around(value, float(ranked[first]), float(ranked[last]), "woodruff")
