"""What can differ between two audits: a number, or a gate's verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.record import Estimate, Where

Direction = Literal["better", "worse", "changed", "no difference shown", "same", "only before", "only after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number in both audits."""

    check: str
    metric: str
    where: Where
    before: Estimate | None
    after: Estimate | None
    difference: Estimate | None = None
    """After less before."""
    paired: bool = False
    direction: Direction = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One gate's verdict in both audits, where it is not the same."""

    gate: str
    where: Where
    before: str
    after: str
    severity: str
