"""Does a feature say the same of every row?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import learned_from
from audit.estimate.making import absent, exact
from audit.estimate.shares import worst_first
from audit.evidence import Settings
from audit.tabular.rows import cells, column_hash
from reports.record import Estimate, Measurement, Table


@check(by_column=True, title="Constant features", family="data", requires=("features",))
def constant_feature(dataset: Dataset, settings: Settings | None = None, *, most: int = 1000) -> Measurement:
    """Measure how many rows hold each feature's most frequent value.

    Reading. ``top_value_share`` is 1 for a feature with the same value in every row the model learned from
    (the test rows, where there is no training table). Missing counts as a value, as its absence may say
    something. Such a feature cannot help the model, and breaks it if it varies later.

    Limits. A rare but informative value looks nearly constant too.
    """
    split, rows = learned_from(dataset)
    estimates = []
    for name in dataset.features:
        where = {"split": split, "feature": name}
        value = _top_share(dataset.frame[name].take(rows))
        why = (settings or Settings()).hides_levels(name) if value < 1 else ""
        estimates.append(
            absent("top_value_share", where, why) if why else exact("top_value_share", value, where, n=len(rows))
        )
    kept, notes = worst_first(estimates, most)
    return Measurement(
        summary=_summary(estimates, split), estimates=kept, exhibits=(_table(estimates, split),), notes=notes
    )


def _top_share(column: pd.Series) -> float:
    codes = cells(column_hash(column))
    return float(np.bincount(codes).max() / len(codes)) if len(codes) else 1.0


def _summary(estimates: list[Estimate], split: str) -> str:
    constant = [estimate.where["feature"] for estimate in estimates if estimate.value == 1]
    if constant:
        return f"{len(constant)} of {len(estimates)} features have one value in all {split} rows."
    top = max(estimates, key=lambda estimate: estimate.value or 0.0)
    if top.value is None:
        return "No feature is constant."
    return f"No feature is constant; {top.where['feature']!r} comes nearest, with one value in {top.value:.1%} of rows."


def _table(estimates: list[Estimate], split: str) -> Table:
    measured = [estimate for estimate in estimates if estimate.value is not None]
    ranked = sorted(measured, key=lambda estimate: -(estimate.value or 0.0))[:20]
    return Table(
        title=f"Share of the most frequent value in the {split} rows",
        columns=("feature", "share"),
        rows=tuple((estimate.where["feature"], round(estimate.value or 0.0, 5)) for estimate in ranked),
        caption="The 20 greatest.",
        folded=True,
    )
