"""How well probabilities fit the outcomes: losses and calibration."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from audit.estimate.metric import BINARY, CLASSES, Metric
from audit.estimate.views import binary_view, is_of_all_classes, outcome_of, score_matrix, squares_of, variance_of
from audit.evidence import Predictions
from audit.statistics import calibration, recalibration
from audit.statistics.intervals import Interval, on_scale
from audit.statistics.variance import Linear, Measured, Variance, measured_within

Array = npt.NDArray[np.float64]
OfPart = Callable[[Predictions, int | None], Linear]
Loss = Callable[[npt.NDArray[np.int64], Array, Array | None], Linear]
OfScore = Callable[[npt.NDArray[np.bool_], Array, Array | None], Linear]
Limits = Callable[[Predictions, int | None, Linear, Variance], Interval | None]


def _loss(loss: Loss) -> OfPart:
    """Return a loss over all classes, or of one class against the rest."""

    def linear(part: Predictions, position: int | None) -> Linear:
        if position is None:
            return loss(part.y_true.astype(np.int64), score_matrix(part), part.weight)
        y, score = binary_view(part, position)
        return loss(y.astype(np.int64), np.stack([1 - score, score], -1), part.weight)

    return linear


def _of_score(statistic: OfScore) -> OfPart:
    """Return a statistic of the score of one class."""

    def linear(part: Predictions, position: int | None) -> Linear:
        return statistic(*binary_view(part, position), part.weight)

    return linear


def _slope(part: Predictions, position: int | None) -> Linear:
    """Return the calibration slope of one class, or that of all of them together."""
    if is_of_all_classes(part, position):
        return recalibration.temperature_slope(part.y_true.astype(np.int64), score_matrix(part), part.weight)
    return recalibration.calibration_slope(*binary_view(part, position), part.weight)


def _within(linear: OfPart, limits: Limits) -> Callable[[Predictions, int | None], Measured]:
    def measured(part: Predictions, position: int | None) -> Measured:
        form = linear(part, position)
        interval = limits(part, position, form, variance_of(part, form.influence))
        return measured_within(form.value, interval, part.total)

    return measured


def _loss_limits(part: Predictions, _position: int | None, form: Linear, spread: Variance) -> Interval | None:
    return calibration.loss_interval(form.value, spread, part.settings.level)


def _brier_limits(part: Predictions, position: int | None, form: Linear, spread: Variance) -> Interval | None:
    most = 2.0 if is_of_all_classes(part, position) else 1.0
    return calibration.loss_interval(form.value, spread, part.settings.level, most)


def _wald(part: Predictions, _position: int | None, form: Linear, spread: Variance) -> Interval | None:
    if spread.value <= 0 or spread.degrees <= 0:
        return None
    limits = on_scale(form.value, math.sqrt(spread.value), level=part.settings.level, degrees=spread.degrees)
    return limits._replace(method="wald, sandwich variance")


def _gap_limits(part: Predictions, position: int | None, form: Linear, spread: Variance) -> Interval:
    y, _ = binary_view(part, position)
    return calibration.gap_interval(form.value, spread, y, part.weight, part.settings.level, squares_of(part))


def _calibration_error(part: Predictions, position: int | None) -> Measured:
    outcome = outcome_of(part, position)
    value, limits = calibration.calibration_error(
        *outcome, part.weight, part.cluster, part.settings.level, part.repeats
    )
    return measured_within(value, limits, part.total)


_LOG_LOSS, _BRIER = _loss(calibration.log_loss), _loss(calibration.brier_score)
_INTERCEPT, _GAP = _of_score(recalibration.calibration_intercept), _of_score(calibration.mean_calibration_gap)

LOG_LOSS = Metric(
    name="log_loss", needs="probabilities", tasks=CLASSES, unit="score", better="lower", bounds=(0.0, math.inf),
    place=180, performance=CLASSES, comparison=CLASSES, linear=_LOG_LOSS, measured=_within(_LOG_LOSS, _loss_limits),
)  # fmt: skip
BRIER_SCORE = Metric(
    name="brier_score", needs="probabilities", tasks=CLASSES, unit="score", better="lower", bounds=(0.0, 2.0),
    place=190, performance=CLASSES, comparison=CLASSES, linear=_BRIER, measured=_within(_BRIER, _brier_limits),
)  # fmt: skip
CALIBRATION_ERROR = Metric(
    name="calibration_error", needs="probabilities", tasks=CLASSES, unit="score", better="lower", place=200,
    measured=_calibration_error,
)  # fmt: skip
CALIBRATION_SLOPE = Metric(
    name="calibration_slope", needs="probabilities", tasks=CLASSES, unit="score", better="neither",
    bounds=(-math.inf, math.inf), place=210, linear=_slope, measured=_within(_slope, _wald),
)  # fmt: skip
CALIBRATION_INTERCEPT = Metric(
    name="calibration_intercept", needs="probabilities", tasks=BINARY, unit="score", better="neither",
    bounds=(-math.inf, math.inf), place=220, linear=_INTERCEPT, measured=_within(_INTERCEPT, _wald),
)  # fmt: skip
MEAN_CALIBRATION_GAP = Metric(
    name="mean_calibration_gap", needs="probabilities", tasks=BINARY, unit="difference", better="neither",
    bounds=(-1.0, 1.0), place=230, linear=_GAP, measured=_within(_GAP, _gap_limits),
)  # fmt: skip
