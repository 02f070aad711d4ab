"""Are there enough rows of each group to compare it?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import groups
from audit.errors import NotApplicable
from audit.estimate.making import absent, exact
from audit.evidence import COUNTED, Predictions, Settings
from audit.exhibits import label
from reports.record import Estimate, Measurement, Table

KINDS = ("rows", "positives", "negatives")


class Lack(NamedTuple):
    """How many rows of a kind a group has and lacks."""

    where: dict[str, str]
    kind: str
    there: int | None
    missing: int | None
    """``None`` where it would tell how many rows there are of a smaller group."""


@check(
    title="Thin groups",
    family="data",
    references=("Cohen 1988, Statistical power analysis", "Singh et al. 2023, Measures of disparity and sample size"),
    requires=("sensitive",),
)
def thin_group(
    dataset: Dataset | None = None,
    predictions: Predictions | None = None,
    settings: Settings | None = None,
    *,
    gap: float = 0.1,
) -> Measurement:
    """Count the test rows that each group needs in addition for a gap of ten points to be found.

    Reading. A rate of p is known well enough to find a gap of 0.1 in four audits of five with
    (1.96 + 0.84)² p (1 − p) / 0.1² rows; p is the model's overall selection rate, 0.5 without one.
    ``missing_rows`` says how many are lacking, ``missing_positives`` and ``missing_negatives`` the same for
    the rows behind true and false positive rates.

    Limits. Single sensitive features only; crossings need more. There is no number for a group of so few rows that its
    count must not be shown, or for one from which such a count could be worked out. A smaller gap needs more:
    half the gap, four times the rows.
    """
    sizes_of = list(_sizes(dataset, predictions))
    chosen = settings or Settings()
    rate = _selection_rate(predictions)
    needed = math.ceil((1.96 + 0.84) ** 2 * rate * (1 - rate) / gap**2)
    lacks = []
    for where, sizes in sizes_of:
        hidden = bool(sizes["rows"]) and bool(chosen.why_hidden(where, sizes["rows"]))
        for kind, rows in sizes.items():
            lacks.append(Lack(where, kind, None if hidden else rows, None if hidden else max(0, needed - rows)))
    return Measurement(
        summary=_summary(lacks, needed),
        estimates=tuple(_estimate(lack, chosen) for lack in lacks),
        exhibits=(_table(lacks, needed, rate),),
    )


def _sizes(dataset: Dataset | None, predictions: Predictions | None) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
    """Yield each group of the test rows with its number of rows, in a binary task by class too."""
    if dataset is None and predictions is None:
        raise NotApplicable(COUNTED)
    if dataset is not None:
        for group in groups(dataset, dataset.rows("test"), depth=1):
            positives = int((dataset.y[group.rows] == 1).sum())
            yield dict(group.where), _by_kind(len(group.rows), positives, dataset.task)
    elif predictions is not None:
        test = predictions.select(split="test")
        for feature in test.sensitive:
            for level in test.keys[feature].levels:
                inside = test.keys[feature].mask(level)
                sizes = _by_kind(test.count(inside), test.count(inside & (test.y_true == 1)), test.task)
                yield {feature: level}, sizes


def _by_kind(rows: int, positives: int, task: str) -> dict[str, int]:
    return dict(zip(KINDS, (rows, positives, rows - positives), strict=True)) if task == "binary" else {"rows": rows}


def _selection_rate(predictions: Predictions | None) -> float:
    """Return the overall selection rate on test rows, where there is one that says something; else 0.5."""
    if predictions is None or predictions.task != "binary" or not predictions.has(split="test"):
        return 0.5
    test = predictions.select(split="test")
    rate = test.count(test.y_pred == 1) / test.total
    return rate if 0 < rate < 1 else 0.5


def _estimate(lack: Lack, settings: Settings) -> Estimate:
    where = {"split": "test", **lack.where}
    if lack.missing is None:
        why = settings.why_hidden(lack.where, settings.suppress_n - 1)
        return absent(f"missing_{lack.kind}", where, why, unit="count")
    return exact(f"missing_{lack.kind}", lack.missing, where, n=lack.there, unit="count")


def _summary(lacks: list[Lack], needed: int) -> str:
    thin = {tuple(lack.where.items()) for lack in lacks if lack.missing}
    every = {tuple(lack.where.items()) for lack in lacks}
    if not thin:
        return f"Every group has the {needed} rows that a gap of ten points needs."
    return f"{len(thin)} of {len(every)} groups have fewer than the {needed} rows that a gap of ten points needs."


def _table(lacks: list[Lack], needed: int, rate: float) -> Table:
    rows = tuple((label(lack.where), lack.kind, lack.there, lack.missing) for lack in lacks)
    return Table(
        title="Rows present and missing",
        columns=("group", "kind", "there", "lacking"),
        rows=rows,
        caption=f"{needed} are needed of each kind, at an overall rate of {rate:.2f}. A blank is too small to show.",
        folded=True,
    )
