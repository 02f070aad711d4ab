"""Do probabilities come true for every group?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.measure import by_group
from audit.evidence import Predictions
from audit.exhibits import by_address_table, forest, label
from reports.record import Estimate, Exhibit, Measurement


@check(
    title="Calibration by group",
    family="fairness",
    tasks=("binary",),
    references=("Pleiss et al. 2017, On fairness and calibration",),
    requires=("sensitive", "probabilities"),
)
def group_calibration(predictions: Predictions) -> Measurement:
    """Subtract a group's rate of positives from its mean score.

    Reading. Above zero the model expects more positives in the group than there are, below zero fewer.

    Limits. A mean can be right where high and low scores are both wrong. Groups with other base rates cannot
    at once be calibrated and have equal error rates.
    """
    test = predictions.select(split="test")
    estimates: list[Estimate] = []
    exhibits: list[Exhibit] = []
    for features in test.crossings():
        gaps = by_group(test, ("mean_calibration_gap",), features)
        by = " × ".join(features)
        estimates += gaps
        exhibits.append(
            forest(
                f"Mean score minus rate by {by}",
                gaps,
                x_label="mean score minus rate",
                reference=0.0,
                min_n=test.settings.min_n,
            )
        )
        exhibits.append(by_address_table(f"Calibration by {by}", gaps, folded=True))
    known = [estimate for estimate in estimates if estimate.value is not None]
    widest = max(known, key=lambda estimate: abs(estimate.value or 0.0), default=None)
    text = "No group could be measured." if widest is None else f"Largest gap: {label(widest.where)}, {widest}."
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=tuple(exhibits))
