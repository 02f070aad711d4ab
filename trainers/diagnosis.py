"""What a training history shows of the usual faults, each as one number with its evidence and its remedy.

Measuring and judging are apart: :func:`diagnose` measures and knows no threshold; :func:`tripped` holds the numbers
against :data:`LIMITS`, the defaults of the rules TRAIN001–TRAIN007, or against limits of your own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainers.history import TRAIN, VALIDATION, HistoryRow, layers, series

LIMITS: Mapping[str, float] = {
    "training_loss_ratio": 0.99,
    "validation_loss_rise": 0.1,
    "late_improvement": 0.01,
    "gradient_ratio": 1e-3,
    "gradient_peak": 1e3,
    "dead_units": 0.3,
    "input_scale_ratio": 1e3,
}
"""A number beyond its limit trips: above it, but below it for ``gradient_ratio``."""

REMEDIES: Mapping[str, str] = {
    "TRAIN001": "Change learning_rate (try a tenth, then ten times), scale the inputs, check the labels.",
    "TRAIN002": "Stop at the minimum (early_stopping=True), add dropout or L2, augment images, or collect more rows.",
    "TRAIN003": "Train for more epochs; if the training score is low too, give more capacity or a higher rate.",
    "TRAIN004": "Use ReLU with He initialization, batch_norm=True, fewer layers, or lstm/gru in place of rnn.",
    "TRAIN005": "Lower learning_rate, set clip_norm=1.0, keep standardize=True, use Xavier or He initialization.",
    "TRAIN006": "Lower learning_rate, use GELU or batch_norm=True, initialize by the activation (init='auto').",
    "TRAIN007": "Keep standardize=True, or scale the columns in the pipeline before the network.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One measured sign of health or fault."""

    code: str
    """Rule that reads it: ``TRAIN001`` …"""
    title: str
    quantity: str
    """Name of the number, the key into :data:`LIMITS`."""
    value: float | None
    """The number; None where the history does not hold it, infinity where the loss was no number."""
    evidence: str
    """What was seen, or why there is no number."""
    remedy: str


def diagnose(history: Iterable[HistoryRow]) -> tuple[Fact, ...]:
    """Measure the signs of the usual faults of training.

    Parameters
    ----------
    history : iterable of HistoryRow

    Returns
    -------
    tuple of Fact
        One for each of TRAIN001–TRAIN007, in order, with a value or a reason for none.

    References
    ----------
    Prechelt 1998 (early stopping); Hochreiter 1991 and Glorot and Bengio 2010 (vanishing gradients); Pascanu et al.
    2013 (exploding gradients); Lu et al. 2019 (dying ReLU).

    Examples
    --------
    >>> rows = [HistoryRow(1, "train", "loss", 1.0), HistoryRow(2, "train", "loss", 0.5)]
    >>> diagnose(rows)[0].value
    0.5
    """
    rows = tuple(history)
    measures = (
        ("TRAIN001", "loss not decreasing", "training_loss_ratio", _training_loss_ratio),
        ("TRAIN002", "overfitting", "validation_loss_rise", _validation_loss_rise),
        ("TRAIN003", "underfitting: still improving", "late_improvement", _late_improvement),
        ("TRAIN004", "vanishing gradients", "gradient_ratio", _gradient_ratio),
        ("TRAIN005", "exploding gradients", "gradient_peak", _gradient_peak),
        ("TRAIN006", "dead units", "dead_units", _dead_units),
        ("TRAIN007", "unscaled inputs", "input_scale_ratio", _input_scale_ratio),
    )
    facts = []
    for code, title, quantity, measure in measures:
        value, evidence = measure(rows)
        facts.append(
            Fact(code=code, title=title, quantity=quantity, value=value, evidence=evidence, remedy=REMEDIES[code])
        )
    return tuple(facts)


def tripped(facts: Iterable[Fact], limits: Mapping[str, float] = LIMITS) -> tuple[Fact, ...]:
    """Pick the facts beyond their limits.

    Examples
    --------
    >>> rows = [HistoryRow(1, "train", "loss", 1.0), HistoryRow(2, "train", "loss", 1.5)]
    >>> [fact.code for fact in tripped(diagnose(rows))]
    ['TRAIN001']
    """
    found = []
    for fact in facts:
        limit = limits.get(fact.quantity)
        if fact.value is None or limit is None:
            continue
        if fact.value < limit if fact.quantity == "gradient_ratio" else fact.value > limit:
            found.append(fact)
    return tuple(found)


Measured = tuple[float | None, str]
Rows = Sequence[HistoryRow]


