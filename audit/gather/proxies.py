"""Which features alone give a sensitive group away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.data.groups import grouped_rows
from audit.evidence import Alone, Proxies, Reading
from audit.evidence.requirements import require_evidence
from audit.tabular.single_feature import Area, areas_by_label, as_cells, folds_of

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, bins: int = 64) -> Proxies:
    """Predict each sensitive group from each single feature, in five folds of the training rows.

    Parameters
    ----------
    context : Context
    bins : int
        Numbers are cut into at most so many quantile bins.

    Raises
    ------
    NotApplicable
        If no sensitive feature is declared.
    """
    dataset = context.dataset
    require_evidence("sensitive", dataset=dataset)
    split, rows = grouped_rows(dataset)
    cluster = None if dataset.cluster is None else dataset.cluster.take(rows)
    masses = None if dataset.weight is None else dataset.weight[rows], cluster
    fold = folds_of(len(rows), context.generator("proxies"), cluster=cluster)
    most = max(4, min(bins, len(rows) // 20))
    entries: list[Alone] = []
    for done, feature in enumerate(dataset.features):
        context.progress("looking for proxies", done, len(dataset.features))
        cells = as_cells(dataset.frame[feature].take(rows), most)
        for name, factor in dataset.sensitive.items():
            if _same(feature, name):
                continue
            codes = factor.codes[rows].astype(np.int64)
            sizes = np.bincount(codes[codes >= 0], minlength=len(factor.levels))
            hidden = [
                context.settings.why_hidden({name: level}, int(size))
                for level, size in zip(factor.levels, sizes, strict=True)
            ]
            large = [position for position, why in enumerate(hidden) if not why]
            areas = dict(
                zip(large, areas_by_label(cells, fold, codes, large, *masses, context.settings.level), strict=True)
            )
            for position, level in enumerate(factor.levels):
                reading = _reading(areas.get(position), int(sizes[position]), hidden[position])
                entries.append(Alone(feature=feature, reading=reading, where={name: level}))
    context.progress("looking for proxies", len(dataset.features), len(dataset.features))
    return Proxies(split=split, found=tuple(entries))


def _reading(area: Area | None, size: int, hidden: str) -> Reading:
    if hidden:
        return Reading(value=None, reason=hidden)
    if area is None:
        return Reading(value=None, reason="no rows outside the group", n=size)
    return Reading(value=area.value, low=area.low, high=area.high, n=size, method="delong, held out")


def _same(feature: str, sensitive: str) -> bool:
    """Tell a sensitive feature from its proxies."""
    return sensitive in (feature, f"{feature} (column)")
