"""Points of curves over thresholds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.evidence import FloatArray


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
    found = hits + alarms
    return hits / max(hits[-1], 1e-300), hits / np.maximum(found, 1e-300), found


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


def thinned(x: FloatArray, y: FloatArray, points: int) -> list[int]:
    """Choose at most about `points` places of a curve, evenly along its length.

    Examples
    --------
    >>> thinned(np.linspace(0, 1, 1001), np.linspace(0, 1, 1001), 3)
    [0, 500, 1000]
    """
    if len(x) <= points:
        return list(range(len(x)))
    length = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    places = np.searchsorted(length, np.linspace(0.0, length[-1], points))
    return sorted({int(place) for place in np.minimum(places, len(x) - 1)})
