"""What a planting is: a rule's code, the checks it needs, and a function that puts the defect in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.defects.models import Subject
from benchmarks.defects.tables import Table

Strength = Literal["clear", "moderate"]
Rng = np.random.Generator
TablePlant = Callable[[Table, Strength, Rng], "Table | None"]
Plant = Callable[[Subject, Strength, Rng], "Subject | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One rule's planting, in a table (the model is fitted afterwards) or in a subject."""

    code: str
    check: str
    """The check whose gate should fail."""
    what: str
    plant: TablePlant | None = None
    """Returns the table with the defect, or ``None`` where the table cannot carry it."""
    spoil: Plant | None = None
    """Returns the subject with the defect, or ``None`` where it cannot carry it."""
    modalities: tuple[str, ...] = ("tabular",)


def pick(strength: Strength, clear: float, moderate: float) -> float:
    """Return the size of a defect."""
    return clear if strength == "clear" else moderate


def copied(table: Table, share: float, rng: Rng, split: str = "train") -> np.ndarray:
    """Draw positions of rows to copy, as a share of the split's rows."""
    frame = table.train if split == "train" else table.test
    return rng.choice(len(frame), max(1, round(share * len(frame))), replace=False)
