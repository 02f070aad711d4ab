"""Do rows stand in a split more than once?"""

from __future__ import annotations

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import splits
from audit.estimate.making import absent, exact
from audit.tabular.rows import Repeats, column_hash, column_hashes, extra_copies, first_ones, total
from reports.record import Estimate, Measurement, Table

COARSE = 0.2
"""Share of distinct feature combinations below which repeats tell nothing."""


@check(
    title="Duplicate rows",
    family="data",
    references=("Barz and Denzler 2020, Do we train on test data?",),
    requires=("features",),
)
def duplicate_rows(dataset: Dataset) -> Measurement:
    """Count rows whose features and target occur earlier in the same split.

    Reading. ``duplicate_share`` is the share of extra copies (the first of each kind is kept) beyond what
    chance repeats. Coarse tables repeat by nature; how often is estimated from the pairs of rows that
    differ in one and in two columns, and what chance would exceed once in 40 tables is subtracted. It is
    measured on the rows that chance seldom repeats, where a copy stands out.

    Limits. A table whose features have fewer distinct combinations than a fifth of its rows is not
    assessed. Copies that differ in a single cell are not found here; see near duplicates.
    """
    estimates: list[Estimate] = []
    lines = []
    for split, rows in splits(dataset):
        frame = dataset.frame.take(rows)
        parts = column_hashes(frame.loc[:, list(dataset.features)])
        distinct = int(first_ones(total(parts, len(rows))).sum())
        where = {"split": split}
        if distinct < COARSE * len(rows):
            reason = f"the features have {distinct} distinct combinations in {len(rows)} rows: repeats are not a sign"
            estimates.append(absent("duplicate_share", where, reason, n=len(rows)))
            continue
        repeats = extra_copies([*parts, column_hash(frame[dataset.roles.target], len(parts))])
        estimates.append(exact("duplicate_share", repeats.share, where, n=len(rows)))
        lines.append((split, len(rows), int(repeats.repeating.sum()), *_round(repeats), repeats.rows))
    table = Table(
        title="Extra copies by split",
        columns=("split", "rows", "extra copies", "share", "explained by chance", "beyond chance", "measured on rows"),
        rows=tuple(lines),
        caption="The last three columns cover the rows that chance seldom repeats.",
    )
    return Measurement(summary=_summary(estimates), estimates=tuple(estimates), exhibits=(table,))


def _round(repeats: Repeats) -> tuple[float, float, float]:
    return round(repeats.raw, 5), round(repeats.chance, 5), round(repeats.share, 5)


def _summary(estimates: list[Estimate]) -> str:
    lines = [
        f"{estimate.value:.2%} in {estimate.where['split']}" for estimate in estimates if estimate.value is not None
    ]
    if not lines:
        return "The table is too coarse for repeated rows to be a sign of anything."
    return f"Extra copies of rows beyond what chance repeats: {', '.join(lines)}."
