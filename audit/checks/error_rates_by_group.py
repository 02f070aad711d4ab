"""The rates that papers and other libraries report by group, beside those that rules look at."""

from __future__ import annotations

from audit.check import check
from audit.estimate.between_curves import between_curves
from audit.estimate.disparity import average_odds_differences
from audit.estimate.measure import by_group, differences, ratios_to, reference_group
from audit.evidence import Predictions
from audit.exhibits import by_address_table, label
from reports.record import Estimate, Exhibit, Measurement

RATES = (
    "false_negative_rate",
    "true_negative_rate",
    "negative_predictive_value",
    "false_discovery_rate",
    "false_omission_rate",
)
ODDS = ("true_positive_rate", "false_positive_rate")


@check(
    title="Further error rates by group",
    family="groups",
    tasks=("binary",),
    references=(
        "Chouldechova 2017, Fair prediction with disparate impact",
        "Bellamy et al. 2018, AI Fairness 360 (average odds difference)",
        "Gardner, Brooks and Baker 2019, Evaluating the fairness of predictive student models (ABROCA)",
    ),
    requires=("sensitive",),
)
def error_rates_by_group(predictions: Predictions) -> Measurement:
    """Measure the rates by group that papers report, with their gaps and ratios to the reference group.

    Reading. Of the rows that are positive, the false negative rate is the share that the model misses; of the rows
    it does not choose, the false omission rate is the share that are positive; of those it chooses, the false
    discovery rate is the share that are not. The average odds difference is the mean of the gaps in true and in
    false positive rate. ABROCA is the area between the ROC curves of a group and of the reference group.

    Limits. These are the same counts as elsewhere in another form, so that they can be compared with other
    reports; no rule looks at them. ABROCA is above 0 by chance alone, the more so the fewer the rows, and has no
    interval.
    """
    test = predictions.select(split="test")
    measured: list[Estimate] = []
    exhibits: list[Exhibit] = []
    for feature in test.sensitive:
        reference, few = reference_group(test, (feature,)), test.settings.min_n
        estimates = by_group(test, (*RATES, *ODDS), (feature,))
        rates = [estimate for estimate in estimates if estimate.metric in RATES]
        gaps = [*differences(rates, reference, few), *ratios_to(rates, reference, few)]
        odds = [*average_odds_differences(estimates, reference, few), *between_curves(test, feature, reference)]
        measured += [*rates, *gaps, *odds]
        text = f"Further error rates by {feature}"
        exhibits.append(by_address_table(text, [*rates, *odds], folded=True))
        exhibits.append(by_address_table(f"{text}, compared with {label(reference)}", gaps, folded=True))
    return Measurement(summary=_summary(measured), estimates=tuple(measured), exhibits=tuple(exhibits))


def _summary(estimates: list[Estimate]) -> str:
    odds = [
        estimate
        for estimate in estimates
        if estimate.metric == "average_odds_difference" and estimate.value is not None
    ]
    if not odds:
        return "No gap in error rates could be measured."
    widest = max(odds, key=lambda estimate: abs(estimate.value or 0.0))
    return f"Widest average odds difference: {label(widest.where)}, {widest}."
