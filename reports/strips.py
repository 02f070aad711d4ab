"""Small charts for a first screen: a few bars or points over one axis, their numbers beside them as text."""

from __future__ import annotations

import math
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


def bars(rows: Sequence[StripRow], *, end: float, note: str = "") -> Strip | None:
    """Lay bars over an axis from zero to all that there could be; nothing without rows."""
    return Strip(rows=tuple(rows), low=0.0, high=end, points=False, note=note) if rows else None


def points(rows: Sequence[StripRow], *, share: bool, note: str) -> Strip | None:
    """Lay points over an axis from zero, or below, to a round number, and say which; nothing without rows."""
    if not rows:
        return None
    values = [value for row in rows for value in (row.value, row.low, row.high, row.mark) if value is not None]
    low, high = round_end(min(0.0, *values)), round_end(max(values))
    if share:
        high = min(high, 1.0)
    low, high = (low, high) if high > low else (low, low + 1.0)
    unit, scale = (" %", 100) if share else ("", 1)
    begin = f"from {scale * low:.6g} " if low else ""
    ends = f"axis {begin}to {scale * high:.6g}{unit}".replace("-", "−")
    return Strip(rows=tuple(rows), low=low, high=high, points=True, note=f"{note}; {ends}")


def round_end(value: float) -> float:
    """Return the next number away from zero that is easy to read on an axis.

    Examples
    --------
    >>> round_end(0.264), round_end(-71.0), round_end(0.0)
    (0.3, -80.0, 0.0)
    """
    if not value or not math.isfinite(value):
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    step = next(step for step in (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100) if abs(value) / scale <= step + 1e-9)
    return math.copysign(float(f"{step * scale:.6g}"), value)


def share_row(label: str, estimate: Estimate, *, mark: float | None = None, n: bool = False) -> StripRow:
    """Make a row of a share with its interval."""
    value = estimate.value or 0.0
    size = f" (n {estimate.n:,})" if n and estimate.n is not None else ""
    text = f"{percent(value)} {percent_interval(estimate)}".rstrip() + size
    return StripRow(label=label, value=value, low=estimate.low, high=estimate.high, text=text, mark=mark)
