"""How far groups are apart in what the model decides and in how often it errs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from audit.check import check
from audit.estimate.disparity import extremes
from audit.estimate.influence import carries
from audit.estimate.making import exact, of_metrics
from audit.estimate.measure import (
    by_group,
    differences,
    outcome_directions,
    ratios_to,
    ratios_to_highest,
    reference_group,
)
from audit.estimate.metrics import metrics_for
from audit.evidence import Predictions
from audit.exhibits import by_address_table, forest, label
from reports.phrases import metric_words
from reports.record import Estimate, Exhibit, Measurement


@check(
    title="Disparities among groups",
    family="fairness",
    tasks=("binary", "multiclass"),
    references=(
        "Hardt, Price and Srebro 2016",
        "29 CFR 1607.4(D)",
        "Hsu 1984 (comparisons with the best)",
        "Newcombe 1998",
    ),
    requires=("sensitive",),
)
def disparities(predictions: Predictions) -> Measurement:
    """Subtract and divide rates of groups, each with an interval.

    Reading. The selection rate is the rate of the favorable outcome; where nobody said which outcome is
    favorable, the rates of both are compared, the second under the name of its class. The selection rate
    ratio compares each group with the most selected one (or a named reference);
    differences compare each group with the reference group, the largest unless another is named. Zero, or
    a ratio of one, is not a gap. The interval of a ratio to the best accounts for the choice of the best
    from the data.

    Limits. Which gap matters is a choice that people must make: criteria conflict, and equal error rates
    do not follow from equal selection rates. A gap is not proof of harm, and finding no gap is not proof
    that there is none.
    """
    test = predictions.select(split="test")
    names = [name for name in metrics_for("gaps", test.task) if carries(test, name)]
    estimates: list[Estimate] = []
    exhibits: list[Exhibit] = []
    for features in test.crossings():
        groups = by_group(test, names, features)
        gaps, drawn = _gaps(groups, features, test)
        estimates += gaps
        if test.task == "binary" and len(features) == 1:
            estimates += extremes(groups, features[0], test.settings.min_n)
        exhibits += drawn
    estimates += _direction(test)
    return Measurement(summary=_summary(estimates), estimates=tuple(estimates), exhibits=tuple(exhibits))


def _gaps(
    groups: tuple[Estimate, ...], features: tuple[str, ...], test: Predictions
) -> tuple[list[Estimate], list[Exhibit]]:
    by = " × ".join(features)
    reference = reference_group(test, features)
    apart = differences(groups, reference, test.settings.min_n)
    text = label(reference)
    exhibits: list[Exhibit] = []
    ratios: list[Estimate] = []
    if test.task == "binary":
        rates = of_metrics(groups, "selection_rate")
        named = all(feature in test.settings.reference for feature in features)
        ratios = _ratios(rates, reference if named else None, test)
        held = text if named else "the most selected group"
        exhibits.append(
            forest(
                f"Selection rate ratio by {by}",
                ratios,
                x_label=f"ratio to {held}",
                reference=1.0,
                log_scale=True,
                min_n=test.settings.min_n,
                caption="0.8 and 1.25 are marked: the screening convention of four fifths.",
            )
        )
    for metric in ("true_positive_rate_difference", "error_rate_difference"):
        lines = of_metrics(apart, metric)
        if lines and len(features) == 1:
            exhibits.append(
                forest(
                    f"{metric_words(metric)} by {by}",
                    lines,
                    x_label=f"difference from {text}",
                    reference=0.0,
                    min_n=test.settings.min_n,
                )
            )
    exhibits.append(
        by_address_table(f"Gaps by {by}, compared with {text}", [*ratios, *apart], folded=len(features) > 1)
    )
    rates = of_metrics(groups, "selection_rate")
    return [*rates, *ratios, *_other_direction(features, reference, test), *apart], exhibits


def _ratios(rates: list[Estimate], reference: Mapping[str, str] | None, test: Predictions) -> list[Estimate]:
    """Compare rates with the named reference, else with the highest."""
    estimates = (
        ratios_to_highest(rates, test.settings.min_n)
        if reference is None
        else ratios_to(rates, reference, test.settings.min_n)
    )
    return list(estimates)


def _other_direction(features: tuple[str, ...], reference: Mapping[str, str], test: Predictions) -> list[Estimate]:
    """Compare rates of the negative class too, where nobody said which class is favorable."""
    named = all(feature in test.settings.reference for feature in features)
    estimates: list[Estimate] = []
    for class_ in outcome_directions(test)[1:]:
        rates = list(by_group(test, ("selection_rate",), features, class_=class_))
        estimates += [*rates, *_ratios(rates, reference if named else None, test)]
    return estimates


def _direction(test: Predictions) -> list[Estimate]:
    """Say whether somebody stated which outcome is good for the person."""
    if test.task != "binary":
        return []
    both = exact("favorable_outcome_not_stated", len(outcome_directions(test)) - 1, test.where, unit="count")
    return [replace(both, level=test.settings.level)]


def _summary(estimates: list[Estimate]) -> str:
    ratios = [
        estimate
        for estimate in of_metrics(estimates, "selection_rate_ratio")
        if estimate.value is not None and "class" not in estimate.where
    ]
    if ratios:
        lowest = min(ratios, key=lambda estimate: estimate.value or 0.0)
        return f"Lowest selection rate ratio: {label(lowest.where)}, {lowest}."
    known = [estimate for estimate in estimates if estimate.value is not None]
    widest = max(known, key=lambda estimate: abs(estimate.value or 0.0), default=None)
    return (
        "No gap could be measured."
        if widest is None
        else f"Widest gap: {widest.metric}, {label(widest.where)}, {widest}."
    )
