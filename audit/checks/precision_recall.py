"""Precision over recall for every threshold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.curves import precision_recall_points, rate_limits, thin_curve
from audit.estimate.measure import estimate
from audit.estimate.thresholds import score_of
from audit.evidence import FloatArray, Predictions
from audit.statistics.intervals import wilson
from reports.record import Curve, Measurement, Series


@check(
    title="Precision and recall by threshold",
    family="performance",
    tasks=("binary",),
    references=("Davis and Goadrich 2006", "Boyd et al. 2013, Area under the precision-recall curve"),
    requires=("scores",),
)
def precision_recall(predictions: Predictions, *, points: int = 60) -> Measurement:
    """Draw precision over recall as the threshold falls.

    Reading. To the right more positive rows are found; higher means that fewer of those found are wrong. A
    model without skill stays at the share of positives. The band is the 95 % interval of the precision.

    Limits. Precision depends on how common the positive class is; curves of data sets with other shares
    cannot be compared.
    """
    test = predictions.select(split="test")
    if test.weight is not None:
        test = test.take(test.weight > 0)
    truth = np.asarray(test.y_true == 1)
    if truth.all() or not truth.any():
        raise NotApplicable("needs test rows of both classes; they hold one")
    recall, precision, values = precision_recall_points(truth, score_of(test), test.weight)
    kept = thin_curve(recall, precision, points)
    limits = _limits(test, truth, kept, precision, values)
    series = Series(
        name=test.classes[1],
        x=tuple(float(recall[k]) for k in kept),
        y=tuple(float(precision[k]) for k in kept),
        low=tuple(min(pair[0], float(precision[k])) for pair, k in zip(limits, kept, strict=True)),
        high=tuple(max(pair[1], float(precision[k])) for pair, k in zip(limits, kept, strict=True)),
    )
    share = float(np.average(truth, weights=test.weight))
    flat = Series(name="no skill", x=(0.0, 1.0), y=(share, share), style="dashed")
    area = estimate(test, "average_precision")
    return Measurement(
        summary=f"Average precision is {area}; without skill it would be {share:.3f}.",
        estimates=(area,),
        exhibits=(
            Curve(
                title="Precision over recall",
                x_label="recall",
                y_label="precision",
                series=(series, flat),
                unit_square=True,
            ),
        ),
    )


def _limits(
    test: Predictions, truth: npt.NDArray[np.bool_], kept: list[int], precision: FloatArray, values: FloatArray
) -> list[tuple[float, float]]:
    """Return the limits of the precision at the thresholds that are drawn; weights and clusters count in them."""
    level, score = test.settings.level, test.y_score
    assert score is not None  # noqa: S101 -- asked for by the caller
    if test.cluster is None and (test.repeats is not None or test.weight is None):
        return [wilson(float(precision[k] * values[k]), float(values[k]), level)[:2] for k in kept]
    thresholds = np.unique(score)[::-1]
    limits = []
    for k in kept:
        chosen = score >= thresholds[k]
        weight = None if test.weight is None else test.weight[chosen]
        cluster = None if test.cluster is None else test.cluster.take(chosen)
        limits.append(rate_limits(truth[chosen], weight, cluster, level))
    return limits
