"""The population stability index: how far two distributions over the same bins are apart.

``Σ (q − p) ln(q / p)`` of the shares p of a reference and q of new rows, which is the symmetrized
Kullback–Leibler divergence (Jeffreys 1946). Without any drift it is not 0 but about
``(K − 1)(1/n + 1/m)`` for K bins (Yurdakul and Naranjo 2020), which is subtracted here. Its interval comes
from a noncentral chi-square, which the index is near without drift and with little of it, widened by the
delta method where there is much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.statistics.binning import quantile_edges
from audit.statistics.intervals import Interval, z_value

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_SHARE = 0.01
"""Levels that hold a smaller share of the reference are taken together."""
METHOD = "noncentral chi-square, less the expectation without drift"
FAR = 1e4


class Bins(NamedTuple):
    """Two columns over the same bins; -1 stands for a missing value."""

    labels: tuple[str, ...]
    reference: IntArray
    """Bin of each row of the reference, -1 where the value is missing."""
    new: IntArray


class Shift(NamedTuple):
    """A stability index less its expectation, with the interval of the true index."""

    value: float
    """Zero on average without drift, and so below zero in about half of such samples."""
    low: float
    """Not below zero, which no true index is."""
    high: float
    raw: float
    bins: int
    method: str = ""


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
    edges = quantile_edges(present, most, below_most=True)
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
        Counts. With fewer than about five rows a bin in the smaller table the index is pulled
        towards 0, and rather too little drift is found than too much.
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
    low, high, method = _interval(p, q, ratio, n, m, raw, level)
    return Shift(raw - bias, low, high, raw, len(p), method)


def _interval(
    p: FloatArray, q: FloatArray, ratio: FloatArray, n: float, m: float, raw: float, level: float
) -> Interval:
    """Return the limits of the true index, from the noncentral chi-square that the raw one nearly is.

    ``raw / (1/n + 1/m)`` has K − 1 degrees of freedom and the true index over the same scale as its
    noncentrality. Far from 0 its spread (delta method) outgrows that law's, and the limits are widened
    by the ratio of the two.
    """
    scale, degrees = 1 / n + 1 / m, len(p) - 1
    by_p = 1 - q / p - ratio
    by_q = 1 - p / q + ratio
    noise = 2 * degrees * scale**2
    spread = noise + _variance(by_p, p) / n + _variance(by_q, q) / m
    widen = math.sqrt(spread / (noise + 4 * scale * raw))
    low, high = (scale * limit for limit in _noncentrality(raw / scale, degrees, level))
    center = max(raw - degrees * scale, 0.0)
    low, high = max(center - widen * max(center - low, 0.0), 0.0), center + widen * max(high - center, 0.0)
    return Interval(low, high, METHOD)


def _noncentrality(x: float, degrees: int, level: float) -> tuple[float, float]:
    """Return the limits of a chi-square's noncentrality from one draw `x` of it.

    The error is divided over the two tails by a tail function (Puza and O'Neill 2006): evenly far from
    0, wholly to the upper tail at 0, so that the interval is never empty and holds 0 at its very level.
    """
    if x > FAR:  # the root of the draw is normal there, with unit spread
        root, reach = math.sqrt(x), z_value(level)
        return tuple((root + sign * reach) ** 2 - (degrees - 1) for sign in (-1, 1))  # type: ignore[return-value]
    from scipy.optimize import brentq
    from scipy.special import chndtr

    error, fade = 1 - level, math.sqrt(2 * degrees)

    def upper_tail(center: float) -> float:
        return error * (0.5 + 0.5 * math.exp(-center / fade))

    def too_low(center: float) -> float:
        return upper_tail(center) - (1 - float(chndtr(x, degrees, center)))

    def too_high(center: float) -> float:
        return float(chndtr(x, degrees, center)) - (error - upper_tail(center))

    beyond = 4 * max(x, degrees) + 200
    low = 0.0 if too_low(0.0) <= 0 else float(brentq(too_low, 0.0, beyond))
    high = float(brentq(too_high, 0.0, beyond)) if x > 0 else 0.0
    return low, high


def _variance(influence: FloatArray, share: FloatArray) -> float:
    mean = float((share * influence).sum())
    return float((share * (influence - mean) ** 2).sum())
