"""Calibration around whole pipelines, classifiers without probabilities, forests: exact, or refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from audit.deploy.description import read_description
from audit.deploy.export import export
from audit.errors import ModelError
from audit.models.load import load, wrap

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

GENERATOR = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "age": GENERATOR.integers(18, 80, 300),
        "pay": GENERATOR.normal(3, 1, 300),
        "sex": GENERATOR.choice(["f", "m"], 300),
    }
)
NUMBERS = TABLE[["age", "pay"]].astype(float)
TWO = np.where(TABLE["age"] + GENERATOR.normal(0, 9, 300) > 50, "yes", "no")
THREE = np.where(TABLE["age"] > 60, "old", np.where(TABLE["pay"] > 3, "rich", "other"))


def behind_columns(last: Any, numbers: Any = None) -> Any:  # noqa: ANN401
    encoded = make_column_transformer((OneHotEncoder(), ["sex"]), (numbers or StandardScaler(), ["age", "pay"]))
    return make_pipeline(encoded, last)


def calibrated(last: Any, **options: Any) -> Any:  # noqa: ANN401
    return CalibratedClassifierCV(behind_columns(last), cv=2, **options)


CALIBRATED: dict[str, tuple[Any, Any]] = {
    "margins": (calibrated(LogisticRegression()), TWO),
    "steps": (calibrated(LogisticRegression(), method="isotonic"), TWO),
    "temperature": (calibrated(LogisticRegression(), method="temperature"), TWO),
    "temperature of probabilities": (calibrated(DecisionTreeClassifier(max_depth=3), method="temperature"), TWO),
    "three classes": (calibrated(LogisticRegression()), THREE),
    "steps of three classes": (calibrated(RandomForestClassifier(4, random_state=0), method="isotonic"), THREE),
    "without probabilities": (calibrated(LinearSVC()), TWO),
    "one member": (calibrated(LogisticRegression(), ensemble=False), TWO),
    "fitted before": (
        CalibratedClassifierCV(FrozenEstimator(behind_columns(LogisticRegression()).fit(TABLE, TWO))),
        TWO,
    ),
    "behind the columns": (behind_columns(CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC()))), TWO),
}


@pytest.mark.parametrize("name", CALIBRATED)
def test_calibration_around_a_pipeline(name: str, tmp_path: Path) -> None:
    model, y = CALIBRATED[name]
    model.fit(TABLE, y)
    found = export(wrap(model), TABLE, TABLE, tmp_path / "m.onnx").parity
    assert found["changed_labels"] == 0
    assert found["largest_difference"] <= 1e-6
    unseen = TABLE.assign(age=TABLE["age"] * 1.5, pay=-TABLE["pay"])
    written: Any = load(tmp_path / "m.onnx").predictor
    np.testing.assert_allclose(written.predict_proba(unseen), model.predict_proba(unseen), rtol=0, atol=1e-6)


@pytest.mark.parametrize("names", [["label", "probabilities"], ["member0/X", "classes.3"], ["part.1", "constant.2"]])
def test_columns_called_like_parts_of_a_calibrated_graph(names: list[str], tmp_path: Path) -> None:
    table = NUMBERS.set_axis(names, axis=1)
    model = CalibratedClassifierCV(make_pipeline(StandardScaler(), LogisticRegression()), cv=2).fit(table, TWO)
    assert export(wrap(model), table, table, tmp_path / "m.onnx").parity["largest_difference"] <= 1e-6


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("last", [LinearSVC(), RidgeClassifier(), Perceptron(), SVC()], ids=str)
def test_raw_scores_are_not_written_as_probabilities(last: Any, y: Any, tmp_path: Path) -> None:  # noqa: ANN401
    model = behind_columns(last).fit(TABLE, y)
    export(wrap(model), TABLE, TABLE, tmp_path / "m.onnx")
    description, written = read_description(tmp_path / "model.json")
    assert not description.scores
    assert not hasattr(written.predictor, "predict_proba")
    assert description.classes == tuple(sorted(set(y)))
    assert (np.asarray(written.predictor.predict(TABLE)) == model.predict(TABLE)).all()


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=4),
        RandomForestClassifier(7, random_state=0),
        ExtraTreesClassifier(7, random_state=0),
        RandomForestRegressor(7, random_state=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [False, True])
def test_forests_are_written_tree_by_tree(model: Any, missing: bool, tmp_path: Path) -> None:  # noqa: ANN401
    table = NUMBERS.mask(GENERATOR.random(NUMBERS.shape) < 0.1) if missing else NUMBERS
    model.fit(table, NUMBERS["pay"] if "Regressor" in str(model) else THREE)
    export(wrap(model), table, table, tmp_path / "m.onnx")
    asked = NUMBERS.mask(GENERATOR.random(NUMBERS.shape) < 0.3) * 1.01
    written: Any = load(tmp_path / "m.onnx").predictor
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(written, method)(asked), getattr(model, method)(asked), rtol=0, atol=1e-12)


REFUSED = {
    "a step that is not known": (behind_columns(LogisticRegression(), SplineTransformer()), "SplineTransformer"),
    "one class against all, of pipelines": (
        OneVsRestClassifier(behind_columns(LogisticRegression())),
        r"make_pipeline\(columns, model\)",
    ),
    "neighbors by distance": (
        make_pipeline(make_column_transformer((StandardScaler(), ["age"])), KNeighborsClassifier(weights="distance")),
        "does not answer as its source does",
    ),
    "a function of one's own": (
        make_pipeline(make_column_transformer((FunctionTransformer(np.cbrt), ["age", "pay"])), LogisticRegression()),
        "FunctionTransformer applies 'cbrt'",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_answer_otherwise_is_refused_with_advice(kind: str, tmp_path: Path) -> None:
    model, said = REFUSED[kind]
    model.fit(TABLE, THREE)
    with pytest.raises(ModelError, match=said) as told:
        export(wrap(model), TABLE, TABLE, tmp_path / "m.onnx")
    assert "modelassay serve" in str(told.value) or "make_pipeline" in str(told.value)
    assert list(tmp_path.iterdir()) == []
