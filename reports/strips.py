"""Small charts for a first screen: a few bars or points over one axis, their numbers beside them as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.phrases import percent, percent_interval
from reports.record import Estimate

LEAST = 0.02
"""Least that an axis spans, as a share of its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A number over the windows of a log, drawn in 100 by 28 units with an axis of its own.

    Examples
    --------
    >>> Trend(places=(0.0, 100.0), values=(0.8, 0.9), lows=(0.7, 0.8), highs=(0.9, 1.0), reference=0.85).line
    'M0 17.7L100 10.3'
    """

    places: tuple[float, ...]
    """Where the windows stand, from 0 to 100; those without labels have none."""
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    reference: float
    windows: tuple[str, ...] = ()
    """Names of these windows."""
    marks: tuple[float, ...] = ()
    """Where something changed, such as the version that answers, from 0 to 100."""

    @property
    def line(self) -> str:
        """The numbers from the first window to the last."""
        return self._path(self.values)

    @property
    def band(self) -> str:
        """Their intervals, as an area."""
        back = [f"{x:g} {self._y(low):g}" for x, low in reversed(list(zip(self.places, self.lows, strict=True)))]
        return f"{self._path(self.highs)}L{'L'.join(back)}z"

    @property
    def before(self) -> str:
        """The reference, as a level line."""
        return f"M0 {self._y(self.reference):g}H100"

    @property
    def changes(self) -> str:
        """Upright lines where something changed."""
        return "".join(f"M{place:g} 0V28" for place in self.marks)

    @property
    def now(self) -> str:
        """The last window, as a point."""
        return f"M{self.places[-1]:g} {self._y(self.values[-1]):g}h.01"

    def _y(self, value: float) -> float:
        low, high = min(*self.lows, self.reference), max(*self.highs, self.reference)
        bottom, height = axis_of(low, high)
        return round(25 - 22 * (value - bottom) / height, 1)

    def _path(self, values: tuple[float, ...]) -> str:
        return "M" + "L".join(f"{x:g} {self._y(value):g}" for x, value in zip(self.places, values, strict=True))


def axis_of(low: float, high: float) -> tuple[float, float]:
    """Return where an axis begins and how much it spans: never so little that a number which hardly moves seems to.

    Examples
    --------
    >>> axis_of(0.5, 0.75), axis_of(1.0, 1.0), axis_of(0.0, 0.0)
    ((0.5, 0.25), (0.99, 0.02), (-0.5, 1.0))
    """
    height = max(high - low, LEAST * max(abs(low), abs(high))) or 1.0
    return low - (height - (high - low)) / 2, height


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
    trend: Trend | None = None
    """Drawn in place of a bar or point."""


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
    limits = min(0.0, *values), max(values)
    low, high = (round_end(limit) if abs(limit) > LEAST * max(map(abs, limits)) else 0.0 for limit in limits)
    if share:
        high = min(high, 1.0)
    low, high = (low, high) if high > low else (low, low + 1.0)
    unit, scale = (" %", 100) if share else ("", 1)
    begin = f"from {scale * low:,.6g} " if low else ""
    ends = f"axis {begin}to {scale * high:,.6g}{unit}".replace("-", "−")
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
