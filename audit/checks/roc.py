"""The ROC curve with a band."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.evidence import FloatArray, Predictions
from audit.intervals import wilson
from audit.measure import estimate
from audit.statistics.curves import roc_points, thinned
from reports.record import Curve, Estimate, Measurement, Series

MOST_CURVES = 8


@check(
    title="ROC curve",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("DeLong et al. 1988", "Fawcett 2006"),
)
def roc(predictions: Predictions, *, points: int = 60) -> Measurement:
    """Draw the true positive rate over the false positive rate for every threshold.

    Reading. The curve of a model without skill is the diagonal; the area under it is the chance that a
    positive row is scored above a negative one. The band is the 95 % interval of the true positive rate
    at that threshold.

    Limits. The curve shows ranking alone: a model can rank well and be badly calibrated. With several
    classes each is held against the rest, the most frequent ones are drawn.
    """
    test = predictions.select(split="test")
    if test.y_score is None:
        raise NotApplicable(test.score_reason)
    series, areas = [], []
    for code in _classes(test):
        truth = np.asarray(test.y_true == code)
        if truth.all() or not truth.any():
            continue
        name = test.classes[code]
        score = np.asarray(test.y_score if test.y_score.ndim == 1 else test.y_score[:, code])
        series.append(_curve(name, truth, score, test.weight, points, test.settings.level, band=test.task == "binary"))
        areas.append(estimate(test, "roc_auc", class_=None if test.task == "binary" else name))
    if not series:
        raise NotApplicable("no class has both rows of its own and other rows")
    return Measurement(summary=_summary(areas), estimates=tuple(areas), exhibits=(_drawn(series),))


def _classes(test: Predictions) -> list[int]:
    if test.task == "binary":
        return [1]
    counts = np.bincount(test.y_true.astype(np.int64), minlength=len(test.classes))
    return [int(code) for code in np.argsort(-counts, kind="stable")[:MOST_CURVES]]


def _summary(areas: list[Estimate]) -> str:
    if len(areas) == 1:
        return f"ROC AUC is {areas[0]}."
    worst = min((one for one in areas if one.value is not None), key=lambda one: one.value or 0.0, default=None)
    return "No area is defined." if worst is None else f"Lowest ROC AUC: class {worst.where.get('class')}, {worst}."


def _curve(
    name: str, truth: np.ndarray, score: FloatArray, weight: FloatArray | None, points: int, level: float, *, band: bool
) -> Series:
    fpr, tpr = roc_points(truth, score, weight)
    kept = thinned(fpr, tpr, points)
    x, y = fpr[kept], tpr[kept]
    positives = float(truth.sum())
    limits = [wilson(float(rate) * positives, positives, level) for rate in y]
    return Series(
        name=name,
        x=tuple(float(value) for value in x),
        y=tuple(float(value) for value in y),
        low=tuple(min(one.low, float(v)) for one, v in zip(limits, y, strict=True)) if band else None,
        high=tuple(max(one.high, float(v)) for one, v in zip(limits, y, strict=True)) if band else None,
    )


def _drawn(series: list[Series]) -> Curve:
    return Curve(
        title="ROC curve",
        x_label="false positive rate",
        y_label="true positive rate",
        series=tuple(series),
        diagonal=True,
        unit_square=True,
        caption="Up and to the left is better; the diagonal is chance.",
    )
