"""Damaged files of xgboost are refused before its library reads them; no file given from Python ends its caller."""

from __future__ import annotations

import copy
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.errors import ModelError
from audit.models import ubjson
from audit.models.load import OTHERS, load
from audit.models.xgboost_files import require_sound

xgboost = pytest.importorskip("xgboost")
GENERATOR = np.random.default_rng(0)
X = pd.DataFrame(GENERATOR.normal(size=(200, 3)), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 0).astype(int)
WORDS = X.assign(k=pd.Categorical(GENERATOR.choice(list("uvw"), 200)), n=pd.Categorical(GENERATOR.integers(0, 9, 200)))
KINDS: dict[str, tuple[dict[str, object], pd.DataFrame, Any]] = {
    "trees": ({"objective": "binary:logistic"}, X, Y),
    "pruned": ({"objective": "binary:logistic", "gamma": 3.0, "tree_method": "exact"}, X, Y),
    "leaf by leaf": ({"objective": "binary:logistic", "grow_policy": "lossguide", "max_leaves": 7}, X, Y),
    "dart": ({"objective": "binary:logistic", "booster": "dart"}, X, Y),
    "linear": ({"objective": "binary:logistic", "booster": "gblinear"}, X, Y),
    "classes": ({"objective": "multi:softprob", "num_class": 3}, X, Y + (X["c"] > 0)),
    "categories": ({"objective": "binary:logistic"}, WORDS, (WORDS["k"] == "u") ^ (X["a"] > 0)),
    "leaves of vectors": ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, X, X[["a", "b"]]),
    "two targets": ({}, X, X[["a", "b"]]),
    "stumps": ({"objective": "binary:logistic", "min_child_weight": 1e9}, X, Y),
}


def _save(kind: str, path: Path) -> Path:
    parameters, table, target = KINDS[kind]
    matrix = xgboost.DMatrix(table, target, enable_categorical=True, nthread=1)
    xgboost.train({"nthread": 1, **parameters}, matrix, 3).save_model(path)
    return path


