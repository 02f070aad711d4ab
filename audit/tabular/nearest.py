"""Items that are almost equal to an item of another set, and much nearer to it than to their own kind.

Vectors are compared by the root mean square difference per dimension within groups of equal categories
(k-d tree); texts by the Jaccard distance of their character shingles (MinHash; Broder 1997). An item that
was copied and slightly changed is far nearer to its source than to anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.tabular.rows import mix_bits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Positions = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

FACTOR = 5.0
"""How many times nearer a copy is to its source than to the nearest other item of its own set."""
WIDE, ROWS_AT_ONCE = 4096, 512
"""Items of more dimensions are compared pair by pair, so many at once."""
BANDS, DEPTH = 16, 3
"""MinHash: texts that agree in all of `DEPTH` hashes of one of `BANDS` bands are compared."""
CROWD = 50
"""Buckets of more texts than this are boilerplate and are compared with so many of their members."""


class Vectors(NamedTuple):
    """Items as points, scaled so that one step is one standard deviation."""

    points: FloatArray
    """Shape (n, d)."""
    group: IntArray
    """Only items of one group are compared."""


def standardize_columns(X: FloatArray, reference: Positions, *, shared: bool = False) -> FloatArray:
    """Center and scale columns by the `reference` rows; columns that do not vary are left out.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        No missing values.
    reference : ndarray of positions
    shared : bool
        One scale for all columns, as pixels have.

    Examples
    --------
    >>> standardize_columns(np.array([[0.0, 1.0], [2.0, 1.0]]), np.arange(2)).tolist()
    [[-1.0], [1.0]]
    """
    own = X[reference]
    if shared:
        spread = float(own.std())
        return (X - own.mean()) / spread if spread > 0 else X[:, :0]
    spreads = own.std(axis=0)
    kept = spreads > 1e-12 * np.maximum(np.abs(own).max(axis=0, initial=0.0), 1e-300)
    return np.asarray((X[:, kept] - own[:, kept].mean(axis=0)) / spreads[kept])


def near_vectors(items: Vectors, asking: Positions, asked: Positions, radius: float) -> Flags:
    """Tell which of the `asking` items have an `asked` one within `radius` and no near one of their own set.

    Equal items (distance 0) are not near duplicates: they are found as exact copies.

    Parameters
    ----------
    items : Vectors
    asking, asked : ndarray of positions
    radius : float
        Root mean square difference per dimension.

    Examples
    --------
    >>> items = Vectors(np.array([[0.0], [1.0], [0.001], [2.0]]), np.zeros(4, dtype=np.int64))
    >>> near_vectors(items, np.array([0, 1]), np.array([2, 3]), 0.01).tolist()
    [True, False]
    """
    from scipy.spatial import cKDTree

    dimensions = items.points.shape[1]
    if not dimensions or not len(asking) or not len(asked):
        return np.zeros(len(asking), dtype=np.bool_)
    reach = radius * np.sqrt(dimensions)
    if dimensions > WIDE:
        return _near_wide(items, asking, asked, reach)
    # Groups stand far apart along one more axis, so that one tree serves all of them.
    apart = 10 * FACTOR * (reach + 1.0)
    points = np.column_stack([items.points, items.group * apart])
    tree = cKDTree(points[asked], balanced_tree=False, compact_nodes=False)
    distance = np.asarray(tree.query(points[asking], k=1, distance_upper_bound=reach)[0])
    near = np.flatnonzero((distance < reach) & (distance > 0))
    mask = np.zeros(len(asking), dtype=np.bool_)
    if not len(near):
        return mask
    own = cKDTree(points[asking], balanced_tree=False, compact_nodes=False)
    other = np.asarray(own.query(points[asking[near]], k=[2], distance_upper_bound=FACTOR * reach)[0])
    mask[near] = other[:, 0] >= FACTOR * distance[near]
    return mask


def _near_wide(items: Vectors, asking: Positions, asked: Positions, reach: float) -> Flags:
    """Do the same by products of all pairs, where a tree of so many dimensions would prune nothing."""
    mask = np.zeros(len(asking), dtype=np.bool_)
    for start in range(0, len(asking), ROWS_AT_ONCE):
        block = asking[start : start + ROWS_AT_ONCE]
        for place, distance in _nearest_vectors(items, block, asked, reach):
            own = [near for near, _ in _pairs_within(items, block[place], asking, FACTOR * distance)]
            mask[start + place] = own == [block[place]] or not own
    return mask


def _nearest_vectors(items: Vectors, block: Positions, asked: Positions, reach: float) -> Iterator[tuple[int, float]]:
    """Yield the place of each row that has another within reach, and the distance of the nearest."""
    squares = np.einsum("nd,nd->n", items.points[asked], items.points[asked])
    products = items.points[block] @ items.points[asked].T
    rough = np.einsum("nd,nd->n", items.points[block], items.points[block])[:, None] + squares - 2 * products
    slack = 1e-9 * (squares.max(initial=0.0) + 1)  # of rounding; pairs within it are measured exactly
    for place in np.flatnonzero((rough <= reach**2 + slack).any(axis=1)):
        near = _pairs_within(items, block[place], asked[rough[place] <= reach**2 + slack], reach)
        distance = min((apart for _, apart in near), default=0.0)
        if distance > 0:
            yield int(place), distance


def _pairs_within(items: Vectors, row: np.intp, others: Positions, reach: float) -> list[tuple[np.intp, float]]:
    """Return the rows of a row's own group nearer than `reach`, with their distances."""
    same = others[items.group[others] == items.group[row]]
    apart = np.sqrt(((items.points[same] - items.points[row]) ** 2).sum(axis=1))
    return [(other, float(value)) for other, value in zip(same, apart, strict=True) if value < reach]


