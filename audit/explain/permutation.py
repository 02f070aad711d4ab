"""Shapley values of any model by coalitions of features, each with one background row.

Up to 40 features, designed coalitions are asked for (:mod:`audit.explain.coalitions`). Beyond, permutations:
one adds a row's values one by one to a background row, and what the output gains at a step is credited to the
value added. Each is walked forwards and backwards (antithetic pairs), each pair uses one background row, every
background row equally often, and all rows share the permutations, so that the model answers a few large
batches. The sum is exact whatever the effort.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.explain.coalitions import Ends, coalition_values, differ, game
from audit.explain.encoding import FloatArray, Score, Tick, no_tick

BATCH = 4096
"""Rows to a call of the model: more do not fit the cache of a processor, and run slower."""
WIDEST = 40
"""Features up to which designed coalitions are better than permutations."""


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
    pairs: int = 150,
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
        Effort in antithetic pairs of permutations, shared out evenly among the background rows. A row costs
        about ``2 · pairs · (features − 1)`` evaluations, fewer where it equals the background in some features;
        a quarter more than features is the least for each background row.
    batch : int
        Rows to a call of `score` at most, save that one game of coalitions is never split.

    Returns
    -------
    Shapley
        ``values.sum(1) + base == output`` to rounding.

    References
    ----------
    Štrumbelj and Kononenko 2014; Mitchell et al. 2022, Sampling Permutations for Shapley Value
    Estimation (antithetic pairs); Lundberg and Lee 2017; :mod:`audit.explain.design`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, background = rng.normal(size=(2, 3)), rng.normal(size=(5, 3))
    >>> found = permutation_shapley(lambda Z: Z @ [1.0, 2.0, 0.0], rows, background, generator=rng, pairs=5)
    >>> np.allclose(found.values, (rows - background.mean(0)) * [1.0, 2.0, 0.0])
    True
    """
    output, at_background = score(rows), score(background)
    base = float(at_background.mean())
    ends = Ends(output, at_background)
    if rows.shape[1] <= WIDEST:
        share = pairs / len(background)
        values = coalition_values(
            score, rows, background, ends, share=share, generator=generator, batch=batch, tick=tick
        )
    else:
        values = _walked(score, rows, background, ends, generator, pairs, batch, tick)
    return Shapley(values, base, output)


def evaluations(width: int, background: int, pairs: int) -> int:
    """Count what a row costs that equals no background row in any feature.

    Examples
    --------
    >>> evaluations(14, 100, 150), evaluations(100, 100, 150)
    (4000, 19800)
    """
    if width > WIDEST:
        return 2 * (width - 1) * max(1, pairs // background) * background
    plan = game(width, pairs / background)
    return len(plan.known) * plan.rounds * background


def _walked(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    ends: Ends,
    generator: np.random.Generator,
    pairs: int,
    batch: int,
    tick: Tick,
) -> FloatArray:
    """Walk permutations with all rows, shape (n, features)."""
    n, width = rows.shape
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
            those = partner[some]
            total[here] += _walk(
                score, rows[here], background[those], rank[some], ends.rows[here], ends.background[those]
            )
    tick(n, n)
    return total / (2 * len(orders))


def _draw(
    width: int, background: int, pairs: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Draw orders of features and the background row of each."""
    rounds = max(1, pairs // background)
    orders = np.stack([generator.permutation(width) for _ in range(rounds * background)])
    return orders, np.tile(np.arange(background), rounds)


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
    moved = differ(rows[:, None], background)
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
