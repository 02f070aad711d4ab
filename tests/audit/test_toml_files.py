"""Files that are read strictly: where a mistake stands, what was expected, what was meant."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import AuditError, ConfigError
from audit.policy.read import read_policy
from audit.toml_files import read_toml, validate

FORBID = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    __pydantic_config__ = FORBID

    name: str
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    __pydantic_config__ = FORBID

    title: str = ""
    part: list[Part] = field(default_factory=list)
    only: Part | None = None
    words: dict[str, str] = field(default_factory=dict)


def told(folder: Path, text: str) -> str:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    tables, read = read_toml(path, ConfigError)
    with pytest.raises(ConfigError) as error:
        validate(Whole, tables, file="a.toml", text=read, error=ConfigError)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel = 'x'\n", "a.toml:1: 'titel' is not a known key; known are 'title', 'part', 'only', 'words'. Did you"),
        ("title = 3\n", "a.toml:1: 'title' is '3': expected a valid string"),
        ("title = 'x'\n[[part]]\nname = 'a'\n[[part]]\nsize = 2\n", "a.toml:4: [part[1]] 'name' is missing"),
        ("[[part]]\nname = 'a'\nsize = 1\n[[part]]\nname = 'b'\nsize = 2.5\n", "a.toml:6: [part[1]] 'size' is '2.5'"),
        ("[[part]]\nname = 'a'\nsiz = 1\n", "a.toml:3: [part[0]] 'siz' is not a known key; known are 'name', 'size'."),
        ("[part]\nname = 'a'\n", "write [[part]], with two brackets"),
        ("[only]\nname = 'a'\nnmae = 'b'\n", "a.toml:3: [only] 'nmae' is not a known key"),
        ("name = 'a'\n", "known are 'title', 'part', 'only', 'words'. 'name' belongs in [part] or [only]."),
        ("[only]\nname = 'a'\n[words]\n[[part]]\nname = 'b'\ntitle = 'c'\n", "known are 'name', 'size'."),
        ("title = 'x'\nwords = { a = 1 }\n", "a.toml:2: [words] 'a' is '1': expected a valid string"),
        ("title = true\n", "'title' is 'True'"),
        ("title = 2026-01-01\npart = 3\n", "'part' is '3': expected a list"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, text: str, message: str) -> None:
    assert message in told(tmp_path, text)


def test_several_mistakes_are_told_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    message = told(tmp_path, "".join(f"x{k} = 1\n" for k in range(8)))
    assert message.count("is not a known key") == 5
    assert message.endswith("(and 3 more)")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[a\n", b"a = 1\na = 2\n"])
def test_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not readable as TOML"):
        read_toml(path, ConfigError)


DEPTHS = {
    "a table": "[" + ".".join(["a"] * 50_000) + "]\n",
    "a key": ".".join(["a"] * 50_000) + " = 1\n",
    "a key with blanks": " . ".join(['"a"'] * 50_000) + " = 1\n",
    "a key in a table": "x = {" + ".".join(["a"] * 50_000) + " = 1}\n",
    "lists": "a = " + "[" * 60 + "]" * 60,
    "many keys": "".join(f"k{k} = 1\n" for k in range(100_001)),
    "many unknown keys": "".join(f"k{k} = 1\n" for k in range(20_000)),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_and_number_of_keys_are_bounded(tmp_path: Path, name: str) -> None:
    started = time.process_time()
    try:
        message = told(tmp_path, DEPTHS[name])
    except ConfigError as error:
        message = str(error)
    assert len(message) < 2_000
    assert time.process_time() - started < 3
    if not name.startswith("many"):
        assert "nested too deeply" in message


def test_values_of_many_points_are_no_deep_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 'one. two. three. " + "and so on. " * 100 + "'\nb = '" + "1.5, " * 200 + "'\nc = '...'\n")
    assert set(read_toml(path, ConfigError)[0]) == {"a", "b", "c"}


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a TOML file"):
        read_toml(tmp_path, ConfigError)


def test_a_mark_of_the_encoding_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbftitle = 'x'\n")
    assert read_toml(path, ConfigError)[0] == {"title": "x"}


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_is_told_why_not(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gates.toml"
        path.write_text(text.encode("utf-8", "replace").decode(), encoding="utf-8")
        with contextlib.suppress(AuditError):
            assert read_policy(path).file == "gates.toml"
