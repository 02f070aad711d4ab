"""Make a slice that a search found as plain as its rows allow.

The best of thousands of slices carries conditions that chance put there. A condition stays only if the rows
it shuts out err clearly less than those it keeps, beyond what the best of all conditions would show by
chance; bands are widened as long as that adds to the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.slices.conditions import Column, Condition, inside

Phrase = tuple[Condition, ...]
STEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """Errors of the half of the rows that slices are searched on."""

    columns: Sequence[Column]
    half: npt.NDArray[np.bool_]
    error: npt.NDArray[np.float64]
    """Of all rows."""
    times: float
    """Slices are wanted whose error is more than so many times the overall one."""
    choices: int
    """Single conditions that the search could choose from."""

    def refine(self, phrase: Phrase) -> Phrase:
        """Drop conditions that do not carry their weight, widen bands, and drop again; one always stays."""
        return self._dropped(self._widen(self._dropped(phrase)))

    def evidence(self, phrase: Phrase) -> float:
        """Return by how many standard errors the slice's error exceeds `times` the overall one."""
        own = self._errors(phrase)
        if not len(own):
            return -math.inf
        everything = self.error[self.half]
        limit = self.times * float(everything.mean())
        return float((own.mean() - limit) / max(float(everything.std()), 1e-300) * math.sqrt(len(own)))

    def surprise(self, phrase: Phrase) -> float:
        """Return the evidence less what the best slice of as many conditions would have by chance."""
        depth = len(phrase)
        tried = depth * math.log(max(self.choices, 2)) - math.lgamma(depth + 1)
        return self.evidence(phrase) - math.sqrt(2 * max(tried, 0.0))

    def _errors(self, phrase: Phrase) -> npt.NDArray[np.float64]:
        if not phrase:
            return self.error[self.half]
        return self.error[inside(self.columns, phrase) & self.half]

    def _dropped(self, phrase: Phrase) -> Phrase:
        needed = math.sqrt(2 * math.log(max(self.choices, 2)))
        while len(phrase) > 1:
            shorter = [phrase[:place] + phrase[place + 1 :] for place in range(len(phrase))]
            weights = [self._weight(phrase, conditions) for conditions in shorter]
            weakest = int(np.argmin(weights))
            if weights[weakest] >= needed:
                break
            phrase = shorter[weakest]
        return phrase

    def _weight(self, phrase: Phrase, shorter: Phrase) -> float:
        """Return how many standard errors lie between the rows a condition keeps and those it shuts out."""
        own, wider = self._errors(phrase), self._errors(shorter)
        outside = len(wider) - len(own)
        if not outside or not len(own):
            return 0.0
        rest = (float(wider.sum()) - float(own.sum())) / outside
        spread = float(wider.std()) * math.sqrt(1 / len(own) + 1 / outside)
        return (float(own.mean()) - rest) / spread if spread > 0 else 0.0

    def _widen(self, phrase: Phrase) -> Phrase:
        best, reached = phrase, self.evidence(phrase)
        for _ in range(STEPS):
            options = [(self.evidence(neighbor), neighbor) for neighbor in self._neighbors(best)]
            value, better = max(options, default=(-math.inf, best))
            if value <= reached:
                break
            best, reached = better, value
        return best

    def _neighbors(self, phrase: Phrase) -> list[Phrase]:
        phrases: list[Phrase] = []
        for place, condition in enumerate(phrase):
            bands = self.columns[condition.feature].bands
            wider = (condition._replace(first=condition.first - 1), condition._replace(last=condition.last + 1))
            fitting = [new for new in wider if new.first >= 0 and new.last < bands and new.last - new.first < bands - 1]
            phrases += [(*phrase[:place], new, *phrase[place + 1 :]) for new in fitting]
        return phrases
