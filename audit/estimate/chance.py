"""Is a gap among groups more than shuffling the groups would show? And what could these rows show at all?

The groups are shuffled over the rows, which keeps how many rows each group has, how often each pair of true
and predicted class occurs, and which weights go with them; rows of one cluster stay together. The statistic
is the largest studentized deviation of a group from the rest, over groups and metrics alike, so that the
p-value allows for both choices (max-T; Westfall and Young 1993); it is studentized with the effective
number of rows, so that groups may be weighted unlike each other (Janssen 1997).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audit.errors import DataError
from audit.estimate.cells import rate_masks
from audit.estimate.metrics import METRICS, metrics_for
from audit.estimate.rates import RATES
from audit.estimate.tally import Tally
from audit.estimate.views import with_weight
from audit.evidence import COUNTED, Predictions
from audit.statistics.intervals import wilson, z_value
from audit.statistics.shuffles import Draws, by_cluster, cluster_groups, of_counts, of_units
from audit.statistics.variance import Undefined, cluster_codes
from reports.record import Estimate, Task

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LIES_ACROSS = "clusters contain rows of several groups, so groups cannot be shuffled between clusters"
_TOO_LARGE = 1e150
UNITS = "whole clusters"
_POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One metric's gap among the groups of a feature, beside what chance yields."""

    metric: str
    value: float
    """Largest less smallest value among the groups that are large enough."""
    group: str
    """The group that deviates most from the rest, in standard errors."""
    expected: float
    """Mean gap over the shuffles."""
    limit: float
    """Gap that 5 % of the shuffles exceed (one less the level)."""
    p: float
    """p-value, corrected for the number of metrics and groups."""
    detectable: float
    """Smallest true deviation of one group from the rest found with 80 % power, in the best-placed group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A feature's gaps against shuffled groups."""

    feature: str
    p: float | None
    """p-value of "the groups do not differ", over all metrics; ``None`` where nothing can be compared."""
    permutations: int
    gaps: tuple[Gap, ...] = ()
    method: str = ""
    n: int = 0
    level: float = 0.95
    where: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    outcome: str = ""
    """Favorable class that the rates speak of; ``""``: the positive one."""

    def estimates(self) -> tuple[Estimate, ...]:
        """Write p-value, gaps and smallest detectable gaps as estimates, at ``where + {"feature": name}``.

        The p-value's interval is its Monte-Carlo error alone.
        """
        where = {**self.where, "feature": self.feature}
        if self.p is None:
            return (Estimate(metric="gap_p_value", value=None, where=where, unit="p-value", reason=self.reason),)
        measured = [self._p_value("gap_p_value", self.p, where)]
        for gap in self.gaps:
            at = {**where, "metric": gap.metric}
            measured.append(self._p_value("gap_p_value_by_metric", gap.p, at))
            for name, value in (
                ("gap", gap.value),
                ("gap_by_chance", gap.expected),
                ("detectable_gap", gap.detectable),
            ):
                method = "observed" if name == "gap" else self.method
                measured.append(
                    Estimate(metric=name, value=value, method=method, n=self.n, where=at, unit="difference",
                             reason="compared with chance by its p-value, not by an interval")
                )  # fmt: skip
        return tuple(measured)

    def _p_value(self, name: str, p: float, where: Mapping[str, str]) -> Estimate:
        low, high, _ = wilson(p * (self.permutations + 1), self.permutations + 1, self.level)
        return Estimate(
            metric=name, value=p, low=low, high=high, level=self.level, method=self.method, n=self.n, where=where,
            unit="p-value",
        )  # fmt: skip


def rows_needed_for_group(p: float, gap: float = 0.1, level: float = 0.95, power: float = _POWER) -> int:
    """Return how many rows a group needs so that a gap in a rate near `p` is found with `power`.

    The rest of the data are taken to be many: ``(z + z_power)² p (1 − p) / gap²``.

    Examples
    --------
    >>> rows_needed_for_group(0.5), rows_needed_for_group(0.1)
    (197, 71)
    """
    reach = z_value(level) + z_value(2 * power - 1)
    return math.ceil(reach**2 * p * (1 - p) / gap**2)


