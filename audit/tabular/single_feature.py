"""How well one feature alone tells a class or predicts a number, on rows held out from the fit.

A feature is cut into cells (quantile bins of numbers, levels of categories); the rate of a class in a
cell, taken from the other folds, is the score. All that is needed is one count table a feature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text
from audit.data.factor import Factor
from audit.statistics.binning import quantile_edges
from audit.statistics.intervals import on_scale
from audit.statistics.ranking import newcombe_auc, roc_auc
from audit.statistics.variance import Linear, Undefined, Variance, cluster_codes, variance

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FOLDS = 5
PRIOR = 1.0
"""Rows of the overall rate that are added to each cell, so that an empty one has a rate."""


class Cells(NamedTuple):
    """A feature as cells."""

    codes: IntArray
    """Cell by row."""
    size: int
    ordered: bool
    """Whether the order of the cells has a meaning."""


class Area(NamedTuple):
    """A ROC AUC with its interval; `low` and `high` are ``None`` where a side has no rows."""

    value: float
    low: float
    high: float


def as_cells(column: pd.Series, most: int) -> Cells:
    """Cut numbers and times at quantiles, take other values as they are; missing is a cell of its own.

    Parameters
    ----------
    column : Series
    most : int
        Number of quantile bins at most.

    Examples
    --------
    >>> as_cells(pd.Series([1.0, 2.0, 3.0, None]), 2)[:2]
    (array([0, 0, 1, 2]), 3)
    """
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if numeric or pd.api.types.is_datetime64_any_dtype(column.dtype):
        values = numbers(column)
        missing = np.isnan(values)
        if missing.all():
            return Cells(np.zeros(len(column), dtype=np.int64), 1, True)
        edges = quantile_edges(values[~missing], most)
        codes = np.searchsorted(edges, values, side="left")
        return Cells(np.where(missing, len(edges) + 1, codes).astype(np.int64), len(edges) + 2, True)
    codes, levels = distinct(column)
    return Cells(np.where(codes < 0, len(levels), codes), len(levels) + 1, False)


def distinct(column: pd.Series) -> tuple[IntArray, pd.Index]:
    """Return each row's place among a column's distinct values, -1 where it is missing, and these values.

    Examples
    --------
    >>> codes, values = distinct(pd.Series(["b", None, "a", "b"]))
    >>> codes.tolist(), list(values)
    ([0, -1, 1, 0], ['b', 'a'])
    """
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and other things that cannot be hashed
        codes, values = pd.factorize(column.astype(object).map(label_text).where(column.notna(), None))
    return np.asarray(codes, dtype=np.int64), pd.Index(values)


def numbers(column: pd.Series) -> FloatArray:
    """Return numbers and times as floats, NaN where a value is missing.

    Examples
    --------
    >>> numbers(pd.Series([1, 2])).tolist()
    [1.0, 2.0]
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        plain = column.astype("int64").to_numpy(dtype=np.float64)
        return np.where(column.isna().to_numpy(), np.nan, plain)
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def levels_of(column: pd.Series) -> tuple[IntArray, tuple[str, ...]]:
    """Return codes and names of a column's levels, -1 where a value is missing; 1, 1.0 and "1" are one level.

    Examples
    --------
    >>> codes, names = levels_of(pd.Series([1.0, "1", None, [2]], dtype=object))
    >>> codes.tolist(), names
    ([0, 0, -1, 1], ('1', '[2]'))
    """
    codes, levels = distinct(column)
    texts = [label_text(level) for level in levels]
    merged, names = pd.factorize(np.array([*texts, ""], dtype=object)[:-1])
    table = np.append(np.asarray(merged, dtype=np.int64), -1)
    return table[codes], tuple(str(name) for name in names)


