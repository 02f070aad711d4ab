"""Calibration errors as papers report them, beside the debiased metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from audit.estimate.making import bare
from audit.estimate.views import outcome_of
from audit.evidence import Predictions
from audit.statistics import calibration, recalibration
from reports.record import Estimate

_STRATEGIES: Mapping[str, Literal["uniform", "quantile"]] = {
    "expected_calibration_error_equal_width": "uniform",
    "expected_calibration_error_equal_mass": "quantile",
}


def plain_calibration_errors(part: Predictions) -> tuple[Estimate, ...]:
    """Measure the plain expected calibration error that papers report: 15 bins of equal width, and of equal mass.

    It is biased upward by chance, so it has no interval; rules look at the debiased ``calibration_error``.

    Examples
    --------
    >>> import numpy as np
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1]), y_pred=np.array([0, 1]),
    ...                       y_score=np.array([0.2, 0.9]), probabilities=True)
    >>> [(one.metric, str(one)) for one in plain_calibration_errors(answers)][0]
    ('expected_calibration_error_equal_width', '0.150')
    """
    y, score = outcome_of(part)
    reason = "chance biases this number upward, so it has no interval; calibration_error corrects for that"
    estimates = []
    for name, strategy in _STRATEGIES.items():
        value = calibration.expected_calibration_error(y, score, part.weight, strategy=strategy, repeats=part.repeats)
        estimates.append(bare(name, value, part.where, reason, n=part.total, unit="score", level=part.settings.level))
    return tuple(estimates)


def slope_reach(part: Predictions, slope: float) -> Estimate:
    """Measure how many outcomes a unit of the calibration slope stands for; a slope's extent is made of it.

    Examples
    --------
    >>> import numpy as np
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1]), y_pred=np.array([0, 1]),
    ...                       y_score=np.array([0.2, 0.9]), probabilities=True)
    >>> str(slope_reach(answers, 1.0))
    '0.219'
    """
    y, score = outcome_of(part)
    value = recalibration.outcomes_by_slope(y, score, slope, part.weight)
    reason = "turns a distance of slopes into decisions; its own error is small beside the slope's"
    return bare(
        "outcomes_by_slope", value, part.where, reason, n=part.total, unit="proportion", level=part.settings.level
    )
