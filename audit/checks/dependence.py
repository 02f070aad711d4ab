"""How the output goes with the strongest features."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.evidence import Predictions
from audit.explain.dependence import Dependence, Interaction, Shapes
from audit.explain.importance import band, resampled_means
from audit.statistics.variance import mean
from reports.record import Bar, Bars, Curve, Estimate, Exhibit, Measurement, Series, Table

LINES = 5
MOST_PAIRS = 10


@check(
    by_column=True,
    title="Dependence on the strongest features",
    family="explanations",
    references=(
        "Friedman 2001, Greedy Function Approximation: A Gradient Boosting Machine (partial dependence)",
        "Goldstein et al. 2015, Peeking Inside the Black Box (individual conditional expectation)",
        "Friedman and Popescu 2008, Predictive Learning via Rule Ensembles (interactions)",
    ),
)
def dependence(dependence: Shapes, predictions: Predictions) -> Measurement:
    """Show how the model's output goes with each of the strongest features, other features as they are.

    Reading. The thick line is the mean output over test rows when the feature is set to a value (partial
    dependence), with its interval; the thin lines are single rows. The range is the highest mean less the
    lowest. The interaction of a pair says how much the effect of one depends on the other, in units of the
    outputs' mean deviation from their base; 0 where the model adds up over the two.

    Limits. Features that go together in reality are moved apart here, so parts of a line may describe rows that
    do not occur. The lines describe the model, not what a change would bring about.
    """
    if not dependence.dependences:
        raise NotApplicable("no feature was varied")
    level = predictions.settings.level
    ranges = [_range(effect, level) for effect in dependence.dependences]
    crossed = [
        _interaction(interaction, dependence.spread, level) for interaction in dependence.interactions[:MOST_PAIRS]
    ]
    exhibits = [_exhibit(effect, level) for effect in dependence.dependences]
    if dependence.interactions:
        exhibits.append(_pairs(dependence.interactions[:MOST_PAIRS], crossed))
    widest = max(ranges, key=lambda estimate: estimate.value or 0.0)
    return Measurement(
        summary=f"Over its values, {widest.where['feature']} moves the mean output most, by {widest}.",
        estimates=(*ranges, *crossed),
        exhibits=tuple(exhibits),
        notes=dependence.notes,
    )


def _range(dependence: Dependence, level: float) -> Estimate:
    """Return the highest mean less the lowest, between the two places where they stand."""
    line = dependence.curves.mean(axis=0)
    top, bottom = int(np.argmax(line)), int(np.argmin(line))
    rise = dependence.curves[:, top] - dependence.curves[:, bottom]
    span = mean(rise, level=level)
    value = float(rise.mean())
    return with_interval(
        "dependence_range",
        value,
        span or (value, value),
        {"split": "test", "feature": dependence.feature},
        method="t over rows" if span is not None else "all rows alike",
        n=len(rise),
        unit=dependence.unit,
        level=level,
    )


def _interaction(interaction: Interaction, spread: float, level: float) -> Estimate:
    where = {"split": "test", "feature": f"{interaction.first} × {interaction.second}"}
    if spread <= 1e-12:
        return absent("interaction_strength", where, "the output does not move", unit="")
    by_row = interaction.strength / spread
    limits = band(by_row.mean(keepdims=True), resampled_means(by_row[:, None], seed=0), level)
    return with_interval(
        "interaction_strength",
        float(limits.value[0]),
        (float(limits.low[0]), float(limits.high[0])),
        where,
        method="bootstrap over rows",
        n=len(by_row),
        unit="score",
        level=level,
    )


def _exhibit(dependence: Dependence, level: float) -> Exhibit:
    line = dependence.curves.mean(axis=0)
    limits = band(line, resampled_means(dependence.curves, seed=0), level)
    caption = "Mean over rows with its interval"
    if not dependence.numeric or len(dependence.grid) < 2:
        bars = tuple(
            Bar(label=label, value=float(line[k]), low=float(limits.low[k]), high=float(limits.high[k]))
            for k, label in enumerate(dependence.labels)
        )
        return Bars(
            title=f"Output by {dependence.feature}",
            x_label=f"mean output ({dependence.unit})",
            bars=bars,
            caption=f"{caption}.",
        )
    x = tuple(float(value) for value in dependence.grid)
    average = Series(
        name="mean",
        x=x,
        y=tuple(float(value) for value in line),
        low=tuple(float(value) for value in limits.low),
        high=tuple(float(value) for value in limits.high),
    )
    return Curve(
        title=f"Output by {dependence.feature}",
        x_label=dependence.feature,
        y_label=f"output ({dependence.unit})",
        series=(average, *_single(dependence, x)),
        caption=f"{caption}; dashed: single rows, from the lowest to the highest output.",
    )


def _single(dependence: Dependence, x: tuple[float, ...]) -> tuple[Series, ...]:
    """Pick rows evenly along the order of their mean output."""
    order = np.argsort(dependence.curves.mean(axis=1), kind="stable")
    picked = order[np.unique(np.linspace(0, len(order) - 1, LINES).round().astype(int))]
    return tuple(
        Series(name=f"row {number + 1}", x=x, y=tuple(float(v) for v in dependence.curves[row]), style="dashed")
        for number, row in enumerate(picked)
    )


def _pairs(pairs: tuple[Interaction, ...], estimates: list[Estimate]) -> Table:
    return Table(
        title="Pairs whose effects depend on each other",
        columns=("first", "second", "strength", "low", "high"),
        rows=tuple(
            (interaction.first, interaction.second, e.value, e.low, e.high)
            for interaction, e in zip(pairs, estimates, strict=True)
        ),
        caption="Strength in units of the outputs' mean deviation from their base.",
        folded=True,
    )