@pytest.mark.parametrize("suffix", ["ubj", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_sound(kind: str, suffix: str, tmp_path: Path) -> None:
    require_sound(_save(kind, tmp_path / f"model.{suffix}"))


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    binary = ubjson.parse(_save("categories", tmp_path / "model.ubj").read_bytes())
    text = json.loads(_save("categories", tmp_path / "model.json").read_text())
    assert json.loads(json.dumps(binary, default=lambda values: values.tolist())).keys() == text.keys()
    trees = [value["learner"]["gradient_booster"]["model"]["trees"] for value in (binary, text)]  # type: ignore[index]
    for tree, other in zip(*trees, strict=True):
        np.testing.assert_array_equal(tree["split_conditions"], np.asarray(other["split_conditions"], np.float32))
        assert tree["left_children"].tolist() == other["left_children"]


def _with(document: Any, place: str, value: object) -> Any:  # noqa: ANN401
    """Return a copy of a model with one value replaced; a last part of ``+`` appends it."""
    changed = copy.deepcopy(document)
    held = changed["learner"]
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in path:
        held = held[part]
    if last == "+":
        held.append(value)
    else:
        held[last] = value
    return changed


MODEL, TREE = "gradient_booster.model", "gradient_booster.model.trees.0"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (f"{TREE}.left_children.0", 2**31 - 1, "tree 0: its nodes do not form a tree"),
        (f"{TREE}.left_children.1", 0, "tree 0: its nodes do not form a tree"),
        (f"{TREE}.right_children.0", -1, "tree 0: its nodes do not form a tree"),
        (f"{TREE}.right_children.0", 2**40, "tree 0: its nodes do not form a tree"),
        (f"{TREE}.parents.1", -1, "tree 0: its nodes do not form a tree"),
        (f"{TREE}.split_indices.0", 5, "tree 0: split_indices names something that does not exist"),
        (f"{TREE}.split_indices.0", 0.5, "tree 0: split_indices holds something other than whole numbers"),
        (f"{TREE}.split_conditions.+", 0.5, "split_conditions, expected"),
        (f"{TREE}.tree_param.size_leaf_vector", "99999", "size_leaf_vector=99999"),
        (f"{TREE}.categories_nodes.+", 0, "its splits by category do not fit together"),
        (f"{TREE}.categories_sizes.0", 2**40, "categories_segments names something that does not exist"),
        (f"{TREE}.id", 1, "tree 0: 1 as its id, expected 0"),
        (f"{MODEL}.tree_info.0", 2**31 - 1, "tree_info names something that does not exist"),
        (f"{MODEL}.iteration_indptr.0", -1, "iteration_indptr does not rise"),
        (f"{MODEL}.cats.sorted_idx.0", 1000, "sorted_idx names something that does not exist"),
        (f"{MODEL}.cats.feature_segments.4", 7, "feature_segments does not say"),
        ("learner_model_param.num_feature", "2147483647", "num_feature=2147483647"),
        ("learner_model_param.num_class", "-1", "num_class=-1"),
    ],
)
def test_what_does_not_fit_together_is_told(place: str, value: object, said: str, tmp_path: Path) -> None:
    document = json.loads(_save("categories", tmp_path / "sound.json").read_text())
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    assert trees[0]["categories_nodes"]
    (tmp_path / "model.json").write_text(json.dumps(_with(document, place, value)))
    with pytest.raises(ModelError, match=said):
        load(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{L\0\0\0\0\0\0\0\x01a[$d#L\x00\x00\x00\xff\xff\xff\xff\xff", "it ends too early"),
        (b"{L\xff\xff\xff\xff\xff\xff\xff\xffa", "it ends too early"),
        (b"{i\x01a[#L\x7f\xff\xff\xff\xff\xff\xff\xff", "it ends too early"),
        (b"[" * 5000, "nested over 50 levels deep"),
        (b"{i\x01aTi\x01aT}", "it holds 'a' twice"),
        (b"{i\x01aT}T", "it goes on after its end"),
        (b"{d\0\0\0\0", "a count that is not a whole number"),
        (b"Q", "a value of the unknown type"),
    ],
)
def test_counts_are_compared_with_the_file_before_memory_is_asked_for(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ubjson.parse(content)


@pytest.mark.parametrize("content", [b'{"learner": {}, "learner": {}}', b"[" * 100_000, b'{"learner": [1e400]}', b"{}"])
def test_texts_of_another_kind_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"'model.json' is not a complete xgboost model"):
        load(tmp_path / "model.json")


# --- from Python ------------------------------------------------------------------------------------


def _crash(_: Path) -> object:
    os.abort()


def _leave(_: Path) -> object:
    os._exit(0)


def _hang(_: Path) -> object:
    threading.Event().wait()
    return None


def _print(path: Path) -> object:
    os.write(1, b"PASS\n")
    return load(path.with_suffix(".ubj")).predictor


@pytest.mark.skipif(sys.platform != "linux", reason="files given from Python have a process of their own on Linux")
@pytest.mark.parametrize(
    ("loader", "said"),
    [(_crash, r"crashed the process \(SIGABRT\)"), (_leave, "ended the process"), (_hang, "no answer in loading")],
)
def test_a_file_given_from_python_cannot_end_its_caller(
    loader: Callable[[Path], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.keras").write_bytes(b"")
    monkeypatch.setitem(OTHERS, ".keras", loader)
    with pytest.raises(ModelError, match=said):
        modelassay.run(tmp_path / "model.keras", X, Y, checks=["classification"], timeout=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="files given from Python have a process of their own on Linux")
def test_a_file_given_from_python_is_audited_as_its_object_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _save("trees", tmp_path / "model.ubj")
    (tmp_path / "model.keras").write_bytes(b"")
    monkeypatch.setitem(OTHERS, ".keras", _print)
    told: list[str] = []
    record = modelassay.run(
        str(tmp_path / "model.keras"), X, Y, checks=["classification"], progress=lambda what, *_: told.append(what)
    )
    same = modelassay.run(load(tmp_path / "model.ubj").predictor, X, Y, checks=["classification"])
    assert record.metric("accuracy") == same.metric("accuracy")
    assert "checking" in told
    assert capfd.readouterr().out == ""
    assert any("prints to standard output" in warning for warning in record.warnings)
