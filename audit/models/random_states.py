"""Global random states: a model draws from its own, the audit from its own, and each run sees the same."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np


def states() -> tuple[Any, ...]:
    """Return the states of the generators of Python, NumPy and torch, ``None`` of torch where it is not loaded."""
    torch = sys.modules.get("torch")
    torch_state = torch.get_rng_state() if torch is not None and hasattr(torch, "get_rng_state") else None
    return random.getstate(), np.random.get_state(), torch_state


def set_states(given: tuple[Any, ...]) -> None:
    """Put states back."""
    plain, numbers, tensors = given
    random.setstate(plain)
    np.random.set_state(numbers)
    torch = sys.modules.get("torch")
    if tensors is not None and torch is not None:
        torch.set_rng_state(tensors)


def first_states(seed: int = 0) -> tuple[Any, ...]:
    """Return the states of freshly seeded generators."""
    generator, torch = random.Random(seed), sys.modules.get("torch")  # noqa: S311 -- not for secrets
    tensors = (
        torch.Generator().manual_seed(seed).get_state() if torch is not None and hasattr(torch, "Generator") else None
    )
    return generator.getstate(), np.random.RandomState(seed % 2**32).get_state(), tensors


@contextmanager
def seed_global_generators(seed: int) -> Iterator[None]:
    """Give code that draws global random numbers the same ones each time, and leave the caller's as they were.

    Gradients are taken of a module itself, whose dropout may draw although it predicts.

    Examples
    --------
    >>> with seed_global_generators(1):
    ...     first = float(np.random.random())
    >>> with seed_global_generators(1):
    ...     first == float(np.random.random())
    True
    """
    before = states()
    set_states(first_states(seed))
    try:
        yield
    finally:
        set_states(before)


@dataclass(slots=True)
class _ModelStates:
    """Global random states as the model left them: it draws from its own, and the audit from its own."""

    states: tuple[Any, ...] = field(default_factory=first_states)


MODEL = _ModelStates()


def restart() -> None:
    """Let a model that draws global random numbers begin anew, so that each audit sees the same."""
    MODEL.states = first_states()
