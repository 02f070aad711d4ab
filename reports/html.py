"""The card: one self-contained page without script or network, drawn from a record alone.

The page escapes everything (autoescape, no ``safe`` filter), refuses undefined names, forbids the
browser to fetch anything, and shrinks itself rather than grow beyond its limits. The record goes into the
page, compressed, where a reader can save it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import chapters, phrases, results, sections, store, summary
from reports.actions import actions
from reports.answers import answers
from reports.concerns import KIND_WORDS, found_concerns
from reports.drawer import EVERY_FINDING, Budget, Drawer
from reports.estimates import estimate_line
from reports.evidence_map import evidence_map, items
from reports.record import AuditRecord, Finding, GroupInfo, blank_sections
from reports.sections import Edition
from reports.topics import topics

SIZE_LIMIT = 1_000_000
"""Bytes that a card may have at most, its record included."""
USUAL_LIMIT = 300_000
"""Bytes that a card of a usual audit has at most, its record included."""
DENSE = 8
"""Columns from which the cells of a table may break."""
TEMPLATES = Path(__file__).parent / "templates"

USUAL: tuple[Budget, ...] = (
    Budget(rows=200, slices=60, words=20_000),
    Budget(rows=40, slices=20, words=20_000, drawings=0, terse=True),
    Budget(rows=16, slices=6, words=20_000, drawings=0, terse=True),
    Budget(rows=8, slices=3, words=20_000, drawings=0, terse=True, fill=True),
)
"""The first that fits is taken: whole, then terse where all is well, then with fewer findings shown in full."""
LARGE: tuple[Budget, ...] = (
    Budget(rows=40, slices=12, words=20_000, drawings=1, terse=True),
    Budget(rows=10, slices=3, words=1_000, pictures=False, terse=True, fill=True),
    Budget(rows=5, slices=2, words=300, pictures=False, terse=True, findings=0),
)
"""What a page shows that cannot be kept to the usual size."""
SPARE = 0.02
"""Share of the room that may stay empty rather than draw the page once more."""
PACKED = ({"id": lzma.FILTER_LZMA2, "preset": 6, "pb": 0, "nice_len": 128, "depth": 200},)
"""How the record is compressed: text has no words of four bytes, and its numbers repeat far apart."""


def render(record: AuditRecord, edition: Edition = "full", saved: str = "") -> str:
    """Draw the card of a record.

    Parameters
    ----------
    record : AuditRecord
        A judged record.
    edition : {'full', 'short'}, default='full'
        ``short`` leaves out the annex: at most eight printed pages.
    saved : str, default=""
        The text of the record's file, where it is written already.

    Returns
    -------
    str
        A page of at most a megabyte; at most 300 kB for an audit of a table.

    Raises
    ------
    ValueError
        If there is no such edition.
    """
    if edition not in ("full", "short"):
        raise ValueError(f"edition is {edition!r}; expected 'full' or 'short'")
    data = embed_record(record) if edition == "full" else ""
    pages = _Pages(record, edition, saved or store.dumps(record))
    for inside in dict.fromkeys((data, "")):

        def size(budget: Budget, inside: str = inside) -> int:
            return len(pages.draw(budget, inside).encode())

        budget = _fitting(USUAL, size, USUAL_LIMIT, len(record.findings))
        if budget is not None:
            return pages.draw(budget, inside)
    budget = (
        _fitting(LARGE, lambda budget: len(pages.draw(budget).encode()), SIZE_LIMIT, len(record.findings)) or LARGE[-1]
    )
    page = pages.draw(budget, data)
    return page if len(page.encode()) < SIZE_LIMIT else pages.draw(budget)


def write_card(record: AuditRecord, path: str | Path, edition: Edition = "full") -> None:
    """Draw a record's card and write it as one HTML file, whole or not at all.

    Parameters
    ----------
    record : AuditRecord
    path : str or Path
        Where the page is written.
    edition : {'full', 'short'}, default='full'
        ``short`` leaves out the annex: at most eight printed pages.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    record.write_card(path, edition)


def _fitting(budgets: Sequence[Budget], size: Callable[[Budget], int], room: int, findings: int) -> Budget | None:
    """Return the first budget whose page fits, with about as many findings shown in full as there is room for."""
    for budget in budgets:
        largest = size(budget)
        if largest <= room:
            return budget
        if not budget.fill:
            continue
        smallest = size(replace(budget, findings=0))
        if smallest <= room:
            return replace(budget, findings=_fill(budget, size, room, (smallest, largest), findings))
    return None


