"""Has the model memorized some groups more than others?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.estimate.influence import linear_form
from audit.estimate.making import absent, with_interval
from audit.estimate.measure import groups
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.exhibits import forest
from audit.statistics.intervals import Span, linear, on_scale, wilson
from audit.statistics.variance import Undefined, effective_n, variance
from reports.record import Estimate, Measurement, Where

METRIC = {"binary": "accuracy", "multiclass": "accuracy", "regression": "r2_score"}
Mask = npt.NDArray[np.bool_]


@check(
    title="Train against test by group",
    family="generalization",
    references=("Zou and Donner 2008",),
    requires=("train_answers", "sensitive"),
)
def slice_gap(predictions: Predictions) -> Measurement:
    """Subtract the overall gap between training and test score from the gap of each group.

    Reading. Above zero: what was learned about this group holds less for new rows than what was learned about
    everybody. Often the group is thin in training. The gap is that of accuracy, in regression of R².

    Limits. Groups are the declared sensitive features and their crossings; other slices are searched under
    weak slices, on the test rows alone.
    """
    train, test = (with_weight(predictions.select(split=name)) for name in ("train", "test"))
    estimates: list[Estimate] = []
    for features in predictions.crossings():
        in_train, in_test = (dict(groups(part, features)) for part in (train, test))
        for levels, rows in in_test.items():
            where = {**test.where, **dict(zip(features, levels, strict=True))}
            estimates.append(_excess(_Sides(train, test, in_train.get(levels, rows[:0]), rows), where))
    single = [estimate for estimate in estimates if len(estimate.where) == 2]
    known = [estimate for estimate in estimates if estimate.value is not None]
    text = "No group has rows in both splits."
    if known:
        largest = max(known, key=lambda estimate: estimate.value or 0.0)
        text = f"Largest gap beyond the overall one: {largest} ({', '.join(list(largest.where.values())[1:])})."
    return Measurement(
        summary=text,
        estimates=tuple(estimates),
        exhibits=(
            forest(
                "Train minus test, beyond the overall gap",
                single,
                x_label=f"gap of {METRIC[test.task]} beyond the overall gap",
                reference=0.0,
                min_n=test.settings.min_n,
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """A group in both splits."""

    train: Predictions
    test: Predictions
    in_train: npt.NDArray[np.int64]
    in_test: npt.NDArray[np.int64]

    def parts(self) -> list[tuple[Predictions, npt.NDArray[np.int64], float]]:
        """Return both splits with the group's rows and the sign with which they count."""
        return [(self.train, self.in_train, 1.0), (self.test, self.in_test, -1.0)]


def _excess(sides: _Sides, where: Where) -> Estimate:
    """Return the group's gap less the overall gap; both splits contain the group, which the interval knows."""
    metric = "gap_beyond_overall"
    n = min(len(sides.in_train), len(sides.in_test))
    if why := sides.test.settings.why_hidden(where, n):
        return absent(metric, where, why if n else "no rows of this group in training or in test")
    level = sides.test.settings.level
    try:
        plain = sides.test.task != "regression" and sides.test.cluster is None
        span, method = _mover(sides, level) if plain else _linearize(sides, level)
    except Undefined as reason:
        return absent(metric, where, str(reason))
    return with_interval(
        metric, span.value, (span.low, span.high), where, method=method, n=n, unit="difference", level=level
    )


def _mover(sides: _Sides, level: float) -> tuple[Span, str]:
    """Add up group against rest in each split: four independent proportions with Wilson limits."""
    coefficients, spans = [], []
    for part, rows, sign in sides.parts():
        inside = np.zeros(len(part), dtype=np.bool_)
        inside[rows] = True
        weight = np.ones(len(part)) if part.weight is None else part.weight
        rest = float(weight[~inside].sum() / weight.sum())
        if not rest:
            raise Undefined("the group holds all rows, so there is no rest to compare with")
        right = np.asarray(part.y_true == part.y_pred)
        for mask, side in ((inside, sign), (~inside, -sign)):
            coefficients.append(side * rest)
            spans.append(_accuracy(right[mask], weight[mask], level))
    return linear(coefficients, spans), "MOVER"


def _accuracy(right: Mask, weight: FloatArray, level: float) -> Span:
    share, n = float(np.average(right, weights=weight)), effective_n(weight)
    return Span(share, *wilson(share * n, n, level)[:2])


def _linearize(sides: _Sides, level: float) -> tuple[Span, str]:
    """Take the variance from each row's influence on group and whole together."""
    value, spread, degrees = 0.0, 0.0, math.inf
    for part, rows, sign in sides.parts():
        metric = METRIC[part.task]
        weight = np.ones(len(part)) if part.weight is None else part.weight
        whole, own = linear_form(part, metric), linear_form(part.take(rows), metric)
        influence = -whole.influence
        influence[rows] += own.influence * weight.sum() / weight[rows].sum()
        own_variance = variance(influence, part.weight, part.cluster)
        value += sign * (own.value - whole.value)
        spread += own_variance.value
        degrees = min(degrees, own_variance.degrees)
    if spread <= 0:
        raise Undefined("these rows show no variation, so there is no interval")
    low, high, _ = on_scale(value, math.sqrt(spread), level=level, degrees=max(degrees, 1.0))
    return Span(value, low, high), "influence, t"
