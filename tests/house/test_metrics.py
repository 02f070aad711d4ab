"""A metric is one object in one place: nothing else of the house asks for its name to know what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from audit.estimate.metrics import METRICS
from audit.estimate.rates import RATES
from reports.lookup import SYNONYMS

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = sorted(path for folder in ("audit", "reports") for path in (ROOT / folder).rglob("*.py"))
NAMES = frozenset(METRICS)


COMPARES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
DERIVED = ("_difference", "_ratio", "_gain")
HOMES = {
    "audit/estimate/attribution.py": "what a mean is taken of, by row: decisions and scores beside accuracy",
    "audit/checks/drift_attribution.py": "the words for these means",
    "audit/estimate/rates.py": "the home of the proportions of four cells",
    "audit/estimate/metrics/rates.py": "the home of the metrics of these",
    "audit/judging/extent.py": "numbers of all kinds that rows are counted by, most of them no metrics",
    "audit/mitigation/rules.py": "rates of all cuts at once, of the kinds that a constraint can bind",
    "reports/how_good.py": "what the first sentence of one answer says itself",
    "reports/people.py": "the home of the words for rates of groups; reports know nothing of audit",
    "reports/phrases.py": "how words of names are written, of which F1 is a whole name",
    "reports/tellings.py": "the home of the words for rules",
}
"""Files that may hold a table by names of metrics, each with the reason."""


def branches(code: str) -> Iterator[int]:
    """Yield the lines that compare something with the name of a metric, or with how one begins."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare) and any(isinstance(operator, COMPARES) for operator in node.ops):
            if any(map(_is_named, (node.left, *node.comparators))):
                yield node.lineno
        elif isinstance(node, ast.Match) and any(_texts(case.pattern) & NAMES for case in node.cases):
            yield node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "startswith":
            begins = tuple(text for argument in node.args for text in _texts(argument) if text)
            if begins and any(name.startswith(begins) for name in NAMES):
                yield node.lineno


def tables(code: str) -> Iterator[int]:
    """Yield the lines with a dictionary or a set by names of metrics."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Dict | ast.Set):
            keys: Sequence[ast.expr | None] = node.keys if isinstance(node, ast.Dict) else node.elts
            if any(isinstance(key, ast.Constant) and key.value in NAMES for key in keys):
                yield node.lineno


def _is_named(node: ast.AST) -> bool:
    """Tell whether a literal holds the name of a metric, or of a difference or ratio of one."""
    bases = (text.removesuffix(end) for text in _texts(node) for end in ("", *DERIVED))
    return _is_literal(node) and not NAMES.isdisjoint(bases)


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
        'if one.metric != "selection_rate_difference": pass',
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


@pytest.mark.parametrize("code", ['SHORT = {"roc_auc": "AUC"}', 'SAID = frozenset({"x", "f1"})', 'x = {"f1": 1}[name]'])
def test_a_table_by_names_is_seen(code: str) -> None:
    assert list(tables(code))


def test_tables_by_names_of_metrics_stand_at_home() -> None:
    lines = {f"{path.relative_to(ROOT)}": list(tables(path.read_text())) for path in CODE}
    assert {name: lines[name] for name in lines if lines[name] and name not in HOMES} == {}, "make it a field of Metric"
    assert {name for name in HOMES if not lines[name]} == set(), "take what holds no table any more from the list"


def test_reports_know_the_proportions_that_are_one_number() -> None:
    alike = {frozenset(name for name, other in RATES.items() if other == rate) for rate in RATES.values()}
    assert {names for names in alike if len(names) > 1} == set(map(frozenset, SYNONYMS))
