"""Exhibits as tables of text: the numbers that stand beside every figure.

A :class:`View` holds nothing but printable text; the formats escape it and set it.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from reports.phrases import number, paragraphs, visible
from reports.record import Bars, Cell, Curve, Exhibit, Forest, Image, Matrix, Prose, Series, Table

CURVE_ROWS = 9
"""Points that the table beside a curve shows of each line."""
MOST_ACROSS = 8
"""Lines that stand side by side in such a table."""
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An exhibit in words and cells."""

    title: str
    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    numeric: tuple[bool, ...] = ()
    """Which columns are set flush right."""
    notes: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    """Paragraphs, for prose."""
    image: str = ""
    """Address of the pixels as ``data:``, where they are sound."""
    alt: str = ""
    size: tuple[int, int] = (0, 0)
    folded: bool = False


def view(exhibit: Exhibit) -> View:
    """Turn an exhibit into printable cells."""
    match exhibit:
        case Table():
            return _table(exhibit)
        case Curve():
            return _curve(exhibit)
        case Bars():
            return _bars(exhibit)
        case Forest():
            return _forest(exhibit)
        case Matrix():
            return _matrix(exhibit)
        case Image():
            return _image(exhibit)
        case Prose():
            return View(title=visible(exhibit.title), text=paragraphs(exhibit.text))
    assert_never(exhibit)


def cap_rows(view: View, rows: int) -> View:
    """Keep about the first `rows` rows and say how many are in the record only."""
    if len(view.rows) <= rows + rows // 4:
        return view
    note = f"The first {rows:,} of {len(view.rows):,} rows; all of them are in audit.json."
    return replace(view, rows=view.rows[:rows], notes=(*view.notes, note))


def _table(table: Table) -> View:
    formats = [_column_format([row[k] for row in table.rows]) for k in range(len(table.columns))]
    rows = tuple(tuple(_cell(cell, formats[k]) for k, cell in enumerate(row)) for row in table.rows)
    return View(
        title=visible(table.title),
        caption=visible(table.caption, 600),
        columns=tuple(visible(name) for name in table.columns),
        rows=rows,
        numeric=tuple(form != "text" for form in formats),
        folded=table.folded,
    )


def _column_format(cells: Sequence[Cell]) -> str:
    """Choose one precision for a column: ``text``, ``whole``, or the number of decimals."""
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    if not numbers or any(isinstance(cell, str) for cell in cells):
        return "text"
    if all(isinstance(cell, int) for cell in numbers):
        return "whole"
    sizes = [abs(cell) for cell in numbers if cell]
    top = max(sizes, default=0.0)
    if top >= 1e9 or (sizes and top < 0.001):
        return ".3g"
    decimals = 1 if top >= 1000 else 2 if top >= 100 else 3
    return f",.{decimals}f"


def _cell(cell: Cell, form: str) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return visible(cell, 300)
    if form == "text":
        return f"{cell:,}" if isinstance(cell, int) else number(cell)
    return f"{cell:,}" if form == "whole" else f"{cell:{form}}"


def _curve(curve: Curve) -> View:
    names = (visible(curve.x_label), visible(curve.y_label))
    shared = len({series.x for series in curve.series}) == 1 and len(curve.series) <= MOST_ACROSS
    longest = max((len(series.x) for series in curve.series), default=0)
    note = f"Each line shows at most {CURVE_ROWS} of its points; all of them are in audit.json."
    view = View(
        title=visible(curve.title),
        caption=visible(curve.caption, 600),
        columns=("Line", *names),
        rows=tuple(row for series in curve.series for row in _points(series, curve.x_names)),
        notes=(note,) if longest > CURVE_ROWS else (),
    )
    if shared:
        several = len(curve.series) > 1
        heads = tuple(_line_name(series) for series in curve.series) if several else (names[1],)
        marked = tuple(_mark(series) for series in curve.series if series.mark is not None)
        rows = _across(curve.series, curve.x_names)
        view = replace(view, columns=(names[0], *heads), rows=rows, notes=(*view.notes, *marked))
    happened = tuple(f"{place_name(mark.x, curve.x_names)}: {visible(mark.label)}." for mark in curve.marks)
    view = replace(view, notes=(*view.notes, *happened))
    return replace(view, numeric=(shared and not curve.x_names, *(True for _ in view.columns[1:])))