def gap_against_chance(
    source: Predictions | Tally,
    feature: str,
    metrics: Sequence[str] | None = None,
    *,
    generator: np.random.Generator,
    permutations: int = 2000,
    min_n: int = 30,
    level: float = 0.95,
) -> Chance:
    """Compare the gaps among the groups of one feature with those of shuffled groups.

    Rows count with their weights. Where rows are clustered and each cluster lies in one group, whole clusters
    are shuffled; where a cluster lies in several groups there is nothing to shuffle, and no p-value.

    Parameters
    ----------
    source : Predictions or Tally
    feature : str
        A key with two groups of `min_n` rows or more; smaller ones are left out.
    metrics : sequence of str, optional
        Rates in classification; ``mean_error`` and ``mean_absolute_error`` in regression.
    generator : Generator
    permutations : int
    min_n : int
    level : float

    Raises
    ------
    DataError
        If the feature is not a key, or a metric is not a rate.

    Examples
    --------
    >>> n = np.array([[[40, 10], [10, 40]], [[40, 10], [30, 20]]])
    >>> tally = Tally(keys=("sex",), levels=(("f", "m"),), classes=("no", "yes"), codes=np.array([[0], [1]]),
    ...               n=n, weight=n.astype(float), weight2=n.astype(float))
    >>> chance = gap_against_chance(tally, "sex", generator=np.random.default_rng(0))
    >>> chance.p < 0.01, [gap.metric for gap in chance.gaps if gap.p < 0.05]
    (True, ['selection_rate', 'true_positive_rate', 'error_rate'])
    """
    if isinstance(source, Predictions):
        try:
            source = with_weight(source)
        except Undefined as reason:
            return _nothing(feature, source.where, str(reason))
    if isinstance(source, Predictions) and source.task == "regression":
        names = tuple(metrics or _default_metrics("regression"))
        return _numbers(source, feature, names, generator, permutations, min_n, level)
    tally = (source if isinstance(source, Tally) else Tally.of(source, feature)).by(feature)
    kept = tally.rows() >= max(min_n, 1)
    names = tuple(metrics or _default_metrics("binary" if len(tally.classes) == 2 else "multiclass"))
    n = int(tally.rows()[kept].sum())
    if int(kept.sum()) < 2:
        return _nothing(feature, tally.where, f"fewer than two groups of {min_n} rows")
    codes = tally.codes[kept, 0]
    kind, masks = _kinds([rate_masks(RATES[name], len(tally.classes)) for name in names])
    if isinstance(source, Predictions) and source.cluster is not None:
        drawn = _of_clusters(source, feature, codes, kind, generator, permutations)
        if drawn is None:
            return _nothing(feature, tally.where, LIES_ACROSS)
    else:
        n_of, weight, squares = (_merge(part[kept], kind) for part in (tally.n, tally.weight, tally.weight2))
        drawn = of_counts(n_of.astype(np.int64), weight, squares, permutations, generator)
    p, gaps = _judge(names, [tally.levels[0][code] for code in codes], *_rates(drawn, masks), level)
    return Chance(
        feature=feature, p=p, permutations=permutations, gaps=gaps, method=drawn.method, n=n, level=level,
        where=tally.where, reason="" if p is not None else "needs two groups in which a rate is defined",
    )  # fmt: skip


def _nothing(feature: str, where: Mapping[str, str], reason: str) -> Chance:
    return Chance(feature=feature, p=None, permutations=0, where=where, reason=reason)


def _place(predictions: Predictions, feature: str, codes: IntArray) -> tuple[npt.NDArray[np.bool_], IntArray]:
    """Return which rows are in one of the groups, and the place of the group of each of them."""
    factor = predictions.keys[feature]
    place = np.full(len(factor.levels) + 1, -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    inside = place[factor.codes] >= 0
    return inside, place[factor.codes][inside]


def _default_metrics(task: Task) -> list[str]:
    """Name the metrics whose groups can be shuffled; first those of which neither direction is better."""
    names = [name for name in metrics_for("gaps", task) if METRICS[name].rate or METRICS[name].of_error]
    return sorted(names, key=lambda name: METRICS[name].better != "neither")


def _kinds(masks: Sequence[tuple[Mask, Mask]]) -> tuple[IntArray, list[tuple[Mask, Mask]]]:
    """Return the kind of each cell, alike for all rates, and the masks over kinds: many classes have few kinds."""
    every = np.stack([part.reshape(-1) for pair in masks for part in pair])
    _, first, kind = np.unique(every, axis=1, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))  # kinds in the order of their first cells
    first = np.sort(first)
    return place[kind.reshape(-1)], [(hits.reshape(-1)[first], of.reshape(-1)[first]) for hits, of in masks]


