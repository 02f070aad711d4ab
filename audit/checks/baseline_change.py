"""Is the model no worse than the one before?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.comparing import baseline as comparison
from audit.comparing.pairing import unpack
from audit.estimate.measure import by_group, estimates
from audit.estimate.metrics import metrics_for
from audit.evidence import Predictions
from reports.record import AuditRecord, Estimate, Measurement, Pairing


@check(
    title="Change since the baseline",
    family="comparison",
    references=(
        "Tango 1998, Equivalence test and confidence interval for the difference in proportions",
        "DeLong, DeLong and Clarke-Pearson 1988",
        "Fagerland, Lydersen and Laake 2013, The McNemar test for binary matched-pairs data",
    ),
    requires=("test",),
)
def baseline_change(predictions: Predictions, baseline: AuditRecord, pairing: Pairing | None = None) -> Measurement:
    """Subtract the baseline's metrics from this model's, row by row where both answered the same rows.

    Reading. A gain above zero is better, whatever the metric. "No worse than before" is not "the score did
    not drop": a model of exactly equal quality drops half of the time. The gate asks whether the whole
    interval of the gain lies above minus the margin. Churn is the share of rows whose decision changed.

    Limits. Paired numbers describe these rows; a test set that many models were chosen by wears out. Where
    rows cannot be paired, the two audits count as independent samples, and many more losses stay unsettled.
    """
    test = predictions.select(split="test")

    own = {name: metric.better for name, metric in test.settings.metrics.items()}

    def independent() -> Measurement:
        estimates = comparison.first_by_address(_measure(test))
        measurement = comparison.unpaired_gains(
            estimates, comparison.by_address(baseline), test.headline, test.task, own
        )
        return comparison.with_key_note(measurement, pairing, baseline.pairing)

    if pairing is None or baseline.pairing is None or not comparison.is_paired(pairing, baseline.pairing):
        return independent()
    settings = replace(test.settings, headline=test.headline)
    new, old = (unpack(kept, test.task, test.classes, settings) for kept in (pairing, baseline.pairing))
    return comparison.paired_gains(new, old, pairing, independent)


def _measure(test: Predictions) -> list[Estimate]:
    """Measure what is compared as of independent samples: every metric by group, few of them in crossings."""
    names = tuple(dict.fromkeys((test.headline, *metrics_for("comparison", test.task), *test.settings.metrics)))
    measured = [*estimates(test, names)]
    for features in test.crossings():
        few = names if len(features) == 1 else names[: comparison.IN_CROSSINGS]
        measured += by_group(test, few, features)
    return measured
