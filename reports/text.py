"""A screen of plain text for a terminal or a log: five answers, what to do next, the verdict last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reports.actions import actions
from reports.answers import answers
from reports.chapters import untested
from reports.concerns import KIND_WORDS, Concern, found_concerns
from reports.phrases import counted, visible
from reports.record import AuditRecord, blank_sections
from reports.summary import model_words, title, tone, verdict_sentence
from reports.topics import topics

WIDTH = 100
MOST_LINES = 15
_ASKED = {"good": "How good", "worse": "For whom", "trusted": "Trust", "breaks": "Breaks", "unknown": "Not known"}
_DETAILS = {"good": 1, "worse": 1, "breaks": 1}
"""Further lines below an answer."""
_INDENT = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text and how it may be colored; the words alone say everything."""

    text: str
    tone: str = ""
    """The verdict's tone, or ``""``."""
    strong: bool = False


def render(record: AuditRecord) -> str:
    """Draw a record as plain text, everything told."""
    return "\n".join(line.text for line in lines(record, everything=True)) + "\n"


def lines(record: AuditRecord, width: int = WIDTH, *, everything: bool = False, end: str = "") -> tuple[Line, ...]:
    """Draw a record line by line, for a program that colors lines.

    Parameters
    ----------
    record : AuditRecord
        A judged record.
    width : int, default=100
        Characters of a line.
    everything : bool, default=False
        Whether every concern and every open question is told; else at most 15 lines come back.
    end : str, optional
        What follows the verdict on its line: where the card stands, the exit code.

    Returns
    -------
    tuple of Line
        Printable lines without any markup, the verdict last.
    """
    width = max(width, 40)
    found = [Line(text=_shortened(_head(record), width), strong=True), *_answers(record, width), *_next(record, width)]
    if everything:
        found += _everything(record, width)
    if record.partial:
        found.append(Line(text=_shortened(f"{'Partial':<{_INDENT}}{visible(record.partial, 300)}", width)))
    verdict = verdict_sentence(record) + (f" {end}" if end else "")
    last = [Line(text=one, tone=tone(record), strong=True) for one in textwrap.wrap(verdict, width)]
    room = len(found) if everything else max(MOST_LINES - len(last), 1)
    return tuple(replace(line, text=tame(line.text)) for line in (*found[:room], *last))


def tame(line: str) -> str:
    """Break what a CI server would obey in its log: workflow commands stand at the start of a line.

    Examples
    --------
    >>> tame("  ::error::owned"), tame("##[error]owned"), tame("std::vector")
    ('  : :error::owned', '## [error]owned', 'std::vector')
    """
    margin = len(line) - len(line.lstrip())
    if line[margin:].startswith("::"):
        line = f"{line[:margin]}: {line[margin + 1 :]}"
    return line.replace("##[", "## [").replace("##vso[", "## vso[").replace("##teamcity[", "## teamcity[")


def _head(record: AuditRecord) -> str:
    rows = next((split.rows for split in record.data.splits if split.name == "test"), None)
    parts = [title(record), model_words(record)]
    return " · ".join([*parts, counted(rows, "test row")] if rows is not None else parts)


def _answers(record: AuditRecord, width: int) -> Iterator[Line]:
    for answer in answers(record):
        told = [answer.sentence, *answer.details[: _DETAILS.get(answer.id, 0)]]
        for place, sentence in enumerate(told):
            label = _ASKED[answer.id] if place == 0 else ""
            yield Line(text=_shortened(f"{label:<{_INDENT}}{sentence}", width))


def _next(record: AuditRecord, width: int) -> Iterator[Line]:
    for place, step in enumerate(actions(record), start=1):
        label = "Next" if place == 1 else ""
        code = f" rule {visible(step.gate_id, 40)}" if step.gate_id else ""
        tail = f" ({step.who}){code}"
        words = _shortened(f"{label:<{_INDENT}}{place}. {step.text.rstrip('.')}", max(width - len(tail), 20))
        yield Line(text=_shortened(words + tail, width))


def _shortened(text: str, width: int) -> str:
    """Cut a line at a word, and say so; spaces stay as they are."""
    if len(text) <= width:
        return text.rstrip()
    return text[: width - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


# --- everything -----------------------------------------------------------------------------------


def _everything(record: AuditRecord, width: int) -> Iterator[Line]:
    for concern in found_concerns(record):
        yield from _concern(concern, width)
    unsettled = topics(record)
    if unsettled:
        yield Line(text="")
        yield Line(text="Not settled by these rows", strong=True)
    for topic in unsettled:
        yield from _wrapped(f"◆ {topic.line}  {visible(topic.gate_id, 60)}", width)
    for one in untested(record):
        yield from _wrapped(f"○ {one.what}: {one.status}; {one.reason}", width)
    blanks = blank_sections(record.card)
    if blanks:
        yield from _wrapped(f"▢ {counted(len(blanks), 'field')} of the card left blank: {', '.join(blanks)}", width)
    yield Line(text="")


def _concern(concern: Concern, width: int) -> Iterator[Line]:
    yield Line(text="")
    mark = {"invalid": "✖", "criterion": "▲"}.get(concern.kind, "◆")
    yield from _wrapped(f"{mark} {concern.sentence}  {visible(concern.gate_id, 60)}", width, strong=True)
    reach = f"; about {concern.reach} would have to come out differently" if concern.reach else ""
    limit = f" ({concern.limit})" if concern.limit else ""
    yield from _wrapped(f"  {KIND_WORDS[concern.kind]}: {concern.topic}{limit}{reach}.", width)
    for other in (*concern.others, *concern.crossed):
        yield from _wrapped(f"  also: {visible(other, 300)}", width)
    if concern.remedy:
        yield from _wrapped(f"  to do: {concern.remedy} ({concern.who})", width)


def _wrapped(text: str, width: int, *, strong: bool = False) -> Iterator[Line]:
    for one in textwrap.wrap(text, width, subsequent_indent="    "):
        yield Line(text=one, strong=strong)
