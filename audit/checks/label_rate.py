"""Does the data itself favor a group, before any model?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.data.groups import grouped_rows
from audit.errors import NotApplicable
from audit.estimate.disparity import ratios_to_highest
from audit.estimate.measure import by_group, outcome_directions
from audit.evidence import COUNTED, Predictions, Settings
from audit.exhibits import forest, label
from reports.record import Estimate, Forest, Measurement


@check(
    title="Label rates by group",
    family="data",
    tasks=("binary",),
    references=("29 CFR 1607.4(D), the four-fifths rule", "Hsu 1984, multiple comparisons with the best"),
    requires=("sensitive",),
)
def label_rate(
    dataset: Dataset | None = None, predictions: Predictions | None = None, settings: Settings | None = None
) -> Measurement:
    """Compare the share of favorable labels among groups in the rows the model learned from.

    Reading. ``base_rate_ratio`` is a group's share of favorable labels over that of the group with the highest
    share. Where nobody said which label is favorable, both are compared. A model that fits such labels well
    passes the difference on. The interval accounts for picking the highest group from the data.

    Limits. The data does not say why the rates differ, or whether the labels measure what they are meant
    to. Without a training table, or where groups are known of test
    rows alone, the test rows are taken.
    """
    chosen = settings or Settings()
    labels = _as_predictions(dataset, chosen) if dataset is not None else _of_log(predictions)
    rates: list[Estimate] = []
    ratios: list[Estimate] = []
    for features in _crossings(labels.sensitive, chosen.depth):
        for class_ in outcome_directions(labels):
            own = by_group(labels, ("base_rate",), features, class_=class_)
            rates += own
            ratios += ratios_to_highest(own, chosen.min_n)
    measured = [ratio for ratio in ratios if ratio.value is not None]
    lowest = min(measured, key=lambda estimate: estimate.value or 0.0, default=None)
    summary = "Fewer than two groups are large enough to be compared."
    if lowest is not None:
        named = label(lowest.where)
        summary = f"The lowest label rate is that of {named}: {lowest} times the highest group's."
    return Measurement(
        summary=summary,
        estimates=(*rates, *ratios),
        exhibits=tuple(_forests(rates, labels)),
    )


def _of_log(predictions: Predictions | None) -> Predictions:
    """Take the labels of a counted log for answers."""
    if predictions is None:
        raise NotApplicable(COUNTED)
    test = predictions.select(split="test")
    return replace(test, y_pred=test.y_true, y_score=None, probabilities=False)


def _as_predictions(dataset: Dataset, settings: Settings) -> Predictions:
    """Take the labels for answers, so that groups and their intervals are counted as everywhere."""
    split, rows = grouped_rows(dataset)
    y = dataset.y[rows].astype(np.int64)
    keys = {name: factor.take(rows) for name, factor in dataset.sensitive.items()}
    return Predictions(
        task="binary",
        classes=dataset.classes,
        y_true=y,
        y_pred=y,
        weight=None if dataset.weight is None else dataset.weight[rows],
        cluster=None if dataset.cluster is None else dataset.cluster.take(rows),
        keys={"split": Factor.constant(split, len(rows)), **keys},
        sensitive=tuple(dataset.sensitive),
        row=rows.astype(np.int64),
        settings=replace(settings, favorable=settings.favorable or dataset.favorable),
    ).select(split=split)


def _crossings(names: tuple[str, ...], depth: int) -> Iterator[tuple[str, ...]]:
    for size in range(1, min(depth, len(names)) + 1):
        yield from combinations(names, size)


def _forests(rates: list[Estimate], labels: Predictions) -> Iterator[Forest]:
    for name in labels.sensitive:
        own = [rate for rate in rates if set(rate.where) == {"split", name}]
        which = "favorable" if labels.settings.favorable else "positive"
        yield forest(f"Share of {which} labels by {name}", own, x_label="share of rows", min_n=labels.settings.min_n)
