"""Do predicted probabilities come true?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.estimate.curves import rate_limits
from audit.estimate.measure import estimates
from audit.estimate.plain_calibration import plain_calibration_errors, slope_reach
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.exhibits import estimates_table
from audit.statistics.calibration import clustered_within_bins, reliability
from audit.statistics.intervals import wilson
from reports.record import Curve, Measurement, Series


@check(
    title="Calibration",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("Kumar, Liang and Ma 2019, Verified uncertainty calibration", "Cox 1958", "Van Calster et al. 2019"),
    requires=("probabilities", "test"),
)
def calibration(predictions: Predictions, *, bins: int = 15) -> Measurement:
    """Compare predicted probabilities with what happened.

    Reading. Among rows given 70 %, seven in ten should be positive: points on the diagonal. The calibration
    error is the root of the mean squared distance from it, less what chance alone adds. A slope under 1
    says that the probabilities are too extreme, over 1 that they are too moderate. With several classes the
    probability of the predicted class is compared with how often it is right.

    Limits. Calibrated on average is not calibrated for every group. The error depends on how the rows are
    binned: bins hold equal numbers of rows. The plain expected calibration error is given for comparison with
    papers; it is above 0 by chance alone.
    """
    test = predictions.select(split="test")
    names: tuple[str, ...] = ("calibration_error", "brier_score")
    if test.task == "binary":
        names = (*names, "calibration_slope", "calibration_intercept", "mean_calibration_gap")
    measured = (*estimates(test, names), *plain_calibration_errors(with_weight(test)))
    slope = {estimate.metric: estimate.value for estimate in measured}.get("calibration_slope")
    reach = () if slope is None else (slope_reach(with_weight(test), slope),)
    return Measurement(
        summary=f"Calibration error is {measured[0]}.",
        estimates=(*measured, *reach),
        exhibits=(_reliability(with_weight(test), bins), estimates_table("Calibration", measured)),
    )


class _Bin(NamedTuple):
    """Mean score of a bin, the share of its rows that came true, and the limits of that share."""

    score: float
    rate: float
    low: float
    high: float


def _bins_of(test: Predictions, score: FloatArray, came_true: npt.NDArray[np.bool_], bins: int) -> list[_Bin]:
    """Return bins of equal size; weights and clusters count in their limits."""
    level = test.settings.level
    if test.repeats is not None:
        n = test.repeats.n.astype(np.float64)
        table = reliability(came_true, score, n, bins=bins, repeats=(test.repeats.n, n))
        design = clustered_within_bins(came_true, score, test.weight, test.cluster, test.repeats)
        rows = zip(table.score.tolist(), table.rate.tolist(), (table.n / design).tolist(), strict=True)
        return [_Bin(mean, rate, *wilson(rate * size, size, level)[:2]) for mean, rate, size in rows]
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    points = []
    for part in parts:
        weight = None if test.weight is None else test.weight[part]
        limits = rate_limits(came_true[part], weight, None if test.cluster is None else test.cluster.take(part), level)
        mean, rate = (float(np.average(values[part], weights=weight)) for values in (score, came_true))
        points.append(_Bin(mean, rate, *limits))
    return points


def _reliability(test: Predictions, bins: int) -> Curve:
    assert test.y_score is not None  # noqa: S101 -- asked for by the caller
    if test.y_score.ndim == 1:
        score, came_true = test.y_score, np.asarray(test.y_true == 1)
    else:
        score, came_true = test.y_score.max(axis=1), np.asarray(test.y_score.argmax(axis=1) == test.y_true)
    drawn = _bins_of(test, score, came_true, bins)
    series = Series(
        name="observed",
        x=tuple(bin_.score for bin_ in drawn),
        y=tuple(bin_.rate for bin_ in drawn),
        low=tuple(min(bin_.low, bin_.rate) for bin_ in drawn),
        high=tuple(max(bin_.high, bin_.rate) for bin_ in drawn),
        style="points",
    )
    return Curve(
        title="Reliability",
        x_label="predicted probability",
        y_label="observed share",
        series=(series,),
        diagonal=True,
        unit_square=True,
        caption=f"{len(drawn)} bins of equal size; whiskers are 95 % intervals of the observed share.",
    )
