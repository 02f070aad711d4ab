"""Which features alone give a sensitive group away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.data.groups import grouped_rows
from audit.errors import NotApplicable
from audit.evidence import Alone, Proxies, Reading
from audit.tabular.single_feature import as_cells, count_table, folds_of, held_out_area

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
    if not dataset.sensitive:
        raise NotApplicable("no sensitive feature is declared; name them in [data] sensitive")
    split, rows = grouped_rows(dataset)
    fold = folds_of(len(rows), context.generator("proxies"))
    smallest = context.settings.suppress_n
    most = max(4, min(bins, len(rows) // 20))
    found: list[Alone] = []
    for done, feature in enumerate(dataset.features):
        context.progress("looking for proxies", done, len(dataset.features))
        cells = as_cells(dataset.frame[feature].take(rows), most)
        for name, factor in dataset.sensitive.items():
            if _same(feature, name):
                continue
            table = count_table(cells, fold, factor.codes[rows].astype("int64"), max(len(factor.levels), 1))
            sizes = table.sum(axis=(0, 1))
            for position, level in enumerate(factor.levels):
                size = int(sizes[position])
                if size < smallest:
                    reading = Reading(
                        value=None, reason=f"fewer than {smallest} rows: suppressed" if size else "no rows"
                    )
                else:
                    area = held_out_area(table, position, context.settings.level)
                    reading = (
                        Reading(value=None, reason="no rows outside the group", n=size)
                        if area is None
                        else Reading(value=area.value, low=area.low, high=area.high, n=size, method="delong, held out")
                    )
                found.append(Alone(feature=feature, reading=reading, where={name: level}))
    context.progress("looking for proxies", len(dataset.features), len(dataset.features))
    return Proxies(split=split, found=tuple(found))


def _same(feature: str, sensitive: str) -> bool:
    """Tell a sensitive feature from its proxies."""
    return sensitive in (feature, f"{feature} (column)")
