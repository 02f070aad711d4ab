"""A metric is one object in one place: nothing else of the house asks for its name to know what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.estimate.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = sorted(path for folder in ("audit", "reports") for path in (ROOT / folder).rglob("*.py"))
NAMES = frozenset(METRICS)


COMPARES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def branches(code: str) -> Iterator[int]:
    """Yield the lines that compare something with the name of a metric, or with how one begins."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare) and any(isinstance(operator, COMPARES) for operator in node.ops):
            if any(_texts(side) & NAMES for side in (node.left, *node.comparators) if _is_literal(side)):
                yield node.lineno
        elif isinstance(node, ast.Match) and any(_texts(case.pattern) & NAMES for case in node.cases):
            yield node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "startswith":
            begins = tuple(text for argument in node.args for text in _texts(argument) if text)
            if begins and any(name.startswith(begins) for name in NAMES):
                yield node.lineno


def _texts(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _is_literal(node: ast.AST) -> bool:
    """Tell whether something is a text, or a collection of texts, also within ``frozenset(…)``."""
    kind = ast.Constant | ast.Tuple | ast.List | ast.Set | ast.Dict
    return isinstance(node, kind) or getattr(getattr(node, "func", None), "id", "") in {"frozenset", "set", "tuple"}


@pytest.mark.parametrize(
    "code",
    [
        'if name == "roc_auc": pass',
        'if one.metric in ("accuracy", "x"): pass',
        'x = [one for one in many if "recall" != one.metric]',
        'if name in {"f1"}: pass',
        'if name in frozenset({"f1"}): pass',
        'match name:\n    case "f1" | "x": pass',
        'if name.startswith("precision"): pass',
    ],
)
def test_a_branch_on_a_name_is_seen(code: str) -> None:
    assert list(branches(code))


def test_no_branch_on_the_name_of_a_metric() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in CODE for line in branches(path.read_text())]
    assert found == [], "give audit.estimate.metric.Metric a field for what differs"
