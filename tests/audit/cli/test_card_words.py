"""Redrawing a saved record with people's words, in another edition, with everything told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from audit.cli import main
from reports.record import Card

RECORD = Path(__file__).parents[2] / "golden" / "record.v2.json"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "card.toml"
    path.write_text("".join(f'{one.name} = "said by a person"\n' for one in fields(Card)))
    return path


def test_a_card_is_redrawn_with_other_words(words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(RECORD), "--card", str(words), "--format", "md"]) == 0
    drawn = capsys.readouterr().out
    assert "said by a person" in drawn
    assert "left blank" not in drawn


def test_a_short_edition_is_smaller_and_has_no_annex(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = {}
    for edition in ("full", "short"):
        assert main(["render", str(RECORD), "--edition", edition]) == 0
        drawn[edition] = capsys.readouterr().out
    assert 'id="gates"' in drawn["full"]
    assert 'id="gates"' not in drawn["short"]
    assert len(drawn["short"]) < len(drawn["full"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--edition", "shrt"], "Did you mean 'short'"),
        (["--card", "nothing.toml"], "nothing.toml"),
    ],
)
def test_what_is_not_there_is_named(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(RECORD), *options]) == 2
    assert said in capsys.readouterr().err
