"""Boosted trees of every library are written so exactly that no row can tell: missing, unseen, on a threshold."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from audit.deploy.export import export
from audit.errors import ModelError
from audit.models.load import load, wrap

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

RNG = np.random.default_rng(0)
ROWS = 300
X = pd.DataFrame(
    {
        "a": RNG.normal(size=ROWS),
        "b": np.round(RNG.normal(size=ROWS), 1),
        "m": RNG.integers(0, 90, ROWS),
        "k": RNG.choice(list("abcdefgh"), ROWS),
    }
)
X.loc[RNG.random(ROWS) < 0.1, "a"] = np.nan
N = X[["a", "b", "m"]]
C = X.astype({"k": "category"})
TWO = (np.nan_to_num(X["a"]) + X["k"].isin(["a", "c"]) + (X["m"] % 3 == 0) > 0.8).astype(int)
THREE = TWO + (X["b"] > 0)
WORDS = np.where(TWO == 1, "yes", "no")
COUNTS = RNG.poisson(np.exp(np.nan_to_num(X["a"]) / 2)) + 0.0


def columns(encoder: object) -> object:
    return make_column_transformer((encoder, ["k"]), remainder="passthrough")


def hist(**options: Any) -> HistGradientBoostingClassifier:  # noqa: ANN401
    return HistGradientBoostingClassifier(max_iter=6, **options)


SCIKIT_LEARN = {
    "two": (hist(), N, WORDS),
    "three": (hist(), N, THREE),
    "categories by place": (hist(categorical_features=[2]), N, TWO),
    "categories by dtype": (hist(), C, WORDS),
    "counts": (HistGradientBoostingRegressor(max_iter=6, loss="poisson"), N, COUNTS),
    "never splits": (hist(min_samples_leaf=2000), N, TWO),
    "behind one-hot codes": (make_pipeline(columns(OneHotEncoder(sparse_output=False)), hist()), X, WORDS),
    "behind ordinal codes": (make_pipeline(columns(OrdinalEncoder()), hist(categorical_features=[0])), X, WORDS),
    "searched and scaled": (
        GridSearchCV(make_pipeline(StandardScaler(), hist()), {"standardscaler__with_mean": [True]}, cv=2),
        N,
        WORDS,
    ),
    "calibrated": (CalibratedClassifierCV(hist(), cv=2), N, WORDS),
    "a forest with names": (RandomForestClassifier(5, random_state=0), N.fillna(0), WORDS),
}


def beyond(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows that the model has not seen: missing, far away, and between two training values."""
    rows = table.sample(60, random_state=1).reset_index(drop=True)
    for place, name in enumerate(rows.columns):
        if pd.api.types.is_numeric_dtype(rows[name].dtype):
            rows[name] = rows[name].astype(float)
            rows.loc[place :: len(rows.columns), name] *= 1000.0
            rows.loc[30 + place :: 7, name] += 0.05
    return rows


