"""A small canvas over matplotlib's SVG backend: deterministic bytes, presentation attributes, safe text.

matplotlib draws lines, marks and areas in pixels. What it writes is parsed, stripped to plain shapes
with presentation attributes (a page that forbids inline styles still shows them) and joined with the
text, which matplotlib never sees: a name cannot be read as a formula, lack a glyph, or change the
layout.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

from markupsafe import Markup

from reports.phrases import visible

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE)
"""Okabe and Ito's colors that reach 3:1 on white and on near-black alike."""
INK = "#010203"
"""Stands for the color of the text around the figure until the drawing is done."""
DASHES: tuple[tuple[float, ...] | None, ...] = (None, (6.0, 3.0), (2.0, 2.0), (8.0, 3.0, 2.0, 3.0))

Anchor = Literal["start", "middle", "end"]
_SVG = "{http://www.w3.org/2000/svg}"
_KEPT = frozenset({
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-dashoffset",
})  # fmt: skip
_NUMBER = re.compile(r"-?\d+\.\d+")


class Canvas:
    """Shapes and text in pixels, x to the right and y downwards."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._artists: list[Artist] = []
        self._texts: dict[tuple[Anchor, bool], ET.Element] = {}

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        color: str = INK,
        width: float = 1.0,
        alpha: float = 1.0,
        dashes: tuple[float, ...] | None = None,
    ) -> None:
        """Draw a line through points; NaN lifts the pen."""
        from matplotlib.lines import Line2D

        line = Line2D(list(xs), self._up(ys), color=color, linewidth=width, alpha=None if alpha == 1 else alpha)
        if dashes:
            line.set_dashes([part / width for part in dashes])
        self._artists.append(line)

    def marks(
        self, xs: Sequence[float], ys: Sequence[float], *, color: str = BLUE, size: float = 7.0, hollow: bool = False
    ) -> None:
        """Draw round marks; hollow ones say that there is too little behind them."""
        from matplotlib.lines import Line2D

        face = "none" if hollow else color
        self._artists.append(
            Line2D(
                list(xs),
                self._up(ys),
                linestyle="none",
                marker="o",
                markersize=size,
                markerfacecolor=face,
                markeredgecolor=color,
                markeredgewidth=1.5 if hollow else 0.0,
            )
        )

    def area(
        self, xs: Sequence[float], ys: Sequence[float], *, color: str = BLUE, alpha: float = 1.0, edge: float = 0.0
    ) -> None:
        """Fill a polygon; `edge` draws its outline in the text's color at that strength."""
        from matplotlib.patches import Polygon

        corners = list(zip(xs, self._up(ys), strict=True))
        shape = Polygon(corners, closed=True, facecolor=(color, alpha), linewidth=0.8 if edge else 0.0)
        shape.set_edgecolor((INK, edge) if edge else "none")
        self._artists.append(shape)

    def box(self, x: float, y: float, width: float, height: float, *, alpha: float, color: str = BLUE) -> None:
        """Fill a rectangle given by its upper left corner, with a thin outline."""
        self.area((x, x + width, x + width, x), (y, y, y + height, y + height), color=color, alpha=alpha, edge=0.25)

    def text(
        self, x: float, y: float, words: str, *, anchor: Anchor = "start", limit: int = 60, quiet: bool = False
    ) -> None:
        """Set a line of text with its base line at `y`; longer names are cut, visibly."""
        if (anchor, quiet) not in self._texts:
            look = {"text-anchor": anchor} if anchor != "start" else {}
            self._texts[anchor, quiet] = _element("g", {**look, **({"fill-opacity": "0.75"} if quiet else {})})
        line = ET.SubElement(self._texts[anchor, quiet], "text", x=f"{x:.0f}", y=f"{y:.0f}")
        line.text = visible(words, limit)

    def svg(self, anchor: str, title: str, description: str) -> Markup:
        """Return the finished figure.

        Parameters
        ----------
        anchor : str
            Identifier of the figure, unique on the page and safe in markup.
        title, description : str
            What a screen reader says.
        """
        root = ET.Element("svg", viewBox=f"0 0 {self.width:g} {self.height:g}")
        root.set("width", f"{self.width:g}")
        root.set("height", f"{self.height:g}")
        root.set("role", "img")
        root.set("aria-labelledby", f"{anchor}-t {anchor}-d")
        root.set("font-size", "12")
        root.set("fill", "currentColor")
        ET.SubElement(root, "title", id=f"{anchor}-t").text = visible(title, 200)
        ET.SubElement(root, "desc", id=f"{anchor}-d").text = visible(description, 600)
        root.extend(_shapes(self._drawn()))
        root.extend(self._texts.values())
        return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 -- the writer of XML escaped all text

    def _up(self, ys: Sequence[float]) -> list[float]:
        return [self.height - y for y in ys]

    def _drawn(self) -> ET.Element:
        """Let matplotlib write the shapes and parse what it wrote."""
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.transforms import IdentityTransform

        figure: Figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=72, frameon=False)
        for artist in self._artists:
            artist.set_transform(IdentityTransform())
            artist.set_clip_on(False)
            figure.add_artist(artist)
        file = io.StringIO()
        FigureCanvasSVG(figure)
        with mpl.rc_context({"svg.hashsalt": "card", "svg.fonttype": "none", "path.simplify": False}):
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        return ET.fromstring(file.getvalue())  # noqa: S314 -- written by the line above, holds no text of a user


