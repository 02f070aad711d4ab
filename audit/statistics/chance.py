"""Is a gap among groups more than shuffling the groups would show? And what could these rows show at all?

The groups are shuffled over the rows, which keeps how many rows each group has and how often each pair
of true and predicted class occurs; on counts that is a draw from the multivariate hypergeometric
distribution, and costs cells and not rows. The statistic is the largest studentized deviation of a
group from the rest, over groups and metrics alike, so that the p-value allows for both choices
(max-T; Westfall and Young 1993).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audit.errors import DataError
from audit.evidence import Predictions
from audit.intervals import wilson, z_value
from audit.metrics import rate_masks
from audit.statistics.variance import cluster_codes
from audit.tally import Tally
from reports.record import Estimate

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BINARY_GAPS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "error_rate")
MULTICLASS_GAPS = ("error_rate",)
NUMBER_GAPS = ("mean_error", "mean_absolute_error")
_POWER = 0.8
_EXACT_WORK = 100_000_000


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

    def estimates(self) -> tuple[Estimate, ...]:
        """Write p-value, gaps and smallest detectable gaps as estimates, at ``where + {"feature": name}``.

        The p-value's interval is its Monte-Carlo error alone.
        """
        where = {**self.where, "feature": self.feature}
        if self.p is None:
            return (Estimate(metric="gap_p_value", value=None, where=where, unit="p-value", reason=self.reason),)
        found = [self._p_value("gap_p_value", self.p, where)]
        for gap in self.gaps:
            at = {**where, "metric": gap.metric}
            found.append(self._p_value("gap_p_value_by_metric", gap.p, at))
            for name, value in (
                ("gap", gap.value),
                ("gap_by_chance", gap.expected),
                ("detectable_gap", gap.detectable),
            ):
                method = "observed" if name == "gap" else self.method
                found.append(
                    Estimate(metric=name, value=value, method=method, n=self.n, where=at, unit="difference",
                             reason="held against chance by its p-value, not by an interval")
                )  # fmt: skip
        return tuple(found)

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
    """Hold the gaps among the groups of one feature against those of shuffled groups.

    Rows are counted without their weights. Where rows are clustered and each cluster lies in one group,
    whole clusters are shuffled.

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
    if isinstance(source, Predictions) and source.task == "regression":
        return _numbers(source, feature, tuple(metrics or NUMBER_GAPS), generator, permutations, min_n, level)
    tally = (source if isinstance(source, Tally) else Tally.of(source, feature)).by(feature)
    kept = tally.rows() >= min_n
    names = tuple(metrics or (BINARY_GAPS if len(tally.classes) == 2 else MULTICLASS_GAPS))
    n = int(tally.rows()[kept].sum())
    if int(kept.sum()) < 2:
        return _nothing(feature, tally.where, f"fewer than two groups of {min_n} rows")
    labels = [tally.levels[0][code] for code in tally.codes[kept, 0]]
    table = tally.n[kept].reshape(len(labels), -1)
    method = f"{permutations} hypergeometric shuffles"
    if isinstance(source, Predictions) and source.cluster is not None:
        drawn = _shuffled_clusters(
            source, feature, [int(code) for code in tally.codes[kept, 0]], generator, permutations
        )
        if drawn is None:
            return _nothing(feature, tally.where, "clusters lie across groups, so groups cannot be shuffled over them")
        method = f"{permutations} shuffles of whole clusters"
    else:
        drawn = shuffled(table, permutations, generator)
    masks = [rate_masks(name, len(tally.classes)) for name in names]
    stacked = np.concatenate([table[None], drawn]).astype(np.float64)
    rates, errors, wholes = _rates(stacked, masks)
    found = _judged(names, labels, rates, errors, wholes, level)
    return Chance(
        feature=feature, p=found[0], permutations=permutations, gaps=found[1], method=method, n=n, level=level,
        where=tally.where, reason="" if found[0] is not None else "no rate exists in two groups",
    )  # fmt: skip


def _nothing(feature: str, where: Mapping[str, str], reason: str) -> Chance:
    return Chance(feature=feature, p=None, permutations=0, where=where, reason=reason)


def shuffled(table: IntArray, permutations: int, generator: np.random.Generator) -> IntArray:
    """Draw tables with the margins of `table`, as shuffling the groups over the rows would.

    Parameters
    ----------
    table : ndarray of shape (groups, cells)
    permutations : int
    generator : Generator

    Returns
    -------
    ndarray of shape (permutations, groups, cells)

    Examples
    --------
    >>> drawn = shuffled(np.array([[5, 5], [2, 8]]), 100, np.random.default_rng(0))
    >>> drawn.sum(2).tolist()[0], drawn.sum(1).tolist()[0]
    ([10, 10], [7, 13])
    """
    groups, cells = table.shape
    room = np.broadcast_to(table.sum(1), (permutations, groups)).copy()
    drawn = np.zeros((permutations, groups, cells), dtype=np.int64)
    for cell, size in enumerate(table.sum(0).tolist()):
        left = np.full(permutations, size, dtype=np.int64)
        for group in range(groups):
            others = room[:, group + 1 :].sum(1)
            drawn[:, group, cell] = generator.hypergeometric(room[:, group], others, left) if size else 0
            left -= drawn[:, group, cell]
        room -= drawn[:, :, cell]
    return drawn


