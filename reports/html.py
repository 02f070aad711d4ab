"""The card: one self-contained page without script or network, drawn from a record alone.

The page escapes everything (autoescape, no ``safe`` filter), refuses undefined names, forbids the
browser to fetch anything, and shrinks itself rather than grow beyond a megabyte.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import phrases, results, sections, store
from reports.charts import draw
from reports.estimates import estimate_line, estimates_view, method_notes, told
from reports.evidence_map import evidence_map, items
from reports.exhibits import View, capped, view
from reports.phrases import slug, visible
from reports.record import AuditRecord, Exhibit, Finding, GroupInfo, Table, blank_sections

SIZE_LIMIT = 1_000_000
"""Bytes that a card may have at most."""
USUAL_LIMIT = 300_000
"""Bytes up to which the record stands in the page too; a larger card leaves it to audit.json."""
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a record a page shows; the record itself always holds all of it."""

    rows: int
    """Rows of a table."""
    slices: int
    """Verdicts shown below a gate."""
    words: int
    """Characters of a person's text."""
    pictures: bool
    drawings: int = 99
    """Drawings of one measurement; further exhibits are told as tables."""
    limit: int
    """Bytes that a page drawn this way may have."""
    terse: bool = False
    """Whether checks of data, drift, robustness and training whose gates all passed are told in a sentence."""


BUDGETS: tuple[Budget, ...] = (
    Budget(rows=200, slices=60, words=20_000, pictures=True, limit=USUAL_LIMIT),
    Budget(rows=40, slices=20, words=20_000, pictures=True, limit=USUAL_LIMIT, terse=True),
    Budget(rows=12, slices=8, words=20_000, pictures=True, limit=USUAL_LIMIT, terse=True),
    Budget(rows=12, slices=6, words=20_000, pictures=True, drawings=5, limit=USUAL_LIMIT, terse=True),
    Budget(rows=8, slices=4, words=20_000, pictures=True, drawings=4, limit=USUAL_LIMIT, terse=True),
    Budget(rows=5, slices=2, words=20_000, pictures=True, drawings=3, limit=USUAL_LIMIT, terse=True),
    Budget(rows=200, slices=60, words=20_000, pictures=True, limit=SIZE_LIMIT),
    Budget(rows=40, slices=12, words=4_000, pictures=True, limit=SIZE_LIMIT, terse=True),
    Budget(rows=10, slices=3, words=1_000, pictures=False, limit=SIZE_LIMIT, terse=True),
)
"""The first that fits its limit is taken: whole, then terse where all is well, then larger, then frugal."""
LEAST_ROWS = 15
"""Rows that tables of overall performance keep on any page."""
TERSE_FAMILIES = frozenset({"data", "leakage", "drift", "robustness", "generalization", "training"})
"""Families of which a terse page tells passed checks in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A view of an exhibit with its drawing, if it has one."""

    view: View
    drawing: Markup | None
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a card shows of one measurement."""

    numbers: View | None
    """The estimates; without rows where the tables below tell them all."""
    figures: tuple[Figure, ...]


def render(record: AuditRecord) -> str:
    """Draw the card of a record.

    Returns
    -------
    str
        A page of at most a megabyte; at most 300 kB for a usual audit of a table.
    """
    saved = store.dumps(record)
    drawings: dict[str, Markup | None] = {}
    calm = results.calm_checks(record)
    places = {id(finding): place for place, finding in enumerate(record.findings)}
    page = ""
    for budget in BUDGETS:
        page = _page(record, saved, _Drawer(budget, drawings, calm, places))
        if len(page.encode()) <= budget.limit:
            break
    data = embedded(record)
    if len(page.encode()) + len(data) < USUAL_LIMIT:
        page = _page(record, saved, _Drawer(budget, drawings, calm, places), data)
    return page


def _page(record: AuditRecord, saved: str, drawer: _Drawer, data: Markup | None = None) -> str:
    template = _environment().get_template("card.html.j2")
    return template.render(
        record=record,
        overall=results.overall(record),
        steps=results.next_steps(record),
        blanks=blank_sections(record.card),
        results=results.gate_results(record),
        missing=results.not_tested(record),
        sections=sections.SECTIONS,
        findings_of=lambda section: sections.findings_of(record, section),
        others=sections.other_families(record),
        anchors=_Anchors(record),
        model_name=visible(record.card.name.strip() or record.model.name) or "unnamed model",
        config_text=_json_text(record.config, drawer.budget.words),
        evidence=evidence_map(record),
        sources=sorted({(one.source, one.checked) for one in items()}),
        groups=_groups_by_feature(record),
        show=drawer.show,
        brief=drawer.brief,
        budget=drawer.budget,
        sha256=hashlib.sha256(saved.encode()).hexdigest(),
        embedded=data,
    )


@dataclass(slots=True)
class _Drawer:
    """Hands out figures with anchors that are unique on the page."""

    budget: Budget
    drawings: dict[str, Markup | None]
    """Figures by anchor, kept while pages of several budgets are tried."""
    calm: frozenset[str]
    """Checks of which every verdict is a pass."""
    places: dict[int, int]
    """Position of each finding in the record, by its identity."""

    def brief(self, finding: Finding) -> bool:
        """Tell whether a measured finding is told in a sentence: a terse page, and all its gates passed."""
        return self.budget.terse and finding.family in TERSE_FAMILIES and finding.check in self.calm

    def show(self, finding: Finding) -> Shown:
        """Choose what a card shows of a measurement, telling no number twice."""
        measurement = finding.measurement
        if measurement is None:
            return Shown(numbers=None, figures=())
        rows = max(self.budget.rows, LEAST_ROWS) if finding.family == "performance" else self.budget.rows
        views = [capped(view(one), rows) for one in measurement.exhibits]
        tables = [found for one, found in zip(measurement.exhibits, views, strict=True) if isinstance(one, Table)]
        numbers = capped(estimates_view(measurement.estimates), rows) if measurement.estimates else None
        if numbers is not None and told(numbers, tables):
            numbers = replace(numbers, columns=(), rows=(), notes=method_notes(measurement.estimates))
        by = [numbers] if numbers is not None and numbers.rows else []
        kept = {id(found) for found in tables if not told(found, by)}
        figures: list[Figure] = []
        for number, (exhibit, found) in enumerate(zip(measurement.exhibits, views, strict=True)):
            if isinstance(exhibit, Table) and id(found) not in kept:
                continue
            others = [*by, *(one for one in tables if id(one) in kept and one is not found)]
            full = sum(1 for one in figures if one.drawing is not None) >= self.budget.drawings
            figures.append(
                self._figure(exhibit, f"f{self.places[id(finding)]}-{number}", found, others, pictures=not full)
            )
        return Shown(numbers=numbers, figures=tuple(figures))

    def _figure(self, exhibit: Exhibit, anchor: str, found: View, others: list[View], *, pictures: bool) -> Figure:
        pictures = pictures and self.budget.pictures
        if pictures and anchor not in self.drawings:
            self.drawings[anchor] = draw(exhibit, anchor)
        drawing = self.drawings[anchor] if pictures else None
        if found.image and not pictures:
            found = replace(found, image="", notes=("Left out to keep this page small; it stands in audit.json.",))
        if drawing is not None and told(found, others):
            found = replace(found, columns=(), rows=(), notes=())
        return Figure(view=found, drawing=drawing, anchor=anchor)


def embedded(record: AuditRecord) -> Markup:
    r"""Return the record, without its answers by row, as JSON that no parser of HTML can read as markup.

    Examples
    --------
    >>> str(_harmless('{"a": "</script>"}'))
    '{"a": "\\u003c/script\\u003e"}'
    """
    return _harmless(store.compact(replace(record, pairing=None)))


def _harmless(text: str) -> Markup:
    for sign in "<>&'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 -- every sign that HTML could act on is written as a JSON escape


class _Anchors:
    """Hands out one anchor per finding; a check that speaks twice gets numbered anchors."""

    def __init__(self, record: AuditRecord) -> None:
        self.first = {finding.check: f"check-{slug(finding.check)}" for finding in record.findings}
        self._seen: dict[str, int] = {}

    def take(self, finding: Finding) -> str:
        """Return the next free anchor of the finding's check."""
        self._seen[finding.check] = self._seen.get(finding.check, 0) + 1
        again = self._seen[finding.check]
        return self.first[finding.check] + (f"-{again}" if again > 1 else "")


