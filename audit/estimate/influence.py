"""Any metric of any predictions, with the influence of each row: what pairing and clusters need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.errors import DataError, hint, listed, shown
from audit.estimate.counting import Rows, count_linear
from audit.estimate.metrics import Metric, metric
from audit.estimate.own_metrics import as_metric
from audit.evidence import Predictions
from audit.statistics import calibration, ranking, recalibration
from audit.statistics.residuals import RESIDUALS
from audit.statistics.variance import Linear, Undefined, Variance, variance, variance_of_counts

Array = npt.NDArray[np.float64]
Binary = Callable[[npt.NDArray[np.bool_], Array, Array | None], Linear]

BINARY: Mapping[str, Binary] = {
    "roc_auc": ranking.roc_auc,
    "average_precision": ranking.average_precision,
    "calibration_slope": recalibration.calibration_slope,
    "calibration_intercept": recalibration.calibration_intercept,
    "mean_calibration_gap": calibration.mean_calibration_gap,
}
"""Statistics of a score against one class."""
_MACRO = ("roc_auc", "average_precision")


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


def metric_of(predictions: Predictions, name: str) -> Metric:
    """Look a metric up among the user's own, then among the house's.

    Raises
    ------
    ConfigError
        If there is none of that name; the message names the nearest.
    """
    own = predictions.settings.metrics.get(name)
    return metric(name) if own is None else as_metric(own)


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
        known = listed(predictions.classes)
        raise DataError(f"No class is called {shown(class_)}; classes are {known}.{hint(class_, predictions.classes)}")
    return predictions.classes.index(class_)


OUTCOME_RATES = frozenset({"selection_rate", "base_rate"})
"""Rates of the outcome that is good for the person, where that was stated; else of the positive class."""


def speaks_of_negative(predictions: Predictions, name: str, class_: str | None) -> bool:
    """Tell whether a rate of outcomes speaks of the negative class, because that is the favorable one.

    Examples
    --------
    >>> from audit.evidence import Settings
    >>> answers = Predictions(task="binary", classes=("granted", "refused"), y_true=np.zeros(1), y_pred=np.zeros(1),
    ...                       settings=Settings(favorable="granted"))
    >>> speaks_of_negative(answers, "selection_rate", None), speaks_of_negative(answers, "recall", None)
    (True, False)
    """
    if name not in OUTCOME_RATES or class_ is not None or predictions.task != "binary":
        return False
    return predictions.classes[:1] == (predictions.settings.favorable,)


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
    if predictions.repeats is None or predictions.weight is None:
        return variance(influence, predictions.weight, predictions.cluster)
    return variance_of_counts(influence, predictions.repeats.n, predictions.weight, predictions.repeats.squares)


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
    if not np.isfinite(score).all():
        raise Undefined(f"{int((~np.isfinite(score)).sum())} scores are not finite")
    if score.ndim == 1:
        return np.stack([1 - score if predictions.probabilities else -score, score], -1)
    return score


def binary_view(predictions: Predictions, position: int | None) -> tuple[npt.NDArray[np.bool_], Array]:
    """Return outcome and score of one class; of the positive class where none is named."""
    score = predictions.y_score
    at = 1 if position is None else position
    if score is not None and score.ndim == 1 and at == 1:
        if not np.isfinite(score).all():
            raise Undefined(f"{int((~np.isfinite(score)).sum())} scores are not finite")
        return predictions.y_true == 1, score
    return predictions.y_true == at, score_matrix(predictions)[:, at]


def requirements(predictions: Predictions, name: str, position: int | None, *, rows: int | None = None) -> None:
    """Raise :class:`Undefined` where a metric does not speak of this task, class or kind of score."""
    one = metric_of(predictions, name)
    if not (len(predictions) if rows is None else rows):
        raise Undefined("no rows")
    if one.needs == "rows":
        return _require_class(predictions, name, position)
    if (one.needs == "residuals") != (predictions.task == "regression"):
        kind = "numbers" if one.needs == "residuals" else "classes"
        raise Undefined(f"a metric of {kind}; the task is {predictions.task}")
    if one.needs == "residuals" and not np.isfinite(predictions.y_pred.astype(np.float64)).all():
        raise Undefined(
            f"{int((~np.isfinite(predictions.y_pred.astype(np.float64))).sum())} predictions are not finite"
        )
    if one.needs in ("residuals", "counts"):
        return _require_class(predictions, name, position)
    if predictions.y_score is None:
        raise Undefined(predictions.score_reason)
    if one.needs == "probabilities" and not predictions.probabilities:
        raise Undefined("the scores are not probabilities")
    return _require_class(predictions, name, position)


def _require_class(predictions: Predictions, name: str, position: int | None) -> None:
    if position is not None and name in predictions.settings.metrics:
        raise Undefined("speaks of all classes together")
    tasks = metric_of(predictions, name).tasks
    if position is None and predictions.task not in tasks:
        raise Undefined("speaks of one class; name it, or take an average over classes")
    if position is not None and "binary" not in tasks:
        raise Undefined("speaks of all classes together")


def linear_form(predictions: Predictions, name: str, class_: str | None = None) -> Linear:
    """Compute a metric with the influence of each row.

    Parameters
    ----------
    predictions : Predictions
        Without rows of weight 0.
    name : str
        Any metric but ``calibration_error`` and ``median_absolute_error``, which are not smooth.
    class_ : str, optional
        Take this class against the rest.

    Raises
    ------
    Undefined
        If the number does not exist on these rows.

    Examples
    --------
    >>> answers = Predictions(task="regression", y_true=np.array([1.0, 2.0]), y_pred=np.array([1.0, 4.0]))
    >>> linear_form(answers, "mean_error")
    Linear(value=1.0, influence=array([-1.,  1.]))
    """
    if speaks_of_negative(predictions, name, class_):
        predictions = toward_negative(predictions)
    position = position_of(predictions, class_)
    requirements(predictions, name, position)
    kind, weight = metric_of(predictions, name).needs, predictions.weight
    if kind == "residuals":
        return _of_residuals(predictions, name)
    if kind == "counts":
        rows = rows_of(predictions)
        return count_linear(
            name, rows if position is None else rows.one_vs_rest(position), _classes(predictions, position)
        )
    if name in ("log_loss", "brier_score"):
        loss = calibration.log_loss if name == "log_loss" else calibration.brier_score
        if position is None:
            return loss(predictions.y_true.astype(np.int64), score_matrix(predictions), weight)
        y, score = binary_view(predictions, position)
        return loss(y.astype(np.int64), np.stack([1 - score, score], -1), weight)
    if position is None and predictions.task == "multiclass":
        return _of_all_classes(predictions, name)
    if name not in BINARY:
        raise Undefined("not smooth in the rows")
    return _of_scores(predictions, name, position)


def _of_residuals(predictions: Predictions, name: str) -> Linear:
    if name not in RESIDUALS:
        raise Undefined("not smooth in the rows")
    y_true, y_pred = (values.astype(np.float64, copy=False) for values in (predictions.y_true, predictions.y_pred))
    return RESIDUALS[name](y_true, y_pred, predictions.weight)


def _classes(predictions: Predictions, position: int | None) -> int:
    return len(predictions.classes) if position is None else 2


def _of_scores(predictions: Predictions, name: str, position: int | None) -> Linear:
    y, score = binary_view(predictions, position)
    if name == "average_precision" and predictions.repeats is not None:
        return ranking.average_precision(y, score, predictions.weight, binned=True)
    return BINARY[name](y, score, predictions.weight)


def _of_all_classes(predictions: Predictions, name: str) -> Linear:
    """Return the mean over the classes that have rows, or the slope of all of them together."""
    if name == "calibration_slope":
        truth = predictions.y_true.astype(np.int64)
        return recalibration.temperature_slope(truth, score_matrix(predictions), predictions.weight)
    if name not in _MACRO:
        raise Undefined("not smooth in the rows")
    present = np.unique(predictions.y_true).astype(np.int64)
    if len(present) < 2:
        raise Undefined("rows of one class only")
    parts = [BINARY[name](*binary_view(predictions, int(position)), predictions.weight) for position in present]
    influence = sum((part.influence for part in parts), np.zeros(len(predictions)))
    return Linear(sum(part.value for part in parts) / len(parts), influence / len(parts))
