"""GEN002: a training score below what a stronger model reaches on test rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "gen002"
check = "stronger_model"
metric = "underfitting_gap"
where = { split = "test" }
op = "<="
threshold = 0.05
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]
NAMES = list("abcd")


def table(rows: int, seed: int) -> pd.DataFrame:
    """A target with a part that is linear and a part that is not."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 4)), columns=NAMES)
    signal = frame["a"] + np.sign(frame["b"] * frame["c"])
    return frame.assign(y=(signal + 0.5 * generator.normal(size=rows) > 0).astype(int))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (DecisionTreeClassifier(max_depth=1), "fail"),
        (LogisticRegression(), "fail"),
        (DecisionTreeClassifier(max_depth=8, random_state=0), "pass"),
        (HistGradientBoostingClassifier(max_iter=60), "pass"),
    ],
)
def test_models_too_simple_fail(judged: Judged, worst: Worst, model: LogisticRegression, said: str) -> None:
    train, test = table(2500, 0), table(2500, 1)
    model.fit(train[NAMES], train["y"])
    assert worst(judged("stronger_model", GATE, model, test, train, positive=1)) == said


@pytest.mark.parametrize(
    ("model", "said"), [(DecisionTreeRegressor(max_depth=1), "fail"), (LinearRegression(), "pass")]
)
def test_regression(judged: Judged, worst: Worst, model: LinearRegression, said: str) -> None:
    train, test = (table(1200, s).assign(y=lambda f: f["a"] - f["c"] + 0.1 * f["d"] ** 2) for s in (0, 1))
    model.fit(train[NAMES], train["y"])
    assert worst(judged("stronger_model", GATE, model, test, train, task="regression")) == said


def test_where_there_is_nothing_to_learn_nothing_is_missed(judged: Judged, worst: Worst) -> None:
    train, test = (table(800, s).assign(y=np.random.default_rng(s).integers(0, 2, 800)) for s in (0, 1))
    model = DummyClassifier().fit(train[NAMES], train["y"])
    assert worst(judged("stronger_model", GATE, model, test, train, positive=1)) in {"pass", "inconclusive"}


def test_multiclass_and_twenty_rows(judged: Judged) -> None:
    train, test = (table(20, s).assign(y=np.arange(20) % 3) for s in (0, 1))
    model = DummyClassifier().fit(train[NAMES], train["y"])
    record = judged("stronger_model", GATE, model, test, train, task="multiclass")
    assert record.findings[0].outcome == "measured", record.findings[0].reason


def test_classes_that_training_lacks_are_survived(judged: Judged) -> None:
    train, test = (table(90, s).assign(y=np.arange(90) % (3 + s)) for s in (0, 1))
    model = DummyClassifier().fit(train[NAMES], train["y"])
    record = judged("stronger_model", GATE, model, test, train, task="multiclass")
    assert record.findings[0].outcome == "measured", record.findings[0].reason