def _fill(budget: Budget, size: Callable[[Budget], int], room: int, known: tuple[int, int], findings: int) -> int:
    """Find how many findings fit, by a few guesses on a straight line between what fits and what does not."""
    (fits, below), (not_, above) = (0, known[0]), (findings, known[1])
    while not_ - fits > 1 and room - below > SPARE * room:
        guess = fits + int((not_ - fits) * (room - below) / max(above - below, 1))
        guess = min(max(guess, fits + 1), not_ - 1)
        count = size(replace(budget, findings=guess))
        if count <= room:
            fits, below = guess, count
        else:
            not_, above = guess, count
    return fits


class _Pages:
    """Draws a record within several budgets; what they share is drawn once, so each guess at what fits is cheap."""

    def __init__(self, record: AuditRecord, edition: Edition, saved: str) -> None:
        self._record = record
        self._drawer = Drawer.of(record)
        self._anchors = _Anchors(record)
        self._by_family = chapters.by_family(record)
        self._sha256 = hashlib.sha256(saved.encode()).hexdigest()
        self._common = _common(record, edition)
        self._around: dict[Budget, str] = {}
        self._articles: dict[tuple[int, Budget], Markup] = {}

    def draw(self, budget: Budget, data: str = "") -> str:
        """Draw the page, with the compressed record in it if there is room."""
        whole = replace(budget, findings=EVERY_FINDING)
        if whole not in self._around:
            self._around[whole] = self._draw_around(whole)
        measured = _drawn(
            "_measured.html.j2",
            by_family=self._by_family,
            anchors=self._anchors,
            brief=self._drawer.within(budget).brief,
            article=lambda finding: self._article(finding, whole),
        )
        saved = _drawn("_saved.html.j2", data=data, record=self._record)
        return self._around[whole].replace(self._place("measured"), measured).replace(self._place("saved"), saved)

    def _draw_around(self, budget: Budget) -> str:
        """Draw all but what was measured and the record itself, whose places are marked."""
        drawer = self._drawer.within(budget)
        return _drawn(
            "card.html.j2",
            **self._common,
            chapter=lambda section: chapters.chapter(self._record, section, drawer),
            anchors=self._anchors,
            config_text=_json_text(self._record.config, budget.words),
            budget=budget,
            sha256=self._sha256,
            measured=self._place("measured"),
            saved=self._place("saved"),
        )

    def _article(self, finding: Finding, budget: Budget) -> Markup:
        what = (id(finding), budget)
        if what not in self._articles:
            drawer, anchor = self._drawer.within(budget), self._anchors.of(finding)
            text = _drawn("_finding.html.j2", one=finding, anchor=anchor, show=drawer.show, budget=budget)
            self._articles[what] = Markup(text)  # noqa: S704 -- escaped by its template
        return self._articles[what]

    def _place(self, name: str) -> str:
        """Mark a place in the page by what no record holds: its own hash."""
        return f"@@{name} {self._sha256}@@"


def _common(record: AuditRecord, edition: Edition) -> dict[str, object]:
    """Say what a page says whatever its size."""
    return {
        **_first_screen(record),
        "record": record,
        "edition": edition,
        "blanks": blank_sections(record.card),
        "results": results.gate_results(record),
        "concerns": found_concerns(record),
        "topics": topics(record),
        "untested": chapters.untested_checks(record),
        "silent": chapters.silent(record),
        "faith": chapters.on_faith(record),
        "sections": sections.sections_of(edition),
        "glossary": sections.GLOSSARY,
        "evidence": evidence_map(record) if edition == "full" else (),
        "sources": sorted({(item.source, item.checked) for item in items()}),
        "groups": _groups_by_feature(record),
    }


def _drawn(template: str, **names: object) -> str:
    return _environment().get_template(template).render(**names)


def _first_screen(record: AuditRecord) -> dict[str, object]:
    return {
        "title": summary.title(record),
        "subtitle": summary.subtitle(record),
        "unnamed": summary.unnamed_codes(record),
        "verdict": summary.verdict_sentence(record),
        "tone": summary.tone(record),
        "largest": summary.largest(record),
        "for_the_owner": summary.for_the_owner(record),
        "good": summary.good_outcome(record),
        "answers": answers(record),
        "actions": actions(record),
    }


