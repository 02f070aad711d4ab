"""Files and functions stay small enough to read in one sitting."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = sorted(path for folder in ("audit", "reports", "trainers") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _long_functions(path: Path) -> list[str]:
    long = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if lines > 60:
                long.append(f"{_named(path)} {node.name}: {lines} lines")
    return long


def test_files_are_short() -> None:
    sizes = {path: path.read_text().count("\n") for path in (*CODE, *TESTS)}
    assert [f"{_named(p)}: {n} lines" for p, n in sizes.items() if n > (700 if p in TESTS else 500)] == []


def test_functions_are_short() -> None:
    assert [line for path in CODE for line in _long_functions(path)] == []


def test_no_name_that_says_nothing() -> None:
    assert {path.stem for path in CODE} & {"utils", "util", "helpers", "common", "base", "manager", "misc"} == set()


def test_the_repository_holds_no_path_of_a_machine() -> None:
    texts = [*CODE, *TESTS, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *(ROOT / "docs").rglob("*.md")]
    pattern = re.compile(r"/(?:home|Users|root)/[a-z]+|file:///[a-z]")
    found = [_named(path) for path in texts if path != Path(__file__).resolve() and pattern.search(path.read_text())]
    assert found == []


def test_templates_never_switch_escaping_off() -> None:
    templates = list((ROOT / "reports" / "templates").glob("*.j2"))
    assert templates
    assert [one.name for one in templates if re.search(r"\|\s*safe\b|autoescape\s+false", one.read_text())] == []