def _tail(values: Sequence[float]) -> float:
    """Mean of the last tenth, which one noisy epoch cannot move much."""
    last = values[-max(1, len(values) // 10) :]
    return math.fsum(last) / len(last)


def _values(rows: Rows, quantity: str, split: str = TRAIN) -> list[float]:
    return [value for epoch, value in series(rows, quantity, split) if epoch > 0]


def _training_loss_ratio(rows: Rows) -> Measured:
    losses = _values(rows, "loss")
    if len(losses) < 2:
        return None, "the history holds fewer than two epochs"
    start, end = losses[0], _tail(losses)
    ratio = end / start if start > 0 else 1.0
    return ratio, f"training loss {start:.4g} in the first epoch, {end:.4g} at the end of {len(losses)}"


def _validation_loss_rise(rows: Rows) -> Measured:
    losses, train = _values(rows, "loss", VALIDATION), _values(rows, "loss")
    if len(losses) < 2:
        return None, "no rows were held out, or fewer than two epochs trained"
    best = min(range(len(losses)), key=losses.__getitem__)
    evidence = f"validation loss {losses[best]:.4g} at its minimum in epoch {best + 1} of {len(losses)}"
    if not train or losses[best] <= 0:
        return 0.0, evidence
    kept = next((row.epoch for row in reversed(rows) if row.quantity == "kept"), len(losses))
    end = losses[best] if kept == best + 1 else _tail(losses)
    falling = train[-1] < train[min(best, len(train) - 1)]
    rise = max(0.0, end / losses[best] - 1) if falling else 0.0
    return rise, f"{evidence}, {end:.4g} where the weights that are kept come from"


def _late_improvement(rows: Rows) -> Measured:
    losses, name = _values(rows, "loss", VALIDATION), "validation"
    if len(losses) < 2:
        losses, name = _values(rows, "loss"), "training"
    if len(losses) < 2:
        return None, "the history holds fewer than two epochs"
    window = max(1, len(losses) // 10)
    before, after = min(losses[:-window]), min(losses[-window:])
    gain = max(0.0, 1 - after / before) if before > 0 and losses[-1] <= min(losses) else 0.0
    scores = _values(rows, "score")
    score = f"; training score {scores[-1]:.3f}" if scores else ""
    return (
        gain,
        f"{name} loss {before:.4g}, then {after:.4g} in the last {window} of {len(losses)} epochs{score}",
    )


def _gradient_ratio(rows: Rows) -> Measured:
    names = layers(rows, "gradient_norm")
    if len(names) < 2:
        return None, "the network has fewer than two layers with gradients"
    first, last = (_values(rows, f"gradient_norm:{name}") for name in (names[0], names[-1]))
    ratios = [one / other for one, other in zip(first, last, strict=False) if other > 0]
    if not ratios:
        return None, "the gradients of the last layer are zero in every epoch"
    ratio = statistics.median(ratios)
    return ratio, f"gradient of {names[0]} is {ratio:.2g} of that of {names[-1]} (median over {len(ratios)} epochs)"


def _gradient_peak(rows: Rows) -> Measured:
    broken = [row.epoch for row in rows if row.quantity == "not_finite"]
    if broken:
        return math.inf, f"the loss was no finite number in epoch {broken[0]}"
    totals: dict[int, float] = {}
    for row in rows:
        if row.quantity.startswith("gradient_norm:"):
            totals[row.epoch] = math.hypot(totals.get(row.epoch, 0.0), row.value)
    if not totals:
        return None, "the history holds no gradients"
    epoch = max(totals, key=totals.__getitem__)
    clipped = _values(rows, "clipped_share")
    if clipped and statistics.median(clipped) > 0.5:
        return math.inf, f"{statistics.median(clipped):.0%} of the steps were clipped (median over epochs)"
    return totals[epoch], f"longest gradient {totals[epoch]:.3g}, in epoch {epoch}"


def _dead_units(rows: Rows) -> Measured:
    names = layers(rows, "dead_units")
    if not names:
        return None, "the network has no activations that can die"
    shares = {name: [row.value for row in rows if row.quantity == f"dead_units:{name}"][-1] for name in names}
    worst = max(shares, key=shares.__getitem__)
    return shares[worst], f"{shares[worst]:.0%} of the units of {worst} never (or always) active in the last epoch"


def _input_scale_ratio(rows: Rows) -> Measured:
    found = [row.value for row in rows if row.quantity == "input_scale_ratio"]
    if not found:
        return None, "inputs are tokens, images or sequences, or their scales were not recorded"
    return found[-1], f"largest standard deviation of an input is {found[-1]:.3g} times the smallest"
