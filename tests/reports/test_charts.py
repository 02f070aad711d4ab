from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from reports import charts
from reports.exhibits import view
from reports.printable import visible
from reports.record import Bar, Bars, Curve, Exhibit, Forest, ForestRow, Image, Mark, Matrix, Prose, Series, Table
from reports.svg import PALETTE, Canvas


def shapes(samples: ModuleType) -> list[Exhibit]:
    roc, losses = samples.curves()
    matrix = Matrix(title="m", row_label="r", column_label="c", rows=("a", "b"), columns=("a", "b"),
                    values=((1.0, 2.0), (0.0, -3.5)))  # fmt: skip
    bars = Bars(title="b", x_label="x", bars=tuple(Bar(label=n, value=k - 2.0) for k, n in enumerate(samples.HOSTILE)))
    return [samples.forest(), samples.ratios(), roc, losses, matrix, bars]


def test_figures_are_xml_without_style_or_script(samples: ModuleType) -> None:
    for exhibit in shapes(samples):
        drawn = charts.draw(exhibit, "figure-1")
        assert drawn is not None
        root = ET.fromstring(str(drawn))
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "desc", "path", "circle", "text", "g"}
        for element in root.iter():
            assert "style" not in element.attrib
            assert not [name for name in element.attrib if name.startswith("on")]


def test_the_same_exhibit_gives_the_same_bytes(samples: ModuleType) -> None:
    for exhibit in shapes(samples):
        assert charts.draw(exhibit, "a") == charts.draw(exhibit, "a")


def test_identifiers_hang_on_the_anchor(samples: ModuleType) -> None:
    first = set(re.findall(r' id="([^"]+)"', str(charts.draw(samples.forest(), "figure-1"))))
    second = set(re.findall(r' id="([^"]+)"', str(charts.draw(samples.forest(), "figure-2"))))
    assert first
    assert not first & second


def test_hostile_names_are_text_and_raise_no_warning(samples: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = str(charts.draw(samples.ratios(), "f"))
    texts = [element.text or "" for element in ET.fromstring(drawn).iter() if element.tag.endswith("text")]
    assert "</script><script>alert(1)</script> (n 100)" in texts
    assert "long " + "x" * 38 + "… (n 114)" in texts
    assert "$\\frac{1}{0}$ _x_ ^y^ (n 108)" in texts
    assert "two lines and tabs (n 105)" in texts
    assert max(map(len, texts)) <= 60


def test_small_groups_are_hollow_and_undefined_ones_say_why(samples: ModuleType) -> None:
    drawn = str(charts.draw(samples.forest(), "f"))
    hollow = re.findall(r'<g fill-opacity="0" stroke="#0072b2"[^>]*>((?:<circle[^>]*>)+)</g>', drawn)
    assert [marks.count("<circle") for marks in hollow] == [1]
    assert "undefined: no positive rows" in drawn
    assert "(n 25)<" in drawn
    assert "Hollow marks rest on too few rows." in drawn


def test_ratios_mark_four_fifths_and_its_inverse(samples: ModuleType) -> None:
    texts = [
        one.text for one in ET.fromstring(str(charts.draw(samples.ratios(), "f"))).iter() if one.tag.endswith("text")
    ]
    assert {"0.8", "1.25", "1.000"} <= set(texts)


def test_exhibits_without_a_figure_have_none() -> None:
    undrawn: tuple[Exhibit, ...] = (
        Table(title="t", columns=("a",), rows=()),
        Prose(title="t", text="x"),
        Image(title="t", png_base64="", width=1, height=1, alt=""),
        Forest(title="t", x_label="x", rows=()),
        Bars(title="t", x_label="x", bars=()),
        Curve(title="t", x_label="x", y_label="y", series=(Series(name="s", x=(), y=()),)),
        Matrix(title="t", row_label="r", column_label="c", rows=(), columns=(), values=()),
    )
    assert [charts.draw(one, "f") for one in undrawn] == [None] * len(undrawn)


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-12, 1.0, 1e12, 5e299])
@pytest.mark.parametrize("log", [False, True])
def test_any_finite_number_can_be_drawn(scale: float, log: bool) -> None:
    rows = tuple(ForestRow(label=str(k), value=k * scale, low=k * scale, high=k * scale, n=3) for k in range(-1, 3))
    forest = Forest(title="t", x_label="x", rows=rows, reference=scale, log_scale=log)
    drawn = str(charts.draw(forest, "f"))
    assert "nan" not in drawn.lower().replace("anand", "")
    assert "inf" not in drawn
    curve = Curve(title="t", x_label="x", y_label="y", series=(Series(name="s", x=(0.0, scale), y=(scale, -scale)),))
    assert "nan" not in str(charts.draw(curve, "f"))


def test_one_point_and_constant_lines_can_be_drawn() -> None:
    point, flat = Series(name="s", x=(1.0,), y=(2.0,)), Series(name="c", x=(1.0, 2.0), y=(2.0, 2.0))
    curve = Curve(title="t", x_label="x", y_label="y", series=(point, flat))
    assert "<svg" in str(charts.draw(curve, "f"))


