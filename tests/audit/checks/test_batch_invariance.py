"""ROB005: a row's answer and the company it is in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from reports.record import AuditRecord

GATE = """
[[gate]]
id = "rob005"
check = "batch_invariance"
metric = "batch_dependent_rows"
where = { split = "test", variant = "*" }
op = "<="
threshold = 0.0
min_n = 0
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]


class Company:
    """A logistic curve over a feature that is centered by `share` of the mean of its batch."""

    classes_ = np.array([0, 1])

    def __init__(self, share: float, *, by_place: bool = False) -> None:
        self.share, self.by_place = share, by_place

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        x = X["x"].to_numpy() - self.share * X["x"].to_numpy().mean()
        x = x + 0.01 * np.arange(len(X)) if self.by_place else x
        p = 1 / (1 + np.exp(-x))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.predict_proba(X)[:, 1] > 0.5).astype(int)


def table(rows: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    x, z = generator.normal(size=rows), generator.normal(size=rows)
    return pd.DataFrame({"x": x, "z": z, "y": (x + z > 0).astype(int)})


@pytest.mark.parametrize(("share", "said"), [(1.0, "fail"), (1e-3, "fail"), (1e-8, "pass"), (0.0, "pass")])
def test_standardizing_over_the_batch_fails(judged: Judged, worst: Worst, share: float, said: str) -> None:
    assert worst(judged("batch_invariance", GATE, Company(share), table(), positive=1)) == said


def test_an_answer_that_depends_on_the_place_fails(judged: Judged) -> None:
    record = judged("batch_invariance", GATE, Company(0.0, by_place=True), table(), positive=1)
    failed = {one.where["variant"] for one in record.verdicts if one.outcome == "fail"}
    assert failed == {"reversed", "batches of 7", "alone"}


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(10), HistGradientBoostingClassifier()])
def test_common_models_pass(judged: Judged, worst: Worst, model: LogisticRegression) -> None:
    frame = table()
    model.fit(frame[["x", "z"]], frame["y"])
    assert worst(judged("batch_invariance", GATE, model, frame, positive=1)) == "pass"


def test_networks_pass_in_single_precision(judged: Judged, worst: Worst) -> None:
    pytest.importorskip("torch")
    from trainers import NetworkClassifier

    frame = table(600)
    model = NetworkClassifier(hidden=(64, 64, 64), epochs=5, batch_norm=True, dropout=0.3, random_state=0)
    model.fit(frame[["x", "z"]] * 100, frame["y"])
    assert worst(judged("batch_invariance", GATE, model, frame, positive=1)) == "pass"


def test_rows_that_wobble_anyway_are_left_to_determinism(judged: Judged) -> None:
    class Dice(Company):
        def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
            p = np.random.default_rng().uniform(size=len(X))
            return np.column_stack([1 - p, p])

    record = judged("batch_invariance", GATE, Dice(0.0), table(), positive=1)
    assert {one.outcome for one in record.verdicts} == {"not_assessed"}
    assert "ROB004" in record.verdicts[0].message


def test_a_model_that_refuses_single_rows_is_told(judged: Judged) -> None:
    class Proud(Company):
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            if len(X) < 5:
                raise ValueError("not worth my time")
            return super().predict(X)

    record = judged("batch_invariance", GATE, Proud(0.0), table(), positive=1)
    alone = next(one for one in record.verdicts if one.where["variant"] == "alone")
    assert alone.outcome == "not_assessed"
    assert "not worth my time" in alone.message
