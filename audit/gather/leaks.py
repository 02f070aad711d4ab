"""Which features alone give the target away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.dataset import Dataset
from audit.evidence import Alone, Leaks, Reading
from audit.evidence.requirements import require_evidence
from audit.statistics.residuals import r2_interval, r2_score
from audit.statistics.variance import Undefined, variance
from audit.tabular.single_feature import Area, areas_by_label, as_cells, folds_of, held_out_numbers

if TYPE_CHECKING:
    from audit.gather import Context

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SCREEN = 0.8
"""Mean AUC by coarse cells above which a feature is ranked by fine ones too."""


def gather(context: Context, *, bins: int = 256) -> Leaks:
    """Predict the target from each single feature, in five folds of all rows.

    Parameters
    ----------
    context : Context
    bins : int
        Numbers are cut into at most so many quantile bins.

    Raises
    ------
    NotApplicable
        If there are no features.
    """
    dataset = context.dataset
    require_evidence("features", dataset=dataset)
    fold = folds_of(len(dataset), context.generator("leaks"), cluster=dataset.cluster)
    most = max(4, min(bins, len(dataset) // 20))
    entries = []
    for done, feature in enumerate(dataset.features):
        context.progress("looking for leaks", done, len(dataset.features))
        column = dataset.frame[feature]
        if dataset.task == "regression":
            reading = _of_number(column, dataset, fold, most, context.settings.level)
        else:
            reading = _of_class(column, dataset, fold, most, context.settings.level)
        entries.append(Alone(feature=feature, reading=reading))
    context.progress("looking for leaks", len(dataset.features), len(dataset.features))
    return Leaks(metric="r2_score" if dataset.task == "regression" else "roc_auc", found=tuple(entries))


def _of_class(column: pd.Series, dataset: Dataset, fold: IntArray, most: int, level: float) -> Reading:
    """Return the AUC, over several classes its mean weighted by their size."""
    cells = as_cells(column, most)
    y = dataset.y.astype(np.int64)
    positions = [1] if dataset.task == "binary" else list(range(len(dataset.classes)))
    weights = [float((y == position).sum()) for position in positions]
    masses = dataset.weight, dataset.cluster
    areas = areas_by_label(cells, fold, y, positions, *masses, level)
    if cells.ordered and _mean(areas, weights) > SCREEN:  # finer cells matter only where classes nearly part
        ranked = areas_by_label(as_cells(column, 4096), np.zeros_like(fold), y, positions, *masses, level, ordered=True)
        areas = [_better(area, other) for area, other in zip(areas, ranked, strict=True)]
    known = [(area, weight) for area, weight in zip(areas, weights, strict=True) if area is not None]
    if not known:
        return Reading(value=None, reason="one class only")
    value, low, high = np.average(
        np.array([area for area, _ in known]), axis=0, weights=[weight for _, weight in known]
    )
    return Reading(
        value=float(value),
        low=float(min(low, value)),
        high=float(max(high, value)),
        n=len(y),
        method="delong, held out",
    )


def _mean(areas: list[Area | None], weights: list[float]) -> float:
    known = [(area.value, weight) for area, weight in zip(areas, weights, strict=True) if area is not None]
    return sum(value * weight for value, weight in known) / max(sum(weight for _, weight in known), 1.0)


def _better(ranking: Area | None, other: Area | None) -> Area | None:
    known = [area for area in (ranking, other) if area is not None]
    return max(known, key=lambda area: area.value, default=None)


def _of_number(column: pd.Series, dataset: Dataset, fold: IntArray, most: int, level: float) -> Reading:
    y = dataset.y.astype(np.float64)
    # Coarse bins smooth noise away, fine ones follow a bent curve to its ends.
    tried = [held_out_numbers(column, y, fold, knots) for knots in (most, max(most, min(len(y), 4096)))]
    values = min(tried, key=lambda values: float(((values - y) ** 2).sum()))
    try:
        linear = r2_score(y, values, dataset.weight)
    except Undefined as reason:
        return Reading(value=None, reason=str(reason))
    limits = r2_interval(linear.value, variance(linear.influence, dataset.weight, dataset.cluster), level)
    if limits is None:
        return Reading(value=linear.value, low=linear.value, high=linear.value, n=len(y), method="exact fit")
    return Reading(value=linear.value, low=limits.low, high=limits.high, n=len(y), method=limits.method)
