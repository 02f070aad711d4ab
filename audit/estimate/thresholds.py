"""Decisions by threshold: what each cut of the score would do, and what a cut chosen elsewhere does here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.estimate.paired import tango
from audit.estimate.split_half import halves
from audit.evidence import FloatArray, Predictions
from audit.statistics.intervals import Span, bounded_interval, linear, t_value, wilson, z_value
from audit.statistics.variance import Undefined, cluster_codes, effective_n, variance, variance_of_counts

NOBODY = math.inf
"""The threshold that calls no row positive."""


class Cuts(NamedTuple):
    """Rates when rows scored at or above a threshold are called positive, thresholds falling."""

    threshold: FloatArray
    true_rate: FloatArray
    false_rate: FloatArray
    share: float
    """Share of positive rows."""


def cuts(part: Predictions) -> Cuts:
    """Return the rates at every distinct score, from calling nobody positive on.

    Raises
    ------
    Undefined
        Where rows of a class are missing.

    Examples
    --------
    >>> part = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1]),
    ...                    y_pred=np.array([0, 1, 1]), y_score=np.array([0.2, 0.2, 0.9]))
    >>> found = cuts(part)
    >>> found.threshold.tolist(), found.true_rate.tolist(), found.false_rate.tolist()
    ([inf, 0.9, 0.2], [0.0, 0.5, 1.0], [0.0, 0.0, 1.0])
    """
    score = score_of(part)
    weight = np.ones(len(part)) if part.weight is None else part.weight
    positive = part.y_true == 1
    if not (weight[positive].sum() > 0 and weight[~positive].sum() > 0):
        raise Undefined("rows of one class only")
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    hit, miss = (np.cumsum(np.where(side, weight, 0.0)[order])[last] for side in (positive, ~positive))
    return Cuts(
        threshold=np.append(NOBODY, ordered[last]),
        true_rate=np.append(0.0, hit / hit[-1]),
        false_rate=np.append(0.0, miss / miss[-1]),
        share=float(hit[-1] / (hit[-1] + miss[-1])),
    )


def score_of(part: Predictions) -> FloatArray:
    """Return the scores of a binary task.

    Raises
    ------
    NotApplicable
        Where there are none, or some are not finite.
    """
    if part.y_score is None:
        raise NotApplicable(part.score_reason)
    if not np.isfinite(part.y_score).all():
        raise NotApplicable("some scores are not finite")
    return part.y_score


def spread_cuts(cuts: Cuts, most: int) -> list[int]:
    """Choose at most about `most` thresholds, evenly along the ROC curve; calling nobody positive is left out."""
    places = len(cuts.threshold)
    if places - 1 <= most:
        return list(range(1, places))
    length = np.cumsum(np.abs(np.diff(cuts.true_rate)) + np.abs(np.diff(cuts.false_rate)))
    chosen = np.searchsorted(length, np.linspace(0.0, length[-1], most))
    return sorted({1 + int(place) for place in np.minimum(chosen, places - 2)})


def call_positive(part: Predictions, threshold: float) -> Predictions:
    """Return the answers with rows scored at or above `threshold` called positive."""
    return replace(part, y_pred=(score_of(part) >= threshold).astype(np.int64))


def cut_in_use(part: Predictions) -> float | None:
    """Return the threshold that the decisions follow, or ``None`` where they follow none.

    Of all thresholds that yield these decisions one half is taken where it is one and scores are
    probabilities, else the lowest score that was called positive.

    Examples
    --------
    >>> part = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1]), probabilities=True,
    ...                    y_pred=np.array([0, 0, 1]), y_score=np.array([0.2, 0.4, 0.9]))
    >>> cut_in_use(part), cut_in_use(replace(part, y_pred=np.array([1, 0, 1])))
    (0.5, None)
    """
    score, positive = score_of(part), part.y_pred == 1
    if positive.all() or not positive.any():
        return None
    below, above = float(score[~positive].max()), float(score[positive].min())
    if below >= above:
        return None
    return 0.5 if part.probabilities and below < 0.5 <= above else above


def cross_chosen(
    test: Predictions, name: str, choose: Callable[[Predictions], float]
) -> tuple[Predictions, tuple[float, float]]:
    """Decide each half of the rows by the threshold that was chosen on the other half.

    Parameters
    ----------
    test : Predictions
    name : str
        Whoever asks; it decides which rows make a half. Clusters stay together.
    choose : callable
        Rows to a threshold.

    Returns
    -------
    tuple of Predictions and (float, float)
        The rows with their new decisions, and the thresholds chosen on the first and the second half.

    Raises
    ------
    NotApplicable
        If a half has rows of one class only.
    """
    masks = halves(test, name)
    try:
        first, second = (choose(test.take(mask)) for mask in masks)
    except Undefined as reason:
        raise NotApplicable(f"a half of the test rows has {reason}") from reason
    decided = np.where(masks[0], score_of(test) >= second, score_of(test) >= first)
    return replace(test, y_pred=decided.astype(np.int64)), (first, second)


def threshold_words(threshold: float) -> str:
    """Write a threshold, also the one that no row reaches.

    Examples
    --------
    >>> threshold_words(0.25), threshold_words(NOBODY)
    ('0.25', 'above all scores')
    """
    return f"{threshold:.3g}" if math.isfinite(threshold) else "above all scores"


# --- means of numbers that live between two ends ---------------------------------------------------


def mean_within(
    values: FloatArray,
    low: float,
    high: float,
    *,
    weight: FloatArray | None = None,
    cluster: Factor | None = None,
    level: float = 0.95,
    repeats: tuple[npt.NDArray[np.int64], FloatArray] | None = None,
) -> Span:
    """Return the mean of numbers that cannot leave [low, high], with a score interval that holds at its ends.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least one.
    low, high : float
        Ends that no row can pass.
    weight : ndarray of shape (n,), optional
        Positive.
    cluster : Factor, optional
    level : float
    repeats : pair of ndarray of shape (n,), optional
        Rows with each value and their sum of squared weights, where `weight` holds the sum of their weights.

    Examples
    --------
    >>> [round(number, 4) for number in mean_within(np.repeat([0.0, 1.0], [35, 15]), 0.0, 1.0)]
    [0.3, 0.1879, 0.4426]
    >>> rows = np.array([35.0, 15.0])
    >>> [round(number, 4) for number in mean_within(np.array([0.0, 1.0]), 0.0, 1.0, weight=rows, repeats=(rows, rows))]
    [0.3, 0.1879, 0.4426]
    >>> [round(number, 4) for number in mean_within(np.zeros(50), 0.0, 5.0)]
    [0.0, 0.0, 0.3567]
    """
    center = float(np.average(values, weights=weight))
    if repeats is None or weight is None or cluster is not None:
        spread = variance(values - center, weight, cluster)
    else:
        spread = variance_of_counts(values - center, repeats[0], weight, repeats[1])
    if low < center < high and spread.value > 1e-24 * (high - low) ** 2:
        limits = bounded_interval(center, spread.value, level=level, degrees=spread.degrees, low=low, high=high)
        return Span(center, limits.low, limits.high)
    share = np.ones(len(values)) if weight is None else weight
    if cluster is not None:
        rows = effective_n(np.bincount(cluster_codes(cluster), share).astype(np.float64))
    else:
        rows = effective_n(share, None if repeats is None else repeats[1])
    unseen = wilson(0.0, rows, level).high  # share of rows of another kind that none of these rows would show
    return Span(center, center - unseen * (center - low), center + unseen * (high - center))


def mean_of_changes(
    changes: Sequence[tuple[FloatArray, float]],
    *,
    weight: FloatArray | None = None,
    cluster: Factor | None = None,
    level: float = 0.95,
) -> Span:
    """Return the mean of a sum of kinds of changes, each 0 or its own ±most (MOVER over :func:`mean_change`).

    Rare changes of a dear kind keep their own room beside many of a cheap kind.

    Parameters
    ----------
    changes : sequence of (ndarray of shape (n,), float)
        For each kind of row the change (0 for rows of other kinds) and the size of a change.
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    level : float

    Examples
    --------
    >>> alarms, misses = np.repeat([1.0, 0.0], [10, 190]), np.repeat([0.0, -5.0], [198, 2])
    >>> [round(number, 3) for number in mean_of_changes([(alarms, 1.0), (misses, 5.0)])]
    [0.0, -0.131, 0.103]
    """
    spans = [mean_change(x, most, weight=weight, cluster=cluster, level=level) for x, most in changes if most > 0]
    return linear([1.0] * len(spans), spans)


def mean_change(
    change: FloatArray,
    most: float,
    *,
    weight: FloatArray | None = None,
    cluster: Factor | None = None,
    level: float = 0.95,
) -> Span:
    """Return the mean of paired changes that are each 0 or ±most, by Tango's score interval.

    Few changed rows make a lopsided interval, and none at all still leave room for some. Weights and clusters
    make the counts effective ones.

    Parameters
    ----------
    change : ndarray of shape (n,)
        At least one.
    most : float
        Size of a change, above 0.
    weight : ndarray of shape (n,), optional
        Positive.
    cluster : Factor, optional
    level : float

    Examples
    --------
    >>> [round(number, 3) for number in mean_change(np.repeat([-1.0, 0.0, 1.0], [7, 13, 1]), 1.0)]
    [-0.286, -0.517, -0.026]
    >>> [round(number, 3) for number in mean_change(np.zeros(50), 5.0)]
    [0.0, -0.357, 0.357]
    """
    if weight is None and cluster is None:
        rows = float(len(change))
        up, down = (float(np.count_nonzero(side * change > 0)) for side in (1.0, -1.0))
    else:
        up, down, rows = _effective_changes(np.sign(change), weight, cluster, level)
    span = tango(up, down, rows, level)
    return Span(span.value * most, span.low * most, span.high * most)


def _effective_changes(
    sign: FloatArray, weight: FloatArray | None, cluster: Factor | None, level: float
) -> tuple[float, float, float]:
    """Return rows that go up, that go down, and all rows, in numbers with the variance of these rows."""
    share = np.full(len(sign), 1 / len(sign)) if weight is None else weight / weight.sum()
    up, down = (float(share @ (sign == side)) for side in (1.0, -1.0))
    rows = effective_n(share if cluster is None else np.bincount(cluster_codes(cluster), share).astype(np.float64))
    spread = variance(sign - (up - down), weight, cluster)
    moved = up + down - (up - down) ** 2
    if moved > 0 and spread.value > 1e-24:
        rows = moved / spread.value * (z_value(level) / t_value(level, spread.degrees)) ** 2
        rows = max(min(rows, float(len(sign))), 1e-6)
    return up * rows, down * rows, rows
