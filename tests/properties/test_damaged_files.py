"""Files with damaged stretches, for every reader: what they hold, or one line that says what is wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.config.configuration import read_config
from audit.data.images import read_images
from audit.errors import AuditError
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


def told(work: Any, *arguments: object) -> str:  # noqa: ANN401
    """Return what is said of a file that cannot be read, ``""`` where it can."""
    try:
        work(*arguments)
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
