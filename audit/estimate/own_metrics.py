"""Metrics of the user's own: nothing is known of the function but what it returns.

Its spread is found by leaving rows out. Each of at most a hundred random parts of the rows (clusters whole) is
left out once, which gives the part's influence on the number (the delete-a-group jackknife); from there on it
is a linearized metric like any other, with weights, skewness and degrees of freedom. A number that is not
smooth in the rows, such as a quantile, gives the jackknife a wrong spread; random halves of the rows give a
right one there too (Shao and Wu 1989), so the two are compared and the halves stand in where
they disagree. Two models are compared on the same parts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.errors import ModelError
from audit.estimate.metric import Metric
from audit.evidence import COUNTED, OwnMetric, Predictions
from audit.evidence.requirements import REQUIREMENTS
from audit.models.containment import guard_call
from audit.statistics.intervals import Interval, around, bounded_interval, on_scale
from audit.statistics.residuals import mean_interval
from audit.statistics.variance import STILL, Measured, Undefined, Variance, cluster_codes, skewness, variance

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PARTS, PARTS_OF_MANY, MANY = 100, 30, 200_000
"""Parts that are left out one by one; fewer where there are many rows, as each costs one call."""
HALVES, MORE_HALVES = 40, 160
LEAST_UNITS = 20
"""Rows or clusters below which halves are too small to tell anything."""
AGREE = 2.0
"""Ratio of the two variances up to which they are taken to agree."""
SKEWED = 0.5
TOO_SKEWED = "skewed rows: the interval is too short"


class Replicates(NamedTuple):
    """A number on all rows, and on parts of them."""

    value: float
    influence: Array
    """Of each part."""
    share: Array
    """Share of the weight of each part."""
    halves: Array
    """On random halves; those without a number left out."""


def as_metric(own: OwnMetric) -> Metric:
    """Return what the house knows of a metric of the user's own.

    Examples
    --------
    >>> as_metric(OwnMetric(name="profit", function=max, origin="", better="lower")).better
    'lower'
    """
    return Metric(
        name=own.name,
        needs="rows",
        tasks=("binary", "multiclass", "regression"),
        unit=own.unit,
        better=own.better,
        bounds=own.bounds,
        measured=lambda part, _position: measure_own(part, own),
        difference=lambda value, other: difference(value, other, own),
    )


class Answers:
    """Stored answers in the place of a fitted model, so that a scikit-learn scorer can be asked: rows are positions."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions
        self.classes_ = np.arange(len(predictions.classes))

    def __sklearn_tags__(self) -> object:
        """Say what kind of model this stands for."""
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

        kind = RegressorMixin if self.predictions.task == "regression" else ClassifierMixin
        return type("Kind", (kind, BaseEstimator), {})().__sklearn_tags__()

    def fit(self) -> None:
        """Refuse; only answers are stored."""
        raise NotImplementedError("only answers are stored")

    def predict(self, rows: IntArray) -> npt.NDArray[np.generic]:
        """Return the stored predictions."""
        return self.predictions.y_pred[rows]

    def predict_proba(self, rows: IntArray) -> Array:
        """Return the stored probabilities."""
        if not self.predictions.probabilities:
            raise Undefined(REQUIREMENTS["probabilities"].reason)
        score = _score(self.predictions)[rows]
        return score if score.ndim > 1 else np.stack([1 - score, score], -1)

    def decision_function(self, rows: IntArray) -> Array:
        """Return the stored scores."""
        return _score(self.predictions)[rows]


def _score(part: Predictions) -> Array:
    if part.y_score is None:
        raise Undefined(part.score_reason)
    return part.y_score