def _groups_by_feature(record: AuditRecord) -> dict[str, list[GroupInfo]]:
    found: dict[str, list[GroupInfo]] = {}
    for group in record.data.groups:
        found.setdefault(group.feature, []).append(group)
    return found


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    plain: dict[str, Callable[..., object]] = {
        "visible": visible,
        "paragraphs": phrases.paragraphs,
        "slug": slug,
        "address": phrases.address,
        "estimate_text": phrases.estimate_text,
        "rule": phrases.rule,
        "number": phrases.number,
        "counted": phrases.counted,
        "metric_words": phrases.metric_words,
        "method_words": lambda one: one.method.replace("_", " "),
        "finding_words": results.finding_words,
        "minus": minus,
        "figure": lambda cell: minus(cell) if cell[:1] in "-[0123456789" else cell,
        "link": phrases.link,
        "estimate_line": estimate_line,
        "kind": lambda text: re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", visible(text)),
        "flush": _flush,
        "json_text": _json_text,
        "moment": phrases.moment,
        "short": lambda text: visible(text)[:12],
    }
    environment.filters.update(plain)
    environment.globals.update(
        outcome_words=results.OUTCOME_WORDS,
        part_words=sections.PART_TITLES,
    )
    return environment


def _flush(numeric: tuple[bool, ...]) -> dict[str, str]:
    """Name the columns that stand flush right, once for the table instead of once a cell."""
    names = [f"n{k}" for k, one in enumerate(numeric, start=1) if one and 1 < k < 15]
    return {"class": " ".join(names)} if names else {}


def _json_text(value: object, limit: int = 120) -> str:
    """Write settings as JSON, whose order does not depend on where they came from."""
    return visible(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str), limit)


def minus(text: str) -> str:
    """Set a true minus before numbers.

    Examples
    --------
    >>> minus("[-0.10, 0.20]")
    '[−0.10, 0.20]'
    """
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def notebook(record: AuditRecord) -> str:
    """Return the card in a frame that runs no script, for JupyterLab and other notebooks."""
    page = Markup.escape(render(record))
    return (
        f'<iframe sandbox srcdoc="{page}" title="Model card and audit" '
        'style="width:100%;height:820px;border:0"></iframe>'
    )
