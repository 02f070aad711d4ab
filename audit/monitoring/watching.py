"""Windows of a log, each with its record; the folder of records is all the state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from audit.checks import discover
from audit.config.configuration import DataTable, MonitorTable
from audit.config.loading import roles_of
from audit.config.logs import NEED_ROWS, Frames, columns_of, without_rows
from audit.config.plan import RunPlan
from audit.data.user_key import is_seal, seal
from audit.errors import ConfigError, quote, quote_all
from audit.estimate.monitoring import together
from audit.estimate.season import weekly_pattern
from audit.estimate.versions import comparisons
from audit.evidence import COUNTED, Absence, Settings, Window, Windows
from audit.logs.adding import add
from audit.logs.cells import Counted, answers
from audit.logs.columns import LogColumns
from audit.logs.label_times import doubts, rows_in_doubt
from audit.logs.sources import TALLIES
from audit.logs.versions import shadow_notes
from audit.logs.windows import REFERENCE_NAME, WINDOWS
from audit.monitoring.dividing import answers_alone, digest_of, divide_by_window, windows_until
from audit.monitoring.from_record import is_record, read_reference, reference_from
from audit.monitoring.reference import Reference, has_alarm, own_log, reference_of
from audit.monitoring.tallies import count_reference, count_windows, reference_files
from audit.statistics.sequential import LONGEST
from reports.formats import render
from reports.phrases import metric_words
from reports.record import AuditRecord, Card, Curve, Gate, Json, Measurement, Policy, SplitInfo
from reports.store import RecordError, dumps, loads, require_plain, write_bytes_atomically
from reports.store import load as load_record
from reports.together import alone, write_together

FAMILY = "monitoring"
ALSO = ("classification", "regression", "group_performance", "output_validity")
EARLIER = "earlier"
"""Folder of records that others replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A log that is watched, and how."""

    data: DataTable
    folder: Path
    """Paths are relative to it."""
    settings: Settings
    policy: Policy
    card: Card
    monitor: MonitorTable
    reference: object
    """How many of the first windows, a log of its own, or the record of an audit."""
    state: Path | None
    """Folder of records; nothing is kept without one."""
    judge_again: bool = False
    """Whether windows that were judged by other rules are judged again by those of now."""
    seed: int = 0
    frames: Frames | None = None
    config: Mapping[str, Json] = field(default_factory=dict)


class Watched(NamedTuple):
    """The record of a window."""

    name: str
    record: AuditRecord
    is_new: bool
    """Whether it says something new: nothing is reported again where nothing has changed."""
    is_kept: bool
    """Whether it stands in the folder of records, under the user's seal."""
    reference: str
    """What it was compared with."""
    warnings: tuple[str, ...]
    """What is to be said of the log as it is now, whether the record says so or is an earlier one."""
    has_other_rules: bool
    """Whether it keeps the verdicts of the rules of its time, which are not those of now."""


