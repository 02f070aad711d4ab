"""What an audit comes to, in words: the verdict, its concerns and its release criteria.

Rules of the catalogue raise concerns; gates of the team's own are release criteria. A rule that makes
the audit itself unreliable speaks first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from reports.lookup import Estimates
from reports.people import capital, class_words, other_class
from reports.phrases import count_noun, list_names, moment, paragraphs, visible
from reports.ranking import by_attention, families, family_of
from reports.record import AuditRecord, SplitInfo, Verdict
from reports.results import GateResult, blocks, gate_results
from reports.sentences import concern_words, verdict_words
from reports.topics import topic_name

Tone = Literal["invalid", "missed", "owed", "concern", "met", "clear", "none"]
"""What stands out: an audit that cannot be relied on, a missed criterion, proof owed, concerns, and so on."""
SHORT_LINES = 10
CODE, MOST_CODES = re.compile(r"-?\d{1,3}(?:\.0)?"), 9
"""A value that reads like a code, and how many of them a column has that is not a quantity."""
UNLABELED = 0.01
"""Share of rows without a label from which on numbers are said to be those of the others."""
NAMED = 6
"""Concerns that are named beside the first two."""
BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""A name that TOML takes without quotation marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The gates of a record by what they say of it, the first to look at first."""

    invalid: tuple[GateResult, ...]
    """Rules that failed and make the audit itself unreliable."""
    concerns: tuple[GateResult, ...]
    """Catalogue rules that failed, notes left out."""
    notes: tuple[GateResult, ...]
    """Catalogue rules of severity ``note`` that failed."""
    criteria: tuple[GateResult, ...]
    """All gates of the team's own that were evaluated."""
    untested: tuple[GateResult, ...]
    """Gates of the team's own for which there is no number."""
    missed: tuple[GateResult, ...]
    """Criteria that failed, or found no number."""
    owed: tuple[GateResult, ...]
    """Gates that demand proof which the rows do not give."""
    open: tuple[GateResult, ...]
    """Gates that are inconclusive without more."""


def standing(record: AuditRecord) -> Standing:
    """Sort the gates of a record by what they say of it."""
    results = gate_results(record)
    troubles = by_attention(record)
    troubled = [trouble for trouble in troubles if trouble.gate is None or trouble.gate.from_catalogue]
    own = [result for result in results if result.gate is not None and not result.gate.from_catalogue]
    owed = tuple(result for result in results if blocks(record, result.worst))
    return Standing(
        invalid=tuple(result for result in troubled if _invalidates(result)),
        concerns=tuple(result for result in troubled if not _invalidates(result) and result.worst.severity != "note"),
        notes=tuple(result for result in troubled if not _invalidates(result) and result.worst.severity == "note"),
        criteria=tuple(result for result in own if result.worst.outcome != "not_assessed"),
        untested=tuple(
            result for result in own if result.worst.outcome == "not_assessed" and result.worst.severity != "off"
        ),
        missed=tuple(trouble for trouble in troubles if trouble not in troubled),
        owed=owed,
        open=tuple(result for result in results if result.worst.outcome == "inconclusive" and result not in owed),
    )


def _invalidates(result: GateResult) -> bool:
    return result.gate is not None and result.gate.invalidates and result.worst.outcome == "fail"


def verdict_sentence(record: AuditRecord) -> str:
    """Say what an audit comes to, the heaviest first."""
    here = standing(record)
    if not any(verdict.severity != "off" and verdict.outcome != "not_assessed" for verdict in record.verdicts):
        return "Not judged: no rule was evaluated."
    if here.invalid:
        known = Estimates(record)
        why = [verdict_words(record, known, result.lead) for result in here.invalid]
        return f"This audit cannot be relied on: {'; '.join(why[:2])}."
    noun = "alarm" if window_of(record) else "concern"
    concerns = count_noun(len(here.concerns), noun)
    if not (here.criteria or here.untested):
        return f"{concerns if here.concerns else f'No {noun}s'}. No release criteria have been set."
    more = f"; {concerns}" if here.concerns else ""
    every = count_noun(len(here.criteria) + len(here.untested), "release criterion", "release criteria")
    if here.untested:
        more = f"; not tested: {_name(here.untested)}{more}"
    if here.missed:
        return f"Does not meet {len(here.missed)} of {every}: {_name(here.missed)}{more}."
    unproven = [criterion for criterion in here.criteria if criterion.worst.outcome == "inconclusive"]
    if unproven:
        return f"{len(unproven)} of {every} not settled by these rows: {_name(unproven)}{more}."
    return f"Meets {f'{len(here.criteria)} of' if here.untested else 'its'} {every}{more}."


