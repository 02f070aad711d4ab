"""A prediction log that a configuration names becomes counted answers and what the record says of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from audit.config.configuration import Config, DataTable
from audit.config.loading import reading_of, require_references, roles_of
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.errors import ConfigError, DataError, quote
from audit.evidence import COUNTED, Absence, Predictions, Settings
from audit.logs.cells import Cells, Counted, answers
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.engines import open_dask, open_spark
from audit.logs.frames import open_frame
from audit.logs.known_labels import labels_by_answer
from audit.logs.label_times import doubts
from audit.logs.reading import can_decode, is_csv
from audit.logs.sources import Source, log_files, open_files, open_table
from audit.logs.versions import shadow_notes
from reports.record import SplitInfo

MANY_ROWS = 200_000
"""Rows of a table of predictions from which on it is counted and not kept, unless `[data] rows` says otherwise."""
NEED_ROWS = ("dataset", "clusters", "label_doubts", "leaks", "pairing", "proxies", "rivals", "separation")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """A log that was counted, in the terms of a :class:`~audit.config.plan.RunPlan`."""

    dataset: Dataset
    """Without rows; it holds task, classes and what the record says of the data."""
    predictions: Predictions
    evidence: Mapping[str, object] = field(default_factory=dict)


def columns_of(data: DataTable, *, features: bool = False) -> LogColumns:
    """Return which columns of the log are counted; features too where their drift is watched.

    Raises
    ------
    ConfigError
        If the configuration asks for what a counted log cannot answer.
    """
    if data.prediction is None and data.score is None:
        raise ConfigError("[data] log needs a prediction or a score column.")
    if data.task == "regression" and (data.prediction is None or data.score is not None):
        raise ConfigError("[data] log of a regression needs a prediction column, and no score.")
    for name in data.bins:
        if name not in data.sensitive and name not in (data.features or ()):
            raise ConfigError(f"[data.bins] cuts {name!r}, which is neither a sensitive feature nor a feature.")
    deciders = {key: name for key in ("model", "version") if (name := getattr(data, key)) is not None}
    _require_own_columns(deciders, data)
    return LogColumns(
        target=data.target,
        prediction=data.prediction,
        score=data.score if data.score is None or isinstance(data.score, str) else dict(data.score),
        sensitive=tuple(data.sensitive),
        features=tuple(data.features or ()) if features else (),
        bins={name: tuple(edges) for name, edges in data.bins.items()},
        reading=replace(reading_of(data), text=tuple(sorted({*data.text, *deciders.values()})), stated=()),
        weight=data.weight,
        cluster=data.cluster,
        time=data.time,
        id=data.id,
        label_time=data.label_time,
        version=data.version,
        model=data.model,
        amounts=data.task == "regression",
    )


def _require_own_columns(deciders: Mapping[str, str], data: DataTable) -> None:
    """Refuse a version or model column that plays another part, and a group of the same name as their keys."""
    scores = data.score.values() if isinstance(data.score, Mapping) else [data.score]
    single = (data.target, data.prediction, data.weight, data.cluster, data.time, data.id, data.label_time)
    taken = {*single, *scores, *data.sensitive, *(data.features or ())}
    for key, name in deciders.items():
        others = {other for at, other in deciders.items() if at != key}
        if name in taken | others:
            raise ConfigError(
                f"[data] {key} names {quote(name)}, which has another part in [data]; leave one of them out."
            )
        if key != name and key in {*data.sensitive, *(data.features or ())}:
            raise ConfigError(
                f"[data] {key} = {quote(name)} would stand under the same name as the column {quote(key)}, which is a "
                "sensitive feature or a feature; rename that column."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """A log that is given as a frame, in place of what ``[data]`` names."""

    log: object
    labels: object | None = None


def source_of(data: DataTable, folder: Path, columns: LogColumns, frames: Frames | None = None) -> Source:
    """Open what ``[data] log`` names, or the frame that was given.

    Raises
    ------
    DataError, MissingExtra
        If it cannot be opened.
    """
    needed, reading = columns.parts(), columns.reading
    if frames is not None:
        return open_frame(frames.log, needed, labels=frames.labels, missing=reading.missing)
    labels = data.late_labels
    if data.spark is not None:
        return open_spark(data.spark, data.table, needed, labels=labels, missing=reading.missing)
    late = log_files(folder, labels, what="labels") if labels else ()
    if data.table:
        return open_table(folder / str(data.log), data.table, needed, labels=late, reading=reading)
    files = log_files(folder, str(data.log or data.test))
    if reading.number and not is_csv(files[0]):
        raise ConfigError("[data] number is for CSV files; of others write columns of numbers as numbers.")
    if data.dask is not None:
        return open_dask(data.dask, files, needed, labels=late, missing=reading.missing)
    return open_files(files, needed, labels=late, reading=reading)


def load_log(data: DataTable, settings: Settings, folder: Path, frames: Frames | None = None) -> Log:
    """Count the log that ``[data]`` names, or the frame that was given.

    Raises
    ------
    AuditError
        If it cannot be opened or counted.
    """
    columns = columns_of(data)
    source = source_of(data, folder, columns, frames)
    return log_of(count(source, columns), columns, source, roles_of(data), settings)


def log_of(cells: Cells, columns: LogColumns, source: Source, roles: Roles, settings: Settings) -> Log:
    """Put counted cells into the terms of an audit.

    Raises
    ------
    DataError
        If labels or groups are not as stated, or rows have no label and none were said to come later.
    """
    counted = answers(cells, columns, roles, settings)
    missing = counted.unlabeled.total
    if missing and not (roles.drop_missing_target or columns.id or columns.label_time):
        raise DataError(
            f"{missing} of {cells.rows} rows of the log have no target {roles.target!r}. Name later labels in "
            "[data] labels, or set [data] drop_missing_target = true to leave them out (the card says how many)."
        )
    dataset = without_rows(
        counted, roles, SplitInfo(name="test", rows=0, file=source.name, sha256=source.sha256 or cells.sha256())
    )
    notes = labels_by_answer(counted.predictions.select(split="test"), counted.unlabeled.select(split="test"))
    dataset = replace(dataset, notes=(*doubts(cells, columns), *shadow_notes(counted.predictions), *notes))
    require_references(groups_compared(settings.reference, columns), dataset)
    absent = Absence(outcome="not_applicable", reason=COUNTED)
    return Log(
        dataset=dataset,
        predictions=counted.predictions,
        evidence={**dict.fromkeys(NEED_ROWS, absent), "predictions": counted.predictions},
    )


def groups_compared(reference: Mapping[str, str], columns: LogColumns) -> dict[str, str]:
    """Return the reference groups, without the model that decides where several answered the same requests."""
    return {name: level for name, level in reference.items() if not (name == "model" and columns.model is not None)}


def without_rows(counted: Counted, roles: Roles, split: SplitInfo) -> Dataset:
    """Return a data set without rows that tells what was counted."""
    test, unlabeled = counted.predictions.select(split="test"), counted.unlabeled.select(split="test")
    return Dataset(
        frame=pd.DataFrame(),
        split=Factor(codes=np.zeros(0, dtype=np.int32), levels=("test",)),
        roles=roles,
        task=counted.target.task,
        y=np.zeros(0, dtype=np.int64),
        classes=counted.target.classes,
        favorable=counted.target.favorable,
        features=(),
        sensitive={
            name: Factor(codes=np.zeros(0, dtype=np.int32), levels=test.keys[name].levels) for name in test.sensitive
        },
        levels={
            name: Factor(codes=np.zeros(0, dtype=np.int32), levels=factor.levels)
            for name, factor in test.levels.items()
        },
        splits=(replace(split, rows=test.total, dropped_rows=unlabeled.total),),
    )


def is_counted(config: Config, folder: Path) -> bool:
    """Tell whether the configuration's rows are counted: a log, or a table of predictions with many rows."""
    data = config.data
    if data.log is not None or data.spark is not None:
        return True
    if data.rows == "keep" or not _can_be_counted(config):
        return False
    many = data.cluster is None and _rows_of(folder / str(data.test)) > MANY_ROWS
    return data.rows == "count" or (many and _is_read_alike(data))


def _is_read_alike(data: DataTable) -> bool:
    """Tell whether a table of predictions can be counted as it is written."""
    if not is_csv(Path(str(data.test))):
        return not data.number
    return can_decode(data.csv.encoding)


def _can_be_counted(config: Config) -> bool:
    data = config.data
    plain = config.model is None and data.train is None and data.test is not None
    return plain and data.task != "regression" and config.policy.baseline is None


def _rows_of(path: Path) -> int:
    """Return how many rows a Parquet file holds, or about how many a text file does; 0 of anything else."""
    import duckdb

    if not path.is_file():
        return 0
    if path.suffix.lower() in (".csv", ".tsv"):
        with path.open("rb") as file:
            start = file.read(1 << 16)
        return path.stat().st_size * start.count(b"\n") // max(len(start), 1)
    if path.suffix.lower() != ".parquet":
        return 0
    try:
        with duckdb.connect() as connection:
            entries = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [str(path)]).fetchall()
        return int(entries[0][0])
    except duckdb.Error:
        return 0
