"""Which steps the attention of a Transformer mixes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit.explain.encoding import FloatArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionMap:
    """Attention of one layer: how much each step draws from each."""

    title: str
    labels: tuple[str, ...]
    weights: FloatArray
    """Mean over rows and heads, shape (steps, steps); rows sum to 1."""
    entropy: FloatArray
    """By head: entropy of the attention over its largest possible value, mean over steps."""


def attention_weights(module: torch.nn.Module, ask: Callable[[], object]) -> list[FloatArray]:
    """Watch a Transformer answer, and return each layer's attention.

    Layers are found by their shape: a module with a number of ``heads`` and a linear layer ``attention``
    that gives queries, keys and values side by side.

    Parameters
    ----------
    module : torch.nn.Module
    ask : callable
        Makes the module answer, through whatever wraps it. Rows must have no padding.

    Returns
    -------
    list of ndarray of shape (rows, heads, steps, steps)
        One a layer and call, in order.

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, eq. 1.
    """
    kept: list[FloatArray] = []
    handles = []
    for layer in module.modules():
        heads, inner = getattr(layer, "heads", None), getattr(layer, "attention", None)
        if isinstance(heads, int) and inner is not None and hasattr(inner, "register_forward_hook"):
            handles.append(inner.register_forward_hook(_watch(heads, kept)))
    try:
        ask()
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _watch(heads: int, kept: list[FloatArray]) -> Callable[[object, object, torch.Tensor], None]:
    def watch(_: object, __: object, answer: torch.Tensor) -> None:
        rows, steps, width = answer.shape
        query, key, _value = answer.detach().view(rows, steps, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
        mixed = (query @ key.transpose(-1, -2)) / query.shape[-1] ** 0.5
        kept.append(np.asarray(mixed.softmax(dim=-1).cpu().numpy(), dtype=np.float64))

    return watch


def relative_entropy(weights: FloatArray) -> FloatArray:
    """Return by head how evenly attention is spread: 1 evenly, 0 on a single step.

    Parameters
    ----------
    weights : ndarray of shape (rows, heads, steps, steps)

    Examples
    --------
    >>> relative_entropy(np.full((1, 1, 2, 2), 0.5)).tolist()
    [1.0]
    """
    steps = weights.shape[-1]
    if steps < 2:
        return np.zeros(weights.shape[1])
    safe = np.where(weights > 0, weights, 1.0)
    return np.asarray(-(safe * np.log(safe)).sum(axis=-1).mean(axis=(0, 2)) / np.log(steps))
