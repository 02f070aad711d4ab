"""DuckDB in memory, kept from everything that it was not given."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from audit.logs.joining import literal
from audit.logs.reading import pattern_of

if TYPE_CHECKING:
    import duckdb

MEMORY = "220MB"
"""DuckDB's own limit; beyond it, it writes to disk."""


def connect(*files: Path, folder: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory: two threads, little memory, times in UTC, and nothing else of the computer or the network.

    Parameters
    ----------
    *files : Path
        The only files that can be read, whatever a view in one of them asks for.
    folder : Path, optional
        The only one that can be written to.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "2",
        "memory_limit": MEMORY,
        "temp_directory": _spill_folder(),
    }
    connection = duckdb.connect(config=settings)
    paths = [text for file in files for text in (str(file), pattern_of(file), f"{file}.wal")]
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, paths))}]")
    if folder is not None:
        connection.execute(f"SET allowed_directories = [{literal(folder)}]")
    connection.execute("SET enable_external_access = false; SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'; SET lock_configuration = true")
    return connection


def _spill_folder() -> str:
    """Return a folder for what does not fit into memory: never the current one, and readable by the user alone."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    own = Path(tempfile.gettempdir()) / f"modelassay-{user}"
    try:
        own.mkdir(mode=0o700, exist_ok=True)
        known = own.lstat()
    except OSError:
        return tempfile.mkdtemp(prefix="modelassay-")
    is_private = known.st_uid == user and stat.S_ISDIR(known.st_mode) and not known.st_mode & 0o077
    return str(own) if is_private else tempfile.mkdtemp(prefix="modelassay-")
