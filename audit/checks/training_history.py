"""Loss curves: did training work, go too far, or stop too soon?"""

from __future__ import annotations

import math

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.training import sign_estimates
from audit.evidence import HistoryRow
from audit.statistics.training import diagnose
from reports.record import Cell, Curve, Exhibit, Measurement, Series, Table

MOST_POINTS = 200


QUANTITIES = frozenset(
    {"training_loss_ratio", "validation_loss_rise", "memorized_share", "late_improvement", "simple_model_lead"}
)


@check(
    title="Training history",
    family="training",
    references=(
        "Prechelt 1998, Early stopping, but when?",
        "Zhang et al. 2017, Understanding deep learning requires rethinking generalization",
    ),
)
def training_history(history: tuple[HistoryRow, ...]) -> Measurement:
    """Read the losses that the model kept from its training.

    Reading. The training loss should fall below what a constant answer has. A validation loss that turns and rises
    while the training loss goes on falling shows overfitting, unless the best weights were put back; one that still
    falls at the end shows that training stopped too soon. A training score under what nearest neighbors or a linear
    model reach on rows they have not seen shows underfitting; without held-out rows, one far above it may be memorized.

    Limits. The curves belong to one run with one seed. Simple models say little about images and texts, where
    networks find what they cannot.
    """
    train, validation = losses(history, "train"), losses(history, "validation")
    if not train:
        raise NotApplicable("needs the training loss by epoch; the history has none")
    signs = [sign for sign in diagnose(history) if sign.quantity in QUANTITIES]
    estimates = sign_estimates(signs, len(train))
    if not estimates:
        raise NotApplicable("needs the training loss of at least two epochs; the history has fewer")
    rows: list[tuple[Cell, ...]] = [(sign.title, sign.value, sign.evidence, sign.remedy) for sign in signs]
    columns = ("sign", "value", "what was seen", "what to do beyond the limit")
    return Measurement(
        summary=f"{signs[0].evidence[:1].upper()}{signs[0].evidence[1:]}.",
        estimates=estimates,
        exhibits=(*_curves(history, train, validation), Table(title="Signs", columns=columns, rows=tuple(rows))),
    )


def losses(history: tuple[HistoryRow, ...], split: str) -> list[tuple[int, float]]:
    """Return (epoch, loss) of a split in order of epochs; epochs whose loss was not a number are left out."""
    rows = [
        row
        for row in history
        if row.split == split and row.quantity == "loss" and row.epoch > 0 and row.value is not None
    ]
    return [(row.epoch, row.value or 0.0) for row in sorted(rows, key=lambda row: row.epoch)]


def _curves(
    history: tuple[HistoryRow, ...], train: list[tuple[int, float]], validation: list[tuple[int, float]]
) -> tuple[Exhibit, ...]:
    series = [_series("training", train)]
    if validation:
        series.append(_series("validation", validation, "dashed"))
    loss = Curve(title="Loss by epoch", x_label="epoch", y_label="loss", series=tuple(series))
    scores = [
        _series(split, rows)
        for split in ("train", "validation")
        if (
            rows := [
                (row.epoch, row.value)
                for row in history
                if row.split == split and row.quantity == "score" and row.value is not None
            ]
        )
    ]
    if not scores:
        return (loss,)
    return (loss, Curve(title="Score by epoch", x_label="epoch", y_label="score", series=tuple(scores)))


def _series(name: str, rows: list[tuple[int, float]], style: str = "line") -> Series:
    step = max(1, math.ceil(len(rows) / MOST_POINTS))
    kept = [*rows[:-1:step], rows[-1]]
    x, y = tuple(float(epoch) for epoch, _ in kept), tuple(float(value) for _, value in kept)
    return Series(name=name, x=x, y=y, style="dashed" if style == "dashed" else "line")
