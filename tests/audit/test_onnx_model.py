"""ONNX files: labels, probabilities and raw scores as the graph tells them, and tables turned into its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

import audit
from audit.data.tables import file_sha256
from audit.errors import ModelError
from audit.models.load import load

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

WEIGHTS = np.array([[1.0, -2.0], [0.5, 1.0], [-1.0, 0.0]], dtype=np.float32)
X = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)


def _saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], held: list[Any] | None = None) -> Path:
    graph = onnx.helper.make_graph(nodes, "graph", inputs, outputs, held or [])
    sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=sets, ir_version=9), path)
    return path


def _tensor(name: str, shape: list[int | str | None], kind: int = 1) -> Any:  # noqa: ANN401 -- protobuf
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def _linear(last: str, *, rows: int | None = None, weights: np.ndarray = WEIGHTS) -> tuple[list[Any], ...]:
    held = [onnx.numpy_helper.from_array(weights.T.copy(), "W")]
    nodes = [onnx.helper.make_node("MatMul", ["X", "W"], ["raw"])]
    nodes.append(onnx.helper.make_node(last, ["raw"], ["out"]))
    return nodes, [_tensor("X", [rows, 2])], [_tensor("out", [rows, len(weights)])], held


def _softmax(raw: np.ndarray) -> np.ndarray:
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_a_softmax_gives_probabilities_of_numbered_classes(tmp_path: Path) -> None:
    model: Any = load(_saved(tmp_path / "m.onnx", *_linear("Softmax"))).predictor
    expected = _softmax(X @ WEIGHTS.T)
    assert np.allclose(model.predict_proba(X), expected, atol=1e-6)
    assert np.array_equal(model.predict(X), expected.argmax(axis=1))
    assert model.n_features_in_ == 2
    assert not hasattr(model, "decision_function")


def test_raw_columns_are_scores_and_no_probabilities(tmp_path: Path) -> None:
    model: Any = load(_saved(tmp_path / "m.onnx", *_linear("Identity", weights=WEIGHTS[:2]))).predictor
    raw = X @ WEIGHTS[:2].T
    assert np.allclose(model.decision_function(X), raw[:, 1] - raw[:, 0], atol=1e-6)
    assert not hasattr(model, "predict_proba")


def test_one_column_is_a_number_and_behind_a_sigmoid_a_probability(tmp_path: Path) -> None:
    number: Any = load(_saved(tmp_path / "a.onnx", *_linear("Identity", weights=WEIGHTS[:1]))).predictor
    assert np.allclose(number.predict(X), (X @ WEIGHTS[:1].T).ravel(), atol=1e-6)
    assert not hasattr(number, "predict_proba")
    chance: Any = load(_saved(tmp_path / "b.onnx", *_linear("Sigmoid", weights=WEIGHTS[:1]))).predictor
    assert np.allclose(chance.predict_proba(X)[:, 1], 1 / (1 + np.exp(-(X @ WEIGHTS[:1].T).ravel())), atol=1e-6)
    assert set(chance.predict(X)) == {0, 1}


def test_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    free: Any = load(_saved(tmp_path / "a.onnx", *_linear("Softmax"))).predictor
    fixed: Any = load(_saved(tmp_path / "b.onnx", *_linear("Softmax", rows=8))).predictor
    assert np.allclose(fixed.predict_proba(X), free.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("zipped", [True, False])
def test_labels_in_words_are_read_from_the_classifier(zipped: bool, tmp_path: Path) -> None:
    words = ["low", "middle", "top"]
    classifier = onnx.helper.make_node(
        "LinearClassifier",
        ["X"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        coefficients=WEIGHTS.ravel().tolist(),
        intercepts=[0.0, 0.0, 0.0],
        classlabels_strings=words,
        post_transform="SOFTMAX",
    )
    nodes, last = [classifier], _tensor("probabilities", [None, 3])
    if zipped:
        nodes.append(
            onnx.helper.make_node(
                "ZipMap", ["probabilities"], ["zipped"], domain="ai.onnx.ml", classlabels_strings=words
            )
        )
        kind = onnx.helper.make_map_type_proto(8, onnx.helper.make_tensor_type_proto(1, []))
        last = onnx.helper.make_value_info("zipped", onnx.helper.make_sequence_type_proto(kind))
    path = _saved(tmp_path / "m.onnx", nodes, [_tensor("X", [None, 2])], [_tensor("label", [None], 8), last])
    model: Any = load(path).predictor
    expected = _softmax(X @ WEIGHTS.T)
    assert np.allclose(model.predict_proba(X), expected, atol=1e-6)
    assert list(model.predict(X)) == [words[column] for column in expected.argmax(axis=1)]


def _by_column(path: Path) -> Path:
    nodes = [
        onnx.helper.make_node(
            "LabelEncoder",
            ["kind_of"],
            ["code"],
            domain="ai.onnx.ml",
            keys_strings=["a", "b"],
            values_floats=[0.0, 3.0],
        ),
        onnx.helper.make_node("Add", ["code", "x"], ["sum"]),
    ]
    inputs = [_tensor("kind_of", [None, 1], 8), _tensor("x", [None, 1])]
    return _saved(path, nodes, inputs, [_tensor("sum", [None, 1])])


def test_inputs_by_column_are_found_by_name(tmp_path: Path) -> None:
    model: Any = load(_by_column(tmp_path / "m.onnx")).predictor
    frame = pd.DataFrame({"x": [1.0, 2.0], "kind of": ["a", "b"]})
    assert model.predict(frame).tolist() == [1.0, 5.0]
    with pytest.raises(ModelError, match="'kind_of'"):
        model.predict(frame.rename(columns={"kind of": "sort"}))
    with pytest.raises(ModelError, match="missing"):
        model.predict(frame.where(frame["x"] < 2, None))
    with pytest.raises(ModelError, match="takes numbers"):
        model.predict(frame.assign(x=["one", "two"]))


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no graph at all")
    with pytest.raises(ModelError, match=r"m\.onnx.*could not be loaded"):
        load(tmp_path / "m.onnx")


def test_an_onnx_model_is_audited(tmp_path: Path) -> None:
    model = load(_saved(tmp_path / "m.onnx", *_linear("Softmax", weights=WEIGHTS[:2])))
    frame = pd.DataFrame(np.vstack([X] * 8), columns=["first", "second"])
    y = (frame["first"] * 0.5 + frame["second"] * 3 > 0).astype(int).to_numpy()
    right = float((model.predictor.predict(frame) == y).mean())
    record = audit.run(model.predictor, test=(frame, y), task="binary", positive=1, checks=["classification"])
    measured = record.findings[0].measurement
    assert measured is not None
    accuracy = next(one for one in measured.estimates if one.metric == "accuracy")
    assert accuracy.value == pytest.approx(right)


# --- weights in another file ----------------------------------------------------------------------------


def _outside(folder: Path, place: str) -> Path:
    """Save a graph whose weights stand in another file, under any name."""
    path = _saved(folder / "m.onnx", *_linear("Softmax"))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = place if entry.key == "location" else entry.value
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_another_file_belong_to_the_model(tmp_path: Path) -> None:
    path = _outside(tmp_path, "w.bin")
    first = load(path)
    content = (tmp_path / "w.bin").read_bytes()
    (tmp_path / "w.bin").write_bytes(content[::-1])
    assert load(path).info.sha256 != first.info.sha256
    assert load(_saved(tmp_path / "one.onnx", *_linear("Softmax"))).info.sha256 == file_sha256(tmp_path / "one.onnx")


@pytest.mark.parametrize("place", ["../w.bin", "/etc/passwd", "/dev/zero", "../../../etc/passwd", "missing", "."])
def test_weights_elsewhere_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(1000))
    with pytest.raises(ModelError, match="expected the name of a file beside it"):
        load(_outside(tmp_path / "in", place))


def test_stated_classes_are_the_order_of_the_scores(tmp_path: Path) -> None:
    path = _saved(tmp_path / "m.onnx", *_linear("Identity"))
    words = np.array(["low", "mid", "high"])
    y = words[(X @ WEIGHTS.T).argmax(axis=1)]
    checks = ["classification"]
    assert audit.run(str(path), X, y, classes=words.tolist(), checks=checks).metric("accuracy").value == 1.0
    assumed = audit.run(str(path), X, y, checks=checks)
    assert any("in the order 'high', 'low', 'mid'" in note for note in assumed.model.notes)
    with pytest.raises(ModelError, match="classes names 'low', 'mid'; the target has"):
        audit.run(str(path), X, y, classes=["low", "mid"], checks=checks)
    with pytest.raises(ModelError, match="Leave it out"):
        audit.run(DummyClassifier().fit(X, y), X, y, classes=words.tolist(), checks=checks)


@pytest.mark.parametrize(
    ("last", "output", "text"),
    [
        ("Identity", "probabilities", r'the Softmax is missing.*output = "logits"'),
        ("Softmax", "logits", r'ends in Softmax.*output = "probabilities"'),
    ],
)
def test_what_is_stated_of_the_scores_must_be_true(last: str, output: str, text: str, tmp_path: Path) -> None:
    path = _saved(tmp_path / "m.onnx", *_linear(last))
    y = (X @ WEIGHTS.T).argmax(axis=1)
    with pytest.raises(ModelError, match=text):
        audit.run(str(path), X, y, task="multiclass", output=output)
