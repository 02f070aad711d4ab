"""Evidence and what checks ask of it have types: ``Any`` stands only where something of another library is held."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TYPED = sorted(
    path
    for place in ("check.py", "evidence", "checks", "gather")
    for path in ((ROOT / "audit" / place).rglob("*.py") if not place.endswith(".py") else [ROOT / "audit" / place])
)
KNOWN = {
    "audit/gather/_stored.py": (5, "parsed JSON, and arrays of any shape and type"),
    "audit/gather/_column_wise.py": (7, "steps of a pipeline of scikit-learn, known by their attributes"),
    "audit/gather/_suppression.py": (2, "evidence of any kind, looked through field by field"),
    "audit/gather/adversarial.py": (2, "a network, known by its attributes"),
}
"""How often ``Any`` stands in a file at most, and why."""


def uses(code: str) -> int:
    """Count how often ``Any`` stands in code, its import aside."""
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize(("code", "count"), [("from typing import Any", 0), ("x: list[Any] = []", 1), ("x = 'Any'", 0)])
def test_a_use_is_seen(code: str, count: int) -> None:
    assert uses(code) == count


def test_evidence_and_checks_are_typed() -> None:
    counts = Counter({path.relative_to(ROOT).as_posix(): uses(path.read_text()) for path in TYPED})
    assert {name: count for name, count in (+counts).items() if count > KNOWN.get(name, (0, ""))[0]} == {}
    assert [name for name, (count, _) in KNOWN.items() if counts[name] < count] == [], "lower what is held"
