"""A prediction log that Python names, in the terms of ``[data]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.config.configuration import DataTable
from audit.config.logs import Frames
from audit.data.columns import label_text
from audit.data.dataset import Roles
from audit.errors import ConfigError
from audit.evidence import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGiven:
    """A prediction log: where it is, or the frame that it is."""

    log: object
    """A path, a pattern of paths, or a frame of any library that Narwhals knows."""
    table: str = ""
    """Table of a DuckDB file, or of a Spark session."""
    spark: str | None = None
    dask: str | None = None
    """Scheduler that counts Parquet files."""
    id: str | None = None
    labels: object | None = None
    """Files, or a frame, of labels that came later."""
    label_time: str | None = None
    version: str | None = None
    model: str | None = None
    missing: tuple[str, ...] = ()
    """Words that stand for a missing value, in any column."""


def log_given(
    log: object | None,
    labels: object | None,
    *,
    table: str,
    spark: str | None,
    dask: str | None,
    id_: str | None,
    label_time: str | None,
    version: str | None = None,
    model: str | None = None,
    label_files: object | None = None,
    missing: tuple[str, ...] = (),
) -> LogGiven | None:
    """Return the log that was given, if one was.

    Raises
    ------
    ConfigError
        If something of a log is given without one, or later labels twice.
    """
    late = None if isinstance(labels, Mapping) else labels
    if late is not None and label_files is not None:
        raise ConfigError("labels and label_files both hold later labels; give in labels which word means which.")
    late = label_files if late is None else late
    if log is not None or spark is not None:
        return LogGiven(
            log=log, table=table, spark=spark, dask=dask, id=id_, labels=late, label_time=label_time, version=version,
            model=model, missing=missing,
        )  # fmt: skip
    for name, value in (
        ("table", table),
        ("dask", dask),
        ("id", id_),
        ("label_time", label_time),
        ("version", version),
        ("labels of rows that came later", late),
    ):
        if not isinstance(value, str | None) or value:
            raise ConfigError(f"{name} is given without a log; give log, or leave it out.")
    return None


def relabelling(labels: object | None) -> dict[str, str]:
    """Return labels of the table → labels of the model; none where `labels` came later."""
    given = labels if isinstance(labels, Mapping) else {}
    return {label_text(left): label_text(right) for left, right in given.items()}


def frames_of(given: LogGiven) -> Frames | None:
    """Return the frames of a log; ``None`` where it is a path or a table of Spark."""
    by_name = isinstance(given.labels, str | Path | None)
    if given.spark is not None or isinstance(given.log, str | Path):
        if not by_name:
            raise ConfigError("labels are a frame and the log is not; give the names of their files.")
        return None
    if given.labels is not None and by_name:
        raise ConfigError("labels are files and the log is a frame; read them into a frame of the same library.")
    return Frames(log=given.log, labels=given.labels)


def data_table(given: LogGiven, roles: Roles, settings: Settings) -> DataTable:
    """Return the ``[data]`` of a configuration that would say the same.

    Raises
    ------
    ConfigError
        If labels come later and there is no identifier to join them by.
    """
    if given.labels is not None and given.id is None:
        raise ConfigError("labels need id, the column that matches them to rows.")
    if given.spark is not None and not given.table:
        raise ConfigError("spark needs table, the table to count.")
    if given.dask is not None and (given.table or given.spark is not None or not isinstance(given.log, str | Path)):
        raise ConfigError("dask counts Parquet files; name them in log, and leave table and spark out.")
    return DataTable(
        target=roles.target,
        log=str(given.log) if isinstance(given.log, str | Path) else None,
        table=given.table,
        spark=given.spark,
        dask=given.dask,
        id=given.id,
        label_time=given.label_time,
        version=given.version,
        model=given.model,
        labels=dict(roles.labels),
        label_files=str(given.labels) if isinstance(given.labels, str | Path) else "",
        task=roles.task,
        positive=roles.positive,
        favorable=roles.favorable,
        order=list(roles.order),
        names={name: dict(words) for name, words in roles.names.items()},
        sensitive=list(roles.sensitive),
        features=None if roles.features is None else list(roles.features),
        weight=roles.weight,
        cluster=roles.cluster,
        time=roles.time,
        prediction=roles.prediction,
        score=dict(roles.score) if isinstance(roles.score, Mapping) else roles.score,
        reference=dict(settings.reference),
        bins={name: list(edges) for name, edges in roles.bins.items()},
        drop_missing_target=roles.drop_missing_target,
        missing=list(given.missing),
        text=list(roles.text),
        number=list(roles.number),
    )


def names_of(sensitive: object | None) -> tuple[str, ...]:
    """Return the names of the sensitive columns of a log.

    Raises
    ------
    ConfigError
        If it is anything else, such as a frame of its own.
    """
    if sensitive is None or isinstance(sensitive, str):
        return () if sensitive is None else (sensitive,)
    names = tuple(sensitive) if isinstance(sensitive, list | tuple | set | frozenset) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise ConfigError("sensitive features of a log are columns of it; give their names.")
    return names
