"""ROB004: the same rows predicted twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob004"
check = "determinism"
metric = "nondeterministic_rows"
where = { split = "test" }
op = "<="
threshold = 0.0
min_n = 0
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Wobbly:
    """Scores by a logistic curve, off by `noise` at each call."""

    classes_ = np.array([0, 1])

    def __init__(self, noise: float) -> None:
        self.noise, self.generator = noise, np.random.default_rng(0)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        x = X["x"].to_numpy() + self.noise * self.generator.normal(size=len(X))
        p = 1 / (1 + np.exp(-x))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.predict_proba(X)[:, 1] > 0.5).astype(int)


def table(rows: int = 200) -> pd.DataFrame:
    x = np.random.default_rng(1).normal(size=rows)
    return pd.DataFrame({"x": x, "y": (x > 0).astype(int)})


@pytest.mark.parametrize(("noise", "said"), [(0.5, "fail"), (1e-4, "fail"), (1e-9, "pass"), (0.0, "pass")])
def test_a_score_that_moves_fails(judged: Judged, worst: Worst, noise: float, said: str) -> None:
    assert worst(judged("determinism", GATE, Wobbly(noise), table(), positive=1)) == said


def test_regression_counts_moves_in_units_of_the_target(judged: Judged, worst: Worst) -> None:
    class Dice:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.random.default_rng().normal(size=len(X))

    frame = pd.DataFrame({"x": np.arange(30.0), "y": np.arange(30.0)})
    assert worst(judged("determinism", GATE, Dice(), frame, task="regression")) == "fail"


def test_twenty_constant_rows_pass(judged: Judged, worst: Worst) -> None:
    frame = pd.DataFrame({"x": np.zeros(20), "y": [0, 1] * 10})
    assert worst(judged("determinism", GATE, Wobbly(0.0), frame, positive=1)) == "pass"


def test_predictions_alone_cannot_be_repeated(judged: Judged) -> None:
    frame = table().assign(answer=1)
    record = judged("determinism", GATE, None, frame, positive=1, prediction="answer")
    assert record.findings[0].outcome == "not_applicable"
    assert "needs the model" in record.findings[0].reason
