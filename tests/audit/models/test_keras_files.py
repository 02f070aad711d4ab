"""Keras 3 files: answers as Keras's own, gradients of the right sign, and nothing of a file is run."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")
keras = pytest.importorskip("keras", reason="Keras files need the keras extra")

import audit  # noqa: E402
from audit.errors import ModelError  # noqa: E402
from audit.explain.gradients import network_of  # noqa: E402
from audit.models.answers import learn_labels  # noqa: E402
from audit.models.load import Model, load  # noqa: E402
from reports.record import AuditRecord  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6)).astype(np.float32)
IMAGES = RNG.random((80, 8, 6, 3)).astype(np.float32)
ENDS: dict[str, Any] = {"sigmoid": (1, "sigmoid"), "softmax": (2, "softmax"), "logit": (1, None), "logits": (3, None)}


def layers(*parts: object) -> Any:  # noqa: ANN401 -- Keras may be absent
    keras.utils.set_random_seed(0)
    return keras.Sequential(list(parts))


def saved(model: Any, folder: Path) -> Path:  # noqa: ANN401
    model.save(folder / "model.keras")
    return folder / "model.keras"


def audited(model: object, rows: object, y: object, **more: object) -> AuditRecord:
    return audit.run(model, rows, y, quick=True, suppress_n=0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", list(ENDS))
def test_a_file_answers_as_keras_does_without_a_word_on_its_outputs(end: str, tmp_path: Path) -> None:
    units, activation = ENDS[end]
    model = layers(
        keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5),
        keras.layers.BatchNormalization(), keras.layers.Dense(units, activation=activation),
    )  # fmt: skip
    raw = np.asarray(model.predict(X, verbose=0))
    codes = (raw[:, 0] > (0.5 if end == "sigmoid" else 0)).astype(int) if units == 1 else raw.argmax(axis=1)
    record = audited(load(saved(model, tmp_path)), X, codes, task="multiclass" if units == 3 else "binary")
    assert record.metric("accuracy").value == 1.0
    assert (record.model.format, record.model.runs_code) == ("keras", False)


def test_a_regression_and_a_model_in_memory_are_audited() -> None:
    model = layers(keras.Input((6,)), keras.layers.Dense(1))
    y = np.asarray(model.predict(X, verbose=0))[:, 0]
    assert audited(model, X, y, task="regression").metric("r2_score").value == pytest.approx(1.0)


def test_images_are_read_in_either_layout(tmp_path: Path) -> None:
    model = layers(
        keras.Input((8, 6, 3)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(1, activation="sigmoid"),
    )  # fmt: skip
    shares = np.asarray(model.predict(IMAGES, verbose=0))[:, 0]
    y = (shares > np.median(shares)).astype(int)
    loaded = load(saved(model, tmp_path))
    assert loaded.image_shape == (3, 8, 6)
    last = audited(loaded, IMAGES, y)
    first = audited(load(tmp_path / "model.keras"), np.moveaxis(IMAGES, -1, 1), y)
    assert last.metric("roc_auc").value == first.metric("roc_auc").value == 1.0


def test_gradients_are_those_of_small_steps(tmp_path: Path) -> None:
    model = layers(
        keras.Input((6,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2, activation="softmax")
    )
    loaded = load(saved(model, tmp_path))
    _learn(loaded)
    network = network_of(loaded.predictor, task="binary", column=1)
    assert network is not None
    rows = X[:5].astype(np.float64)
    inputs = network.prepare(rows).requires_grad_()
    (slope,) = torch.autograd.grad(network.output(inputs).sum(), inputs)
    moved = rows.copy()
    moved[:, 2] += 1e-2
    assert np.allclose(slope[:, 2], (network.score(moved) - network.score(rows)) / 1e-2, atol=1e-2)
    shares = np.asarray(model.predict(rows, verbose=0))[:, 1]
    assert np.allclose(1 / (1 + np.exp(-network.score(rows))), shares, atol=1e-5)


def _learn(model: Model) -> None:
    class Rows:
        task, label_order, classes, features = "binary", ("0", "1"), ("0", "1"), tuple("abcdef")

        def has(self, name: str) -> bool:
            return True

        def rows(self, name: str) -> np.ndarray:
            return np.arange(20)

        def inputs(self, chosen: np.ndarray) -> pd.DataFrame:
            return pd.DataFrame(X[chosen])

    learn_labels(model, Rows())  # type: ignore[arg-type]


def test_code_in_a_file_is_refused_before_keras_sees_it(tmp_path: Path) -> None:
    lambdas = layers(keras.Input((6,)), keras.layers.Lambda(lambda rows: rows * 2), keras.layers.Dense(1))
    with pytest.raises(ModelError, match=r"'Lambda'.*is code.*model.export"):
        load(saved(lambdas, tmp_path))


@pytest.mark.parametrize(
    "part",
    [
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
        {"module": "mine.layers", "class_name": "Mine", "config": {}, "registered_name": "mine>Mine"},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "AAAA"}},
    ],
)
def test_what_a_file_could_make_keras_run_or_read_is_refused(part: dict[str, Any], tmp_path: Path) -> None:
    path = saved(layers(keras.Input((6,)), keras.layers.Dense(1)), tmp_path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    config["config"]["layers"].insert(1, part)
    contents["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"is code|is not read.*\[model\] object"):
        load(path)


def test_files_that_are_none_and_models_of_two_inputs_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"not a Keras 3 file.*model.save"):
        load(tmp_path / "broken.keras")
    (tmp_path / "old.h5").write_bytes(b"x")
    with pytest.raises(ModelError, match=r'old format.*\.save\("model.keras"\)'):
        load(tmp_path / "old.h5")
    left, right = keras.Input((3,)), keras.Input((3,))
    both = keras.Model([left, right], keras.layers.Dense(1)(left + right))
    with pytest.raises(ModelError, match="reads 2 inputs"):
        load(saved(both, tmp_path))
