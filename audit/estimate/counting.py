"""Count metrics with their intervals, from counts alone, or from rows where clusters tie them together."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from audit.errors import ConfigError, quote
from audit.estimate.cells import Counts, Margins, Rows, margins, proportion, rate_masks
from audit.estimate.metric import Composite, Metric
from audit.estimate.metrics import metric
from audit.estimate.rates import Rate
from audit.statistics.intervals import Interval, Span, around, bounded_interval, linear, wilson
from audit.statistics.variance import Linear, Measured, Undefined, Variance, effective_n, variance, variance_of_counts

Array = npt.NDArray[np.float64]


def from_counts(name: str, counts: npt.NDArray[np.number]) -> Array:
    """Compute a count metric for each (K, K) table of `counts`; NaN where it does not exist.

    Parameters
    ----------
    name : str
        A metric with ``needs == "counts"``. For K > 2, metrics of a positive class do not exist: collapse
        the table with :func:`one_vs_rest` first.
    counts : ndarray of shape (..., K, K)
        Counts or sums of weights.

    Examples
    --------
    >>> from_counts("precision", np.array([[[50, 10], [5, 35]], [[9, 0], [1, 0]]])).round(3).tolist()
    [0.778, nan]
    """
    known_metric, table = metric(name), np.asarray(counts, dtype=np.float64)
    classes = table.shape[-1]
    if known_metric.needs != "counts":
        raise ConfigError(f"{quote(name)} is not a function of counts; it needs {known_metric.needs}")
    if classes != 2 and not _speaks_of_all(known_metric):
        raise ConfigError(f"{quote(name)} speaks of one class; collapse the {classes} classes by one_vs_rest first")
    with np.errstate(divide="ignore", invalid="ignore"):
        if known_metric.composite is not None:
            return np.asarray(known_metric.composite.value(_margins(known_metric.composite, table)), dtype=np.float64)
        hits, of = rate_masks(_rate(known_metric), classes)
        return np.asarray(table[..., hits].sum(-1) / table[..., of].sum(-1), dtype=np.float64)


def _speaks_of_all(metric: Metric) -> bool:
    return "multiclass" in metric.tasks


def _rate(metric: Metric) -> Rate:
    assert metric.rate is not None  # noqa: S101 -- a metric of counts is a proportion or a composite
    return metric.rate


def _margins(composite: Composite, table: npt.NDArray[np.number]) -> Margins:
    return margins(table, None if composite.penalty is None else composite.penalty(table.shape[-1]))


def gradient(name: str, counts: npt.NDArray[np.number]) -> Array:
    """Return the derivative of a composite metric by each cell, times the total: its influence per row.

    By complex steps on the margins (Squire and Trapp 1998): exact to rounding, 3K + 1 evaluations.

    Parameters
    ----------
    counts : ndarray of shape (K, K)

    Examples
    --------
    >>> table = np.array([[50.0, 10.0], [5.0, 35.0]])
    >>> influence = gradient("cohen_kappa", table)
    >>> abs(float((influence * table).sum())) < 1e-9
    True
    """
    composite = metric(name).composite
    assert composite is not None  # noqa: S101 -- a proportion's influence is its hits
    at = _margins(composite, counts)
    size, total = len(at.hit), float(at.true.sum())
    step = 1e-20 * max(total, 1.0)
    steps = np.eye(size) * (1j * step)
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for moved in (0, 1, 2):
            hit, true, predicted = (
                np.broadcast_to(part, (size, size)) + (steps if place == moved else 0)
                for place, part in enumerate((at.hit, at.true, at.predicted))
            )
            parts.append(np.imag(composite.value(Margins(hit, true, predicted, at.penalty))) / step * total)
        by_penalty = np.imag(composite.value(at._replace(penalty=at.penalty + 1j * step))) / step * total
    by_hit, by_true, by_predicted = parts
    by_cell = np.diag(by_hit) + by_true[:, None] + by_predicted[None, :]
    return np.asarray(
        by_cell if composite.penalty is None else by_cell + by_penalty * composite.penalty(size), dtype=np.float64
    )


def measure_count(
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
    >>> recall = measure_count("recall", Counts(table, table.astype(float), table.astype(float)), 0.95)
    >>> recall.value, round(recall.low, 3), round(recall.high, 3), recall.n
    (0.875, 0.739, 0.945, 40)
    """
    if not counts.weight.sum() > 0:
        raise Undefined("no rows" if not counts.n.sum() else "all weights are 0")
    known_metric = metric(name)
    if known_metric.composite is None:
        rate = _rate(known_metric)
        masks = rate_masks(rate, len(counts.n))
        span, method = proportion(masks, counts, level, rows, _empty(rate, len(counts.n)))
        return Measured(*span, method, int(counts.n[masks[1]].sum()))
    if known_metric.composite.measured is not None:
        return known_metric.composite.measured(counts, level, rows)
    value = float(from_counts(name, counts.weight))
    if not np.isfinite(value):
        raise Undefined(known_metric.composite.undefined(counts, _names(counts, classes)))
    limits = _limits(known_metric, known_metric.composite, value, counts, level, rows)
    return Measured(value, limits.low, limits.high, limits.method, int(counts.n.sum()))


