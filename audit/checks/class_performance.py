"""Precision, recall and F1 of each class."""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import of_metrics
from audit.estimate.measure import by_class
from audit.evidence import Predictions
from audit.exhibits import by_address_table, forest, lowest_first
from reports.record import Measurement

FEW_CLASSES = 30
"""Classes that are drawn in their order; of more, those of the lowest recall are."""


@check(
    title="Performance by class",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("Wilson 1927",),
)
def class_performance(predictions: Predictions) -> Measurement:
    """Measure each class against the rest.

    Reading. Recall is the share of a class's rows that are found; precision is the share of rows labeled so
    that are right. A class with low recall is neglected, however high the overall accuracy is.

    Limits. A class with few rows has a wide interval; one without rows has no recall.
    """
    test = predictions.select(split="test")
    measured = by_class(test, ("recall", "precision", "f1"))
    recalls = of_metrics(measured, "recall")
    known = [recall for recall in recalls if recall.value is not None]
    weakest = min(known, key=lambda estimate: estimate.value or 0.0, default=None)
    text = (
        "No class could be measured."
        if weakest is None
        else f"Weakest recall: class {weakest.where['class']}, {weakest}."
    )
    ranked = lowest_first(measured, "recall", FEW_CLASSES)
    drawn = of_metrics(ranked, "recall")[:FEW_CLASSES]
    caption = f"The {FEW_CLASSES} lowest of {len(recalls)} classes." if len(recalls) > FEW_CLASSES else ""
    return Measurement(
        summary=text,
        estimates=measured,
        exhibits=(
            forest("Recall by class", drawn, x_label="recall", min_n=test.settings.min_n, caption=caption),
            by_address_table("By class", ranked, first="class", folded=len(recalls) > 12),
        ),
    )
