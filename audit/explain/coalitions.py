"""Shapley values of a model by designed coalitions, one game for each row and background row.

In the game of a row and a background row the players are the features in which they differ; what is known
comes from the row, the rest from the background row. The features are renamed at random for each background
row, which makes the mean over them unbiased, and the games of all rows are asked for in large batches.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.explain.design import BoolArray, design
from audit.explain.encoding import FloatArray, Score, Tick

IntArray = npt.NDArray[np.intp]
EFFICIENT = 3
"""Sets for each feature beyond which further sets are a second design."""
GLANCES, GLANCED = 64, 0.05
"""Tries of each feature before a closer look, at most, and as a share of the games."""
STILL = 1e-6
"""Change of the output, relative to its spread, that is no more than rounding."""


class Game(NamedTuple):
    """A design ready to be asked: sets and their complements, with a last place for features that are not players."""

    known: BoolArray
    """Shape (2 · sets, players + 1)."""
    weights: FloatArray
    """Shape (players + 1, 1 + sets)."""
    rounds: int
    """How often it is played, each time with other names."""


@lru_cache(maxsize=256)
def game(players: int, share: float) -> Game:
    """Return the design of a game whose effort is `share` pairs of permutations.

    Examples
    --------
    >>> game(2, 1.0).known.tolist()
    [[True, False, False], [False, True, False]]
    """
    rounds = max(1, round(share / EFFICIENT))
    if 2 ** (players - 1) - 1 <= share * (players - 1):
        rounds, share = 1, rounds * share
    plan = design(players, ceil(share / rounds * (players - 1)))
    known = np.pad(np.concatenate([plan.known, ~plan.known]), ((0, 0), (0, 1)))
    return Game(known, np.pad(plan.weights, ((0, 1), (0, 0))), rounds)


class Ends(NamedTuple):
    """Outputs that are known already."""

    rows: FloatArray
    background: FloatArray


def coalition_values(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    ends: Ends,
    *,
    share: float,
    generator: np.random.Generator,
    batch: int,
    tick: Tick,
) -> FloatArray:
    """Estimate Shapley values over a background.

    Features that the model does not read are found first and get 0: where a feature's value is exchanged with
    that of every background row, amid random other features, and no output of any row moves.

    Parameters
    ----------
    score : callable
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    ends : Ends
        Outputs of the rows, shape (n,), and of the background, shape (b,).
    share : float
        Effort for each game, in antithetic pairs of permutations: each is worth features − 1 pairs of sets.
    generator : numpy.random.Generator
    batch : int
        Rows to a call of `score` at most, save that one game is never split.

    Returns
    -------
    ndarray of shape (n, features)
        Each row adds up to its output less the mean output over the background.
    """
    n, width = rows.shape
    read = _read(score, rows, background, ends, share, generator, batch)
    plan = game(max(int(read.sum()), 1), share)
    rounds = game(width, share).rounds
    orders = np.stack([generator.permutation(width) for _ in range(len(background) * rounds)])
    orders = orders.reshape(rounds, len(background), width)
    total = np.zeros(rows.shape)
    at_once = max(1, batch // max(len(plan.known), 1))
    for start in range(0, n, at_once):
        tick(start, n)
        here = slice(start, start + at_once)
        players = differ(rows[here, None], background) & read
        alike = np.flatnonzero((players == read).all(axis=(0, 2)))
        gain = ends.rows[here, None] - ends.background
        total[here] += _alike(score, plan, rows[here], background[alike], orders[:, alike], gain[:, alike], read, batch)
        other = np.setdiff1d(np.arange(len(background)), alike)
        total[here] += _apart(
            score, share, rows[here], background[other], orders[:, other], gain[:, other], players[:, other], batch
        )
    tick(n, n)
    return total / len(background)


def _alike(
    score: Score,
    plan: Game,
    rows: FloatArray,
    background: FloatArray,
    orders: IntArray,
    gain: FloatArray,
    read: BoolArray,
    batch: int,
) -> FloatArray:
    """Play games in which all features that are read differ: all rows share the coalitions of a background row."""
    n, width = rows.shape
    count, asked = int(read.sum()), len(plan.known)
    values = np.zeros((n, width))
    pool = np.concatenate([rows, rows], axis=1)
    step = max(1, batch // max(n * asked, 1))
    for order in orders[: plan.rounds]:
        ranks = _ranks(np.broadcast_to(read, order.shape), order, count)
        for first in range(0, len(background), step):
            some = range(first, min(first + step, len(background)))
            mixed = np.empty((len(some), n, asked * width))
            for place, partner in enumerate(some):
                pool[:, width:] = background[partner]
                known = plan.known[:, ranks[partner]]
                mixed[place] = pool[:, np.where(known, 0, width).ravel() + np.tile(np.arange(width), asked)]
            answers = _ask(score, mixed.reshape(-1, width)).reshape(len(some), n, 2, asked // 2)
            for place, partner in enumerate(some):
                odd = answers[place, :, 0] - answers[place, :, 1]
                credit = np.column_stack([gain[:, partner], odd]) @ plan.weights.T
                values += credit[:, ranks[partner]] / plan.rounds
    return values


def _apart(
    score: Score,
    share: float,
    rows: FloatArray,
    background: FloatArray,
    orders: IntArray,
    gain: FloatArray,
    players: BoolArray,
    batch: int,
) -> FloatArray:
    """Play games with different players, those of as many players together."""
    n, behind, width = players.shape
    players, gain = players.reshape(-1, width), gain.ravel()
    values = np.zeros(players.shape)
    counts = players.sum(axis=1)
    for count in np.unique(counts[counts > 0]):
        plan = game(int(count), share)
        step = max(1, batch // max(len(plan.known), 1))
        those = np.flatnonzero(counts == count)
        for some in np.split(those, range(step, len(those), step)):
            row, partner = np.divmod(some, behind)
            for order in orders[: plan.rounds]:
                ranks = _ranks(players[some], order[partner], int(count))
                known = plan.known.take(ranks.ravel(), axis=1)
                mixed = np.where(known, rows[row].ravel(), background[partner].ravel())
                answers = _ask(score, mixed.reshape(-1, width)).reshape(2, -1, len(some))
                credit = plan.weights @ np.concatenate([gain[None, some], answers[0] - answers[1]])
                values[some] += np.take_along_axis(credit.T, ranks, axis=1) / plan.rounds
    return np.asarray(values.reshape(n, behind, width).sum(axis=1))


def _ask(score: Score, mixed: FloatArray) -> FloatArray:
    """Ask the model, but not for nothing: a lone player takes all."""
    return score(mixed) if len(mixed) else np.zeros(0)


def differ(first: FloatArray, second: FloatArray) -> BoolArray:
    """Tell where two tables differ; two missing values are equal."""
    return np.asarray((first != second) & ~(np.isnan(first) & np.isnan(second)))


def _ranks(players: BoolArray, order: IntArray, count: int) -> IntArray:
    """Return each player's place in the design, and `count` for a feature that does not play."""
    in_order = np.take_along_axis(players, order, axis=1)
    place = np.where(in_order, in_order.cumsum(axis=1) - 1, count)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, place, axis=1)
    return ranks