def near_texts(texts: Sequence[str], asking: Positions, asked: Positions, radius: float) -> Flags:
    """Do the same for texts, by the Jaccard distance of their five-character shingles.

    Examples
    --------
    >>> texts = ["call me when you are home please", "Call me when you are home please ok", "the cat sat on the mat"]
    >>> near_texts(texts, np.array([0]), np.array([1, 2]), 0.3).tolist()
    [True]
    """
    shingles = _shingles(texts)
    bands = _bands(shingles)
    distance = _nearest(shingles, bands, asking, asked, same=False)
    near = np.flatnonzero((distance < radius) & (distance > 0))
    mask = np.zeros(len(asking), dtype=np.bool_)
    if len(near):
        other = _nearest(shingles, bands, asking[near], asking, same=True)
        mask[near] = other >= FACTOR * distance[near]
    return mask


def _shingles(texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
    from sklearn.feature_extraction.text import HashingVectorizer

    plain = [" ".join(text.lower().split()) for text in texts]
    matrix = HashingVectorizer(analyzer="char_wb", ngram_range=(5, 5), n_features=2**22, norm=None, binary=True)
    rows = matrix.transform(plain)
    return [np.unique(rows.indices[start:stop]) for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)]


def _bands(shingles: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.uint64]:
    """Return a key a band and text, shape (texts, bands); texts without shingles have keys of their own."""
    sizes = np.array([len(shingle) for shingle in shingles], dtype=np.int64)
    keys = np.zeros((len(shingles), BANDS), dtype=np.uint64)
    keys[:] = mix_bits(np.arange(len(shingles), dtype=np.uint64), 2**20)[:, None]
    filled = np.flatnonzero(sizes > 0)
    if not len(filled):
        return keys
    everything = np.concatenate([shingles[place] for place in filled]).astype(np.uint64)
    starts = np.concatenate([[0], np.cumsum(sizes[filled])[:-1]])
    for band in range(BANDS):
        key = np.zeros(len(filled), dtype=np.uint64)
        for depth in range(DEPTH):
            smallest = np.minimum.reduceat(mix_bits(everything, band * DEPTH + depth), starts)
            key = mix_bits(key + smallest, depth)
        keys[filled, band] = key
    return keys


def _nearest(
    shingles: list[npt.NDArray[np.int32]],
    bands: npt.NDArray[np.uint64],
    asking: Positions,
    asked: Positions,
    *,
    same: bool,
) -> FloatArray:
    """Return each asking text's distance to the nearest asked one that shares a band, 1 where none does."""
    candidates: list[set[int]] = [set() for _ in asking]
    for band in range(bands.shape[1]):
        buckets: dict[int, list[int]] = {}
        for place in asked:
            bucket = buckets.setdefault(int(bands[place, band]), [])
            if len(bucket) < CROWD:
                bucket.append(int(place))
        for at, place in enumerate(asking):
            candidates[at].update(buckets.get(int(bands[place, band]), ()))
    distance = np.ones(len(asking))
    for at, place in enumerate(asking):
        for other in candidates[at]:
            if not (same and other == place):
                distance[at] = min(distance[at], _jaccard_distance(shingles[place], shingles[other]))
    return distance


def _jaccard_distance(values: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> float:
    both = len(np.intersect1d(values, other, assume_unique=True))
    either = len(values) + len(other) - both
    return 1 - both / either if either else 1.0
