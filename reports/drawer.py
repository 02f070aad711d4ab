"""Chooses what a card shows of each measurement, and draws it once whatever page it ends up on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from reports.charts import draw
from reports.estimates import Told, estimates_view, is_told_by, method_notes
from reports.estimates import figures as figures_of
from reports.exhibits import View, cap_rows, view
from reports.families import family_named
from reports.labels import relabel_exhibit
from reports.lookup import Estimates
from reports.ranking import by_attention
from reports.record import AuditRecord, Exhibit, Finding, Measurement, Table
from reports.results import calm_checks

EVERY_FINDING = 1_000_000
"""More findings than a record has."""
LEAST_ROWS = 15
"""Rows that tables of overall performance keep on any page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a record a page shows; the record itself always holds all of it."""

    rows: int
    """Rows of a table."""
    slices: int
    """Verdicts shown below a gate."""
    words: int
    """Characters of a person's text."""
    pictures: bool = True
    drawings: int = 99
    """Drawings of one measurement in the annex; further exhibits are shown as tables."""
    terse: bool = False
    """Whether checks of data, drift, robustness and training whose gates all passed are shown in a sentence."""
    findings: int = EVERY_FINDING
    """Findings that the annex tells in full, those that matter most first; the others in a sentence."""
    fill: bool = False
    """Whether findings may be shown in a sentence to make the page fit."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawer:
    """Hands out figures with anchors that are unique on the page."""

    record: AuditRecord
    estimates: Estimates
    budget: Budget
    calm: frozenset[str]
    """Checks of which every verdict is a pass."""
    places: dict[int, int]
    """Position of each finding in the record, by its identity."""
    order: dict[int, int]
    """Position of each finding when those that matter most come first, by its identity."""
    drawings: dict[str, Markup | None] = field(default_factory=dict)
    """Figures by anchor, kept while pages of several budgets are tried."""
    chosen: dict[tuple[int, int, int, bool], Shown] = field(default_factory=dict)
    """What is shown of a finding by its identity and what bounds it, likewise."""

    @classmethod
    def of(cls, record: AuditRecord) -> Drawer:
        """Prepare to draw a record."""
        places = {id(finding): place for place, finding in enumerate(record.findings)}
        order = {id(finding): place for place, finding in enumerate(_weightiest_first(record))}
        budget = Budget(rows=200, slices=60, words=20_000)
        return cls(
            record=record,
            estimates=Estimates(record),
            budget=budget,
            calm=calm_checks(record),
            places=places,
            order=order,
        )

    def within(self, budget: Budget) -> Drawer:
        """Draw the same record within another budget."""
        return replace(self, budget=budget)

    def brief(self, finding: Finding) -> bool:
        """Tell whether a measured finding is shown in a sentence: a terse page whose gates all passed, or no room."""
        if self.order[id(finding)] >= self.budget.findings:
            return True
        return self.budget.terse and family_named(finding.family).terse and finding.check in self.calm

    def featured_figure(self, finding: Finding, number: int) -> Figure | None:
        """Draw one exhibit of a finding for a chapter; nothing where it has neither a drawing nor pixels."""
        if finding.measurement is None:
            return None
        exhibit = relabel_exhibit(self.record, finding.measurement.exhibits[number], self.estimates)
        drawn = cap_rows(view(exhibit), 12)
        figure = self._figure(exhibit, f"c{self.places[id(finding)]}-{number}", drawn, repeated=False, pictures=True)
        return figure if figure.drawing is not None or figure.view.image else None

    def show(self, finding: Finding) -> Shown:
        """Choose what the annex shows of a measurement, telling no number twice."""
        if finding.measurement is None:
            return Shown(numbers=None, figures=())
        what = (id(finding), self.budget.rows, self.budget.drawings, self.budget.pictures)
        if what not in self.chosen:
            self.chosen[what] = self._choose(finding, finding.measurement)
        return self.chosen[what]

    def _choose(self, finding: Finding, measurement: Measurement) -> Shown:
        rows = max(self.budget.rows, LEAST_ROWS) if finding.family == "performance" else self.budget.rows
        exhibits = [relabel_exhibit(self.record, exhibit, self.estimates) for exhibit in measurement.exhibits]
        views = [cap_rows(view(exhibit), rows) for exhibit in exhibits]
        tables = [view for exhibit, view in zip(exhibits, views, strict=True) if isinstance(exhibit, Table)]
        numbers = None
        if measurement.estimates:
            numbers = cap_rows(estimates_view(measurement.estimates, self.record.data.names), rows)
        if numbers is not None and is_told_by(numbers, tables):
            numbers = replace(numbers, columns=(), rows=(), notes=method_notes(measurement.estimates))
        by = [numbers] if numbers is not None and numbers.rows else []
        return Shown(numbers=numbers, figures=tuple(self._figures(finding, exhibits, views, tables, by)))

    def _figures(
        self, finding: Finding, exhibits: Sequence[Exhibit], views: list[View], tables: list[View], by: list[View]
    ) -> list[Figure]:
        """Draw the exhibits whose numbers are not shown already, as many as the budget allows."""
        beside = Told(by).without(None)
        kept = {id(table) for table in tables if not (table.rows and figures_of(table) <= beside)}
        known = Told([*by, *(table for table in tables if id(table) in kept)])
        figures: list[Figure] = []
        for number, (exhibit, exhibit_view) in enumerate(zip(exhibits, views, strict=True)):
            if isinstance(exhibit, Table) and id(exhibit_view) not in kept:
                continue
            repeated = bool(exhibit_view.rows) and figures_of(exhibit_view) <= known.without(exhibit_view)
            full = sum(1 for figure in figures if figure.drawing is not None) >= self.budget.drawings
            anchor = f"f{self.places[id(finding)]}-{number}"
            figure = self._figure(exhibit, anchor, exhibit_view, repeated=repeated, pictures=not full)
            if figure.drawing is not None or not repeated:  # else it would only say again what stands beside it
                figures.append(figure)
        return figures

    def _figure(self, exhibit: Exhibit, anchor: str, view: View, *, repeated: bool, pictures: bool) -> Figure:
        pictures = pictures and self.budget.pictures
        if pictures and anchor not in self.drawings:
            self.drawings[anchor] = draw(exhibit, anchor)
        drawing = self.drawings[anchor] if pictures else None
        if view.image and not pictures:
            view = replace(view, image="", notes=("Left out to keep this page small; it is in audit.json.",))
        if drawing is not None and repeated:
            view = replace(view, columns=(), rows=(), notes=())
        return Figure(view=view, drawing=drawing, anchor=anchor)


def _weightiest_first(record: AuditRecord) -> list[Finding]:
    """Order findings: those that a gate fails on, then performance and groups, then the rest as recorded."""
    troubled = {result.gate.check for result in by_attention(record) if result.gate is not None}
    return sorted(
        record.findings, key=lambda finding: (finding.check not in troubled, not family_named(finding.family).kept)
    )
