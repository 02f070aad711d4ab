"""A change of a mean, split into who came and how it went for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from audit.data.factor import concatenate
from audit.estimate.making import absent, with_interval
from audit.estimate.views import variance_of
from audit.evidence import FloatArray, IntArray, Predictions
from audit.statistics.intervals import on_scale
from reports.record import Estimate

METHOD = "Kitagawa's decomposition, linearized"
PARTS = ("change_by_mix", "change_within")


def _score(part: Predictions) -> FloatArray:
    assert part.y_score is not None  # noqa: S101 -- asked for by the caller
    return part.y_score


OF_ROWS: Mapping[str, Callable[[Predictions], FloatArray]] = {
    "accuracy": lambda part: np.asarray(part.y_true == part.y_pred, dtype=np.float64),
    "decisions": lambda part: np.asarray(part.y_pred == 1, dtype=np.float64),
    "score": _score,
}
"""What a mean may be taken of."""


class _Side(NamedTuple):
    """One of the two samples."""

    part: Predictions
    value: FloatArray
    code: IntArray
    share: FloatArray
    mean: FloatArray
    """By level; NaN where the sample has no row of it."""


def attribute_change(
    old: Predictions, new: Predictions, value: str, feature: str, where: Mapping[str, str]
) -> tuple[Estimate, ...]:
    """Split the change of a mean between two samples into change of mix and change within the levels of a feature.

    The mix counts each level's change of share by its mean, the middle of both samples; the rest is change of the
    means, by the middle of both shares (Kitagawa 1955). The two add up to the whole. A level that one sample lacks
    is mix alone.

    Parameters
    ----------
    old, new : Predictions
    value : str
        What the mean is taken of: a key of `OF_ROWS`.
    feature : str
        A key of both.
    where : mapping

    Returns
    -------
    tuple of Estimate
        ``change_by_mix`` and ``change_within``.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> def rows(few, many):
    ...     right = np.repeat([1, 0, 1, 0], [few // 2, few // 2, many * 9 // 10, many // 10])
    ...     keys = {"sex": Factor.of(["f"] * few + ["m"] * many)}
    ...     return Predictions(task="binary", classes=("no", "yes"), y_true=np.ones(len(right), int), y_pred=right,
    ...                        keys=keys)
    >>> for one in attribute_change(rows(200, 800), rows(500, 500), "accuracy", "sex", {}):
    ...     print(one.metric, one)
    change_by_mix -0.120 [-0.141, -0.099]
    change_within 0.000 [-0.036, 0.036]
    """
    where = {**where, "of": value, "feature": feature}
    if why := new.settings.hides_levels(feature):
        return tuple(absent(name, where, why, unit="difference") for name in PARTS)
    levels = concatenate([old.keys[feature], new.keys[feature]])
    size = len(levels.levels) + 1  # one more for rows without a value
    codes = np.split(levels.codes.astype(np.int64) % size, [len(old)])
    before, after = (_side(part, value, code, size) for part, code in zip((old, new), codes, strict=True))
    moved = after.share - before.share
    both = (before.share > 0) & (after.share > 0)
    alone = np.where(before.share > 0, before.mean, np.where(after.share > 0, after.mean, 0.0))
    middle = np.where(both, (before.mean + after.mean) / 2, alone)
    gained = np.where(both, after.mean - before.mean, 0.0)
    weight = np.where(both, (before.share + after.share) / 2, 0.0)
    by_mix, within = float(moved @ middle), float(weight @ gained)
    return (
        _write(PARTS[0], by_mix, _spread(before, -middle, moved / 2) + _spread(after, middle, moved / 2), where, new),
        _write(PARTS[1], within, _spread(before, gained / 2, -weight) + _spread(after, gained / 2, weight), where, new),
    )


def _write(name: str, value: float, spread: float, where: Mapping[str, str], new: Predictions) -> Estimate:
    level = new.settings.level
    limits = on_scale(value, math.sqrt(spread), level=level)
    return with_interval(
        name, value, limits, where, method=METHOD, n=new.total, unit="difference", level=level, bounds=(-1.0, 1.0)
    )


def _side(part: Predictions, value: str, code: IntArray, size: int) -> _Side:
    weight = np.ones(len(part)) if part.weight is None else part.weight
    values = OF_ROWS[value](part)
    total = np.bincount(code, weight, minlength=size)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(code, weight * values, minlength=size) / total
    return _Side(part, values, code, total / total.sum(), mean)


def _spread(side: _Side, slope: FloatArray, of_mean: FloatArray) -> float:
    """Return the variance of a number that depends on the shares by `slope` and on the means by `of_mean`."""
    by_share = slope[side.code] - float(side.share @ slope)
    by_mean = (of_mean / np.where(side.share > 0, side.share, 1.0))[side.code] * (side.value - side.mean[side.code])
    return variance_of(side.part, np.asarray(by_share + by_mean, dtype=np.float64)).value
