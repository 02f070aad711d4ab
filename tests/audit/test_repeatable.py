"""The same inputs give the same record, byte for byte, however busy the machine is."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import audit
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
