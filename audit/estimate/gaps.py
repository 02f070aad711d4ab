"""The gap of a rate among groups, and what a change of the model does to it on the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.estimate.comparing import span_of
from audit.estimate.disparity import extreme_difference
from audit.estimate.influence import linear_form
from audit.estimate.making import absent, with_interval
from audit.estimate.measure import by_group
from audit.estimate.paired import align_predictions, paired_difference
from audit.estimate.rates import RATES
from audit.estimate.views import toward_negative
from audit.evidence import Predictions
from audit.statistics.intervals import difference, on_scale
from audit.statistics.variance import variance
from reports.record import Estimate

FloatArray = npt.NDArray[np.float64]
Address = Mapping[str, str]
NEAR = 0.7
"""Standard errors by which a pair of groups may fall short of the widest gap and count as its ends; by simulation."""


class Ends(NamedTuple):
    """The widest gap and the groups at its ends."""

    gap: Estimate
    rate: str
    highest: Address
    lowest: Address


def toward_favorable(predictions: Predictions) -> Predictions:
    """Return answers as favorable against not, so that rates speak of what is good for the person.

    Without a favorable class, a binary task keeps its positive one; regression stays as it is.

    Examples
    --------
    >>> from audit.evidence import Settings
    >>> y = np.array([0, 1])
    >>> answers = Predictions(task="binary", classes=("granted", "refused"), y_true=y, y_pred=y,
    ...                       settings=Settings(favorable="granted"))
    >>> toward_favorable(answers).classes, toward_favorable(answers).y_true.tolist()
    (('refused', 'granted'), [1, 0])
    """
    wanted = predictions.settings.favorable
    if predictions.task == "regression" or wanted not in predictions.classes:
        return predictions
    if predictions.task == "binary":
        return toward_negative(predictions) if predictions.classes[0] == wanted else predictions
    position = predictions.classes.index(wanted)
    true, predicted = ((codes == position).astype(np.int64) for codes in (predictions.y_true, predictions.y_pred))
    return replace(
        predictions, task="binary", classes=(f"not {wanted}", wanted), y_true=true, y_pred=predicted, y_score=None
    )


def _for_rate(predictions: Predictions, rate: str) -> Predictions:
    """Return what a rate is counted on: wrong answers of several classes stay apart from the favorable one."""
    share = RATES.get(rate)
    return predictions if share is not None and share.every_class else toward_favorable(predictions)


def ends(predictions: Predictions, rates: Sequence[str], features: Sequence[str]) -> Ends | None:
    """Find the widest gap of the rates among groups of the crossed `features`; ``None`` with fewer than two groups.

    Groups under ``settings.min_n`` rows are left out, see :func:`audit.estimate.disparity.extreme_difference`.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1], 100),
    ...                       y_pred=np.repeat([0, 1], [80, 120]), keys={"sex": Factor.of(["f"] * 100 + ["m"] * 100)})
    >>> found = ends(answers, ["selection_rate"], ["sex"])
    >>> str(found.gap), found.highest, found.lowest
    ('0.800 [0.686, 0.867]', {'sex': 'm'}, {'sex': 'f'})
    """
    widest: list[Ends] = []
    for rate in rates:
        part = _for_rate(predictions, rate)
        groups = [estimate for estimate in by_group(part, [rate], features) if (estimate.n or 0) >= part.settings.min_n]
        gap = extreme_difference(groups, part.settings.min_n)
        if gap is None or gap.value is None:
            continue
        valued = [group for group in groups if group.value is not None and group.low is not None]
        highest = _address(max(valued, key=lambda estimate: estimate.value or 0.0), features)
        lowest = _address(min(valued, key=lambda estimate: estimate.value or 0.0), features)
        widest.append(Ends(gap, rate, highest, lowest))
    if not widest:
        return None
    wider = max(widest, key=lambda ends: ends.gap.value or 0.0)
    if len(widest) == 1:
        return wider
    low, high = (max(getattr(ends.gap, end) or 0.0 for ends in widest) for end in ("low", "high"))
    return wider._replace(gap=replace(wider.gap, low=min(low, wider.gap.value or 0.0), high=high))


def _address(group: Estimate, features: Sequence[str]) -> Address:
    return {feature: group.where[feature] for feature in features}


def _where(predictions: Predictions, features: Sequence[str]) -> dict[str, str]:
    """Return the address of a number over all groups of the crossed features."""
    return {**predictions.where, "feature": " × ".join(features)}


def gap(metric: str, predictions: Predictions, rates: Sequence[str], features: Sequence[str]) -> Estimate:
    """Estimate the widest gap of the rates among groups of the crossed `features`, under the name `metric`."""
    limits = ends(predictions, rates, features)
    where = _where(predictions, features)
    if limits is None:
        return absent(metric, where, "fewer than two groups have enough rows", unit="difference")
    return replace(limits.gap, metric=metric, where=where)


def gap_change(
    metric: str, first: Predictions, second: Predictions, rates: Sequence[str], features: Sequence[str]
) -> Estimate:
    """Estimate by how much the gap of `first` exceeds that of `second`, on the same rows.

    By linearization: each row's influence on one gap less that on the other (Hampel 1974). Where other groups, or the
    same two turned around, are so near that they may be the ends as well, the interval holds theirs too: near a gap
    of 0 one linearization alone is too short.

    Parameters
    ----------
    metric : str
    first, second : Predictions
        The same rows by number.
    rates : sequence of str
    features : sequence of str
        Crossed, where there are several.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> keys, rows = {"sex": Factor.of(["f"] * 100 + ["m"] * 100)}, np.arange(200)
    >>> one = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1], 100), row=rows,
    ...                   y_pred=np.repeat([0, 1], [80, 120]), keys=keys)
    >>> other = replace(one, y_pred=np.repeat([0, 1, 0, 1], [60, 40, 20, 80]))
    >>> str(gap_change("gap_change", one, other, ["selection_rate"], ["sex"]))
    '0.400 [0.288, 0.512]'
    """
    predictions, other = align_predictions(first, second)
    where = _where(predictions, features)
    before, after = ends(predictions, rates, features), ends(other, rates, features)
    if before is None or after is None:
        return absent(metric, where, "fewer than two groups have enough rows", unit="difference", n=len(predictions))
    value = (before.gap.value or 0.0) - (after.gap.value or 0.0)
    if np.array_equal(predictions.y_pred, other.y_pred):
        return with_interval(
            metric, 0.0, (0.0, 0.0), where, method="the same answers on all rows", n=len(predictions), unit="difference"
        )
    level = predictions.settings.level
    low = high = value
    for first_value, first_influence in _near_ends(predictions, rates, features):
        for second_value, second_influence in _near_ends(other, rates, features):
            spread = variance(first_influence - second_influence, predictions.weight, predictions.cluster)
            limits = on_scale(
                first_value - second_value, math.sqrt(spread.value), level=level, degrees=max(spread.degrees, 1.0)
            )
            low, high = min(low, limits.low), max(high, limits.high)
    return with_interval(
        metric, value, (low, high), where, method="paired, linearized at each near pair of ends", n=len(predictions),
        unit="difference", level=level,
    )  # fmt: skip


def _near_ends(
    predictions: Predictions, rates: Sequence[str], features: Sequence[str]
) -> list[tuple[float, FloatArray]]:
    """Return gap and influence of the widest pair of groups, and of each pair that may as well be the widest."""
    pairs: list[tuple[float, FloatArray, FloatArray]] = []
    for rate in rates:
        part = _for_rate(predictions, rate)
        known = [
            (estimate.value, _influence_of(part, rate, _address(estimate, features)))
            for estimate in by_group(part, [rate], features)
            if (estimate.n or 0) >= part.settings.min_n and estimate.value is not None and estimate.low is not None
        ]
        pairs += [(high[0] - low[0], high[1], low[1]) for high in known for low in known if high is not low]
    widest, highest, lowest = max(pairs, key=lambda pair: pair[0])
    influence, weight, cluster = highest - lowest, predictions.weight, predictions.cluster
    near = []
    for value, high, low in pairs:
        own = high - low
        if value == widest or widest - value <= NEAR * math.sqrt(variance(influence - own, weight, cluster).value):
            near.append((value, own))
    return near


def _rows_at(predictions: Predictions, group: Address) -> npt.NDArray[np.bool_]:
    masks = [predictions.keys[feature].mask(level) for feature, level in group.items()]
    return np.asarray(np.all(masks, axis=0))


def _influence_of(part: Predictions, rate: str, group: Address) -> FloatArray:
    """Return the influence of each row on the rate of a group."""
    weight = np.ones(len(part)) if part.weight is None else part.weight
    rows = np.flatnonzero(_rows_at(part, group) & (weight > 0))
    total = np.zeros(len(part))
    total[rows] = linear_form(part.take(rows), rate).influence * weight.sum() / weight[rows].sum()
    return total


class Shift(NamedTuple):
    """How the two groups at the ends of the first gap moved."""

    better: Address
    """The group that was better off."""
    worse: Address
    lost: Estimate
    """What the better-off group lost, above 0."""
    gained: Estimate
    """What the worse-off group gained, above 0."""
    excess: Estimate
    """What the better-off lost beyond what the worse-off gained: above 0, over half of the change is loss."""


def shift(
    before: Predictions, after: Predictions, rates: Sequence[str], features: Sequence[str], *, higher: bool
) -> Shift | None:
    """Measure whether the gap closed because the worse-off gained, or because the better-off lost.

    Parameters
    ----------
    before, after : Predictions
        The same rows by number.
    rates : sequence of str
    features : sequence of str
        Crossed, where there are several.
    higher : bool
        Whether more of the rate is good for a group.

    Returns
    -------
    Shift or None
        ``None`` with fewer than two groups.

    References
    ----------
    Mittelstadt, Wachter and Russell 2023, The unfairness of fair machine learning: levelling down.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> keys, rows = {"sex": Factor.of(["f"] * 100 + ["m"] * 100)}, np.arange(200)
    >>> one = Predictions(task="binary", classes=("no", "yes"), y_true=np.tile([0, 1], 100), row=rows,
    ...                   y_pred=np.repeat([0, 1, 0, 1], [80, 20, 60, 40]), keys=keys)
    >>> other = replace(one, y_pred=np.repeat([0, 1, 0, 1], [80, 20, 80, 20]))
    >>> moved = shift(one, other, ["selection_rate"], ["sex"], higher=True)
    >>> moved.better["sex"], str(moved.lost), str(moved.gained), moved.excess.low > 0
    ('m', '0.200 [0.133, 0.289]', '0.000 [-0.037, 0.037]', True)
    """
    predictions, other = align_predictions(before, after)
    limits = ends(predictions, rates, features)
    if limits is None:
        return None
    better, worse = (limits.highest, limits.lowest) if higher else (limits.lowest, limits.highest)
    lost = _move("better_off_loss", predictions, other, limits.rate, better, sign=1.0 if higher else -1.0)
    gained = _move("worse_off_gain", predictions, other, limits.rate, worse, sign=-1.0 if higher else 1.0)
    where = _where(predictions, features)
    parts = [span_of(part) for part in (lost, gained)]
    if parts[0] is None or parts[1] is None:
        reason = lost.reason or gained.reason or "no interval"
        return Shift(better, worse, lost, gained, absent("levelling_down", where, reason, unit="difference"))
    span = difference(parts[0], parts[1])
    excess = with_interval(
        "levelling_down", span.value, (span.low, span.high), where, method=f"mover of {lost.method}",
        n=(lost.n or 0) + (gained.n or 0), unit="difference", level=predictions.settings.level,
    )  # fmt: skip
    return Shift(better, worse, lost, gained, excess)


def _move(
    metric: str, predictions: Predictions, other: Predictions, rate: str, group: Address, *, sign: float
) -> Estimate:
    """Estimate the paired change of a rate in one group, turned by `sign`."""
    rows = np.flatnonzero(_rows_at(predictions, group))
    first, second = (_for_rate(part.take(rows, group), rate) for part in (predictions, other))
    estimate = paired_difference(first, second, rate) if sign > 0 else paired_difference(second, first, rate)
    return replace(estimate, metric=metric)
