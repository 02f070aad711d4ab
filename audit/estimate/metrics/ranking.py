"""How well scores rank rows: areas under the ROC curve and under the precision-recall curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.estimate.metric import BINARY, CLASSES, Metric
from audit.estimate.views import binary_view, is_of_all_classes, squares_of, variance_of
from audit.evidence import Predictions
from audit.statistics import ranking
from audit.statistics.intervals import Interval, bounded_interval
from audit.statistics.variance import (
    Linear,
    Measured,
    Undefined,
    Variance,
    cluster_codes,
    effective_n,
    measured_within,
)

Array = npt.NDArray[np.float64]
OfOneClass = Callable[[Predictions, int | None], Linear]
Edge = Callable[[float, float, float, Variance, float], Interval]
"""Value, rows of the rarest class, rows, variance, level to the interval of a mean over classes at its edge."""


def _area(part: Predictions, position: int | None) -> Linear:
    return ranking.roc_auc(*binary_view(part, position), part.weight, squares_of(part))


def _precision(part: Predictions, position: int | None) -> Linear:
    ties = part.ties
    if ties is not None and ties.ndim == 2:
        ties = ties[:, 1 if position is None else position]
    return ranking.average_precision(*binary_view(part, position), part.weight, ties=ties)


def _mean_over_classes(of_class: OfOneClass) -> OfOneClass:
    """Return the statistic of one class, or its mean over the classes that have rows."""

    def linear(part: Predictions, position: int | None) -> Linear:
        if not is_of_all_classes(part, position):
            return of_class(part, position)
        present = np.unique(part.y_true).astype(np.int64)
        if len(present) < 2:
            raise Undefined("rows of one class only")
        parts = [of_class(part, int(value)) for value in present]
        influence = sum((part.influence for part in parts), np.zeros(len(part)))
        return Linear(sum(part.value for part in parts) / len(parts), influence / len(parts))

    return linear


def _keep(part: Predictions, form: Linear, spread: Variance) -> float:
    """Return the share of rows that clusters leave, by the design effect; one row a cluster where nothing varies."""
    if part.cluster is None:
        return 1.0
    alone = variance_of(replace(part, cluster=None), form.influence).value
    if alone > 0 and spread.value > 0:
        return min(1.0, alone / spread.value)
    return min(1.0, effective_n(np.bincount(cluster_codes(part.cluster), part.weight).astype(np.float64)) / part.total)


def _macro_interval(part: Predictions, form: Linear, spread: Variance, edge: Edge) -> Interval:
    """Return the interval of a mean over classes; at the edge, that of the rarest class."""
    level, value = part.settings.level, form.value
    if 0 < value < 1 and spread.value > 0:
        return bounded_interval(value, spread.value, level=level, degrees=spread.degrees)
    kept = _keep(part, form, spread)
    rows = None if part.repeats is None else part.repeats.n
    rarest = float(min(count for count in np.bincount(part.y_true.astype(np.int64), rows) if count)) * kept
    return edge(value, rarest, part.total * kept, spread, level)


def _area_edge(value: float, rarest: float, rows: float, _spread: Variance, level: float) -> Interval:
    return ranking.newcombe_auc(value, rarest, rows - rarest, level)


def _precision_edge(value: float, rarest: float, _rows: float, spread: Variance, level: float) -> Interval:
    return ranking.average_precision_interval(value, spread, rarest, level)


def _measured_area(part: Predictions, position: int | None) -> Measured:
    form = ROC_AUC_LINEAR(part, position)
    spread, level = variance_of(part, form.influence), part.settings.level
    if is_of_all_classes(part, position):
        return measured_within(form.value, _macro_interval(part, form, spread, _area_edge), part.total)
    y, _ = binary_view(part, position)
    kept = _keep(part, form, spread)
    limits = ranking.auc_interval(form.value, spread, y, part.weight, level, kept, squares_of(part))
    return measured_within(form.value, limits, part.total)


def _measured_precision(part: Predictions, position: int | None) -> Measured:
    form = AVERAGE_PRECISION_LINEAR(part, position)
    spread, squares = variance_of(part, form.influence), squares_of(part)
    if is_of_all_classes(part, position):
        return measured_within(form.value, _macro_interval(part, form, spread, _precision_edge), part.total)
    y, _ = binary_view(part, position)
    weight = np.ones(int(y.sum())) if part.weight is None else part.weight[y]
    positives = effective_n(weight, None if squares is None else squares[y]) * _keep(part, form, spread)
    limits = ranking.average_precision_interval(form.value, spread, positives, part.settings.level)
    return measured_within(form.value, limits, part.total)


ROC_AUC_LINEAR, AVERAGE_PRECISION_LINEAR = _mean_over_classes(_area), _mean_over_classes(_precision)

ROC_AUC = Metric(
    name="roc_auc", needs="score", tasks=CLASSES, unit="score", place=160, performance=CLASSES, groups=BINARY,
    gaps=BINARY, comparison=CLASSES, linear=ROC_AUC_LINEAR, measured=_measured_area, paired_method="paired delong",
)  # fmt: skip
AVERAGE_PRECISION = Metric(
    name="average_precision", needs="score", tasks=CLASSES, unit="score", place=170, performance=BINARY,
    linear=AVERAGE_PRECISION_LINEAR, measured=_measured_precision,
)  # fmt: skip
