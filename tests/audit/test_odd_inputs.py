"""Tables and models as nobody plans them: no finding may break on them, and each says why it could not be made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from audit.checks import discover
from audit.config.plan import RunPlan
from audit.data.dataset import Roles, build
from audit.models.load import wrap
from audit.pipeline import execute
from reports.record import AuditRecord, Task

ASKED = [
    name
    for name, one in discover().items()
    if one.family
    in {"data", "leakage", "drift", "performance", "fairness", "generalization", "robustness", "slices", "groups"}
]


class Picky:
    """Reads a few columns by name, and raises on what it cannot read."""

    classes_ = np.array(["no", "yes"])

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        if X["number"].isna().any() or not X["code"].isin(["1", "2", "30"]).all():
            raise RuntimeError("Unknown value\nsecond line")
        p = 1 / (1 + np.exp(-X["number"].to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def odd(rows: int, seed: int) -> pd.DataFrame:
    """Every kind of column that came to mind."""
    rng = np.random.default_rng(seed)
    mixed = [1, "one", 2.5, None, True]
    return pd.DataFrame({
        "number": rng.normal(size=rows),
        "code": rng.choice(["1", "2", "30"], rows),
        "mixed": pd.Series([mixed[k] for k in rng.integers(0, 5, rows)], dtype=object),
        "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
        "flag": rng.random(rows) < 0.5,
        "maybe": pd.Series(rng.choice(np.array([True, False, None], dtype=object), rows)).astype("boolean"),
        "whole": pd.Series(rng.choice(np.array([1, 2, None], dtype=object), rows)).astype("Int64"),
        "name": [f"person {k}" for k in rng.permutation(10 * rows)[:rows]],
        "empty": np.nan,
        "nothing": pd.Series([None] * rows, dtype=object),
        "same": "x",
        "kind": pd.Categorical(rng.choice(["a", "b"], rows), categories=["a", "b", "never"]),
        "vast": np.where(rng.random(rows) < 0.1, np.inf, 1e300),
        "sex": rng.choice(np.array(["f", "m", None], dtype=object), rows),
    })  # fmt: skip


def target(frame: pd.DataFrame, task: Task, seed: int) -> pd.Series:
    noisy = frame["number"] + np.random.default_rng(seed).normal(size=len(frame))
    if task == "regression":
        return noisy
    if task == "binary":
        return pd.Series(np.where(noisy > 0, "yes", "no"))
    return pd.Series(np.array(["low", "middle", "high"])[np.searchsorted([-0.7, 0.7], noisy)])


def audited(model: object, frames: dict[str, pd.DataFrame], roles: Roles) -> AuditRecord:
    return execute(RunPlan(model=wrap(model), dataset=build(frames, roles), checks=tuple(ASKED)))


def broken(record: AuditRecord) -> list[tuple[str, str]]:
    return [(one.check, one.reason) for one in record.findings if one.outcome == "error"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rows", [20, 160])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_odd_columns_and_few_rows(task: Task, rows: int) -> None:
    frames = {name: odd(rows, seed) for seed, name in enumerate(("train", "test"))}
    frames = {name: frame.assign(y=target(frame, task, 5)) for name, frame in frames.items()}
    positive = "yes" if task == "binary" else None
    roles = Roles(target="y", task=task, positive=positive, sensitive=("sex",))
    X, y = frames["train"].drop(columns="y"), frames["train"]["y"]
    plain = DummyRegressor() if task == "regression" else DummyClassifier(strategy="prior")
    model = Picky() if task == "binary" else plain.fit(X, y)
    record = audited(model, frames, roles)
    assert broken(record) == []
    assert all(one.reason for one in record.findings if one.outcome in {"not_applicable", "skipped"})


@pytest.mark.filterwarnings("ignore")
def test_constant_tables() -> None:
    frame = pd.DataFrame({"a": [1.0] * 60, "b": ["x"] * 60, "y": ["no", "yes"] * 30})
    model = DummyClassifier(strategy="prior").fit(frame[["a", "b"]], frame["y"])
    record = audited(model, {"train": frame, "test": frame}, Roles(target="y", positive="yes", sensitive=("b",)))
    assert broken(record) == []


@pytest.mark.filterwarnings("ignore")
def test_one_row_of_a_class() -> None:
    train, test = odd(100, 0), odd(60, 1)
    frames = {"train": train.assign(y=target(train, "binary", 2)), "test": test.assign(y=["yes"] + ["no"] * 59)}
    record = audited(Picky(), frames, Roles(target="y", positive="yes", sensitive=("sex",)))
    assert broken(record) == []


class Stubborn(DummyClassifier):  # type: ignore[misc]
    """Learns when it must, and refuses to learn from other rows than its own."""

    def fit(self, X: pd.DataFrame, y: pd.Series, sample_weight: None = None) -> Stubborn:
        if len(X) != 200:
            raise ValueError("this is not how I was taught")
        super().fit(X, y, sample_weight)
        return self


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_cannot_be_refitted_is_not_assessed() -> None:
    frames = {name: odd(200, seed) for seed, name in enumerate(("train", "test"))}
    frames = {name: frame.assign(y=target(frame, "binary", 5)) for name, frame in frames.items()}
    model = Stubborn(strategy="stratified", random_state=0).fit(frames["train"].drop(columns="y"), frames["train"]["y"])
    record = audited(model, frames, Roles(target="y", positive="yes", sensitive=("sex", "flag")))
    told = {one.check: (one.outcome, one.reason) for one in record.findings}
    assert broken(record) == []
    for name in ("cross_validation", "learning_curve"):
        assert told[name][0] == "not_applicable"
        assert "not how I was taught" in told[name][1]
