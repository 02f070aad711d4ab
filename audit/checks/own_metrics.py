"""What a metric of the user's own says of all test rows, of each group, and of the gaps among them."""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.measure import by_group, differences, estimates, reference_group
from audit.evidence import OwnMetric, Predictions
from audit.evidence.requirements import require_evidence
from audit.exhibits import by_address_table, estimates_table
from reports.phrases import metric_words
from reports.record import Estimate, Exhibit, Measurement


@check(
    title="Metrics of your own",
    family="performance",
    references=("Shao and Wu 1989, A general theory for jackknife variance estimation",),
)
def own_metrics(predictions: Predictions) -> Measurement:
    """Measure the metrics that the user's own code computes, over all test rows and by group.

    Reading. The number is what the function returned for these rows. The interval says how far it might be
    off by chance: parts of the rows are left out in turn, and the change of the number shows how much it depends
    on them.

    Limits. The code is the user's own; it ran in this audit and nothing is known of whether it is right. A
    number without an interval says why, and no gate passes on it.
    """
    test = predictions.select(split="test")
    names = tuple(test.settings.metrics)
    if not names:
        raise NotApplicable(
            'needs a metric of your own: name one in [metrics], for example gain = "my_package.metrics:gain"'
        )
    require_evidence("test", predictions=test)
    overall = estimates(test, names)
    measured: list[Estimate] = list(overall)
    exhibits: list[Exhibit] = [estimates_table("Metrics of your own", overall)]
    for features in test.crossings():
        groups = by_group(test, names, features)
        gaps = differences(groups, reference_group(test, features), test.settings.min_n)
        measured += [*groups, *gaps]
        by = " × ".join(features)
        exhibits.append(by_address_table(f"Metrics of your own by {by}", [*groups, *gaps], folded=len(features) > 1))
    first = overall[0]
    notes = tuple(_tell(name, metric) for name, metric in test.settings.metrics.items())
    return Measurement(
        summary=f"{metric_words(first.metric)} is {first} on {test.total:,} test rows.",
        estimates=tuple(measured),
        exhibits=tuple(exhibits),
        notes=notes,
    )


def _tell(name: str, metric: OwnMetric) -> str:
    """Say whose code a metric is."""
    if ":" not in metric.origin:
        return f"{name} is scikit-learn's scorer {metric.origin}"
    return f"{name} is {metric.origin}: code of the user's own, which ran in this audit"
