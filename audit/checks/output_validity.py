"""Are the model's answers of the kind that a model of this task may give?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.labels import UNKNOWN
from audit.errors import quote
from audit.estimate.making import exact
from audit.evidence import InvalidRows, Predictions
from audit.models.answers import ROUNDING
from reports.addresses import address
from reports.phrases import list_names
from reports.record import Estimate, Measurement, Table

TEST = {"split": "test"}
MOSTLY = 0.8
"""Scores of which this share lies within [0, 1] are meant as probabilities."""


@check(title="Valid outputs", family="robustness")
def output_validity(predictions: Predictions, dataset: Dataset | None = None) -> Measurement:
    """Count answers that no model of this task may give.

    Reading. Zero: all scores are finite, probabilities lie in [0, 1] and sum to one, every label occurs in
    training. Each kind of fault is counted apart. In a binary task an answer that is neither class is left out of
    every measure: it is neither the one decision nor the other; what the share of right answers is if each counts as
    wrong is said here. With more classes it is a wrong answer.

    Limits. Margins (``decision_function``) may have any size; they are distinguished from probabilities by the method
    that gave them, in a table of predictions by whether four in five of them lie within [0, 1].
    """
    faults = {kind: int(count) for kind, count in predictions.invalid.items()}
    for kind, count in (_unknown_to_training(predictions, dataset), _outside(predictions)):
        if count and kind not in faults:
            faults[kind] = count
    rows = predictions.invalid_rows or InvalidRows(rows=predictions.total)
    estimates: list[Estimate] = [exact("invalid_outputs", sum(faults.values()), TEST, n=rows.rows, unit="count")]
    kinds = [f"{count:,} {kind}{_said(rows) if kind == UNKNOWN else ''}" for kind, count in faults.items()]
    table = Table(
        title="Invalid outputs",
        columns=("kind", "rows"),
        rows=tuple(faults.items()) or (("none", 0),),
        caption=f"Of {rows.rows:,} answers.",
    )
    lines = [", ".join(kinds) or "none", *_counted_as_wrong(predictions, rows.left_out)]
    groups = _by_group(predictions, rows)
    return Measurement(
        summary=f"Invalid outputs: {'; '.join(lines)}.",
        estimates=tuple(estimates),
        exhibits=(table, *((groups,) if groups.rows else ())),
    )


def _said(rows: InvalidRows) -> str:
    """Quote the labels that the target does not have."""
    labels = list_names([f"{quote(text, limit=30)} {count:,}" for text, count in rows.said.items()], limit=4)
    return f" ({labels})" if labels else ""


def _counted_as_wrong(predictions: Predictions, left_out: float) -> Iterator[str]:
    """Say how many answers are right if those that are left out count as wrong."""
    test = predictions.select(split="test") if predictions.has(split="test") else predictions
    weight = np.ones(len(test)) if test.weight is None else test.weight
    right, whole = float(weight[test.y_true == test.y_pred].sum()), float(weight.sum())
    if left_out and whole:
        yield f"with answers that are not a class counted as wrong, {right / (whole + left_out):.1%} are right"
        yield f"{right / whole:.1%} without them"


def _by_group(predictions: Predictions, rows: InvalidRows) -> Table:
    """Count rows with such an answer by group, features with a group that leaves no trace left out."""
    few = predictions.settings.suppress_n
    hidden = {name for (name, _), (_, every) in rows.groups.items() if every < few}
    hidden |= {name for name in predictions.sensitive if predictions.settings.hides_levels(name)}
    shown = tuple(
        (address({name: level}), faulty, every)
        for (name, level), (faulty, every) in rows.groups.items()
        if name not in hidden
    )
    return Table(title="Invalid outputs by group", columns=("group", "rows with one", "rows"), rows=shown)


def _unknown_to_training(predictions: Predictions, dataset: Dataset | None) -> tuple[str, int]:
    """Count labels that the target has, but not in the training rows."""
    kind = "labels that no training row has"
    if dataset is None or dataset.task == "regression" or not dataset.has("train"):
        return kind, 0
    taught = np.unique(dataset.y[dataset.rows("train")].astype(np.int64))
    codes = predictions.y_pred.astype(np.int64)
    return kind, int((~np.isin(codes, taught) & (codes < len(dataset.classes))).sum())


def _outside(predictions: Predictions) -> tuple[str, int]:
    """Count scores outside [0, 1] among scores that are meant as probabilities, in a table of predictions."""
    kind, score = "scores outside [0, 1]", predictions.y_score
    margins = predictions.score_reason == "the model gives margins, not probabilities"
    if score is None or predictions.probabilities or not margins or predictions.has(split="train"):
        return kind, 0
    within = np.asarray(((score >= -ROUNDING) & (score <= 1 + ROUNDING)).reshape(len(score), -1).all(axis=1))
    return kind, int((~within).sum()) if len(within) and within.mean() >= MOSTLY else 0
