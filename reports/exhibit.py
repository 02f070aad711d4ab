"""Exhibits: data of a few closed kinds, never a drawn picture.

A check hands them over, a renderer draws them; each carries its ``kind``, so a saved record says what it
holds. :mod:`reports.record` offers all of them under its own name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Cell = str | int | float | None


MOST_DRAWN = 1e300
"""The largest number of a figure: beyond it the ends of an axis cannot be subtracted."""


def require_finite(owner: str, **numbers: float | None) -> None:
    """Refuse NaN and infinity, which JSON cannot hold and readers turn into zeros."""
    for name, number in numbers.items():
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{owner}: {name} is {number}; expected a finite number, or None with a reason")


def require_drawable(owner: str, **numbers: float | None) -> None:
    """Refuse numbers that no axis can be drawn for."""
    require_finite(owner, **numbers)
    for name, number in numbers.items():
        if number is not None and abs(number) > MOST_DRAWN:
            raise ValueError(f"{owner}: {name} is {number:g}; figures hold numbers up to {MOST_DRAWN:g}")


def require_count(owner: str, **numbers: int | None) -> None:
    """Refuse counts that no table can have."""
    for name, number in numbers.items():
        if number is not None and not 0 <= number < 2**63:
            raise ValueError(f"{owner}: {name} is {str(number)[:30]}; expected a count from 0 to {2**63 - 1}")


def require_lengths(owner: str, expected: int, **columns: tuple[object, ...] | None) -> None:
    """Refuse columns that do not have one value for each place."""
    for name, column in columns.items():
        if column is not None and len(column) != expected:
            raise ValueError(f"{owner}: {name} has {len(column)} values, expected {expected}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under named columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    """What to read off, in a sentence."""
    folded: bool = False
    """Whether a card may start with the table closed."""
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        for row in self.rows:
            require_lengths(f"table {self.title!r}", len(self.columns), row=row)
            for cell in row:
                require_finite(f"table {self.title!r}", cell=cell if isinstance(cell, float) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a curve, with an optional band."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    style: Literal["line", "points", "dashed"] = "line"
    mark: tuple[float, float] | None = None
    """A place on the line that is pointed out, x and y: the threshold in use on a ROC curve."""
    mark_name: str = ""
    """What the marked place is."""
    n: int | None = None
    """Rows behind the line; its name is shown with them."""

    def __post_init__(self) -> None:
        owner = f"series {self.name!r}"
        for place in self.mark or ():
            require_drawable(owner, mark=place)
        require_count(owner, n=self.n)
        require_lengths(owner, len(self.x), y=self.y, low=self.low, high=self.high)
        for name, column in (("x", self.x), ("y", self.y), ("low", self.low or ()), ("high", self.high or ())):
            for number in column:
                require_drawable(owner, **{name: number})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place across a curve at which something happened, such as a new version of the model."""

    x: float
    label: str

    def __post_init__(self) -> None:
        require_drawable(f"mark {self.label!r}", x=self.x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Lines over common axes: ROC, calibration, losses over epochs."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    diagonal: bool = False
    """Whether the line y = x is drawn as a reference."""
    unit_square: bool = False
    """Whether both axes run from 0 to 1."""
    x_names: tuple[str, ...] = ()
    """What the places 0, 1, 2 … across stand for, such as windows of time; numbers stand for themselves."""
    marks: tuple[Mark, ...] = ()
    caption: str = ""
    kind: Literal["curve"] = "curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar, with an optional interval."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        require_drawable(f"bar {self.label!r}", value=self.value, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Horizontal bars, strongest first as given."""

    title: str
    x_label: str
    bars: tuple[Bar, ...]
    caption: str = ""
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One group of a forest plot; hollow where there are too few rows to judge."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    hollow: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        require_drawable(f"forest row {self.label!r}", value=self.value, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """One metric by group: point, whisker, n in the label."""

    title: str
    x_label: str
    rows: tuple[ForestRow, ...]
    reference: float | None = None
    """Where the reference line stands: the overall value, 0 for differences, 1 for ratios."""
    log_scale: bool = False
    """Ratios are drawn on a logarithmic scale."""
    caption: str = ""
    kind: Literal["forest"] = "forest"

    def __post_init__(self) -> None:
        require_drawable(f"forest {self.title!r}", reference=self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Numbers in rows and columns that are drawn as a shaded grid: a confusion matrix."""

    title: str
    row_label: str
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    caption: str = ""
    kind: Literal["matrix"] = "matrix"

    def __post_init__(self) -> None:
        owner = f"matrix {self.title!r}"
        require_lengths(owner, len(self.rows), values=self.values)
        for row in self.values:
            require_lengths(owner, len(self.columns), row=row)
            for number in row:
                require_drawable(owner, value=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Pixels that *are* the data, such as a saliency map; never a drawn chart."""

    title: str
    png_base64: str
    width: int
    height: int
    alt: str
    caption: str = ""
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """A paragraph."""

    title: str
    text: str
    kind: Literal["prose"] = "prose"


Exhibit = Table | Curve | Bars | Forest | Matrix | Image | Prose
