"""Counts by true and predicted class, the rows behind them, and proportions of both with their intervals.

Counts are arrays of shape (..., K, K), true classes in rows and predicted classes in columns.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.estimate.rates import RATES, Rate
from audit.statistics.intervals import Span, t_value, wilson, z_value
from audit.statistics.variance import Undefined, Variance, effective_n, variance

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Margins(NamedTuple):
    """What count metrics are made of, each of shape (..., K) but the last."""

    hit: npt.NDArray[np.inexact]
    """Rows of each class that were predicted as it."""
    true: npt.NDArray[np.inexact]
    predicted: npt.NDArray[np.inexact]
    penalty: npt.NDArray[np.inexact] = np.zeros(())
    """Sum of the cells' penalties, of shape (...); 0 for metrics without penalties."""


def margins(counts: npt.NDArray[np.number], penalty: Array | None = None) -> Margins:
    """Reduce counts of shape (..., K, K) to hits, true totals and predicted totals.

    Examples
    --------
    >>> margins(np.array([[5, 1], [2, 4]])).hit.tolist()
    [5.0, 4.0]
    """
    table = np.asarray(counts, dtype=np.float64)
    summed = np.zeros(table.shape[:-2]) if penalty is None else np.asarray((table * penalty).sum((-2, -1)))
    return Margins(np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table.sum(-2), summed)


def one_vs_rest(counts: npt.NDArray[np.number], position: int) -> npt.NDArray[np.number]:
    """Collapse counts of shape (..., K, K) to (..., 2, 2) with the class at `position` as positive.

    Examples
    --------
    >>> one_vs_rest(np.array([[3, 1, 0], [0, 2, 2], [1, 0, 4]]), 2).tolist()
    [[6, 2], [1, 4]]
    """
    hit = counts[..., position, position]
    missed = counts[..., position, :].sum(-1) - hit
    false = counts[..., :, position].sum(-1) - hit
    rest = counts.sum((-2, -1)) - hit - missed - false
    return np.stack([np.stack([rest, false], -1), np.stack([missed, hit], -1)], -2)


class Counts(NamedTuple):
    """One cell of a tally: each of shape (K, K), true classes in rows."""

    n: npt.NDArray[np.int64]
    weight: Array
    weight2: Array

    def one_vs_rest(self, position: int) -> Counts:
        """Collapse to the class at `position` against all others."""
        n, weight, weight2 = (one_vs_rest(part, position) for part in self)
        return Counts(n.astype(np.int64), weight.astype(np.float64), weight2.astype(np.float64))


class Rows(NamedTuple):
    """The rows behind counts; needed only where clusters make their variance more than counts can tell."""

    true: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    weight: Array | None
    cluster: Factor | None
    repeats: tuple[npt.NDArray[np.int64], Array] | None = None
    """Of a counted log: rows and squared weights behind each row."""

    def one_vs_rest(self, position: int) -> Rows:
        """Collapse to the class at `position` against all others."""
        true, predicted = ((codes == position).astype(np.int64) for codes in (self.true, self.predicted))
        return Rows(true, predicted, self.weight, self.cluster, self.repeats)


def rate_masks(rate: Rate, classes: int) -> tuple[Mask, Mask]:
    """Return which cells of a (K, K) table are hits, and which are counted at all.

    Examples
    --------
    >>> hits, of = rate_masks(RATES["recall"], 2)
    >>> hits.astype(int).tolist(), of.astype(int).tolist()
    ([[0, 0], [0, 1]], [[0, 0], [1, 1]])
    """
    if classes == 2:
        hits, of = (np.array(cells, dtype=np.bool_).reshape(2, 2) for cells in (rate.hits, rate.of))
        return hits, of
    diagonal = np.eye(classes, dtype=np.bool_)
    return (diagonal if rate.hits[0] else ~diagonal), np.ones((classes, classes), dtype=np.bool_)


