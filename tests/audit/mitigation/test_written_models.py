"""What is written is exported, served and audited like any model; no graph decides for a group it does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from audit.cli import main
from audit.deploy.batching import Answer
from audit.deploy.export import export
from audit.deploy.service import make_service, open_model
from audit.integrations.mitigation import mitigate
from audit.mitigation import candidates
from audit.mitigation.candidates import METHODS
from audit.models.load import load as load_model
from reports.store import load
from tests.audit.mitigation.worlds import misled, pipeline, table

FEATURES = ["x", "z", "kind"]
PARTS = {name: table(400, place, gap=1.2) for place, name in enumerate(("train", "validation", "test"))}
MISLED = {name: misled(400, place, gap=1.2) for place, name in enumerate(PARTS)}
NEED = {"reduction": "fairlearn", "penalty": "torch"}


@pytest.fixture(autouse=True)
def _one_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "STRENGTHS", (30.0,))
    monkeypatch.setattr(candidates, "POWERS", (1.0,))


def _written(folder: Path, model: Any, method: str, parts: Any = None, **more: Any) -> Path:  # noqa: ANN401
    """Mitigate and write; return the folder."""
    if parts is None:
        parts = MISLED if method == "group-calibration" else PARTS
    asked = {"target": "y", "features": FEATURES, "sensitive": ["sex"], "constraint": "demographic-parity", **more}
    group = [one for one in asked["sensitive"] if one not in asked["features"]]
    given = {name: part[[*asked["features"], *group, asked["target"]]] for name, part in parts.items()}
    if asked["target"] == "y":
        asked = {"positive": parts["train"]["y"].max(), "favorable": parts["train"]["y"].max(), **asked}
    done = mitigate(model, **given, method=method, anyway=True, **asked)
    done.write(folder)
    for name, part in given.items():
        part.to_csv(folder / f"{name}.csv", index=False)
    return folder


def _model(method: str) -> tuple[Any, list[str]]:
    train = PARTS["train"]
    if method != "penalty":
        return pipeline(LogisticRegression()).fit(train[FEATURES], train["y"]), FEATURES
    from trainers import NetworkClassifier

    return NetworkClassifier(hidden=(4,), epochs=3, random_state=0).fit(train[["x", "z"]], train["y"]), ["x", "z"]


def _exported(folder: Path) -> tuple[Any, Any]:
    """Export the sealed model; return it and the graph."""
    sealed = load_model(folder / "model.skops")
    train, test = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "test"))
    export(sealed, train, test, folder / "model.onnx")
    return sealed.predictor, load_model(folder / "model.onnx").predictor


@pytest.mark.parametrize("method", list(METHODS))
def test_what_each_method_writes_is_audited_exported_and_served_like_any_other(method: str, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("fastapi")
    if method in NEED:
        pytest.importorskip(NEED[method])
    model, features = _model(method)
    out = _written(tmp_path / "out", model, method, features=features)
    (out / "audit.toml").write_text(
        '[model]\npath = "model.skops"\n[data]\ntrain = "train.csv"\ntest = "test.csv"\nsensitive = ["sex"]\n'
        'target = "y"\npositive = "yes"\nfavorable = "yes"\n[checks]\nselect = ["disparities"]\n'
        '[report]\nformats = ["json"]\n'
    )
    assert main(["run", str(out / "audit.toml")]) in {0, 1, 3}
    found = load(out / "audit-report" / "audit.json").metric("demographic_parity_difference", feature="sex")
    assert found.value == pytest.approx(load(out / "audit.json").metric("gap_after", feature="sex").value)
    sealed, _ = _exported(out)
    X = table(20, 9)[list(sealed.feature_names_in_)]
    for opened in (open_model(out / "model.skops", data=out / "train.csv"), open_model(out / "model.json", data=None)):
        answer = make_service(*opened).batcher.service.answer({str(name): X[name].tolist() for name in X})
        assert isinstance(answer, Answer)
        assert answer.label.tolist() == np.asarray(sealed.predict(X)).tolist()


@pytest.mark.parametrize("method", ["thresholds", "group-calibration"])
def test_rules_by_group_go_into_the_graph_and_stop_at_unknown_groups(method: str, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    sealed, graph = _exported(_written(tmp_path / "out", _model(method)[0], method))
    X = table(300, 7)[[*FEATURES, "sex"]]
    assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predict(X)))
    assert graph.predict_proba(X) == pytest.approx(sealed.predict_proba(X), abs=1e-9)
    for strange in ("d", None):
        odd: list[Any] = [strange if row == 5 else sex for row, sex in enumerate(X["sex"])]
        with pytest.raises(Exception, match=r"out of data bounds|missing|NaN"):
            graph.predict(X.assign(sex=odd))


def test_the_graph_is_served_with_the_group_among_its_inputs(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("fastapi")
    out = _written(tmp_path / "out", _model("thresholds")[0], "thresholds")
    sealed, _ = _exported(out)
    description, model = open_model(out / "model.json", data=None)
    service = make_service(description, model)
    columns = {one.name: one for one in service.description.columns}
    assert columns["sex"].categories == ("f", "m")
    assert json.loads((out / "model.json").read_text())["parity"]["changed_labels"] == 0
    X = table(20, 9)[[*FEATURES, "sex"]]
    answer = service.batcher.service.answer({str(name): X[name].tolist() for name in X})
    assert isinstance(answer, Answer)
    assert answer.label.tolist() == np.asarray(sealed.predict(X)).tolist()


def test_bands_and_codes_are_groups_in_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    aged = {name: part.assign(age=np.where(part["sex"] == "f", 25.0, 45.0)) for name, part in PARTS.items()}
    for place, bins in enumerate(({"age": (35.0,)}, {})):
        out = _written(tmp_path / str(place), _model("")[0], "thresholds", aged, sensitive=["age"], bins=bins)
        sealed, graph = _exported(out)
        X = aged["test"][[*FEATURES, "age"]]
        if bins:
            X = X.assign(age=X["age"] + np.arange(len(X)) % 10)
        assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predict(X)))
        with pytest.raises(Exception, match="out of data bounds"):
            graph.predict(X.assign(age=np.nan))


@pytest.mark.parametrize("kind", ["network", "xgboost", "xgboost behind columns"])
def test_networks_and_boosters_inside_are_exported_with_their_rule(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("torch" if kind == "network" else "xgboost")
    parts, features = PARTS, ["x", "z"]
    if kind == "network":
        model, _ = _model("penalty")
    else:
        from xgboost import XGBClassifier

        parts = {name: part.assign(y=(part["y"] == "yes").astype(int)) for name, part in PARTS.items()}
        model = XGBClassifier(n_estimators=4, max_depth=2, n_jobs=1)
        if kind != "xgboost":
            model, features = pipeline(model), FEATURES
        model.fit(parts["train"][features], parts["train"]["y"])
    sealed, graph = _exported(_written(tmp_path / "out", model, "thresholds", parts, features=features))
    X = parts["test"][[*features, "sex"]]
    assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predict(X)))
    with pytest.raises(Exception, match="out of data bounds"):
        graph.predict(X.assign(sex="d"))


def test_numbers_are_moved_by_group_in_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    parts = {name: part.assign(v=part["v"] + 2.0 * (part["sex"] == "f")) for name, part in PARTS.items()}
    model = pipeline(LinearRegression()).fit(parts["train"][FEATURES], parts["train"]["v"])
    asked = {"target": "v", "constraint": "bounded-group-loss"}
    sealed, graph = _exported(_written(tmp_path / "out", model, "group-calibration", parts, **asked))
    X = parts["test"][[*FEATURES, "sex"]]
    assert np.asarray(graph.predict(X)) == pytest.approx(np.asarray(sealed.predict(X)), abs=1e-9)
    with pytest.raises(Exception, match="out of data bounds"):
        graph.predict(X.assign(sex="d"))


@pytest.mark.parametrize("kind", ["pipeline", "margins", "numbers", "bare numbers", "booster", "regression"])
def test_columns_are_moved_by_group_in_the_graph(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    features = ["x", "z"] if "numbers" in kind else FEATURES
    target, last = "v" if kind == "regression" else "y", {
        "margins": LinearSVC(), "booster": HistGradientBoostingClassifier(max_iter=5), "regression": LinearRegression(),
    }.get(kind, LogisticRegression())  # fmt: skip
    model = last if "numbers" in kind else pipeline(last)
    X = PARTS["train"][features]
    model.fit(X.to_numpy() if kind == "bare numbers" else X, PARTS["train"][target])
    asked = {"target": target, "constraint": "bounded-group-loss"} if kind == "regression" else {}
    sealed, graph = _exported(
        _written(tmp_path / "out", model, "remove-correlation", features=features, **asked)
    )  # fmt: skip
    X = PARTS["test"][list(sealed.feature_names_in_)]
    if kind == "regression":
        assert np.asarray(graph.predict(X)) == pytest.approx(np.asarray(sealed.predict(X)), abs=1e-5)
    else:
        assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predict(X)))
    with pytest.raises(Exception, match="out of data bounds"):
        graph.predict(X.assign(sex="d"))


@pytest.mark.parametrize("method", ["thresholds", "group-calibration"])
def test_rules_about_raw_scores_are_exported_without_calling_them_probabilities(method: str, tmp_path: Path) -> None:
    pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    margins = pipeline(LinearSVC()).fit(PARTS["train"][FEATURES], PARTS["train"]["y"])
    sealed, graph = _exported(_written(tmp_path / "out", margins, method))
    X = table(300, 7)[[*FEATURES, "sex"]]
    assert np.array_equal(np.asarray(graph.predict(X)), np.asarray(sealed.predict(X)))
    assert hasattr(graph, "predict_proba") == (method == "group-calibration")
    with pytest.raises(Exception, match="out of data bounds"):
        graph.predict(X.assign(sex="d"))
