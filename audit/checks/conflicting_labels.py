"""Do rows with the same features have different targets?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import splits
from audit.estimate.making import absent, exact
from audit.tabular.rows import Hashes, column_hashes, conflicts, first_ones, total
from reports.record import Estimate, Measurement, Table

COARSE = 0.2


@check(
    title="Conflicting labels",
    family="data",
    tasks=("binary", "multiclass"),
    references=("Northcutt et al. 2021, Pervasive label errors in test sets",),
    requires=("features",),
)
def conflicting_labels(dataset: Dataset) -> Measurement:
    """Count rows that share every feature with a row of the same split that has another target.

    Reading. ``conflicting_share`` is the share of such rows beyond what chance repeats: in a coarse table
    different people look the same, and their targets rightly differ. How many do so is
    estimated from the pairs of rows that differ in one and in two features and in the target.

    Limits. A table whose features have fewer distinct combinations than a fifth of its rows is not
    assessed, nor one with a single feature. Which of two conflicting labels is wrong is not known.
    """
    estimates: list[Estimate] = []
    lines = []
    for split, rows in splits(dataset):
        parts = column_hashes(dataset.frame.loc[:, list(dataset.features)].take(rows))
        where = {"split": split}
        reason = _too_coarse(parts, len(rows))
        if reason:
            estimates.append(absent("conflicting_share", where, reason, n=len(rows)))
            continue
        repeats = conflicts(parts, dataset.y[rows].astype(np.int64))
        estimates.append(exact("conflicting_share", repeats.share, where, n=len(rows)))
        count = int(repeats.repeating.sum())
        shown = (round(repeats.raw, 5), round(repeats.chance, 5), round(repeats.share, 5))
        lines.append((split, len(rows), count, *shown, repeats.rows))
    table = Table(
        title="Rows in conflict by split",
        columns=("split", "rows", "in conflict", "share", "explained by chance", "beyond chance", "measured on rows"),
        rows=tuple(lines),
        caption="The last three columns cover the rows that chance seldom repeats.",
    )
    return Measurement(summary=_summary(estimates), estimates=tuple(estimates), exhibits=(table,))


def _too_coarse(parts: list[Hashes], rows: int) -> str:
    distinct = int(first_ones(total(parts, rows)).sum())
    if distinct < COARSE * rows:
        return f"the features have {distinct} distinct combinations in {rows} rows: conflicts are not a sign"
    if len(parts) < 2 and distinct < rows:
        return "with a single feature, conflicts cannot be distinguished from overlap of the classes"
    return ""


def _summary(estimates: list[Estimate]) -> str:
    lines = [
        f"{estimate.value:.2%} in {estimate.where['split']}" for estimate in estimates if estimate.value is not None
    ]
    if not lines:
        return "The table is too coarse for conflicting labels to be a sign of anything."
    return f"Rows with the features of another row and another target, beyond chance: {', '.join(lines)}."
