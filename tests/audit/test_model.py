"""Model files: what loads, what is refused, and that nothing hostile gets as far as predicting."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from audit.errors import ModelError
from audit.models.load import load, wrap
from audit.models.skops_state import validate_trees

X = np.random.default_rng(0).normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        Ridge(),
        DecisionTreeClassifier(),
        RandomForestClassifier(n_estimators=3),
        ExtraTreesClassifier(n_estimators=3),
        GradientBoostingRegressor(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        SVC(),
        GaussianNB(),
        KNeighborsClassifier(algorithm="brute"),
        KNeighborsClassifier(),
        KNeighborsClassifier(algorithm="ball_tree", p=3, leaf_size=7),
        KNeighborsRegressor(metric="manhattan"),
        make_pipeline(SplineTransformer(), Ridge()),
        MLPClassifier(max_iter=5, early_stopping=False, tol=1e9),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        TunedThresholdClassifierCV(LogisticRegression(), cv=2),
        make_pipeline(SelectKBest(k=2), GaussianNB()),
        make_pipeline(make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough"), Ridge()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_common_estimators_load_without_further_trust(estimator: object, tmp_path: Path) -> None:
    given = np.round(X) if "ColumnTransformer" in repr(estimator) else X
    estimator.fit(given, Y)  # type: ignore[attr-defined]
    skops.io.dump(estimator, tmp_path / "model.skops")
    model = load(tmp_path / "model.skops")
    assert np.array_equal(np.asarray(model.predictor.predict(given)), estimator.predict(given))  # type: ignore[attr-defined]
    assert model.info.sha256
    assert not model.info.runs_code


@pytest.mark.parametrize("dtype", [object, np.number, ["number", "category"]])
def test_pipelines_that_select_columns_by_type_load(dtype: object, tmp_path: Path) -> None:
    frame = pd.DataFrame({"kind": ["a", "b"] * 40, "x": X[:, 0]})
    selector = make_column_selector(dtype_include=dtype)
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), selector), remainder="drop")
    if dtype is object:
        frame["kind"] = frame["kind"].astype(object)
    skops.io.dump(make_pipeline(columns, LogisticRegression()).fit(frame, Y), tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").feature_names == ("kind", "x")


def _with_arrays(path: Path, change: str) -> None:
    """Rewrite one array within a skops file."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(data), allow_pickle=False)
                names = array.dtype.names or ()
                if "left_child" in names or "left" in names:
                    array = array.copy()
                    field = {"child": ("left_child", "left"), "feature": ("feature", "feature_idx")}[change]
                    array[next(one for one in field if one in names)][0] = 10**6
                    stream = io.BytesIO()
                    np.save(stream, array)
                    data = stream.getvalue()
            new.writestr(name, data)
    path.write_bytes(out.getvalue())


@pytest.mark.parametrize("change", ["child", "feature"])
@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        HistGradientBoostingClassifier(max_iter=2),
        RandomForestClassifier(n_estimators=2),
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=2, max_features=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_that_point_outside_themselves_are_refused(estimator: object, change: str, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(estimator.fit(X, Y), path)  # type: ignore[attr-defined]
    _with_arrays(path, change)
    with pytest.raises(ModelError, match=r"broken or hostile|could not be loaded"):
        load(path)


@pytest.mark.parametrize("change", [1, 2, 3])
def test_trees_of_neighbors_are_grown_again_from_their_rows(change: int) -> None:
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = list(model._tree.__getstate__())
    hostile = state[change].copy()
    hostile.view(np.uint8).ravel()[:] = 255
    state[change] = hostile
    model._tree.__setstate__(tuple(state))
    validate_trees(model)
    assert np.array_equal(model.predict(X), KNeighborsClassifier(algorithm="brute").fit(X, Y).predict(X))


def test_a_tree_of_neighbors_without_rows_is_refused() -> None:
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = model._tree.__getstate__()
    model._tree.__setstate__((np.zeros((0, 3)), *state[1:]))
    with pytest.raises(ModelError, match="could not be rebuilt"):
        validate_trees(model)


def test_a_spline_with_too_few_knots_is_refused() -> None:
    spline = SplineTransformer().fit(X)
    spline.bsplines_[0]._t = np.zeros(2)
    with pytest.raises(ModelError, match="broken spline"):
        validate_trees(spline)


def test_a_tree_that_claims_more_features_than_its_forest_is_refused() -> None:
    forest = RandomForestClassifier(n_estimators=2, random_state=0).fit(X, Y)
    forest.estimators_[0] = DecisionTreeClassifier().fit(np.hstack([X, X]), Y)
    with pytest.raises(ModelError, match=r"do(es)? not have"):
        validate_trees(forest)


def test_types_off_the_allow_list_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(LogisticRegression().fit(X, Y), path)
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                schema["__module__"], schema["__class__"] = "os", "system"
                data = json.dumps(schema).encode()
            new.writestr(name, data)
    path.write_bytes(out.getvalue())
    with pytest.raises(ModelError, match=r"os\.system"):
        load(path)


def test_sound_trees_pass() -> None:
    forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, Y)
    validate_trees({"a": [forest], "b": (HistGradientBoostingClassifier(max_iter=3).fit(X, Y),)})
    assert forest.estimators_[0].tree_.node_count > 1


def test_identity_of_an_object() -> None:
    model = wrap(make_pipeline(StandardScaler(), LogisticRegression(C=2.0)).fit(X, Y))
    assert model.info.kind == "Pipeline ending in sklearn.linear_model._logistic.LogisticRegression"
    assert model.info.parameters["C"] == "2.0"
    assert model.feature_count == 3
    assert model.obstacle_to_refit() == ""


def test_weights_alone_are_told_to_name_their_code(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from safetensors.numpy import save_file

    save_file({"l.weight": np.zeros((1, 2), dtype=np.float32)}, tmp_path / "state.safetensors")
    with pytest.raises(ModelError, match=r'torch = "package\.module:Class" with weights = "state\.safetensors"'):
        load(tmp_path / "state.safetensors")
