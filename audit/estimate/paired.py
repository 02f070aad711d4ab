"""Two models on the same rows: a shared row cancels what is common, so differences are far surer.

Proportions over the same rows have Tango's score interval; every other smooth metric the variance of
the difference of its influence values, which for the AUC is DeLong's paired one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.errors import DataError, quote_all
from audit.estimate.cells import rate_masks
from audit.estimate.influence import linear_form, metric_of, requirements, speaks_of_negative
from audit.estimate.measure import estimate, groups
from audit.estimate.metric import Metric
from audit.estimate.rates import Rate
from audit.estimate.views import position_of, rows_of, toward_negative
from audit.evidence import NO_ROWS, Predictions
from audit.statistics.intervals import Interval, Span, around, corrected_resampled, on_scale, t_value, wilson, z_value
from audit.statistics.variance import STILL, Undefined, cluster_codes, effective_n, variance
from reports.record import Estimate

Array = npt.NDArray[np.float64]
_LEAST_ROWS = 1e-6
"""Effective rows where one row holds all the weight: the interval is then as wide as can be."""
_NO_CHANGE = Interval(0.0, 0.0, "the same answers on all rows")


class McNemar(NamedTuple):
    """p-values of "the two are right equally often"."""

    exact: float
    """Conditional binomial test; never too small, often too large."""
    mid: float
    """Mid-p: nearer to its level (Fagerland, Lydersen and Laake 2013)."""


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """Test whether two models differ, from the rows that only one of them gets right.

    Examples
    --------
    >>> exact, mid = mcnemar(1, 7)
    >>> round(exact, 3), round(mid, 3)
    (0.07, 0.039)
    """
    from scipy.special import bdtr

    n, fewer = first_only + second_only, min(first_only, second_only)
    if n == 0:
        return McNemar(1.0, 1.0)
    point = math.exp(math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2))
    exact = min(1.0, 2 * float(bdtr(fewer, n, 0.5)))
    mid = 1 - point / 2 if first_only == second_only else exact - point
    return McNemar(exact, min(max(mid, 0.0), 1.0))


def tango(first_only: float, second_only: float, n: float, level: float = 0.95) -> Span:
    """Return the score interval of a paired difference of proportions (Tango 1998).

    Parameters
    ----------
    first_only, second_only : float
        Rows that only the first, only the second has; effective counts are welcome.
    n : float
        All rows.

    Examples
    --------
    >>> [round(number, 3) for number in tango(1, 7, 21)]
    [-0.286, -0.517, -0.026]
    """
    if not (n > 0 and min(first_only, second_only) >= 0 and first_only + second_only <= n * (1 + 1e-9)):
        raise ValueError(f"{first_only} and {second_only} of {n} rows; expected counts that fit")
    value = (first_only - second_only) / n
    reach = z_value(level)

    def beyond(delta: float) -> bool:
        b = -first_only - second_only + (2 * n - first_only + second_only) * delta
        c = -second_only * delta * (1 - delta)
        fitted = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        spread = n * (2 * fitted + delta * (1 - delta))
        gap = first_only - second_only - n * delta
        return gap * gap > reach * reach * max(spread, 0.0)

    return Span(value, _bisect(beyond, -1.0, value), _bisect(beyond, 1.0, value))


def _bisect(beyond: Callable[[float], bool], far: float, near: float) -> float:
    if not beyond(far):
        return far
    for _ in range(60):
        middle = (far + near) / 2
        far, near = (middle, near) if beyond(middle) else (far, middle)
    return far


def newcombe_paired(both: float, first_only: float, second_only: float, neither: float, level: float = 0.95) -> Span:
    """Return Newcombe's hybrid score interval of a paired difference of proportions (1998c, method 10).

    Examples
    --------
    >>> [round(number, 3) for number in newcombe_paired(1, 1, 7, 12)]
    [-0.286, -0.507, -0.026]
    """
    n = both + first_only + second_only + neither
    p, q = (both + first_only) / n, (both + second_only) / n
    a, b = wilson(p * n, n, level), wilson(q * n, n, level)
    product = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    cross = both * neither - first_only * second_only
    # Edwards' continuity correction of phi, where rows tend to agree.
    cross = max(cross - n / 2, 0.0) if cross > 0 else cross
    phi = cross / math.sqrt(product) if product > 0 else 0.0
    low = (p - a.low) ** 2 - 2 * phi * (p - a.low) * (b.high - q) + (b.high - q) ** 2
    high = (a.high - p) ** 2 - 2 * phi * (a.high - p) * (q - b.low) + (q - b.low) ** 2
    return Span(p - q, p - q - math.sqrt(max(low, 0.0)), p - q + math.sqrt(max(high, 0.0)))


# --- predictions ----------------------------------------------------------------------------------


def align_predictions(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Put the rows of `second` in the order of `first`.

    Raises
    ------
    DataError
        If the two do not speak of the same rows, task, classes and truth.

    Examples
    --------
    >>> one = Predictions(task="regression", y_true=np.array([1.0, 2.0]), y_pred=np.zeros(2), row=np.array([0, 1]))
    >>> other = Predictions(task="regression", y_true=np.array([2.0, 1.0]), y_pred=np.ones(2), row=np.array([1, 0]))
    >>> align_predictions(one, other)[1].y_true.tolist()
    [1.0, 2.0]
    """
    if first.task != second.task or first.classes != second.classes:
        raise DataError(
            f"A {first.task} task with classes {quote_all(first.classes)} and a {second.task} task with classes "
            f"{quote_all(second.classes)} cannot be compared."
        )
    for part in (first, second):
        if len(part.row) != len(part):
            raise DataError("Rows without numbers cannot be paired; compare the two as independent samples.")
    if len(first) == len(second) and np.array_equal(first.row, second.row):
        other = second
    else:
        order, wanted = np.argsort(second.row, kind="stable"), np.argsort(first.row, kind="stable")
        if len(first) != len(second) or not np.array_equal(first.row[wanted], second.row[order]):
            raise DataError(f"{len(first)} and {len(second)} rows are not the same rows, so they cannot be paired.")
        place = np.empty(len(second), dtype=np.intp)
        place[wanted] = order
        other = second.take(place)
    if not (first.row[1:] > first.row[:-1]).all() and len(np.unique(first.row)) < len(first):
        raise DataError("A row occurs twice in the predictions, so that rows cannot be paired.")
    if not np.array_equal(first.y_true, other.y_true):
        raise DataError("Rows of the same number have different true values; these are not the same data.")
    return first, other


