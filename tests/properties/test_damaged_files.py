"""Files with damaged stretches, for every reader: what they hold, or one line that says what is wrong."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.config.configuration import read_card, read_config
from audit.data.images import read_images
from audit.data.tables import read_table
from audit.errors import AuditError, ConfigError
from audit.evidence.history import read_history
from audit.judging import ledger
from audit.models.answers import as_model_input, call
from audit.models.containment import Limits, contain
from audit.models.load import load
from audit.policy.read import read_policy_and_terms

CONFIG = """
[model]
path = "model.skops"
[data]
train = "train.csv"
test = "test.csv"
target = "income"
task = "binary"
positive = ">50K"
sensitive = ["sex", "race"]
[data.bins]
age = [30, 60.5]
[audit]
level = 0.95
seed = 3
[checks.options.skill]
[gather.pairing]
rows = 0
[report]
formats = ["html", "json"]
[costs]
false_positive = 1
"""
ODD = [
    "", "\x00", "\x1b[2J", "1e400", "-1", "nan", "inf", "[" * 2000, '"' * 3, "9" * 5000, "\n\n", "= =", "true", "[[x]]",
    "\ud7ff\U0010ffff", "'''", "{}", "1979-05-27T07:32:00Z", "\\u202e", "::error::",
]  # fmt: skip


@st.composite
def damage(draw: st.DrawFn, text: str) -> str:
    """Cut, double or replace stretches of a text."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + draw(st.sampled_from([0, 1, 8, 200])))))
        middle = draw(st.one_of(st.sampled_from(ODD), st.text(max_size=12), st.just(text[start:end] * 2)))
        text = text[:start] + middle + text[end:]
    return text


@st.composite
def flipped(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, overwrite or insert bytes."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from(["cut", "byte", "insert", "zero", "end"]))
        if kind == "end":
            data = data[:start]
        elif kind == "cut":
            del data[start : start + draw(st.integers(1, 40))]
        elif kind == "insert":
            data[start:start] = draw(st.binary(max_size=20))
        elif data:
            stop = min(start + draw(st.integers(1, 8)), len(data))
            data[start:stop] = bytes(stop - start) if kind == "zero" else draw(st.binary(min_size=1, max_size=8))
    return bytes(data)


def told(work: Any, *arguments: object, **more: object) -> str:  # noqa: ANN401
    """Return what is said of a file that cannot be read, ``""`` where it can."""
    try:
        work(*arguments, **more)
    except AuditError as error:
        return str(error)
    return ""


def is_one_short_line(text: str) -> bool:
    return len(text) < 4000 and "Traceback" not in text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def model(place: Path) -> bytes:
    X = np.random.default_rng(0).normal(size=(60, 3))
    skops.io.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0), place / "sound.skops")
    return (place / "sound.skops").read_bytes()


@pytest.fixture(scope="module")
def picture() -> bytes:
    made = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(made, "PNG")
    return made.getvalue()


COMMON = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(damage(CONFIG))
@COMMON
def test_configurations(place: Path, text: str) -> None:
    path = place / "audit.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    assert is_one_short_line(told(read_config, path))


@given(st.data())
@settings(COMMON, max_examples=15)
def test_policies(place: Path, data: st.DataObject) -> None:
    gate = '[[gate]]\nid = "X1"\nmetric = "recall"\nop = ">="\nthreshold = 0.5\n'
    text = f'[policy]\nextends = "default"\nsuppress_n = 20\n{gate}'
    path = place / "gates.toml"
    path.write_text(data.draw(damage(text)), encoding="utf-8", errors="replace")
    assert is_one_short_line(told(read_policy_and_terms, path))


@given(st.data())
@COMMON
def test_models(place: Path, model: bytes, data: st.DataObject) -> None:
    path = place / "model.skops"
    path.write_bytes(data.draw(flipped(model)))
    assert is_one_short_line(told(load, path))


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".ubj", ".json", ".txt", ".cbm", ".skops"])
@given(content=st.binary(max_size=300))
@settings(COMMON, max_examples=10)
def test_models_of_any_bytes(place: Path, suffix: str, content: bytes) -> None:
    path = place / f"any{suffix}"
    path.write_bytes(content)
    assert is_one_short_line(told(load, path))


