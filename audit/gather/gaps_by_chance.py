"""Gaps among groups beside what shuffling the groups yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.estimate.chance import Chance, gap_against_chance
from audit.evidence import Predictions
from audit.evidence.requirements import require_evidence

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, permutations: int = 2000) -> tuple[Chance, ...]:
    """Shuffle the groups of each sensitive feature over the test rows.

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
    test = predictions.select(split="test").discreet()
    require_evidence("sensitive", predictions=test)
    settings = context.settings
    found = []
    for done, feature in enumerate(test.sensitive):
        context.progress("shuffling groups", done, len(test.sensitive))
        found.append(
            gap_against_chance(
                test,
                feature,
                generator=context.generator(f"gaps_by_chance:{feature}"),
                permutations=permutations,
                min_n=settings.min_n,
                level=settings.level,
            )
        )
    context.progress("shuffling groups", len(test.sensitive), len(test.sensitive))
    return tuple(found)
