"""One screen of plain text for a terminal or a log: the verdict, what failed, what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass, replace

from reports import results
from reports.phrases import address, counted, estimate_text, rule, visible
from reports.record import AuditRecord, VerdictOutcome, blank_sections
from reports.results import GateResult, Tone

WIDTH = 100
MOST_GATES = 12
MOST_REASONS = 2
_TONES: dict[VerdictOutcome, Tone] = {
    "pass": "pass",
    "fail": "fail",
    "error": "fail",
    "inconclusive": "inconclusive",
    "waived": "none",
    "not_assessed": "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text and how it may be colored; the words alone say everything."""

    text: str
    tone: Tone = "none"
    strong: bool = False


def render(record: AuditRecord) -> str:
    """Draw a record as plain text."""
    return "\n".join(line.text for line in lines(record)) + "\n"


def lines(record: AuditRecord, width: int = WIDTH) -> tuple[Line, ...]:
    """Draw a record line by line, for a program that colors lines.

    Parameters
    ----------
    record : AuditRecord
        A judged record.
    width : int, default=100
        Characters of a line; text is wrapped, names are cut.

    Returns
    -------
    tuple of Line
        Printable lines without any markup.
    """
    overall = results.overall(record)
    name = visible(record.card.name.strip() or record.model.name, 60) or "unnamed model"
    tally = ", ".join(f"{n} {results.OUTCOME_WORDS[outcome]}" for outcome, n in overall.counts.items() if n)
    found = [
        Line(text=f"{name}: {overall.word}", tone=overall.tone, strong=True),
        *_wrapped(overall.sentence, width),
        *_wrapped(f"Verdicts: {tally or 'none'}.", width),
        Line(text=""),
        *_gates(results.gate_results(record), width),
        *_steps(record, width),
        *_missing(record, width),
    ]
    return tuple(replace(line, text=tame(line.text)) for line in found)


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


def _wrapped(text: str, width: int, first: str = "", rest: str = "", tone: Tone = "none") -> list[Line]:
    wrapped = textwrap.wrap(text, max(width, 20), initial_indent=first, subsequent_indent=rest) or [first]
    return [Line(text=one.rstrip(), tone=tone) for one in wrapped]


def _gates(results: tuple[GateResult, ...], width: int) -> list[Line]:
    calm = sum(1 for result in results if result.worst.outcome == "pass")
    unasked = [result for result in results if result.worst.outcome == "not_assessed"]
    open_ones = [result for result in results if result.worst.outcome not in ("pass", "not_assessed")]
    found: list[Line] = []
    for result in open_ones[:MOST_GATES]:
        found += _gate(result, width)
    if len(open_ones) > MOST_GATES:
        found += _wrapped(f"and {counted(len(open_ones) - MOST_GATES, 'more gate')} without a pass", width)
    if calm:
        found.append(Line(text=f"● {counted(calm, 'gate')} passed", tone="pass"))
    found += _unasked(unasked, width)
    return [*found, Line(text="")] if found else []


def _unasked(results: list[GateResult], width: int) -> list[Line]:
    """Say how many gates had nothing to judge, and the commonest reasons."""
    if not results:
        return []
    reasons = Counter(visible(one.worst.message.removeprefix("not applicable: ").rstrip("."), 80) for one in results)
    told = [f"{reason} ({n})" for reason, n in reasons.most_common(MOST_REASONS) if reason]
    more = ["…"] if len(reasons) > len(told) else []
    return _wrapped(f"○ {counted(len(results), 'gate')} not assessed: {'; '.join(told + more)}", width, rest="  ")


def _gate(result: GateResult, width: int) -> list[Line]:
    verdict = result.worst
    mark, words = results.OUTCOME_MARKS[verdict.outcome], results.OUTCOME_WORDS[verdict.outcome]
    head = f"{mark} {words} ({verdict.severity})  {visible(result.gate_id, 60)} {result.title}".rstrip()
    demand = f"{rule(result.gate)}; " if result.gate else ""
    alike = sum(1 for one in result.verdicts if one.outcome == verdict.outcome)
    more = f" ({alike} of {counted(len(result.verdicts), 'slice')} {words})" if len(result.verdicts) > 1 else ""
    detail = f"{demand}{address(verdict.where)}: {estimate_text(verdict.estimate)}{more}"
    tone = _TONES[verdict.outcome]
    return [
        *_wrapped(head, width, rest="  ", tone=tone),
        *_wrapped(textwrap.shorten(detail, 3 * width, placeholder="…"), width, first="    ", rest="    "),
    ]


def _steps(record: AuditRecord, width: int) -> list[Line]:
    steps = results.next_steps(record)
    if not steps:
        return []
    found = [Line(text="What to do next", strong=True)]
    for k, step in enumerate(steps, start=1):
        name = f"{visible(step.gate_id, 60)}: " if step.gate_id else ""
        found += _wrapped(name + step.text, width, first=f"  {k}. ", rest="     ")
    return [*found, Line(text="")]


def _missing(record: AuditRecord, width: int) -> list[Line]:
    missing = results.not_tested(record)
    blanks = blank_sections(record.card)
    parts = [f"{counted(len(missing), 'item')} not tested" if missing else ""]
    parts.append(f"{counted(len(blanks), 'field')} of the card left blank" if blanks else "")
    said = [part for part in parts if part]
    return _wrapped(f"{'; '.join(said)}. The card lists them.", width) if said else []