def watch(asked: Watch, execute: Callable[[RunPlan], AuditRecord]) -> Iterator[Watched]:
    """Count what is new and yield the record of each window after the reference, in order of time.

    Parameters
    ----------
    asked : Watch
    execute : callable
        Carries out the plan of a window, as :func:`audit.pipeline.execute` does.

    Raises
    ------
    AuditError
        If the log cannot be read, or holds no window after the reference.
    """
    columns, window = _columns(asked), str(asked.monitor.window)
    kept = None if asked.state is None else asked.state / TALLIES
    if asked.state is not None:
        require_folders(asked.state)
    if is_record(asked.reference):
        read_reference(asked.folder / str(asked.reference))
    elif isinstance(asked.reference, str | Path):
        reference_files(asked.reference, asked.data, asked.folder, asked.frames)
    cells = count_windows(asked.data, asked.folder, columns, window, kept, asked.frames)
    if not isinstance(asked.reference, int) and not is_record(asked.reference):
        own = count_reference(asked.reference, asked.data, asked.folder, columns, kept, asked.frames)
        cells = add((cells, own))
    counted = answers(
        cells, columns, roles_of(asked.data), asked.settings, window=window, means_of=_reference_windows(asked)
    )
    warnings = (*doubts(cells, columns), *shadow_notes(counted.predictions), *rows_in_doubt(cells))
    asked = replace(asked, policy=_gates(asked.policy, _left_out(columns.deciders())))
    reference, first = _divided(counted, asked)
    left: tuple[str, ...] = ()
    if asked.state is not None:
        records = [_file(window.name) for window in reference.windows[first:]]
        for name in records:
            require_plain(asked.state / name)
        left = _left_records(asked.state, records)
    warnings += _invalid_of(reference.start)
    alone = [answers_alone(window) for window in reference.windows]
    rules: list[str] = []
    last: Policy | None = None
    for end in range(first, len(reference.windows)):
        windows = Windows(
            reference=reference.now, start=reference.start,
            recent=windows_until(end, first, reference.windows, alone),
            period=asked.monitor.period, features=() if is_record(asked.reference) else columns.features,
        )  # fmt: skip
        season = _season(alone[: end + 1]) if window == "day" else ()
        plans = _Plans(windows, counted, asked, (*warnings, *season), tuple(rules), last)
        is_last = end == len(reference.windows) - 1
        record, is_new, is_kept = _record(plans, asked, execute, may_keep_rules=not (is_last or asked.judge_again))
        rules += [windows.current.name] if last is not None and rules_of(last) != rules_of(record.policy) else []
        last = record.policy
        has_other_rules = rules_of(record.policy) != rules_of(asked.policy)
        now = (*warnings, *season, *left)
        yield Watched(windows.current.name, record, is_new, is_kept, reference.now.name, now, has_other_rules)
        reference = reference.after(end + 1, alarm=has_alarm(record))


def _invalid_of(reference: Window) -> tuple[str, ...]:
    """Warn where what windows are compared with holds answers that cannot be."""
    kinds = ", ".join(f"{rows:,} {kind}" for kind, rows in reference.invalid.items())
    return (f"the reference, {reference.name}, holds answers that a model cannot give: {kinds}.",) if kinds else ()


def _left_records(state: Path, records: Sequence[str]) -> tuple[str, ...]:
    """Warn of records that were kept of windows which the log has no longer."""
    names = [path.name.removesuffix(".json") for path in sorted(state.glob("*.json")) if path.name not in records]
    left = [name for name in names if _seal_of(state, f"{name}.json").is_file()]
    if not left:
        return ()
    text = (
        f"the folder of records {quote(state)} holds {quote_all(left, limit=3)}, and the log has no such window after "
        "the reference: its files were removed, or window or reference changed. The records stay as they are; history "
        "draws them, too."
    )
    return (text,)


def _season(windows: Sequence[Window]) -> tuple[str, ...]:
    """Warn where days are compared that differ by day of the week."""
    weekly = weekly_pattern(windows)
    if weekly is None:
        return ()
    text = (
        f"the {metric_words(weekly.metric)} differs by day of the week, from {weekly.low:.3f} to {weekly.high:.3f} on "
        "average; alarms of daily windows may say no more than that. Take --window week."
    )
    return (text,)


def require_folders(state: Path) -> None:
    """Refuse a folder of records that is something else, or in which something else stands in the way of a folder.

    Raises
    ------
    ConfigError
    """
    for place in (state, state / TALLIES, state / EARLIER):
        if (place.is_symlink() or place.exists()) and not place.is_dir():
            kind = "a link to nothing" if place.is_symlink() and not place.exists() else "not a folder"
            raise ConfigError(f"[monitor] state: {quote(place)} is {kind}; remove it, or name another folder.")


def keep(every: Sequence[Watched], state: Path) -> None:
    """Write the records that are not kept yet into the folder of records, all of them or none, and then their seals.

    A record that another one replaces, which says something else, stays in a folder of earlier ones. Two programs that
    keep records wait for each other, so that neither takes the other's for an earlier one, nor loses it.
    """
    (state / TALLIES).mkdir(parents=True, exist_ok=True)
    with alone(state / TALLIES):
        for watched in (watched for watched in every if watched.is_new):
            name = _file(watched.name)
            if not (state / name).is_file() or _says(_keep(state / name), watched.record):
                continue
            before = (state / name).read_bytes()
            (state / EARLIER).mkdir(exist_ok=True)
            digest = hashlib.sha256(before).hexdigest()[:12]
            write_bytes_atomically(state / EARLIER / f"{name.removesuffix('.json')}-{digest}.json", before)
        new = {_file(watched.name): render(watched.record, "json").encode() for watched in every if not watched.is_kept}
        if new:
            write_together(state, new, new)
        for name, content in new.items():
            with suppress(OSError):  # a record without a seal is made again and compared
                write_bytes_atomically(_seal_of(state, name), seal(name, content))


