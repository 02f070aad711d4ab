"""Plain words: names say what they return, sentences say what was seen; the list is of what once stood here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = sorted(path for folder in ("audit", "reports", "trainers") for path in (ROOT / folder).rglob("*.py"))
PROSE = [
    *CODE,
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "audit" / "policy").rglob("*.toml"),
    *(ROOT / "reports" / "templates").glob("*.j2"),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "modelassay.py")),
]
INSTEAD = {
    r", which no \w+ is\b": "x names unknown gate 'y'",
    r"(?<![Tt]here )\b(?:is|are) no (?!(?:longer|more|better|lower|less|one)\b)[\w.]+": "'x' is not a TOML file",
    r"\btold apart\b|\btell(?:s|ing)?\b(?: [\w`'’]+){1,4} apart\b": "distinguish",
    r"\bheld against\b|\b[Hh]old(?:s|ing)?\b(?: [\w`'’]+){1,12} against\b": "compare with",
    r"\basked of\b": "applies to binary tasks only (task: regression)",
    r"\bdecided (?:upon )?otherwise\b": "would the decision change if only the group changed?",
    r"\bwould settle\b": "about 900 rows are needed for an answer",
    r"\bshortfalls?\b": "a gap of 4.9 points would have been found",
    r"\b(?:is|are|be|been|not|was|were) (?:\w+ )?told\b|\btold (?:by|from|as|in|one)\b": "shown, distinguished",
    r"\b(?:stands?|stood) in (?:the |an? |its )?(?:record|files?|page|tables?|training|graph|annex|notes)\b": "is in",
    r"\bbears?\b": "carries",
    r"\bbut for\b": "except",
    r"\bupon\b": "on; a failure that somebody accepts",
    r"\bsays? nothing of\b": "says nothing about",
    r"\b(?:hence|lest|thereby|whereby|thereof|wherein)\b": "so; so that … not; by which",
    r"(?:^|[.;:] )(?:Named|Wanted|Told|Shown|Asked|Kept|Left out|Drawn|Counted) (?:is|are)\b": "it keeps …",
    r"\bnumber plate\b": "unique identifier",
    r"\bby heart\b": "memorized",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bbring(?:s|ing)? home\b": "gather",
}
"""What is written → what stands in its place."""
SAYS_NOTHING = frozenset({
    "discreet", "apart", "asked", "narrowed", "laid_over", "told", "found", "made", "shown", "known", "kept", "drawn",
    "given", "taken", "hidden", "chosen", "held", "spent", "said", "written", "frozen", "seen", "brought",
})  # fmt: skip
"""Words that were names of functions; a function is a verb or the noun of the field."""
VERBS = frozenset({"need", "seed", "embed", "feed", "shed", "speed", "proceed", "exceed"})
"""Verbs and nouns that end as participles do."""
HOLDS_ANYTHING = frozenset({"one", "found", "told", "made"})
"""Names of locals that say nothing of what they hold."""
FILES = {
    "strict": "toml_files", "variants": "perturbed", "halves": "split_half", "linear_forms": "influence",
    "scoring": "score_metrics", "digest": "summary", "layout": "sections", "canvas": "svg", "wording": "phrases",
    "alone": "single_feature", "mislabel": "label_noise", "_rivals": "reference_models",
    "_slopes": "finite_differences", "attacked": "adversarial",
}  # fmt: skip
"""File names that a newcomer cannot predict → those that one can."""


def phrases(text: str, pattern: str) -> Iterator[str]:
    """Yield what a pattern finds where a sentence may go on in the next line."""
    joined = re.sub(r"\s*\n[\s#>*|]*", " ", text)
    yield from (found.group(0) for found in re.finditer(pattern, joined))


@pytest.mark.parametrize("pattern", INSTEAD)
def test_sentences_are_plain(pattern: str) -> None:
    found = [f"{path.relative_to(ROOT)}: {one}" for path in PROSE for one in phrases(path.read_text(), pattern)]
    assert found == [], f"write: {INSTEAD[pattern]}"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\btold apart\b|\btell(?:s|ing)?\b(?: [\w`'’]+){1,4} apart\b", "what tells the rows\n    apart"),
        (r"\bheld against\b|\b[Hh]old(?:s|ing)?\b(?: [\w`'’]+){1,12} against\b", "Hold each group against it"),
        (r", which no \w+ is\b", "a waiver of 'x', which no gate is"),
        (
            r"(?<![Tt]here )\b(?:is|are) no (?!(?:longer|more|better|lower|less|one)\b)[\w.]+",
            "'d.toml' is\n    no file",
        ),
        (r"\bwould settle\b", "about 900 rows would\n    settle it"),
    ],
)
def test_what_goes_on_in_the_next_line_is_seen(pattern: str, text: str) -> None:
    assert pattern in INSTEAD
    assert list(phrases(text, pattern))


def says_nothing(name: str) -> bool:
    """Tell whether a public function's name is one participle, which says what was done and not what comes back."""
    return name in SAYS_NOTHING or ("_" not in name and name.endswith("ed") and name not in VERBS)


@pytest.mark.parametrize(
    ("name", "nothing"),
    [("counted", True), ("shown", True), ("count_noun", False), ("seed", False), ("_cached", False)],
)
def test_a_bare_participle_is_seen(name: str, nothing: bool) -> None:
    assert says_nothing(name) is nothing


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield functions and methods that are called by name; what a property gives is a noun, however it is spelled."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = {getattr(mark, "id", getattr(mark, "attr", "")) for mark in node.decorator_list}
            if not marks & {"property", "cached_property", "setter"}:
                yield node


def test_functions_are_named_by_what_they_return() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in CODE
        for node in _functions(ast.parse(path.read_text()).body)
        if says_nothing(node.name)
    ]
    assert found == []


def test_locals_are_named_after_what_they_hold() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name | ast.arg)
        and (name := node.id if isinstance(node, ast.Name) else node.arg) in HOLDS_ANYTHING
        and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        and f"    {name}: " not in path.read_text().splitlines()[node.lineno - 1]  # a field of a record
    ]
    assert found == [], "name what it holds, such as estimate, gate, row_mask"


def test_files_are_named_as_a_newcomer_expects() -> None:
    assert [f"{path.relative_to(ROOT)} → {FILES[path.stem]}" for path in CODE if path.stem in FILES] == []
