"""How the output goes with one feature, row by row and on average, and with two together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audit.explain.encoding import FloatArray, Score
from audit.explain.permutation import BATCH

MOST_LEVELS = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dependence:
    """Individual curves of one feature; their mean is the partial dependence."""

    feature: str
    numeric: bool
    grid: FloatArray
    """Values of the feature (codes of categories), shape (points,)."""
    labels: tuple[str, ...]
    """The grid in words."""
    curves: FloatArray
    """Output of each row with the feature set to each value, shape (rows, points)."""
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interaction:
    """How much the effect of one feature changes with another."""

    first: str
    second: str
    strength: FloatArray
    """By row: mean absolute second difference over background rows, shape (rows,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """All that is known of how the output goes with the strongest features."""

    dependences: tuple[Dependence, ...]
    interactions: tuple[Interaction, ...]
    spread: float
    """Mean absolute deviation of the outputs from their base: the unit of interactions."""
    notes: tuple[str, ...] = ()


def grid_of(column: FloatArray, *, numeric: bool, points: int) -> FloatArray:
    """Return values at which a feature is tried: quantiles of numbers, the most frequent codes.

    Examples
    --------
    >>> grid_of(np.array([1.0, 2.0, 3.0, np.nan]), numeric=True, points=3).round(1).tolist()
    [1.1, 2.0, 2.9]
    >>> grid_of(np.array([0.0, 1.0, 1.0]), numeric=False, points=3).tolist()
    [1.0, 0.0]
    """
    if not numeric:
        levels, counts = np.unique(column, return_counts=True)
        return np.asarray(levels[np.argsort(-counts, kind="stable")][:MOST_LEVELS])
    present = column[~np.isnan(column)]
    if not len(present):
        return np.array([np.nan])
    distinct = np.unique(present)
    if len(distinct) <= MOST_LEVELS and len(distinct) < len(present):
        return distinct
    tried = np.quantile(present, np.linspace(0.05, 0.95, points))
    whole = bool((distinct == np.round(distinct)).all()) and len(distinct) > points
    return np.unique(np.round(tried) if whole else tried)


def individual_curves(score: Score, rows: FloatArray, feature: int, grid: FloatArray) -> FloatArray:
    """Set a feature of every row to every value of a grid.

    Parameters
    ----------
    score : callable
    rows : ndarray of shape (n, features)
    feature : int
    grid : ndarray of shape (points,)

    Returns
    -------
    ndarray of shape (n, points)

    References
    ----------
    Friedman 2001 (partial dependence); Goldstein et al. 2015 (individual curves).

    Examples
    --------
    >>> individual_curves(lambda Z: Z[:, 0] + Z[:, 1], np.array([[9.0, 1.0]]), 0, np.array([0.0, 5.0])).tolist()
    [[1.0, 6.0]]
    """
    changed = np.repeat(rows[:, None, :], len(grid), axis=1)
    changed[:, :, feature] = grid
    return _ask(score, changed.reshape(-1, rows.shape[1])).reshape(len(rows), len(grid))


def interaction_strength(
    score: Score, rows: FloatArray, background: FloatArray, pairs: list[tuple[int, int]]
) -> FloatArray:
    """Return how much the effect of one feature depends on another, by pair and row.

    The second difference ``f(x) − f(x without j) − f(x without k) + f(x without both)`` is zero wherever
    the output adds up over j and k; "without" takes the value of a background row.

    Parameters
    ----------
    score : callable
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    pairs : list of pairs of feature numbers

    Returns
    -------
    ndarray of shape (pairs, n)
        Mean absolute second difference over the background.

    References
    ----------
    Friedman and Popescu 2008; Fujimoto, Kojadinovic and Marichal 2006 (pairwise interaction).

    Examples
    --------
    >>> rows, background = np.array([[1.0, 1.0, 1.0]]), np.zeros((1, 3))
    >>> interaction_strength(lambda Z: Z[:, 0] * Z[:, 1] + Z[:, 2], rows, background, [(0, 1), (0, 2)]).tolist()
    [[1.0], [0.0]]
    """
    n, width = rows.shape
    plain = score(rows)[:, None]
    base = np.repeat(rows[:, None, :], len(background), axis=1)
    single: dict[int, FloatArray] = {}
    for feature in sorted({feature for pair in pairs for feature in pair}):
        changed = base.copy()
        changed[:, :, feature] = background[:, feature]
        single[feature] = _ask(score, changed.reshape(-1, width)).reshape(n, -1)
    values = np.empty((len(pairs), n))
    for number, (first, second) in enumerate(pairs):
        changed = base.copy()
        changed[:, :, [first, second]] = background[:, [first, second]]
        both = _ask(score, changed.reshape(-1, width)).reshape(n, -1)
        values[number] = np.abs(plain - single[first] - single[second] + both).mean(axis=1)
    return values


def _ask(score: Score, rows: FloatArray) -> FloatArray:
    return np.concatenate([score(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])
