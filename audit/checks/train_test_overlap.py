"""Are test rows in the training table too?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.estimate.making import exact
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.tabular.rows import Repeats, column_hash, column_hashes, first_ones, overlap, total, twins
from reports.phrases import metric_words
from reports.record import Estimate, Measurement, Table

COARSE = 0.2
"""Below this share of distinct training rows, repeats are compared with those within training alone."""


@check(
    title="Test rows in the training table",
    family="leakage",
    references=("Barz and Denzler 2020, Do we train on test data?", "Kapoor and Narayanan 2023"),
    requires=("train", "features"),
)
def train_test_overlap(dataset: Dataset, predictions: Predictions | None = None) -> Measurement:
    """Count test rows whose features and target occur in the training rows, beyond what chance repeats.

    Reading. ``overlap_share`` is the share of test rows that the model may have memorized. Coarse tables repeat
    by nature: how often is estimated from the pairs of test and training rows that differ in one and in two
    columns, and can be compared with how often training rows have a twin in training. The share is
    measured on the rows that chance seldom repeats. The score without the test rows that have a training
    twin is shown beside the score with them.

    Limits. Only exact copies are found; see near duplicates. Leaving out rows that repeat naturally changes
    the mix of rows, so the two scores differ for that reason too.
    """
    train, test = dataset.rows("train"), dataset.rows("test")
    rows = np.concatenate([test, train])
    frame = dataset.frame.take(rows)
    parts = column_hashes(frame.loc[:, list(dataset.features)])
    parts.append(column_hash(frame[dataset.roles.target], len(parts)))
    repeats = overlap(parts, np.arange(len(test)), np.arange(len(test), len(rows)))
    key = total(parts, len(rows))[len(test) :]
    own = float((twins()(key) > 0).mean())
    if int(first_ones(key).sum()) < COARSE * len(train):
        limit = own + 1.96 * np.sqrt(own * (1 - own) * (1 / len(test) + 1 / len(train)))
        repeats = repeats._replace(share=max(0.0, repeats.raw - limit), chance=own, rows=len(test))
    share = exact("overlap_share", repeats.share, {"split": "test"}, n=len(test))
    scores = _scores(predictions, test[repeats.repeating])
    count = int(repeats.repeating.sum())
    without = f"; without them {metric_words(scores[1].metric)} is {scores[1]} instead of {scores[0]}" if scores else ""
    return Measurement(
        summary=f"{count:,} of {len(test):,} test rows are also in the training table, {repeats.share:.2%} beyond "
        f"chance{without}.",
        estimates=(share,),
        exhibits=(_table(repeats, len(test), own, scores),),
    )


def _scores(predictions: Predictions | None, overlapping: npt.NDArray[np.intp]) -> tuple[Estimate, Estimate] | None:
    """Return the headline metric on all test rows, and on those without a twin in training."""
    if predictions is None or not len(overlapping) or not predictions.has(split="test"):
        return None
    test = predictions.select(split="test")
    alone = test.take(~np.isin(test.row, overlapping))
    return estimate(test, test.headline), estimate(alone, test.headline)


def _table(repeats: Repeats, rows: int, own: float, scores: tuple[Estimate, Estimate] | None) -> Table:
    lines: list[tuple[str, str]] = [
        ("test rows", f"{rows:,}"),
        ("of them in the training table", f"{int(repeats.repeating.sum()):,} ({repeats.raw:.2%})"),
        ("training rows with a twin in training", f"{own:.2%}"),
        ("measured on rows that chance seldom repeats", f"{repeats.rows:,}"),
        ("explained by chance, among these", f"{repeats.chance:.2%}"),
        ("beyond chance, among these", f"{repeats.share:.2%}"),
    ]
    if scores:
        lines += [
            ("score on all test rows", f"{metric_words(scores[0].metric)} {scores[0]}"),
            ("score without them", str(scores[1])),
        ]
    return Table(title="Overlap of test and training", columns=("what", "how many"), rows=tuple(lines))
