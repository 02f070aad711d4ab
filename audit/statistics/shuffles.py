"""What shuffling the groups over rows, or over whole clusters, does to the sums of each group.

Counts of rows are drawn from the multivariate hypergeometric distribution, which costs cells and not rows.
Weights go with their rows: given how many rows of a cell a group draws, the sum of their weights is drawn from
its normal limit. Clusters, and errors of numbers, are shuffled themselves; very many from the joint normal limit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
EXACT_WORK = 100_000_000
"""Units times shuffles up to which units are shuffled one by one."""


class Draws(NamedTuple):
    """Sums by group and cell: those of the data first, then those of the shuffles."""

    weight: Array
    """Shape (1 + permutations, groups, cells)."""
    weight2: Array
    """The same of squared weights."""
    method: str


def of_counts(n: IntArray, weight: Array, weight2: Array, permutations: int, generator: np.random.Generator) -> Draws:
    """Shuffle the groups over rows that are known by their counts alone.

    Parameters
    ----------
    n, weight, weight2 : ndarray of shape (groups, cells)
        Rows, and sums of their weights and of squared weights.
    permutations : int
    generator : Generator

    Examples
    --------
    >>> n = np.array([[5, 5], [2, 8]])
    >>> drawn = of_counts(n, n * 2.0, n * 4.0, 100, np.random.default_rng(0))
    >>> drawn.weight.shape, bool((drawn.weight.sum(1) == [14.0, 26.0]).all())
    ((101, 2, 2), True)
    """
    counts = shuffle_tables(n, permutations, generator).astype(np.float64)
    method = f"{permutations} hypergeometric shuffles"
    size = np.maximum(n.sum(0), 1)
    mean, square = weight.sum(0) / size, weight2.sum(0) / size
    spread = np.sqrt(np.maximum(square - mean**2, 0.0) * size / np.maximum(size - 1, 1))
    drawn = counts * mean
    if (spread > 1e-9 * np.maximum(mean, 1e-300)).any():
        method += ", weights from their normal limit"
        noise = generator.normal(size=counts.shape) * np.sqrt(counts) * spread
        noise -= counts / size * noise.sum(1, keepdims=True)  # all rows of a cell keep their weight
        drawn = np.maximum(drawn + noise, 1e-3 * drawn)
    squares = np.maximum(counts * square, np.divide(drawn**2, counts, out=np.zeros_like(drawn), where=counts > 0))
    return Draws(np.concatenate([weight[None], drawn]), np.concatenate([weight2[None], squares]), method)


def shuffle_tables(table: IntArray, permutations: int, generator: np.random.Generator) -> IntArray:
    """Draw tables with the margins of `table`, as shuffling the groups over the rows would.

    Parameters
    ----------
    table : ndarray of shape (groups, cells)
    permutations : int
    generator : Generator

    Returns
    -------
    ndarray of shape (permutations, groups, cells)

    Examples
    --------
    >>> drawn = shuffle_tables(np.array([[5, 5], [2, 8]]), 100, np.random.default_rng(0))
    >>> drawn.sum(2).tolist()[0], drawn.sum(1).tolist()[0]
    ([10, 10], [7, 13])
    """
    groups, cells = table.shape
    room = np.broadcast_to(table.sum(1), (permutations, groups)).copy()
    drawn = np.zeros((permutations, groups, cells), dtype=np.int64)
    for cell, size in enumerate(table.sum(0).tolist()):
        left = np.full(permutations, size, dtype=np.int64)
        for group in range(groups):
            others = room[:, group + 1 :].sum(1)
            drawn[:, group, cell] = generator.hypergeometric(room[:, group], others, left) if size else 0
            left -= drawn[:, group, cell]
        room -= drawn[:, :, cell]
    return drawn


def cluster_groups(cluster: IntArray, group: IntArray) -> IntArray | None:
    """Return the group of each cluster, or ``None`` where a cluster lies in two groups.

    Examples
    --------
    >>> cluster_groups(np.array([0, 0, 1]), np.array([2, 2, 0])).tolist()
    [2, 0]
    >>> cluster_groups(np.array([0, 0]), np.array([1, 2])) is None
    True
    """
    own = np.full(int(cluster.max()) + 1, -1, dtype=np.int64)
    own[cluster] = group
    return own if np.array_equal(own[cluster], group) else None


def by_cluster(columns: Array, cluster: IntArray | None) -> Array:
    """Add up the rows of each cluster; shape (columns, units)."""
    return columns if cluster is None else np.stack([np.bincount(cluster, column) for column in columns])


def of_units(columns: Array, group: IntArray, permutations: int, generator: np.random.Generator) -> tuple[Array, str]:
    """Return sums by group of the units' columns, as they are and under shuffled groups.

    Parameters
    ----------
    columns : ndarray of shape (columns, units)
    group : ndarray of shape (units,)
        Numbers from 0 on, each with a unit.
    permutations : int
    generator : Generator

    Returns
    -------
    tuple of ndarray of shape (1 + permutations, columns, groups) and str
        The sums, and how they were drawn.

    Examples
    --------
    >>> sums, told = of_units(np.array([[1.0, 2.0, 3.0]]), np.array([0, 0, 1]), 3, np.random.default_rng(0))
    >>> sums[0].tolist(), sums.sum(2).ravel().tolist(), told
    ([[3.0, 3.0]], [6.0, 6.0, 6.0, 6.0], '3 shuffles')
    """
    sizes = np.bincount(group)
    values = _sums(columns, group, len(sizes))[None]
    if columns.shape[1] * permutations > EXACT_WORK:
        drawn = _normal_sums(columns, sizes.astype(np.float64), permutations, generator)
        return np.concatenate([values, drawn]), f"{permutations} draws from the normal limit of shuffles"
    each = [_sums(columns, generator.permutation(group), len(sizes)) for _ in range(permutations)]
    return np.concatenate([values, np.stack(each)]), f"{permutations} shuffles"


def _sums(columns: Array, group: IntArray, groups: int) -> Array:
    return np.stack([np.bincount(group, column, minlength=groups) for column in columns])


def _normal_sums(columns: Array, sizes: Array, draws: int, generator: np.random.Generator) -> Array:
    """Draw sums by group from their joint normal limit under shuffling, of shape (draws, columns, groups)."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(columns)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    noise = np.einsum("ij,djg->dig", root, generator.normal(size=(draws, len(columns), len(sizes)))) * np.sqrt(sizes)
    # Fixed sums over all groups take away what the groups would share.
    noise -= sizes / sizes.sum() * noise.sum(-1, keepdims=True)
    return np.asarray(columns.mean(1)[None, :, None] * sizes + noise)
