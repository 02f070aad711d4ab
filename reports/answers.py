"""The five questions of a reader, each answered from the record in a sentence with its number.

How good is it? For whom is it worse? Can the numbers be trusted? What breaks it? What is not known?
Nothing is measured here: a sentence puts numbers of the record in words, and says so where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.answer import Answer, Tick, worst_of
from reports.families import families_in, family_named
from reports.for_whom import for_whom
from reports.how_good import how_good
from reports.lookup import Estimates, value_of
from reports.over_time import change_since, groups_that_alarm, trust_in
from reports.people import (
    capital,
)
from reports.phrases import (
    count_noun,
    list_names,
    number,
    percent,
    visible,
)
from reports.ranking import concerns_of, families, family_of, of_families
from reports.record import AuditRecord
from reports.results import GateResult, gate_results, summary_of
from reports.sentences import concern_words, verdict_words
from reports.strips import Strip, StripRow, bars, points, share_row
from reports.summary import largest, window_of
from reports.topics import topic_name, topics

TRUST, BREAKS = (families_in(section, answering=True) for section in ("trusted", "breaks"))
"""Families whose concerns answer two of the questions."""
MANY = 50.0
"""Rows in 1,000 from which on a note about rows is shown where there is no concern."""


def answers(record: AuditRecord) -> tuple[Answer, ...]:
    """Answer the five questions, in their order."""
    known, results = Estimates(record), gate_results(record)
    watched = window_of(record) != ""
    return (
        how_good(record, known),
        _with_alarms(for_whom(record, known), groups_that_alarm(record, known)),
        trust_in(record, known, results) if watched else _trust(record, known, results),
        change_since(record, known) if watched else _breaks(record, known, results),
        _unknown(record, results),
    )


def _with_alarms(answer: Answer, alarms: str) -> Answer:
    return replace(answer, details=(alarms, *answer.details)) if alarms else answer


# --- can the numbers be trusted? ------------------------------------------------------------------


def _trust(record: AuditRecord, known: Estimates, results: Sequence[GateResult]) -> Answer:
    mine = of_families(record, results, TRUST)
    mine += [result for result in results if result.gate and result.gate.invalidates and result not in mine]
    invalid = [result for result in mine if result.gate and result.gate.invalidates and result.worst.outcome == "fail"]
    failed, ticks = concerns_of(record, TRUST), _ticks(record, mine)
    if invalid:
        sentence = f"The numbers cannot be relied on: {verdict_words(record, known, invalid[0].lead)}."
    elif failed:
        sentence = f"Read the numbers with care: {list_names([topic_name(result) for result in failed], limit=3)}."
    elif noted := _large_notes(record, mine):
        sentence = f"No concern, but mind a note: {concern_words(record, known, noted[0].lead)}."
    else:
        sentence = _without_concern(ticks) if _test(mine) else "Not known: nothing here was tested."
    words = [capital(record, concern_words(record, known, result.lead)) for result in failed if result not in invalid]
    above = largest(record)
    rest = [summary_of(record, "output_validity") for result in invalid if result.gate_id == "ROB007"]
    rest += [f"{text}." for text in words if text not in above][:1]
    return Answer(
        id="trusted",
        short="Trust",
        question="Can the numbers be trusted?",
        sentence=sentence,
        details=tuple(rest),
        ticks=ticks,
    )


def _without_concern(ticks: Sequence[Tick]) -> str:
    """Say that nothing was found, and of how much that is not settled."""
    left = [tick.words for tick in ticks if tick.outcome == "inconclusive"]
    if not left:
        return "No test gives a reason to doubt the numbers."
    verb = "is" if len(left) == 1 else "are"
    some = f"{len(left)} of {len(ticks)} kinds of test {verb} not settled ({list_names(left, limit=2)})"
    return f"In part: {some}, the others give no reason for doubt."


def _large_notes(record: AuditRecord, mine: Sequence[GateResult]) -> list[GateResult]:
    """Return notes about the rows themselves that reach many of them."""
    names = families(record)
    return [
        result
        for result in mine
        if (result.worst.outcome, result.worst.severity) == ("fail", "note")
        and family_named(family_of(result, names)).counts == "rows"
        and result.lead.extent is not None
        and (result.lead.extent.value or 0.0) >= MANY
    ]


_LOOKED_AT = (
    ("leak from training to test", ("leakage",)),
    ("sound data and labels", ("data",)),
    ("drift from training to test", ("drift",)),
    ("overfitting and stability", ("generalization", "training")),
    ("valid answers, the same twice", ("robustness",)),
)
_INVALIDATING_TITLES = ("nondeterministic", "batch-dependent", "invalid-output")


def _ticks(record: AuditRecord, mine: Sequence[GateResult]) -> tuple[Tick, ...]:
    known = families(record)
    ticks = []
    for words, names in _LOOKED_AT:
        here = [
            result.worst.outcome
            for result in mine
            if family_of(result, known) in names and result.worst.severity != "note"
        ]
        ticks.append(Tick(words=words, outcome=worst_of(here)))
    return tuple(ticks)


def _test(results: Sequence[GateResult]) -> bool:
    return any(result.worst.outcome != "not_assessed" for result in results)


# --- what breaks it? ------------------------------------------------------------------------------


def _breaks(record: AuditRecord, known: Estimates, results: Sequence[GateResult]) -> Answer:
    mine = [
        of_family
        for of_family in of_families(record, results, BREAKS)
        if not (of_family.gate and of_family.gate.invalidates)
    ]
    failed = [result for result in concerns_of(record, BREAKS) if not (result.gate and result.gate.invalidates)]
    words = [f"{capital(record, verdict_words(record, known, result.lead))}." for result in failed]
    if not words:
        tried = [result for result in mine if result.worst.outcome == "pass"]
        names = list_names([topic_name(result) for result in tried], limit=2)
        sentence = f"No check broke it ({names})." if tried else f"Not tested: {_why_untested(record)}."
        words = [sentence, *_noise(known)]
    return Answer(
        id="breaks",
        short="Breaks",
        question="What breaks it?",
        sentence=words[0],
        details=tuple(words[1:3]),
        strip=_slice_strip(known, failed[0].lead.where.get("slice", "") if failed else ""),
    )


def _noise(known: Estimates) -> list[str]:
    flips = [
        estimate
        for estimate in known.of("noise_flip_share")
        if estimate.value is not None and "0.1" in estimate.where.get("variant", "")
    ]
    return [f"Slight noise on the numbers changes {percent(value_of(flips[0]))} of decisions."] if flips else []


def _why_untested(record: AuditRecord) -> str:
    if record.model.format == "none":
        return "that needs the model, and only its answers were given"
    return "no check of robustness or of slices was run"


def _slice_strip(known: Estimates, named: str) -> Strip | None:
    """Draw the slices with more errors than all rows; `named`: the slice that the sentence above names."""
    slices = [
        estimate
        for estimate in known.of("error_rate")
        if set(estimate.where) - {"split"} == {"slice"} and estimate.value is not None
    ]
    overall = known.get("error_rate")
    if overall is None or overall.value is None:
        return None
    slices = [estimate for estimate in slices if estimate.low is not None and estimate.low > overall.value]
    if not slices:
        return None
    rows = [
        share_row("this slice" if estimate.where["slice"] == named else visible(estimate.where["slice"], 80), estimate)
        for estimate in slices[:2]
    ]
    return points([*rows, share_row("all rows", overall)], share=True, note="share of wrong decisions")


# --- what is not known? ---------------------------------------------------------------------------


def _unknown(record: AuditRecord, results: Sequence[GateResult]) -> Answer:
    open_topics = topics(record, results)
    untested = [finding for finding in record.findings if finding.outcome in ("skipped", "error")]
    silent = [result for result in results if result.worst.outcome == "not_assessed"]
    parts = [list_names([open_topic.name for open_topic in open_topics], limit=2)] if open_topics else []
    unlabeled = _unlabeled(record)
    settled = unlabeled or "Every question that was asked is settled."
    sentence = f"Not settled by these rows: {parts[0]}." if parts else settled
    details = [f"{capital(record, topic.line.split('; ')[0])}." for topic in open_topics[:1]]
    details += [unlabeled] if parts and unlabeled else []
    if untested:
        details.append(f"Not run: {list_names([visible(finding.title, 40) for finding in untested], limit=3)}.")
    return Answer(
        id="unknown",
        short="Not known",
        question="What is not known?",
        sentence=sentence,
        details=tuple(details),
        strip=_counts(record, results, silent),
    )


def _unlabeled(record: AuditRecord) -> str:
    """Say of how many test rows the truth is not known; ``""`` where it is known of all."""
    for split in record.data.splits:
        if split.name == "test" and split.dropped_rows:
            every = split.rows + split.dropped_rows
            return f"Whether the answers to {split.dropped_rows:,} of {every:,} rows are right: they have no label."
        if split.name == "test" and not split.rows:
            return "How good the answers are: no row has an answer that can be used and a label."
    return ""


def _counts(record: AuditRecord, results: Sequence[GateResult], silent: Sequence[GateResult]) -> Strip | None:
    """Show what became of the rules that apply."""
    if not results:
        return None
    outcomes = [result.worst.outcome for result in results]
    broken = [result for result in results if result.worst.outcome in ("fail", "error")]
    notes = sum(result.worst.severity == "note" for result in broken)
    own = any(result.gate is not None and not result.gate.from_catalogue for result in broken)
    lost = {finding.check for finding in record.findings if finding.outcome in ("skipped", "error")}
    also = f" (and {count_noun(notes, 'note')})" if notes else ""
    unrun = sum(result.gate is not None and result.gate.check in lost for result in silent)
    wanting = {finding.check for finding in record.findings if finding.reason.startswith("needs ")} - lost
    lacking = sum(result.gate is not None and result.gate.check in wanting for result in silent)
    apply = len(results) - len(silent) + unrun + lacking
    named = (
        (f"rules that hold, of {apply:,}", outcomes.count("pass") + outcomes.count("waived")),
        (("concerns, missed criteria" if own else "concerns") + also, len(broken) - notes),
        ("not settled", outcomes.count("inconclusive")),
        ("not run", unrun),
        ("need what was not given", lacking),
    )
    rows = [
        StripRow(label=words, value=float(n), text=number(n, "count"), strong=words.startswith("concerns"))
        for words, n in named
        if n or words != "not run"
    ]
    return bars(rows, end=float(max(apply, 1)))
