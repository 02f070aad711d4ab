"""ROB007: answers that no model of the task may give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob007"
check = "output_validity"
metric = "invalid_outputs"
where = { split = "test" }
op = "<="
threshold = 0.0
min_n = 0
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Scores:
    """Gives the scores that it was made of, whatever it is asked."""

    def __init__(self, scores: np.ndarray, labels: list[int]) -> None:
        self.scores, self.classes_ = scores, np.array(labels)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return self.scores[: len(X)]

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.classes_[np.nan_to_num(self.scores[: len(X)]).argmax(axis=1)])


def table(rows: int = 100) -> pd.DataFrame:
    x = np.random.default_rng(1).normal(size=rows)
    return pd.DataFrame({"x": x, "y": (x > 0).astype(int)})


def probabilities(rows: int = 100) -> np.ndarray:
    p = np.random.default_rng(0).uniform(size=rows)
    return np.column_stack([1 - p, p])


def spoiled(row: int, column: int, value: float) -> np.ndarray:
    scores = probabilities()
    scores[row, column] = value
    return scores


@pytest.mark.parametrize("scores", [spoiled(3, 1, 1.2), spoiled(0, 1, -0.1), spoiled(9, 1, np.nan)])
def test_one_bad_score_fails(judged: Judged, worst: Worst, scores: np.ndarray) -> None:
    assert worst(judged("output_validity", GATE, Scores(scores, [0, 1]), table(), positive=1)) == "fail"


@pytest.mark.parametrize("value", [0.2, -0.1, np.nan])
def test_the_negative_class_is_looked_at_too(judged: Judged, worst: Worst, value: float) -> None:
    scores = np.tile([0.5, 0.5], (100, 1))
    scores[4, 0] = value
    assert worst(judged("output_validity", GATE, Scores(scores, [0, 1]), table(), positive=1)) == "fail"


def test_rounding_is_no_fault(judged: Judged, worst: Worst) -> None:
    scores = spoiled(3, 1, 1 + 1e-12)
    scores[3, 0] = -1e-12
    assert worst(judged("output_validity", GATE, Scores(scores, [0, 1]), table(), positive=1)) == "pass"


def test_rows_that_do_not_sum_to_one_fail(judged: Judged, worst: Worst) -> None:
    frame = table().assign(y=np.arange(100) % 3)
    thirds = np.full((100, 3), 1 / 3)
    assert worst(judged("output_validity", GATE, Scores(thirds, [0, 1, 2]), frame, task="multiclass")) == "pass"
    thirds[5] *= 0.9
    assert worst(judged("output_validity", GATE, Scores(thirds, [0, 1, 2]), frame, task="multiclass")) == "fail"


def test_a_label_that_training_lacks_fails(judged: Judged, worst: Worst) -> None:
    train = table().assign(y=lambda frame: frame["y"])
    test = table().assign(y=np.arange(100) % 3)
    scores = np.zeros((200, 3))
    scores[np.arange(200), np.arange(200) % 3] = 1.0
    record = judged("output_validity", GATE, Scores(scores, [0, 1, 2]), test, train, task="multiclass")
    assert worst(record) == "fail"
    assert "no training row" in record.findings[0].measurement.summary  # type: ignore[union-attr]


def test_common_models_pass(judged: Judged, worst: Worst) -> None:
    frame = table()
    for model in (LogisticRegression(), LinearSVC()):
        model.fit(frame[["x"]], frame["y"])
        assert worst(judged("output_validity", GATE, model, frame, positive=1)) == "pass"


def test_a_table_of_scores(judged: Judged, worst: Worst) -> None:
    generator = np.random.default_rng(0)
    frame = table().assign(answer=lambda f: f["y"], score=generator.uniform(size=100))
    roles = {"positive": 1, "prediction": "answer", "score": "score"}
    assert worst(judged("output_validity", GATE, None, frame, **roles)) == "pass"
    assert (
        worst(judged("output_validity", GATE, None, frame.assign(score=generator.normal(size=100)), **roles)) == "pass"
    )
    frame.loc[7, "score"] = 1.4
    assert worst(judged("output_validity", GATE, None, frame, **roles)) == "fail"


def test_numbers_that_are_not_finite_fail_in_regression(judged: Judged, worst: Worst) -> None:
    frame = pd.DataFrame({"x": np.arange(50.0), "y": np.arange(50.0), "answer": np.arange(50.0)})
    roles = {"task": "regression", "prediction": "answer"}
    assert worst(judged("output_validity", GATE, None, frame, **roles)) == "pass"
    frame.loc[4, "answer"] = np.inf
    assert worst(judged("output_validity", GATE, None, frame, **roles)) == "fail"