def count_table(cells: Cells, fold: IntArray, label: IntArray, labels: int) -> FloatArray:
    """Count rows by fold, cell and label; rows with label -1 are left out.

    Examples
    --------
    >>> cells = Cells(np.array([0, 1, 1]), 2, True)
    >>> count_table(cells, np.array([0, 0, 1]), np.array([0, 1, -1]), 2).tolist()
    [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    folds = int(fold.max()) + 1 if len(fold) else 1
    known = label >= 0
    flat = (fold[known] * cells.size + cells.codes[known]) * labels + label[known]
    counted = np.bincount(flat, minlength=folds * cells.size * labels)
    return counted.reshape(folds, cells.size, labels).astype(np.float64)


def held_out_area(table: FloatArray, position: int, level: float = 0.95, *, ordered: bool = False) -> Area | None:
    """Return the AUC of one label against the rest, scored by the rates of the other folds.

    Parameters
    ----------
    table : ndarray of shape (folds, cells, labels)
        From :func:`count_table`.
    position : int
        The label.
    ordered : bool
        Also rank rows by the order of the cells, either way, and return the better of the two.

    Returns
    -------
    Area or None
        ``None`` where the label, or the rest, has no row.

    Examples
    --------
    >>> table = np.tile(np.array([[20.0, 0.0], [0.0, 20.0]]), (5, 1, 1))
    >>> held_out_area(table, 1).value
    1.0
    """
    hits = table[:, :, position]
    rest = table.sum(axis=2) - hits
    if hits.sum() == 0 or rest.sum() == 0:
        return None
    score = _rates_elsewhere(hits, rest)
    # Folds rank their own rows alone: the overall rate of one fold is not news about another.
    areas = [_area(score[k], hits[k], rest[k]) for k in range(len(table))]
    pair = _pool([area for area in areas if area is not None])
    if ordered:
        place = np.arange(table.shape[1], dtype=np.float64)
        ranked = _area(place, hits.sum(axis=0), rest.sum(axis=0))
        if ranked is not None and (pair is None or max(ranked[0], 1 - ranked[0]) > pair[0]):
            pair = (max(ranked[0], 1 - ranked[0]), ranked[1])
    if pair is None:
        return None
    return area_interval(pair[0], pair[1], float(hits.sum()), float(rest.sum()), level)


def areas_by_label(
    cells: Cells,
    fold: IntArray,
    label: IntArray,
    positions: Sequence[int],
    weight: FloatArray | None,
    cluster: Factor | None,
    level: float,
    *,
    ordered: bool = False,
) -> list[Area | None]:
    """Return the AUC of each label against the rest: from counts, or from rows where these are weighted or clustered.

    Rows with label -1 are left out.
    """
    if weight is None and cluster is None:
        table = count_table(cells, fold, label, max([*positions, int(label.max(initial=0))]) + 1)
        return [held_out_area(table, position, level, ordered=ordered) for position in positions]
    known = label >= 0
    own = Cells(cells.codes[known], cells.size, cells.ordered)
    masses = (None if weight is None else weight[known], None if cluster is None else cluster.take(known))
    return [
        held_out_area_of_rows(own, fold[known], label[known] == position, *masses, level, ordered=ordered)
        for position in positions
    ]


def held_out_area_of_rows(
    cells: Cells,
    fold: IntArray,
    hit: npt.NDArray[np.bool_],
    weight: FloatArray | None,
    cluster: Factor | None,
    level: float = 0.95,
    *,
    ordered: bool = False,
) -> Area | None:
    """Return the same AUC where rows are weighted or clustered, from the rows themselves.

    Parameters
    ----------
    cells : Cells
    fold : ndarray of shape (n,)
        The rows of a cluster are all in one fold.
    hit : ndarray of shape (n,), bool
        Rows of the label.
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    level : float
    ordered : bool
        As for :func:`held_out_area`.

    Examples
    --------
    >>> hit = np.arange(200) % 2 == 1
    >>> held_out_area_of_rows(Cells(hit.astype(int), 2, True), np.arange(200) % 5, hit, None, None).value
    1.0
    """
    mass = np.ones(len(hit)) if weight is None else weight
    size = (int(fold.max()) + 1, cells.size) if len(fold) else (1, cells.size)
    flat = fold * cells.size + cells.codes
    hits, rest = (
        np.bincount(flat, mass * side, minlength=size[0] * size[1]).reshape(size).astype(np.float64)
        for side in (hit, ~hit)
    )
    score = _rates_elsewhere(hits, rest)[fold, cells.codes]
    by_fold = [_of_rows(score, hit, weight, cluster, fold == k) for k in range(size[0])]
    parts = [rows for rows in by_fold if rows is not None]
    value = sum(linear.value for linear, _ in parts) / len(parts) if parts else 0.0
    spread = sum(variance.value for _, variance in parts) / len(parts) ** 2 if parts else 0.0
    degrees = sum(variance.degrees for _, variance in parts)
    if ordered:
        ranked = _of_rows(cells.codes.astype(np.float64), hit, weight, cluster, np.ones(len(hit), dtype=np.bool_))
        if ranked is not None and max(ranked[0].value, 1 - ranked[0].value) > value:
            value, (spread, degrees) = max(ranked[0].value, 1 - ranked[0].value), ranked[1]
            parts = [ranked]
    if not parts:
        return None
    units = np.arange(len(hit)) if cluster is None else cluster_codes(cluster)
    positives, negatives = (float(len(np.unique(units[side & (mass > 0)]))) for side in (hit, ~hit))
    return area_interval(value, spread, positives, negatives, level, degrees=max(degrees, 1.0))


def _of_rows(
    score: FloatArray,
    hit: npt.NDArray[np.bool_],
    weight: FloatArray | None,
    cluster: Factor | None,
    inside: npt.NDArray[np.bool_],
) -> tuple[Linear, Variance] | None:
    """Return the AUC on some rows and its variance, ``None`` where a side is empty."""
    mass = None if weight is None else weight[inside]
    try:
        linear = roc_auc(hit[inside], score[inside], mass)
    except Undefined:
        return None
    return linear, variance(linear.influence, mass, None if cluster is None else cluster.take(inside))


def _rates_elsewhere(hits: FloatArray, rest: FloatArray) -> FloatArray:
    """Return the rate of hits by fold and cell, as the other folds have it."""
    other_hits, other_rest = hits.sum(axis=0) - hits, rest.sum(axis=0) - rest
    seen = other_hits + other_rest
    overall = other_hits.sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1e-300)
    return np.asarray((other_hits + PRIOR * overall) / (seen + PRIOR))


def _pool(areas: list[tuple[float, float]]) -> tuple[float, float] | None:
    if not areas:
        return None
    count = len(areas)
    return sum(area[0] for area in areas) / count, sum(area[1] for area in areas) / count**2


def _area(score: FloatArray, hits: FloatArray, rest: FloatArray) -> tuple[float, float] | None:
    """Return AUC and DeLong's variance from counts by cell, ``None`` where a side is empty."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) > 0]))
    h, r = np.add.reduceat(hits[order], starts), np.add.reduceat(rest[order], starts)
    positives, negatives = float(h.sum()), float(r.sum())
    if positives == 0 or negatives == 0:
        return None
    beaten = (np.cumsum(r) - r / 2) / negatives
    beating = (positives - np.cumsum(h) + h / 2) / positives
    area = float(h @ beaten) / positives
    spread_h = float(h @ (beaten - area) ** 2) / max(positives - 1, 1) / positives
    spread_r = float(r @ (beating - area) ** 2) / max(negatives - 1, 1) / negatives
    return area, spread_h + spread_r


