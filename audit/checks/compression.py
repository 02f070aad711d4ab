"""Does compression cost anything, and for whom?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.comparing import gain
from audit.estimate.compressed import excess_losses
from audit.estimate.influence import metric_of, scaled_headline
from audit.estimate.measure import groups
from audit.estimate.paired import align_predictions, churn, paired_by_group, paired_difference
from audit.evidence import Perturbed, Predictions
from audit.exhibits import by_address_table
from reports.record import Estimate, Measurement


@check(
    title="Compression",
    family="compression",
    references=(
        "Hooker et al. 2020, Characterising bias in compressed models",
        "Tango 1998, Equivalence test and confidence interval for the difference in proportions",
    ),
)
def compression(compressed: Perturbed) -> Measurement:
    """Compare a compressed model with its source, row by row: loss, excess loss of each group, churn.

    Reading. The loss is the source's metric minus the compressed model's (of an error, the other way round),
    above zero where compression costs something. A group's excess loss is its own loss minus that of all other
    rows. Churn is the share of rows whose decision changed. Of probabilities, the calibration shift is by how much
    the mean score moved away from the same outcomes, for all rows and by group.

    Limits. Paired numbers describe these rows. In a group of few rows the excess loss is not settled. Latency and size
    depend on the machine and are in the notes of modelassay compress, not here.
    """
    if not compressed.names:
        raise NotApplicable("the compressed model returned no predictions")
    pair = compressed.pair(compressed.names[0])
    before, after = pair.before, pair.after
    regression = before.task == "regression"
    group_metric = "r2_score" if regression else "accuracy"
    headline = scaled_headline(before)
    loss = _loss(before, after, headline)
    estimates: list[Estimate] = [loss]
    if not regression:
        estimates.append(churn(before, after))
    estimates += _calibration_shift(before, after)
    for features in before.crossings():
        estimates += excess_losses(before, after, group_metric, features, positive=True)
        if len(features) == 1:
            estimates += paired_by_group(before, after, [group_metric], features)
            estimates += [] if regression else _churn_by_group(before, after, features)
    text = "not known" if loss.value is None else f"{loss.value:.3f}"
    return Measurement(
        summary=f"Compression costs {text} of {headline.replace('_', ' ')}.",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Compressed model against its source", estimates, first="metric"),),
        notes=compressed.notes,
    )


def _loss(before: Predictions, after: Predictions, name: str) -> Estimate:
    """Turn the paired difference so that more is worse."""
    return gain(paired_difference(before, after, name), metric_of(before, name).better, "compression_loss")


def _calibration_shift(before: Predictions, after: Predictions) -> list[Estimate]:
    """Measure how far the gap between mean score and share of positives moved, for all rows and by group."""
    if before.task != "binary" or not all(part.probabilities and part.y_score is not None for part in (before, after)):
        return []
    estimates = [paired_difference(after, before, "mean_calibration_gap")]
    for feature in before.sensitive:
        estimates += paired_by_group(after, before, ["mean_calibration_gap"], (feature,))
    return [replace(estimate, metric="calibration_shift") for estimate in estimates]


def _churn_by_group(before: Predictions, after: Predictions, features: tuple[str, ...]) -> list[Estimate]:
    predictions, other = align_predictions(before, after)
    estimates = []
    for levels, rows in groups(predictions, features):
        where = dict(zip(features, levels, strict=True))
        if not predictions.settings.why_hidden(where, len(rows)):
            estimates.append(
                replace(churn(predictions.take(rows), other.take(rows)), where={**predictions.where, **where})
            )
    return estimates