def _seal_of(state: Path, name: str) -> Path:
    return state / TALLIES / f"{name}.seal"


def _file(name: str) -> str:
    return f"{name.replace(' ', '-').replace(',', '')}.json"


def _columns(asked: Watch) -> LogColumns:
    columns, window = columns_of(asked.data, features=True), str(asked.monitor.window)
    if columns.time is None:
        raise ConfigError("[data] time names the column by which the log is divided into windows; it is missing.")
    if window not in WINDOWS and not (window.isdigit() and int(window) > 0):
        raise ConfigError(f"window {quote(window)} is unknown; expected {quote_all(WINDOWS)} or a number of rows.")
    if asked.monitor.period < 1 or (isinstance(asked.reference, int) and asked.reference < 1):
        raise ConfigError("[monitor] reference and period count windows; expected 1 or more.")
    return columns


def _reference_windows(asked: Watch) -> int:
    """Return how many of the first windows are the reference at first."""
    if isinstance(asked.reference, int):
        return asked.reference
    return 0 if is_record(asked.reference) else 1  # a log of its own comes before all windows


def _divided(counted: Counted, asked: Watch) -> tuple[Reference, int]:
    """Return the reference with the log's windows, and the place of the first window after it."""
    every = divide_by_window(counted)
    if isinstance(asked.reference, int):
        start, size = reference_of(every[: asked.reference]), asked.reference
        if len(every) <= size:
            raise ConfigError(
                f"the log holds {len(every)} windows, and the first {size} are the reference: no window comes after "
                "them. Set [monitor] reference to fewer windows, or take shorter ones (--window week)."
            )
        return Reference(start=start, now=start, windows=every, size=size, most=asked.monitor.grow_to), size
    if is_record(asked.reference):
        start, later = reference_from(asked.folder / str(asked.reference), counted), every
    else:
        start, later = own_log(every), [window for window in every if window.name != REFERENCE_NAME]
    if not later:
        raise ConfigError("no row of the log has a time, so there is no window to compare with the reference.")
    return Reference(start=start, now=start, windows=later), 0


class _Plans(NamedTuple):
    """The plan of a window, by whatever rules."""

    windows: Windows
    counted: Counted
    asked: Watch
    warnings: tuple[str, ...]
    rules: tuple[str, ...]
    """Earlier windows at which the rules changed."""
    before: Policy | None
    """What the window before was judged by."""

    def by(self, policy: Policy) -> RunPlan:
        """Return the plan with some rules; where they are not those of the window before, this is marked."""
        has_changed = self.before is not None and rules_of(self.before) != rules_of(policy)
        rules = (*self.rules, *([self.windows.current.name] if has_changed else []))
        plan = _plan(replace(self.windows, rules=rules), self.counted, replace(self.asked, policy=policy))
        return replace(plan, warnings=self.warnings)


def _record(
    plans: _Plans, asked: Watch, execute: Callable[[RunPlan], AuditRecord], *, may_keep_rules: bool
) -> tuple[AuditRecord, bool, bool]:
    """Return the record of a window, whether it is new, and whether it is kept.

    An existing record is used where nothing has changed and it carries the user's seal; without the seal, as where
    another computer wrote it, the record is made again and compared. A record of other rules is used, too, where it
    `may_keep_rules`: the verdicts that stood at the time are not lost.
    """
    plan = plans.by(asked.policy)
    split = plan.dataset.splits[0]
    if asked.state is None:
        return execute(plan), True, False
    name = _file(split.file.removeprefix("window "))
    before = _keep(asked.state / name)
    if before is None or before.data.splits[0].sha256 != split.sha256:
        return execute(plan), True, False
    has_other_rules = rules_of(before.policy) != rules_of(plan.policy)
    if has_other_rules and not may_keep_rules:
        return execute(plan), True, False
    if _is_ours(asked.state, name):
        return before, False, True
    anew = loads(dumps(execute(plans.by(before.policy) if has_other_rules else plan)))
    if _said(anew) == _said(before):
        return anew, False, False
    return (execute(plan) if has_other_rules else anew), True, False