def _shuffled_clusters(
    predictions: Predictions, feature: str, codes: list[int], generator: np.random.Generator, permutations: int
) -> IntArray | None:
    """Draw tables by shuffling the groups over whole clusters; ``None`` where a cluster lies in two groups."""
    assert predictions.cluster is not None  # noqa: S101
    group = predictions.keys[feature].codes
    inside = np.isin(group, codes)
    if predictions.weight is not None:
        inside &= predictions.weight > 0
    cluster = cluster_codes(predictions.cluster.take(inside))
    size, clusters = len(predictions.classes), int(cluster.max()) + 1
    own = np.full(clusters, -1, dtype=np.int64)
    own[cluster] = group[inside]
    if not np.array_equal(own[cluster], group[inside]):
        return None
    cell = predictions.y_true[inside].astype(np.int64) * size + predictions.y_pred[inside].astype(np.int64)
    cells = np.bincount(cluster * size**2 + cell, minlength=clusters * size**2).reshape(clusters, -1).astype(np.float64)
    drawn = np.zeros((permutations, len(codes), size**2), dtype=np.int64)
    for draw in range(permutations):
        mixed = generator.permutation(own)
        for place, code in enumerate(codes):
            drawn[draw, place] = cells[mixed == code].sum(0)
    return drawn


def _rates(
    tables: Array, masks: Sequence[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]
) -> tuple[Array, Array, Array]:
    """Return rates, standard errors of "group less rest" without a true gap, and rows; (tables, metrics, groups)."""
    rates, errors, wholes = [], [], []
    for hits, of in masks:
        whole = tables[..., of.reshape(-1)].sum(-1)
        found = tables[..., (of & hits).reshape(-1)].sum(-1)
        rest = whole.sum(-1, keepdims=True) - whole
        with np.errstate(divide="ignore", invalid="ignore"):
            rates.append(np.where(whole > 0, found / whole, np.nan))
            pooled = (found.sum(-1) / whole.sum(-1))[..., None]
            errors.append(np.sqrt(pooled * (1 - pooled) * (1 / whole + 1 / rest)))
        wholes.append(whole)
    return np.stack(rates, 1), np.stack(errors, 1), np.stack(wholes, 1)


def _judged(
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
    if set(names) - set(NUMBER_GAPS) or feature not in predictions.keys:
        raise DataError(f"Gaps of {names} over {feature!r} cannot be held against chance; metrics are {NUMBER_GAPS}.")
    factor = predictions.keys[feature]
    counts = factor.counts()
    codes = np.flatnonzero(counts >= min_n)
    if len(codes) < 2:
        return _nothing(feature, predictions.where, f"fewer than two groups of {min_n} rows")
    place = np.full(len(factor.levels) + 1, -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    group = place[factor.codes]
    inside = group >= 0
    error = (predictions.y_pred.astype(np.float64) - predictions.y_true.astype(np.float64))[inside]
    columns = np.stack([error if name == "mean_error" else np.abs(error) for name in names])
    group, sizes = group[inside], counts[codes].astype(np.float64)
    n = len(group)
    exact = n * permutations <= _EXACT_WORK
    means = [_group_means(columns, group, sizes)]
    if exact:
        means += [_group_means(columns, generator.permutation(group), sizes) for _ in range(permutations)]
        values = np.stack(means)
    else:
        values = np.concatenate([means[0][None], _normal_means(columns, sizes, permutations, generator)])
    spread = columns.std(1, ddof=1)[None, :, None]
    errors = np.broadcast_to(spread * np.sqrt(1 / sizes + 1 / (n - sizes)), values.shape)
    wholes = np.broadcast_to(sizes, values.shape)
    p, gaps = _judged(names, [factor.levels[code] for code in codes], values, errors, wholes, level)
    method = f"{permutations} shuffles of rows" if exact else f"{permutations} draws from the normal limit of shuffles"
    return Chance(
        feature=feature, p=p, permutations=permutations, gaps=gaps, method=method, n=n, level=level,
        where=predictions.where, reason="" if p is not None else "errors do not vary",
    )  # fmt: skip


def _group_means(columns: Array, group: IntArray, sizes: Array) -> Array:
    return np.stack([np.bincount(group, column, minlength=len(sizes)) / sizes for column in columns])


def _normal_means(columns: Array, sizes: Array, draws: int, generator: np.random.Generator) -> Array:
    """Draw group means under shuffling from their joint normal limit, of shape (draws, metrics, groups)."""
    n = sizes.sum()
    across = np.atleast_2d(np.cov(columns))
    root = np.linalg.cholesky(across + np.eye(len(across)) * 1e-15 * max(float(np.trace(across)), 1e-300))
    noise = np.einsum("ij,djg->dig", root, generator.normal(size=(draws, len(columns), len(sizes)))) / np.sqrt(sizes)
    # Fixed overall means take away what the groups would share.
    return np.asarray(columns.mean(1)[None, :, None] + noise - (noise * sizes).sum(-1, keepdims=True) / n)