def paired_difference(
    first: Predictions,
    second: Predictions,
    name: str,
    *,
    class_: str | None = None,
    generator: np.random.Generator | None = None,
    resamples: int = 1000,
) -> Estimate:
    """Measure ``<metric>_difference``, first minus second, on rows that both have answered.

    Parameters
    ----------
    first, second : Predictions
        The same rows by number, in any order; weights and clusters are the first's.
    name : str
        Any metric.
    class_ : str, optional
        Take this class against the rest.
    generator : Generator, optional
        For the two metrics that have to be resampled; seeded with 0 where it is missing.
    resamples : int
        Of those two.

    Raises
    ------
    DataError
        If the rows cannot be paired.

    Examples
    --------
    >>> y, rows = np.ones(21, dtype=np.int64), np.arange(21)
    >>> new = Predictions(task="binary", classes=("no", "yes"), y_true=y, row=rows,
    ...                   y_pred=np.repeat([1, 1, 0, 0], [1, 1, 7, 12]))
    >>> old = Predictions(task="binary", classes=("no", "yes"), y_true=y, row=rows,
    ...                   y_pred=np.repeat([1, 0, 1, 0], [1, 1, 7, 12]))
    >>> str(paired_difference(new, old, "accuracy"))
    '-0.286 [-0.517, -0.026]'
    """
    predictions, other = align_predictions(first, second)
    source = generator or np.random.default_rng(0)
    return _difference(
        _Pair(first=predictions, second=other, name=name, class_=class_, generator=source, resamples=resamples)
    )


def paired_by_group(
    first: Predictions,
    second: Predictions,
    names: Sequence[str],
    features: Sequence[str],
    *,
    generator: np.random.Generator | None = None,
) -> tuple[Estimate, ...]:
    """Measure paired differences by group of the crossed `features`, see :func:`audit.estimate.measure.by_group`."""
    predictions, other = align_predictions(first, second)
    source = generator or np.random.default_rng(0)
    estimates = []
    for levels, rows in groups(predictions, features):
        where = dict(zip(features, levels, strict=True))
        if reason := predictions.settings.why_hidden(where, len(rows)):
            n = 0 if reason == NO_ROWS else None
            estimates += [_without(predictions, name, {**predictions.where, **where}, n, reason) for name in names]
            continue
        parts = predictions.take(rows, where), other.take(rows, where)
        estimates += [
            _difference(_Pair(first=parts[0], second=parts[1], name=name, generator=source, resamples=500))
            for name in names
        ]
    return tuple(estimates)


