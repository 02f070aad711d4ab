"""What to do next, the first thing first, each with who should do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.families import family_named
from reports.lookup import Estimates
from reports.people import capital, quoted_class
from reports.phrases import count_noun, list_names, visible
from reports.ranking import by_attention, families, family_of
from reports.record import LEFT_OUT, UNREACHED, AuditRecord, Finding, Verdict, blank_sections
from reports.results import GateResult, gate_of, gate_results
from reports.sentences import concern_words, verdict_words
from reports.summary import standing

FEW = 5
"""Rules that are not settled from which on more test rows are a step of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do."""

    text: str
    who: str
    about: str = ""
    """The finding that asks for it."""
    gate_id: str = ""


def actions(record: AuditRecord, limit: int = 3) -> tuple[Action, ...]:
    """Name what to do next: one step a kind of concern, more of the same kind, what the owner owes, notes, the rest.

    More of the same kind comes before what ranks behind it and reaches nobody knows how many decisions.
    Where the rows leave much open, more of them come right after the first step.
    Where no release criteria have been set, setting them is never farther down than the last step named.
    """
    here, known, names = standing(record), Estimates(record), families(record)
    first: list[Action] = []
    alike: list[Action] = []
    behind: list[Action] = []
    notes: list[Action] = []
    kinds: set[str] = set()
    for result in (*by_attention(record), *here.owed):
        kin = family_named(family_of(result, names))
        kind = kin.steps_with or kin.name or result.gate_id
        if kind == "card":
            continue
        step = _about(record, known, result, kin.who)
        if result.worst.severity == "note":
            notes.append(step)
        elif kind in kinds:
            (alike if _reaches(result) else behind).append(step)
        else:
            if not _reaches(result):
                first, alike = [*first, *alike], []
            first.append(step)
            kinds.add(kind)
    steps = [*first, *alike, *behind]
    steps[1:1] = _more_rows(record)
    owed = [*_criteria(record, bool(here.criteria)), *_blanks(record)]
    rest = max(limit - min(len(owed), 1), 0)
    return tuple([*steps[:rest], *owed, *steps[rest:], *notes, *_skip(record)][:limit])


def _reaches(result: GateResult) -> bool:
    """Tell whether it is known how many decisions a concern reaches."""
    return any(verdict.extent is not None and verdict.extent.value is not None for verdict in result.verdicts)


def _about(record: AuditRecord, known: Estimates, result: GateResult, who: str) -> Action:
    verdict, gate = result.lead, gate_of(record, result.lead)
    remedy = gate.remedy if gate is not None else ""
    name = concern_words(record, known, verdict) or f"look at {visible(result.gate_id)}"
    text = visible(remedy or verdict.next_step, 400) or f"Find out why: {name}."
    if remedy and (subject := _subject(record, verdict)):
        text = f"{subject}: {text[:1].lower()}{text[1:]}"
    about = capital(record, verdict_words(record, known, verdict))
    return Action(text=text, who=who, about=about, gate_id=verdict.gate)


def _subject(record: AuditRecord, verdict: Verdict) -> str:
    """Name the feature, the rows or the class that a step is about."""
    for key in ("feature", "slice"):
        if verdict.where.get(key, "*") != "*":
            return visible(verdict.where[key], 100)
    label = verdict.where.get("class", "*")
    return f"Class {quoted_class(record, label)}" if label != "*" else ""


def _more_rows(record: AuditRecord) -> list[Action]:
    """Ask for more test rows where for two rules that are settled there is at least one that is not."""
    outcomes = [result.worst.outcome for result in gate_results(record)]
    unsettled, settled = outcomes.count("inconclusive"), sum(outcome in ("pass", "fail") for outcome in outcomes)
    rows = record.data.rows_of("test")
    if not rows or unsettled < FEW or 2 * unsettled < settled:
        return []
    text = f"Test on more rows: {unsettled} of {unsettled + settled} rules are not settled by these {rows:,}."
    return [Action(text=text, who="data scientist")]


def _criteria(record: AuditRecord, there: bool) -> list[Action]:
    if there or not record.verdicts:
        return []
    return [Action(text="Set release criteria in gates.toml, so that the next audit can say yes or no.", who="owner")]


def _blanks(record: AuditRecord) -> list[Action]:
    missing = blank_sections(record.card)
    if not missing:
        return []
    words = (
        f"Fill in card.toml what only a person can say ({count_noun(len(missing), 'blank')}): {list_names(missing)}."
    )
    return [Action(text=words, who="owner", gate_id="CARD001" if _has(record, "CARD001") else "")]


def _has(record: AuditRecord, code: str) -> bool:
    return any(verdict.gate == code for verdict in record.verdicts)


def _skip(record: AuditRecord) -> list[Action]:
    """Say what to do so that what was skipped is looked at: one step for all that were skipped for one reason."""
    reasons: dict[str, list[Finding]] = {}
    for finding in record.findings:
        if finding.outcome == "skipped":
            reasons.setdefault(finding.reason, []).append(finding)
    return [Action(text=_make_up(*entry), who="data scientist") for entry in reasons.items()]


def _make_up(reason: str, findings: Sequence[Finding]) -> str:
    if reason not in (LEFT_OUT, UNREACHED):
        return f"{list_names(visible(finding.title, 60) for finding in findings)}: {visible(reason, 300)}"
    kinds = list_names(dict.fromkeys(visible(finding.family, 40) for finding in findings))
    again = "Run without --quick" if reason == LEFT_OUT else "Run to the end"
    return f"{again} for the results of {count_noun(len(findings), 'more check')}: {kinds}."
