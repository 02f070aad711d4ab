"""Are the model's answers of the kind that a model of this task may give?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.dataset import Dataset
from audit.estimate.making import exact
from audit.evidence import Predictions
from audit.models.answers import ROUNDING
from reports.record import Estimate, Measurement, Table

TEST = {"split": "test"}
MOSTLY = 0.8
"""Scores of which this share lies within [0, 1] are meant as probabilities."""


@check(title="Valid outputs", family="robustness")
def output_validity(predictions: Predictions, dataset: Dataset | None = None) -> Measurement:
    """Count answers that no model of this task may give.

    Reading. Zero: all scores are finite, probabilities lie in [0, 1] and sum to one, every label occurs in
    training. Each kind of fault is counted apart.

    Limits. Margins (``decision_function``) may have any size; they are distinguished from probabilities by the method
    that gave them, in a table of predictions by whether four in five of them lie within [0, 1].
    """
    faults = {kind: int(count) for kind, count in predictions.invalid.items()}
    for kind, count in (_unknown_to_training(predictions, dataset), _outside(predictions)):
        if count and kind not in faults:
            faults[kind] = count
    n = predictions.total
    estimates: list[Estimate] = [exact("invalid_outputs", sum(faults.values()), TEST, n=n, unit="count")]
    text = ", ".join(f"{count} {kind}" for kind, count in faults.items()) or "none"
    table = Table(
        title="Invalid outputs",
        columns=("kind", "rows"),
        rows=tuple(faults.items()) or (("none", 0),),
        caption=f"Of {n} answers.",
    )
    return Measurement(summary=f"Invalid outputs: {text}.", estimates=tuple(estimates), exhibits=(table,))


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