def _merge(tables: npt.NDArray[np.number], kind: IntArray) -> Array:
    """Add up the cells of each kind; shape (groups, kinds)."""
    flat = tables.reshape(len(tables), -1).astype(np.float64)
    return np.stack([np.bincount(kind, table) for table in flat])


def _of_clusters(
    predictions: Predictions,
    feature: str,
    codes: IntArray,
    kind: IntArray,
    generator: np.random.Generator,
    permutations: int,
) -> Draws | None:
    """Draw tables by shuffling the groups over whole clusters; ``None`` where a cluster lies in two groups."""
    assert predictions.cluster is not None  # noqa: S101
    inside, group = _place(predictions, feature, codes)
    cluster = cluster_codes(predictions.cluster.take(inside))
    own = cluster_groups(cluster, group)
    if own is None:
        return None
    weight = np.ones(len(group)) if predictions.weight is None else predictions.weight[inside]
    squares = weight**2 if predictions.repeats is None else predictions.repeats.squares[inside]
    size = len(predictions.classes)
    cell = predictions.y_true[inside].astype(np.int64) * size + predictions.y_pred[inside].astype(np.int64)
    cell = kind[cell]
    used = np.unique(cell)
    columns = np.stack([np.where(cell == value, mass, 0.0) for mass in (weight, squares) for value in used])
    sums, method = of_units(by_cluster(columns, cluster), own, permutations, generator)
    tables = np.zeros((2, len(sums), len(codes), int(kind.max()) + 1))
    tables[..., used] = sums.reshape(len(sums), 2, len(used), len(codes)).transpose(1, 0, 3, 2)
    return Draws(tables[0], tables[1], f"{method} of {UNITS}")


def _rates(drawn: Draws, masks: Sequence[tuple[Mask, Mask]]) -> tuple[Array, Array, Array]:
    """Return rates, standard errors of "group less rest" without a true gap, and weight; (tables, metrics, groups)."""
    rates, errors, wholes = [], [], []
    for hits, of in masks:
        whole, squares = (tables[..., of.reshape(-1)].sum(-1) for tables in (drawn.weight, drawn.weight2))
        result = drawn.weight[..., (of & hits).reshape(-1)].sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates.append(np.where(whole > 0, result / whole, np.nan))
            pooled = (result.sum(-1) / whole.sum(-1))[..., None]
            errors.append(np.sqrt(pooled * (1 - pooled)) * _unit_error(whole, squares))
        wholes.append(whole)
    return np.stack(rates, 1), np.stack(errors, 1), np.stack(wholes, 1)


def _unit_error(whole: Array, squares: Array) -> Array:
    """Return the standard error of "group less rest" of numbers that vary by one, from weights and their squares."""
    rest, rest_squares = whole.sum(-1, keepdims=True) - whole, squares.sum(-1, keepdims=True) - squares
    return np.asarray(np.sqrt(squares / whole**2 + np.maximum(rest_squares, 0.0) / rest**2), dtype=np.float64)


def _judge(
    names: Sequence[str], labels: Sequence[str], values: Array, errors: Array, wholes: Array, level: float
) -> tuple[float | None, tuple[Gap, ...]]:
    """Compare the first table with all others."""
    total = wholes.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = np.where(wholes > 0, values * wholes, 0.0)
        rest = (sums.sum(-1, keepdims=True) - sums) / (total - wholes)
        deviation = np.abs(values - rest) / errors
    deviation = np.where(np.isfinite(deviation), deviation, 0.0)
    largest = deviation.max(-1)
    everything = largest.max(-1)
    spread = np.where(np.isnan(values).all(-1), np.nan, _range(values))
    shuffles = len(values) - 1
    critical = float(np.quantile(everything[1:], level))
    gaps = []
    for place, name in enumerate(names):
        if np.isfinite(values[0, place]).sum() < 2:
            continue
        finite = errors[0, place][np.isfinite(errors[0, place])]
        gaps.append(
            Gap(
                metric=name,
                value=float(spread[0, place]),
                group=labels[int(deviation[0, place].argmax())],
                expected=float(np.nanmean(spread[1:, place])),
                limit=float(np.nanquantile(spread[1:, place], level)),
                p=_p(everything[1:], float(largest[0, place]), shuffles),
                detectable=float((critical + z_value(2 * _POWER - 1)) * finite.min()) if len(finite) else 0.0,
            )
        )
    return (_p(everything[1:], float(everything[0]), shuffles) if gaps else None), tuple(gaps)


