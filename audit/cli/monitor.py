"""``modelassay monitor``: each window of a log against its reference; the folder of records is all the state."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audit.cli import output
from audit.config.configuration import limits_of, load_card, load_policy, settings_of
from audit.config.own_code import open_config
from audit.config.plan import current
from audit.data.user_key import missing_key
from audit.errors import ConfigError, quote
from audit.estimate.making import of_metrics
from audit.estimate.monitoring import of_all_rows
from audit.models.containment import PRINTS, contain, hand_over
from audit.monitoring.reference import ALARMS, has_alarm
from audit.monitoring.watching import Watch, Watched, keep, watch
from audit.pipeline import execute
from audit.progress import Progress
from reports.phrases import list_names as few
from reports.phrases import metric_words, size_of_change
from reports.record import AuditRecord
from reports.results import exit_code, gate_of

WORST_FIRST = (2, 1, 3, 0, 5)
LATEST = "latest"
"""Folder of the last window's reports, in the folder of records."""


def monitor(
    config: Path,
    *,
    window: str | None,
    out: str | None,
    policy: Path | None,
    formats: str | None,
    strict: bool,
    trust: bool,
    judge_again: bool,
) -> int:
    """Count what is new, judge each new or changed window, keep its record, and return the worst exit code."""
    asked = open_config(config, trust=trust)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    state = folder / asked.monitor.state
    target, what = (state / LATEST, "[monitor] state") if out is None else (Path(out), "--out")
    output.require_writable(state, "[monitor] state")
    output.require_writable(target, what)
    _require_apart(target, state)
    codes: list[int] = []
    every: list[Watched] = []

    def work(_: Progress) -> bool:
        watching = Watch(
            data=asked.data,
            folder=folder,
            settings=settings_of(asked, folder),
            policy=current(load_policy(asked, folder, policy)[0]),
            card=load_card(asked, folder),
            monitor=asked.monitor if window is None else replace(asked.monitor, window=window),
            reference=asked.monitor.reference,
            state=state,
            judge_again=judge_again,
            seed=asked.audit.seed,
            config=asked.as_json(),
        )
        for watched in watch(watching, execute):
            hand_over(watched)
        return True

    def tell(watched: object) -> None:
        assert isinstance(watched, Watched)  # noqa: S101 -- what the work hands over
        every.append(watched)
        if watched.is_new:
            codes.append(exit_code(watched.record, strict))
            output.note(f"{watched.name}: {_summary(watched.record)}")

    done = contain(work, limits=limits_of(asked), early=tell)  # metrics of one's own are code
    last = every[-1].record
    if done.printed:
        last = replace(last, warnings=(*last.warnings, PRINTS))
    code = next((number for number in WORST_FIRST if number in codes), None)
    code = output.tell(last, output.write_reports(last, target, names), strict=strict, code=code)
    of_record = last.warnings if every[-1].is_new or done.printed else ()
    for text in (*dict.fromkeys((*every[-1].warnings, *of_record)), _reference(every[-1]), *_other_rules(every)):
        output.note(text)
    if why := missing_key():
        output.note(f"Each run counts the whole log again and makes all records again: {why}")
    output.note(
        f"Next: modelassay history {shlex.quote(str(state))}/*.json --out history.html draws all windows on one page."
    )
    keep(every, state)  # last: a window counts as told once everything of it was
    return code


def _require_apart(target: Path, state: Path) -> None:
    """Refuse reports among the records, of which they would be one, or in the place of one."""
    place, records = (Path(os.path.realpath(path)) for path in (target, state))
    if place.is_relative_to(records) and not place.is_relative_to(records / LATEST):
        raise ConfigError(
            f"--out {quote(target)} is in the folder of records {quote(state)} ([monitor] state); name another folder."
        )


def _summary(record: AuditRecord) -> str:
    """Say in one line what alarms in a window, and what is not known of it."""
    name = record.data.splits[0].file.removeprefix("window ")
    alarms, alarming = [], has_alarm(record)
    findings = {finding.check: finding for finding in record.findings}
    for finding in (
        findings[check] for check in ("window_performance", "window_drift", "window_versions") if check in findings
    ):
        if finding.measurement is None:
            alarms.append(f"{finding.title.lower()} not judged: {finding.reason}")
        elif any(estimate.metric in ALARMS and estimate.value for estimate in finding.measurement.estimates):
            alarms.append(finding.measurement.summary)
    also = ["output_validity"] if _has_invalid(record) else []
    also += ["label_coverage", "expected_performance"] if _lacks_labels(record) else []
    also += ["drift_attribution"] if alarming else []
    measured = [findings[check].measurement for check in also if check in findings]
    lines = [*(alarms or ["no alarm"]), *(measurement.summary for measurement in measured if measurement is not None)]
    return f"{'; '.join(line.removeprefix(f'{name}: ').rstrip('.') for line in lines)}."


def _other_rules(every: Sequence[Watched]) -> tuple[str, ...]:
    """Say which windows keep the verdicts of other rules, and how to judge them again."""
    names = [watched.name for watched in every if watched.has_other_rules]
    if not names:
        return ()
    which = f"{names[0]} keeps" if len(names) == 1 else f"{len(names)} windows from {names[0]} to {names[-1]} keep"
    text = (
        f"The rules have changed: {which} the verdicts of the rules of that time. --judge-again judges all windows by "
        "those of now."
    )
    return (text,)


def _has_invalid(record: AuditRecord) -> bool:
    measured = [finding.measurement for finding in record.findings if finding.check == "output_validity"]
    return any(estimate.value for measurement in measured if measurement for estimate in measurement.estimates)


def _lacks_labels(record: AuditRecord) -> bool:
    """Tell whether more labels are missing than the rules allow."""
    failed = (gate_of(record, verdict) for verdict in record.verdicts if verdict.outcome == "fail")
    return any(gate is not None and gate.check == "label_coverage" for gate in failed)


def _reference(last: Watched) -> str:
    """Say what the last window was compared with, and how small a change that shows."""
    measured = [
        estimate
        for finding in last.record.findings
        if finding.check == "window_performance" and finding.measurement is not None
        for estimate in of_metrics(finding.measurement.estimates, "detectable_change")
        if of_all_rows(estimate)
    ]
    every = {metric_words(change.where["metric"]): change for change in measured}
    sizes = [f"{name} by {size_of_change(change)}" for name, change in every.items() if change.value is not None]
    hidden = [name for name, change in every.items() if change.value is None]
    lines = [f"{last.name} was compared with {last.reference}."]
    if sizes:
        shown = few(sizes, limit=5)
        lines.append(f"Found within three windows nine times in ten: a change of {shown}; more rows show smaller ones.")
    if hidden and sizes:
        lines.append(f"Of {few(hidden, limit=5)} no change smaller than the number itself would be found.")
    elif hidden:
        lines.append("So few rows show no change smaller than the number itself; take longer windows.")
    return " ".join(lines)