def test_long_curves_stay_small() -> None:
    x = tuple(k / 9999 for k in range(10_000))
    curve = Curve(title="t", x_label="x", y_label="y", series=(Series(name="s", x=x, y=x, low=x, high=x),))
    assert len(str(charts.draw(curve, "f"))) < 9_000
    many = replace(curve, series=tuple(replace(curve.series[0], name=f"s{k}") for k in range(20)))
    assert "8 of 20 lines drawn" in str(charts.draw(many, "f"))


def test_lines_differ_in_more_than_color() -> None:
    series = tuple(Series(name=f"s{k}", x=(0.0, 1.0), y=(0.0, float(k))) for k in range(4))
    drawn = str(charts.draw(Curve(title="t", x_label="x", y_label="y", series=series), "f"))
    for color in PALETTE[1:]:
        assert re.search(rf'stroke="{color}"[^>]*stroke-dasharray', drawn), color


def luminance(color: str) -> float:
    channels = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("color", PALETTE)
@pytest.mark.parametrize("page", ["#ffffff", "#16181c"])
def test_marks_reach_three_to_one_on_both_pages(color: str, page: str) -> None:
    one, other = sorted((luminance(color), luminance(page)))
    assert (other + 0.05) / (one + 0.05) >= 3.0


def test_a_canvas_escapes_what_it_is_told() -> None:
    canvas = Canvas(10, 10)
    canvas.text(0, 5, "<b>&\x00")
    assert "&lt;b&gt;&amp;\ufffd" in canvas.svg("f", "<t>", "</desc>")


def test_text_of_the_card_reaches_its_contrast() -> None:
    css = (Path(charts.__file__).parent / "templates" / "card.css").read_text(encoding="utf-8")
    themes = re.findall(r":root \{(.*?)\}", css, flags=re.S)
    assert len(themes) == 3
    for theme in themes:
        colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", theme))
        pairs = [(name, "page") for name in ("ink", "quiet", "link", "pass", "fail", "warn", "info")]
        pairs += [(name, f"{name}-bg") for name in ("pass", "fail", "warn", "info")]
        pairs += [("ink", name) for name in colors if name.endswith("-bg")] + [("ink", "raised")]
        for text, ground in pairs:
            dark, light = sorted((luminance(colors[text]), luminance(colors[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_places_across_have_their_names(samples: ModuleType) -> None:
    names = tuple(f"2025-W{week:02d}" for week in range(1, 21))
    line = Series(name="accuracy", x=tuple(float(k) for k in range(20)), y=(0.8,) * 20)
    curve = Curve(title="t", x_label="window", y_label="accuracy", series=(line,), x_names=names)
    texts = [text.text for text in ET.fromstring(str(charts.draw(curve, "f"))).iter() if text.tag.endswith("text")]
    weeks = [text for text in texts if text in names]
    assert weeks == [names[place] for place in (3, 7, 11, 15, 19)]
    windows = tuple(f"rows {k},001 to {k + 1},000" for k in range(20))
    drawn = str(charts.draw(replace(curve, x_names=windows), "f"))
    assert [windows.index(text) for text in re.findall(r"rows [\d,]+ to [\d,]+", drawn)] == [9, 19]
    assert {row[0] for row in view(curve).rows} <= set(names)
    hostile = replace(curve, x_names=(samples.HOSTILE[0], *names[1:]))
    assert "<script>" not in str(charts.draw(hostile, "f"))


def test_marks_are_lines_with_a_number_that_the_key_and_the_text_explain(samples: ModuleType) -> None:
    line = Series(name="accuracy", x=(0.0, 1.0, 2.0), y=(0.9, 0.9, 0.8))
    marks = (Mark(x=1.0, label="1.10 first answers"), Mark(x=2.0, label=samples.HOSTILE[0]))
    curve = Curve(
        title="t", x_label="window", y_label="a", series=(line,), x_names=("May", "June", "July"), marks=marks
    )
    drawn = str(charts.draw(curve, "a"))
    root = ET.fromstring(drawn)
    texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert {"1", "2", "1: 1.10 first answers"} <= set(texts)
    (story,) = (element.text or "" for element in root.iter() if element.tag.endswith("desc"))
    assert f"Marked: June 1.10 first answers; July {visible(samples.HOSTILE[0], 60)}" in story
    assert "June: 1.10 first answers." in view(curve).notes
    many = replace(curve, marks=tuple(Mark(x=k / 10, label=f"v{k}") for k in range(20)))
    numbered = [text for text in _texts(many) if re.fullmatch(r"\d: v\d+", text)]
    assert numbered == [f"{k - 11}: v{k}" for k in range(12, 20)]


def _texts(curve: Curve) -> list[str]:
    root = ET.fromstring(str(charts.draw(curve, "a")))
    return [element.text or "" for element in root.iter() if element.tag.endswith("text")]
