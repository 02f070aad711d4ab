"""PERF005: a threshold chosen on one half and measured on the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from audit.checks.threshold_choice import best_threshold, threshold_choice
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Predictions
from reports.record import AuditRecord, Curve, Table

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


def test_the_view_tells_what_each_threshold_does_by_hand() -> None:
    """Scores 0.1, 0.4, 0.6, 0.9 of classes no, yes, no, yes: from 0.6 on half of each class is called positive."""
    frame = pd.DataFrame({"y": np.tile([0, 1, 0, 1], 20), "score": np.tile([0.1, 0.4, 0.6, 0.9], 20)})
    found = threshold_choice(predictions(frame.assign(answer=(frame["score"] >= 0.6).astype(int))))
    curve = next(one for one in found.exhibits if isinstance(one, Curve))
    told = next(one for one in found.exhibits if isinstance(one, Table))
    lines = {line.name: dict(zip(line.x, line.y, strict=True)) for line in curve.series}
    assert lines["selection rate"] == {0.1: 1.0, 0.4: 0.75, 0.6: 0.5, 0.9: 0.25}
    assert lines["true positive rate"] == {0.1: 1.0, 0.4: 1.0, 0.6: 0.5, 0.9: 0.5}
    assert lines["false positive rate"] == {0.1: 1.0, 0.4: 0.5, 0.6: 0.5, 0.9: 0.0}
    assert lines["balanced accuracy"] == {0.1: 0.5, 0.4: 0.75, 0.6: 0.5, 0.9: 0.75}
    assert curve.series[0].mark == (0.5, 0.5)
    assert told.rows[0][0] == "0.5 (in use)"
    assert str(told.rows[0][2]).startswith("0.500 [")


def test_decisions_that_follow_no_threshold_have_no_mark() -> None:
    frame = table(400, 0.5)
    frame["answer"] = np.arange(400) % 2
    curve = next(one for one in threshold_choice(predictions(frame)).exhibits if isinstance(one, Curve))
    assert all(line.mark is None for line in curve.series)
