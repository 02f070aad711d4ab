"""Metrics of scores and residuals with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from audit.estimate.influence import binary_view, linear_form, position_of, score_matrix, variance_of
from audit.estimate.making import bare
from audit.estimate.metrics import metric
from audit.evidence import Predictions
from audit.statistics import calibration, ranking
from audit.statistics.intervals import Interval, bounded, on_scale
from audit.statistics.residuals import TOO_SHORT, is_too_skewed, median_absolute_error, residual_interval
from audit.statistics.variance import Linear, Measured, Variance, cluster_codes, effective_n, skewness, variance
from reports.record import Estimate

Array = npt.NDArray[np.float64]
PLAIN_ERRORS: Mapping[str, Literal["uniform", "quantile"]] = {
    "expected_calibration_error_equal_width": "uniform",
    "expected_calibration_error_equal_mass": "quantile",
}
_STILL = "nothing varies on these rows, so there is no interval"


def scored(part: Predictions, name: str, class_: str | None = None) -> Measured:
    """Measure a metric of scores or residuals, with its interval.

    Parameters
    ----------
    part : Predictions
        Without rows of weight 0.
    name : str
    class_ : str, optional
        Take this class against the rest.

    Raises
    ------
    Undefined
        If the metric does not exist on these rows.

    Examples
    --------
    >>> answers = Predictions(task="regression", y_true=np.arange(4.0), y_pred=np.arange(4.0) + [1, -1, 1, 2])
    >>> scored(answers, "mean_error").value
    0.75
    """
    level, n = part.settings.level, part.total
    if name == "median_absolute_error":
        y_true, y_pred = (values.astype(np.float64) for values in (part.y_true, part.y_pred))
        value, limits = median_absolute_error(y_true, y_pred, part.weight, part.cluster, level)
        return _with(value, limits, n)
    if name == "calibration_error":
        value, limits = calibration.calibration_error(
            *_outcome(part, class_), part.weight, part.cluster, level, part.repeats
        )
        return _with(value, limits, n)
    form = linear_form(part, name, class_)
    spread = variance_of(part, form.influence)
    if metric(name).needs == "residuals":
        skew = skewness(form.influence, part.weight, part.cluster)
        found = _with(form.value, residual_interval(name, form.value, spread, level, skew), n)
        return found._replace(reason=TOO_SHORT) if is_too_skewed(name, skew) and found.low is not None else found
    return _with(form.value, _score_interval(part, name, class_, form, spread), n)


def plain_calibration_errors(part: Predictions) -> tuple[Estimate, ...]:
    """Measure the plain expected calibration error that papers report: 15 bins of equal width, and of equal mass.

    It is biased upward by chance, so it has no interval; rules look at the debiased ``calibration_error``.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1]), y_pred=np.array([0, 1]),
    ...                       y_score=np.array([0.2, 0.9]), probabilities=True)
    >>> [(one.metric, str(one)) for one in plain_calibration_errors(answers)][0]
    ('expected_calibration_error_equal_width', '0.150')
    """
    y, score = _outcome(part, None)
    reason = "biased upward by chance, so there is no interval; calibration_error is debiased"
    found = []
    for name, strategy in PLAIN_ERRORS.items():
        value = calibration.expected_calibration_error(y, score, part.weight, strategy=strategy, repeats=part.repeats)
        found.append(bare(name, value, part.where, reason, n=part.total, unit="score", level=part.settings.level))
    return tuple(found)


def _with(value: float, limits: Interval | None, n: int) -> Measured:
    if limits is None or not (math.isfinite(limits.low) and math.isfinite(limits.high)):
        return Measured(value, n=n, reason=_STILL)
    return Measured(value, *limits, n)


def _outcome(part: Predictions, class_: str | None) -> tuple[npt.NDArray[np.bool_], Array]:
    """Return outcome and score of a class, or of the likeliest one in a multiclass task."""
    if class_ is None and part.task == "multiclass":
        scores = score_matrix(part)
        return np.asarray(scores.argmax(1) == part.y_true), scores.max(1)
    return binary_view(part, position_of(part, class_))


def _score_interval(
    part: Predictions, name: str, class_: str | None, form: Linear, spread: Variance
) -> Interval | None:
    level, value = part.settings.level, form.value
    if name == "brier_score":
        return calibration.loss_interval(
            value, spread, level, 2.0 if class_ is None and part.task == "multiclass" else 1.0
        )
    if name == "log_loss":
        return calibration.loss_interval(value, spread, level)
    if name in ("calibration_slope", "calibration_intercept"):
        if spread.value <= 0 or spread.degrees <= 0:
            return None
        limits = on_scale(value, math.sqrt(spread.value), level=level, degrees=spread.degrees)
        return limits._replace(method="wald, sandwich variance")
    if class_ is None and part.task == "multiclass":
        return _macro_interval(part, name, form, spread)
    y, _ = binary_view(part, position_of(part, class_))
    if name == "mean_calibration_gap":
        return calibration.gap_interval(value, spread, y, part.weight, level, _squares(part))
    if name == "roc_auc":
        return ranking.auc_interval(value, spread, y, part.weight, level, _kept(part, form, spread), _squares(part))
    squares = _squares(part)
    weight = np.ones(int(y.sum())) if part.weight is None else part.weight[y]
    positives = effective_n(weight, None if squares is None else squares[y]) * _kept(part, form, spread)
    return ranking.average_precision_interval(value, spread, positives, level)


def _squares(part: Predictions) -> Array | None:
    """Return the sums of squared weights behind each row of a counted log."""
    return None if part.repeats is None else part.repeats.squares


def _kept(part: Predictions, form: Linear, spread: Variance) -> float:
    """Return the share of rows that clusters leave, by the design effect; one row a cluster where nothing varies."""
    if part.cluster is None:
        return 1.0
    alone = variance(form.influence, part.weight).value
    if alone > 0 and spread.value > 0:
        return min(1.0, alone / spread.value)
    return min(1.0, effective_n(np.bincount(cluster_codes(part.cluster), part.weight).astype(np.float64)) / len(part))


def _macro_interval(part: Predictions, name: str, form: Linear, spread: Variance) -> Interval:
    """Return the interval of a mean over classes; at the edge, that of the rarest class."""
    level, value = part.settings.level, form.value
    if 0 < value < 1 and spread.value > 0:
        return bounded(value, spread.value, level=level, degrees=spread.degrees)
    codes = part.y_true.astype(np.int64)
    rarest = float(min(count for count in np.bincount(codes) if count)) * _kept(part, form, spread)
    if name == "roc_auc":
        return ranking.newcombe_auc(value, rarest, len(part) * _kept(part, form, spread) - rarest, level)
    return ranking.average_precision_interval(value, spread, rarest, level)
