"""Points of curves over thresholds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.evidence import FloatArray, Predictions
from audit.statistics.intervals import bounded_interval, wilson
from audit.statistics.variance import cluster_codes, effective_n, variance
from reports.record import Series


def roc_points(
    truth: npt.NDArray[np.bool_], score: FloatArray, weight: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return false and true positive rate at every distinct score, from (0, 0) to (1, 1).

    Parameters
    ----------
    truth : ndarray of shape (n,), bool
    score : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional

    Examples
    --------
    >>> fpr, tpr = roc_points(np.array([True, False]), np.array([0.9, 0.1]))
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    """
    hits, alarms = _cumulative(truth, score, weight)
    return alarms / max(alarms[-1], 1e-300), hits / max(hits[-1], 1e-300)


def precision_recall_points(
    truth: npt.NDArray[np.bool_], score: FloatArray, weight: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return recall, precision and (weighted) number of rows found at every distinct score.

    Examples
    --------
    >>> recall, precision, found = precision_recall_points(np.array([True, False]), np.array([0.9, 0.1]))
    >>> recall.tolist(), precision.tolist(), found.tolist()
    ([1.0, 1.0], [1.0, 0.5], [1.0, 2.0])
    """
    hits, alarms = _cumulative(truth, score, weight)
    hits, alarms = hits[1:], alarms[1:]
    values = hits + alarms
    return hits / max(hits[-1], 1e-300), hits / np.maximum(values, 1e-300), values


def _cumulative(
    truth: npt.NDArray[np.bool_], score: FloatArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Return weight of positives and negatives scored at or above each distinct score, from none on."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    mass = np.ones(len(score)) if weight is None else weight[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(mass * truth[order])[last_of_tie]
    alarms = np.cumsum(mass * ~truth[order])[last_of_tie]
    return np.append(0.0, hits), np.append(0.0, alarms)


def thin_curve(x: FloatArray, y: FloatArray, points: int) -> list[int]:
    """Choose at most about `points` places of a curve, evenly along its length.

    Examples
    --------
    >>> thin_curve(np.linspace(0, 1, 1001), np.linspace(0, 1, 1001), 3)
    [0, 500, 1000]
    """
    if len(x) <= points:
        return list(range(len(x)))
    length = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    places = np.searchsorted(length, np.linspace(0.0, length[-1], points))
    return sorted({int(place) for place in np.minimum(places, len(x) - 1)})


def rate_limits(
    hit: npt.NDArray[np.bool_], weight: FloatArray | None, cluster: Factor | None, level: float
) -> tuple[float, float]:
    """Return the limits of one rate among rows of one class: Wilson's, with effective rows where they are not equal.

    Parameters
    ----------
    hit : ndarray of shape (n,), bool
        At least one row.
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    level : float
        Two-sided level.

    Examples
    --------
    >>> hit = np.repeat([True, False], [15, 35])
    >>> [round(limit, 3) for limit in rate_limits(hit, None, None, 0.95)]
    [0.191, 0.438]
    """
    rate = float(np.average(hit, weights=weight))
    if cluster is not None and 0 < rate < 1:
        spread = variance(hit.astype(np.float64) - rate, weight, cluster)
        if spread.value > 0:
            limits = bounded_interval(rate, spread.value, level=level, degrees=spread.degrees)
            return limits.low, limits.high
    share = np.ones(len(hit)) if weight is None else weight
    rows = effective_n(share if cluster is None else np.bincount(cluster_codes(cluster), share).astype(np.float64))
    limits = wilson(rate * rows, rows, level)
    return limits.low, limits.high


def roc_series(
    name: str, answers: Predictions, truth: npt.NDArray[np.bool_], score: FloatArray, *, points: int, band: bool = False
) -> Series:
    """Turn the answers to some rows into one line of a ROC curve.

    Parameters
    ----------
    name : str
        Of the line.
    answers : Predictions
        For weights, clusters and level.
    truth, score : ndarray of shape (n,)
        One class against the rest; both kinds of rows must be there.
    points : int
        Points that are kept at most, evenly along the curve.
    band : bool, default=False
        Whether each point carries the interval of its true positive rate.
    """
    fpr, tpr = roc_points(truth, score, answers.weight)
    kept = thin_curve(fpr, tpr, points)
    low = high = None
    if band:
        limits = _band(answers.take(np.asarray(truth, dtype=np.bool_)), score, score[truth], tpr, kept)
        low = tuple(min(pair[0], float(tpr[k])) for pair, k in zip(limits, kept, strict=True))
        high = tuple(max(pair[1], float(tpr[k])) for pair, k in zip(limits, kept, strict=True))
    x, y = (tuple(float(rate[k]) for k in kept) for rate in (fpr, tpr))
    return Series(name=name, x=x, y=y, low=low, high=high)


def _band(
    rows: Predictions, every: FloatArray, score: FloatArray, rate: FloatArray, kept: list[int]
) -> list[tuple[float, float]]:
    """Return the limits of the rates of the kept points, among the `rows` of one class with these scores."""
    level = rows.settings.level
    if rows.cluster is not None:
        cuts = np.append(np.inf, np.unique(every)[::-1])
        return [rate_limits(score >= cuts[k], rows.weight, rows.cluster, level) for k in kept]
    squares = None if rows.repeats is None else rows.repeats.squares
    n = float(len(rows)) if rows.weight is None else effective_n(rows.weight, squares)
    return [wilson(float(rate[k]) * n, n, level)[:2] for k in kept]


def operating_point(answers: Predictions, code: int = 1) -> tuple[float, float]:
    """Return false and true positive rate of the decisions as the model makes them.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 0, 1, 1]),
    ...                       y_pred=np.array([0, 1, 1, 1]))
    >>> operating_point(answers)
    (0.5, 1.0)
    """
    truth, called = answers.y_true == code, answers.y_pred == code
    weight = np.ones(len(answers)) if answers.weight is None else answers.weight
    fpr, tpr = (float(np.average(called[side], weights=weight[side])) for side in (~truth, truth))
    return fpr, tpr
