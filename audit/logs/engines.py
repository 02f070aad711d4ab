"""Open a log that another engine counts: a table of Spark, or Parquet files that Dask reads."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from audit.data.tables import files_sha256
from audit.errors import DataError, MissingExtra, quote
from audit.logs.agreement import agreement_of
from audit.logs.column_types import family_of
from audit.logs.frames import open_frame
from audit.logs.joining import LATER
from audit.logs.sources import Source, name_of

HERE = "local"
"""In place of the address of a Dask scheduler: the threads of this computer."""
_SECONDS = 10
"""Within which a server answers."""
_SPARK_PORT = 15002


def open_spark(
    address: str, table: str, columns: Mapping[str, str], *, labels: str = "", missing: Sequence[str] = ()
) -> Source:
    """Open a table of a Spark session, by its Connect address (``sc://…``) or ``local[…]``.

    Parameters
    ----------
    address, table : str
    columns : mapping of column to the part it plays
    labels : str
        Table of labels that came later.
    missing : sequence of str
        Words that stand for no value.

    Raises
    ------
    MissingExtra
        Without pyspark.
    DataError
        If the table lacks a column.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtra("a log on Spark needs pyspark: pip install 'modelassay[spark]'") from error
    if address.startswith("sc://"):
        _require_answer(address)
    builder = SparkSession.builder
    try:
        session = (builder.remote(address) if address.startswith("sc://") else builder.master(address)).getOrCreate()
        log, late = session.table(table), session.table(labels) if labels else None
        log.schema  # noqa: B018 -- asks whether there is such a table, which a server says no sooner
    except Exception as error:
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(f"table {quote(table)} cannot be opened on Spark: {why}.") from error
    return open_frame(log, columns, name=table, labels=late, missing=missing)


def _require_answer(address: str) -> None:
    """Refuse the address of a Spark server at which nothing answers: its client tries again for many minutes."""
    try:
        known = urlsplit(address.partition(";")[0])
        place = (known.hostname or "", known.port or _SPARK_PORT)
        socket.create_connection(place, timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        where = quote(address.partition(";")[0])
        raise DataError(
            f"Spark server {where} does not answer: {error}. Expected an address such as sc://host:{_SPARK_PORT}."
        ) from error


def open_dask(
    address: str,
    files: Sequence[Path],
    columns: Mapping[str, str],
    *,
    labels: Sequence[Path] = (),
    missing: Sequence[str] = (),
) -> Source:
    """Open Parquet files that Dask reads and counts.

    Parameters
    ----------
    address : str
        Of a scheduler (``tcp://host:8786``), whose workers see the files under the same names and have this package;
        ``local`` for the threads of this computer.
    files : sequence of Path
    columns : mapping of column to the part it plays
    labels : sequence of Path
        Files with identifier and target of rows whose label came later.
    missing : sequence of str
        Words that stand for no value.

    Raises
    ------
    MissingExtra
        Without Dask.
    DataError
        If the scheduler does not answer, files are of another kind, lack a column, or their types differ.
    """
    try:
        import dask.dataframe  # noqa: F401 -- asked for, not used yet
    except ImportError as error:
        raise MissingExtra("a log on Dask needs it: pip install 'modelassay[dask]'") from error
    for file in (*files, *labels):
        if file.suffix.lower() != ".parquet":
            raise DataError(
                f"log file {quote(file.name)}: of files, Dask reads Parquet; leave [data] dask out, or write Parquet."
            )
    own = {name: part for name, part in columns.items() if not (labels and part in LATER)}
    of_labels = {name: part for name, part in columns.items() if part in ("id", *LATER)}
    log, late = _read(files, own), _read(labels, of_labels) if labels else None
    held = _threads() if address == HERE else _client(address)
    source = open_frame(log, columns, name=name_of(files), labels=late, missing=missing)
    return replace(source, files=tuple(files), sha256=files_sha256((*files, *labels)), held=held)


def _read(files: Sequence[Path], columns: Mapping[str, str]) -> Any:  # noqa: ANN401 -- of Dask
    """Read files as one frame; those of which a column has no value have no type for it, so that each is read alone."""
    import dask.dataframe as dd

    types = {name: _dtype(kind) for name, kind in agreement_of(files, columns).types.items()}
    names = [str(path.absolute()) for path in files]
    if not types:
        return dd.read_parquet(names, columns=list(columns), dtype_backend="numpy_nullable")
    parts = [
        dd.read_parquet(name, columns=list(columns), dtype_backend="numpy_nullable").astype(types) for name in names
    ]
    return dd.concat(parts)  # type: ignore[no-untyped-call]


def _dtype(kind: str) -> str:
    """Return the type of a column of Dask that DuckDB calls so; truth values that may be missing are texts.

    Examples
    --------
    >>> _dtype("VARCHAR"), _dtype("DECIMAL(4,2)"), _dtype("TIMESTAMP")
    ('string[pyarrow]', 'float64', 'datetime64[us]')
    """
    family = family_of(kind)
    return {"number": "float64", "time": "datetime64[us]"}.get(family, "string[pyarrow]")


def _threads() -> object:
    """Let Dask count with threads of our own: those of its own may have stayed behind where a process was forked."""
    import dask

    pool = ThreadPoolExecutor(os.cpu_count())
    dask.config.set(pool=pool)
    return pool


def _client(address: str) -> object:
    """Connect to a scheduler, which then counts whatever Dask is asked for."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtra("a Dask scheduler needs distributed: pip install 'modelassay[dask]'") from error
    try:
        client: object = Client(address, timeout=f"{_SECONDS}s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, ImportError) as error:
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(
            f"Dask scheduler {quote(address)} does not answer: {why}. Expected an address such as tcp://host:8786, or "
            f'dask = "{HERE}".'
        ) from error
    return client
