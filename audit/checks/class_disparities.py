"""Gaps among groups, class by class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.check import check
from audit.estimate.making import of_metrics
from audit.estimate.measure import by_group, differences, ratios_to, ratios_to_highest, reference_group
from audit.evidence import Predictions
from audit.exhibits import by_address_table, label, lowest_first
from reports.record import Estimate, Exhibit, Measurement

FEW = 30
"""Classes and groups that are listed in their order; of more, the lowest ratios come first."""


@check(
    title="Disparities by class",
    family="fairness",
    tasks=("multiclass",),
    references=("Putzel and Lee 2022",),
    requires=("sensitive",),
)
def class_disparities(predictions: Predictions) -> Measurement:
    """Compare groups with each other for every class, one class against the rest.

    Reading. For each class: how often a group is labeled so, as a ratio to the group labeled so most often,
    and how often its true members are found, as a difference from the reference group.

    Limits. Many classes and groups make many small cells with wide intervals; those under the least number
    of rows are not assessed.
    """
    test = predictions.select(split="test")
    estimates: list[Estimate] = []
    for code, name in enumerate(test.classes):
        against = _against_the_rest(test, code)
        for features in test.crossings():
            estimates += [_at_class(gap, name) for gap in _gaps(against, features)]
    known = [ratio for ratio in of_metrics(estimates, "selection_rate_ratio") if ratio.value is not None]
    lowest = min(known, key=lambda estimate: estimate.value or 0.0, default=None)
    text = (
        "No gap could be measured."
        if lowest is None
        else f"Lowest ratio of class rates: {label(lowest.where)}, {lowest}."
    )
    exhibits: tuple[Exhibit, ...] = (
        by_address_table("Gaps by class and group", lowest_first(estimates, "selection_rate_ratio", FEW), folded=True),
    )
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=exhibits)


def _against_the_rest(test: Predictions, code: int) -> Predictions:
    return replace(
        test,
        task="binary",
        classes=("other", test.classes[code]),
        y_true=(test.y_true == code).astype(np.int64),
        y_pred=(test.y_pred == code).astype(np.int64),
        y_score=None,
        probabilities=False,
        settings=replace(test.settings, favorable=""),
    )


def _gaps(test: Predictions, features: tuple[str, ...]) -> list[Estimate]:
    groups = by_group(test, ("selection_rate", "true_positive_rate"), features)
    reference = reference_group(test, features)
    rates = of_metrics(groups, "selection_rate")
    estimates = of_metrics(groups, "true_positive_rate")
    named = all(feature in test.settings.reference for feature in features)
    least = test.settings.min_n
    ratios = ratios_to(rates, reference, least) if named else ratios_to_highest(rates, least)
    return [*rates, *ratios, *differences(estimates, reference, least)]


def _at_class(estimate: Estimate, name: str) -> Estimate:
    return replace(estimate, where={**estimate.where, "class": name})
