"""Gradients, dead units and input scales: is the network able to learn?"""

from __future__ import annotations

import math
import statistics

from audit.check import check
from audit.errors import NotApplicable
from audit.evidence import HistoryRow
from reports.record import Cell, Curve, Estimate, Exhibit, Measurement, Series, Table

MOST_POINTS = 100


@check(
    title="Training dynamics",
    family="training",
    references=(
        "Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
        "Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks",
        "He et al. 2015, Delving deep into rectifiers",
    ),
)
def training_dynamics(history: tuple[HistoryRow, ...]) -> Measurement:
    """Read gradient norms by layer, shares of dead units and the scale of the inputs from the history.

    Reading. Gradients that are thousands of times smaller in the first layer than in the last leave the first
    untrained; gradients that grow without bound, or that are clipped at most steps, make training a matter
    of luck. A unit that is never or always active carries no information. Inputs whose scales lie far apart
    let the large ones drown the small ones.

    Limits. Norms are those of one step an epoch; networks may recover from what a single epoch shows, so
    medians over epochs are taken. Which ratio is healthy depends on the architecture.
    """
    layers = _layers(history, "gradient_norm")
    made = [*_gradients(history, layers), *_dead(history), *_scales(history)]
    if not made:
        raise NotApplicable("the history holds no gradients, units or input scales")
    told = [str(one.metric).replace("_", " ") + f" {one.value:.3g}" for one in made if one.value is not None][:3]
    exhibits: list[Exhibit] = [_curves(history, layers)] if len(layers) > 0 else []
    return Measurement(
        summary=f"Training: {', '.join(told)}.", estimates=tuple(made), exhibits=(*exhibits, _table(made))
    )


def _values(history: tuple[HistoryRow, ...], quantity: str) -> list[tuple[int, float]]:
    return [(one.epoch, one.value) for one in history if one.quantity == quantity and one.value is not None]


def _layers(history: tuple[HistoryRow, ...], quantity: str) -> list[str]:
    """Name the layers of a quantity in the order from input to output."""
    prefix = f"{quantity}:"
    return list(dict.fromkeys(one.quantity[len(prefix) :] for one in history if one.quantity.startswith(prefix)))


def _exact(metric: str, value: float, unit: str, layer: str = "") -> Estimate:
    where = {"split": "train", "layer": layer} if layer else {}
    return Estimate(metric=metric, value=value, low=value, high=value, method="count", unit=unit, where=where)


def _gradients(history: tuple[HistoryRow, ...], layers: list[str]) -> list[Estimate]:
    made = []
    stopped = any(one.quantity == "not_finite" and one.value for one in history)
    lost = sum(
        one.value is None for one in history if one.quantity in {"loss"} or one.quantity.startswith("gradient_norm")
    )
    if layers or stopped or lost:
        made.append(_exact("epochs_not_finite", float(lost + stopped), "count"))
    norms = {layer: dict(_values(history, f"gradient_norm:{layer}")) for layer in layers}
    largest = max((value for series in norms.values() for value in series.values()), default=None)
    if largest is not None:
        made.append(_exact("largest_gradient_norm", largest, ""))
    clipped = [value for _, value in _values(history, "clipped_share")]
    if clipped:
        made.append(_exact("clipped_share", statistics.fmean(clipped), "proportion"))
    if len(layers) >= 2:
        first, last = norms[layers[0]], norms[layers[-1]]
        ratios = [first[epoch] / last[epoch] for epoch in first if last.get(epoch, 0.0) > 0]
        if ratios:
            made.append(_exact("first_to_last_gradient", statistics.median(ratios), "ratio"))
    return made


def _dead(history: tuple[HistoryRow, ...]) -> list[Estimate]:
    """Return the share of dead units of each layer at the end of training."""
    made = []
    for layer in _layers(history, "dead_units"):
        series = _values(history, f"dead_units:{layer}")
        if series:
            made.append(_exact("dead_units", series[-1][1], "proportion", layer))
    return made


def _scales(history: tuple[HistoryRow, ...]) -> list[Estimate]:
    found = _values(history, "input_scale_ratio")
    return [_exact("input_scale_ratio", found[-1][1], "ratio")] if found else []


def _curves(history: tuple[HistoryRow, ...], layers: list[str]) -> Curve:
    series = []
    for layer in layers:
        rows = [(epoch, value) for epoch, value in _values(history, f"gradient_norm:{layer}") if value > 0]
        kept = rows[:: max(1, math.ceil(len(rows) / MOST_POINTS))]
        if kept:
            x, y = tuple(float(epoch) for epoch, _ in kept), tuple(math.log10(value) for _, value in kept)
            series.append(Series(name=layer, x=x, y=y))
    return Curve(
        title="Gradient norm by layer",
        x_label="epoch",
        y_label="log10 of the gradient norm",
        series=tuple(series[:8]),
        caption="Layers from input to output; the first eight are drawn." if len(series) > 8 else "",
    )


def _table(made: list[Estimate]) -> Table:
    rows: list[tuple[Cell, ...]] = [(one.metric, one.where.get("layer", ""), one.value) for one in made]
    return Table(title="What the history shows", columns=("quantity", "layer", "value"), rows=tuple(rows))
