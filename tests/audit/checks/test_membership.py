"""GEN005: rows that were learned from, told by their loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier

from audit.checks.membership import membership
from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.record import AuditRecord

GATE = """
[[gate]]
id = "gen005"
check = "membership"
metric = "membership_auc"
where = { split = "test" }
op = "<="
threshold = 0.6
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 5)), columns=list("abcde"))
    return frame.assign(y=(frame["a"] + generator.normal(size=rows) > 0).astype(int))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (DecisionTreeClassifier(random_state=0), "fail"),
        (RandomForestClassifier(30, random_state=0), "fail"),
        (RandomForestClassifier(30, min_samples_leaf=50, random_state=0), "pass"),
        (LogisticRegression(), "pass"),
    ],
)
def test_models_that_store_rows_fail(judged: Judged, worst: Worst, model: LogisticRegression, said: str) -> None:
    train, test = table(1000, 0), table(1000, 1)
    model.fit(train[list("abcde")], train["y"])
    assert worst(judged("membership", GATE, model, test, train, positive=1)) == said


@pytest.mark.parametrize(("neighbors", "said"), [(1, "fail"), (100, "pass")])
def test_regression_uses_the_squared_error(judged: Judged, worst: Worst, neighbors: int, said: str) -> None:
    train, test = (table(500, seed).assign(y=lambda f: f["a"] + 0.3 * f["b"]) for seed in (0, 1))
    model = KNeighborsRegressor(neighbors).fit(train[list("abcde")], train["y"])
    assert worst(judged("membership", GATE, model, test, train, task="regression")) == said


def answers(p: np.ndarray, y: np.ndarray, members: int) -> Predictions:
    split = Factor.of(["train"] * members + ["test"] * (len(y) - members), ["train", "test"])
    return Predictions(
        task="binary", classes=("0", "1"), y_true=y, y_pred=(p > 0.5).astype(np.int64), y_score=p, probabilities=True,
        keys={"split": split}, row=np.arange(len(y)),
    )  # fmt: skip


def test_the_area_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    y, p = np.tile([0, 1], 200), generator.uniform(0.01, 0.99, 400)
    loss = -np.log(np.where(y == 1, p, 1 - p))
    found = membership(answers(p, y, 200)).estimates[0]
    assert found.value == pytest.approx(roc_auc_score(np.arange(400) < 200, -loss))


def test_other_class_shares_alone_tell_nobody() -> None:
    """Without equal shares, rows of an easier class that is commoner in training would look like members."""
    generator = np.random.default_rng(0)
    y = np.concatenate([generator.uniform(size=2000) < 0.9, generator.uniform(size=2000) < 0.1]).astype(np.int64)
    p = np.where(y == 1, 0.9, 0.4) + 0.05 * generator.uniform(size=4000)
    found = membership(answers(p, y, 2000)).estimates[0]
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    assert found.high < 0.6


def test_degenerate_tables(judged: Judged) -> None:
    frame = pd.DataFrame({"a": np.zeros(20), "y": [0, 1] * 10})
    model = LogisticRegression().fit(frame[["a"]], frame["y"])
    record = judged("membership", GATE, model, frame, frame, positive=1)
    assert record.verdicts[0].outcome in {"pass", "inconclusive", "not_assessed"}
    assert judged("membership", GATE, model, frame, positive=1).findings[0].outcome == "not_applicable"
