"""Families of findings: where each stands on the card, who acts on it, and how much its concerns usually weigh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from reports.record import Severity


class Family(NamedTuple):
    """One kind of question. A family that the table does not hold, as of a plugin, stands behind all others."""

    name: str
    section: str = ""
    """Chapter of the card, see :data:`reports.sections.SECTIONS`."""
    who: str = "owner"
    """Who usually does something about a concern."""
    reach: float = 1.0
    """Rows per 1,000 that a concern counts for whose number does not translate into rows."""
    kind: Literal["decisions", "hygiene", "paperwork"] = "decisions"
    """Concerns of the state of tables and files come after those of decisions, blanks last."""
    steps_with: str = ""
    """Family whose remedies are done together with its own: one step speaks for both."""
    answers: bool = True
    """Whether its concerns answer the question of its chapter."""
    terse: bool = False
    """Whether a terse page tells its passed checks in a sentence."""
    kept: bool = False
    """Whether a small annex tells it in full first."""
    counts: str = "decisions"
    """What an extent of its numbers counts."""


_SCIENTIST, _BOTH, _DATA = "data scientist", "data scientist, with the owner", "owner of the data"

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("performance", "good", _SCIENTIST, 40.0, kept=True),
        Family("calibration", "good", _SCIENTIST, kept=True),
        Family("groups", "worse", _BOTH, 35.0, steps_with="fairness", kept=True),
        Family("fairness", "worse", _BOTH, 35.0, kept=True),
        Family("leakage", "trusted", _SCIENTIST, 30.0, terse=True, counts="rows"),
        Family("data", "trusted", _DATA, kind="hygiene", terse=True, counts="rows"),
        Family("drift", "trusted", _DATA, kind="hygiene", terse=True, counts="rows"),
        Family("generalization", "trusted", _SCIENTIST, 15.0, terse=True),
        Family("training", "trusted", _SCIENTIST, 12.0, terse=True),
        Family("artifact", "trusted", "engineer", kind="hygiene"),
        Family("monitoring", "trusted", _SCIENTIST, answers=False),
        Family("robustness", "breaks", _SCIENTIST, 20.0, terse=True),
        Family("slices", "breaks", _SCIENTIST, 25.0, steps_with="robustness", kept=True),
        Family("explanations", "breaks", _BOTH, 8.0, terse=True),
        Family("comparison", "breaks", _SCIENTIST, 20.0, answers=False),
        Family("compression", "breaks", "engineer", answers=False),
        Family("card", "unknown", "owner", kind="paperwork"),
    )
}
"""Every family of the house, in the order of the card."""

WEIGHTS: Mapping[Severity, float] = {"error": 3.0, "warning": 1.0, "note": 0.3, "off": 0.0}
"""What a concern's rows count for, by severity."""


def family_named(name: str) -> Family:
    """Look a family up; one that is not known has no chapter and usual weight.

    Examples
    --------
    >>> family_named("card").kind, family_named("uncertainty").section
    ('paperwork', '')
    """
    return FAMILIES.get(name, Family(name))


def unknown_reach(name: str, severity: Severity) -> float:
    """Return rows per 1,000 that a number counts for which does not translate into rows.

    What is an error, such as a model without skill, is one for every decision.

    Examples
    --------
    >>> unknown_reach("performance", "error"), unknown_reach("performance", "warning")
    (1000.0, 40.0)
    """
    return 1000.0 if severity == "error" else family_named(name).reach


def families_in(section: str, *, answering: bool = False) -> tuple[str, ...]:
    """Name the families of a chapter; with `answering` those alone whose concerns answer its question.

    Examples
    --------
    >>> families_in("worse")
    ('groups', 'fairness')
    """
    return tuple(
        family.name for family in FAMILIES.values() if family.section == section and (family.answers or not answering)
    )
