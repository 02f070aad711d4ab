"""Gaps among groups beside what shuffling the groups yields."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit.estimate.chance import Chance, gap_against_chance
from audit.estimate.gaps import toward_favorable
from audit.evidence import Predictions
from audit.evidence.requirements import require_evidence

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, permutations: int = 2000) -> tuple[Chance, ...]:
    """Shuffle the groups of each sensitive feature over the test rows.

    Rates of a binary task are those of the favorable outcome, where it is stated.

    Parameters
    ----------
    context : Context
    permutations : int
        Shuffles of each feature; on counts they cost cells and not rows.

    Raises
    ------
    NotApplicable
        If no sensitive feature is declared.
    """
    predictions = context.need("predictions", Predictions)
    test = predictions.select(split="test").without_hidden_groups()
    require_evidence("sensitive", predictions=test)
    outcome = test.settings.favorable if test.task == "binary" else ""
    test = toward_favorable(test) if outcome else test
    settings = context.settings
    chances = []
    for done, feature in enumerate(test.sensitive):
        context.progress("shuffling groups", done, len(test.sensitive))
        chance = gap_against_chance(
            test,
            feature,
            generator=context.generator(f"gaps_by_chance:{feature}"),
            permutations=permutations,
            min_n=settings.min_n,
            level=settings.level,
        )
        chances.append(replace(chance, outcome=outcome))
    context.progress("shuffling groups", len(test.sensitive), len(test.sensitive))
    return tuple(chances)
