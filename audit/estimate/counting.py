"""Count metrics with their intervals, from counts alone, or from rows where clusters tie them together."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.estimate.metrics import RATES, from_counts, gradient, margins, one_vs_rest, rate_masks
from audit.statistics.intervals import Interval, Span, around, bounded, linear, t_value, wilson, z_value
from audit.statistics.variance import Linear, Measured, Undefined, Variance, effective_n, variance, variance_of_counts

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


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


_MICRO = {"recall_weighted", "recall_micro", "precision_micro", "f1_micro"}
_JACCARD = (np.array([[0, 0], [0, 1]], dtype=np.bool_), np.array([[0, 1], [1, 1]], dtype=np.bool_))


def counted(
    name: str, counts: Counts, level: float, rows: Rows | None = None, classes: tuple[str, ...] = ()
) -> Measured:
    """Measure a count metric with its interval.

    Parameters
    ----------
    name : str
        A metric of counts; with more than two classes one that speaks of all of them.
    counts : Counts
    level : float
    rows : Rows, optional
        Given where rows are clustered.
    classes : tuple of str
        Names for the reason why a number does not exist.

    Raises
    ------
    Undefined
        If the metric does not exist on these counts.

    Examples
    --------
    >>> table = np.array([[50, 10], [5, 35]])
    >>> recall = counted("recall", Counts(table, table.astype(float), table.astype(float)), 0.95)
    >>> recall.value, round(recall.low, 3), round(recall.high, 3), recall.n
    (0.875, 0.739, 0.945, 40)
    """
    if not counts.weight.sum() > 0:
        raise Undefined("no rows" if not counts.n.sum() else "all weights are 0")
    plain = "accuracy" if name in _MICRO else name
    if plain in RATES:
        masks = rate_masks(plain, len(counts.n))
        span, method = proportion(masks, counts, level, rows, _reason(plain, len(counts.n)))
        return Measured(*span, method, int(counts.n[masks[1]].sum()))
    if name == "f1":
        span, method = proportion(_JACCARD, counts, level, rows, "no positive rows, true or predicted")
        value, low, high = (2 * jaccard / (1 + jaccard) for jaccard in span)
        return Measured(value, low, high, f"{method} of TP / (TP + FP + FN)", int(counts.n.sum()))
    value = float(from_counts(name, counts.weight))
    if not np.isfinite(value):
        raise Undefined(_why(name, counts, classes))
    return _composite(name, value, counts, level, rows)


def _reason(name: str, classes: int) -> str:
    return RATES[name].empty if classes == 2 else "no rows"


def proportion(
    masks: tuple[Mask, Mask], counts: Counts, level: float, rows: Rows | None, empty: str
) -> tuple[Span, str]:
    """Return Wilson's interval of hits among counted cells, with effective counts for weights and clusters."""
    hits, of = masks
    whole = float(counts.weight[of].sum())
    if not whole > 0:
        raise Undefined(empty)
    found = float(counts.weight[of & hits].sum())
    share = min(found / whole, 1.0)
    n = float(counts.n[of].sum())
    method = "wilson"
    squares = float(counts.weight2[of].sum())
    if abs(whole**2 / squares - n) > 1e-9 * n:
        method, kish = "wilson, effective n", whole**2 / squares
        right, wrong = float(counts.weight2[of & hits].sum()), float(counts.weight2[of & ~hits].sum())
        spread = (right * (1 - share) ** 2 + wrong * share**2) / whole**2
        own = _effective(share, Variance(spread, math.inf), kish if share in (0.0, 1.0) else n, level)
        # Weights tied to the outcome may raise Kish's number; a variance from few heavy rows is believed but slowly.
        n = kish * (own / kish) ** (kish / (kish + 200)) if own > kish else own
    if rows is not None and rows.cluster is not None:
        inside = of[rows.true, rows.predicted]
        weight = None if rows.weight is None else rows.weight[inside]
        hit = hits[rows.true[inside], rows.predicted[inside]].astype(np.float64)
        n = _effective(share, variance(hit - share, weight, rows.cluster.take(inside)), n, level)
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
    hits: npt.NDArray[np.bool_] | Array, weight: Array | None, cluster: Factor | None, level: float
) -> Share:
    """Return the share of rows that are hits, with Wilson's interval on the effective number of rows.

    Parameters
    ----------
    hits : ndarray of shape (n,)
        Booleans, or numbers in [0, 1] where a row may count in part.
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    level : float

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
    if not len(hits):
        raise Undefined("no rows" if weight is None else "all weights are 0")
    if hits.dtype == np.bool_:
        none = np.zeros(len(hits), dtype=np.int64)
        rows = Rows(none, hits.astype(np.int64), weight, cluster)
        span, method = proportion(rate_masks("error_rate", 2), count_rows(rows, 2), level, rows, "no rows")
        return Share(*span, method)
    share = float(np.average(hits, weights=weight))
    n = float(len(hits)) if weight is None else effective_n(weight)
    if cluster is not None:
        n = _effective(share, variance(np.asarray(hits - share, dtype=np.float64), weight, cluster), n, level)
    low, high, method = wilson(share * n, n, level)
    return Share(share, low, high, method if weight is None and cluster is None else "wilson, effective n")


def _effective(share: float, spread: Variance, most: float, level: float) -> float:
    """Return the effective number of rows behind a share (Korn and Graubard 1998), at most `most`.

    Where nothing varies, each cluster counts once.
    """
    if not 0 < share < 1 or spread.value <= 0:
        return min(most, spread.degrees + 1)
    shrink = (z_value(level) / t_value(level, spread.degrees)) ** 2
    return min(most, share * (1 - share) / spread.value * shrink)


def spread_of(name: str, counts: Counts, rows: Rows | None) -> Variance:
    """Return the variance of a composite metric by the delta method, robust to clusters where rows are given."""
    influence = gradient(name, counts.weight)
    if rows is not None and rows.cluster is not None:
        return variance(influence[rows.true, rows.predicted], rows.weight, rows.cluster)
    return variance_of_counts(influence, *counts)


def _composite(name: str, value: float, counts: Counts, level: float, rows: Rows | None) -> Measured:
    n = int(counts.n.sum())
    clustered = rows is not None and rows.cluster is not None
    if name in ("balanced_accuracy", "recall_macro", "precision_macro") and not clustered:
        span = _averaged(name, counts, level)
        limits = around(value, max(span.low, 0.0), min(span.high, 1.0), "mover of wilson")
        return Measured(value, *limits, n)
    signed = name in ("matthews_corrcoef", "cohen_kappa")
    floor = -1.0 if signed else 0.0
    spread = spread_of(name, counts, rows)
    if floor < value < 1 and spread.value > 1e-18:
        limits = bounded(value, spread.value, level=level, degrees=spread.degrees, low=floor)
    else:
        limits = _agreement(value, counts, level, rows) if signed else _edge(name, value, counts, level)
    return Measured(value, limits.low, limits.high, limits.method, n)


def _averaged(name: str, counts: Counts, level: float) -> Span:
    """Return the mean of the classes' recalls or precisions, which are independent given their totals."""
    axis = 0 if name == "precision_macro" else 1
    spans = []
    for position in range(len(counts.n)):
        if counts.weight.sum(axis)[position] > 0:
            mask = np.zeros(counts.n.shape, dtype=np.bool_)
            mask[(slice(None), position) if axis == 0 else (position, slice(None))] = True
            spans.append(proportion((np.eye(len(counts.n), dtype=np.bool_), mask), counts, level, None, "")[0])
    return linear([1 / len(spans)] * len(spans), spans)


