"""Predictions seen from one class: its rows, its scores, its outcome."""

from __future__ import annotations

import weakref
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.errors import DataError, hint, quote, quote_all
from audit.estimate.cells import Rows
from audit.evidence import Predictions
from audit.statistics.variance import Undefined, Variance, skewness, variance, variance_of_counts

Array = npt.NDArray[np.float64]


def with_weight(predictions: Predictions) -> Predictions:
    """Leave out rows of weight 0.

    Raises
    ------
    Undefined
        If rows are there and all weights are 0.
    """
    if predictions.weight is None or not len(predictions) or predictions.weight.min() > 0:
        return predictions
    kept = predictions.take(predictions.weight > 0)
    if not len(kept):
        raise Undefined("all weights are 0")
    return kept


def position_of(predictions: Predictions, class_: str | None) -> int | None:
    """Return the code of a class.

    Raises
    ------
    DataError
        If there is no class of that name.
    """
    if class_ is None:
        return None
    if class_ not in predictions.classes:
        known = quote_all(predictions.classes)
        raise DataError(f"No class is called {quote(class_)}; classes are {known}.{hint(class_, predictions.classes)}")
    return predictions.classes.index(class_)


def toward_negative(predictions: Predictions) -> Predictions:
    """Return binary answers with the negative class in the place of the positive one, without scores."""
    true, predicted = (1 - codes.astype(np.int64) for codes in (predictions.y_true, predictions.y_pred))
    classes = predictions.classes[::-1]
    return replace(predictions, y_true=true, y_pred=predicted, classes=classes, y_score=None)


def rows_of(predictions: Predictions) -> Rows:
    """Return the codes behind count metrics."""
    true, predicted = (codes.astype(np.int64, copy=False) for codes in (predictions.y_true, predictions.y_pred))
    return Rows(true, predicted, predictions.weight, predictions.cluster, predictions.repeats)


def variance_of(predictions: Predictions, influence: Array) -> Variance:
    """Return the variance of a statistic from the influence of each row, or of each cell of a counted log."""
    if predictions.repeats is None or predictions.weight is None or predictions.cluster is not None:
        return variance(influence, predictions.weight, predictions.cluster)
    return variance_of_counts(influence, predictions.repeats.n, predictions.weight, predictions.repeats.squares)


def skewness_of(predictions: Predictions, influence: Array) -> float:
    """Return the skewness of a statistic; rows of a counted log are alike within their cell."""
    if predictions.repeats is None or predictions.weight is None or predictions.cluster is not None:
        return skewness(influence, predictions.weight, predictions.cluster)
    parts, n = influence * predictions.weight / predictions.repeats.n, predictions.repeats.n
    squares = float(n @ parts**2)
    return float(n @ parts**3) / squares**1.5 if squares > 0 else 0.0


def score_matrix(predictions: Predictions) -> Array:
    """Return scores of shape (n, K): in a binary task the negative class has the rest.

    Raises
    ------
    Undefined
        If there are no scores, or some are not finite.
    """
    score = predictions.y_score
    if score is None:
        raise Undefined(predictions.score_reason)
    if odd := _not_finite.of(score):
        raise Undefined(f"{odd} scores are not finite")
    if score.ndim == 1:
        return np.stack([1 - score if predictions.probabilities else -score, score], -1)
    return score


class _LastCounted:
    """How many scores of a matrix are not finite: each of many classes asks anew of the same, which never changes."""

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[Array], int] | None = None

    def of(self, score: Array) -> int:
        """Count, once as long as the same array is asked for."""
        if self._last is None or self._last[0]() is not score:
            self._last = (weakref.ref(score), int((~np.isfinite(score)).sum()))
        return self._last[1]


_not_finite = _LastCounted()


def binary_view(predictions: Predictions, position: int | None) -> tuple[npt.NDArray[np.bool_], Array]:
    """Return outcome and score of one class; of the positive class where none is named."""
    score = predictions.y_score
    at = 1 if position is None else position
    if score is not None and score.ndim == 1 and at == 1:
        if not np.isfinite(score).all():
            raise Undefined(f"{int((~np.isfinite(score)).sum())} scores are not finite")
        return predictions.y_true == 1, score
    return predictions.y_true == at, score_matrix(predictions)[:, at]


def is_of_all_classes(predictions: Predictions, position: int | None) -> bool:
    """Tell whether a number speaks of more than two classes together."""
    return position is None and predictions.task == "multiclass"


def outcome_of(predictions: Predictions, position: int | None = None) -> tuple[npt.NDArray[np.bool_], Array]:
    """Return outcome and score of a class, or of the likeliest one in a multiclass task."""
    if is_of_all_classes(predictions, position):
        scores = score_matrix(predictions)
        return np.asarray(scores.argmax(1) == predictions.y_true), scores.max(1)
    return binary_view(predictions, position)


def squares_of(predictions: Predictions) -> Array | None:
    """Return the sums of squared weights behind each row of a counted log."""
    return None if predictions.repeats is None else predictions.repeats.squares
