"""PERF005: a threshold chosen on one half and measured on the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from audit.checks.threshold_choice import best_threshold, threshold_choice
from audit.errors import NotApplicable
from audit.evidence import Predictions
from audit.factor import Factor
from reports.record import AuditRecord

GATE = """
[[gate]]
id = "perf005"
check = "threshold_choice"
metric = "threshold_gain"
where = { split = "test" }
op = "<="
threshold = 0.05
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


def table(rows: int, rate: float, seed: int = 0, cut: float = 0.5) -> pd.DataFrame:
    """Calibrated scores of a target with the given base rate, cut at `cut`."""
    generator = np.random.default_rng(seed)
    score = generator.beta(2 * rate, 2 * (1 - rate), rows)
    y = (generator.uniform(size=rows) < score).astype(int)
    return pd.DataFrame({"x": score, "score": score, "y": y, "answer": (score >= cut).astype(int)})


ROLES = {"positive": 1, "prediction": "answer", "score": "score"}


@pytest.mark.parametrize(
    ("rate", "cut", "said"), [(0.05, 0.5, "fail"), (0.5, 0.85, "fail"), (0.5, 0.6, "pass"), (0.5, 0.5, "pass")]
)
def test_a_threshold_far_off_fails(judged: Judged, worst: Worst, rate: float, cut: float, said: str) -> None:
    assert worst(judged("threshold_choice", GATE, None, table(4000, rate, cut=cut), **ROLES)) == said


def predictions(frame: pd.DataFrame, weight: np.ndarray | None = None) -> Predictions:
    return Predictions(
        task="binary", classes=("0", "1"), y_true=frame["y"].to_numpy(), y_pred=frame["answer"].to_numpy(),
        y_score=frame["score"].to_numpy(), probabilities=True, keys={"split": Factor.constant("test", len(frame))},
        row=np.arange(len(frame)), weight=weight,
    )  # fmt: skip


def test_the_chosen_threshold_is_the_best_there_is() -> None:
    frame = table(300, 0.3)
    chosen = best_threshold(predictions(frame))
    reached = balanced_accuracy_score(frame["y"], frame["score"] >= chosen)
    every = [balanced_accuracy_score(frame["y"], frame["score"] >= cut) for cut in frame["score"]]
    assert reached == pytest.approx(max(every))


def test_without_a_gain_the_interval_holds_zero_as_often_as_it_says() -> None:
    """At the best threshold a chosen one can only lose a little: false alarms stay rare."""
    above = sum((threshold_choice(predictions(table(500, 0.5, seed=s))).estimates[0].low or 0) > 0 for s in range(100))
    assert above <= 3


def test_twenty_rows_and_halves_of_one_class() -> None:
    frame = table(20, 0.5).assign(y=[1] + [0] * 19)
    with pytest.raises(NotApplicable, match="one class"):
        threshold_choice(predictions(frame))
    constant = table(200, 0.5).assign(score=0.5)
    assert threshold_choice(predictions(constant)).estimates[0].value is not None


def test_weights_of_zero_are_no_rows() -> None:
    frame = table(2000, 0.3)
    weight = np.ones(len(frame))
    weight[::2] = 0.0
    assert threshold_choice(predictions(frame, weight=weight)).estimates[0].value is not None