def _read(
    score: Score,
    rows: FloatArray,
    background: FloatArray,
    ends: Ends,
    share: float,
    generator: np.random.Generator,
    batch: int,
) -> BoolArray:
    """Tell which features the model reads: by a glance at all of them, then a closer look at those left."""
    n, behind, width = len(rows), len(background), rows.shape[1]
    still = STILL * float(np.ptp(np.concatenate(ends)))

    def moves(feature: IntArray, row: IntArray, partner: IntArray) -> BoolArray:
        """Exchange a feature of a mixed row."""
        known = generator.random((len(feature), width)) < generator.random((len(feature), 1))
        mixed = np.where(known, rows[row], background[partner])
        other, at = mixed.copy(), np.arange(len(feature))
        mixed[at, feature], other[at, feature] = rows[row, feature], background[partner, feature]
        return np.asarray(np.abs(score(mixed) - score(other)) > still)

    read = np.zeros(width, dtype=np.bool_)
    glances = int(np.clip(GLANCED * n * behind * share, 2, GLANCES))
    features = np.tile(np.arange(width), glances)
    for some in np.split(features, range(batch, len(features), batch)):
        moved = moves(some, generator.integers(n, size=len(some)), generator.integers(behind, size=len(some)))
        read[some[moved]] = True
    games = np.tile(np.arange(n * behind), max(1, round(share)))
    for feature in np.flatnonzero(~read):
        for some in np.split(games, range(batch, len(games), batch)):
            read[feature] |= moves(np.full(len(some), feature), *np.divmod(some, behind)).any()
            if read[feature]:
                break
    return read
