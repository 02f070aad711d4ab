"""A model file holds everything, equal models give equal bytes, and no damaged or foreign file is taken for ours."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_iris, make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainers import FileError, NetworkClassifier, NetworkRegressor, load, save
from trainers.files import KEY, skops_types, to_bytes
from trainers.history import without_seconds
from trainers.preparation import TablePreparation

pytest.importorskip("torch")
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save as bytes_of

X, Y = make_classification(100, 6, random_state=0)


@pytest.fixture(scope="module")
def model() -> NetworkClassifier:
    return NetworkClassifier(hidden=(8,), epochs=3, class_weight={0: 1.0, 1: 2.0}, random_state=0).fit(X, Y)


def header_of(content: bytes) -> dict[str, Any]:
    size = int.from_bytes(content[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][KEY])
    return found


def test_everything_comes_back(model: NetworkClassifier, tmp_path: Path) -> None:
    path = save(model, tmp_path / "model.safetensors")
    again = load(path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.get_params() == model.get_params()
    assert again.history_ == without_seconds(model.history_)
    assert (again.n_iter_, again.best_epoch_, again.stopped_) == (model.n_iter_, model.best_epoch_, model.stopped_)
    assert to_bytes(again) == path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array([False, True]),
        np.array([3, 7]),
        np.array([0.0, 1.0]),
        np.array(["a", "b"], object),
    ],
)
def test_labels_of_every_kind_come_back(labels: NDArray[Any], tmp_path: Path) -> None:
    fitted = NetworkClassifier(epochs=1, random_state=0).fit(X, labels[Y])
    again = load(save(fitted, tmp_path / "m.safetensors"))
    assert again.classes_.dtype.kind == fitted.classes_.dtype.kind
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_names_of_features_are_kept_and_checked(tmp_path: Path) -> None:
    iris = load_iris(as_frame=True)
    fitted = NetworkRegressor(epochs=1, random_state=0).fit(iris.data, iris.data.iloc[:, 0])
    again = load(save(fitted, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict(iris.data), fitted.predict(iris.data))
    assert list(again.feature_names_in_) == list(iris.data.columns)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(iris.data.rename(columns={"petal width (cm)": "petal"}))


def test_same_seed_same_file(tmp_path: Path) -> None:
    files = []
    for number in range(2):
        fitted = NetworkClassifier(epochs=2, random_state=3).fit(X, Y)
        files.append(save(fitted, tmp_path / f"{number}.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_pipeline_with_our_preparation_is_one_file(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": X[:, 0], "b": ["hi" if one > 0 else None for one in X[:, 1]], "c": X[:, 2]})
    table.loc[3, "a"] = np.nan
    pipeline = make_pipeline(TablePreparation(min_count=2), NetworkClassifier(epochs=2, random_state=0)).fit(table, Y)
    again = load(save(pipeline, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(table), pipeline.predict_proba(table))
    assert list(again.feature_names_in_) == ["a", "b", "c"]


def test_what_is_no_plain_data_is_refused(model: NetworkClassifier, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not fitted"):
        save(NetworkClassifier(), tmp_path / "m.safetensors")
    with pytest.raises(FileError, match=r"ends in '\.safetensors'"):
        save(model, tmp_path / "m.pkl")
    with pytest.raises(FileError, match="'StandardScaler', 'NetworkClassifier'; expected"):
        save(make_pipeline(StandardScaler(), NetworkClassifier(epochs=1)).fit(X, Y), tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="cannot write into"):
        save(model, tmp_path / "nowhere" / "m.safetensors")
    import torch

    own = NetworkClassifier(network=lambda shape, outputs: torch.nn.Linear(shape[0], outputs), epochs=1).fit(X, Y)
    with pytest.raises(FileError, match="function of yours"):
        save(own, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_foreign_and_broken_files_are_refused(model: NetworkClassifier, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(FileError, match="there is no file"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(FileError, match="not a complete safetensors file"):
        load(path)
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(FileError, match="not a complete safetensors file"):
        load(path)
    path.write_bytes(bytes_of({"layer": np.ones(3)}))
    with pytest.raises(FileError, match="of another program"):
        load(path)
    content = to_bytes(model)
    changed = bytearray(content)
    changed[-1] ^= 1
    path.write_bytes(changed)
    with pytest.raises(FileError, match="differ from the fingerprint"):
        load(path)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999))
def test_a_file_cut_anywhere_is_refused(
    model: NetworkClassifier, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    content = to_bytes(model)
    path = tmp_path_factory.mktemp("cut") / "m.safetensors"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileError):
        load(path)


HOSTILE: list[tuple[tuple[str, ...], Any, str]] = [
    (("version",), 99, "version '99'"),
    (("estimator",), "os.system", "estimator 'os.system' is unknown"),
    (("parameters", "network"), "builtins.eval", "network is 'builtins.eval'"),
    (("parameters", "hidden"), [10**12], "damaged"),
    (("parameters", "layers"), 10**9, "layers is"),
    (("parameters", "surprise"), 1, "damaged"),
    (("state", "input_shape_"), [10**15], "damaged"),
    (("state", "classes_"), {"dtype": "object", "values": [[1], [2]]}, "damaged"),
    (("state", "classes_"), {"dtype": "V8", "values": []}, "classes are of type"),
    (("state", "n_iter_"), "many", "damaged"),
    (("history",), [[1, 2]], "damaged"),
    (("parameters", "tokens"), "word", "damaged|cannot read a sequence"),
    (("state", "token_count_"), 7, "the vocabulary does not fit"),
    (("state", "vocabulary_"), ["a"], "the vocabulary does not fit"),
    (("preparation",), {"parameters": {"evil": 1}}, "damaged"),
]


@pytest.mark.parametrize(("place", "value", "message"), HOSTILE)
def test_a_hostile_header_is_refused(
    model: NetworkClassifier, tmp_path: Path, place: tuple[str, ...], value: object, message: str
) -> None:
    content = to_bytes(model)
    header = header_of(content)
    inner = header
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path = tmp_path / "m.safetensors"
    path.write_bytes(bytes_of(tensors_of(content), metadata={KEY: json.dumps(header)}))
    with pytest.raises(FileError, match=message):
        load(path)


def test_skops_meets_only_our_class(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    table = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "hi", "lo")})
    for fitted, seen in (
        (NetworkClassifier(epochs=1, random_state=0).fit(X, Y), X),
        (NetworkRegressor(epochs=1, random_state=0).fit(X, X[:, 0]), X),
        (make_pipeline(StandardScaler(), NetworkClassifier(epochs=1)).fit(X, Y), X),
        (make_pipeline(TablePreparation(), NetworkClassifier(epochs=1)).fit(table, Y), table),
    ):
        path = tmp_path / "m.skops"
        skops.dump(fitted, path)
        untrusted = skops.get_untrusted_types(file=path)
        assert set(untrusted) <= set(skops_types())
        again = skops.load(path, trusted=untrusted)
        np.testing.assert_array_equal(again.predict(seen), fitted.predict(seen))
