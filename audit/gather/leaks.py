"""Which features alone give the target away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.evidence import Alone, Leaks, Reading, Settings
from audit.evidence.requirements import require_evidence
from audit.statistics.residuals import r2_interval, r2_score
from audit.statistics.variance import Undefined, variance
from audit.tabular.single_feature import Area, areas_by_label, as_cells, distinct, folds_of, held_out_numbers

if TYPE_CHECKING:
    from audit.gather import Context

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SCREEN = 0.8
"""Mean AUC by coarse cells above which a feature is ranked by fine ones too."""

PART = 0.2
"""Share of all rows that a part of them must reach to be read by itself."""

STAND_IN = 0.05
"""Share of rows from which an empty cell, or a value, may be what stands where nothing was written."""

COMMON = 3
"""So many of the most common values are tried as a stand-in."""

SIDE = 30
"""Rows that a part must have of each class, in regression in all."""


class _Rows(NamedTuple):
    """A feature on all rows or on a part of them, with all that is known of these rows."""

    column: pd.Series
    y: FloatArray
    fold: IntArray
    weight: FloatArray | None
    cluster: Factor | None
    part: str = ""
    """Which rows these are, in words; empty for all rows."""

    def take(self, inside: BoolArray, part: str) -> _Rows:
        """Return the rows inside."""
        return _Rows(
            self.column[inside],
            self.y[inside],
            self.fold[inside],
            None if self.weight is None else self.weight[inside],
            None if self.cluster is None else self.cluster.take(inside),
            part,
        )


def gather(context: Context, *, bins: int = 256) -> Leaks:
    """Predict the target from each single feature, in five folds of all rows.

    A column that is written after the outcome is often written for some rows only, the others being empty or
    holding a stand-in (0, "unknown"). So the rows where a feature is filled, and those where it is not one of
    its three most common values, are read by themselves too, where they are a fifth of all rows or more. A
    part counts if even its lower limit lies above what all rows say.

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
    y = dataset.y.astype(np.float64)
    entries, notes = [], []
    for done, feature in enumerate(dataset.features):
        context.progress("looking for leaks", done, len(dataset.features))
        rows = _Rows(dataset.frame[feature], y, fold, dataset.weight, dataset.cluster)
        reading, part = _strongest(rows, dataset, bins, context.settings)
        entries.append(Alone(feature=feature, reading=reading))
        if part:
            notes.append(f"{feature!r} tells more {part} ({reading.n:,} of {len(dataset):,}) than on all rows.")
    context.progress("looking for leaks", len(dataset.features), len(dataset.features))
    return Leaks(
        metric="r2_score" if dataset.task == "regression" else "roc_auc", found=tuple(entries), notes=tuple(notes)
    )


def _strongest(rows: _Rows, dataset: Dataset, bins: int, settings: Settings) -> tuple[Reading, str]:
    """Return what all rows say, or a part of them of which the feature tells more beyond chance, and which part."""

    def read(some: _Rows, at: float) -> Reading:
        return _of_number(some, bins, at) if dataset.task == "regression" else _of_class(some, dataset, bins, at)

    whole, parts = read(rows, settings.level), _parts(rows, dataset, settings.suppress_n)
    strict = 1 - (1 - settings.level) / (len(parts) + 1)  # the best of several readings: Bonferroni
    tried = [(read(part, strict), part.part) for part in parts]
    better = [(reading, part) for reading, part in tried if (reading.low or 0.0) > (whole.value or 0.0)]
    return max(better, key=lambda pair: pair[0].low or 0.0, default=(whole, ""))


def _parts(rows: _Rows, dataset: Dataset, hidden: int) -> list[_Rows]:
    """Return the rows where the feature is filled, and those without one of its common values, where they are many.

    Their numbers are shown, so neither the value nor the empty cells left out may be so few that they are to be hidden.
    """
    codes, values = distinct(rows.column)
    filled = codes >= 0
    empty, least = int((~filled).sum()), max(STAND_IN * len(codes), hidden)
    if 0 < empty < hidden:
        return []
    candidates = [(filled, "on the rows where it is filled")] if empty >= least else []
    if len(values) > 2:
        sizes = np.bincount(codes[filled])
        candidates += [
            (filled & (codes != code), f"on the rows where it is not {label_text(values[code])!r}")
            for code in np.argsort(-sizes, kind="stable")[:COMMON]
            if sizes[code] >= least
        ]
    return [
        rows.take(inside, words)
        for inside, words in candidates
        if inside.sum() >= PART * len(inside) and _is_enough(rows.y[inside], dataset)
    ]


def _is_enough(y: FloatArray, dataset: Dataset) -> bool:
    if dataset.task == "regression":
        return len(y) >= SIDE
    return bool(np.bincount(y.astype(np.int64), minlength=len(dataset.classes)).min() >= SIDE)


def _bins(rows: _Rows, bins: int) -> int:
    return max(4, min(bins, len(rows.y) // 20))


def _of_class(rows: _Rows, dataset: Dataset, bins: int, level: float) -> Reading:
    """Return the AUC, over several classes its mean weighted by their size."""
    cells = as_cells(rows.column, _bins(rows, bins))
    y = rows.y.astype(np.int64)
    positions = [1] if dataset.task == "binary" else list(range(len(dataset.classes)))
    weights = [float((y == position).sum()) for position in positions]
    masses = rows.weight, rows.cluster
    areas = areas_by_label(cells, rows.fold, y, positions, *masses, level)
    if cells.ordered and _mean(areas, weights) > SCREEN:  # finer cells matter only where classes nearly part
        fine, one_fold = as_cells(rows.column, 4096), np.zeros_like(rows.fold)
        ranked = areas_by_label(fine, one_fold, y, positions, *masses, level, ordered=True)
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


def _of_number(rows: _Rows, bins: int, level: float) -> Reading:
    most, y = _bins(rows, bins), rows.y
    # Coarse bins smooth noise away, fine ones follow a bent curve to its ends.
    tried = [held_out_numbers(rows.column, y, rows.fold, knots) for knots in (most, max(most, min(len(y), 4096)))]
    values = min(tried, key=lambda values: float(((values - y) ** 2).sum()))
    try:
        linear = r2_score(y, values, rows.weight)
    except Undefined as reason:
        return Reading(value=None, reason=str(reason))
    limits = r2_interval(linear.value, variance(linear.influence, rows.weight, rows.cluster), level)
    if limits is None:
        exact = linear.value
        return Reading(value=exact, low=exact, high=exact, n=len(y), method="exact fit")
    return Reading(value=linear.value, low=limits.low, high=limits.high, n=len(y), method=limits.method)
