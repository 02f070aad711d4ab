"""``modelassay monitor``: each window of a log against its reference; the folder of records is all the state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audit.checks import discover
from audit.cli import output
from audit.config.configuration import Config, load_card, load_policy, settings_of
from audit.config.loading import roles_of
from audit.config.logs import NEED_ROWS, columns_of, source_of, without_rows
from audit.config.own_code import open_config
from audit.config.plan import RunPlan, current
from audit.data.tables import frame_sha256
from audit.errors import ConfigError, DataError, listed, shown
from audit.estimate.monitoring import together
from audit.evidence import COUNTED, Absence, Predictions, Window, Windows
from audit.logs.cells import Cells, Counted, add, answers, load, save
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.sources import fingerprint_of, log_files, open_files
from audit.logs.windows import WINDOWS
from audit.pipeline import execute
from reports.formats import render
from reports.record import AuditRecord, Policy, SplitInfo
from reports.results import exit_code
from reports.store import RecordError
from reports.store import load as load_record
from reports.together import write_together

FAMILY = "monitoring"
ALSO = ("classification", "group_performance")
TALLIES = "tallies"
WORST_FIRST = (2, 1, 3, 0, 5)


def monitor(
    config: Path,
    *,
    window: str | None,
    out: str | None,
    policy: Path | None,
    formats: str | None,
    strict: bool,
    trust: bool,
) -> int:
    """Count what is new, judge each new or changed window, keep its record, and return the worst exit code."""
    asked = open_config(config, trust=trust)
    folder = config.resolve().parent
    names = output.chosen_formats(formats, asked.report.formats)
    by = window or str(asked.monitor.window)
    columns = _columns(asked, by)
    state = folder / asked.monitor.state
    output.require_writable(state)
    (state / TALLIES).mkdir(parents=True, exist_ok=True)
    cells = _cells(asked, folder, columns, by, state / TALLIES)
    counted = answers(cells, columns, roles_of(asked.data), settings_of(asked, folder), window=by)
    gates = _gates(current(load_policy(asked, folder, policy)[0]))
    codes, last, new = [], None, {}
    for windows in _series(counted, columns, asked):
        record, is_new = _record(windows, counted, asked, folder, gates, state)
        last = record
        if is_new:
            codes.append(exit_code(record, strict))
            new[_file(windows)] = render(record, "json").encode()
            output.note(f"{windows.current.name}: {_summary(record)}")
    if last is None:
        raise ConfigError(
            f"the log holds {len(counted.predictions.keys['window'].levels)} windows; the first "
            f"{asked.monitor.reference} are the reference, and no window comes after them."
        )
    target = Path(out) if out is not None else state / "latest"
    code = output.tell(last, output.write_reports(last, target, names), strict=strict)
    if new:
        write_together(state, new, new)  # last: a window counts as told once everything of it was
    return next((one for one in WORST_FIRST if one in codes), code)


def _columns(asked: Config, window: str) -> LogColumns:
    columns = columns_of(asked.data, features=True)
    if columns.time is None:
        raise ConfigError("[data] time names the column by which the log is divided into windows; it is missing.")
    if window not in WINDOWS and not (window.isdigit() and int(window) > 0):
        raise ConfigError(f"window {shown(window)} is unknown; expected {listed(WINDOWS)} or a number of rows.")
    if asked.monitor.reference < 1 or asked.monitor.period < 1:
        raise ConfigError("[monitor] reference and period count windows; expected 1 or more.")
    return columns


# --- counting what is new -------------------------------------------------------------------------


def _cells(asked: Config, folder: Path, columns: LogColumns, window: str, kept: Path) -> Cells:
    """Count the log; files that were counted before in the same way are not read again."""
    data = asked.data
    if window.isdigit():
        return count(source_of(data, folder, columns, every=int(window)), columns, window="rows")
    if data.spark is not None or data.table:
        return count(source_of(data, folder, columns), columns, window=window)
    files = log_files(folder, str(data.log))
    late = log_files(folder, data.labels) if isinstance(data.labels, str) else ()
    if columns.id is not None:
        open_files(files, {columns.id: "id"}, fingerprint=False)  # an identifier must not stand in two files
    how = f"{columns}\0{window}\0{fingerprint_of(late) if late else ''}\0v1"
    parts = []
    for file in files:
        content = fingerprint_of([file])
        place = kept / f"{hashlib.sha256(f'{content}{how}'.encode()).hexdigest()[:32]}.parquet"
        cells = load(place)
        if cells is None:
            cells = count(
                open_files([file], columns.stated(), fingerprint=False, labels=late, text=columns.text),
                columns,
                window=window,
            )
            save(cells, place)
        parts.append(cells)
    return add(parts)


# --- windows --------------------------------------------------------------------------------------


def _series(counted: Counted, columns: LogColumns, asked: Config) -> Iterator[Windows]:
    """Yield the reference with the windows up to each one after it."""
    names = counted.predictions.keys["window"].levels
    if counted.unlabeled.keys["window"].levels != names:
        raise DataError("windows of labeled and unlabeled rows differ.")
    every = [
        Window(name=name, labeled=_at(counted.predictions, name), unlabeled=_at(counted.unlabeled, name))
        for name in names
    ]
    first = every[: asked.monitor.reference]
    if not first:
        raise DataError("no row of the log has a time.")
    reference = Window(
        name=first[0].name if len(first) == 1 else f"{first[0].name} to {first[-1].name}",
        labeled=together([one.labeled for one in first]),
        unlabeled=together([one.unlabeled for one in first]),
    )
    for end in range(len(first) + 1, len(every) + 1):
        recent = tuple(every[len(first) : end])
        yield Windows(reference=reference, recent=recent, period=asked.monitor.period, features=columns.features)


def _at(predictions: Predictions, window: str) -> Predictions:
    return predictions.take(predictions.keys["window"].mask(window))


def _record(
    windows: Windows, counted: Counted, asked: Config, folder: Path, gates: Policy, state: Path
) -> tuple[AuditRecord, bool]:
    """Return the record of the last window, and whether it had to be made: it is kept where nothing has changed."""
    place = state / _file(windows)
    digest = _digest(windows)
    try:
        before = load_record(place) if place.is_file() else None
    except RecordError:
        before = None
    if before is not None and before.data.splits[0].sha256 == digest and before.policy.gates == gates.gates:
        return before, False
    own = Counted(windows.current.labeled, windows.current.unlabeled, counted.target)
    split = SplitInfo(name="test", rows=0, file=f"window {windows.current.name}", sha256=digest)
    absent = Absence(outcome="not_applicable", reason=COUNTED)
    plan = RunPlan(
        dataset=without_rows(own, roles_of(asked.data), split),
        settings=settings_of(asked, folder),
        policy=gates,
        card=load_card(asked, folder),
        seed=asked.audit.seed,
        checks=tuple(one for one, check in discover().items() if check.family == FAMILY or one in ALSO),
        config=asked.as_json(),
        evidence={**dict.fromkeys(NEED_ROWS, absent), "predictions": own.predictions, "windows": windows},
    )
    return execute(plan), True


def _file(windows: Windows) -> str:
    return f"{windows.current.name.replace(' ', '-').replace(',', '')}.json"


def _digest(windows: Windows) -> str:
    """Return a fingerprint of all counts that the record of a window rests on."""
    texts = []
    for one in (windows.reference, *windows.recent[-3:]):
        for part in (one.labeled, one.unlabeled):
            table = {"true": part.y_true, "predicted": part.y_pred, "weight": part.weight}
            table |= {name: factor.codes for name, factor in part.keys.items()}
            table |= {} if part.y_score is None else {"score": part.y_score}
            texts.append(frame_sha256(pd.DataFrame(table)))
    return hashlib.sha256("\0".join([*texts, str(windows.period)]).encode()).hexdigest()


def _gates(policy: Policy) -> Policy:
    """Return the gates that windows are judged by: those of monitoring, and the user's own."""
    known = {one for one, check in discover().items() if check.family == FAMILY}
    kept = [gate for gate in policy.gates if gate.check in known or (gate.check in ALSO and not gate.from_catalogue)]
    return replace(policy, gates=tuple(kept))


def _summary(record: AuditRecord) -> str:
    told = [one.measurement.summary for one in record.findings if one.family == FAMILY and one.measurement]
    name = record.data.splits[0].file.removeprefix("window ")
    bare = [text.removeprefix(f"{name}: ").rstrip(".") for text in told]
    return f"{'; '.join(bare)}."
