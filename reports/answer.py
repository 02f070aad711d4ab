"""One answer to a reader's question: a sentence, what lies behind it, a small chart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from reports.record import VerdictOutcome
from reports.strips import Strip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One thing that was looked at, and what became of it."""

    words: str
    outcome: VerdictOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of the five questions with its answer."""

    id: str
    short: str
    """The question where there is little room."""
    question: str
    sentence: str
    details: tuple[str, ...] = ()
    strip: Strip | None = None
    """A small chart: bars or points over one axis."""
    ticks: tuple[Tick, ...] = ()
    """What was looked at, where there is no number to draw."""


_WORST_FIRST: tuple[VerdictOutcome, ...] = ("fail", "error", "inconclusive", "waived", "pass", "not_assessed")


def worst_of(outcomes: Collection[VerdictOutcome]) -> VerdictOutcome:
    """Return the outcome that a tick shows where there are several.

    Examples
    --------
    >>> worst_of(["pass", "waived"]), worst_of([])
    ('waived', 'not_assessed')
    """
    return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), "not_assessed")
