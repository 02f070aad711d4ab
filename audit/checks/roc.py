"""The ROC curve with a band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.curves import operating_point, roc_series
from audit.estimate.measure import estimate
from audit.estimate.views import binary_view, with_weight
from audit.evidence import Predictions
from audit.statistics.variance import Undefined
from reports.record import Curve, Estimate, Measurement, Series

MOST_CURVES = 8


@check(
    title="ROC curve",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("DeLong et al. 1988", "Fawcett 2006"),
    revision=2,
    requires=("scores",),
)
def roc(predictions: Predictions, *, points: int = 60) -> Measurement:
    """Draw the true positive rate over the false positive rate for every threshold.

    Reading. The curve of a model without skill is the diagonal; the area under it is the chance that a
    positive row is scored above a negative one. The band is the 95 % interval of the true positive rate
    at that threshold, the dot shows the model's own decisions.

    Limits. The curve shows ranking alone: a model can rank well and be badly calibrated. With several
    classes each is compared with the rest, the most frequent ones are drawn.
    """
    test = predictions.select(split="test")
    try:
        test = with_weight(test)
        series, areas = _lines(test, points)
    except Undefined as reason:
        raise NotApplicable(str(reason)) from reason
    if not series:
        raise NotApplicable("needs test rows of at least two classes")
    return Measurement(summary=_summary(areas), estimates=tuple(areas), exhibits=(_draw(series),))


def _lines(test: Predictions, points: int) -> tuple[list[Series], list[Estimate]]:
    series, areas = [], []
    binary = test.task == "binary"
    for code in _classes(test):
        truth, score = binary_view(test, code)
        if truth.all() or not truth.any():
            continue
        name = test.classes[code]
        line = roc_series(name, test, truth, score, points=points, band=binary)
        if binary:
            line = replace(line, mark=operating_point(test), mark_name="decisions as made")
        series.append(line)
        areas.append(estimate(test, "roc_auc", class_=None if binary else name))
    return series, areas


def _classes(test: Predictions) -> list[int]:
    if test.task == "binary":
        return [1]
    counts = np.bincount(test.y_true.astype(np.int64), minlength=len(test.classes))
    return [int(code) for code in np.argsort(-counts, kind="stable")[:MOST_CURVES]]


def _summary(areas: list[Estimate]) -> str:
    if len(areas) == 1:
        return f"ROC AUC is {areas[0]}."
    worst = min(
        (area for area in areas if area.value is not None), key=lambda estimate: estimate.value or 0.0, default=None
    )
    return "No area is defined." if worst is None else f"Lowest ROC AUC: class {worst.where.get('class')}, {worst}."


def _draw(series: list[Series]) -> Curve:
    return Curve(
        title="ROC curve",
        x_label="false positive rate",
        y_label="true positive rate",
        series=tuple(series),
        diagonal=True,
        unit_square=True,
        caption="Up and to the left is better; the diagonal is chance.",
    )