def proportion(
    masks: tuple[Mask, Mask], counts: Counts, level: float, rows: Rows | None, empty: str
) -> tuple[Span, str]:
    """Return Wilson's interval of hits among counted cells, with effective counts for weights and clusters."""
    hits, of = masks
    whole = float(counts.weight[of].sum())
    if not whole > 0:
        raise Undefined(empty)
    value = float(counts.weight[of & hits].sum())
    share = min(value / whole, 1.0)
    n = float(counts.n[of].sum())
    method = "wilson"
    squares = float(counts.weight2[of].sum())
    if abs(whole**2 / squares - n) > 1e-9 * n:
        method, kish = "wilson, effective n", whole**2 / squares
        right, wrong = float(counts.weight2[of & hits].sum()), float(counts.weight2[of & ~hits].sum())
        spread = (right * (1 - share) ** 2 + wrong * share**2) / whole**2
        own = effective(share, Variance(spread, math.inf), kish if share in (0.0, 1.0) else n, level)
        # Weights tied to the outcome may raise Kish's number; a variance from few heavy rows is believed but slowly.
        n = kish * (own / kish) ** (kish / (kish + 200)) if own > kish else own
    if rows is not None and rows.cluster is not None:
        inside = of[rows.true, rows.predicted]
        weight = None if rows.weight is None else rows.weight[inside]
        hit = hits[rows.true[inside], rows.predicted[inside]].astype(np.float64)
        n = effective(share, variance(hit - share, weight, rows.cluster.take(inside)), n, level)
        method = "wilson, cluster-effective n"
    low, high, _ = wilson(share * n, n, level)
    return Span(share, low, high), method


class Share(NamedTuple):
    """A proportion with its interval."""

    value: float
    low: float
    high: float
    method: str


def proportion_of(
    hits: npt.NDArray[np.bool_] | Array,
    weight: Array | None,
    cluster: Factor | None,
    level: float,
    repeats: tuple[npt.NDArray[np.int64], Array] | None = None,
) -> Share:
    """Return the share of rows that are hits, with Wilson's interval on the effective number of rows.

    Parameters
    ----------
    hits : ndarray of shape (n,)
        Booleans, or numbers in [0, 1] where a row may count in part.
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    level : float
    repeats : pair of ndarray of shape (n,), optional
        Of a counted log, whose hits are booleans: rows and squared weights behind each row.

    Raises
    ------
    Undefined
        Without rows, or where all weights are 0.

    Examples
    --------
    >>> proportion_of(np.array([True, False]), None, None, 0.95).method
    'wilson'
    """
    if weight is not None and not weight.all():
        kept = weight > 0
        hits, weight, cluster = hits[kept], weight[kept], None if cluster is None else cluster.take(kept)
        repeats = None if repeats is None else (repeats[0][kept], repeats[1][kept])
    if not len(hits):
        raise Undefined("no rows" if weight is None else "all weights are 0")
    if hits.dtype == np.bool_:
        none = np.zeros(len(hits), dtype=np.int64)
        rows = Rows(none, hits.astype(np.int64), weight, cluster, repeats)
        span, method = proportion(rate_masks(RATES["error_rate"], 2), count_rows(rows, 2), level, rows, "no rows")
        return Share(*span, method)
    share = float(np.average(hits, weights=weight))
    n = float(len(hits)) if weight is None else effective_n(weight)
    if cluster is not None:
        n = effective(share, variance(np.asarray(hits - share, dtype=np.float64), weight, cluster), n, level)
    low, high, method = wilson(share * n, n, level)
    return Share(share, low, high, method if weight is None and cluster is None else "wilson, effective n")


def effective(share: float, spread: Variance, most: float, level: float) -> float:
    """Return the effective number of rows behind a share (Korn and Graubard 1998), at most `most`.

    Where nothing varies, each cluster counts once.
    """
    if not 0 < share < 1 or spread.value <= 0:
        return min(most, spread.degrees + 1)
    shrink = (z_value(level) / t_value(level, spread.degrees)) ** 2
    return min(most, share * (1 - share) / spread.value * shrink)


def count_rows(rows: Rows, classes: int) -> Counts:
    """Count rows into one cell.

    Examples
    --------
    >>> count_rows(Rows(np.array([0, 1]), np.array([0, 0]), None, None), 2).n.tolist()
    [[1, 0], [1, 0]]
    """
    cell = rows.true * classes + rows.predicted
    shape = (classes, classes)
    if rows.repeats is not None and rows.weight is not None:
        sums = (rows.repeats[0], rows.weight, rows.repeats[1])
        tables = [np.bincount(cell, part, minlength=classes * classes).reshape(shape) for part in sums]
        return Counts(tables[0].astype(np.int64), *(table.astype(np.float64) for table in tables[1:]))
    n = np.bincount(cell, minlength=classes * classes).reshape(shape).astype(np.int64)
    if rows.weight is None:
        return Counts(n, n.astype(np.float64), n.astype(np.float64))
    weight, weight2 = (
        np.bincount(cell, values, minlength=classes * classes).reshape(shape).astype(np.float64)
        for values in (rows.weight, rows.weight**2)
    )
    return Counts(n, weight, weight2)
