"""Which steps of the action run on which event: its ``if:`` lines, read as GitHub's documentation defines them.

The operators are those of "Evaluate expressions in workflows and actions": a name that is not there is null, texts are
compared without case, and values of two kinds as numbers (null 0, true 1, an empty text 0, any other text none).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML reads the action; it comes with the test tools")
ROOT = Path(__file__).resolve().parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
DEFAULTS = {name: value["default"] for name, value in ACTION["inputs"].items()}
REPORTS = ("modelassay-report/gates.sarif", "modelassay-report/audit.json", "modelassay-report/card.md")
TOKEN = re.compile(r"'([^']*)'|hashFiles\('([^']*)'\)|(true|false)\b|([\w.-]+)")


def _value(text: str, given: Mapping[str, Any], files: tuple[str, ...]) -> object:
    match = TOKEN.fullmatch(text.strip())
    assert match is not None, f"an operand that this test does not know: {text}"
    quoted, pattern, flag, name = match.groups()
    if flag is not None:
        return flag == "true"
    if name is None:
        return quoted if quoted is not None else "hash" if pattern in files else ""
    value: Any = given
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _number(value: object) -> float:
    if isinstance(value, str):
        return 0.0 if not value.strip() else math.nan
    return 0.0 if value is None else float(value)  # type: ignore[arg-type]


def _equal(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return (one is None and other is None) or _number(one) == _number(other)


def _holds(condition: str, given: Mapping[str, Any], files: tuple[str, ...]) -> bool:
    parts = condition.removeprefix("${{").removesuffix("}}").split("&&")
    for part in parts:
        first, sign, second = re.split(r"\s(==|!=)\s", part.strip())
        if _equal(_value(first, given, files), _value(second, given, files)) != (sign == "=="):
            return False
    return True


def _run(event: Mapping[str, Any], files: tuple[str, ...] = REPORTS, **inputs: str) -> set[str]:
    """Name the steps that run, those without a name by what they use."""
    given = {"inputs": DEFAULTS | {name.replace("_", "-"): value for name, value in inputs.items()}, "github": event}
    return {
        step.get("name", step.get("uses", "").split("@")[0])
        for step in STEPS
        if "if" not in step or _holds(step["if"], given, files)
    }


REPOSITORY = {"default_branch": "main"}
PUSH = {"event_name": "push", "ref_name": "main", "event": {"repository": REPOSITORY}}
BRANCH = PUSH | {"ref_name": "try"}


def _pull(*, fork: bool) -> dict[str, Any]:
    event = {"repository": REPOSITORY, "pull_request": {"number": 7, "head": {"repo": {"fork": fork}}}}
    return {"event_name": "pull_request", "ref_name": "7/merge", "event": event}


ALWAYS = {"actions/setup-python", "Install", "Record of the default branch", "Audit", "Card", "Verdict"}
LINES, KEPT, COMMENT = "Failures at their lines", "Record for the next comparison", "Comment"


@pytest.mark.parametrize(
    ("event", "more"),
    [
        (PUSH, {LINES, KEPT}),
        (BRANCH, {LINES}),
        (_pull(fork=False), {LINES, COMMENT}),
        (_pull(fork=True), set()),
    ],
    ids=["default branch", "another branch", "pull request", "pull request of a fork"],
)
def test_each_event_runs_its_steps(event: Mapping[str, Any], more: set[str]) -> None:
    assert _run(event) == ALWAYS | more


def test_an_audit_that_could_not_run_uploads_nothing_and_still_ends_with_its_code() -> None:
    assert _run(_pull(fork=False), ()) == ALWAYS - {"Card"}


def test_inputs_switch_steps_off() -> None:
    off = _run(_pull(fork=False), python_version="", baseline="false", comment="false")
    assert off == {"Install", "Audit", "Card", "Verdict", LINES}


def test_actions_of_others_are_named_with_a_version_and_what_they_ask_for() -> None:
    needs = {
        "actions/setup-python": {"python-version"},
        "github/codeql-action/upload-sarif": {"sarif_file"},
        "actions/upload-artifact": {"name", "path"},
    }
    used = [step for step in STEPS if "uses" in step]
    assert used
    for step in used:
        name, _, version = step["uses"].partition("@")
        assert re.fullmatch(r"v\d+", version)
        assert needs[name] <= set(step["with"])
