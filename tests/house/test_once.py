"""What is looked up, cut, read or guessed in one place is not written again elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = sorted(path for folder in ("audit", "reports", "trainers") for path in (ROOT / folder).rglob("*.py"))
ONE_PLACE = {
    "the nearest name": (r"get_close_matches", {"reports/nearest.py", "trainers/errors.py"}),  # trainers stands apart
    "edges at quantiles": (
        r"np\.unique\(\s*np\.quantile|method=\"inverted_cdf\"\)\n.*np\.unique",
        {"audit/statistics/binning.py"},
    ),
    "the head of a TOML table": (r"re\.match\(r\"\\s\*\\\[\+", {"audit/toml_files.py"}),
    "the rule for code of configurations from elsewhere": (
        r"\bread_config\b",
        {"audit/config/configuration.py", "audit/config/own_code.py"},
    ),
    "an address in words": (r"\{key\}=\{level\}|\{key\}: \{level\}", {"reports/addresses.py"}),
}


@pytest.mark.parametrize("what", ONE_PLACE)
def test_stands_in_one_place(what: str) -> None:
    pattern, places = ONE_PLACE[what]
    found = {path.relative_to(ROOT).as_posix() for path in CODE if re.search(pattern, path.read_text())}
    assert found <= places


def test_an_option_of_the_command_line_is_declared_once() -> None:
    """The same option with the same words stands in an alias, not in each verb."""
    text = re.sub(r"\s+", " ", (ROOT / "audit" / "cli" / "app.py").read_text())
    declared = re.findall(r"typer\.(?:Option|Argument)\([^()]*(?:\([^()]*\)[^()]*)*\)", text)
    assert sorted(one for one in set(declared) if declared.count(one) > 1) == []