@given(st.data())
@COMMON
def test_pictures(place: Path, picture: bytes, data: st.DataObject) -> None:
    folder = place / "pictures" / "cat"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.png").write_bytes(data.draw(flipped(picture)))
    assert is_one_short_line(told(read_images, folder.parent))


# --- small texts ------------------------------------------------------------------------------------

CARD = 'name = "Loans"\noverview = "Who is lent money."\nowner = "bank"\n'
HISTORY = "epoch,train_loss,val_loss\n1,1.0,1.2\n2,0.5,0.9\n3,0.25,0.8\n"
LEDGER = '{"a0b1": {"c2d3": "2025-01-01"}, "e4": {}}\n'
TRAIN = 'seed = 3\n[data]\ntrain = "t.csv"\ntarget = "y"\n[network]\nepochs = 3\nhidden = [16]\n[search]\ntrials = 3\n'


def read_recipe(path: Path) -> None:
    from trainers.errors import TrainerError
    from trainers.schema import read

    try:
        read(path)
    except TrainerError as error:
        raise ConfigError(str(error)) from error


SMALL = {
    "card.toml": (CARD, read_card),
    "history.csv": (HISTORY, read_history),
    "ledger.json": (LEDGER, ledger.read),
    "train.toml": (TRAIN, read_recipe),
}


@pytest.mark.parametrize("name", SMALL)
@given(data=st.data())
@settings(COMMON, max_examples=15)
def test_small_texts(place: Path, name: str, data: st.DataObject) -> None:
    text, read = SMALL[name]
    (place / name).write_text(data.draw(damage(text)), encoding="utf-8", errors="replace")
    assert is_one_short_line(told(read, place / name))


def event(step: int, value: float) -> bytes:
    """Write an event of TensorBoard: a scalar called Loss/train."""
    summary = b"\x0a" + bytes([19]) + b"\x0a\x0cLoss/train  " + b"\x15" + struct.pack("<f", value)
    data = b"\x09" + struct.pack("<d", 0.0) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


@given(st.data())
@settings(COMMON, max_examples=40)
def test_event_files(place: Path, data: st.DataObject) -> None:
    path = place / "events.out.tfevents.1"
    path.write_bytes(data.draw(flipped(b"".join(event(step, 1 / step) for step in range(1, 6)))))
    assert is_one_short_line(told(read_history, path))


TYPED = pd.DataFrame({"n": [1.5, None, 2.0] * 9, "w": ["a", "b", None] * 9, "k": pd.Categorical(["u", "v", "u"] * 9)})


def feather_of_old(path: Path) -> None:
    """Write Feather's first format, whose head alone tells it from the second."""
    TYPED.to_feather(path)
    path.write_bytes(b"FEA1" + path.read_bytes()[4:])


TABLES: dict[str, Any] = {
    "parquet": TYPED.to_parquet,
    "feather": TYPED.to_feather,
    "arrow": lambda path: TYPED.to_feather(path, compression="uncompressed"),
}


@pytest.mark.parametrize("suffix", TABLES)
def test_a_damaged_table_that_knows_its_types_ends_in_a_message(place: Path, suffix: str) -> None:
    pytest.importorskip("pyarrow")
    path = place / f"table.{suffix}"
    TABLES[suffix](path)
    generator, content = np.random.default_rng(0), path.read_bytes()
    ends = []
    for _ in range(30):
        damaged = bytearray(content)
        for at in generator.integers(0, len(damaged), 3):
            damaged[at] = generator.integers(0, 256)
        path.write_bytes(bytes(damaged[: generator.integers(1, len(damaged) + 1)]))
        ends.append(told(contain, lambda _: read_table(path), limits=Limits(timeout=5)))
    assert any(ends)
    assert all(is_one_short_line(end) and "crashed" not in end for end in ends)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_one_long_text_many_times_is_refused_before_it_fills_the_memory(
    place: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("audit.data.bounded.machine_memory", lambda: 64 << 20)
    table, path = pd.DataFrame({"text": ["x" * 10_000] * 10_000}), place / f"long.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_feather(path, compression="zstd", chunksize=1000)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(AuditError, match="more than half of this machine's memory"):
        read_table(path)


def test_the_first_format_of_feather_is_refused_before_it_is_read(place: Path) -> None:
    pytest.importorskip("pyarrow")
    feather_of_old(place / "old.feather")
    with pytest.raises(AuditError, match=r"'old\.feather' has Feather's first format"):
        read_table(place / "old.feather")


# --- files of native libraries ----------------------------------------------------------------------

X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 0).astype(int).to_numpy()