def churn(first: Predictions, second: Predictions, toward: str = "", name: str = "churn") -> Estimate:
    """Measure the share of rows whose decision differs between two models.

    Parameters
    ----------
    first, second : Predictions
        The same rows, answered by the later and by the earlier model.
    toward : str
        Count only decisions that the first model moved to this class; ``""``: all that differ.
    name : str
        Metric of the estimate.

    Examples
    --------
    >>> one = Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(20, int), y_pred=np.zeros(20, int),
    ...                   row=np.arange(20))
    >>> other = replace(one, y_pred=np.repeat([0, 1], [18, 2]))
    >>> str(churn(one, other)), churn(one, other, "yes").value
    ('0.100 [0.028, 0.301]', 0.0)
    """
    predictions, other = align_predictions(first, second)
    moved = predictions.y_pred != other.y_pred
    if toward:
        moved &= predictions.y_pred == predictions.classes.index(toward)
    changed = replace(
        predictions, task="binary", classes=("kept", "changed"), y_true=np.zeros(len(predictions), dtype=np.int64),
        y_pred=moved.astype(np.int64), y_score=None,
    )  # fmt: skip
    return replace(estimate(changed, "selection_rate"), metric=name)


def fold_difference(
    first: Sequence[float], second: Sequence[float], test_share: float, level: float = 0.95
) -> Span | None:
    """Return the mean difference of scores on the same folds, by the corrected resampled t interval.

    Examples
    --------
    >>> [round(number, 3) for number in fold_difference([0.81, 0.83, 0.8], [0.79, 0.8, 0.79], 0.2)]
    [0.02, -0.013, 0.053]
    """
    return corrected_resampled([a - b for a, b in zip(first, second, strict=True)], test_share, level)


# --- one difference -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A metric of two models on the same rows in the same order."""

    first: Predictions
    second: Predictions
    name: str
    class_: str | None = None
    """The class taken against the rest."""
    generator: np.random.Generator
    resamples: int
    """Of a metric whose difference has no other form."""

    @property
    def metric(self) -> Metric:
        return metric_of(self.first, self.name)

    @property
    def level(self) -> float:
        return self.first.settings.level

    def rows_that_count(self) -> _Pair:
        """Drop rows of weight 0; weights and clusters are the first's."""
        first, second = self.first, self.second
        if first.weight is not None and len(first) and first.weight.min() <= 0:
            kept = first.weight > 0
            first, second = first.take(kept), second.take(kept)
        return replace(self, first=first, second=replace(second, weight=first.weight, cluster=first.cluster))


def _without(predictions: Predictions, name: str, where: dict[str, str], n: int | None, reason: str) -> Estimate:
    return Estimate(
        metric=f"{name}_difference", value=None, n=n, where=where, unit=_unit(predictions, name), reason=reason
    )


def _unit(predictions: Predictions, name: str) -> str:
    unit = metric_of(predictions, name).unit
    return "difference" if unit in ("proportion", "score", "difference") else unit


def _difference(pair: _Pair) -> Estimate:
    where = {**pair.first.where, **({} if pair.class_ is None else {"class": pair.class_})}
    pair = pair.rows_that_count()
    limits: Interval | None
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            value, limits = _measure(pair)
        limits = None if limits is None else _within(limits, pair.metric.bounds)
        if not all(map(math.isfinite, (value, *(limits or ())[:2]))):
            raise Undefined("the number is too large to be computed")
    except Undefined as reason:
        return _without(pair.first, pair.name, where, len(pair.first), str(reason))
    return Estimate(
        metric=f"{pair.name}_difference",
        value=value,
        low=None if limits is None else limits.low,
        high=None if limits is None else limits.high,
        level=pair.level,
        method="" if limits is None else limits.method,
        n=len(pair.first),
        where=where,
        unit=_unit(pair.first, pair.name),
        reason="" if limits is not None else STILL,
    )


def _within(limits: Interval, bounds: tuple[float, float]) -> Interval:
    """Keep the limits of a difference inside what two numbers within their bounds can differ by.

    Examples
    --------
    >>> _within(Interval(-2.5, 0.3, "t"), (0.0, 1.0))
    Interval(low=-1.0, high=0.3, method='t')
    """
    most = bounds[1] - bounds[0]
    return limits._replace(low=max(limits.low, -most), high=min(limits.high, most))


def _measure(pair: _Pair) -> tuple[float, Interval | None]:
    metric = pair.metric
    if metric.difference is not None:
        return metric.difference(pair.first, pair.second)
    if metric.needs != "counts" and metric.linear is None:
        return _resample(pair)
    return _linear(pair)