def _name(results: Sequence[GateResult]) -> str:
    return list_names([topic_name(result) for result in results], limit=3)


def concerns(record: AuditRecord) -> tuple[Verdict, ...]:
    """Return the failed verdicts of catalogue rules, the first to look at first; notes are none."""
    here = standing(record)
    failed = (
        verdict
        for result in (*here.invalid, *here.concerns)
        for verdict in result.verdicts
        if verdict.outcome == "fail"
    )
    return _rank(tuple(failed))


def criteria(record: AuditRecord) -> tuple[Verdict, ...]:
    """Return the verdicts of the team's own gates, the first to look at first."""
    return _rank(tuple(verdict for result in standing(record).criteria for verdict in result.verdicts))


def _rank(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    return tuple(sorted(verdicts, key=lambda verdict: verdict.rank if verdict.rank is not None else len(verdicts)))


def short(record: AuditRecord) -> str:
    """Describe a record in at most ten lines, for a Python prompt."""
    name = title(record)
    rows = ", ".join(f"{split.rows:,} {visible(split.name, 20)}" for split in record.data.splits) or "no"
    rows = f"{window_of(record)}{rows}"
    lines = [f"AuditRecord of {name} ({record.task}, {rows} rows)", f"  {visible(verdict_sentence(record), 200)}"]
    here = standing(record)
    troubles = (*here.invalid, *here.missed, *here.concerns)
    known = Estimates(record)
    lines += [
        f"  {visible(trouble.gate_id, 40)}: {visible(concern_words(record, known, trouble.lead), 100)}"
        for trouble in troubles[:5]
    ]
    if len(troubles) > 5:
        lines.append(f"  and {len(troubles) - 5} more")
    lines.append("  .concerns .criteria .metric(name, group=level) .to_frame() .plot.roc() .save(path) .card(path)")
    return "\n".join(lines[:SHORT_LINES])


def title(record: AuditRecord) -> str:
    """Say what the model decides: the card's own name, else the target with its outcomes; never a file's name."""
    name = visible(record.card.name.strip(), 100)
    if name and name != PurePath(record.model.file).stem:
        return name
    target = visible(record.data.target, 60)
    if record.task == "binary" and record.data.positive:
        positive = class_words(record, record.data.positive)
        if record.data.positive not in record.data.names.get(record.data.target, {}):
            return f"Predicts whether {target} is {positive}"
        return f"Predicts {target}: {positive} or {class_words(record, other_class(record))}"
    if record.data.classes:
        return f"Predicts {target}: which of {len(record.data.classes)} classes"
    return f"Predicts {target}: how much" if target else "Unnamed model"


def unnamed_codes(record: AuditRecord) -> str:
    """Ask for words where the two classes, or a few groups, are bare numbers without a name; else ``""``."""
    data = record.data
    levels = {data.target: list(data.classes)} if record.task == "binary" else {}
    for group in data.groups:
        levels.setdefault(group.feature, []).append(group.level)
    bare = {
        column: values
        for column, values in levels.items()
        if len(values) <= MOST_CODES
        and all(CODE.fullmatch(value) and value not in data.names.get(column, {}) for value in values)
    }
    if not bare:
        return ""
    column, values = next(iter(bare.items()))
    key = column if BARE_KEY.fullmatch(column) else json.dumps(visible(column, 40), ensure_ascii=False)
    words = ", ".join(f'"{value}" = "…"' for value in values)
    which = list_names([visible(name, 40) for name in bare], limit=3)
    return f"The values of {which} are shown as codes. To show words, write under [data.names]: {key} = {{ {words} }}"


def subtitle(record: AuditRecord) -> str:
    """Say about whom, on how many rows, when and by which kind of model."""
    overview = paragraphs(record.card.overview, 300)
    rows = [split for split in record.data.splits if split.name == "test"] or list(record.data.splits)
    parts = [overview[0].rstrip(".")] if overview else []
    parts += [f"{window_of(record)}{rows_words(split)}" for split in rows[:1]]
    parts.append(model_words(record))
    parts += [f"audited {moment(record.created).split(' ')[0]}"] if record.created else []
    return " · ".join(parts)


def rows_words(split: SplitInfo) -> str:
    """Say how many rows there are, and of how many the truth is known.

    Examples
    --------
    >>> rows_words(SplitInfo(name="test", rows=65)), rows_words(SplitInfo(name="test", rows=65, dropped_rows=1269))
    ('65 test rows', '65 of 1,334 test rows have a label')
    """
    name = visible(split.name, 20)
    if not lacks_labels(split):
        return count_noun(split.rows, f"{name} row")
    verb = "has" if split.rows == 1 else "have"
    return f"{split.rows:,} of {split.rows + split.dropped_rows:,} {name} rows {verb} a label"


def lacks_labels(split: SplitInfo) -> bool:
    """Tell whether more than a few rows have no label."""
    return split.dropped_rows > UNLABELED * (split.rows + split.dropped_rows)


def window_of(record: AuditRecord) -> str:
    """Begin with the window of a log that is watched; nothing else is said of other rows."""
    files = [split.file for split in record.data.splits if split.file.startswith("window ")]
    return f"{visible(files[0], 60)}: " if files else ""


def model_words(record: AuditRecord) -> str:
    """Name the kind of model by its last names, or say that only its answers were given."""
    if record.model.format == "none":
        return "answers only; the model itself was not available"
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", visible(record.model.kind))


def tone(record: AuditRecord) -> Tone:
    """Choose how the verdict looks; the words alone say everything."""
    here = standing(record)
    if here.invalid:
        return "invalid"
    if here.missed:
        return "missed"
    if here.owed:
        return "owed"
    if here.concerns:
        return "concern"
    if verdict_sentence(record).startswith("Not judged"):
        return "none"
    if here.untested:
        return "owed"
    return "met" if here.criteria else "clear"


def largest(record: AuditRecord, limit: int = 2) -> tuple[str, ...]:
    """Put the first findings in words, paperwork left out, notes where there is nothing else; then name the rest."""
    known, names, here = Estimates(record), families(record), standing(record)
    results = [
        result for result in by_attention(record) if family_of(result, names) != "card" and not _invalidates(result)
    ]
    results = [result for result in results if result.worst.severity != "note"] or results
    said: dict[str, GateResult] = {}
    for result in results:
        said.setdefault(capital(record, concern_words(record, known, result.lead)), result)
    first = list(said.items())[: limit + (len(said) == limit + 1)]  # one more takes no more room than its name
    spoken = [result for _, result in first]
    rest = [result for result in (*here.missed, *here.concerns) if result not in spoken]
    also = list_names(dict.fromkeys(topic_name(result) for result in rest), limit=NAMED)
    return (*(words for words, _ in first), *([f"{len(rest)} more: {also}"] if rest else []))


def for_the_owner(record: AuditRecord) -> str:
    """Say whose the limits are where nobody has said what a release must reach; else ``""``."""
    here = standing(record)
    if here.criteria or here.untested or here.invalid or not record.verdicts or window_of(record):
        return ""
    return "It is open whether it may be used; limits are rules of thumb."


def good_outcome(record: AuditRecord) -> str | None:
    """Name the outcome that is good for a person; ``""`` where nobody stated it, None where it makes no difference."""
    if record.task != "binary" or not record.data.sensitive:
        return None
    return class_words(record, record.data.favorable) if record.data.favorable else ""
