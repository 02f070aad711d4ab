"""Boosters from native files and as objects: what the audit hears is what the library itself answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier

from audit.data.dataset import Roles, build
from audit.errors import ConfigError, DataError, ModelError
from audit.gather.folds import refit
from audit.models.answers import ask
from audit.models.boosters import with_classes
from audit.models.column_names import match
from audit.models.load import Model, load, wrap
from audit.models.objects import from_object
from audit.progress import silent

catboost = pytest.importorskip("catboost")
lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

GENERATOR = np.random.default_rng(0)
ROWS = 300
FRAME = pd.DataFrame(
    {
        "a cm": GENERATOR.normal(size=ROWS),
        "kind": GENERATOR.choice(["x", "y", "z"], ROWS),
        "code": GENERATOR.choice([1, 5, 7], ROWS),
        "b": GENERATOR.normal(size=ROWS),
    }
)
SIGNAL = FRAME["a cm"] + 2 * (FRAME["kind"] == "y") - (FRAME["code"] == 5)
TARGETS: dict[str, Any] = {
    "binary": (SIGNAL > 0.3).astype(int).to_numpy(),
    "multiclass": np.digitize(SIGNAL, [-0.3, 1.2]),
    "regression": SIGNAL.to_numpy(),
}
TAUGHT = ["b", "kind", "a cm", "code"]
"""The order in which models are taught their columns, which is not the table's."""


def _categorical(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        kind=pd.Categorical(frame["kind"], categories=["z", "y", "x"]),
        code=pd.Categorical(frame["code"], categories=[7, 1, 5]),
    )


def _fitted(library: str, task: str) -> tuple[Any, np.ndarray]:
    """Return a model and what it answers itself: probabilities, or numbers."""
    X, y = FRAME[TAUGHT], TARGETS[task]
    kind = "Regressor" if task == "regression" else "Classifier"
    if library == "catboost":
        model = getattr(catboost, f"CatBoost{kind}")(
            iterations=12, verbose=0, cat_features=["kind", "code"], allow_writing_files=False, thread_count=1
        ).fit(X, y)
    elif library == "lightgbm":
        X = _categorical(X)
        model = getattr(lightgbm, f"LGBM{kind}")(n_estimators=12, verbose=-1, n_jobs=1, min_child_samples=5).fit(X, y)
    else:
        X = _categorical(X)
        model = getattr(xgboost, f"XGB{kind}")(n_estimators=12, enable_categorical=True, n_jobs=1).fit(X, y)
    return model, np.asarray(model.predict(X) if task == "regression" else model.predict_proba(X))


def _saved(library: str, model: Any, folder: Path) -> Path:  # noqa: ANN401
    path = folder / {"catboost": "m.cbm", "lightgbm": "m.txt", "xgboost": "m.ubj", "xgboost json": "m.json"}[library]
    (model.booster_ if library == "lightgbm" else model).save_model(str(path))
    return path


def _answers(model: Model, task: str, frame: pd.DataFrame) -> np.ndarray:
    table = frame.assign(target=TARGETS[task])
    dataset = build({"test": table}, Roles(target="target", task=task, positive=1 if task == "binary" else None))  # type: ignore[arg-type]
    columns, _ = match(model.feature_names, model.feature_count, dataset)
    dataset = dataset.for_model(columns, model.feature_count)
    rows = dataset.rows("test")
    answers = ask(model, dataset.inputs(rows), dataset, progress=silent, what="")
    return np.asarray(answers.y_pred if answers.y_score is None else answers.y_score)


def _table(kind: str, folder: Path) -> pd.DataFrame:
    if kind == "csv":
        FRAME.to_csv(folder / "t.csv", index=False)
        return pd.read_csv(folder / "t.csv")
    if kind == "parquet":
        FRAME.astype({"kind": "category"}).to_parquet(folder / "t.parquet")
        return pd.read_parquet(folder / "t.parquet")
    return _categorical(FRAME)


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("library", ["catboost", "lightgbm", "xgboost", "xgboost json"])
@pytest.mark.parametrize("table", ["csv", "parquet", "python"])
def test_native_files_answer_as_their_library_does(library: str, task: str, table: str, tmp_path: Path) -> None:
    model, expected = _fitted(library.split()[0], task)
    loaded = load(_saved(library, model, tmp_path))
    assert not loaded.info.runs_code
    found = _answers(loaded, task, _table(table, tmp_path))
    right = expected[:, 1] if task == "binary" else expected
    np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_bare_boosters_answer_as_their_wrappers_do(library: str) -> None:
    model, expected = _fitted(library, "binary")
    bare = model.booster_ if library == "lightgbm" else model.get_booster()
    np.testing.assert_allclose(_answers(wrap(bare), "binary", FRAME), expected[:, 1], atol=1e-6)


@pytest.mark.parametrize("library", ["catboost", "lightgbm", "xgboost"])
def test_wrappers_are_asked_in_the_order_they_were_taught(library: str) -> None:
    model, expected = _fitted(library, "binary")
    frame = FRAME if library == "catboost" else _categorical(FRAME)
    np.testing.assert_allclose(_answers(wrap(model), "binary", frame), expected[:, 1], atol=1e-6)


