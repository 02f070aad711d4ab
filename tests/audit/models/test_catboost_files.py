"""CatBoost's files are looked through before their library reads them: sound ones pass, tampered ones are named."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from audit.errors import ModelError
from audit.models import catboost_files as files
from audit.models.catboost_files import HASH, _Table, require_sound
from audit.models.containment import Limits, contain
from audit.models.load import load

catboost = pytest.importorskip("catboost")

GENERATOR = np.random.default_rng(0)
X = pd.DataFrame(GENERATOR.normal(size=(80, 3)), columns=["a", "b", "c"])
WORDS = X.assign(k=GENERATOR.choice(["u", "v", "w", "x", "y"], 80), m=GENERATOR.choice(["p", "q"], 80))
Y = np.digitize(X["a"] + 0.2 * GENERATOR.normal(size=80), [-0.5, 0.5])
COMMON = {"iterations": 3, "depth": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1}

KINDS: dict[str, Callable[[], Any]] = {
    "same question on a level": lambda: catboost.CatBoostClassifier(**COMMON).fit(X, Y > 0),
    "three classes, node by node": lambda: catboost.CatBoostClassifier(**COMMON, grow_policy="Lossguide").fit(
        WORDS, Y, cat_features=["k", "m"]
    ),
    "levels, node by node": lambda: catboost.CatBoostRegressor(**COMMON, grow_policy="Depthwise").fit(X, X["a"]),
    "combined categories": lambda: catboost.CatBoostClassifier(**COMMON, max_ctr_complexity=2, one_hot_max_size=2).fit(
        WORDS, Y > 0, cat_features=["k", "m"]
    ),
    "texts": lambda: catboost.CatBoostClassifier(**COMMON).fit(
        X[["a"]].assign(t=np.where(Y > 0, "good fine thing", "bad thing here")), Y > 0, text_features=["t"]
    ),
    "many borders": lambda: catboost.CatBoostRegressor(**{**COMMON, "iterations": 60}, border_count=600).fit(
        np.arange(2000.0)[:, None], np.sin(np.arange(2000.0))
    ),
    "counts of combinations": lambda: catboost.CatBoostClassifier(
        **{**COMMON, "iterations": 20}, max_ctr_complexity=3, one_hot_max_size=1
    ).fit(WORDS, Y > 0, cat_features=["k", "m"]),
    "means by category": lambda: catboost.CatBoostRegressor(
        **COMMON, one_hot_max_size=1, simple_ctr=["BinarizedTargetMeanValue"]
    ).fit(WORDS, X["a"], cat_features=["k", "m"]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catboost")


def saved(folder: Path, kind: str) -> Path:
    path = folder / f"{kind.replace(' ', '_')}.cbm"
    if not path.exists():
        KINDS[kind]().save_model(str(path))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_sound_files_load(folder: Path, kind: str) -> None:
    assert load(saved(folder, kind)).info.format == "cbm"


def tampered(folder: Path, kind: str, index: int, form: str, change: Callable[[Any], None]) -> Path:
    """Write a file with the numbers of one field of its trees changed."""
    content = bytearray(saved(folder, kind).read_bytes())
    trees = _Table(bytes(content[8:]), 0).follow(0).table(files.TREES)
    place = trees.field(index)
    start = 8 + place + trees.number(place, "I")
    (count,) = struct.unpack_from("<I", content, start)
    numbers = np.frombuffer(bytes(content), dtype=form, count=count, offset=start + 4).copy()
    change(numbers)
    content[start + 4 : start + 4 + numbers.nbytes] = numbers.tobytes()
    path = folder / "tampered.cbm"
    path.write_bytes(bytes(content))
    return path


def put(value: float, at: Any = 0) -> Callable[[Any], None]:  # noqa: ANN401 -- an index
    def change(numbers: Any) -> None:  # noqa: ANN401
        numbers[at] = value

    return change


LEVELS, NODES = "same question on a level", "three classes, node by node"


@pytest.mark.parametrize(
    ("kind", "index", "form", "change", "said"),
    [
        (LEVELS, files.SPLITS, "<i4", put(10**6), "asks for a border that does not exist"),
        (LEVELS, files.SPLITS, "<i4", put(-1), "asks for a border that does not exist"),
        (LEVELS, files.SIZES, "<i4", put(2**30), "other sizes"),
        (LEVELS, files.SIZES, "<i4", put(-1), "other sizes"),
        (LEVELS, files.STARTS, "<i4", put(7, 1), "do not begin where they should"),
        (LEVELS, files.LEAVES, "<f8", put(np.nan), "not finite"),
        (LEVELS, files.LEAVES, "<f8", put(np.inf, -1), "not finite"),
        (LEVELS, files.BIASES, "<f8", put(np.nan), "biases are not finite"),
        (LEVELS, files.PACKED, "<u4", put(0xFFFF), "asks for a feature that does not exist"),
        (NODES, files.STEPS, "<u4", put(0xFFFF), "child is outside of its tree"),
        (NODES, files.STEPS, "<u4", put(0xFFFF0000, -1), "child is outside of its tree"),
        (NODES, files.LEAF_OF_NODE, "<u4", put(10**6, slice(None)), "leaf does not exist"),
        (NODES, files.SPLITS, "<i4", put(10**6), "asks for a border that does not exist"),
        ("combined categories", files.PACKED, "<u4", put(0xFFFF), "asks for a feature that does not exist"),
        ("many borders", files.SPLITS, "<i4", put(10**6), "asks for a border that does not exist"),
    ],
)
def test_tampered_trees_are_named(
    folder: Path, kind: str, index: int, form: str, change: Callable[[Any], None], said: str
) -> None:
    path = tampered(folder, kind, index, form, change)
    with pytest.raises(ModelError, match=rf"'tampered\.cbm' is not a complete CatBoost model: .*{said}"):
        load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"CBM2" + content[4:], "does not begin with 'CBM1'"),
        (lambda content: content[:200], "should hold"),
        (lambda content: content[:4] + b"\xff" * 4 + content[8:], "should hold 4,294,967,295 bytes"),
        (lambda content: content[:8] + b"\xff" * 4 + content[12:], "."),
        (lambda content: content.replace(b"loss_function", b"lost_function"), "does not say its loss function"),
        (lambda _: b"", "."),
    ],
)
def test_what_is_no_whole_file_is_named(folder: Path, change: Callable[[bytes], bytes], said: str) -> None:
    path = folder / "broken.cbm"
    path.write_bytes(change(saved(folder, LEVELS).read_bytes()))
    with pytest.raises(ModelError, match=rf"'broken\.cbm' is not a complete CatBoost model: .*{said}"):
        require_sound(path)


COUNTED = "counts of combinations"


@pytest.mark.parametrize(
    ("index", "form", "change", "said"),
    [
        (1, HASH.descr, lambda rows: rows.__setitem__("place", 10**6), "count does not exist"),
        (1, HASH.descr, lambda rows: rows.__setitem__("hash", 1), "hash without an end"),
        (None, "<u4", put(2**31), "cut off|broken hash|requires a buffer"),
        (None, "<u4", put(5, slice(4, 12)), "."),
    ],
)
def test_tampered_counts_by_category_are_named(
    folder: Path, index: int | None, form: npt.DTypeLike, change: Callable[[Any], None], said: str
) -> None:
    content = bytearray(saved(folder, COUNTED).read_bytes())
    begin = 8 + struct.unpack_from("<I", content, 4)[0] + 4
    start, count = begin, (len(content) - begin) // 4
    if index is not None:
        table = _Table(bytes(content[begin + 4 :]), 0).follow(0)
        start = table.field(index) + table.number(table.field(index), "I")
        count = table.number(start, "I") // np.dtype(form).itemsize
        start += begin + 8
    numbers = np.frombuffer(bytes(content), dtype=np.dtype(form), count=count, offset=start).copy()
    change(numbers)
    content[start : start + numbers.nbytes] = numbers.tobytes()
    (folder / "counts.cbm").write_bytes(bytes(content))
    with pytest.raises(ModelError, match=rf"'counts\.cbm' is not a complete CatBoost model: .*({said})"):
        load(folder / "counts.cbm")


def ask(path: Path, kind: str) -> int:
    """Return how many answers a file gives."""
    table = {LEVELS: X, NODES: WORDS, COUNTED: WORDS}[kind]
    return len(np.asarray(load(path).predictor.predict(table)))


@pytest.mark.parametrize("kind", [LEVELS, NODES, COUNTED])
def test_damaged_files_never_crash_their_library(folder: Path, kind: str) -> None:
    """Damage falls on the tables, where an odd number counts; their text is three quarters of a file."""
    content, generator = saved(folder, kind).read_bytes(), np.random.default_rng(0)
    path, ends = folder / "damaged.cbm", []
    for _ in range(30):
        damaged = bytearray(content)
        at = int(generator.integers(3 * len(content) // 4, len(content) - 4)) // 4 * 4
        damaged[at : at + 4] = int(generator.choice([0, 1, 2**31 - 1, 2**32 - 1, 10**6])).to_bytes(4, "little")
        path.write_bytes(bytes(damaged))
        try:
            contain(lambda _: ask(path, kind), limits=Limits(timeout=5))
        except Exception as error:  # CatBoost's own, too
            ends.append(str(error))
    assert ends
    assert not any("crashed" in end or "no answer" in end for end in ends)
