"""Errors of numeric predictions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from audit.estimate.metric import NUMBER, Metric
from audit.estimate.views import skewness_of, squares_of, variance_of
from audit.evidence import Predictions
from audit.statistics import residuals
from audit.statistics.intervals import Interval
from audit.statistics.variance import Linear, Measured, Variance, effective_n, measured_within

Array = npt.NDArray[np.float64]
Statistic = Callable[[Array, Array, Array | None], Linear]
Limits = Callable[[float, Variance, float, float], Interval | None]


def _errors(part: Predictions) -> tuple[Array, Array]:
    return part.y_true.astype(np.float64, copy=False), part.y_pred.astype(np.float64, copy=False)


def _linear(statistic: Statistic) -> Callable[[Predictions, int | None], Linear]:
    def linear(part: Predictions, _position: int | None) -> Linear:
        return statistic(*_errors(part), part.weight)

    return linear


def _measure(
    statistic: Statistic, limits: Limits, most: float, of_squares: bool
) -> Callable[[Predictions, int | None], Measured]:
    """Measure a statistic, and say where no form of interval that was tried keeps its level.

    That is where it is skewed by more than `most`, or, `of_squares`, where the residuals have heavy tails.
    """

    def measured(part: Predictions, _position: int | None) -> Measured:
        form = statistic(*_errors(part), part.weight)
        spread = variance_of(part, form.influence)
        skew = skewness_of(part, form.influence)
        number = measured_within(form.value, limits(form.value, spread, part.settings.level, skew), part.total)
        if number.low is None:
            return number
        if of_squares and _has_heavy_tails(part):
            return number._replace(reason=residuals.HEAVY_TAILS)
        return number._replace(reason=residuals.TOO_SHORT) if abs(skew) > most else number

    return measured


def _has_heavy_tails(part: Predictions) -> bool:
    true, predicted = _errors(part)
    n = float(len(true)) if part.weight is None else effective_n(part.weight, squares_of(part))
    return residuals.has_heavy_tails(predicted - true, part.weight, n)


def _median(part: Predictions, _position: int | None) -> Measured:
    value, limits = residuals.median_absolute_error(
        *_errors(part), part.weight, part.cluster, part.settings.level, squares_of(part)
    )
    return measured_within(value, limits, part.total)


def _smooth(
    name: str,
    statistic: Statistic,
    limits: Limits = residuals.size_interval,
    most: float = 0.5,
    of_squares: bool = False,
    **more: object,
) -> Metric:
    """Return the metric of a smooth statistic; most are sizes of errors, where less is better."""
    given = {"unit": "target", "better": "lower", "bounds": (0.0, math.inf), **more}
    return Metric(
        name=name, needs="residuals", tasks=NUMBER, linear=_linear(statistic),
        measured=_measure(statistic, limits, most, of_squares), **given,  # type: ignore[arg-type]
    )  # fmt: skip


ERRORS = (
    _smooth(
        "r2_score", residuals.r2_score, residuals.r2_interval, 0.3, of_squares=True, unit="score", better="higher",
        bounds=(-math.inf, 1.0), place=300, performance=NUMBER, groups=NUMBER, comparison=NUMBER,
    ),
    _smooth(
        "mean_absolute_error", residuals.mean_absolute_error, place=310, performance=NUMBER, groups=NUMBER,
        gaps=NUMBER, comparison=NUMBER, of_error=np.abs,
    ),
    _smooth(
        "root_mean_squared_error", residuals.root_mean_squared_error, of_squares=True, place=320, performance=NUMBER,
        comparison=NUMBER,
    ),
    Metric(
        name="median_absolute_error", needs="residuals", tasks=NUMBER, unit="target", better="lower",
        bounds=(0.0, math.inf), place=330, performance=NUMBER, measured=_median,
    ),
    _smooth("typical_error", residuals.typical_error, place=335),
    _smooth("mean_squared_error", residuals.mean_squared_error, of_squares=True, unit="squared target", place=340),
    _smooth(
        "mean_error", residuals.mean_error, residuals.mean_interval, better="neither", bounds=(-math.inf, math.inf),
        place=350, performance=NUMBER, groups=NUMBER, gaps=NUMBER, of_error=np.asarray,
    ),
)  # fmt: skip
