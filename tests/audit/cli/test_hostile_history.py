"""A page of many records is made of files alone, and of what can be read of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.cli import main

RECORD = Path(__file__).resolve().parents[2] / "golden" / "record.v2.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    shutil.copy(RECORD, tmp_path / "in" / "a.json")
    return tmp_path


def history(folder: Path) -> int:
    return main(["history", str(folder / "in"), "--out", str(folder / "page.html")])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_devices_and_folders_are_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "in" / "pipe.json")
    (folder / "in" / "zero.json").symlink_to("/dev/zero")
    (folder / "in" / "folder.json").mkdir()
    assert history(folder) == 0
    assert main(["history", "/dev/zero", "--out", str(folder / "other.html")]) == 2


def test_a_record_of_any_length_is_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.cli.history.MOST_BYTES", 1000)
    assert history(folder) == 2


@pytest.mark.parametrize("text", ["[" * 100_000, "", "null", "[]", '{"verdicts": []}', "\x00"])
def test_what_is_no_record_is_named(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "b.json").write_text(text)
    assert history(folder) == 2
    assert "is not a record" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"verdicts": 3}, {"verdicts": [3]}, {"created": 5}, {"findings": "x"}, {"model": None}, {"data": []},
        {"created": "</script><b>"}, {"verdicts": [{"estimate": {"value": 1e308}}]}, {"card": {"name": "<b>"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_of_wrong_types_makes_no_trouble(folder: Path, change: dict[str, Any]) -> None:
    (folder / "in" / "b.json").write_text(json.dumps({**json.loads(RECORD.read_text()), **change}))
    assert history(folder) in (0, 2)
    if (folder / "page.html").exists():
        text = (folder / "page.html").read_text()
        assert "<b>" not in text
        assert "<script" not in text


def test_outcomes_are_read_without_colors_and_say_since_when(folder: Path) -> None:
    """A bar is the higher the worse the outcome; a rule that fails at last says from which record on."""
    for place, outcome in enumerate(("fail", "pass", "inconclusive", "fail", "fail", "waived")):
        rules = [{"gate": "G", "outcome": outcome}, {"gate": "H", "outcome": "fail" if place > 3 else "pass"}]
        whole = json.loads(RECORD.read_text())
        data = {**whole["data"], "target": "<i>paid"}
        text = json.dumps({**whole, "created": f"2025-0{place + 1}-01", "verdicts": rules, "data": data})
        (folder / "in" / f"{place}.json").write_text(text)
    (folder / "in" / "a.json").unlink()
    assert history(folder) == 0
    page = (folder / "page.html").read_text()
    assert '<path class="fail" d="M0.5 14v-14M3.5 14v-14M4.5 14v-14"/>' in page
    for outcome, path in {"pass": "M1.5 14v-5", "inconclusive": "M2.5 14v-9", "waived": "M5.5 14v-2"}.items():
        assert f'<path class="{outcome}" d="{path}"/>' in page
    assert page.count(', <span class="whole">since 4</span></td>') == 1
    assert "6 records of a model that predicts &lt;i&gt;paid, 0 on the left" in " ".join(page.split())
