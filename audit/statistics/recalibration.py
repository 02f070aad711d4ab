"""Logistic recalibration: the slope and the intercept that would correct a model's scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from audit.statistics.ranking import require_both
from audit.statistics.variance import Linear, Undefined

Array = npt.NDArray[np.float64]
EDGE = 1e-9
_ROUNDS = 60


def log_odds(probability: Array) -> Array:
    """Return the log-odds of probabilities, kept off 0 and 1 by 1e-9.

    Examples
    --------
    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    kept = np.clip(probability, EDGE, 1 - EDGE)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float64)


def calibration_slope(y: npt.NDArray[np.bool_], score: Array, weight: Array | None = None) -> Linear:
    """Return b of ``logit P(y) = a + b · logit(score)`` (Cox 1958): under 1 for overconfident scores.

    Raises
    ------
    Undefined
        If a class has no rows, the score does not vary, or it separates the classes.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=4000)
    >>> y = rng.random(4000) < 1 / (1 + np.exp(-z))
    >>> slope = calibration_slope(y, 1 / (1 + np.exp(-2 * z))).value
    >>> 0.45 < slope < 0.55
    True
    """
    require_both(y, weight)
    z = log_odds(score)
    if np.ptp(z) == 0:
        raise Undefined("the score does not vary")
    if z[y].min() > z[~y].max() or z[y].max() < z[~y].min():
        raise Undefined("the score separates the classes, so the slope has no finite value")
    share = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    center = float(share @ z)
    spread = float(np.sqrt(share @ (z - center) ** 2))
    x = (z - center) / spread
    rate = float(share @ y)
    a, b = float(np.log(rate / (1 - rate))), 0.0
    for _ in range(_ROUNDS):
        fitted = 1 / (1 + np.exp(-(a + b * x)))
        rest = share * (y - fitted)
        curve = share * fitted * (1 - fitted)
        h00, h01, h11 = float(curve.sum()), float(curve @ x), float(curve @ (x * x))
        determinant = h00 * h11 - h01 * h01
        g0, g1 = float(rest.sum()), float(rest @ x)
        if determinant <= 1e-14 * h00 * max(h11, 1e-300):
            raise Undefined("the slope has no finite value on these rows")
        step_a, step_b = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        limit = max(1.0, abs(step_a), abs(step_b))
        a, b = a + step_a / limit, b + step_b / limit
        if max(abs(step_a), abs(step_b)) < 1e-10:
            break
    else:
        raise Undefined("the slope has no finite value on these rows")
    influence = (h00 * x - h01) * (y - fitted) / determinant
    return Linear(b / spread, influence / spread)


def outcomes_by_slope(y: npt.NDArray[np.bool_], score: Array, slope: float, weight: Array | None = None) -> float:
    """Return the share of outcomes that would differ for each unit by which the calibration slope differs.

    With the overall rate held, a change of the slope by a little moves the chance p of a row by ``p (1 - p) |z - c|``
    times as much, where z is its log-odds and c the mean of z under weights ``p (1 - p)``.

    Examples
    --------
    >>> y, score = np.array([False, True, False, True]), np.array([0.2, 0.3, 0.7, 0.8])
    >>> round(outcomes_by_slope(y, score, 1.0), 3)
    0.2
    """
    z = log_odds(score)
    share = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    rate, low, high = float(share @ y), -700.0, 700.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        fitted = expit(middle + slope * z)
        low, high = (middle, high) if float(share @ fitted) < rate else (low, middle)
    curve = share * fitted * (1 - fitted)
    whole = float(curve.sum())
    return float(curve @ np.abs(z - float(curve @ z) / whole)) if whole > 0 else 0.0


def calibration_intercept(y: npt.NDArray[np.bool_], score: Array, weight: Array | None = None) -> Linear:
    """Return a of ``logit P(y) = a + logit(score)``: calibration in the large, over 0 for scores too low.

    The slope is held at 1, as Van Calster et al. (2019) do, so that intercept and slope speak of two things.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4000)
    >>> abs(calibration_intercept(rng.random(4000) < p, p).value) < 0.1
    True
    """
    require_both(y, weight)
    z = log_odds(score)
    share = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    rate = float(share @ y)
    a = 0.0
    low, high = -60.0, 60.0
    for _ in range(200):
        fitted = 1 / (1 + np.exp(-np.clip(a + z, -700, 700)))
        rest = rate - float(share @ fitted)
        low, high = (a, high) if rest > 0 else (low, a)
        curve = float(share @ (fitted * (1 - fitted)))
        following = a + rest / curve if curve > 0 else (low + high) / 2
        following = following if low < following < high else (low + high) / 2
        if abs(following - a) < 1e-12:
            break
        a = following
    return Linear(a, (y - fitted - rest) / max(curve, 1e-300))


def temperature_slope(truth: npt.NDArray[np.int64], probabilities: Array, weight: Array | None = None) -> Linear:
    """Return b that makes ``softmax(b · log p)`` fit best: the inverse of a temperature (Guo et al. 2017).

    The slope of a multiclass model; with two classes it has no intercept, unlike :func:`calibration_slope`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.dirichlet(np.ones(3), 4000)
    >>> truth = (p.cumsum(1) < rng.random((4000, 1))).sum(1)
    >>> abs(temperature_slope(truth, p).value - 1) < 0.1
    True
    """
    if not len(truth):
        raise Undefined("no rows")
    z = np.log(np.clip(probabilities, EDGE, 1.0))
    z = z - z.max(1, keepdims=True)
    own = z[np.arange(len(truth)), truth]
    if np.ptp(z) == 0:
        raise Undefined("the score does not vary")
    if (own == 0).all():
        raise Undefined("every row's true class has the highest score, so the slope has no finite value")
    share = np.full(len(truth), 1 / len(truth)) if weight is None else weight / weight.sum()
    b = 1.0
    for _ in range(_ROUNDS):
        odds = np.exp(b * z - (b * z).max(1, keepdims=True))
        odds /= odds.sum(1, keepdims=True)
        expected = (odds * z).sum(1)
        curve = float(share @ ((odds * z * z).sum(1) - expected**2))
        rest = own - expected
        if curve <= 1e-14:
            raise Undefined("the slope has no finite value on these rows")
        step = float(share @ rest) / curve
        b += max(-1.0, min(1.0, step))
        if abs(step) < 1e-10:
            return Linear(b, rest / curve)
    raise Undefined("the slope has no finite value on these rows")