def _p(drawn: Array, observed: float, shuffles: int) -> float:
    """Return the share of shuffles at least as extreme, the data themselves counted in."""
    return (1 + int((drawn >= observed - 1e-12).sum())) / (shuffles + 1)


def _range(values: Array) -> Array:
    high = np.where(np.isnan(values), -np.inf, values).max(-1)
    return np.asarray(high - np.where(np.isnan(values), np.inf, values).min(-1), dtype=np.float64)


# --- regression -----------------------------------------------------------------------------------


def _numbers(
    predictions: Predictions,
    feature: str,
    names: tuple[str, ...],
    generator: np.random.Generator,
    permutations: int,
    min_n: int,
    level: float,
) -> Chance:
    """Shuffle rows of errors; of very many rows, draw the group means from their normal limit."""
    means = {name: of_error for name, metric in METRICS.items() if (of_error := metric.of_error) is not None}
    if set(names) - set(means) or feature not in predictions.keys:
        raise DataError(f"Gaps of {names} over {feature!r} cannot be compared with chance; metrics are {tuple(means)}.")
    if predictions.repeats is not None:
        return _nothing(feature, predictions.where, COUNTED)
    factor = predictions.keys[feature]
    codes = np.flatnonzero(factor.counts() >= max(min_n, 1))
    if len(codes) < 2:
        return _nothing(feature, predictions.where, f"fewer than two groups of {min_n} rows")
    inside, group = _place(predictions, feature, codes)
    error = (predictions.y_pred.astype(np.float64) - predictions.y_true.astype(np.float64))[inside]
    if not (np.abs(error) < _TOO_LARGE).all():
        return _nothing(feature, predictions.where, "some errors are beyond what can be squared")
    cluster = None if predictions.cluster is None else cluster_codes(predictions.cluster.take(inside))
    own = group if cluster is None else cluster_groups(cluster, group)
    if own is None:
        return _nothing(feature, predictions.where, LIES_ACROSS)
    weight = None if predictions.weight is None else predictions.weight[inside]
    columns = np.stack([means[name](error) for name in names])
    values, errors, wholes, method = _means(columns, weight, cluster, own, generator, permutations)
    p, gaps = _judge(names, [factor.levels[code] for code in codes], values, errors, wholes, level)
    return Chance(
        feature=feature, p=p, permutations=permutations, gaps=gaps, method=method, n=len(error), level=level,
        where=predictions.where, reason="" if p is not None else "errors do not vary",
    )  # fmt: skip


def _means(
    columns: Array,
    weight: Array | None,
    cluster: IntArray | None,
    own: IntArray,
    generator: np.random.Generator,
    permutations: int,
) -> tuple[Array, Array, Array, str]:
    """Return means, their standard errors without a true gap and weights, (draws, metrics, groups), and the method."""
    mass = np.ones(columns.shape[1]) if weight is None else weight
    plain = weight is None and cluster is None
    moved = columns if plain else np.concatenate([columns * mass, [mass, mass**2]])
    sums, method = of_units(by_cluster(moved, cluster), own, permutations, generator)
    masses = sums[:, -2:] if not plain else np.bincount(own).astype(np.float64)[None, None].repeat(2, 1)
    whole, squares = masses[:, :1], masses[:, 1:]
    center = columns @ mass / mass.sum()
    spread = np.sqrt((columns - center[:, None]) ** 2 @ mass / mass.sum())
    values = sums[:, : len(columns)] / whole
    errors = np.broadcast_to(spread[None, :, None] * _unit_error(whole, squares), values.shape)
    return values, errors, np.broadcast_to(whole, values.shape), f"{method} of {'rows' if cluster is None else UNITS}"
