"""The population stability index: how far two distributions over the same bins are apart.

``Σ (q − p) ln(q / p)`` of the shares p of a reference and q of new rows, which is the symmetrized
Kullback–Leibler divergence (Jeffreys 1946). Without any drift it is not 0 but about
``(K − 1)(1/n + 1/m)`` for K bins (Yurdakul and Naranjo 2020), which is subtracted here; its spread has
a part that noise alone gives and a part that grows with the drift (delta method).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.statistics.intervals import Interval, z_value

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_SHARE = 0.01
"""Levels that hold a smaller share of the reference are taken together."""


class Bins(NamedTuple):
    """Two columns over the same bins; -1 stands for a missing value."""

    labels: tuple[str, ...]
    reference: IntArray
    """Bin of each row of the reference, -1 where the value is missing."""
    new: IntArray


class Shift(NamedTuple):
    """A stability index less its expectation, with its interval."""

    value: float
    low: float
    high: float
    raw: float
    bins: int


def counts(codes: IntArray, bins: int) -> FloatArray:
    """Count rows by bin, without the missing ones.

    Examples
    --------
    >>> counts(np.array([0, 1, 1, -1]), 3).tolist()
    [1.0, 2.0, 0.0]
    """
    return np.bincount(codes[codes >= 0], minlength=bins).astype(np.float64)


def numeric_bins(reference: FloatArray, new: FloatArray, most: int = 10) -> Bins:
    """Cut numbers at the quantiles of the reference; few distinct values are bins of their own.

    Parameters
    ----------
    reference, new : ndarray
        NaN where a value is missing; infinite values are ordinary ends of the line.
    most : int
        Number of quantile bins.

    Examples
    --------
    >>> bins = numeric_bins(np.arange(100.0), np.array([5.0, 95.0, np.nan]))
    >>> len(bins.labels), bins.new.tolist()
    (10, [0, 9, -1])
    """
    present = reference[~np.isnan(reference)]
    if not len(present):
        return Bins((), np.full(len(reference), -1), np.full(len(new), -1))
    inner = np.quantile(present, np.linspace(0, 1, most + 1)[1:-1], method="inverted_cdf")
    edges = np.unique(inner[inner < present.max()])
    names = _band_names(edges)

    def place(values: FloatArray) -> IntArray:
        codes = np.searchsorted(edges, values, side="left")
        return np.where(np.isnan(values), -1, codes).astype(np.int64)

    return Bins(names, place(reference), place(new))


def _band_names(edges: FloatArray) -> tuple[str, ...]:
    if not len(edges):
        return ("all",)
    inner = [f"over {low:g} to {high:g}" for low, high in pairwise(edges)]
    return (f"to {edges[0]:g}", *inner, f"over {edges[-1]:g}")


def level_bins(reference: IntArray, new: IntArray, names: Sequence[str], most: int = 30) -> Bins:
    """Take the frequent levels of the reference as bins and the rest, new levels too, together.

    Parameters
    ----------
    reference, new : ndarray of int
        Codes into `names`, -1 where the value is missing.
    names : sequence of str
    most : int
        Number of levels that are kept at most.

    Examples
    --------
    >>> bins = level_bins(np.array([0, 0, 1, -1]), np.array([1, 2]), ["a", "b", "c"])
    >>> bins.labels, bins.reference.tolist(), bins.new.tolist()
    (('a', 'b', 'other'), [0, 0, 1, -1], [1, 2])
    """
    counted = counts(reference, len(names))
    order = np.argsort(-counted, kind="stable")[:most]
    kept = order[counted[order] >= max(LEAST_SHARE * counted.sum(), 1)]
    table = np.full(len(names) + 1, len(kept), dtype=np.int64)
    table[kept] = np.arange(len(kept))
    table[-1] = -1
    old, fresh = table[reference], table[new]
    some_other = bool((old == len(kept)).any() or (fresh == len(kept)).any())
    labels = tuple(names[place] for place in kept) + (("other",) if some_other else ())
    return Bins(labels, old, fresh)


def stability(reference: FloatArray, new: FloatArray, level: float = 0.95) -> Shift | None:
    """Return the stability index of counts over the same bins, less its expectation without drift.

    Bins that are empty on both sides are left out; half a row is added to each other bin, so that an
    empty one has a logarithm.

    Parameters
    ----------
    reference, new : ndarray of shape (bins,)
        Counts.
    level : float
        Two-sided level of the interval.

    Returns
    -------
    Shift or None
        ``None`` where a side has no rows, or fewer than two bins hold any.

    Examples
    --------
    >>> shift = stability(np.array([500.0, 500.0]), np.array([400.0, 600.0]))
    >>> round(shift.raw, 4), round(shift.value, 4)
    (0.0405, 0.0385)
    """
    n, m = float(reference.sum()), float(new.sum())
    used = (reference + new) > 0
    if n <= 0 or m <= 0 or int(used.sum()) < 2:
        return None
    old, fresh = reference[used] + 0.5, new[used] + 0.5
    p, q = old / old.sum(), fresh / fresh.sum()
    ratio = np.log(q / p)
    raw = float(((q - p) * ratio).sum())
    bias = (len(p) - 1) * (1 / n + 1 / m)
    limits = _interval(p, q, ratio, n, m, raw - bias, level)
    return Shift(raw - bias, limits.low, limits.high, raw, len(p))


def _interval(
    p: FloatArray, q: FloatArray, ratio: FloatArray, n: float, m: float, value: float, level: float
) -> Interval:
    by_p = 1 - q / p - ratio
    by_q = 1 - p / q + ratio
    drift = _variance(by_p, p) / n + _variance(by_q, q) / m
    noise = 2 * (len(p) - 1) * (1 / n + 1 / m) ** 2
    reach = z_value(level) * math.sqrt(drift + noise)
    if value <= 0:
        return Interval(value - reach, value + reach, "delta method")
    # The index is about a noncentral chi-square: its root has nearly the same spread everywhere.
    root, step = math.sqrt(value), reach / (2 * math.sqrt(value))
    low = (root - step) ** 2 if step < root else value - reach
    return Interval(min(low, value), (root + step) ** 2, "delta method of the root")


def _variance(influence: FloatArray, share: FloatArray) -> float:
    mean = float((share * influence).sum())
    return float((share * (influence - mean) ** 2).sum())
