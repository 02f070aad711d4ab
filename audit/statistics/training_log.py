"""A training history, read by quantity, and what its steps and weights say about the learning rate and penalties."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

LIMITS: Mapping[str, float] = {
    "training_loss_ratio": 0.99,
    "validation_loss_rise": 0.1,
    "memorized_share": 0.25,
    "late_improvement": 0.03,
    "first_to_last_gradient": 1e-2,
    "early_to_late_step_gradient": 1e-3,
    "epochs_not_finite": 0.0,
    "largest_gradient_norm": 1e3,
    "clipped_share": 0.5,
    "dead_units": 0.3,
    "input_scale_ratio": 1e3,
    "simple_model_lead": 0.08,
}
"""A number trips above its limit; the two ratios of gradients below it."""
LOWER = frozenset({"first_to_last_gradient", "early_to_late_step_gradient"})

LOW_STEP, HIGH_STEP = 1e-4, 0.1
"""Length of a step by length of the weights: below, weights hardly move; above, they jump."""
LEARNED = 0.5
"""A training loss under this share of a constant answer's shows that a task was learned."""
LEARNING = 0.97
"""A training loss under this share of a constant answer's shows that something was learned."""
SPARE = 0.5
"""Share of silent units that a layer can do without, where the task was learned."""
STRONG_DROPOUT = 0.6
SHRUNK = 0.5
"""Under a penalty, weights that end under this share of their first length were held down by it."""


@runtime_checkable
class Row(Protocol):
    """One number of one epoch; epoch 0 is before training."""

    @property
    def epoch(self) -> int:
        """Number of the epoch, from 1."""
        ...

    @property
    def split(self) -> str:
        """``train`` or ``validation``."""
        ...

    @property
    def quantity(self) -> str:
        """What the value is."""
        ...

    @property
    def value(self) -> float | None:
        """The number; None where there was none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One measured sign of health or fault.

    Attributes
    ----------
    code : str
        Rule that reads it: ``TRAIN001`` …
    quantity : str
        Name of the number, the key into :data:`LIMITS`.
    value : float or None
        None where the history does not hold it.
    evidence : str
        What was seen, or why there is no number.
    remedy : str
        What to do, if the number is beyond its limit.
    layer : str
        Layer of the network, where the number belongs to one.
    """

    code: str
    title: str
    quantity: str
    value: float | None
    evidence: str
    remedy: str
    layer: str = ""


class Log:
    """Rows of a history by quantity and split, in order of epochs."""

    def __init__(self, history: Iterable[Row]) -> None:
        self.rows: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self.missing = 0
        for row in history:
            if row.value is None or not math.isfinite(row.value):
                self.missing += row.quantity == "loss" or row.quantity.startswith("gradient_norm:")
                continue
            self.rows.setdefault((row.split, row.quantity), []).append((row.epoch, float(row.value)))
        for values in self.rows.values():
            values.sort(key=lambda pair: pair[0])

    def series(self, quantity: str, split: str = "train") -> list[tuple[int, float]]:
        """Return (epoch, value) of the epochs trained."""
        return [pair for pair in self.rows.get((split, quantity), []) if pair[0] > 0]

    def values(self, quantity: str, split: str = "train") -> list[float]:
        """Return the values of the epochs trained."""
        return [value for _, value in self.series(quantity, split)]

    def before(self, quantity: str) -> float | None:
        """Return what was known before training."""
        values = [value for epoch, value in self.rows.get(("train", quantity), []) if epoch == 0]
        return values[-1] if values else None

    def layers(self, quantity: str) -> list[str]:
        """Name the layers of a quantity, from input to output."""
        prefix = quantity + ":"
        return [name.removeprefix(prefix) for split, name in self.rows if split == "train" and name.startswith(prefix)]

    def kept_epoch(self) -> int | None:
        """Return the epoch whose weights the model holds, if it says so."""
        entries = self.rows.get(("train", "kept"))
        return entries[-1][0] if entries else None

    def score(self) -> float | None:
        """Return the training score at the end, or at the epoch kept."""
        rows = dict(self.series("score"))
        if not rows:
            return None
        kept = self.kept_epoch()
        return rows[kept] if kept in rows else rows[max(rows)]


def step_lengths(log: Log) -> list[float]:
    """Return the median over layers of step by weights, epoch by epoch."""
    by_epoch: dict[int, list[float]] = {}
    for layer in log.layers("update_ratio"):
        for epoch, value in log.series(f"update_ratio:{layer}"):
            by_epoch.setdefault(epoch, []).append(value)
    return [statistics.median(values) for _, values in sorted(by_epoch.items())]


def rate_too_high(log: Log) -> bool:
    """Tell whether the loss jumped up, or the first steps were as long as the weights, now and at first."""
    losses = log.values("loss")
    floor = [value for value in (log.before("initial_loss"), log.before("constant_loss")) if value is not None]
    shares = log.values("weight_ratio")
    lengths = step_lengths(log)
    steps = [step * min(1.0, share) for step, share in zip(lengths, shares, strict=False)] if shares else lengths
    jumped = bool(floor) and bool(losses) and max(losses) > 2 * max(floor)
    rose = not floor and len(losses) > 1 and max(losses[1:]) > 1.2 * losses[0]
    return log.missing > 0 or jumped or rose or (bool(steps) and max(steps[:3]) > HIGH_STEP)


def rate_too_low(log: Log) -> bool:
    """Tell whether weights hardly moved; where steps were not recorded, whether the loss only crept down."""
    steps = step_lengths(log)
    if steps:
        return statistics.median(steps) < LOW_STEP and max(steps[:3]) < LOW_STEP
    losses = log.values("loss")
    falls = sum(two < value for value, two in pairwise(losses))
    return len(losses) > 2 and falls > 0.9 * (len(losses) - 1)


def is_penalized(log: Log) -> bool:
    """Tell whether a penalty held the weights down, or dropout left too little to learn from."""
    shares = log.values("weight_ratio")
    shrunk = bool(shares) and shares[-1] < SHRUNK
    strength = (log.before("l1") or 0.0) + (log.before("l2") or 0.0)
    return (strength > 0 and shrunk) or (log.before("dropout") or 0.0) >= STRONG_DROPOUT


def tail(values: Sequence[float]) -> float:
    """Return the mean of the last tenth, which one noisy epoch cannot move much."""
    last = values[-max(1, len(values) // 10) :]
    return math.fsum(last) / len(last)
