"""Loss curves: did training work, go too far, or stop too soon?"""

from __future__ import annotations

import math

from audit.check import check
from audit.errors import NotApplicable
from audit.evidence import HistoryRow
from reports.record import Curve, Estimate, Exhibit, Measurement, Series

MOST_POINTS = 200


@check(title="Training history", family="training", references=("Prechelt 1998, Early stopping, but when?",))
def training_history(history: tuple[HistoryRow, ...]) -> Measurement:
    """Read the losses that the model kept from its training.

    Reading. The training loss should fall. A validation loss that turns and rises while the training loss
    goes on falling shows overfitting; one that still falls at the end shows that training stopped too soon.

    Limits. The curves belong to one run with one seed. Where the best weights were put back after the
    validation loss had turned, the turn did no harm to the model at hand.
    """
    train, validation = losses(history, "train"), losses(history, "validation")
    if len(train) < 2:
        raise NotApplicable("the history holds no training loss of two epochs or more")
    made = [_exact("training_loss_ratio", _ratio_to_start(train), len(train))]
    if len(validation) >= 2:
        made.append(_exact("validation_loss_rise", _rise(train, validation), len(validation)))
        made.append(_exact("late_improvement", _late_improvement(validation), len(validation)))
    fell = (1 - (made[0].value or 0.0)) * 100
    return Measurement(
        summary=f"Over {len(train)} epochs the training loss fell by {fell:.0f} %.",
        estimates=tuple(made),
        exhibits=_curves(history, train, validation),
    )


def losses(history: tuple[HistoryRow, ...], split: str) -> list[tuple[int, float]]:
    """Return (epoch, loss) of a split in order of epochs; epochs whose loss was no number are left out."""
    rows = [one for one in history if one.split == split and one.quantity == "loss" and one.value is not None]
    return [(one.epoch, one.value or 0.0) for one in sorted(rows, key=lambda one: one.epoch)]


def _exact(metric: str, value: float, epochs: int) -> Estimate:
    return Estimate(metric=metric, value=value, low=value, high=value, method="count", n=epochs, unit="ratio")


def _tail(values: list[float]) -> float:
    """Return the mean of the last tenth, which one noisy epoch cannot move much."""
    last = values[-max(1, len(values) // 10) :]
    return math.fsum(last) / len(last)


def _ratio_to_start(train: list[tuple[int, float]]) -> float:
    start = train[0][1]
    end = _tail([value for _, value in train])
    return end / start if start > 0 else 1.0 + (end - start)


def _rise(train: list[tuple[int, float]], validation: list[tuple[int, float]]) -> float:
    """Return the validation loss's rise past its minimum, if training went on falling.

    It is a share of the minimum, but at least of half the first loss: what a loss that has become tiny
    does afterwards is noise.
    """
    best_epoch, best = min(validation, key=lambda one: one[1])
    at_best = [value for epoch, value in train if epoch <= best_epoch]
    falling = not at_best or train[-1][1] < at_best[-1]
    end = _tail([value for _, value in validation])
    scale = max(abs(best), abs(validation[0][1]) / 2)
    return max(0.0, (end - best) / scale) if falling and scale > 0 else 0.0


def _late_improvement(validation: list[tuple[int, float]]) -> float:
    """Return what the last tenth of training still won, if its end is the best there was; else 0."""
    values = [value for _, value in validation]
    window = max(1, len(values) // 10)
    before = min(values[:-window])
    return (
        max(0.0, (before - min(values[-window:])) / abs(before)) if before != 0 and values[-1] <= min(values) else 0.0
    )


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
                (one.epoch, one.value)
                for one in history
                if one.split == split and one.quantity == "score" and one.value is not None
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
