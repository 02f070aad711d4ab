"""ROB001: noise of a tenth of a standard deviation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob001"
check = "noise_sensitivity"
metric = "noise_flip_share"
where = { split = "test", variant = "noise of 0.1 sd" }
op = "<="
threshold = 0.1

[[gate]]
id = "rob001"
check = "noise_sensitivity"
metric = "noise_move"
where = { split = "test", variant = "noise of 0.1 sd" }
op = "<="
threshold = 0.5
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Stripes:
    """Labels by the sign of a wave over the first feature."""

    classes_ = np.array([0, 1])

    def __init__(self, waves: float) -> None:
        self.waves = waves

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.sin(self.waves * X["x"].to_numpy(dtype=float)) > 0).astype(int)


def table(rows: int = 1500, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": generator.normal(size=rows), "code": generator.integers(0, 4, rows)})
    return frame.assign(y=(frame["x"] > 0).astype(int))


@pytest.mark.parametrize(("waves", "said"), [(30.0, "fail"), (6.0, "fail"), (2.6, "pass"), (0.5, "pass")])
def test_decisions_that_turn_with_noise_fail(judged: Judged, worst: Worst, waves: float, said: str) -> None:
    """A wave of frequency w flips about 0.08 w / π of the decisions under noise of 0.1."""
    assert worst(judged("noise_sensitivity", GATE, Stripes(waves), table(), positive=1)) == said


def test_codes_stay_as_they_are(judged: Judged) -> None:
    record = judged("noise_sensitivity", GATE, Stripes(1.0), table(), positive=1)
    assert record.findings[0].measurement is not None
    assert "noise on 1 of 2 features" in record.findings[0].measurement.notes
    codes = table()[["code", "y"]].assign(x=lambda frame: frame["code"])
    record = judged("noise_sensitivity", GATE, Stripes(1.0), codes, positive=1)
    assert record.findings[0].outcome == "not_applicable"


@pytest.mark.parametrize(("slope", "said"), [(12.0, "fail"), (1.0, "pass")])
def test_regression_measures_the_move(judged: Judged, worst: Worst, slope: float, said: str) -> None:
    class Steep:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return slope * X["x"].to_numpy()

    frame = table()
    frame["y"] = frame["x"] + 0.1 * np.random.default_rng(0).normal(size=len(frame))
    assert worst(judged("noise_sensitivity", GATE, Steep(), frame, task="regression")) == said


def test_a_model_that_raises_is_told(judged: Judged) -> None:
    class Whole(Stripes):
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            if X["x"].dtype.kind != "i":
                raise TypeError("whole numbers only")
            return super().predict(X)

    frame = table().assign(x=np.arange(1500))
    record = judged("noise_sensitivity", GATE, Whole(1.0), frame, positive=1)
    assert record.findings[0].outcome == "measured"
    assert "whole numbers only" in record.verdicts[0].message


def test_missing_and_constant_columns_survive(judged: Judged, worst: Worst) -> None:
    frame = table(40).assign(flat=1.0, empty=np.nan)
    model = LogisticRegression().fit(frame[["x"]], frame["y"])
    assert worst(judged("noise_sensitivity", GATE, model, frame, positive=1)) in {"pass", "inconclusive"}
