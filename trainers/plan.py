"""How one training run goes: the parameters of the loop, checked and complete."""

from __future__ import annotations

from dataclasses import dataclass

MOST_BLOCK, LEAST_BLOCK = 4096, 16
BLOCK_VALUES = 2**18


def block_size(values: int) -> int:
    """Return how many rows of so many values are run forward at a time: enough to fill the processor, not its memory.

    Examples
    --------
    >>> block_size(10), block_size(3 * 150 * 150)
    (4096, 16)
    """
    return min(MOST_BLOCK, max(LEAST_BLOCK, BLOCK_VALUES // max(1, values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train: the estimator's parameters, checked and complete."""

    objective: str
    """``binary``, ``multiclass``, ``multilabel`` or ``regression``."""
    batch_size: int
    epochs: int
    patience: int | None = None
    """Epochs without progress before training stops; None trains all epochs and keeps the last weights."""
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    schedule: str = "constant"
    warmup: int = 0
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    augment: tuple[tuple[str, float], ...] = ()
    mixup: float = 0.0
    """Both numbers of the beta distribution by which rows are mixed; 0 for none."""
    classes: int = 0
    """Classes of a multiclass target."""
    pairs: bool = False
    """Whether a batch needs two rows (batch normalization)."""
    mixed: bool = False
    """Whether training runs forward in bfloat16."""
    scoring: tuple[str, ...] = ()
    """Scorers that are measured on held-out rows after each epoch."""