def _is_ours(state: Path, name: str) -> bool:
    try:
        return is_seal(_seal_of(state, name).read_bytes(), name, (state / name).read_bytes())
    except OSError:
        return False


def _said(record: AuditRecord) -> object:
    """Return what a record says of its window, without the time that it took, and what was said of the whole log."""
    findings = [
        replace(finding, seconds=0.0, measurement=_unmarked(finding.measurement)) for finding in record.findings
    ]
    return findings, record.verdicts, record.data


def _says(before: AuditRecord | None, record: AuditRecord) -> bool:
    """Tell whether a record on disk says what another one says, by the same rules."""
    if before is None:
        return False
    anew = loads(dumps(record))
    has_same_words = rules_of(before.policy) == rules_of(anew.policy) and before.warnings == anew.warnings
    return has_same_words and _said(before) == _said(anew)


def _unmarked(measurement: Measurement | None) -> Measurement | None:
    if measurement is None:
        return None
    exhibits = (
        replace(exhibit, marks=()) if isinstance(exhibit, Curve) else exhibit for exhibit in measurement.exhibits
    )
    return replace(measurement, exhibits=tuple(exhibits))


def _plan(windows: Windows, counted: Counted, asked: Watch) -> RunPlan:
    current = windows.current
    every = current.labeled if current.shadow is None else together([current.labeled, current.shadow])
    every = replace(every, invalid=current.invalid, invalid_rows=current.invalid_rows)
    own = counted._replace(predictions=every, unlabeled=current.unlabeled)
    split = SplitInfo(name="test", rows=0, file=f"window {windows.current.name}", sha256=_digest(windows))
    absent = Absence(outcome="not_applicable", reason=COUNTED)
    return RunPlan(
        dataset=without_rows(own, roles_of(asked.data), split),
        settings=asked.settings,
        policy=asked.policy,
        card=asked.card,
        seed=asked.seed,
        checks=_checks(_left_out(counted.predictions.deciders)),
        config=asked.config,
        evidence={**dict.fromkeys(NEED_ROWS, absent), "predictions": own.predictions, "windows": windows},
    )


def _keep(place: Path) -> AuditRecord | None:
    try:
        return load_record(place) if place.is_file() else None
    except RecordError:
        return None


def _digest(windows: Windows) -> str:
    """Return a fingerprint of all counts that the record of a window rests on."""
    every = (windows.start or windows.reference, windows.reference, *windows.recent[-LONGEST:])
    texts = [window.sha256 for window in every]
    for comparison in comparisons(windows) if windows.current.labeled.deciders else ():
        texts.append(repr((comparison.decider, comparison.look, comparison.against)))
        texts.append(digest_of([comparison.new, comparison.old]))
    return hashlib.sha256("\0".join([*texts, str(windows.period)]).encode()).hexdigest()


def rules_of(policy: Policy) -> tuple[Gate, ...]:
    """Return the gates without what is said about them, which decides nothing."""
    silent: dict[str, Any] = {
        "title": "",
        "topic": "",
        "because": "",
        "remedy": "",
        "references": (),
        "evidence_for": (),
    }
    return tuple(replace(gate, **silent) for gate in policy.gates)


def _left_out(deciders: Collection[str]) -> frozenset[str]:
    """Name the checks that do not arise: of versions, where the log names none."""
    return frozenset() if deciders else frozenset({"window_versions"})


def _checks(left_out: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        text for text, check in discover().items() if (check.family == FAMILY or text in ALSO) and text not in left_out
    )


def _gates(policy: Policy, left_out: frozenset[str]) -> Policy:
    """Return the gates that windows are judged by: those of monitoring, and the user's own."""
    known = {text for text, check in discover().items() if check.family == FAMILY} - left_out
    known |= {"output_validity"}
    kept = [gate for gate in policy.gates if gate.check in known or (gate.check in ALSO and not gate.from_catalogue)]
    return replace(policy, gates=tuple(kept))
