"""Do test rows hold categories that training never saw?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.check import check
from audit.data.columns import ColumnKind
from audit.data.dataset import Dataset
from audit.estimate.making import absent
from audit.estimate.shares import masses, proportion, worst_first
from audit.evidence import Settings
from audit.tabular.single_feature import levels_of
from reports.record import Estimate, Measurement, Table

LISTED = 5


@check(
    by_column=True,
    title="Unseen categories",
    family="data",
    references=("Breck et al. 2019, Data validation for machine learning",),
    requires=("train",),
)
def unseen_category(dataset: Dataset, settings: Settings | None = None, *, most: int = 1000) -> Measurement:
    """Measure, feature by feature, how many test rows hold a value that no training row has.

    Reading. ``unseen_share`` is the share of test rows whose category does not occur in the training rows,
    or whose value is missing while none is missing in training. For numbers, only missing values count; numbers
    outside the range are counted elsewhere. What a model does with such rows was never learned.

    Limits. Free text is left out: every sentence is new. A category seen once in training counts as seen.
    """
    chosen = settings or Settings()
    train, test = dataset.rows("train"), dataset.rows("test")
    of = masses(dataset, test)._replace(weight=None)
    estimates: list[Estimate] = []
    lines: list[tuple[str, int | None, int | None, str]] = []
    for name, kind in dataset.kinds().items():
        new, missing, examples = _unseen(dataset.frame[name], kind, train, test)
        where = {"split": "test", "feature": name}
        if (new | missing).any() and (why := chosen.hides_levels(name)):
            estimates.append(absent("unseen_share", where, why))
            lines.append((name, None, None, ""))
            continue
        estimates.append(proportion("unseen_share", new | missing, where, of, level=chosen.level))
        if (new | missing).any():
            lines.append((name, int(new.sum()), int(missing.sum()), ", ".join(examples)))
    lines.sort(key=lambda line: -((line[1] or 0) + (line[2] or 0)))
    kept, notes = worst_first(estimates, most)
    table = Table(
        title="Values of test rows that training never saw",
        columns=("feature", "rows with a new category", "rows newly missing", "most frequent new categories"),
        rows=tuple(lines[:50]),
        folded=True,
    )
    text = f"{len(lines)} of {len(estimates)} features have values in test rows that do not occur in training."
    return Measurement(summary=text, estimates=kept, exhibits=(table,), notes=notes)


def _unseen(
    column: pd.Series, kind: ColumnKind, train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], list[str]]:
    """Return which test rows hold a new category, which are newly missing, and a few of the categories."""
    absent = column.isna().to_numpy()
    missing = absent[test] & (not absent[train].any())
    if kind not in ("categorical", "boolean"):
        return np.zeros(len(test), dtype=np.bool_), missing, []
    codes, names = levels_of(column)
    known = np.zeros(len(names) + 1, dtype=np.bool_)
    known[codes[train]] = True
    known[-1] = True  # where missing values end up
    new = ~known[codes[test]]
    counted = np.bincount(codes[test][new], minlength=len(names))
    frequent = np.argsort(-counted, kind="stable")[:LISTED]
    return new, missing, [names[place][:40] for place in frequent if counted[place] >= LISTED]