def _linear(pair: _Pair) -> tuple[float, Interval | None]:
    predictions, other, metric = pair.first, pair.second, pair.metric
    if speaks_of_negative(predictions, pair.name, pair.class_):
        predictions, other = toward_negative(predictions), toward_negative(other)
    position = position_of(predictions, pair.class_)
    requirements(predictions, pair.name, position)
    multiclass = len(predictions.classes) > 2 and position is None
    if metric.rate is not None and metric.rate.by_truth and (not multiclass or metric.rate.every_class):
        return _proportions(predictions, other, metric.rate, position)
    a, b = (linear_form(part, pair.name, pair.class_) for part in (predictions, other))
    value = a.value - b.value
    if _same(predictions, other):
        return 0.0, _NO_CHANGE
    spread = variance(a.influence - b.influence, predictions.weight, predictions.cluster)
    if spread.value <= 0 or spread.degrees <= 0:
        return value, None
    limits = on_scale(value, math.sqrt(spread.value), level=pair.level, degrees=spread.degrees)
    return value, limits._replace(method=metric.paired_method)


def _same(predictions: Predictions, other: Predictions) -> bool:
    """Tell whether two models gave the same scores, which labels alone cannot show."""
    if predictions.y_score is not None and other.y_score is not None:
        return np.array_equal(predictions.y_pred, other.y_pred) and np.array_equal(predictions.y_score, other.y_score)
    return predictions.task == "regression" and np.array_equal(predictions.y_pred, other.y_pred)


def _proportions(
    predictions: Predictions, other: Predictions, rate: Rate, position: int | None
) -> tuple[float, Interval]:
    """Compare two proportions of the same rows; weights and clusters make the counts effective ones."""
    size = len(predictions.classes) if position is None else 2
    hits, of = rate_masks(rate, size)
    a, b = (rows_of(part) if position is None else rows_of(part).one_vs_rest(position) for part in (predictions, other))
    inside = of[a.true, a.predicted]
    if not inside.any():
        raise Undefined(rate.empty)
    if _same(predictions, other):
        return 0.0, _NO_CHANGE
    first, second = (hits[rows.true[inside], rows.predicted[inside]] for rows in (a, b))
    weight = None if predictions.weight is None else predictions.weight[inside]
    share = np.full(len(first), 1 / len(first)) if weight is None else weight / weight.sum()
    ahead, behind = float(share @ (first & ~second)), float(share @ (second & ~first))
    n, method = float(len(first)), "tango"
    if weight is not None or predictions.cluster is not None:
        n, method = effective_n(share), "tango, effective n"
        gap = first.astype(np.float64) - second - (ahead - behind)
        spread = variance(gap, weight, None if predictions.cluster is None else predictions.cluster.take(inside))
        if spread.value > 0:
            shrink = (z_value(predictions.settings.level) / t_value(predictions.settings.level, spread.degrees)) ** 2
            n = min(float(len(first)), (ahead + behind - (ahead - behind) ** 2) / spread.value * shrink)
        elif predictions.cluster is not None:
            n = effective_n(np.bincount(cluster_codes(predictions.cluster.take(inside)), share).astype(np.float64))
    n = max(n, _LEAST_ROWS)
    span = tango(ahead * n, behind * n, n, predictions.settings.level)
    return span.value, around(span.value, span.low, span.high, method)


def _resample(pair: _Pair) -> tuple[float, Interval]:
    """Compare by the bootstrap, both models on the same resamples; clusters are drawn whole."""
    parts = pair.first, pair.second
    first, second = (estimate(part, pair.name, class_=pair.class_) for part in parts)
    if first.value is None or second.value is None:
        raise Undefined(first.reason or second.reason)
    value = first.value - second.value
    clusters = None if pair.first.cluster is None else cluster_codes(pair.first.cluster)
    drawn = []
    for _ in range(pair.resamples):
        rows = _draw(len(pair.first), clusters, pair.generator)
        a, b = (estimate(part.take(rows), pair.name, class_=pair.class_).value for part in parts)
        if a is not None and b is not None:
            drawn.append(a - b)
    if len(drawn) < pair.resamples / 2:
        raise Undefined("the metric is undefined on most resamples")
    tail = (1 - pair.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return value, around(value, float(low), float(high), f"bootstrap, {len(drawn)} shared resamples")


def _draw(n: int, clusters: npt.NDArray[np.int64] | None, generator: np.random.Generator) -> npt.NDArray[np.intp]:
    if clusters is None:
        return generator.integers(0, n, n).astype(np.intp)
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(int(clusters.max()) + 2))
    chosen = generator.integers(0, len(starts) - 1, len(starts) - 1)
    return np.concatenate([order[starts[value] : starts[value + 1]] for value in chosen]).astype(np.intp)
