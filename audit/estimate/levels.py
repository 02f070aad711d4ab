"""Many levels of one feature at once: how much they differ at all, and which differ most from the rest.

All numbers of a metric come from one pass over the rows. Which level stands out is chosen from all of them, so
its interval holds for all of them together (Bonferroni), and p-values are corrected over all of them (Holm).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.estimate.cells import rate_masks
from audit.estimate.influence import speaks_of_negative
from audit.estimate.making import with_interval
from audit.estimate.rates import RATES
from audit.evidence import Predictions
from audit.statistics.between_groups import Between, between_means, between_shares, shrunken
from audit.statistics.intervals import Span, difference, wilson, z_value
from audit.statistics.variance import cluster_codes
from reports.record import Estimate

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ACROSS = "clusters contain rows of several groups, so the groups are not independent"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """One metric of every level of a feature that has enough rows.

    Parameters
    ----------
    code : ndarray of shape (k,)
        The levels, by position in the factor.
    n : ndarray of shape (k,)
        Rows behind each number.
    value : ndarray of shape (k,)
        A share, or a mean.
    effective : ndarray of shape (k,)
        How many equal, independent rows tell as much.
    within : ndarray of shape (k,)
        Variance of each number by chance.
    between : Between
    """

    metric: str
    factor: Factor
    code: IntArray
    n: IntArray
    value: Array
    effective: Array
    within: Array
    between: Between
    shares: bool = True
    """Whether the numbers are shares of rows, and not means."""

    def names(self) -> list[str]:
        """Name the levels."""
        return [self.factor.levels[code] for code in self.code.tolist()]

    def drawn_in(self) -> Array:
        """Return each number drawn toward the mean of all, the more the fewer its rows."""
        return shrunken(self.value, self.within, self.between)

    def rest(self) -> tuple[Array, Array]:
        """Return value and effective rows of all other levels together, for each level."""
        mass = self.effective
        others = np.maximum(mass.sum() - mass, 1e-12)
        return np.asarray(((mass @ self.value) - mass * self.value) / others), others

    def deviations(self) -> tuple[Array, Array]:
        """Return the difference of each level from the rest, and its standard error were there none."""
        rest, others = self.rest()
        unit = self.within * self.effective
        return self.value - rest, np.sqrt(unit / self.effective + unit / others)

    def p_values(self) -> Array:
        """Return p-values of "this level is as the rest", corrected over all levels (Holm 1979)."""
        from scipy.special import ndtr

        gap, error = self.deviations()
        raw = 2 * ndtr(-np.abs(gap) / error)
        order = np.argsort(raw, kind="stable")
        stepped = np.maximum.accumulate(np.minimum(raw[order] * np.arange(len(raw), 0, -1), 1.0))
        adjusted = np.empty(len(raw))
        adjusted[order] = stepped
        return adjusted

    def farthest(self, most: int, level: float) -> list[int]:
        """Return the levels that differ most from the rest: by the least difference that all levels' intervals leave.

        Where no interval leaves one, by p-value.
        """
        gap, error = self.deviations()
        sure = np.abs(gap) - z_value(1 - (1 - level) / len(gap)) * error
        return [int(at) for at in np.argsort(-sure, kind="stable")[:most]]


def levels_of(
    predictions: Predictions, factor: Factor, metric: str, *, least: int, level: float, hidden: frozenset[int]
) -> Levels | str:
    """Measure one metric of every level, and how much the levels differ; or say why that cannot be.

    Parameters
    ----------
    predictions : Predictions
    factor : Factor
        The level of each row.
    metric : str
        A rate of a classification, or ``mean_error`` of a regression.
    least : int
        Levels of fewer rows behind the number are left out.
    level : float
    hidden : frozenset of int
        Codes of levels that leave no trace.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1, 1, 0], 30),
    ...                       y_pred=np.repeat([0, 1, 1], 40))
    >>> found = levels_of(answers, Factor.of(["a"] * 40 + ["b"] * 40 + ["c"] * 40), "selection_rate",
    ...                   least=10, level=0.95, hidden=frozenset())
    >>> found.names(), found.value.tolist()
    (['a', 'b', 'c'], [0.0, 1.0, 1.0])
    """
    kept = factor.codes >= 0
    if predictions.weight is not None:
        kept &= predictions.weight > 0
    counted, number = _numbers(predictions, metric)
    kept &= counted
    code = factor.codes[kept].astype(np.int64)
    number = number[kept]
    rows, mass, squares = (column[kept] for column in _masses(predictions))
    size = len(factor.levels)
    n, total, square = (np.bincount(code, column, minlength=size) for column in (rows, mass, squares))
    large = n >= max(least, 2)
    large[list(hidden)] = False
    if int(large.sum()) < 2:
        return f"fewer than two levels of {least} rows"
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.bincount(code, mass * number, minlength=size) / total
        effective = total**2 / square
    if predictions.cluster is not None:
        design = _design(number - value[code], mass, squares, code, cluster_codes(predictions.cluster.take(kept)))
        if design is None:
            return ACROSS
        effective = np.maximum(effective / design, 2.0)
    value, effective = value[large], effective[large]
    if predictions.task == "regression":
        inside = large[code]
        residual = (number - np.bincount(code, mass * number, minlength=size)[code] / total[code])[inside]
        degrees = max(float(rows[inside].sum()) - int(large.sum()), 1.0)
        unit = float(mass[inside] @ residual**2 / (mass[inside].sum() / rows[inside].sum()) / degrees)
        if not 0 < unit < np.inf:
            return "errors do not vary"
        between, within = between_means(value, effective, unit, level), unit / effective
    else:
        between = between_shares(value, effective, level)
        within = np.maximum(between.mean * (1 - between.mean), 1e-12) / effective
    return Levels(
        metric=metric, factor=factor, code=np.flatnonzero(large), n=n[large].astype(np.int64), value=value,
        effective=effective, within=within, between=between, shares=predictions.task != "regression",
    )  # fmt: skip


def _numbers(predictions: Predictions, metric: str) -> tuple[npt.NDArray[np.bool_], Array]:
    """Return which rows a metric counts, and what it takes the mean of."""
    if predictions.task == "regression":
        error = predictions.y_pred.astype(np.float64) - predictions.y_true.astype(np.float64)
        return np.isfinite(error), error
    true, predicted = predictions.y_true.astype(np.int64), predictions.y_pred.astype(np.int64)
    if predictions.task == "multiclass":
        return np.ones(len(true), dtype=np.bool_), (true != predicted).astype(np.float64)
    if speaks_of_negative(predictions, metric, None):
        true, predicted = 1 - true, 1 - predicted
    hits, of = rate_masks(RATES[metric], 2)
    return of[true, predicted], hits[true, predicted].astype(np.float64)


def _masses(predictions: Predictions) -> tuple[Array, Array, Array]:
    """Return how many rows each row stands for, their weight, and the sum of their squared weights."""
    rows = np.ones(len(predictions)) if predictions.repeats is None else predictions.repeats.n.astype(np.float64)
    if predictions.weight is None:
        return rows, rows, rows
    squares = predictions.weight**2 if predictions.repeats is None else predictions.repeats.squares
    return rows, predictions.weight, squares


def _design(residual: Array, mass: Array, squares: Array, code: IntArray, cluster: IntArray) -> float | None:
    """Return by how much clusters raise the variance, over all levels; ``None`` where one lies in two levels."""
    count = int(cluster.max(initial=-1)) + 1
    own = np.zeros(count, dtype=np.int64)
    own[cluster] = code
    if not np.array_equal(own[cluster], code):
        return None
    alone = float(squares @ residual**2)
    together = float((np.bincount(cluster, mass * residual, minlength=count) ** 2).sum())
    return max(1.0, together / alone) if alone > 0 else 1.0


def spread_estimate(levels: Levels, feature: str, where: Mapping[str, str], level: float) -> Estimate:
    """Return ``<metric>_spread``: the standard deviation of the levels' true numbers, beyond chance.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1, 1, 0], 30),
    ...                       y_pred=np.tile([0, 1], 60))
    >>> found = levels_of(answers, Factor.of(list("abc") * 40), "selection_rate", least=10, level=0.95,
    ...                   hidden=frozenset())
    >>> str(spread_estimate(found, "town", {}, 0.95))
    '0.000 [0.000, 0.000]'
    """
    value, low, high = (float(np.sqrt(number)) for number in levels.between[1:])
    return with_interval(
        f"{levels.metric}_spread", value, (low, high), {**where, "feature": feature},
        method=f"Paule and Mandel, Q profile, {len(levels.code)} groups", n=int(levels.n.sum()), unit="difference",
        level=level, bounds=(0.0, np.inf),
    )  # fmt: skip


def gap_from_rest(levels: Levels, at: int, feature: str, where: Mapping[str, str], level: float) -> Estimate:
    """Return ``<metric>_from_rest``: one level less all others, with limits that hold for all levels together.

    Shares have Wilson's interval on their effective rows, and their difference Newcombe's; means have the normal one.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1, 1, 0], 30),
    ...                       y_pred=np.repeat([0, 1, 1], 40))
    >>> found = levels_of(answers, Factor.of(["a"] * 40 + ["b"] * 40 + ["c"] * 40), "selection_rate",
    ...                   least=10, level=0.95, hidden=frozenset())
    >>> print(gap_from_rest(found, 0, "town", {}, 0.95))
    -1.000 [-1.000, -0.858]
    """
    together = 1 - (1 - level) / len(levels.code)
    rest, others = (float(column[at]) for column in levels.rest())
    name, place = f"{levels.metric}_from_rest", {**where, feature: levels.factor.levels[levels.code[at]]}
    text = f"together for {len(levels.code):,} groups"
    if levels.shares:
        pairs = ((float(levels.value[at]), float(levels.effective[at])), (rest, others))
        own, other = (Span(share, *wilson(share * n, n, together)[:2]) for share, n in pairs)
        limits, method = difference(own, other), f"newcombe, {text}"
    else:
        gap, error = (float(column[at]) for column in levels.deviations())
        limits, method = Span(gap, *(gap + sign * z_value(together) * error for sign in (-1, 1))), f"normal, {text}"
    return with_interval(
        name, limits.value, limits, place, method=method, n=int(levels.n[at]), unit="difference", level=level
    )
