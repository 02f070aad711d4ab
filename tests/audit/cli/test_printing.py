"""Whatever is named, nothing that is printed commands a terminal or a build server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from reports.printable import UNPRINTABLE, harmless

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\n::error file=x::all is lost\r##[error]x ##vso[task.complete]\u202egpj"
RECORD = Path(__file__).resolve().parents[2] / "golden" / "record.v2.json"


def commands(text: str) -> list[str]:
    """Return the lines that a terminal or a build server would obey."""
    lines = text.split("\n")
    obeyed = [line for line in lines if re.match(r"\s*::", line) or re.search(r"##\w*\[", line)]
    return obeyed + [line for line in lines if UNPRINTABLE.search(line) or "\r" in line]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"::error::x": generator.normal(size=200), "group": ["::warning::" + HOSTILE, "b"] * 100})
    frame["y"] = (frame["::error::x"] > 0).astype(int)
    frame["p"] = 1 / (1 + np.exp(-frame["::error::x"]))
    frame.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


def config(folder: Path, **more: str) -> Path:
    path = folder / "audit.toml"
    out = json.dumps(more.get("out", "report"))
    path.write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\npositive = 1\nscore = "p"\nsensitive = ["group"]\n'
        f'[report]\nout = {out}\nformats = ["json"]\n[checks]\nselect = ["group_performance", "disparities"]\n',
        encoding="utf-8",
    )
    return path


def test_a_runs_words_command_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(config(folder, out="out\u001b[2J\n::error::x")), "--all"]) in (0, 1, 3, 5)
    told = capsys.readouterr()
    assert "wrote" in told.out
    assert not commands(told.out)
    assert not commands(told.err)


@pytest.mark.parametrize("name", ["text", "md"])
def test_formats_for_people_command_nothing(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["run", str(config(folder)), "--format", name, "--out", "-"]) in (0, 1, 3, 5)
    assert not commands(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", HOSTILE], ["judge", HOSTILE], ["render", HOSTILE], ["compare", HOSTILE, HOSTILE], ["rule", HOSTILE],
        ["policy", HOSTILE], ["init", "--test", HOSTILE, "--target", "y"], ["render", str(RECORD), "--format", HOSTILE],
        ["train", HOSTILE], ["monitor", HOSTILE], ["history", HOSTILE], [HOSTILE], ["run", "--" + HOSTILE],
        ["render", str(RECORD), "--out", f"no/{HOSTILE}"], ["compress", HOSTILE, "--config", HOSTILE],
    ],
)  # fmt: skip
def test_an_errors_words_command_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([one.replace("\0", "") for one in arguments]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("modelassay: ")
    assert told.err.count("\n") == 1
    assert not commands(told.err)
    assert not told.out


def test_what_is_harmless_stays() -> None:
    assert harmless("## Heading\n- a: b :: c\n  [x]\n") == "## Heading\n- a: b :: c\n  [x]\n"
