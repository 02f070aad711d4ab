"""A screen of plain text for a terminal or a log: five answers, what to do next, the verdict last."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reports.actions import actions
from reports.answers import answers
from reports.chapters import untested_checks
from reports.concerns import KIND_WORDS, Concern, found_concerns
from reports.phrases import count_noun, visible
from reports.record import AuditRecord, blank_sections
from reports.summary import model_words, rows_words, title, tone, verdict_sentence, window_of
from reports.topics import topics

WIDTH = 100
MOST_LINES = 15
_INDENT = 11
_FEW = 12
"""Characters that say too little to stand for a sentence."""
_LONGEST = 3
"""Lines that one sentence may take."""
_WISHES = (
    ("worse", 0), ("trusted", 0), ("good", 0), ("breaks", 0), ("worse", 1), ("good", 1), ("next", 0), ("unknown", 0),
    ("next", 1), ("breaks", 1), ("next", 2),
)  # fmt: skip
"""What gets room first where not everything fits: which sentence of which answer, or which step."""


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
        Whether every concern and every open question is shown; otherwise at most 15 lines come back.
    end : str, optional
        What follows the verdict on its line: where the card stands, the exit code.

    Returns
    -------
    tuple of Line
        Printable lines without any markup, the verdict last.
    """
    width = max(width, 40)
    verdict = verdict_sentence(record) + (f" {end}" if end else "")
    last = [Line(text=text, tone=tone(record), strong=True) for text in textwrap.wrap(verdict, width)]
    if record.partial:
        last.insert(0, Line(text=_shorten(f"{'Partial':<{_INDENT}}{visible(record.partial, 300)}", width)))
    head = Line(text=_shorten(_head(record, width), width), strong=True)
    entries = [head, *_screen(record, width, MOST_LINES - len(last) - 1)]
    if everything:
        entries += _everything(record, width)
    return tuple(replace(line, text=tame(line.text)) for line in (*entries, *last))


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


def _head(record: AuditRecord, width: int) -> str:
    """Name what is audited; how it answers is left out where it does not fit."""
    size = [f"{window_of(record)}{rows_words(split)}" for split in record.data.splits if split.name == "test"]
    parts = [title(record), *size, model_words(record).partition(";")[0]]
    whole = " · ".join(parts)
    return whole if len(whole) <= width else " · ".join(parts[:-1])


def _screen(record: AuditRecord, width: int, room: int) -> list[Line]:
    """Draw five answers and the steps in as many lines as there are: each told, the first in full."""
    given_answers = answers(record)
    asked = {**{answer.id: answer.short for answer in given_answers}, "next": "Next"}
    said = {
        (answer.id, k): text
        for answer in given_answers
        for k, text in enumerate((answer.sentence, *answer.details[:1]))
    }
    steps = actions(record)
    said |= {("next", k): f"{k + 1}. {step.text.rstrip('.')}" for k, step in enumerate(steps)}
    tails = {("next", k): f" [{visible(step.gate_id, 40)}]" for k, step in enumerate(steps) if step.gate_id}
    whole = {pair: textwrap.wrap(text + tails.get(pair, ""), width - _INDENT) for pair, text in said.items()}
    given = {pair: 1 for pair in said if pair[0] == "next" or pair[1] == 0}
    spare = room - len(given)
    cuts = {pair: _cut(pair, text, width - _INDENT - len(tails.get(pair, ""))) for pair, text in said.items()}
    broken = [pair for pair, text in cuts.items() if pair[0] == "next" and text.endswith("…")]
    for wish in (*broken, *_WISHES):
        wanted = len(whole.get(wish, ())) - given.get(wish, 0)
        if 0 < wanted <= spare and wanted < _LONGEST:
            given[wish], spare = given.get(wish, 0) + wanted, spare - wanted
    drawn: list[Line] = []
    for pair in (pair for pair in said if pair in given):
        cut = [cuts[pair] + tails.get(pair, "")]
        label = asked[pair[0]] if pair[1] == 0 else ""
        for k, text in enumerate(whole[pair] if len(whole[pair]) <= given[pair] else cut):
            drawn.append(Line(text=f"{label if k == 0 else '':<{_INDENT}}{text}"))
    return drawn[: max(room, 1)]


def _cut(pair: tuple[str, int], text: str, width: int) -> str:
    """Cut a sentence to a line; the clauses of a step are sentences of their own, so that nothing is missing."""
    return _clauses(text, width, more="" if pair[0] == "next" else "…")


def _clauses(text: str, width: int, more: str = "…") -> str:
    """Keep the first clauses of a sentence that fit on a line; cut at a word where not even the first does.

    Examples
    --------
    >>> _clauses("Ask whether it is needed; fit without it; compare", 44)
    'Ask whether it is needed; fit without it…'
    """
    kept = text if len(text) <= width else ""
    for end in re.finditer(r"; |\. ", text):
        if _FEW < end.start() < width and len(text) > width:
            kept = text[: end.start()] + more
    return kept or _shorten(text, width)


def _shorten(text: str, width: int) -> str:
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
        yield from _wrap(f"◆ {topic.line}  {visible(topic.gate_id, 60)}", width)
    for open_topic in untested_checks(record):
        yield from _wrap(f"○ {open_topic.what}: {open_topic.status}; {open_topic.reason}", width)
    blanks = blank_sections(record.card)
    if blanks:
        yield from _wrap(f"▢ {count_noun(len(blanks), 'field')} of the card left blank: {', '.join(blanks)}", width)
    yield Line(text="")


def _concern(concern: Concern, width: int) -> Iterator[Line]:
    yield Line(text="")
    mark = {"invalid": "✖", "criterion": "▲"}.get(concern.kind, "◆")
    yield from _wrap(f"{mark} {concern.sentence}  {visible(concern.gate_id, 60)}", width, strong=True)
    reach = f"; about {concern.reach} would have to come out differently" if concern.reach else ""
    yield from _wrap(f"  {KIND_WORDS[concern.kind]}: {concern.topic}{reach}.", width)
    for other in (*concern.others, *concern.crossed):
        yield from _wrap(f"  also: {visible(other, 300)}", width)
    if concern.remedy:
        yield from _wrap(f"  to do: {concern.remedy} ({concern.who})", width)


def _wrap(text: str, width: int, *, strong: bool = False) -> Iterator[Line]:
    for name in textwrap.wrap(text, width, subsequent_indent="    "):
        yield Line(text=name, strong=strong)
