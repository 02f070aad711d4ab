"""The page of costs states the limits that the code has."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from audit.data.columns import MOST_GROUPS, MOST_LEVELS, NAMED, POOL
from audit.explain.counterfactual import WIDE
from audit.gather import SMALL, missing, shuffled
from audit.gather._explained import MOST_COLUMNS
from audit.judging.folding import MOST
from reports.html import USUAL_LIMIT

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8").split())
SHUFFLED = inspect.signature(shuffled.gather).parameters


@pytest.mark.parametrize(
    "said",
    [
        f"a sensitive feature with more than {MOST_GROUPS} levels, at most {MOST_LEVELS:,}, the {NAMED} with",
        f"the others are one group, *{POOL}*",
        f"more than {MOST:,} verdicts",
        f"shuffles the {SHUFFLED['features'].default} of the largest attributions",
        f"Beyond {MOST_COLUMNS} columns",
        f"left out of {inspect.signature(missing.gather).parameters['features'].default} columns",
        f"changed more than {WIDE} columns",
        f"at most {USUAL_LIMIT // 1000} kB",
        f"fewer than {SMALL:,} numbers",
    ],
)
def test_a_limit_is_as_stated(said: str) -> None:
    assert said in PAGE


def test_budgets_are_as_stated() -> None:
    assert (SHUFFLED["evaluations"].default, SHUFFLED["cells"].default) == (1_000_000, 10**9)
    assert "at most a million rows (`evaluations`) and hands over at most 10⁹ numbers (`cells`)" in PAGE
