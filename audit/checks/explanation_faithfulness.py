"""Whether explanations say what the model does."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.estimate.making import absent, bare, with_interval
from audit.evidence import Attributions, Predictions
from audit.explain.deletion import DeletionCurves
from audit.explain.importance import band, rank_correlation, resampled_means
from audit.statistics.variance import mean
from reports.record import Curve, Estimate, Measurement, Series

WHERE = {"split": "test"}


@check(
    by_column=True,
    title="Faithfulness of explanations",
    family="explanations",
    references=(
        "Petsiuk, Das and Saenko 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models",
        "Sundararajan, Taly and Yan 2017, Axiomatic Attribution for Deep Networks (completeness)",
        "Samek et al. 2017, Evaluating the Visualization of What a Deep Neural Network Has Learned",
        "Adebayo et al. 2018, Sanity Checks for Saliency Maps",
    ),
    requires=("attributions",),
)
def explanation_faithfulness(
    attributions: tuple[Attributions, ...],
    predictions: Predictions,
    deletion: DeletionCurves | None = None,
    randomized: Attributions | None = None,
) -> Measurement:
    """Compare attributions with the model: do they add up, and does deleting what they name matter?

    Reading. The completeness residual is how far the attributions of a row are from adding up to the
    model's output, relative to how far outputs lie from their base; 0 is exact. The deletion advantage is
    how much faster the output falls when features are deleted in the order of their attributions than in
    random order, in the same unit; above 0 the order matters to the model. Networks: the
    similarity is the rank correlation of a row's attributions with those of the same network after its
    weights were shuffled; near 1, the explanation does not depend on what the network learned.

    Limits. Values by permutation or enumeration add up by construction, so their residual says nothing about
    their noise: see the stability. Deleting means replacing by other rows' values, which can make rows that
    do not occur.
    """
    first, level = attributions[0], predictions.settings.level
    residual = _residual(first, level)
    sanity = () if randomized is None else (_similarity(first, randomized, level),)
    if deletion is None:
        return Measurement(
            summary=f"The attributions miss the model's output by {residual} of its spread.",
            estimates=(residual, *sanity),
            notes=(f"method: {first.method}", "deletion was not tried", *first.notes),
        )
    advantage = _advantage(deletion, level)
    return Measurement(
        summary=(
            f"The attributions miss the model's output by {residual} of its spread; deleting by their order lowers "
            f"the output by {advantage} of it more than deleting at random."
        ),
        estimates=(residual, advantage, *sanity),
        exhibits=(_curve(deletion),),
        notes=(f"method: {first.method}", *deletion.notes),
    )


def _residual(first: Attributions, level: float) -> Estimate:
    if first.base is None or first.output is None:
        return absent(
            "completeness_residual", WHERE, "this attribution method does not promise to add up to the output", unit=""
        )
    error = np.abs(first.values.sum(axis=1) + first.base - first.output)
    spread = np.abs(first.output - first.base)
    if spread.mean() <= 1e-12:
        reason = "the output does not move from its base"
        return absent("completeness_residual", WHERE, reason, n=len(error), unit="")
    drawn = resampled_means(np.column_stack([error, spread]), seed=first.seed)
    ratio = drawn[:, 0] / np.maximum(drawn[:, 1], 1e-300)
    value = float(error.mean() / spread.mean())
    limits = band(np.array([value]), ratio[:, None], level)
    return with_interval(
        "completeness_residual",
        value,
        (float(limits.low[0]), float(limits.high[0])),
        WHERE,
        method="bootstrap over rows",
        n=len(error),
        unit="score",
        level=level,
    )


def _advantage(deletion: DeletionCurves, level: float) -> Estimate:
    metric, by_row = "deletion_advantage", deletion.advantage()
    if deletion.deleted.shape[1] < 3 or deletion.spread <= 0:
        reason = "one feature has no order" if deletion.spread > 0 else "the output does not move from its base"
        return absent(metric, WHERE, reason, n=len(by_row), unit="")
    span = mean(by_row, level=level)
    value = float(by_row.mean())
    if span is None:
        reason = "one row, or all rows alike: the spread is not known"
        return bare(metric, value, WHERE, reason, n=len(by_row), unit="difference")
    return with_interval(
        metric,
        value,
        span,
        WHERE,
        method="paired t over rows",
        n=len(by_row),
        unit="difference",
        level=level,
    )


def _similarity(first: Attributions, other: Attributions, level: float) -> Estimate:
    """Compare each row's attributions before and after the weights were shuffled."""
    metric, n = "randomization_similarity", min(len(first.values), len(other.values))
    by_row = rank_correlation(first.values[:n], other.values[:n])
    by_row = by_row[np.isfinite(by_row)]
    if not len(by_row):
        return absent(metric, WHERE, "no row has a ranking to compare", unit="")
    value, span = float(by_row.mean()), mean(by_row, level=level)
    return with_interval(
        metric,
        value,
        span,
        WHERE,
        method="t over rows",
        n=len(by_row),
        unit="score",
        level=level,
        bounds=(-1.0, 1.0),
    )


def _curve(deletion: DeletionCurves) -> Curve:
    x = tuple(float(size) for size in deletion.sizes)
    lines = (
        ("deleted, strongest first", deletion.deleted, "line"),
        ("deleted at random", deletion.random, "dashed"),
        ("put back, strongest first", deletion.inserted, "line"),
    )
    return Curve(
        title="Output while features are deleted or put back",
        x_label="share of features",
        y_label="mean output, toward each row's own side",
        series=tuple(
            Series(name=name, x=x, y=tuple(float(y) for y in values.mean(axis=0)), style=style)  # type: ignore[arg-type]
            for name, values, style in lines
        ),
        caption="The further the first line lies below the dashed one, the more the order means to the model.",
    )
