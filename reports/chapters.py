"""What stands in a chapter of the card: figures, what held, what stays open, what was not run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reports.confusion import confusion_words
from reports.drawer import Drawer, Figure
from reports.phrases import visible
from reports.ranking import families, family_of
from reports.record import AuditRecord, Exhibit, Finding, Image, Prose
from reports.results import GateResult, finding_words, gate_results, slices
from reports.sections import Featured, Section, findings_of, other_families
from reports.topics import Topic, topic_name, topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One chapter, ready to be set."""

    figures: tuple[Figure, ...]
    held: tuple[str, ...]
    """Questions that are settled well."""
    open: tuple[Topic, ...]
    summaries: tuple[str, ...]
    """What the checks say in a sentence, where no figure speaks for them."""
    tested: bool
    """Whether any check looked here."""
    confusion: tuple[str, ...] = ()
    """The four kinds of decisions, counted in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untested:
    """Something that was not measured or not judged, and why."""

    what: str
    status: str
    reason: str


def chapter(record: AuditRecord, section: Section, drawer: Drawer) -> Chapter:
    """Gather what a chapter shows."""
    names = families(record)
    mine = [gate_result for gate_result in gate_results(record) if family_of(gate_result, names) in section.families]
    counted = confusion_words(record) if section.id == "good" else ()
    drawn = [pair for pair in _featured(record, section, drawer) if not (counted and pair[0] == "confusion")]
    spoken = {check for check, _ in drawn}
    return Chapter(
        figures=tuple(figure for _, figure in drawn),
        held=tuple(dict.fromkeys(topic_name(result) for result in mine if result.worst.outcome in ("pass", "waived"))),
        open=tuple(topic for topic in topics(record, mine)),
        summaries=tuple(
            visible(finding.measurement.summary, 240)
            for finding in findings_of(record, section)
            if finding.measurement is not None and finding.check not in spoken and finding.check in _TOLD
        ),
        tested=any(finding.measurement is not None for finding in findings_of(record, section)),
        confusion=counted,
    )


_TOLD = frozenset({"skill", "simple_model", "threshold_choice", "gap_against_chance", "decision_flips",
                   "overfitting", "membership", "train_test_overlap", "multivariate_drift", "missing_sensitivity",
                   "determinism", "cross_validation", "adversarial", "baseline_change", "window_performance",
                   "window_drift", "label_coverage", "expected_performance", "drift_attribution"})  # fmt: skip
"""Checks whose sentence stands in a chapter."""


def _featured(record: AuditRecord, section: Section, drawer: Drawer) -> Iterator[tuple[str, Figure]]:
    taken: set[tuple[int, int]] = set()
    for wanted in section.figures:
        for finding in record.findings:
            if finding.check != wanted.check or finding.measurement is None:
                continue
            places = [k for k, exhibit in enumerate(finding.measurement.exhibits) if _suits(exhibit, wanted)]
            for number in places[: wanted.most]:
                figure = drawer.featured_figure(finding, number) if (id(finding), number) not in taken else None
                if figure is not None:
                    taken.add((id(finding), number))
                    yield finding.check, figure


def _suits(exhibit: Exhibit, wanted: Featured) -> bool:
    """Tell whether an exhibit is one that a chapter shows; crossed groups are in the annex only."""
    if exhibit.kind not in wanted.kinds or " × " in exhibit.title or exhibit.title == (wanted.skip or None):
        return False
    return exhibit.title.startswith(wanted.begins) and not (isinstance(exhibit, Prose | Image) and not exhibit.title)


# --- what is not known ----------------------------------------------------------------------------


def untested_checks(record: AuditRecord) -> tuple[Untested, ...]:
    """List checks that could not run, and why; those that do not apply stand elsewhere."""
    return tuple(
        Untested(what=visible(finding.title), status=finding_words(finding), reason=visible(finding.reason, 300))
        for finding in record.findings
        if finding.outcome in ("skipped", "error")
    )


def silent(record: AuditRecord) -> tuple[Untested, ...]:
    """List checks that do not apply and gates that had nothing to judge, in a line each."""
    untesteds = [
        Untested(what=visible(finding.title), status=finding_words(finding), reason=visible(finding.reason, 200))
        for finding in record.findings
        if finding.outcome == "not_applicable"
    ]
    return (
        *untesteds,
        *(_unjudged(gate_result) for gate_result in gate_results(record) if _some_unjudged(record, gate_result)),
    )


def _some_unjudged(record: AuditRecord, result: GateResult) -> bool:
    measured = {finding.check for finding in record.findings if finding.outcome == "measured"}
    there = result.gate is None or result.gate.check in measured or not result.gate.check
    return there and any(verdict.outcome == "not_assessed" for verdict in result.verdicts)


def _unjudged(result: GateResult) -> Untested:
    unjudged = [verdict for verdict in result.verdicts if verdict.outcome == "not_assessed"]
    first = unjudged[0]
    reason = first.message or (first.estimate.reason if first.estimate else "")
    count = f" ({slices(unjudged)} of {slices(result.verdicts)} groups)" if slices(result.verdicts) > 1 else ""
    return Untested(what=f"{topic_name(result)}{count}", status="not judged", reason=visible(reason, 200))


def on_faith(record: AuditRecord) -> tuple[str, ...]:
    """List what was taken on faith or read in one of several ways, and why a record is partial."""
    lines = [visible(record.partial, 300)] if record.partial.strip() else []
    lines += [visible(note, 300) for note in record.model.notes]
    for column, words in sorted(record.data.read_as_missing.items()):
        counts = {word: "" if n is None else f" ({n:,} rows)" for word, n in sorted(words.items())}
        text = ", ".join(f"“{visible(word, 30)}”{count}" for word, count in counts.items())
        lines.append(f"{visible(column, 60)}: read as missing: {text}")
    if record.reused:
        lines.append(f"Reused from an earlier run: {', '.join(visible(text, 40) for text in record.reused)}")
    return tuple(lines)


def by_family(record: AuditRecord) -> dict[str, tuple[Finding, ...]]:
    """Return the findings by family, families in the order of the chapters, unknown ones last."""
    from reports.sections import SECTIONS

    table: dict[str, tuple[Finding, ...]] = {}
    for section in SECTIONS:
        for family in section.families:
            mine = tuple(finding for finding in record.findings if finding.family == family)
            if mine:
                table[family] = mine
    return {**table, **other_families(record)}
