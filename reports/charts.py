"""Exhibit → inline SVG: the figures of the card.

Shapes and words speak, never color alone; hollow marks stand on too few rows; at most forty rows of
a kind are drawn and the figure says so. Every figure stands beside its numbers, which
:mod:`reports.exhibits` sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from markupsafe import Markup

from reports.exhibits import named_places, place_name, thin_places
from reports.phrases import metric_words, number, visible
from reports.record import Bars, Curve, Exhibit, Forest, ForestRow, Image, Mark, Matrix, Prose, Series, Table
from reports.svg import BLUE, DASHES, PALETTE, Canvas, simplify

MOST_ROWS = 40
"""Groups or bars that one figure draws."""
MOST_POINTS = 300
MOST_NAMES, MOST_OF_NAME = 5, 24
"""Names under an axis, and characters of each."""
MOST_SERIES = 8
MOST_MARKS = 8
"""Places across a curve that are marked; of more, the last are."""
MOST_CELLS = 16
"""Rows or columns of a grid that is drawn; larger ones stand as a table alone."""

_ROW = 20.0
_PLOT = 270.0
"""Width of the plot of a forest; its labels take what they need, the numbers follow on the right."""
_MOST_LABEL = 44


def draw(exhibit: Exhibit, anchor: str) -> Markup | None:
    """Draw an exhibit as inline SVG, or return nothing where its table or text is all there is.

    Parameters
    ----------
    exhibit : Exhibit
        What a check found.
    anchor : str
        Identifier of the figure, unique on the page.

    Returns
    -------
    Markup or None
        The same bytes for the same exhibit and anchor.
    """
    match exhibit:
        case Forest():
            return _forest(exhibit, anchor) if exhibit.rows else None
        case Bars():
            return _bars(exhibit, anchor) if exhibit.bars else None
        case Curve():
            return _curve(exhibit, anchor) if any(series.x for series in exhibit.series) else None
        case Matrix():
            return _matrix(exhibit, anchor) if _drawable(exhibit) else None
        case Table() | Image() | Prose():
            return None
    assert_never(exhibit)


# --- axes -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """A range of numbers laid over a range of pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of a number, kept inside the axis."""
        low, high, here = (_log(number) if self.log else number for number in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def ticks(self, most: int = 4) -> list[float]:
        """Return round numbers within the range."""
        if self.log:
            steps = [base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5)]
            inside = [step for step in steps if self.low <= step <= self.high]
            return [inside[k] for k in thin_places(len(inside), most + 2)] if inside else [self.low, self.high]
        from matplotlib.ticker import MaxNLocator

        entries = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(value) for value in entries if self.low - 1e-12 <= value <= self.high + 1e-12]


def _log(value: float) -> float:
    return math.log(max(value, 1e-6))


def _axis(values: Sequence[float], start: float, end: float, *, log: bool = False, zero: bool = False) -> _Axis:
    """Lay an axis over all values with a little room on both sides."""
    usable = [value for value in values if not log or value > 0]
    low, high = (min(usable), max(usable)) if usable else (1.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if log:
        low, high = max(low, 1e-3), min(max(high, 1e-3), 1e3)
        return _Axis(low=low / 1.1, high=high * 1.1, start=start, end=end, log=True)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    return _Axis(low=low - room * (low != 0 or not zero), high=high + room, start=start, end=end)


def _bottom(canvas: Canvas, axis: _Axis, top: float, y: float, label: str, names: Sequence[str] = ()) -> None:
    """Draw a horizontal axis with light lines up to `top`; `names` say what its whole numbers stand for."""
    numbers = axis.ticks()
    room = 6.4 * min(max(map(len, names), default=0), MOST_OF_NAME) + 20
    fits = max(1, min(MOST_NAMES, int((axis.end - axis.start) / room)))
    ticks = {float(k): names[k] for k in named_places(len(names), fits)} or {k: _tick(k, numbers) for k in numbers}
    for tick, words in ticks.items():
        x = axis.at(tick)
        canvas.line((x, x), (top, y), width=0.8, alpha=0.15)
        canvas.text(x, y + 15, words, anchor="middle", limit=MOST_OF_NAME, quiet=True)
    canvas.line((axis.start, axis.end), (y, y), width=1.0, alpha=0.6)
    canvas.text((axis.start + axis.end) / 2, y + 32, label, anchor="middle", limit=48)


def _tick(tick: float, ticks: Sequence[float]) -> str:
    """Write a tick with no more digits than tell it from its neighbors."""
    gaps = [b - a for a, b in pairwise(ticks) if b > a]
    digits = max(0, min(6, -math.floor(math.log10(min(gaps)) + 1e-9))) if gaps else 3
    text = f"{0.0 if abs(tick) < 1e-12 else tick:,.{digits + 1}f}" if abs(tick) < 1e6 else f"{tick:.3g}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def _say(value: float) -> str:
    return number(value).replace("-", "−")


# --- forests and bars -----------------------------------------------------------------------------


def _forest(forest: Forest, anchor: str) -> Markup:
    rows = _worst(forest)
    left = _label_width([_with_n(row) for row in rows], 6.4) + 16
    top = 26.0 if forest.log_scale or forest.reference is not None else 6.0
    foot = top + _ROW * len(rows)
    right = max(160.0, 7.0 * max((len(_with_interval(row)) for row in rows), default=0) + 22)
    canvas = Canvas(left + _PLOT + right, foot + 40 + (18 if len(rows) < len(forest.rows) else 0))
    values = [value for row in rows for value in (row.value, row.low, row.high, forest.reference) if value is not None]
    marked = (0.8, 1.25) if forest.log_scale else ()
    axis = _axis([*values, *marked], left, left + _PLOT, log=forest.log_scale)
    _bottom(canvas, axis, top, foot, metric_words(forest.x_label))
    _references(canvas, axis, forest, top, foot)
    ys = [top + _ROW * (k + 0.5) for k in range(len(rows))]
    _whiskers(canvas, axis, rows, ys)
    for row, y in zip(rows, ys, strict=True):
        _forest_row(canvas, row, left, y)
    if len(rows) < len(forest.rows):
        words = f"{len(rows)} of {len(forest.rows):,} groups drawn: {_choice(forest)} first"
        canvas.text(0, foot + 52, words, limit=90, quiet=True)
    return canvas.svg(anchor, forest.title, _forest_story(forest))


def _label_width(labels: Sequence[str], per_sign: float) -> float:
    longest = max((len(visible(label, _MOST_LABEL + 14)) for label in labels), default=0)
    return max(90.0, per_sign * longest)


def _references(canvas: Canvas, axis: _Axis, forest: Forest, top: float, foot: float) -> None:
    """Draw the reference line and, for ratios, four fifths and its inverse."""
    if forest.log_scale:
        for mark in (0.8, 1.25):
            canvas.line((axis.at(mark),) * 2, (top, foot), width=1.0, alpha=0.6, dashes=(2.0, 2.0))
            canvas.text(axis.at(mark), top - 6, f"{mark:g}", anchor="middle", quiet=True)
    if forest.reference is not None:
        x = axis.at(forest.reference)
        canvas.line((x, x), (top, foot), width=1.2, alpha=0.8, dashes=(6.0, 3.0))
        canvas.text(x, 10 if forest.log_scale else top - 6, _say(forest.reference), anchor="middle")


def _whiskers(canvas: Canvas, axis: _Axis, rows: Sequence[ForestRow], ys: Sequence[float]) -> None:
    """Draw all intervals as one path and all marks of a kind as one artist, which keeps a card small."""
    places = list(zip(rows, ys, strict=True))
    spans = [
        (axis.at(row.low), axis.at(row.high), y)
        for row, y in places
        if row.value is not None and row.low is not None and row.high is not None
    ]
    xs = [x for low, high, _ in spans for x in (low, high, math.nan)]
    canvas.line(xs, [y for *_, y in spans for _ in range(3)], color=BLUE, width=1.6)
    for hollow in (False, True):
        kept = [(axis.at(row.value), y) for row, y in places if row.value is not None and row.hollow == hollow]
        if kept:
            canvas.marks([x for x, _ in kept], [y for _, y in kept], hollow=hollow)


def _forest_row(canvas: Canvas, row: ForestRow, left: float, y: float) -> None:
    canvas.text(0, y + 4, _with_n(row), limit=_MOST_LABEL + 14)
    if row.value is None:
        canvas.text(left + 6, y + 4, f"undefined: {row.reason}" if row.reason else "undefined", limit=44, quiet=True)
        return
    canvas.text(left + _PLOT + 12, y + 4, _with_interval(row), limit=40)


def _with_interval(row: ForestRow) -> str:
    if row.value is None:
        return ""
    whole = row.low is not None and row.high is not None
    return _say(row.value) + (f" [{_say(row.low or 0.0)}, {_say(row.high or 0.0)}]" if whole else "")


def _with_n(row: ForestRow) -> str:
    label = visible(row.label, _MOST_LABEL)
    return label if row.n is None else f"{label} (n {row.n:,})"


def _worst(forest: Forest) -> Sequence[ForestRow]:
    """Keep all rows in their order, or the forty that lie farthest from the reference."""
    if len(forest.rows) <= MOST_ROWS:
        return forest.rows

    def badness(row: ForestRow) -> float:
        if row.value is None:
            return -math.inf
        if forest.reference is None:
            return -row.value
        if forest.log_scale:
            return abs(_log(row.value) - _log(forest.reference))
        return abs(row.value - forest.reference)

    return sorted(forest.rows, key=lambda row: (-badness(row), visible(row.label)))[:MOST_ROWS]


def _choice(forest: Forest) -> str:
    return "the lowest" if forest.reference is None else "the farthest from the reference"


def _forest_story(forest: Forest) -> str:
    known = [row for row in forest.rows if row.value is not None]
    if not known:
        return f"{len(forest.rows)} groups, none with a number."
    low = min(known, key=lambda row: row.value or 0.0)
    high = max(known, key=lambda row: row.value or 0.0)
    words = f"{len(forest.rows)} groups: from {_say(low.value or 0.0)} for {visible(low.label, 60)}"
    words += f" to {_say(high.value or 0.0)} for {visible(high.label, 60)}."
    if forest.reference is not None:
        words += f" The dashed line is at {_say(forest.reference)}."
    return f"{words} Hollow marks rest on too few rows." if any(row.hollow for row in forest.rows) else words


def _bars(bars: Bars, anchor: str) -> Markup:
    shown = bars.bars[:MOST_ROWS]
    left = _label_width([bar.label for bar in shown], 6.4) + 14
    top = 8.0
    foot = top + _ROW * len(shown)
    right = left + 360
    canvas = Canvas(right + 80, foot + 40 + (18 if len(shown) < len(bars.bars) else 0))
    values = [value for bar in shown for value in (bar.value, bar.low, bar.high) if value is not None]
    axis = _axis(values, left, right, zero=True)
    _bottom(canvas, axis, top, foot, metric_words(bars.x_label))
    zero = axis.at(0.0)
    for k, bar in enumerate(shown):
        y = top + _ROW * (k + 0.5)
        end = axis.at(bar.value)
        canvas.text(0, y + 4, bar.label, limit=_MOST_LABEL)
        canvas.area((zero, end, end, zero), (y - 6, y - 6, y + 6, y + 6), color=BLUE, alpha=0.85)
        if bar.low is not None and bar.high is not None:
            canvas.line((axis.at(bar.low), axis.at(bar.high)), (y, y), width=1.4)
        canvas.text(right + 12, y + 4, _say(bar.value))
    if len(shown) < len(bars.bars):
        canvas.text(0, foot + 52, f"The first {len(shown)} of {len(bars.bars):,} bars are drawn", limit=90, quiet=True)
    first = bars.bars[0]
    story = f"{len(bars.bars)} bars; the first is {visible(first.label, 60)} at {_say(first.value)}."
    return canvas.svg(anchor, bars.title, story)


# --- curves ---------------------------------------------------------------------------------------


def _curve(curve: Curve, anchor: str) -> Markup:
    drawn = curve.series[:MOST_SERIES]
    named = len(drawn) > 1 or bool(curve.marks)
    canvas = Canvas(700.0 if named else 480.0, 360.0 + (18 if len(drawn) < len(curve.series) else 0))
    across, down = _axes(curve, drawn)
    _bottom(canvas, across, 30.0, 312.0, curve.x_label, curve.x_names)
    ticks = down.ticks()
    for tick in ticks:
        canvas.line((56.0, 456.0), (down.at(tick),) * 2, width=0.8, alpha=0.15)
        canvas.text(50, down.at(tick) + 4, _tick(tick, ticks), anchor="end", quiet=True)
    canvas.text(0, 14, curve.y_label, limit=60)
    if curve.diagonal:
        low, high = max(across.low, down.low), min(across.high, down.high)
        if low < high:
            ends = (across.at(low), across.at(high)), (down.at(low), down.at(high))
            canvas.line(*ends, width=1.0, alpha=0.5, dashes=(2.0, 2.0))
    for k, mark in enumerate(curve.marks[-MOST_MARKS:]):
        _mark(canvas, mark, across.at(mark.x), k, 60.0 + 20.0 * len(drawn))
    for k, series in enumerate(drawn):
        _series(canvas, series, k, across.at, down.at)
        if named:
            _key(canvas, series, k)
    if len(drawn) < len(curve.series):
        canvas.text(0, 372, f"{len(drawn)} of {len(curve.series)} lines drawn", quiet=True)
    names = ", ".join(visible(series.name, 40) for series in drawn)
    marked = [f" {visible(series.mark_name, 60)}: a dot on its line." for series in drawn if series.mark is not None][
        :1
    ]
    story = f"{visible(curve.y_label, 60)} against {visible(curve.x_label, 60)}: {names}.{''.join(marked)}"
    happened = [f"{place_name(mark.x, curve.x_names)} {visible(mark.label, 60)}" for mark in curve.marks[-MOST_MARKS:]]
    story += f" Marked: {'; '.join(happened)}." if happened else ""
    return canvas.svg(anchor, curve.title, story)


def _mark(canvas: Canvas, mark: Mark, x: float, k: int, top: float) -> None:
    """Draw a line down the plot with its number above it, and what the number stands for in the key."""
    canvas.line((x, x), (30.0, 312.0), width=1.2, alpha=0.8, dashes=(2.0, 2.0))
    canvas.text(x, 26, f"{k + 1}", anchor="middle")
    canvas.text(470, top + 18.0 * k, f"{k + 1}: {visible(mark.label, 28)}", limit=32)


def _axes(curve: Curve, drawn: Sequence[Series]) -> tuple[_Axis, _Axis]:
    if curve.unit_square:
        return _Axis(low=0, high=1, start=56, end=456), _Axis(low=0, high=1, start=312, end=30)
    xs = [value for series in drawn for value in series.x]
    ys = [value for series in drawn for column in (series.y, series.low or (), series.high or ()) for value in column]
    return _axis(xs, 56.0, 456.0), _axis(ys, 312.0, 30.0)


def _series(
    canvas: Canvas, series: Series, k: int, across: Callable[[float], float], down: Callable[[float], float]
) -> None:
    places = thin_places(len(series.x), MOST_POINTS)
    if not places:
        return
    xs = [across(series.x[j]) for j in places]
    ys = [down(series.y[j]) for j in places]
    color = PALETTE[k % len(PALETTE)]
    if series.low is not None and series.high is not None:
        low, high = series.low, series.high
        floor = simplify(xs, [down(low[j]) for j in places])
        roof = simplify(xs, [down(high[j]) for j in places])
        band = [*floor, *reversed(roof)]
        canvas.area([x for x, _ in band], [y for _, y in band], color=color, alpha=0.2)
    if series.style == "points" or len(xs) == 1:
        canvas.marks(xs, ys, color=color, hollow=k % 2 == 1)
    else:
        points = simplify(xs, ys)
        canvas.line([x for x, _ in points], [y for _, y in points], color=color, width=1.8, dashes=_dashes(series, k))
    if series.mark is not None:
        canvas.marks((across(series.mark[0]),), (down(series.mark[1]),), color=color, size=9.0)


def _dashes(series: Series, k: int) -> tuple[float, ...] | None:
    """Distinguish lines by their dashes too; a line that asks for dashes never comes out solid."""
    if series.style == "dashed":
        return DASHES[1 + k % (len(DASHES) - 1)]
    return DASHES[(k + k // len(PALETTE)) % len(DASHES)]  # a color that comes again gets other dashes


def _key(canvas: Canvas, series: Series, k: int) -> None:
    y = 40.0 + 20.0 * k
    color = PALETTE[k % len(PALETTE)]
    if series.style == "points" or len(series.x) == 1:
        canvas.marks((484.0,), (y,), color=color, hollow=k % 2 == 1)
    else:
        canvas.line((470.0, 498.0), (y, y), color=color, width=1.8, dashes=_dashes(series, k))
    rows = "" if series.n is None else f" (n={series.n:,})"
    canvas.text(506, y + 4, f"{visible(series.name, 28 - len(rows))}{rows}", limit=28)


# --- matrices -------------------------------------------------------------------------------------


def _drawable(matrix: Matrix) -> bool:
    small = len(matrix.rows) <= MOST_CELLS and len(matrix.columns) <= MOST_CELLS
    return small and bool(matrix.rows) and bool(matrix.columns)


def _matrix(matrix: Matrix, anchor: str) -> Markup:
    left, top, height = 150.0, 46.0, 30.0
    width = min(96.0, 520.0 / len(matrix.columns))
    canvas = Canvas(left + width * len(matrix.columns) + 4, top + height * len(matrix.rows) + 22)
    fits = max(3, int(width / 7))
    canvas.text(left + width * len(matrix.columns) / 2, 14, f"{visible(matrix.column_label, 40)} →", anchor="middle")
    canvas.text(0, 38, f"{visible(matrix.row_label, 18)} ↓", limit=22)
    for j, name in enumerate(matrix.columns):
        canvas.text(left + width * (j + 0.5), 38, name, anchor="middle", limit=fits, quiet=True)
    whole = all(float(value).is_integer() for row in matrix.values for value in row)
    for k, (name, row) in enumerate(zip(matrix.rows, matrix.values, strict=True)):
        y = top + height * k
        canvas.text(left - 8, y + height / 2 + 4, name, anchor="end", limit=20, quiet=True)
        total = sum(abs(value) for value in row) or 1.0
        for j, value in enumerate(row):
            canvas.box(left + width * j, y, width, height, alpha=round(0.45 * abs(value) / total, 3))
            words = f"{value:,.0f}" if whole else _say(value)
            canvas.text(left + width * (j + 0.5), y + height / 2 + 4, words, anchor="middle", limit=fits + 2)
    canvas.text(left, top + height * len(matrix.rows) + 16, "shade: share of the row", quiet=True)
    story = f"{len(matrix.rows)} rows of {visible(matrix.row_label, 40)} by {len(matrix.columns)} columns of "
    return canvas.svg(anchor, matrix.title, f"{story}{visible(matrix.column_label, 40)}; shaded by share of the row.")
