"""Closed-form Shapley values of models that add up over features: linear models and their kin.

A model that is a sum of functions of single features, on the explained scale, has the Shapley values
``g_j(x_j) − mean g_j(background_j)``. Each ``g_j`` is read off by changing one feature of one reference
row: at one value where straight lines will do, else at all. So a pipeline with one-hot categories is as easy
as a bare coefficient vector. Whether the model is of that kind is not assumed: the sums are compared with the
model's own outputs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray, Score
from audit.explain.permutation import BATCH, Shapley

IntArray = npt.NDArray[np.intp]
TOLERANCE = 1e-5
PROBE, HALVES = 8, 4
"""Rows and halves of the features by which a model that does not add up is found quickly."""


def additive_shapley(score: Score, rows: FloatArray, background: FloatArray, *, batch: int = BATCH) -> Shapley | None:
    """Compute exact Shapley values if the model adds up over features, else return ``None``.

    Parameters
    ----------
    score : callable
        Maps rows of shape (m, features) to outputs of shape (m,).
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    batch : int
        Rows to a call of `score` at most.

    Returns
    -------
    Shapley or None
        ``None`` where the reconstructed output of any row, explained or background, is off by more than
        a hundred-thousandth of the outputs' spread.

    References
    ----------
    Štrumbelj and Kononenko 2014, section 3 (additive models); Lundberg and Lee 2017, corollary 1.

    Examples
    --------
    >>> rows, background = np.array([[1.0, 2.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> additive_shapley(lambda Z: 3 * Z[:, 0] + Z[:, 1] ** 2, rows, background).values.tolist()
    [[1.5, 3.5]]
    >>> additive_shapley(lambda Z: Z[:, 0] * Z[:, 1], rows, background) is None
    True
    """
    points = np.concatenate([rows, background])
    outputs = score(points)
    reference = background[0]
    at_reference = float(outputs[len(rows)])
    spread = max(float(np.ptp(outputs)), 1e-12)
    few = rows[:PROBE]
    if not _halves_add_up(score, few, reference, outputs[: len(few)] + at_reference, spread):
        return None
    slope = _slopes(score, points, reference, at_reference, batch)
    parts = (points - reference) * slope
    if np.abs(parts.sum(axis=1) + at_reference - outputs).max() <= TOLERANCE * spread:
        return _apart(parts, outputs, len(rows))
    parts = np.empty(points.shape)
    each = max(1, batch // len(points))
    for first in range(0, points.shape[1], each):
        some = np.arange(first, min(first + each, points.shape[1]))
        parts[:, some] = _alone(score, points, reference, some, batch) - at_reference
    if np.abs(parts.sum(axis=1) + at_reference - outputs).max() > TOLERANCE * spread:
        return None
    return _apart(parts, outputs, len(rows))


def _apart(parts: FloatArray, outputs: FloatArray, rows: int) -> Shapley:
    """Take what the background has on average from what each row has."""
    return Shapley(parts[:rows] - parts[rows:].mean(axis=0), float(outputs[rows:].mean()), outputs[:rows])


def _halves_add_up(score: Score, rows: FloatArray, reference: FloatArray, sums: FloatArray, spread: float) -> bool:
    """Tell whether a half of the features from a row and the other half give together what the ends give."""
    generator = np.random.default_rng(0)
    for _ in range(HALVES):
        first = generator.random(rows.shape) < 0.5
        both = score(np.where(first, rows, reference)) + score(np.where(first, reference, rows))
        if np.abs(both - sums).max() > 2 * TOLERANCE * spread:
            return False
    return True


def _slopes(score: Score, points: FloatArray, reference: FloatArray, at_reference: float, batch: int) -> FloatArray:
    """Return the slope of each feature between the reference and the point farthest from it; 0 where all are alike."""
    apart = np.nan_to_num(np.abs(points - reference))
    farthest = points[apart.argmax(axis=0), np.arange(len(reference))]
    moved = np.flatnonzero(apart.max(axis=0) > 0)
    slope = np.zeros(len(reference))
    for start in range(0, len(moved), batch):
        some = moved[start : start + batch]
        changed = np.tile(reference, (len(some), 1))
        changed[np.arange(len(some)), some] = farthest[some]
        slope[some] = (score(changed) - at_reference) / (farthest[some] - reference[some])
    return slope


def _alone(score: Score, points: FloatArray, reference: FloatArray, some: IntArray, batch: int) -> FloatArray:
    """Return the output of the reference row with one feature taken from each point, shape (points, features)."""
    entries = [np.unique(points[:, feature], return_inverse=True) for feature in some]
    sizes = [len(distinct) for distinct, _ in entries]
    changed = np.tile(reference, (sum(sizes), 1))
    changed[np.arange(len(changed)), np.repeat(some, sizes)] = np.concatenate([distinct for distinct, _ in entries])
    gained = np.concatenate([score(changed[start : start + batch]) for start in range(0, len(changed), batch)])
    starts = np.cumsum([0, *sizes[:-1]])
    return np.column_stack(
        [gained[start + place.reshape(-1)] for start, (_, place) in zip(starts, entries, strict=True)]
    )
