"""GitHub workflow commands: at most ten annotations, the worst first, each at its gate's line.

GitHub shows ten annotations of a kind for a step; the rest are counted in the last one. Every name is
escaped, so that no line of a log can become a command of its own.
"""

from __future__ import annotations

from reports import results
from reports.lookup import Estimates
from reports.phrases import count_noun, visible
from reports.ranking import by_attention
from reports.record import AuditRecord
from reports.results import GateResult
from reports.sarif import source_of
from reports.sentences import reach_words, report_words

MOST = 10


def render(record: AuditRecord) -> str:
    """Draw the gates that did not pass as workflow commands, one a gate."""
    known = Estimates(record)
    unsettled = [
        gate_result for gate_result in results.gate_results(record) if gate_result.worst.outcome == "inconclusive"
    ]
    troubled = [*by_attention(record), *unsettled]
    shown = troubled if len(troubled) <= MOST else troubled[: MOST - 1]
    commands = [_command(record, known, result) for result in shown]
    if len(shown) < len(troubled):
        rest = f"{count_noun(len(troubled) - len(shown), 'more gate')} did not pass; the card lists them"
        commands.append(f"::notice title=modelassay::{data(rest)}")
    return "".join(f"{command}\n" for command in commands)


def _command(record: AuditRecord, known: Estimates, result: GateResult) -> str:
    verdict = result.lead
    file, line = source_of(record, verdict)
    title = f"{visible(result.gate_id, 60)} {result.title}".strip()
    level = _level(record, result)
    others = len(result.verdicts) - 1
    more = f" And {count_noun(others, 'other slice')} of the same rule." if others else ""
    words = results.OUTCOME_WORDS[verdict.outcome]
    parts = [
        f"{words}: {report_words(record, known, verdict)}{more}",
        f"About {reach_words(record, verdict)} would have to come out differently."
        if reach_words(record, verdict)
        else "",
        f"Next: {visible(verdict.next_step, 400)}" if verdict.next_step else "",
    ]
    place = f"file={parameter(file)},line={line},title={parameter(title)}"
    return f"::{level} {place}::{data(' '.join(part for part in parts if part))}"


def _level(record: AuditRecord, result: GateResult) -> str:
    """Choose the kind of annotation: an inconclusive gate is an error only where proof is demanded."""
    verdict = result.worst
    if verdict.severity == "note":
        return "notice"
    if verdict.outcome == "inconclusive" and not results.blocks(record, verdict):
        return "warning"
    return "error" if verdict.severity == "error" else "warning"


def data(text: str) -> str:
    """Escape the message of a workflow command.

    Examples
    --------
    >>> data("100%") + data(chr(10) + "::error::x")
    '100%25%0A::error::x'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def parameter(text: str) -> str:
    """Escape a property of a workflow command.

    Examples
    --------
    >>> parameter("a:b,c")
    'a%3Ab%2Cc'
    """
    return data(visible(text, 400)).replace(":", "%3A").replace(",", "%2C")