def agree(source: Any, path: Path, rows: pd.DataFrame, tolerance: float = 1e-12) -> None:  # noqa: ANN401
    written = load(path).predictor
    given = rows.assign(k=rows["k"].astype(object)) if "k" in rows else rows
    method = "predict_proba" if getattr(source, "classes_", None) is not None and len(source.classes_) else "predict"
    expected = getattr(source, method)(rows)
    np.testing.assert_allclose(getattr(written, method)(given), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_histogram_boosting(name: str, tmp_path: Path) -> None:
    model, table, y = SCIKIT_LEARN[name]
    model.fit(table, y)
    plain = table.assign(k=table["k"].astype(object)) if "k" in table else table
    found = export(wrap(model), plain, plain, tmp_path / "m.onnx").parity
    assert found["largest_difference"] <= 1e-6
    assert found.get("changed_labels", 0) == 0
    if name != "a forest with names":  # skl2onnx writes forests in single precision
        agree(model, tmp_path / "m.onnx", beyond(table))


BOOSTERS: dict[str, dict[str, tuple[str, dict[str, Any], pd.DataFrame, Any]]] = {
    "xgboost": {
        "two": ("XGBClassifier", {}, N, TWO),
        "three": ("XGBClassifier", {}, N, THREE),
        "counts": ("XGBRegressor", {"objective": "count:poisson"}, N, COUNTS),
        "base": ("XGBRegressor", {"base_score": 7.5}, N, COUNTS),
        "dropped trees": ("XGBClassifier", {"booster": "dart", "rate_drop": 0.5}, N, TWO),
        "categories": ("XGBClassifier", {"enable_categorical": True, "max_cat_to_onehot": 2}, C, TWO),
        "forest": ("XGBRFClassifier", {}, N, TWO),
    },
    "lightgbm": {
        "two": ("LGBMClassifier", {}, N, WORDS),
        "three": ("LGBMClassifier", {"objective": "multiclassova"}, N, THREE),
        "counts": ("LGBMRegressor", {"objective": "poisson"}, N, COUNTS),
        "categories": ("LGBMClassifier", {"min_data_per_group": 5, "cat_smooth": 1}, C, WORDS),
        "forest": ("LGBMClassifier", {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, N, TWO),
        "steep": ("LGBMClassifier", {"sigmoid": 2.0}, N, TWO),
    },
    "catboost": {
        "two": ("CatBoostClassifier", {}, N, WORDS),
        "three": ("CatBoostClassifier", {}, N, THREE),
        "counts": ("CatBoostRegressor", {"loss_function": "Poisson"}, N, COUNTS),
        "missing above": ("CatBoostClassifier", {"nan_mode": "Max"}, N, TWO),
    },
}
QUIET: dict[str, dict[str, Any]] = {
    "xgboost": {},
    "lightgbm": {"verbose": -1},
    "catboost": {"verbose": 0, "allow_writing_files": False},
}


def fitted(library: str, name: str) -> tuple[Any, pd.DataFrame]:
    kind, options, table, y = BOOSTERS[library][name]
    model = getattr(pytest.importorskip(library), kind)(n_estimators=8, **QUIET[library], **options)
    return model.fit(table, y), table


@pytest.mark.parametrize(("library", "name"), [(one, name) for one in BOOSTERS for name in BOOSTERS[one]])
def test_boosters_of_other_libraries(library: str, name: str, tmp_path: Path) -> None:
    model, table = fitted(library, name)
    plain = table.assign(k=table["k"].astype(object)) if "k" in table else table
    parity = export(wrap(model), plain, plain, tmp_path / "m.onnx").parity
    assert parity["largest_difference"] <= 1e-5
    agree(model, tmp_path / "m.onnx", beyond(table), 1e-5 if library == "xgboost" else 1e-12)  # it adds up in singles


@pytest.mark.parametrize(
    ("library", "suffix", "name"),
    [("xgboost", "json", "two"), ("lightgbm", "txt", "categories"), ("catboost", "cbm", "counts")],
)
def test_native_files_and_boosters_in_pipelines(library: str, suffix: str, name: str, tmp_path: Path) -> None:
    model, table = fitted(library, name)
    path = tmp_path / f"m.{suffix}"
    (model.booster_ if library == "lightgbm" else model).save_model(str(path))
    plain = table.assign(k=table["k"].astype(object)) if "k" in table else table
    found = export(load(path), plain, plain, tmp_path / "m.onnx").parity
    assert found["largest_difference"] <= 1e-6
    kind, options, _, _ = BOOSTERS[library]["two"]
    booster = getattr(importlib.import_module(library), kind)(n_estimators=5, **QUIET[library], **options)
    whole = make_pipeline(columns(OneHotEncoder(sparse_output=False)), booster).fit(X, TWO)
    export(wrap(whole), X, X, tmp_path / "p.onnx")
    agree(whole, tmp_path / "p.onnx", beyond(X), 1e-6)


@pytest.mark.parametrize(
    "names", [["label", "probabilities", "prediction"], ["constant.0", "classes.3", "part.1"], ["X", "columns", "rows"]]
)
@pytest.mark.parametrize("model", [hist(), LogisticRegression(), HistGradientBoostingRegressor(max_iter=3)], ids=str)
def test_columns_may_be_called_like_parts_of_the_graph(model: Any, names: list[str], tmp_path: Path) -> None:  # noqa: ANN401
    table = N.fillna(0).set_axis(names, axis=1)
    model.fit(table, TWO)
    assert export(wrap(model), table, table, tmp_path / "m.onnx").parity["largest_difference"] <= 1e-6
    agree(model, tmp_path / "m.onnx", table, 1e-6)


def test_a_catboost_file_of_counts_answers_counts(tmp_path: Path) -> None:
    model, table = fitted("catboost", "counts")
    model.save_model(str(tmp_path / "m.cbm"))
    np.testing.assert_allclose(np.asarray(load(tmp_path / "m.cbm").predictor.predict(table)), model.predict(table))


@pytest.mark.parametrize(
    ("library", "kind", "options", "said"),
    [
        ("xgboost", "XGBClassifier", {"booster": "gblinear"}, "only trees"),
        ("xgboost", "XGBClassifier", {"objective": "binary:hinge"}, "binary:hinge"),
        ("lightgbm", "LGBMRegressor", {"linear_tree": True}, "linear leaves"),
        ("lightgbm", "LGBMRegressor", {"reg_sqrt": True}, "square roots"),
        ("lightgbm", "LGBMClassifier", {"zero_as_missing": True}, "zeros as missing"),
        ("catboost", "CatBoostClassifier", {"grow_policy": "Lossguide"}, "symmetric trees"),
    ],
)
def test_what_a_graph_cannot_hold_is_refused_by_name(
    library: str, kind: str, options: dict[str, object], said: str, tmp_path: Path
) -> None:
    model = getattr(pytest.importorskip(library), kind)(n_estimators=3, **QUIET[library], **options)
    table = N.fillna(0)
    model.fit(table, TWO)
    with pytest.raises(ModelError, match=said):
        export(wrap(model), table, table, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_trees_whose_state_is_inconsistent_are_refused_in_one_line(tmp_path: Path) -> None:
    model = hist().fit(N, TWO)
    model.is_categorical_ = np.array([True, False])  # and there is nothing that encodes categories
    with pytest.raises(ModelError, match="the trees of the model are inconsistent"):
        export(wrap(model), N, N, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
