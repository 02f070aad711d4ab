"""PERF002: a plain linear model on the same rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "perf002"
check = "simple_model"
metric = "simple_model_gain"
where = { split = "test" }
op = "<="
threshold = 0.005
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]
NAMES = list("abcd")


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 4)), columns=NAMES)
    return frame.assign(y=(frame["a"] + frame["b"] + 0.7 * generator.normal(size=rows) > 0).astype(int))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (DecisionTreeClassifier(max_depth=2, random_state=0), "fail"),
        (DecisionTreeClassifier(random_state=0), "fail"),
        (LogisticRegression(), "pass"),
        (LogisticRegression(C=100.0), "pass"),
    ],
)
def test_a_model_that_a_linear_one_beats_fails(
    judged: Judged, worst: Worst, model: LogisticRegression, said: str
) -> None:
    train, test = table(1500, 0), table(2000, 1)
    model.fit(train[NAMES], train["y"])
    assert worst(judged("simple_model", GATE, model, test, train, positive=1)) == said


def test_the_linear_model_itself_passes(judged: Judged, worst: Worst) -> None:
    train, test = table(600, 0), table(300, 1)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(train[NAMES], train["y"])
    record = judged("simple_model", GATE, model, test, train, positive=1)
    assert worst(record) == "pass"
    assert str(record.findings[0].measurement.estimates[0]) == "0.000 [0.000, 0.000]"  # type: ignore[union-attr]


def test_what_is_not_linear_passes(judged: Judged, worst: Worst) -> None:
    train, test = (table(1500, s).assign(y=lambda f: (f["a"] * f["b"] > 0).astype(int)) for s in (0, 1))
    model = HistGradientBoostingClassifier(max_iter=50).fit(train[NAMES], train["y"])
    assert worst(judged("simple_model", GATE, model, test, train, positive=1)) == "pass"


@pytest.mark.parametrize(
    ("model", "said"), [(DecisionTreeRegressor(max_depth=2), "fail"), (LinearRegression(), "pass")]
)
def test_regression(judged: Judged, worst: Worst, model: LinearRegression, said: str) -> None:
    train, test = (table(1000, s).assign(y=lambda f: f["a"] - f["c"] + 0.1 * f["b"] ** 2) for s in (0, 1))
    model.fit(train[NAMES], train["y"])
    assert worst(judged("simple_model", GATE, model, test, train, task="regression")) == said


def test_multiclass(judged: Judged, worst: Worst) -> None:
    train, test = (table(1500, s).assign(y=lambda f: np.digitize(f["a"] + f["b"], [-1, 1])) for s in (0, 1))
    model = DecisionTreeClassifier(max_depth=1).fit(train[NAMES], train["y"])
    assert worst(judged("simple_model", GATE, model, test, train, task="multiclass")) == "fail"


def test_columns_of_every_type(judged: Judged) -> None:
    class Coin:
        classes_ = np.array([0, 1])

        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.arange(len(X)) % 2

    def odd(seed: int) -> pd.DataFrame:
        return table(60, seed).assign(
            flag=True, day=pd.Timestamp("2026-01-01"),
            word=pd.Series(["a", None, "b"] * 20, dtype=object), empty=np.nan,
            tiny=pd.array([1, 2, None] * 20, dtype="Int64"), huge=np.inf,
            text=[f"some words that never come {k} again" for k in range(60)],
            kind=pd.Categorical(["x", "y"] * 30), many=[f"id{seed}{k}" for k in range(60)],
        )  # fmt: skip

    record = judged("simple_model", GATE, Coin(), odd(1), odd(0), positive=1)
    assert record.findings[0].outcome == "measured", record.findings[0].reason


def test_without_training_rows_there_is_no_rival(judged: Judged) -> None:
    frame = table(50, 0)
    model = LogisticRegression().fit(frame[NAMES], frame["y"])
    record = judged("simple_model", GATE, model, frame, positive=1)
    assert record.findings[0].outcome == "not_applicable"


def test_a_table_of_predictions_has_rivals_too(judged: Judged, worst: Worst) -> None:
    train, test = table(1000, 0), table(2000, 1)
    test = test.assign(answer=np.random.default_rng(0).integers(0, 2, 2000))
    assert worst(judged("simple_model", GATE, None, test, train, positive=1, prediction="answer")) == "fail"


def test_caps_are_said(judged: Judged) -> None:
    train = table(400, 0)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    record = judged(
        "simple_model", GATE, model, table(100, 1), train, positive=1, gather={"rivals": {"linear_rows": 100}}
    )
    assert "100 training rows drawn at random, of 400" in record.findings[0].measurement.notes[0]  # type: ignore[union-attr]
