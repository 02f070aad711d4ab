"""How rare is the rarest class?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import splits
from audit.errors import NotApplicable
from audit.estimate.shares import masses, proportion, rows_behind
from audit.evidence import COUNTED, Predictions, Settings
from reports.record import Bar, Bars, Estimate, Measurement


@check(
    title="Class balance",
    family="data",
    tasks=("binary", "multiclass"),
    references=("He and Garcia 2009, Learning from imbalanced data",),
)
def class_imbalance(
    dataset: Dataset | None = None, predictions: Predictions | None = None, settings: Settings | None = None
) -> Measurement:
    """Measure the share of every class in every split.

    Reading. ``class_share`` is the share of a split's rows that have the class. A class with few rows is
    learned less well and measured less precisely; accuracy says little where one class dominates.

    Limits. Rare is not wrong: many events that matter are rare. Shares are of rows, not of sample weight.
    """
    level = (settings or Settings()).level
    estimates = list(_class_shares(dataset, predictions, level))
    rarest = min(
        (estimate for estimate in estimates if estimate.value is not None), key=lambda estimate: estimate.value or 0.0
    )
    bars = tuple(
        Bar(
            label=f"{estimate.where['class']} ({estimate.where['split']})",
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
        )
        for estimate in estimates
        if estimate.value is not None
    )
    return Measurement(
        summary=f"The rarest class is {rarest.where['class']!r}: {rarest} of the {rarest.where['split']} rows.",
        estimates=tuple(estimates),
        exhibits=(Bars(title="Class shares by split", x_label="share of rows", bars=bars[:60]),),
    )


def _class_shares(dataset: Dataset | None, predictions: Predictions | None, level: float) -> Iterator[Estimate]:
    """Yield the share of each class in each split, from the tables or from a counted log."""
    if dataset is not None:
        for split, rows in splits(dataset):
            mass = masses(dataset, rows)._replace(weight=None)
            for code, name in enumerate(dataset.classes):
                where = {"split": split, "class": name}
                yield proportion("class_share", dataset.y[rows] == code, where, mass, level=level)
        return
    if predictions is None:
        raise NotApplicable(COUNTED)
    test = predictions.select(split="test")
    for code in np.unique(test.y_true.astype(np.int64)):  # answers may name further classes
        where = {"split": "test", "class": test.classes[code]}
        yield proportion("class_share", np.asarray(test.y_true == code), where, rows_behind(test), level=level)
