"""Reports are written over reports alone, however large they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.cli.output import SIGNED, require_replaceable
from audit.errors import ConfigError


def refusal(folder: Path, text: str) -> str:
    """Return what is said where a file with this text would be written over; nothing where it may be."""
    path = folder / "audit.json"
    path.write_text(text, encoding="utf-8")
    try:
        require_replaceable(path)
    except ConfigError as error:
        assert path.read_text(encoding="utf-8") == text
        return str(error)
    return ""


@pytest.mark.parametrize("before", [0, 10, SIGNED - 5, SIGNED, 3 * SIGNED + 7])
def test_a_large_record_names_its_program_behind_its_findings(tmp_path: Path, before: int) -> None:
    record = '{"findings": "' + "x" * before + '", "tool": "%s 1"}'
    assert refusal(tmp_path, record % "modelassay") == ""
    assert "is not a report of modelassay" in refusal(tmp_path, record % "another")


@pytest.mark.parametrize("text", ["", " \n" * SIGNED])
def test_an_empty_file_is_written_over(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text) == ""


@pytest.mark.parametrize("text", ["{}", "x" * 2 * SIGNED, " " * SIGNED + "x"])
def test_what_another_program_wrote_stays(tmp_path: Path, text: str) -> None:
    assert "is not a report of modelassay" in refusal(tmp_path, text)
