"""GEN003: folds that part widely, and a test score that they do not lead one to expect."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "gen003"
check = "cross_validation"
metric = "test_score_outside_folds"
where = { split = "test" }
op = "<="
threshold = 0.0
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]
NAMES = list("abc")


def table(rows: int, seed: int, spoiled: float = 0.0) -> pd.DataFrame:
    """Rows of which a share has targets by lot."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 3)), columns=NAMES)
    y = (frame["a"] + frame["b"] + 0.7 * generator.normal(size=rows) > 0).astype(int)
    return frame.assign(y=y.where(generator.random(rows) >= spoiled, generator.integers(0, 2, rows)))


@pytest.mark.parametrize(("rows", "spoiled"), [(2000, 0.25), (500, 0.5)])
def test_test_rows_of_another_kind_fail(judged: Judged, worst: Worst, rows: int, spoiled: float) -> None:
    train, test = table(rows, 0), table(rows // 2, 1, spoiled)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    assert worst(judged("cross_validation", GATE, model, test, train, positive=1)) == "fail"


@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0), Ridge()])
def test_test_rows_of_the_same_kind_pass(judged: Judged, worst: Worst, model: Ridge) -> None:
    task = {"task": "regression"} if isinstance(model, Ridge) else {"positive": 1}
    said = []
    for seed in range(8):
        train, test = table(300 + 100 * seed, 2 * seed), table(400, 2 * seed + 1)
        if "task" in task:
            train, test = (frame.assign(y=frame["a"] + frame["y"]) for frame in (train, test))
        model.fit(train[NAMES], train["y"])
        said.append(worst(judged("cross_validation", GATE, model, test, train, **task)))
    assert said.count("pass") == 8