def value_of(part: Predictions, own: OwnMetric) -> float:
    """Ask the user's function for its number on some rows.

    Raises
    ------
    Undefined
        If it raises, or gives anything but a finite number.

    Examples
    --------
    >>> answers = Predictions(task="regression", y_true=np.array([1.0, 2.0]), y_pred=np.array([1.0, 4.0]))
    >>> value_of(answers, OwnMetric(name="worst", origin="", function=lambda y, p: abs(y - p).max()))
    2.0
    """
    if part.weight is not None and not own.weighs:
        raise Undefined(
            "the rows have weights, but the metric accepts no sample_weight: add this parameter to the function"
        )
    weight = {} if part.weight is None else {"sample_weight": part.weight}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if own.reads == "scorer":
                value = own.function(Answers(part), np.arange(len(part)), part.y_true, **weight)
            else:
                value = own.function(part.y_true, part.y_pred if own.reads == "y_pred" else _score(part), **weight)
        number = float(value)  # type: ignore[arg-type]
    except Undefined:
        raise
    except Exception as error:  # whatever the user's code raises is the reason why there is no number
        text = " ".join(str(error).split())[:200]
        raise Undefined(f"the metric raised {type(error).__name__}: {text}") from error
    if not math.isfinite(number):
        raise Undefined(f"the metric returned {number}")
    return number


def measure_own(part: Predictions, own: OwnMetric) -> Measured:
    """Measure a metric of the user's own, with its interval.

    Parameters
    ----------
    part : Predictions
        Without rows of weight 0.
    own : OwnMetric

    Raises
    ------
    Undefined
        If the number does not exist on these rows.

    References
    ----------
    Shao and Wu 1989, A general theory for jackknife variance estimation; Kott 2001, The delete-a-group jackknife.

    Examples
    --------
    >>> answers = Predictions(task="regression", y_true=np.zeros(40), y_pred=np.arange(40.0))
    >>> made = measure_own(answers, OwnMetric(name="mean", origin="", function=lambda y, p: (p - y).mean()))
    >>> made.value, round(made.low, 1), round(made.high, 1)
    (19.5, 15.8, 23.2)
    """
    _require_rows(part)
    with _guard(own, len(part)):
        value = value_of(part, own)
        try:
            replicates = _replicates((part,), own, _plan(part))[0]
        except Undefined as reason:
            return Measured(value, n=part.total, reason=str(reason))
    interval = _interval(replicates, own, part.settings.level, part)
    if interval is None:
        return Measured(value, n=part.total, reason=STILL)
    skewed = abs(skewness(replicates.influence, replicates.share)) > SKEWED
    return Measured(value, *interval, part.total, TOO_SKEWED if skewed else "")


def difference(predictions: Predictions, other: Predictions, own: OwnMetric) -> tuple[float, Interval | None]:
    """Subtract a metric of the user's own of two models on the same rows, both on the same parts.

    Raises
    ------
    Undefined
        If one of the numbers does not exist.
    """
    _require_rows(predictions)
    with _guard(own, 2 * len(predictions)):
        value = value_of(predictions, own) - value_of(other, own)
        try:
            a, b = _replicates((predictions, other), own, _plan(predictions))
        except Undefined:
            return value, None
    size = min(len(a.halves), len(b.halves))
    apart = Replicates(value, a.influence - b.influence, a.share, a.halves[:size] - b.halves[:size])
    spread, by = _spread(apart)
    if spread.value <= 0 or spread.degrees <= 0:
        same = not apart.influence.any() and not apart.halves.any()
        return value, around(0.0, 0.0, 0.0, "the same number on all parts of the rows") if same and not value else None
    limits = on_scale(value, math.sqrt(spread.value), level=predictions.settings.level, degrees=spread.degrees)
    return value, limits._replace(method=f"paired, {by}")


@contextmanager
def _guard(own: OwnMetric, rows: int) -> Iterator[None]:
    """Keep code that exits or hangs from ending the audit; what it did is the reason why there is no number."""
    try:
        with guard_call(f"metric {own.name} on {rows:,} rows"):
            yield
    except ModelError as error:
        raise Undefined(str(error)) from error


def _require_rows(part: Predictions) -> None:
    if part.repeats is not None:
        raise Undefined(COUNTED)
    if not len(part):
        raise Undefined("no rows")


class _Plan(NamedTuple):
    """Which rows stand together, and which are left out when."""

    part: IntArray
    """Number of the part that each row belongs to."""
    halves: tuple[npt.NDArray[np.bool_], ...]
    """Rows of each random half."""


