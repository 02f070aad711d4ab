"""Each rule has a page that says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.policy.pages import pages, sections
from audit.policy.read import default_policy

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "rules"
PAGES = pages(default_policy().gates, FOLDER)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_page_agrees_with_the_catalogue(file: Path) -> None:
    assert file.exists(), f"{file.name} is missing; write its introduction, example and limits"
    assert file.read_text(encoding="utf-8") == PAGES[file], "run: python -m audit.policy.pages docs/rules"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_people_wrote_what_a_page_is_about_and_where_it_ends(file: Path) -> None:
    own = sections(file.read_text(encoding="utf-8"))
    assert all(own.get(name, "").strip() for name in ("", "Why", "How it is decided", "What to do", "Limits"))


def test_no_page_speaks_of_a_rule_that_is_gone() -> None:
    finished = {file.stem for file in FOLDER.glob("*.md") if "\nSeverity: " in file.read_text(encoding="utf-8")}
    assert finished <= {gate.id for gate in default_policy().gates}


def test_every_page_stands_in_the_list() -> None:
    listed = set((FOLDER / "index.md").read_text(encoding="utf-8").split())
    assert {file.stem for file in PAGES} <= listed
