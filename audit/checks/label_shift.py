"""Are the classes mixed differently in training and test?"""

from __future__ import annotations

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.groups import Positions
from audit.estimate.shares import masses, proportion, proportion_difference
from audit.evidence import Settings
from reports.record import Estimate, Forest, ForestRow, Measurement


@check(
    title="Label shift",
    family="drift",
    tasks=("binary", "multiclass"),
    references=("Lipton et al. 2018, Detecting and correcting for label shift", "Newcombe 1998"),
    requires=("train",),
)
def label_shift(dataset: Dataset, settings: Settings | None = None) -> Measurement:
    """Subtract each class's share of the training rows from its share of the test rows.

    Reading. ``class_share_difference`` is in points of share; 0.05 means that the class is five points more
    frequent in the test rows. Probabilities and thresholds learned on one mixture are off on another.

    Limits. Splits that were balanced on purpose differ intentionally.
    """
    level = (settings or Settings()).level
    train, test = dataset.rows("train"), dataset.rows("test")
    estimates = [_difference(dataset, (test, train), code, level) for code in range(len(dataset.classes))]
    if dataset.task == "binary":  # the negative class moves by the same, the other way
        estimates = estimates[1:]
    widest = max(estimates, key=lambda estimate: abs(estimate.value or 0.0))
    return Measurement(
        summary=f"The share of class {widest.where['class']!r} moves most from train to test: by {widest}.",
        estimates=tuple(estimates),
        exhibits=(_forest(estimates),),
    )


def _difference(dataset: Dataset, splits: tuple[Positions, Positions], code: int, level: float) -> Estimate:
    """Subtract a class's share of the second split from that of the first."""
    where = {"split": "test", "class": dataset.classes[code]}
    estimate, other = (
        proportion("class_share", dataset.y[rows] == code, where, masses(dataset, rows), level=level) for rows in splits
    )
    return proportion_difference("class_share_difference", estimate, other)


def _forest(estimates: list[Estimate]) -> Forest:
    rows = tuple(
        ForestRow(
            label=estimate.where["class"], value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n
        )
        for estimate in estimates
    )
    return Forest(title="Class shares, test minus train", x_label="difference of shares", rows=rows[:60], reference=0.0)
