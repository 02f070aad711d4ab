"""The same inputs give the same record, byte for byte, however busy the machine is."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

import audit
from audit import gather
from audit.data.dataset import Roles, build
from audit.models.cost import affordable, operations
from reports.store import dumps


class Sleepy(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A model that a busy machine slows down."""

    nap = 0.0

    def predict_proba(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Answer after a nap."""
        time.sleep(type(self).nap)
        return np.asarray(super().predict_proba(X))


def _table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 4)).round(2), columns=list("abcd"))
    frame["y"] = (frame["a"] + frame["b"] * frame["c"] + generator.normal(size=rows) > 0).astype(int)
    frame["sex"] = generator.integers(0, 2, rows)
    return frame


def test_a_slow_moment_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    train, test = _table(150, 0), _table(120, 1)
    model = Sleepy().fit(train[list("abcd")].to_numpy(), train["y"])

    def record() -> str:
        splits = [(part[list("abcd")].to_numpy(), part["y"]) for part in (train, test)]
        return dumps(audit.run(model, train=splits[0], test=splits[1], sensitive={"test": test[["sex"]]}, positive=1))

    quick = record()
    monkeypatch.setattr(Sleepy, "nap", 0.004)
    assert record() == quick


def test_the_number_of_threads_changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products large enough for two threads, which small tables are otherwise spared."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(gather, "SMALL", 0)
    X = np.random.default_rng(0).normal(size=(600, 40)).round(2)
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    train, test, sensitive = (X[:300], y[:300]), (X[300:], y[300:]), pd.DataFrame({"sex": np.arange(300) % 2})
    model = LogisticRegression().fit(*train)
    asked = ["cross_validation", "learning_curve", "attribution_ranking", "near_duplicates", "disparities"]

    def record(threads: int) -> str:
        with threadpool_limits(limits=threads):
            made = audit.run(model, train=train, test=test, sensitive={"test": sensitive}, positive=1, checks=asked)
        return dumps(made)

    assert record(1) == record(2)


def test_small_tables_are_worked_on_by_one_thread() -> None:
    frame = _table(50, 0)
    with threadpool_limits(limits=2), gather.threads_for(build({"test": frame}, Roles(target="y"))):
        assert {one["num_threads"] for one in threadpool_info()} == {1}


def test_the_time_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frame = _table(150, 0)
    model = LogisticRegression().fit(frame[list("abcd")], frame["y"])
    part = (frame[list("abcd")], frame["y"])
    asked = ["cross_validation", "simple_model", "missing_sensitivity"]
    stopped = audit.run(model, train=part, test=part, positive=1, checks=asked, time_limit=1e-9)
    said = " ".join(str(finding.measurement or finding.reason) for finding in stopped.findings)
    assert "time limit" in said


def test_a_large_model_is_asked_less() -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier

    X, y = np.random.default_rng(0).normal(size=(4000, 20)), np.arange(4000) % 2
    neighbors, line = KNeighborsClassifier().fit(X, y), LogisticRegression().fit(X, y)
    forest = RandomForestClassifier(n_estimators=300, random_state=0).fit(X, y)
    assert operations(line) < operations(forest)
    assert affordable(1_000_000, line) == 1_000_000
    assert affordable(1_000_000, neighbors) < 400_000
    assert affordable(1_000_000, forest) < 400_000
