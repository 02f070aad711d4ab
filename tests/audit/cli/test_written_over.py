"""Reports are written over reports alone, however large they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.cli.output import SIGNED, require_replaceable
from audit.errors import ConfigError


@pytest.mark.parametrize("before", [0, 10, SIGNED - 5, SIGNED, 3 * SIGNED + 7])
def test_a_large_record_names_its_program_behind_its_findings(tmp_path: Path, before: int) -> None:
    path = tmp_path / "audit.json"
    path.write_text('{"findings": "' + "x" * before + '", "tool": "modelassay 1"}', encoding="utf-8")
    require_replaceable(path)


@pytest.mark.parametrize("text", ["", " \n" * SIGNED])
def test_an_empty_file_is_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.json"
    path.write_text(text, encoding="utf-8")
    require_replaceable(path)


@pytest.mark.parametrize("text", ["{}", "x" * 2 * SIGNED, " " * SIGNED + "x"])
def test_what_another_program_wrote_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a report of modelassay"):
        require_replaceable(path)
