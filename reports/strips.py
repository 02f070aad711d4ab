"""Small charts for a first screen: a few bars or points over one axis, their numbers beside them as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.phrases import percent, percent_interval
from reports.record import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class StripRow:
    """One line of a small chart."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""
    """The number, as it stands beside the line."""
    tag: str = ""
    """``highest`` or ``lowest``, where a chart of several groups begins with the two that lie farthest apart."""
    strong: bool = False
    """Whether this is the line to look at."""
    mark: float | None = None
    """Where a dashed line stands, such as what a constant would reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A small chart; a reader without eyes gets its labels and numbers."""

    rows: tuple[StripRow, ...]
    low: float
    high: float
    points: bool
    """Points with intervals instead of bars."""
    note: str = ""

    def at(self, value: float) -> float:
        """Return the place of a number along the axis, from 0 to 100.

        Examples
        --------
        >>> Strip(rows=(), low=0.0, high=0.5, points=False).at(0.25)
        50.0
        """
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 1)


def strip(
    rows: Sequence[StripRow], *, ends: tuple[float, float] | None = None, points: bool = False, note: str = ""
) -> Strip | None:
    """Lay rows over one axis that begins at zero where it can; nothing without rows."""
    if not rows:
        return None
    values = [value for row in rows for value in (row.value, row.low, row.high) if value is not None]
    low, high = ends or (min(0.0, *values), max(values, default=1.0) * 1.05)
    return Strip(rows=tuple(rows), low=low, high=high if high > low else low + 1.0, points=points, note=note)


def share_row(label: str, estimate: Estimate, *, mark: float | None = None, n: bool = False) -> StripRow:
    """Make a row of a share with its interval."""
    value = estimate.value or 0.0
    size = f" (n {estimate.n:,})" if n and estimate.n is not None else ""
    text = f"{percent(value)} {percent_interval(estimate)}".rstrip() + size
    return StripRow(label=label, value=value, low=estimate.low, high=estimate.high, text=text, mark=mark)
