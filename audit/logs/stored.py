"""What was counted, on disk."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.logs.cells import Cells, words
from audit.logs.reading import say_briefly
from reports.store import OutputError
from reports.together import sweep

if TYPE_CHECKING:
    import duckdb


def save(
    cells: Cells, path: Path, connection: duckdb.DuckDBPyConnection, name: Callable[[Path], str] | None = None
) -> None:
    """Write cells to a file, whole or not at all, also where others write it at the same time.

    Parameters
    ----------
    cells : Cells
    path : Path
    connection : DuckDBPyConnection
    name : callable, optional
        Gives the name of the file by what was written; that of `path` without it.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    import duckdb

    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    table = pd.concat([cells.keys, cells.sums], axis=1)
    table.attrs = {}
    scales = {f"\tscale {scale}": number for scale, number in cells.scales.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.from_df(table.assign(**scales)).write_parquet(str(draft))
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path if name is None else path.with_name(name(draft)))
        sweep([path])
    except (OSError, duckdb.Error) as error:
        raise OutputError(
            f"cannot write what was counted into {str(path.parent)!r}: {_reason(error)}. Make room, or name another "
            "folder."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """Return what the system says, of whose errors DuckDB tells the number among other things."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    number = re.search(r'"errno":"(\d+)"', str(error))
    return say_briefly(error) if number is None else os.strerror(int(number[1]))


def load(path: Path, connection: duckdb.DuckDBPyConnection) -> Cells | None:
    """Read cells from a file; ``None`` if there is none, or none that can be read."""
    import duckdb

    if not path.is_file():
        return None
    try:
        table: pd.DataFrame = connection.read_parquet(str(path)).df()
    except duckdb.Error:
        return None
    names = [name for name in map(str, table.columns) if name == "n" or name.endswith("_sum")]
    sums = table[names].astype(np.int64)
    stated = [name for name in map(str, table.columns) if name.startswith("\tscale ")]
    scales = {name.removeprefix("\tscale "): float(table[name].max()) for name in stated}
    keys = table.drop(columns=[*names, *stated])
    for name in keys.columns:
        if keys[name].dtype.kind not in "iuf":
            keys[name] = words(keys[name])
    return Cells(keys=keys, sums=sums, scales=scales).merge()
