"""Every gate that failed, as a reader meets it: what was found, how far it reaches, what to do, who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.families import family_named
from reports.lookup import Estimates
from reports.people import capital
from reports.phrases import visible
from reports.ranking import by_attention, families, family_of
from reports.record import AuditRecord, Estimate, Verdict
from reports.results import GateResult, gate_of
from reports.sentences import concern_words, known_words, reach_words, verdict_words
from reports.topics import topic_name

MOST_ALIKE = 5
"""Further groups of a concern that are shown one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One gate that failed."""

    kind: Literal["invalid", "criterion", "concern", "note"]
    gate_id: str
    topic: str
    family: str
    sentence: str
    """The slice to look at first and the limit, in words."""
    reach: str
    """Rows per 1,000 in words; ``""`` where the record holds none."""
    extent: Estimate | None
    known: str
    """What is certain of the size of a gap."""
    remedy: str
    because: str
    who: str
    others: tuple[str, ...] = ()
    """Further groups of single features."""
    crossed: tuple[str, ...] = ()
    """Groups of several features at once."""


KIND_WORDS = {
    "invalid": "The audit cannot be relied on",
    "criterion": "Release criterion not met",
    "concern": "Concern",
    "note": "Note",
}


def found_concerns(record: AuditRecord) -> tuple[Concern, ...]:
    """List the gates that failed, the first to look at first."""
    known, names = Estimates(record), families(record)
    return tuple(_concern(record, known, result, family_of(result, names)) for result in by_attention(record))


def _concern(record: AuditRecord, known: Estimates, result: GateResult, family: str) -> Concern:
    lead, gate = result.lead, gate_of(record, result.lead)
    alike = [verdict for verdict in result.verdicts if verdict.outcome == lead.outcome and verdict is not lead]
    crossed = [verdict for verdict in result.crossed if verdict in alike]
    single = [verdict for verdict in alike if verdict not in crossed]
    return Concern(
        kind=_kind(result),
        gate_id=result.gate_id,
        topic=topic_name(result),
        family=family,
        sentence=capital(record, concern_words(record, known, lead)),
        reach=reach_words(record, lead),
        extent=lead.extent,
        known=known_words(lead, gate),
        remedy=visible(gate.remedy if gate and gate.remedy else lead.next_step, 400),
        because=visible(gate.because, 400) if gate else "",
        who=family_named(family).who,
        others=_sentences(record, known, lead, single),
        crossed=_sentences(record, known, lead, crossed),
    )


def _kind(result: GateResult) -> Literal["invalid", "criterion", "concern", "note"]:
    gate = result.gate
    if gate is not None and gate.invalidates and result.worst.outcome == "fail":
        return "invalid"
    if gate is not None and not gate.from_catalogue:
        return "criterion"
    return "note" if result.worst.severity == "note" else "concern"


def _sentences(record: AuditRecord, known: Estimates, lead: Verdict, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Say what further slices show, each sentence once and none that the first slice has said."""
    table = dict.fromkeys(capital(record, verdict_words(record, known, verdict)) for verdict in verdicts)
    table.pop(capital(record, verdict_words(record, known, lead)), None)
    shown = tuple(table)[:MOST_ALIKE]
    return (*shown, f"and {len(table) - len(shown)} more in the annex") if len(table) > len(shown) else shown