def area_interval(
    area: float, spread: float, positives: float, negatives: float, level: float, *, degrees: float = math.inf
) -> Area:
    """Return an AUC with DeLong's interval on the logit scale; at the edge, what separation itself proves.

    If every positive outranks every negative, DeLong's variance is empty. Then the limit is the AUC under
    which two normal distributions of one spread would still be separated with probability
    (1 − level) / 2; with fewer than ten rows a side, what Newcombe (2006, method 5) allows.

    Examples
    --------
    >>> [round(one, 4) for one in area_interval(1.0, 0.0, 100, 100, 0.95)]
    [1.0, 0.9974, 1.0]
    """
    if 0 < area < 1 and spread > 0:
        low, high, _ = on_scale(area, math.sqrt(spread), level=level, degrees=degrees, transform="logit")
        return Area(area, low, high)
    if area >= 1 and min(positives, negatives) >= 10:
        return Area(1.0, _separated_limit(positives, negatives, (1 - level) / 2), 1.0)
    low, high, _ = newcombe_auc(area, positives, negatives, level)
    return Area(area, low, high)


def _separated_limit(positives: float, negatives: float, chance: float) -> float:
    """Return the binormal AUC that separates so many rows completely with probability `chance`."""
    from scipy.stats import norm

    grid = np.linspace(-10, 10, 4001)
    # Density of the greatest negative, times the chance that all positives lie above it.
    top = np.exp((negatives - 1) * norm.logcdf(grid) + norm.logpdf(grid)) * negatives

    def separated(shift: float) -> float:
        return float((top * np.exp(positives * norm.logsf(grid - shift))).sum() * (grid[1] - grid[0]))

    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if separated(middle) < chance else (low, middle)
    return float(norm.cdf(low / math.sqrt(2)))


