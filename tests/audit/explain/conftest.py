"""Small models and data sets that the explanation tests share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from audit.data.dataset import Dataset, Roles, build
from audit.evidence import Settings
from audit.gather import Context
from audit.models.load import wrap
from reports.record import Task
from trainers import NetworkClassifier

ROWS = 400


def table(task: Task = "binary", *, seed: int = 0, strings: bool = False, missing: bool = False) -> pd.DataFrame:
    """Make rows whose outcome rests on `a` most, then `b`, and never on `noise`."""
    rng = np.random.default_rng(seed)
    a, b, noise, score = rng.normal(size=(4, ROWS))
    sex = np.where(rng.random(ROWS) < 0.5, "f", "m")
    frame = pd.DataFrame({"a": a, "b": b, "noise": noise, "sex": (sex == "f").astype(int)})
    signal = 2 * a + b + 0.5 * a * b + 0.3 * score
    if strings:
        frame["sex"] = pd.Series(sex).astype(object)
        city = rng.choice(["Ulm", "Bonn", "Kiel"], size=ROWS)
        frame["city"] = pd.Series(city).astype(object).where(rng.random(ROWS) > 0.1, None)
        signal = signal + (city == "Ulm")
    if missing:
        frame.loc[rng.random(ROWS) < 0.1, "b"] = np.nan
    if task == "regression":
        frame["y"] = signal
    elif task == "multiclass":
        frame["y"] = np.array(["low", "mid", "high"])[np.digitize(signal, [-1.0, 1.0])]
    else:
        frame["y"] = (signal > 0).astype(int)
    return frame


def dataset(frame: pd.DataFrame, task: Task, **roles: object) -> Dataset:
    """Split rows into train and test."""
    half = ROWS // 2
    stated = Roles(target="y", task=task, positive=1 if task == "binary" else None, **roles)  # type: ignore[arg-type]
    return build({"train": frame.iloc[:half].reset_index(drop=True), "test": frame.iloc[half:]}, stated)


@pytest.fixture(name="fitted")
def fitted_fixture() -> Callable[[str], Context]:
    """Return a function from a kind of model to a context that holds one."""
    return lambda kind: Context(model=wrap(fit(kind)[0]), dataset=fit(kind)[1], settings=Settings(), seed=7)


@cache
def fit(kind: str) -> tuple[object, Dataset]:
    """Fit a model of a kind."""
    task: Task = "regression" if kind in {"linear", "boosting-regressor"} else "binary"
    task = "multiclass" if kind in {"softmax", "boosting-multiclass"} else task
    strings = kind in {"pipeline", "boosting-pipeline", "boosting-categories"}
    missing = kind in {"pipeline", "boosting-pipeline", "boosting", "boosting-categories"}
    frame = table(task, strings=strings, missing=missing)
    if kind == "boosting-categories":
        frame = frame.astype({"sex": "category", "city": "category"})
    data = dataset(frame, task, sensitive=("sex",))
    train = data.rows("train")
    model = MODELS[kind]()
    model.fit(data.inputs(train), data.frame["y"].take(train))
    return model, data


def _pipeline() -> object:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, ["a", "b", "noise"]), (OneHotEncoder(handle_unknown="ignore"), ["sex", "city"])
    )
    return make_pipeline(columns, LogisticRegression())


def _trees_behind_codes() -> object:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((numbers, ["a", "b", "noise"]), (codes, ["sex", "city"]))
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=30, random_state=0))


MODELS = {
    "logistic": LogisticRegression,
    "softmax": LogisticRegression,
    "linear": LinearRegression,
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "boosting-categories": lambda: HistGradientBoostingClassifier(
        max_iter=30, random_state=0, categorical_features="from_dtype"
    ),
    "boosting-regressor": lambda: HistGradientBoostingRegressor(max_iter=30, random_state=0),
    "boosting-multiclass": lambda: HistGradientBoostingClassifier(max_iter=10, random_state=0),
    "forest": lambda: RandomForestClassifier(n_estimators=20, random_state=0),
    "pipeline": _pipeline,
    "boosting-pipeline": _trees_behind_codes,
    "svc": SVC,
    "network": lambda: NetworkClassifier(hidden=(16,), epochs=40, learning_rate=0.01, random_state=0),
}