def _empty(rate: Rate, classes: int) -> str:
    return rate.empty if classes == 2 else "no rows"


def _names(counts: Counts, classes: tuple[str, ...]) -> tuple[str, ...]:
    return classes or tuple(str(position) for position in range(len(counts.n)))


def _spread(name: str, counts: Counts, rows: Rows | None) -> Variance:
    """Return the variance of a composite metric by the delta method, robust to clusters where rows are given."""
    influence = gradient(name, counts.weight)
    if rows is not None and rows.cluster is not None:
        return variance(influence[rows.true, rows.predicted], rows.weight, rows.cluster)
    return variance_of_counts(influence, *counts)


def _limits(
    metric: Metric, composite: Composite, value: float, counts: Counts, level: float, rows: Rows | None
) -> Interval:
    clustered = rows is not None and rows.cluster is not None
    if composite.over is not None and not clustered:
        span = _average(counts, level, axis=0 if composite.over == "predicted" else 1)
        return around(value, max(span.low, 0.0), min(span.high, 1.0), "mover of wilson")
    spread, floor = _spread(metric.name, counts, rows), metric.bounds[0]
    if floor < value < 1 and spread.value > 1e-18:
        return bounded_interval(value, spread.value, level=level, degrees=spread.degrees, low=floor)
    edge = composite.edge or partial(_unseen, metric.bounds)
    return edge(value, counts, level, rows)


def _unseen(bounds: tuple[float, float], value: float, counts: Counts, level: float, _rows: Rows | None) -> Interval:
    """Return what rows of a kind that none of these shows could move, as many as Wilson allows the rarest class."""
    true, squares = counts.weight.sum(1), counts.weight2.sum(1)
    rows = min(effective_n(true[[k]], squares[[k]]) for k in np.flatnonzero(true))
    share = wilson(0.0, rows, level).high
    low, high = (value + share * (bound - value) for bound in bounds)
    return around(value, low, high, "wilson of the rarest class")


def _average(counts: Counts, level: float, axis: int) -> Span:
    """Return the mean of the classes' recalls or precisions, which are independent given their totals."""
    spans = []
    for position in range(len(counts.n)):
        if counts.weight.sum(axis)[position] > 0:
            mask = np.zeros(counts.n.shape, dtype=np.bool_)
            mask[(slice(None), position) if axis == 0 else (position, slice(None))] = True
            spans.append(proportion((np.eye(len(counts.n), dtype=np.bool_), mask), counts, level, None, "")[0])
    return linear([1 / len(spans)] * len(spans), spans)


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
    known_metric = metric(name)
    if known_metric.composite is None:
        hits, of = rate_masks(_rate(known_metric), classes)
        whole = float(table[of].sum())
        if not whole > 0:
            raise Undefined(_empty(_rate(known_metric), classes))
        value = float(table[of & hits].sum()) / whole
        by_cell = np.where(of, hits - value, 0.0) * (float(table.sum()) / whole)
    else:
        value = float(from_counts(name, table))
        by_cell = gradient(name, table)
    if not np.isfinite(value) and known_metric.composite is not None:
        counts = Counts(table.astype(np.int64), table, table)
        raise Undefined(known_metric.composite.undefined(counts, _names(counts, ())))
    return Linear(value, by_cell.reshape(-1)[cell])
