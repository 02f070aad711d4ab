"""No module of a package imports one that imports it back, not even for its types."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def _imports(path: Path, modules: set[str]) -> set[str]:
    """Return the modules of the same package that a file names, at its top, in functions and for its types."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            named |= parts & modules or {node.module}
    return named & modules


@pytest.mark.parametrize("package", ["audit", "reports", "trainers"])
def test_imports_run_in_one_direction(package: str) -> None:
    paths = [path for path in (ROOT / package).rglob("*.py") if path.stem != "__init__"]
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    graph = {name: _imports(path, set(files)) - {name} for name, path in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    first = tmp_path / "first.py"
    first.write_text("def f():\n    from pkg import second\n    return second\n")
    assert _imports(first, {"pkg.first", "pkg.second"}) == {"pkg.second"}
