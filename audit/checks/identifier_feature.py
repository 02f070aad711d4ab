"""Is a feature a unique identifier: a distinct value for every row?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.check import check
from audit.data.columns import ColumnKind
from audit.data.dataset import Dataset
from audit.data.groups import learned_from
from audit.errors import NotApplicable
from audit.estimate.making import absent, exact
from audit.estimate.shares import worst_first
from audit.evidence import Settings
from audit.tabular.rows import column_hash
from reports.record import Estimate, Measurement


@check(
    by_column=True,
    title="Identifier features",
    family="data",
    references=("Kaufman et al. 2012, Leakage in data mining",),
    requires=("features",),
)
def identifier_feature(dataset: Dataset, settings: Settings | None = None, *, most: int = 1000) -> Measurement:
    """Measure how many of a feature's present values are distinct, where it is text or whole numbers.

    Reading. ``distinct_share`` near 1 means that nearly every row has a value of its own: a name, a serial
    number, a code of a case. A model can memorize such rows; on new rows the value says nothing, or
    gives away when the row was made. Only short text and whole numbers are examined.

    Limits. Free text (several words) is content, not an identifier, and is left out. Few rows make whole
    numbers distinct by nature: with fewer than 30 present values nothing is reported.
    """
    chosen = settings or Settings()
    split, rows = learned_from(dataset)
    kinds = dataset.kinds()
    estimates: list[Estimate] = []
    for name in dataset.features:
        column = dataset.frame[name].take(rows).dropna()
        if not _may_identify(column, kinds[name]):
            continue
        where = {"split": split, "feature": name}
        if why := chosen.hides_missing(name):
            estimates.append(absent("distinct_share", where, why))
            continue
        if len(column) < 30:
            estimates.append(absent("distinct_share", where, f"{len(column)} present values, fewer than 30"))
            continue
        distinct = len(np.unique(column_hash(column)))
        estimates.append(exact("distinct_share", distinct / len(column), where, n=len(column)))
    if not estimates:
        raise NotApplicable("looks at short texts and whole numbers only; no feature holds these")
    kept, notes = worst_first(estimates, most)
    return Measurement(summary=_summary(estimates, split), estimates=kept, notes=notes)


def _may_identify(column: pd.Series, kind: ColumnKind) -> bool:
    if kind == "categorical":
        return True
    if kind != "numeric" or not len(column):
        return False
    values = column.to_numpy(dtype=np.float64)
    return bool(np.isfinite(values).all() and (values == np.round(values)).all())


def _summary(estimates: list[Estimate], split: str) -> str:
    top = max(estimates, key=lambda estimate: estimate.value if estimate.value is not None else -1.0)
    if top.value is None:
        return f"The {split} rows are too few to distinguish identifiers from other features."
    return f"{top.where['feature']!r} has the most distinct values: {top.value:.1%} of those in the {split} rows."