def lightgbm_text(path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    made = lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=5, n_jobs=1, verbose=-1).fit(X, Y)
    made.booster_.save_model(str(path))


def xgboost_file(path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(X, Y).save_model(path)


def catboost_file(path: Path) -> None:
    catboost = pytest.importorskip("catboost")
    made = catboost.CatBoostClassifier(iterations=3, depth=2, verbose=False, allow_writing_files=False, thread_count=1)
    made.fit(X, Y).save_model(str(path))


def graph(path: Path) -> None:
    convert = pytest.importorskip("skl2onnx").to_onnx
    made = convert(LogisticRegression().fit(X, Y), X.to_numpy()[:1].astype(np.float32), options={"zipmap": False})
    path.write_bytes(made.SerializeToString())


NATIVE = {"txt": lightgbm_text, "ubj": xgboost_file, "json": xgboost_file, "cbm": catboost_file, "onnx": graph}


def asked(path: Path) -> None:
    model = load(path)
    call(model.predictor.predict, as_model_input(model, X), len(X), "predict")


@pytest.mark.parametrize("suffix", NATIVE)
def test_a_damaged_file_of_another_library_ends_in_a_message(place: Path, suffix: str) -> None:
    """As the command line asks: in a process of its own, whose crash is a message."""
    sound = place / f"sound.{suffix}"
    NATIVE[suffix](sound)
    generator, content = np.random.default_rng(0), sound.read_bytes()
    contain(lambda _: asked(sound))
    ends = []
    for _ in range(10):
        damaged = bytearray(content)
        for place_ in generator.integers(0, len(damaged), 3):
            damaged[place_] = generator.integers(0, 256)
        path = place / f"damaged.{suffix}"
        path.write_bytes(
            bytes(damaged[: generator.integers(1, len(damaged) + 1)] if generator.random() < 0.5 else damaged)
        )
        ends.append(told(contain, lambda _, path=path: asked(path), limits=Limits(timeout=5)))
    assert any(ends)
    assert all(map(is_one_short_line, ends))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("num_leaves=", "num_leaves=9", "tree 0: "),
        ("left_child=", "left_child=7 ", "tree 0: "),
        ("split_feature=", "split_feature=99", "tree 0: split_feature names something that does not exist"),
        ("tree_sizes=", "tree_sizes=1 ", "tree 0 does not begin where it should|tree 0 has no|3 trees"),
        ("end of parameters", "", "it is cut off, or its end is damaged"),
        ("[boosting: gbdt]", "[boosting: gb", "its end is damaged"),
        ("leaf_value=", "leaf_value=x", "tree 0: the line 'leaf_value=x"),
        ("num_class=1", "num_class=999999999", "num_class=999999999"),
        ("Tree=1", "Tree=\0", "bytes that are not text"),
        ("split_gain=", "split_gain ", "tree 0: the line 'split_gain"),
        ("shrinkage=", "shrinkage=NaN.", "tree 0: the line 'shrinkage"),
        ("num_cat=0", "num_cat=0\nnum_cat=1", "tree 0: the line 'num_cat=1'"),
        ("leaf_value=", "leaf_value=1\x0cleaf_value=", "tree 0: the line 'leaf_value"),
    ],
)
def test_a_damaged_lightgbm_file_is_told_before_its_library_reads_it(
    place: Path, old: str, new: str, said: str
) -> None:
    lightgbm_text(place / "whole.txt")
    text = (place / "whole.txt").read_text()
    assert old in text
    (place / "broken.txt").write_text(text.replace(old, new, 1))
    with pytest.raises(AuditError, match=said):
        load(place / "broken.txt")
