"""Does what an explanation calls important matter to the model? Deleting it, and putting it back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audit.explain.encoding import FloatArray, Score, Tick, no_tick
from audit.explain.permutation import BATCH

MOST_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeletionCurves:
    """Outputs along orders of deletion, oriented so that each row's own output lies above its base.

    Each array has shape (n, steps + 1): from nothing done to everything done.
    """

    sizes: FloatArray
    """Share of the features deleted (or put back) at each step, shape (steps + 1,)."""
    deleted: FloatArray
    """Strongest supporting feature deleted first."""
    inserted: FloatArray
    """Strongest supporting feature put back first."""
    random: FloatArray
    """Features deleted in random order, mean over orders."""
    spread: float
    """Mean absolute deviation of the rows' outputs from their base: the unit of comparison."""
    notes: tuple[str, ...] = ()

    def advantage(self) -> FloatArray:
        """Return by row how much faster the output falls than at random, mean over steps, in units of spread."""
        inner = (self.random - self.deleted)[:, 1:-1]
        if not inner.shape[1] or self.spread <= 0:
            return np.zeros(len(self.deleted))
        return np.asarray(inner.mean(axis=1) / self.spread)


def deletion_curves(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    values: FloatArray,
    *,
    generator: np.random.Generator,
    orders: int = 4,
    batch: int = BATCH,
    tick: Tick = no_tick,
) -> DeletionCurves:
    """Delete features from each row in the order of its attributions, and in random orders.

    A deleted feature takes the values of the background rows; the output is their mean.

    Parameters
    ----------
    score : callable
        Maps rows of shape (m, features) to outputs of shape (m,).
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    values : ndarray of shape (n, features)
        Attributions of the rows.
    generator : numpy.random.Generator
    orders : int
        Random orders a row.

    References
    ----------
    Petsiuk, Das and Saenko 2018, RISE (deletion and insertion); Samek et al. 2017.

    Examples
    --------
    >>> rows, weights = np.array([[1.0, 1.0, 1.0]]), np.array([3.0, 2.0, 1.0])
    >>> found = deletion_curves(lambda Z: Z @ weights, rows, np.zeros((1, 3)), rows * weights,
    ...                         generator=np.random.default_rng(0))
    >>> found.deleted.tolist()
    [[6.0, 3.0, 1.0, 0.0]]
    """
    n, width = rows.shape
    counts = np.unique(np.round(np.linspace(0, width, min(width, MOST_STEPS) + 1)).astype(np.int64))
    output, base = score(rows), float(score(background).mean())
    sign = np.where(output >= base, 1.0, -1.0)
    curves = np.empty((n, 2 + orders, len(counts)))
    for number, row in enumerate(rows):
        tick(number, n)
        best = np.argsort(-sign[number] * values[number], kind="stable")
        tried = [best, best[::-1], *(generator.permutation(width) for _ in range(orders))]
        ranks = np.argsort(np.stack(tried), axis=1)
        gone = ranks[:, None, :] < counts[:, None]
        mixed = np.where(gone[:, :, None, :], background, row).reshape(-1, width)
        answers = np.concatenate([score(mixed[start : start + batch]) for start in range(0, len(mixed), batch)])
        curves[number] = sign[number] * answers.reshape(2 + orders, len(counts), -1).mean(axis=2)
    tick(n, n)
    return DeletionCurves(
        sizes=counts / width,
        deleted=curves[:, 0],
        inserted=curves[:, 1, ::-1],
        random=curves[:, 2:].mean(axis=1),
        spread=float(np.abs(output - base).mean()),
    )
