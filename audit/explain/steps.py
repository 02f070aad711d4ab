"""Time steps of a series as parts that other rows' steps stand in for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audit.explain.encoding import FloatArray, Score, Tick, no_tick
from audit.explain.permutation import Shapley, permutation_shapley


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequenceCase:
    """A series with what each of its steps adds to the output."""

    why: str
    row: int
    predicted: str
    actual: str
    values: FloatArray
    """Shape (steps, channels)."""
    shap: FloatArray
    """Shape (steps,)."""
    base: float
    output: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequenceExplanations:
    """Single series, and the weight of the steps over a sample."""

    cases: tuple[SequenceCase, ...]
    sample: FloatArray
    """Attributions of a sample of series, shape (n, steps)."""
    scale: str
    notes: tuple[str, ...] = ()


def step_shapley(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    steps: int,
    *,
    generator: np.random.Generator,
    pairs: int = 150,
    tick: Tick = no_tick,
) -> Shapley:
    """Estimate the Shapley values of time steps, all channels of a step together.

    Parameters
    ----------
    score : callable
        Maps flattened series, shape (m, steps · channels), to outputs of shape (m,).
    rows, background : ndarray of shape (n, steps · channels) and (b, steps · channels)
    steps : int
        Columns are ordered step by step, its channels one after the other.
    generator : numpy.random.Generator
    pairs : int
        Effort, as in :func:`audit.explain.permutation.permutation_shapley`.

    Examples
    --------
    >>> rows, background = np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros((1, 4))
    >>> step_shapley(lambda Z: Z.sum(axis=1), rows, background, 2, generator=np.random.default_rng(0)).values.tolist()
    [[3.0, 7.0]]
    """
    pool = np.concatenate([rows, background]).reshape(len(rows) + len(background), steps, -1)

    def from_sources(sources: FloatArray) -> FloatArray:
        """Put together each series from the rows that its steps come from."""
        taken = pool[sources.astype(np.intp), np.arange(steps)]
        return score(taken.reshape(len(sources), -1))

    def all_from(first: int, count: int) -> FloatArray:
        return np.repeat(np.arange(first, first + count, dtype=np.float64)[:, None], steps, axis=1)

    return permutation_shapley(
        from_sources,
        all_from(0, len(rows)),
        all_from(len(rows), len(background)),
        generator=generator,
        pairs=pairs,
        tick=tick,
    )