def simplify(xs: Sequence[float], ys: Sequence[float], tolerance: float = 0.5) -> list[tuple[float, float]]:
    """Drop points of a line that nobody would miss (Ramer 1972; Douglas and Peucker 1973).

    Parameters
    ----------
    xs, ys : sequence of float
        Points in pixels.
    tolerance : float, default=0.5
        Largest distance, in pixels, of a dropped point from the line that stays.

    Examples
    --------
    >>> simplify([0, 1, 2, 3], [0, 0.1, 0, 9])
    [(0, 0), (2, 0), (3, 9)]
    """
    kept = {0, len(xs) - 1}
    open_spans = [(0, len(xs) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        run, rise = xs[last] - xs[first], ys[last] - ys[first]
        length = math.hypot(run, rise) or 1.0
        far = [abs(rise * (xs[k] - xs[first]) - run * (ys[k] - ys[first])) / length for k in range(first + 1, last)]
        if far and max(far) > tolerance:
            middle = first + 1 + far.index(max(far))
            kept.add(middle)
            open_spans += [(first, middle), (middle, last)]
    return [(xs[k], ys[k]) for k in sorted(kept)]


def _shapes(drawn: ET.Element) -> list[ET.Element]:
    """Keep paths and marks, in order, with presentation attributes alone; marks become circles of their group."""
    elements: list[ET.Element] = []
    marks: dict[str, tuple[str, ET.Element]] = {}
    for element in drawn.iter():
        if element.tag == f"{_SVG}path" and element.get("id"):
            group = ET.Element("g")
            radius = _short(element.get("d", "")).split()[2]  # a round mark starts at its lowest point: M 0 radius
            marks[element.get("id", "")] = (radius, group)
            elements.append(group)
        elif element.tag == f"{_SVG}path" and element.get("d"):
            path = _element("path", {"d": _path(element), **_attributes(element)})
            if elements and elements[-1].tag == "path" and {**elements[-1].attrib, "d": ""} == {**path.attrib, "d": ""}:
                elements[-1].set("d", f"{elements[-1].get('d')} {path.get('d')}")  # same look: path path holds both
            else:
                elements.append(path)
        elif element.tag == f"{_SVG}use":
            radius, group = marks[element.get("{http://www.w3.org/1999/xlink}href", "").lstrip("#")]
            for key, value in _attributes(element).items():
                group.set(key, value)
            x, y = (_short(element.get(key, "0")) for key in ("x", "y"))
            group.append(_element("circle", {"cx": x, "cy": y, "r": radius}))
    return elements


def _element(tag: str, attributes: dict[str, str]) -> ET.Element:
    element = ET.Element(tag)
    for name, value in attributes.items():
        element.set(name, value)
    return element


def _attributes(element: ET.Element) -> dict[str, str]:
    """Turn an inline style into presentation attributes that CSS and a strict policy leave alone."""
    pairs = (part.split(":", 1) for part in element.get("style", "").split(";") if ":" in part)
    style = {name.strip(): value.strip() for name, value in pairs}
    kept = {name: value.replace(INK, "currentColor") for name, value in style.items() if name in _KEPT}
    opacity = style.get("opacity", "1")
    if kept.get("stroke", "none") == "none":
        kept = {name: value for name, value in kept.items() if not name.startswith("stroke")}
    elif kept.get("fill") == "none":
        kept.pop("fill-opacity", None)
    if opacity != "1":
        kept["opacity"] = opacity
    if kept.get("stroke-dashoffset") == "0":
        del kept["stroke-dashoffset"]
    return {name: kept[name] for name in sorted(kept)}


def _path(element: ET.Element) -> str:
    """Write a path in whole pixels, which an eye cannot tell from finer ones and a reader downloads faster."""
    rounded = _NUMBER.sub(lambda match: f"{float(match[0]):.0f}", element.get("d", ""))
    return " ".join(rounded.replace("-0 ", "0 ").split()).replace(" L ", " ")  # after a move, lines need no letter


def _short(numbers: str) -> str:
    """Round to a tenth of a pixel.

    Examples
    --------
    >>> _short("M 10.000000 3.14159")
    'M 10 3.1'
    """
    return _NUMBER.sub(lambda match: f"{round(float(match[0]), 1):g}", numbers)