def _edge(name: str, value: float, counts: Counts, level: float) -> Interval:
    """Return an interval where no row is wrong, or none right, from those of the single classes."""
    total = margins(counts.weight).true
    spans, shares = [], []
    for position in range(len(counts.n)):
        try:
            one = counted("precision" if name == "precision_weighted" else "f1", counts.one_vs_rest(position), level)
        except Undefined:
            continue
        spans.append(Span(one.value or 0.0, one.low or 0.0, one.high or 0.0))
        shares.append(float(total[position]) if name.endswith("weighted") else 1.0)
    span = linear([share / sum(shares) for share in shares], spans)
    return around(value, max(span.low, 0.0), min(span.high, 1.0), "mover of wilson")


def _agreement(value: float, counts: Counts, level: float, rows: Rows | None) -> Interval:
    """Return the interval of kappa or MCC where rows do not vary: that of accuracy, beyond chance."""
    masks = rate_masks("accuracy", len(counts.n))
    accuracy, _ = proportion(masks, counts, level, rows, "no rows")
    at = margins(counts.weight)
    chance = float((at.true * at.predicted).sum() / at.true.sum() ** 2)
    low, high = ((limit - chance) / (1 - chance) for limit in (accuracy.low, accuracy.high))
    return around(value, max(low, -1.0), min(high, 1.0), "wilson beyond chance")


def _why(name: str, counts: Counts, classes: tuple[str, ...]) -> str:
    """Say why a composite metric does not exist."""
    at = margins(counts.weight)
    names = classes or tuple(str(position) for position in range(len(counts.n)))
    if name.startswith("precision"):
        missing = [label for label, chosen in zip(names, at.predicted, strict=True) if not chosen]
        return f"no rows predicted as {', '.join(map(repr, missing[:3]))}"
    if int((at.true > 0).sum()) < 2:
        return "rows of one class only"
    return "predictions of one class only"


def count_linear(name: str, rows: Rows, classes: int) -> Linear:
    """Return a count metric with the influence of each row.

    Examples
    --------
    >>> y = np.array([0, 1, 1, 1])
    >>> count_linear("recall", Rows(y, np.array([0, 1, 0, 1]), None, None), 2).influence.round(3).tolist()
    [0.0, 0.444, -0.889, 0.444]
    """
    cell = rows.true * classes + rows.predicted
    table = np.bincount(cell, rows.weight, minlength=classes * classes).reshape(classes, classes).astype(np.float64)
    if not table.sum() > 0:
        raise Undefined("no rows")
    plain = "accuracy" if name in _MICRO else name
    if plain in RATES:
        hits, of = rate_masks(plain, classes)
        whole = float(table[of].sum())
        if not whole > 0:
            raise Undefined(_reason(plain, classes))
        value = float(table[of & hits].sum()) / whole
        by_cell = np.where(of, hits - value, 0.0) * (float(table.sum()) / whole)
    else:
        value = float(from_counts(name, table))
        by_cell = gradient(name, table)
    if not np.isfinite(value):
        raise Undefined(_why(name, Counts(table.astype(np.int64), table, table), ()))
    return Linear(value, by_cell.reshape(-1)[cell])


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