def test_classes_are_named_where_a_file_has_none(tmp_path: Path) -> None:
    model, _ = _fitted("xgboost", "binary")
    loaded = load(_saved("xgboost", model, tmp_path))
    with_classes(loaded.predictor, ["no", "yes"])
    assert set(np.unique(np.asarray(loaded.predictor.predict(FRAME[TAUGHT])))) == {"no", "yes"}
    with pytest.raises(ModelError, match="names 3 classes"):
        with_classes(loaded.predictor, ["a", "b", "c"])


@pytest.mark.parametrize("suffix", [".ubj", ".json", ".txt", ".cbm"])
def test_broken_files_are_told_in_one_line(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"{}\n")
    with pytest.raises(ModelError, match=r"could not be loaded|is not a complete (LightGBM|xgboost|CatBoost) model"):
        load(path)


def _dataset(*columns: str) -> Any:  # noqa: ANN401
    frame = pd.DataFrame({name: [0.0, 1.0] for name in columns}).assign(target=[0, 1])
    return build({"test": frame}, Roles(target="target", task="binary"))


def test_names_are_matched_where_one_column_can_be_meant() -> None:
    assert match(["b", "a_cm"], None, _dataset("a cm", "b"))[0] == ("b", "a cm")
    assert match(["Column_0", "Column_1"], None, _dataset("u", "v"))[0] == ("u", "v")
    assert (
        "their order in the table is assumed to be right"
        in match(["Column_0", "Column_1"], None, _dataset("u", "v"))[1]
    )
    assert match(None, 2, _dataset("u", "v"))[1]
    assert match(["u", "v"], None, _dataset("v", "u")) == (("u", "v"), "")


@pytest.mark.parametrize(
    ("names", "columns", "told"),
    [
        (["a_cm", "b"], ["a cm", "a-cm", "b"], "may be any of"),
        (["a_cm", "c"], ["a cm", "b"], "the table lacks 'c'"),
        (["Column_0", "Column_1", "Column_2"], ["u", "v"], "reads 3 columns"),
        (["a_b", "a b"], ["a-b", "c"], "could be one column"),
    ],
)
def test_names_that_may_mean_several_columns_are_refused(names: list[str], columns: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        match(names, None, _dataset(*columns))


def test_an_object_from_elsewhere_needs_trust(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trust = true"):
        from_object("colorsys:rgb_to_hsv", tmp_path)
    with pytest.raises(ModelError, match="no predict"):
        from_object("colorsys:rgb_to_hsv", tmp_path, trust=True)
    (tmp_path / "own_place.py").write_text("class M:\n    def predict(self, X): return X\nmodel = M()\n")
    assert from_object("own_place:model", tmp_path).info.runs_code


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("calibrated", [False, True])
def test_an_estimator_taught_categories_reads_words(library: str, calibrated: bool) -> None:
    X, y = _categorical(FRAME[TAUGHT]), TARGETS["binary"]
    model: Any = (
        lightgbm.LGBMClassifier(n_estimators=12, verbose=-1, n_jobs=1)
        if library == "lightgbm"
        else xgboost.XGBClassifier(n_estimators=12, enable_categorical=True, n_jobs=1)
    )
    model = (CalibratedClassifierCV(model, cv=2) if calibrated else model).fit(X, y)
    np.testing.assert_allclose(_answers(wrap(model), "binary", FRAME), model.predict_proba(X)[:, 1], atol=1e-7)


@pytest.mark.parametrize("kind", ["lightgbm", "histogram"])
def test_a_refit_is_given_the_categories_too(kind: str) -> None:
    X, y = _categorical(FRAME[TAUGHT]), TARGETS["binary"]
    model: Any = (
        lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1, random_state=0)
        if kind == "lightgbm"
        else HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    )
    wrapped = wrap(model.fit(X, y))
    dataset = build({"test": FRAME.assign(target=y)}, Roles(target="target", task="binary", positive=1))
    columns, _ = match(wrapped.feature_names, wrapped.feature_count, dataset)
    dataset = dataset.for_model(columns, wrapped.feature_count)
    again = refit(wrapped, dataset, np.arange(ROWS), 0)
    answers = ask(again, dataset.inputs(np.arange(ROWS)), dataset, progress=silent, what="")
    assert answers.y_score is not None
    np.testing.assert_allclose(answers.y_score, model.predict_proba(X)[:, 1], atol=1e-7)


def test_log_odds_of_xgboost_become_probabilities() -> None:
    X, y = FRAME[["a cm", "b"]], TARGETS["binary"]
    matrix = xgboost.DMatrix(X, y, nthread=1)
    raw = xgboost.train({"objective": "binary:logitraw", "nthread": 1}, matrix, 8)
    heard = _answers(wrap(raw), "binary", X)
    np.testing.assert_allclose(heard, 1 / (1 + np.exp(-raw.predict(matrix).astype(float))), atol=1e-7)