def first_screen(record: AuditRecord) -> str:
    """Draw the first screen alone: the verdict, the five questions and what to do next."""
    return _drawn("first.html.j2", record=record, edition="first", **_first_screen(record))


def notebook(record: AuditRecord) -> str:
    """Return the first screen in a frame that runs no script, for JupyterLab and other notebooks."""
    page = Markup.escape(first_screen(record))
    style = "width:100%;height:820px;border:0"
    return f'<iframe sandbox srcdoc="{page}" title="Model card and audit" style="{style}"></iframe>'


def embed_record(record: AuditRecord) -> str:
    """Return the record, without its answers by row, as base64 of xz, for a link that saves it."""
    text = store.compact(replace(record, pairing=None))
    return base64.b64encode(lzma.compress(text.encode(), filters=PACKED)).decode()


class _Anchors:
    """One anchor per finding; a check that speaks twice gets numbered anchors."""

    def __init__(self, record: AuditRecord) -> None:
        self.first = {finding.check: f"check-{phrases.slug(finding.check)}" for finding in record.findings}
        self._all: dict[int, str] = {}
        seen: Counter[str] = Counter()
        for finding in record.findings:
            seen[finding.check] += 1
            again = seen[finding.check]
            self._all[id(finding)] = self.first[finding.check] + (f"-{again}" if again > 1 else "")

    def of(self, finding: Finding) -> str:
        """Return the anchor of a finding."""
        return self._all[id(finding)]


def _groups_by_feature(record: AuditRecord) -> dict[str, list[GroupInfo]]:
    table: dict[str, list[GroupInfo]] = {}
    for group in record.data.groups:
        table.setdefault(group.feature, []).append(group)
    return table


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
        "visible": phrases.visible,
        "paragraphs": phrases.paragraphs,
        "slug": phrases.slug,
        "address": phrases.address,
        "estimate_text": phrases.estimate_text,
        "rule": phrases.rule,
        "number": phrases.number,
        "counted": phrases.count_noun,
        "metric_words": phrases.metric_words,
        "finding_words": results.finding_words,
        "rows_needed": phrases.rows_needed,
        "minus": minus,
        "glue": glue,
        "figure": lambda cell: minus(cell) if cell[:1] in "-[0123456789" else cell,
        "link": phrases.link,
        "estimate_line": estimate_line,
        "kind": lambda text: re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", phrases.visible(text)),
        "flush": _flush,
        "breakable": _breakable,
        "loose": lambda cell: cell.replace("\u00a0", " "),
        "json_text": _json_text,
        "moment": phrases.moment,
        "short": lambda text: phrases.visible(text)[:12],
    }
    environment.filters.update(plain)
    environment.globals.update(
        outcome_words=results.OUTCOME_WORDS,
        outcome_marks=results.OUTCOME_MARKS,
        kind_words=KIND_WORDS,
        part_words=sections.PART_TITLES,
    )
    return environment


def glue(text: str) -> str:
    """Keep an interval, a range, a count and a percentage on one line each.

    Examples
    --------
    >>> len(glue("52.3 % [49.2, 55.4] (n 31)").split(" "))
    3
    """
    joined = re.sub(r"(?<=\d)–(?=\d)", "\u2060–\u2060", text)
    return re.sub(r"(?<=,) (?=[^\[\]]*\])| (?=%)|(?<=\(n) ", "\u00a0", joined)


def _flush(numeric: tuple[bool, ...]) -> dict[str, str]:
    """Name the columns that stand flush right, once for the table instead of once a cell; many stand close."""
    names = [f"n{k}" for k, flag in enumerate(numeric, start=1) if flag and 1 < k < 15]
    names += ["dense"] if len(numeric) >= DENSE else []
    return {"class": " ".join(names)} if names else {}


def _breakable(name: str) -> Markup:
    """Let a long name break behind its underscores."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))  # noqa: S704 -- escaped first


def _json_text(value: object, limit: int = 120) -> str:
    """Write settings as JSON, whose order does not depend on where they came from."""
    return phrases.visible(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str), limit)


def minus(text: str) -> str:
    """Set a true minus before numbers.

    Examples
    --------
    >>> minus("[-0.10, 0.20]")
    '[−0.10, 0.20]'
    """
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)
