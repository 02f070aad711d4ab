"""Exact Shapley values of sums of trees, leaf by leaf, for features that were prepared to one column or to several.

A row and a background row reach a leaf together where each feature on its path sends at least one of the two along.
Of a coalition it then matters only that it holds the features at which the background row would leave the path, and
none of those at which the row itself would. The Shapley values of such a game are known in closed form, and rows
that leave a path at the same features share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from audit.errors import NotApplicable
from audit.explain.encoding import FloatArray

Integers = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]
MOST_BITS = 47
"""Features that one tree may ask about, a bit each beside the number of a leaf."""
MOST_LEAVES = 1 << 16
MOST_PAIRS = 100_000_000
"""Pairs of ways to leave a path, of rows and of background rows, up to which they are counted: some seconds."""
PAIRS_AT_A_TIME = 2_000_000


class Tree(NamedTuple):
    """A binary tree by node, children after their parents."""

    feature: Integers
    """Column that a node asks about."""
    threshold: FloatArray
    left: Integers
    """Child for numbers up to the threshold; -1 at a leaf."""
    right: Integers
    missing_left: npt.NDArray[np.bool_]
    """Whether a missing value goes to the left."""
    value: FloatArray
    """What a leaf adds to the output."""


def leaf_shapley(
    trees: list[Tree], rows: FloatArray, background: FloatArray, owner: Integers, features: int
) -> tuple[FloatArray, float]:
    """Compute interventional Shapley values of the sum of some trees.

    Parameters
    ----------
    trees : list of Tree
    rows, background : ndarray of shape (n, columns) and (b, columns)
        Numbers as the trees read them.
    owner : ndarray of shape (columns,)
        Which feature each column was prepared from; ``features`` for a column that is the same in all rows.
    features : int
        Number of features.

    Returns
    -------
    values : ndarray of shape (n, features)
    base : float
        Mean of the sum over the background.

    Raises
    ------
    NotApplicable
        If a tree asks about too many features, or rows leave their paths in too many ways to be counted in time.

    References
    ----------
    Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.

    Examples
    --------
    >>> stump = Tree(np.array([0, 0, 0]), np.zeros(3), np.array([1, -1, -1]), np.array([2, -1, -1]),
    ...              np.zeros(3, dtype=bool), np.array([0.0, 1.0, 5.0]))
    >>> leaf_shapley([stump], np.array([[2.0]]), np.array([[-1.0], [1.0]]), np.array([0]), 1)
    (array([[2.]]), 3.0)
    """
    values, base, pairs = np.zeros((len(rows), features + 1)), 0.0, 0
    for tree in trees:
        inner = np.flatnonzero(tree.left >= 0)
        asked, bit = np.unique(owner[tree.feature[inner]], return_inverse=True)
        leaves = np.flatnonzero(tree.left < 0)
        if len(asked) > MOST_BITS or len(leaves) > MOST_LEAVES:
            raise NotApplicable("a tree asks about too many features, or has too many leaves")
        flags = np.zeros(len(tree.left), dtype=np.uint64)
        flags[inner] = np.uint64(1) << bit.astype(np.uint64)
        mine, behind = (_ways(tree, flags, array)[:, leaves] for array in (rows, background))
        base += float((behind == 0).mean(axis=0) @ tree.value[leaves])
        ways = _Ways.of(mine), _Ways.of(behind)
        pairs += int((ways[0].of_leaf * ways[1].of_leaf).sum())
        if pairs > MOST_PAIRS:
            raise NotApplicable("rows leave the paths of these trees in too many ways to be counted in time")
        shares = _shares(*ways, tree.value[leaves] / len(background), len(asked))
        values[:, asked] += shares[ways[0].place].sum(axis=1)
    return values[:, :features], base


def _ways(tree: Tree, flags: Masks, numbers: FloatArray) -> Masks:
    """Return at which features each row leaves the path to each node, shape (n, nodes), a bit a feature."""
    gone = np.zeros((len(numbers), len(flags)), dtype=np.uint64)
    level = np.array([0])
    while len(level := level[tree.left[level] >= 0]):
        asked = numbers[:, tree.feature[level]]
        goes = np.where(np.isnan(asked), tree.missing_left[level], asked <= tree.threshold[level])
        gone[:, tree.left[level]] = gone[:, level] | np.where(goes, np.uint64(0), flags[level])
        gone[:, tree.right[level]] = gone[:, level] | np.where(goes, flags[level], np.uint64(0))
        level = np.concatenate([tree.left[level], tree.right[level]])
    return gone


class _Ways(NamedTuple):
    """The different ways in which rows leave the paths to the leaves of a tree, those of a leaf side by side."""

    leaf: Integers
    gone: Masks
    rows: Integers
    """Rows that leave so."""
    place: Integers
    """Which of the ways is that of a row and leaf, shape (n, leaves)."""
    of_leaf: Integers
    """How many ways there are, by leaf."""

    @classmethod
    def of(cls, gone: Masks) -> _Ways:
        number = np.arange(gone.shape[1], dtype=np.uint64) << np.uint64(MOST_BITS)
        keys, place, count = np.unique(gone | number, return_inverse=True, return_counts=True)
        leaf = (keys >> np.uint64(MOST_BITS)).astype(np.int64)
        low = np.uint64((1 << MOST_BITS) - 1)
        return cls(leaf, keys & low, count, place.reshape(gone.shape), np.bincount(leaf, minlength=gone.shape[1]))


def _shares(mine: _Ways, behind: _Ways, value: FloatArray, bits: int) -> FloatArray:
    """Return what each way of rows adds to the Shapley values of the features, shape (ways, bits).

    A coalition reaches the leaf if it holds all `a` features at which the background row leaves, and none of the `b`
    at which the row does. In a random order each of the former completes the condition with probability
    (a-1)! b! / (a+b)!, each of the latter ends it with probability a! (b-1)! / (a+b)!.
    """
    shares, table = np.zeros((len(mine.leaf), bits)), _orders(bits)
    for here, there in _together(mine, behind):
        a, b = (np.bitwise_count(gone).astype(np.int64) for gone in (behind.gone[there], mine.gone[here]))
        weight = value[mine.leaf[here]] * behind.rows[there]
        gained, lost = weight * table[a, b], weight * table[b, a]
        ends = np.bincount(here, weights=lost, minlength=len(mine.leaf))
        for bit in range(bits):
            held = _holds(behind.gone[there], bit)
            shares[:, bit] += np.bincount(here[held], weights=gained[held], minlength=len(mine.leaf))
            shares[:, bit] -= np.where(_holds(mine.gone, bit), ends, 0.0)
    return shares


def _together(mine: _Ways, behind: _Ways) -> Iterator[tuple[Integers, Integers]]:
    """Yield pairs of ways of a leaf, of a row and of a background row, that no feature takes off the path in both."""
    first = np.cumsum(behind.of_leaf) - behind.of_leaf
    partners = behind.of_leaf[mine.leaf]
    parts = (np.cumsum(partners) - 1) // PAIRS_AT_A_TIME
    for part in np.split(np.arange(len(partners)), np.flatnonzero(np.diff(parts)) + 1):
        here = np.repeat(part, partners[part])
        inside = np.arange(len(here)) - np.repeat(np.cumsum(partners[part]) - partners[part], partners[part])
        there = first[mine.leaf[here]] + inside
        apart = (mine.gone[here] & behind.gone[there]) == 0
        yield here[apart], there[apart]


def _holds(gone: Masks, bit: int) -> npt.NDArray[np.bool_]:
    return np.asarray((gone >> np.uint64(bit)) & np.uint64(1) != 0)


def _orders(most: int) -> FloatArray:
    """Return (a-1)! b! / (a+b)! by a and b; zero where a is zero."""
    a, b = np.arange(most + 1)[:, None], np.arange(most + 1)[None, :]
    with np.errstate(invalid="ignore"):
        logs = gammaln(np.maximum(a, 1)) + gammaln(b + 1) - gammaln(a + b + 1)
    return np.where(a > 0, np.exp(logs), 0.0)
