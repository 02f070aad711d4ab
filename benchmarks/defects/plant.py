"""What a planting is: a rule's code, the checks it needs, and a function from table to table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.defects.tables import Table

Strength = Literal["clear", "moderate"]
Plant = Callable[[Table, Strength, np.random.Generator], "Table | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One rule's planting."""

    code: str
    check: str
    """The check whose gate should fail."""
    plant: Plant
    """Returns the table with the defect, or ``None`` where the table cannot carry it."""
    what: str


def copied(table: Table, share: float, rng: np.random.Generator, split: str = "train") -> np.ndarray:
    """Draw positions of rows to copy, as a share of the split's rows."""
    frame = table.train if split == "train" else table.test
    return rng.choice(len(frame), max(1, round(share * len(frame))), replace=False)
