"""Shapley values of any model by antithetic permutations, each with one background row.

A permutation adds a row's values one by one to a background row; what the output gains at a step is
credited to the value added. The mean over all permutations and background rows is the interventional
Shapley value. Here each permutation is walked forwards and backwards (antithetic pairs), each pair uses
one background row, every background row equally often, and all rows share the permutations, so that the
model answers a few large batches. The sum is exact whatever the number of pairs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray, Score, Tick, no_tick

BATCH = 4096
"""Rows to a call of the model: more do not fit the cache of a processor, and run slower."""
TRIED, WIDEST = 400, 24


class Shapley(NamedTuple):
    """Attributions, and what they should add up to."""

    values: FloatArray
    """Shape (n, features)."""
    base: float
    """Mean output over the background."""
    output: FloatArray
    """Shape (n,)."""


def permutation_shapley(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    *,
    generator: np.random.Generator,
    pairs: int = 100,
    batch: int = BATCH,
    tick: Tick = no_tick,
) -> Shapley:
    """Estimate interventional Shapley values.

    Parameters
    ----------
    score : callable
        Maps rows of shape (m, features) to outputs of shape (m,).
    rows : ndarray of shape (n, features)
        What is explained.
    background : ndarray of shape (b, features)
        Values that stand for "not known".
    generator : numpy.random.Generator
    pairs : int
        Antithetic pairs of permutations; rounded so that every background row serves equally often.
        A row costs ``2 · pairs · (features − 1)`` evaluations.
    batch : int
        Rows to a call of `score` at most, which bounds the memory.

    Returns
    -------
    Shapley
        ``values.sum(1) + base == output`` to rounding.

    References
    ----------
    Štrumbelj and Kononenko 2014; Mitchell et al. 2022, Sampling Permutations for Shapley Value
    Estimation (antithetic pairs); Lundberg and Lee 2017.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, background = rng.normal(size=(2, 3)), rng.normal(size=(5, 3))
    >>> found = permutation_shapley(lambda Z: Z @ [1.0, 2.0, 0.0], rows, background, generator=rng, pairs=5)
    >>> np.allclose(found.values, (rows - background.mean(0)) * [1.0, 2.0, 0.0])
    True
    """
    n, width = rows.shape
    output, at_background = score(rows), score(background)
    base = float(at_background.mean())
    if width == 1:
        return Shapley((output - base)[:, None], base, output)
    orders, partner = _draw(width, len(background), pairs, generator)
    rank = np.argsort(orders, axis=1)
    each = 2 * (width - 1)
    pairs_at_once = max(1, min(len(orders), batch // each))
    rows_at_once = max(1, batch // (each * pairs_at_once))
    total = np.zeros((n, width))
    for start in range(0, n, rows_at_once):
        tick(start, n)
        here = slice(start, min(start + rows_at_once, n))
        for first in range(0, len(orders), pairs_at_once):
            some = slice(first, first + pairs_at_once)
            total[here] += _walk(
                score, rows[here], background[partner[some]], rank[some], output[here], at_background[partner[some]]
            )
    tick(n, n)
    values = total / (2 * len(orders))
    return Shapley(values, base, output)


def _draw(
    width: int, background: int, pairs: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Draw orders of features and the background row of each.

    The orders that share a background row are one balanced set with its features renamed at random, so
    each order by itself is uniform and what one does to three features at a time the others make good.
    """
    rounds = max(1, round(pairs / background))
    together = _balanced(width, rounds)
    names = np.stack([generator.permutation(width) for _ in range(background)])
    orders = names[:, together].transpose(1, 0, 2).reshape(rounds * background, width)
    return orders, np.tile(np.arange(background), rounds)


@lru_cache(maxsize=64)
def _balanced(width: int, rounds: int) -> npt.NDArray[np.intp]:
    """Choose orders in which each feature is seldom or often enough between two others, shape (rounds, width).

    Walked both ways, an order is exact for what two features do together. For three, a feature must come
    first or last of them in two orders of three; each further order is led there by random exchanges.
    """
    generator = np.random.default_rng(width)
    chosen = [np.arange(width)]
    outside = _outermost(chosen[0])
    while len(chosen) < rounds:
        order = generator.permutation(width)
        if width <= WIDEST:
            order = _led(order, outside - (len(chosen) + 1) / 3, generator)
            outside = outside + _outermost(order)
        chosen.append(order)
    return np.stack(chosen)


def _led(order: npt.NDArray[np.intp], missing: FloatArray, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Exchange places of an order as long as that evens out what the others leave uneven."""
    uneven = float(((missing + _outermost(order)) ** 2).sum())
    for first, second in generator.integers(0, len(order), size=(TRIED, 2)):
        other = order.copy()
        other[[first, second]] = other[[second, first]]
        now = float(((missing + _outermost(other)) ** 2).sum())
        if now < uneven:
            order, uneven = other, now
    return order


def _outermost(order: npt.NDArray[np.intp]) -> FloatArray:
    """Return 1 where a feature stands outside two others, -1 where between them, shape (width, width, width)."""
    rank = np.argsort(order)
    side = np.sign(rank[:, None] - rank[None, :]).astype(np.float64)
    return np.asarray(side[:, :, None] * side[:, None, :])


def _walk(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    rank: npt.NDArray[np.intp],
    output: FloatArray,
    at_background: FloatArray,
) -> FloatArray:
    """Sum each feature's gains over some pairs, shape (rows, features)."""
    n, width = rows.shape
    pairs = len(rank)
    size = np.arange(1, width)[:, None]
    forwards = rank[:, None, :] < size
    known = np.stack([forwards, rank[:, None, :] >= width - size], axis=1)
    mixed = np.where(known[None], rows[:, None, None, None, :], background[None, :, None, None, :])
    place = np.stack([rank, width - 1 - rank], axis=1)
    chain = np.empty((n, pairs, 2, width + 1))
    chain[..., 0] = at_background[None, :, None]
    chain[..., -1] = output[:, None, None]
    moved = (rows[:, None] != background) & ~(np.isnan(rows)[:, None] & np.isnan(background))
    if moved.all():
        chain[..., 1:-1] = score(mixed.reshape(-1, width)).reshape(n, pairs, 2, width - 1)
    else:
        _fill(chain, score, mixed, np.take_along_axis(moved[:, :, None], np.argsort(place, axis=-1)[None], axis=-1))
    gains = np.diff(chain, axis=-1)
    credited: FloatArray = np.take_along_axis(gains, np.broadcast_to(place, gains.shape), axis=-1)
    return np.asarray(credited.sum(axis=(1, 2)))


def _fill(chain: FloatArray, score: Score, mixed: FloatArray, steps: npt.NDArray[np.bool_]) -> None:
    """Ask only where the value added differs from the one it replaces; elsewhere nothing is gained."""
    asked = steps[..., :-1]
    inner = chain[..., 1:-1]
    if asked.any():
        inner[asked] = score(mixed[asked])
    known = np.concatenate([np.ones((*asked.shape[:-1], 1), dtype=np.bool_), asked], axis=-1)
    last = np.maximum.accumulate(np.where(known, np.arange(known.shape[-1]), 0), axis=-1)
    chain[..., :-1] = np.take_along_axis(chain[..., :-1], last, axis=-1)