def _across(series: Sequence[Series], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Set lines over the same places side by side."""
    x = series[0].x
    places = thin_places(len(x), CURVE_ROWS)
    return tuple((place_name(x[k], names), *(_height(series_, k) for series_ in series)) for k in places)


def place_name(x: float, names: Sequence[str]) -> str:
    """Name a place across, or write its number.

    Examples
    --------
    >>> place_name(1.0, ["May", "June"]), place_name(0.5, [])
    ('June', '0.500')
    """
    return visible(names[int(x)]) if x.is_integer() and 0 <= x < len(names) else number(x)


def _points(series: Series, names: Sequence[str]) -> list[tuple[str, ...]]:
    name = _line_name(series)
    rows: list[tuple[str, ...]] = []
    rows += [(name, place_name(series.x[k], names), _height(series, k)) for k in thin_places(len(series.x), CURVE_ROWS)]
    if series.mark is not None:
        rows.append((f"{name}, {visible(series.mark_name, 60)}", number(series.mark[0]), number(series.mark[1])))
    return rows


def _line_name(series: Series) -> str:
    return visible(series.name) + ("" if series.n is None else f" (n={series.n:,})")


def _mark(series: Series) -> str:
    """Tell the marked place of a line in a sentence."""
    x, y = series.mark or (0.0, 0.0)
    return f"{_line_name(series)}, {visible(series.mark_name, 60)}: {number(y)} at {number(x)}."


def _height(series: Series, k: int) -> str:
    """Write one point of a line, with its band."""
    low = None if series.low is None else series.low[k]
    high = None if series.high is None else series.high[k]
    return f"{number(series.y[k])} {_span(low, high)}".rstrip()


def thin_places(n: int, most: int) -> list[int]:
    """Pick at most `most` places of `n`, evenly, with both ends.

    Examples
    --------
    >>> thin_places(3, 10), thin_places(101, 5)
    ([0, 1, 2], [0, 25, 50, 75, 100])
    """
    if n <= most:
        return list(range(n))
    return sorted({round(k * (n - 1) / (most - 1)) for k in range(most)})


def named_places(n: int, most: int) -> list[int]:
    """Pick at most `most` places of `n` that are equally far apart, the last one among them.

    Examples
    --------
    >>> named_places(3, 5), named_places(12, 5)
    ([0, 1, 2], [2, 5, 8, 11])
    """
    return list(range(n - 1, -1, -max(1, math.ceil(n / most))))[::-1]


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"[{'…' if low is None else number(low)}, {'…' if high is None else number(high)}]"


def _bars(bars: Bars) -> View:
    spanned = any(bar.low is not None or bar.high is not None for bar in bars.bars)
    columns = ("Name", visible(bars.x_label) or "Value", *(("Interval",) if spanned else ()))
    rows = tuple(
        (visible(bar.label), number(bar.value), *((_span(bar.low, bar.high),) if spanned else ())) for bar in bars.bars
    )
    return View(
        title=visible(bars.title),
        caption=visible(bars.caption, 600),
        columns=columns,
        rows=rows,
        numeric=(False, *(True for _ in columns[1:])),
    )


def _forest(forest: Forest) -> View:
    remarks = [visible(row.reason, 200) or ("too few rows to judge" if row.hollow else "") for row in forest.rows]
    remarked = any(remarks)
    columns = ("Group", visible(forest.x_label) or "Value", "Interval", "n", *(("Remark",) if remarked else ()))
    rows = tuple(
        (
            visible(row.label),
            number(row.value),
            _span(row.low, row.high),
            "" if row.n is None else f"{row.n:,}",
            *((remark,) if remarked else ()),
        )
        for row, remark in zip(forest.rows, remarks, strict=True)
    )
    return View(
        title=visible(forest.title),
        caption=visible(forest.caption, 600),
        columns=columns,
        rows=rows,
        numeric=(False, True, True, True, *((False,) if remarked else ())),
    )


def _matrix(matrix: Matrix) -> View:
    corner = f"{visible(matrix.row_label, 60)} ↓ {visible(matrix.column_label, 60)} →"
    form = _column_format([number for row in matrix.values for number in row])
    whole = all(float(number).is_integer() for row in matrix.values for number in row)
    rows = tuple(
        (visible(name), *(f"{value:,.0f}" if whole else _cell(float(value), form) for value in row))
        for name, row in zip(matrix.rows, matrix.values, strict=True)
    )
    columns = (corner, *(visible(name) for name in matrix.columns))
    return View(
        title=visible(matrix.title),
        caption=visible(matrix.caption, 600),
        columns=columns,
        rows=rows,
        numeric=(False, *(True for _ in matrix.columns)),
    )


def _image(image: Image) -> View:
    """Pass pixels on only where they are a PNG; anything else is named, not shown."""
    view = View(title=visible(image.title), caption=visible(image.caption, 600), alt=visible(image.alt, 400))
    try:
        sound = base64.b64decode(image.png_base64, validate=True).startswith(_PNG)
    except (binascii.Error, ValueError):
        sound = False
    if not sound or image.width < 1 or image.height < 1:
        return replace(view, notes=("The pixels of this image are not a PNG and are not shown.",))
    return replace(view, image=f"data:image/png;base64,{image.png_base64}", size=(image.width, image.height))
