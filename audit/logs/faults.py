"""Answers of a log that cannot be: they are counted, and in no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.evidence import Predictions

NOT_FINITE, OUTSIDE, NO_SUM = -4096, -4095, -4094
"""Bins of scores that cannot be used."""
FAULTS = (
    (NOT_FINITE, "scores that are not finite numbers", "scores are not finite numbers"),
    (OUTSIDE, "scores outside [0, 1]", "scores lie outside [0, 1]; margins are not counted"),
    (NO_SUM, "rows of scores that do not sum to 1", "rows have scores that do not sum to 1"),
)


class Faults(NamedTuple):
    """Which cells hold answers that cannot be."""

    kinds: Mapping[str, npt.NDArray[np.bool_]]
    answered: npt.NDArray[np.bool_]
    """Cells whose answer is a class."""
    said: npt.NDArray[np.object_]
    """The label of cells whose label the target does not have."""

    def any(self) -> bool:
        """Tell whether there is one."""
        return any(mask.any() for mask in self.kinds.values())


def no_faults(cells: int) -> Faults:
    """Return the faults of cells that have none."""
    return Faults({}, np.ones(cells, dtype=np.bool_), np.full(cells, None, dtype=object))


def usable(every: Predictions, faults: Faults, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Predictions:
    """Return the answers at `rows` that are classes, and their scores if all can be used."""
    part, kinds = every.take(rows), {kind: mask[rows] for kind, mask in faults.kinds.items()}
    invalid = {kind: part.count(mask) for kind, mask in kinds.items() if mask.any()}
    part = replace(part, invalid=invalid)
    for _, kind, text in FAULTS:
        if kind in invalid and part.y_score is not None:
            reason = f"{invalid[kind]} of {part.total} {text}"
            part = replace(part, y_score=None, probabilities=False, score_reason=reason)
    faulty = np.logical_or.reduce([np.zeros(len(part), dtype=np.bool_), *kinds.values()])
    return part.without_invalid(faults.answered[rows], faulty, faults.said[rows])