def held_out_numbers(column: pd.Series, y: FloatArray, fold: IntArray, most: int) -> FloatArray:
    """Predict a number from one feature, each row by what the other folds say.

    Numbers by a line and by a curve through the means of quantile bins, whichever errs less; categories by
    the mean of their level.

    Parameters
    ----------
    column : Series of n values
    y : ndarray of shape (n,)
    fold : ndarray of shape (n,)
    most : int
        Number of quantile bins at most.

    Examples
    --------
    >>> x = np.linspace(0, 3, 200)
    >>> told = held_out_numbers(pd.Series(x), np.exp(x), np.arange(200) % 5, 40)
    >>> bool(np.abs(told - np.exp(x)).max() < 0.5)
    True
    """
    cells = as_cells(column, most)
    by_level = np.empty(len(y))
    line, curve = np.empty(len(y)), np.empty(len(y))
    values = numbers(column) if cells.ordered else np.zeros(len(y))
    values = np.where(np.isfinite(values), values, np.nan)
    for k in range(int(fold.max()) + 1):
        fit, held = fold != k, fold == k
        mean = float(y[fit].mean()) if fit.any() else 0.0
        sums = np.bincount(cells.codes[fit], y[fit] - mean, minlength=cells.size)
        sizes = np.bincount(cells.codes[fit], minlength=cells.size)
        by_level[held] = (mean + sums / (sizes + PRIOR * 0.01))[cells.codes[held]]
        if cells.ordered:
            line[held], curve[held] = _lines(values, y, fit, held, cells, mean)
    if not cells.ordered:
        return by_level
    candidates = (line, curve, by_level)
    return min(candidates, key=lambda values: float(((values - y) ** 2).sum()))


def _lines(
    values: FloatArray,
    y: FloatArray,
    fit: npt.NDArray[np.bool_],
    held: npt.NDArray[np.bool_],
    cells: Cells,
    mean: float,
) -> tuple[FloatArray, FloatArray]:
    """Return what a straight line and a broken line through the means of bins say of the held rows."""
    known = fit & ~np.isnan(values)
    x = values[held]
    if not known.any() or np.ptp(values[known]) == 0:
        flat = np.full(len(x), mean)
        return flat, flat
    center, scale = float(values[known].mean()), float(values[known].std()) or 1.0
    z, slope_x = (values[known] - center) / scale, (x - center) / scale
    at = float(y[known].mean())
    slope = float((z * (y[known] - at)).sum() / max(float((z * z).sum()), 1e-300))
    sizes = np.bincount(cells.codes[known], minlength=cells.size)
    used = sizes > 0
    means_x = np.bincount(cells.codes[known], z, minlength=cells.size)[used] / sizes[used]
    means_y = np.bincount(cells.codes[known], y[known], minlength=cells.size)[used] / sizes[used]
    straight = np.where(np.isnan(x), mean, at + slope * slope_x)
    broken = np.interp(slope_x, means_x, means_y)
    outside = (slope_x < means_x[0]) | (slope_x > means_x[-1])
    if len(means_x) > 1:
        broken = np.where(outside, _extend(slope_x, means_x, means_y), broken)
    return straight, np.where(np.isnan(x), mean, broken)


def _extend(x: FloatArray, knots_x: FloatArray, knots_y: FloatArray) -> FloatArray:
    """Go on beyond the ends of a broken line as its last pieces do."""
    low = (knots_y[1] - knots_y[0]) / max(knots_x[1] - knots_x[0], 1e-300)
    high = (knots_y[-1] - knots_y[-2]) / max(knots_x[-1] - knots_x[-2], 1e-300)
    below = knots_y[0] + low * (x - knots_x[0])
    above = knots_y[-1] + high * (x - knots_x[-1])
    return np.asarray(np.where(x < knots_x[0], below, above))


def folds_of(
    rows: int, generator: np.random.Generator, folds: int = FOLDS, *, cluster: Factor | None = None
) -> IntArray:
    """Deal rows, or whole clusters of rows, to folds at random, as evenly as can be.

    Examples
    --------
    >>> np.bincount(folds_of(11, np.random.default_rng(0))).tolist()
    [3, 2, 2, 2, 2]
    """
    units = np.arange(rows, dtype=np.int64) if cluster is None else cluster_codes(cluster)
    count = int(units.max()) + 1 if rows else 0
    return np.asarray(generator.permutation(np.arange(count, dtype=np.int64) % folds), dtype=np.int64)[units]
