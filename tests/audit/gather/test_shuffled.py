"""Shuffled features are asked about many at a time, with the answers of one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from audit.data.dataset import Roles, build
from audit.evidence import Predictions, Settings
from audit.gather import Context, shuffled
from audit.models.load import wrap

RNG = np.random.default_rng(0)
WORDS = ["city", "kind", "late"]


def frame(rows: int = 120) -> pd.DataFrame:
    made = pd.DataFrame(
        {
            "x": RNG.normal(size=rows),
            "n": RNG.integers(0, 9, rows),
            "city": RNG.choice(["a", "b"], rows).astype(object),
            "kind": pd.Categorical(RNG.choice(["p", "q", "r"], rows)),
            "late": RNG.random(rows) < 0.5,
            "m": pd.array(RNG.integers(0, 5, rows), dtype="Int64"),
        }
    )
    return made.assign(y=(made["x"] + (made["city"] == "a") + RNG.normal(size=rows) > 0.5).astype(int))


def context(test: pd.DataFrame, model: BaseEstimator) -> Context:
    data = build({"test": test}, Roles(target="y", task="binary", positive=1))
    return Context(model=wrap(model.fit(test.drop(columns="y"), test["y"])), dataset=data, settings=Settings())


def plain_model() -> BaseEstimator:
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), WORDS), remainder="passthrough"), LogisticRegression(max_iter=1000)
    )


def test_many_at_a_time_are_answered_as_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    test = frame()
    together = shuffled.gather(context(test, plain_model()))
    monkeypatch.setattr(shuffled, "TOGETHER", 1)
    apart = shuffled.gather(context(test, plain_model()))
    assert list(together) == list(apart) == [name for name in test.columns if name != "y"]
    for name, parts in together.items():
        assert len(parts) == 3
        for one, other in zip(parts, apart[name], strict=True):
            assert np.array_equal(one.y_pred, other.y_pred)
            assert one.y_score == pytest.approx(other.y_score, abs=1e-12)
            assert np.array_equal(one.row, other.row)


class Last(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Decides by the last column alone."""

    def fit(self, X: pd.DataFrame, y: pd.Series) -> Last:
        self.classes_ = np.unique(y)
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.calls_ = 0
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        self.calls_ += 1
        share = 1 / (1 + np.exp(-X.iloc[:, -1].to_numpy()))
        return np.stack([1 - share, share], axis=1)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def test_of_very_many_columns_the_strongest_are_shuffled() -> None:
    test = pd.DataFrame(RNG.normal(size=(80, 400)), columns=[f"x{k}" for k in range(400)])
    test["y"] = (test["x399"] > 0).astype(int)
    asked = context(test, Last())
    found = shuffled.gather(asked)
    assert len(found) == 200
    assert "x399" in found
    (note,) = {note for note in found["x399"][0].notes if "attributions" in note}
    assert note == "the 200 features of the largest attributions, of 400"
    plain = asked.need("predictions", Predictions)
    assert (found["x399"][0].y_pred != plain.y_pred).mean() > 0.3
    others = [one for name, parts in found.items() if name != "x399" for one in parts]
    assert all(np.array_equal(one.y_pred, plain.y_pred) for one in others)


def test_rows_are_fewer_where_they_are_long() -> None:
    test = frame()
    assert len(shuffled.gather(context(test, plain_model()), cells=60 * 18 * 6)["x"][0]) == 60
