"""Rows that occur in a table more than once, and how many of them chance explains.

Every row is reduced to a 64-bit sum of column hashes, so twins are found in time linear in the rows,
and "the same except for one column" is one subtraction away. Coarse tables repeat by nature; how often is
read off the pairs of rows that differ in exactly one and in exactly two columns: were agreement of one
column independent of agreement of another, given the rest, then pairs(same) · pairs(differ in j and k)
= pairs(differ in j) · pairs(differ in k). Planted copies raise the first number alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Hashes = npt.NDArray[np.uint64]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Partners = Callable[[Hashes], IntArray]
"""Given a key by row, how many partners each asking row has."""

BLOCKS = 16
"""Columns are joined to at most so many blocks before one of them is left out."""
RARE = 0.1
"""Rows with at most so many natural partners on average are those by which copies are counted."""
SAMPLE = 100_000
LABEL_SALT = 2**40
_ODD = 0x9E3779B97F4A7C15


def mix_bits(values: Hashes, salt: int = 0) -> Hashes:
    """Scatter 64-bit numbers evenly (the finalizer of SplitMix64; Steele et al. 2014).

    Examples
    --------
    >>> one, two = mix_bits(np.array([1, 2], dtype=np.uint64))
    >>> bool(one != two), mix_bits(np.array([1], dtype=np.uint64), salt=1)[0] == one
    (True, np.False_)
    """
    x = values + np.uint64(_ODD * (salt + 1) & (2**64 - 1))
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def column_hash(column: pd.Series, salt: int = 0) -> Hashes:
    """Hash each value of a column; equal values hash equally, missing values are equal to each other.

    Examples
    --------
    >>> hashes = column_hash(pd.Series([1.0, None, 1.0, None, -0.0, 0.0]))
    >>> bool(hashes[0] == hashes[2]), bool(hashes[1] == hashes[3]), bool(hashes[4] == hashes[5])
    (True, True, True)
    """
    plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"
    if plain:
        values = column.to_numpy()
        if column.dtype.kind == "f":
            values = values.astype(np.float64) + 0.0
            bits = np.where(np.isnan(values), np.nan, values).view(np.uint64)
        else:
            bits = values.astype(np.int64).view(np.uint64)
        return mix_bits(bits, salt)
    return mix_bits(_codes(column).astype(np.uint64), salt)


def _codes(column: pd.Series) -> IntArray:
    try:
        codes, _ = pd.factorize(column, use_na_sentinel=True)
    except TypeError:  # lists and other things that cannot be hashed
        codes, _ = pd.factorize(column.astype(object).map(repr).where(column.notna(), None), use_na_sentinel=True)
    return np.asarray(codes, dtype=np.int64) + 1


def column_hashes(frame: pd.DataFrame) -> list[Hashes]:
    """Hash every column, each with a salt of its own, so that their sum distinguishes rows."""
    return [column_hash(frame.iloc[:, place], place) for place in range(frame.shape[1])]


def total(parts: Sequence[Hashes], rows: int) -> Hashes:
    """Add up column hashes to one key a row; the sum wraps around.

    Examples
    --------
    >>> total([np.array([1, 2], dtype=np.uint64)] * 2, 2).tolist()
    [2, 4]
    """
    key = np.zeros(rows, dtype=np.uint64)
    for part in parts:
        key += part
    return key


def cells(key: Hashes) -> IntArray:
    """Give the distinct keys numbers in order of appearance.

    Examples
    --------
    >>> cells(np.array([7, 9, 7], dtype=np.uint64)).tolist()
    [0, 1, 0]
    """
    return np.asarray(pd.factorize(key)[0], dtype=np.int64)


def first_ones(key: Hashes) -> npt.NDArray[np.bool_]:
    """Tell which rows are the first of their kind.

    Examples
    --------
    >>> first_ones(np.array([7, 9, 7], dtype=np.uint64)).tolist()
    [True, True, False]
    """
    return ~np.asarray(pd.Series(key).duplicated())


# --- what counts as a partner ---------------------------------------------------------------------


def twins(rows: npt.NDArray[np.intp] | None = None) -> Partners:
    """Partners are other rows with the same key.

    Examples
    --------
    >>> twins()(np.array([7, 9, 7], dtype=np.uint64)).tolist()
    [1, 0, 1]
    """

    def count(key: Hashes) -> IntArray:
        codes = cells(key if rows is None else key[rows])
        return np.bincount(codes)[codes] - 1 if len(codes) else codes

    return count


def contradictions(y: IntArray, rows: npt.NDArray[np.intp] | None = None) -> Partners:
    """Partners are rows with the same key and another target.

    Examples
    --------
    >>> contradictions(np.array([0, 0, 1]))(np.array([7, 7, 7], dtype=np.uint64)).tolist()
    [1, 1, 2]
    """
    labels = y if rows is None else y[rows]
    salted = mix_bits(labels.astype(np.uint64), LABEL_SALT)

    def count(key: Hashes) -> IntArray:
        own = key if rows is None else key[rows]
        return twins()(own) - twins()(own + salted)

    return count


def strangers(asking: npt.NDArray[np.intp], asked: npt.NDArray[np.intp]) -> Partners:
    """Partners of the `asking` rows are the `asked` rows with the same key.

    Examples
    --------
    >>> count = strangers(np.array([0, 1]), np.array([2, 3]))
    >>> count(np.array([7, 8, 7, 7], dtype=np.uint64)).tolist()
    [2, 0]
    """

    def count(key: Hashes) -> IntArray:
        codes = cells(np.concatenate([key[asking], key[asked]]))
        if not len(codes):
            return codes
        seen = np.bincount(codes[len(asking) :], minlength=int(codes.max()) + 1)
        return np.asarray(seen[codes[: len(asking)]], dtype=np.int64)

    return count


# --- what chance explains -------------------------------------------------------------------------


class Repeats(NamedTuple):
    """How many rows repeat, and how many chance explains."""

    share: float
    """Share of rows that repeat beyond what chance explains, at least 0."""
    raw: float
    """Share of rows that repeat at all."""
    chance: float
    """Share of rows that chance lets repeat, among the rows `share` speaks of."""
    rows: int
    """Rows that `share` speaks of: those that chance seldom lets repeat."""
    repeating: npt.NDArray[np.bool_]
    """Which rows repeat, shape (n,)."""


def natural_partners(parts: Sequence[Hashes], count: Partners, ratio_count: Partners | None = None) -> FloatArray:
    """Estimate how many partners each asking row has by nature.

    Parameters
    ----------
    parts : sequence of ndarray of shape (n,)
        Column hashes.
    count : Partners
    ratio_count : Partners, optional
        The same count on a sample of the rows, from which the ratio of pairs is taken.

    Returns
    -------
    ndarray of shape (asking rows,)
        Proportional to the number of partners that differ in exactly one column (or block of columns).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = [mix_bits(rng.integers(0, 9, 2000).astype(np.uint64), salt) for salt in range(4)]
    >>> expected = natural_partners(table, twins())
    >>> bool(abs(expected.mean() - 1999 / 9**4) < 0.05)
    True
    """
    blocks = _blocks(parts)
    key = total(blocks, len(blocks[0]))
    ratio = _ratio(blocks, key, ratio_count or count)
    near = np.zeros(len(count(key)), dtype=np.float64)
    if ratio > 0:
        same = count(key)
        for block in blocks:
            near += count(key - block) - same
    return ratio * near


def _blocks(parts: Sequence[Hashes]) -> list[Hashes]:
    size = max(1, -(-len(parts) // BLOCKS))
    return [total(parts[start : start + size], len(parts[0])) for start in range(0, len(parts), size)]


def _ratio(blocks: Sequence[Hashes], key: Hashes, count: Partners) -> float:
    """Return pairs(same) that chance explains, over pairs that differ in one block."""
    same = float(count(key).sum())
    values = [float(count(key - block).sum()) - same for block in blocks]
    if sum(values) <= 0:
        return 0.0
    expected = two = 0.0
    for j, k in combinations(range(len(blocks)), 2):
        expected += values[j] * values[k]
        two += float(count(key - blocks[j] - blocks[k]).sum()) - values[j] - values[k] - same
    # Without any pair that differs in two columns nothing speaks for chance, nor against it.
    return expected / two / sum(values) if two > 0 else 0.0


def beyond_chance(
    repeating: npt.NDArray[np.bool_], probability: FloatArray, natural: FloatArray, asked: npt.NDArray[np.bool_]
) -> Repeats:
    """Subtract what chance explains from the rows that repeat.

    Only rows with few natural partners (:data:`RARE` on average) are counted, where there are enough of
    them: there a copy cannot hide among natural repeats, and copies are made of rare rows as often as of
    others. What chance explains is the count it would exceed once in 40 tables.

    Parameters
    ----------
    repeating : ndarray of shape (n,), bool
    probability : ndarray of shape (n,)
        Chance that a row repeats by nature.
    natural : ndarray of shape (n,)
        Natural partners by row.
    asked : ndarray of shape (n,), bool
        Rows that form the denominator together with the repeating ones.
    """
    raw = float(repeating.mean())
    rare = natural <= RARE
    if int(rare.sum()) < max(50, 0.05 * len(natural)):
        rare = np.ones(len(natural), dtype=np.bool_)
    rows = int(rare.sum())
    chance = float(probability[rare & asked].sum())
    limit = chance + 1.96 * np.sqrt(chance)
    share = max(0.0, (float(repeating[rare].sum()) - limit) / rows)
    return Repeats(float(share), raw, chance / rows, rows, repeating)


def sample_of(rows: int) -> npt.NDArray[np.intp] | None:
    """Return evenly spread positions of at most :data:`SAMPLE` rows, ``None`` where all are few enough."""
    return None if rows <= SAMPLE else np.unique(np.linspace(0, rows - 1, SAMPLE).astype(np.intp))


def extra_copies(parts: Sequence[Hashes]) -> Repeats:
    """Count rows that stand earlier in the table already, beyond what chance repeats.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(500, 3)))
    >>> doubled = pd.concat([frame, frame.head(50)])
    >>> round(extra_copies(column_hashes(doubled)).share, 3)
    0.091
    """
    key = total(parts, len(parts[0]))
    first = first_ones(key)
    natural = np.zeros(len(key))
    if not first.all():
        sample = sample_of(len(key))
        natural = natural_partners(parts, twins(), None if sample is None else twins(sample))
    expected = np.maximum(natural, 1e-12)
    # Given that a kind of row is seen at all, so many more of it are expected (Poisson).
    more = np.where(natural > 1e-9, expected / -np.expm1(-expected) - 1, 0.0)
    return beyond_chance(~first, more, natural, first)


def conflicts(parts: Sequence[Hashes], y: IntArray) -> Repeats:
    """Count rows that share all features with a row of another class, beyond what chance repeats.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(500, 3)))
    >>> y = rng.integers(0, 2, 500)
    >>> doubled, labels = pd.concat([frame, frame.head(50)]), np.append(y, 1 - y[:50])
    >>> round(conflicts(column_hashes(doubled), labels).share, 3)
    0.182
    """
    key = total(parts, len(parts[0]))
    mask = contradictions(y)(key) > 0
    natural = np.zeros(len(key))
    if mask.any():
        sample = sample_of(len(key))
        natural = natural_partners(parts, contradictions(y), None if sample is None else contradictions(y, sample))
    return beyond_chance(mask, -np.expm1(-natural), natural, np.ones(len(key), dtype=np.bool_))


def overlap(parts: Sequence[Hashes], asking: npt.NDArray[np.intp], asked: npt.NDArray[np.intp]) -> Repeats:
    """Count `asking` rows that stand among the `asked` ones, beyond what chance repeats.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(500, 3)))
    >>> table = pd.concat([frame, frame.head(50)])
    >>> round(overlap(column_hashes(table), np.arange(450, 550), np.arange(450)).share, 3)
    0.5
    """
    key = total(parts, len(parts[0]))
    mask = strangers(asking, asked)(key) > 0
    natural = np.zeros(len(asking))
    if mask.any():
        count = strangers(asking, asked)
        some, others = sample_of(len(asking)), sample_of(len(asked))
        few = strangers(asking if some is None else asking[some], asked if others is None else asked[others])
        natural = natural_partners(parts, count, None if some is None and others is None else few)
    return beyond_chance(mask, -np.expm1(-natural), natural, np.ones(len(asking), dtype=np.bool_))
