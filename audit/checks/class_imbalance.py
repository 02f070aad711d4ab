"""How rare is the rarest class?"""

from __future__ import annotations

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import splits
from audit.estimate.shares import masses, proportion
from audit.evidence import Settings
from reports.record import Bar, Bars, Measurement


@check(
    title="Class balance",
    family="data",
    tasks=("binary", "multiclass"),
    references=("He and Garcia 2009, Learning from imbalanced data",),
)
def class_imbalance(dataset: Dataset, settings: Settings | None = None) -> Measurement:
    """Measure the share of every class in every split.

    Reading. ``class_share`` is the share of a split's rows that have the class. A class with few rows is
    learned less well and measured less surely; accuracy says little where one class rules.

    Limits. Rare is not wrong: many events that matter are rare. Shares are of rows, not of sample weight.
    """
    level = (settings or Settings()).level
    estimates = [
        proportion(
            "class_share",
            dataset.y[rows] == code,
            {"split": split, "class": name},
            masses(dataset, rows)._replace(weight=None),
            level=level,
        )
        for split, rows in splits(dataset)
        for code, name in enumerate(dataset.classes)
    ]
    rarest = min((one for one in estimates if one.value is not None), key=lambda one: one.value or 0.0)
    bars = tuple(
        Bar(label=f"{one.where['class']} ({one.where['split']})", value=one.value, low=one.low, high=one.high)
        for one in estimates
        if one.value is not None
    )
    return Measurement(
        summary=f"The rarest class is {rarest.where['class']!r}: {rarest} of the {rarest.where['split']} rows.",
        estimates=tuple(estimates),
        exhibits=(Bars(title="Class shares by split", x_label="share of rows", bars=bars[:60]),),
    )
