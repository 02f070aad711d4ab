"""Any metric of any predictions, with the influence of each row: what pairing and clusters need."""

from __future__ import annotations

import numpy as np

from audit.estimate.counting import count_linear
from audit.estimate.metric import Metric
from audit.estimate.metrics import metric
from audit.estimate.own_metrics import as_metric
from audit.estimate.views import position_of, rows_of, toward_negative
from audit.evidence import Predictions
from audit.evidence.requirements import REQUIREMENTS
from audit.statistics.variance import Linear, Undefined

OF_MANY = "applies to three or more classes"
SCALES = ("proportion", "score", "difference")
"""Units in which a limit of a rule means the same whatever the target is."""


def metric_of(predictions: Predictions, name: str) -> Metric:
    """Look a metric up among the user's own, then among the house's.

    Raises
    ------
    ConfigError
        If there is none of that name; the message names the nearest.
    """
    own = predictions.settings.metrics.get(name)
    return metric(name) if own is None else as_metric(own)


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
    rate = metric_of(predictions, name).rate
    if rate is None or not rate.of_outcome or class_ is not None or predictions.task != "binary":
        return False
    return predictions.classes[:1] == (predictions.settings.favorable,)


def requirements(predictions: Predictions, name: str, position: int | None, *, rows: int | None = None) -> None:
    """Raise :class:`Undefined` where a metric does not speak of this task, class or kind of score."""
    metric = metric_of(predictions, name)
    if not (len(predictions) if rows is None else rows):
        raise Undefined("no rows")
    if metric.needs == "rows":
        return _require_class(predictions, name, position)
    if (metric.needs == "residuals") != (predictions.task == "regression"):
        kind = "numbers" if metric.needs == "residuals" else "classes"
        raise Undefined(f"a metric of {kind}; the task is {predictions.task}")
    if metric.needs == "residuals" and not np.isfinite(predictions.y_pred.astype(np.float64)).all():
        raise Undefined(
            f"{int((~np.isfinite(predictions.y_pred.astype(np.float64))).sum())} predictions are not finite"
        )
    if metric.needs in ("residuals", "counts"):
        return _require_class(predictions, name, position)
    if predictions.y_score is None:
        raise Undefined(predictions.score_reason)
    if metric.needs == "probabilities" and not predictions.probabilities:
        raise Undefined(REQUIREMENTS["probabilities"].reason)
    return _require_class(predictions, name, position)


def _require_class(predictions: Predictions, name: str, position: int | None) -> None:
    if position is not None and name in predictions.settings.metrics:
        raise Undefined("describes all classes together, not a single class")
    metric = metric_of(predictions, name)
    if position is not None and "binary" not in metric.tasks:
        raise Undefined("describes all classes together, not a single class")
    if position is None and predictions.task not in metric.tasks:
        few = predictions.task == "binary"
        raise Undefined(OF_MANY if few else "describes a single class; name the class, or use an average over classes")
    if metric.ordered and not predictions.settings.ordered:
        raise Undefined('needs ordered classes: state their order with [data] order = ["low", "middle", "high"]')


def smooth_headline(predictions: Predictions) -> str:
    """Name the headline metric where the rows' influence on it is known, else the task's own.

    Examples
    --------
    >>> import numpy as np
    >>> from audit.evidence import Settings
    >>> answers = Predictions(task="regression", y_true=np.zeros(1), y_pred=np.zeros(1),
    ...                       settings=Settings(headline="median_absolute_error"))
    >>> smooth_headline(answers)
    'r2_score'
    """
    metric = metric_of(predictions, predictions.headline)
    return metric.name if metric.needs == "counts" or metric.linear is not None else predictions.task_headline


def scaled_headline(predictions: Predictions) -> str:
    """Name the headline metric where it is a share or a score, whose differences rules have limits for.

    Of metrics in the target's unit, or in one of the user's own, the task's own metric stands in.

    Examples
    --------
    >>> import numpy as np
    >>> from audit.evidence import Settings
    >>> answers = Predictions(task="regression", y_true=np.zeros(1), y_pred=np.zeros(1),
    ...                       settings=Settings(headline="mean_absolute_error"))
    >>> scaled_headline(answers)
    'r2_score'
    """
    metric = metric_of(predictions, predictions.headline)
    return metric.name if metric.unit in SCALES else predictions.task_headline


def carries(predictions: Predictions, name: str) -> bool:
    """Tell whether answers are of the kind that a metric is made of: scored, probable, of ordered classes.

    Examples
    --------
    >>> import numpy as np
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.zeros(1), y_pred=np.zeros(1))
    >>> carries(answers, "accuracy"), carries(answers, "roc_auc")
    (True, False)
    """
    metric, scored = metric_of(predictions, name), predictions.y_score is not None
    has = {"score": scored, "probabilities": scored and predictions.probabilities}
    ordered = predictions.settings.ordered or not metric.ordered
    return predictions.task in metric.tasks and has.get(metric.needs, True) and ordered


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
    metric = metric_of(predictions, name)
    if metric.needs == "counts":
        if position is None:
            return count_linear(name, rows_of(predictions), len(predictions.classes))
        return count_linear(name, rows_of(predictions).one_vs_rest(position), 2)
    if metric.linear is None:
        raise Undefined("not smooth in the rows")
    return metric.linear(predictions, position)
