"""Gradients, dead units and input scales: is the network able to learn?"""

from __future__ import annotations

import math

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.training import sign_estimates
from audit.evidence import HistoryRow
from audit.statistics.training import diagnose
from reports.record import Cell, Curve, Exhibit, Measurement, Series, Table

MOST_POINTS = 100


QUANTITIES = frozenset(
    {
        "first_to_last_gradient",
        "early_to_late_step_gradient",
        "epochs_not_finite",
        "largest_gradient_norm",
        "clipped_share",
        "dead_units",
        "input_scale_ratio",
    }
)


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

    Reading. Gradients that are hundreds of times smaller in the first layer than in the last, before training or in
    most epochs, leave the first layer untrained for long; so do those of early steps in a recurrent network.
    Gradients that grow without bound, or that are clipped at most steps, make training a matter of luck. A unit that
    is never or always active carries no information. Inputs whose scales lie far apart let the large ones hide the
    small ones.

    Limits. Norms are those of one step an epoch; networks may recover from what a single epoch shows, so
    medians over epochs are taken. Which ratio is healthy depends on the architecture.
    """
    signs = [sign for sign in diagnose(history) if sign.quantity in QUANTITIES]
    estimates = sign_estimates(signs)
    if not estimates:
        raise NotApplicable(
            "needs a training history with gradients, unit activity or input scales; networks of trainers record these"
        )
    measured = [sign for sign in signs if sign.value is not None]
    first = [f"{sign.title}: {sign.evidence}" for sign in measured if sign.quantity != "epochs_not_finite"][:1]
    layers = _layers(history, "gradient_norm")
    shown = [sign for sign in signs if sign.value is not None or sign.layer]
    rows: list[tuple[Cell, ...]] = [(s.title, s.layer, s.value, s.evidence, s.remedy) for s in shown]
    columns = ("sign", "layer", "value", "what was seen", "what to do beyond the limit")
    exhibits: list[Exhibit] = [_curves(history, layers)] if layers else []
    return Measurement(
        summary=f"{first[0] if first else measured[0].evidence}.",
        estimates=estimates,
        exhibits=(*exhibits, Table(title="Signs", columns=columns, rows=tuple(rows))),
    )


def _values(history: tuple[HistoryRow, ...], quantity: str) -> list[tuple[int, float]]:
    return [
        (row.epoch, row.value)
        for row in history
        if row.quantity == quantity and row.epoch > 0 and row.value is not None
    ]


def _layers(history: tuple[HistoryRow, ...], quantity: str) -> list[str]:
    """Name the layers of a quantity in the order from input to output."""
    prefix = f"{quantity}:"
    return list(dict.fromkeys(row.quantity[len(prefix) :] for row in history if row.quantity.startswith(prefix)))


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