def _plan(rows: Predictions) -> _Plan:
    """Deal rows, or whole clusters, into parts and into halves, by a generator that is always the same."""
    units = np.arange(len(rows)) if rows.cluster is None else cluster_codes(rows.cluster)
    count = int(units.max()) + 1
    if count < 2:
        raise Undefined("all rows belong to one cluster, so the spread cannot be estimated" if len(rows) > 1 else STILL)
    generator = np.random.default_rng(20_240_229)
    most = PARTS if len(rows) <= MANY else PARTS_OF_MANY
    dealt = np.arange(count) if count <= most else generator.permutation(count) % most
    halves = HALVES + MORE_HALVES if len(rows) <= MANY else HALVES
    chosen = [generator.permutation(count) < count // 2 for _ in range(halves if count >= LEAST_UNITS else 0)]
    return _Plan(dealt[units], tuple(half[units] for half in chosen))


def _replicates(models: tuple[Predictions, ...], own: OwnMetric, plan: _Plan) -> tuple[Replicates, ...]:
    """Ask for the number of each model without each part, and on halves until they settle what the spread is."""
    first = models[0]
    weight = np.ones(len(first)) if first.weight is None else first.weight
    share = np.bincount(plan.part, weight) / weight.sum()
    by_part = []
    for model in models:
        value = value_of(model, own)
        moved = [value - _without(model, own, plan.part == number) for number in range(len(share))]
        by_part.append(Replicates(value, np.array(moved) * (1 - share) / share, share, np.zeros(0)))
    few = _on_halves(models, own, plan.halves[:HALVES])
    own_ = tuple(replicates._replace(halves=halves) for replicates, halves in zip(by_part, few, strict=True))
    if all(_agrees(replicates) for replicates in own_):
        return own_
    more = _on_halves(models, own, plan.halves[HALVES:])
    return tuple(
        replicates._replace(halves=np.concatenate([replicates.halves, halves]))
        for replicates, halves in zip(own_, more, strict=True)
    )


def _without(model: Predictions, own: OwnMetric, part: npt.NDArray[np.bool_]) -> float:
    try:
        return value_of(model.take(~part), own)
    except Undefined as reason:
        raise Undefined(
            f"the metric is undefined on some subsets of the rows ({reason}), so there is no interval"
        ) from reason


def _on_halves(
    models: tuple[Predictions, ...], own: OwnMetric, halves: tuple[npt.NDArray[np.bool_], ...]
) -> tuple[Array, ...]:
    """Return the number on each half on which all models have one."""
    entries = []
    for half in halves:
        try:
            entries.append([value_of(model.take(half), own) for model in models])
        except Undefined:
            continue
    return tuple(np.array([row[place] for row in entries]) for place in range(len(models)))


def _agrees(replicates: Replicates) -> bool:
    """Tell whether jackknife and halves see the same spread."""
    if len(replicates.halves) < HALVES // 2:
        return True
    jackknife, halves = variance(replicates.influence, replicates.share).value, float(replicates.halves.var(ddof=1))
    return jackknife / AGREE <= halves <= jackknife * AGREE or halves == jackknife


def _spread(replicates: Replicates) -> tuple[Variance, str]:
    """Return the variance and what it was found by."""
    if _agrees(replicates):
        return variance(replicates.influence, replicates.share), f"jackknife, {len(replicates.share)} parts"
    degrees = float(min(len(replicates.halves), len(replicates.share)) - 1)
    return Variance(float(replicates.halves.var(ddof=1)), degrees), f"{len(replicates.halves)} random halves"


def _interval(replicates: Replicates, own: OwnMetric, level: float, part: Predictions) -> Interval | None:
    spread, by = _spread(replicates)
    if not (spread.value > 0 and spread.degrees > 0):
        return None
    low, high = own.bounds
    if math.isfinite(low) and math.isfinite(high) and low < replicates.value < high:
        interval = bounded_interval(
            replicates.value, spread.value, level=level, degrees=spread.degrees, low=low, high=high
        )
    elif by.startswith("jackknife"):
        skew = skewness(replicates.influence, replicates.share)
        limits = mean_interval(replicates.value, spread, level, skew)
        interval = limits or on_scale(replicates.value, math.sqrt(spread.value), level=level, degrees=spread.degrees)
    else:
        interval = on_scale(replicates.value, math.sqrt(spread.value), level=level, degrees=spread.degrees)
    inside = around(replicates.value, max(interval.low, low), min(interval.high, high), by)
    return inside if len(part) > 2 else None
