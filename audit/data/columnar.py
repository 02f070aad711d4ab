"""Read tables that know their types: Parquet, Feather and Arrow, DuckDB, NumPy's archives."""

from __future__ import annotations

import glob
import json
import math
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.data.bounded import MOST_VALUES, allowed_bytes, require_memory, require_size
from audit.errors import DataError, hint, quote, quote_all
from audit.optional import require

KINDS = "biufSUM"
"""Kinds of NumPy arrays that a table can hold."""
ROWS = 8192
"""Rows of a Parquet file that are read before their size is looked at."""


def read_parquet(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a table and name its index columns: through pyarrow where it is installed, else through DuckDB.

    Categories of dictionary columns, and their order, are known to pyarrow alone; without it they are words.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return _parquet_by_duckdb(path)
    with pq.ParquetFile(path) as file:
        require_size(file.metadata.num_rows, file.metadata.num_columns, path.name)
        _require_unfolded(sum(_unfold(file.metadata)), path)
        batches = file.iter_batches(batch_size=ROWS, use_threads=False)
        table = pa.Table.from_batches(_within_memory(batches, path), schema=file.schema_arrow)
    return of_arrow(table), _index_columns(table.schema.metadata or {})


def _within_memory(batches: Iterable[Any], path: Path) -> Iterator[Any]:
    """Yield batches until they take more memory than a table may: a file may name one long text many times."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        require_memory(size, path.name)
        yield batch


def _unfold(metadata: Any) -> Iterator[int]:  # noqa: ANN401 -- pyarrow is not typed
    for group in range(metadata.num_row_groups):
        yield int(metadata.row_group(group).total_byte_size)


def _require_unfolded(size: int, path: Path) -> None:
    most = max(allowed_bytes(path.stat().st_size), 8 * MOST_VALUES)
    if size > most:
        raise DataError(f"{quote(path.name)} declares {size >> 20:,} MiB of values; at most {most >> 20:,} are read.")


def _index_columns(metadata: dict[bytes, bytes]) -> tuple[str, ...]:
    """Name the columns that pandas wrote for a row index."""
    try:
        result = json.loads(metadata.get(b"pandas", b"{}"))
        names = result.get("index_columns", [])
    except (ValueError, AttributeError, RecursionError):
        return ()
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()


@contextmanager
def _connect(database: str, *, outside: bool, read_only: bool = False) -> Iterator[Any]:
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "2",
        "enable_external_access": "true" if outside else "false",
    }
    with duckdb.connect(database, read_only=read_only, config=config) as connection:
        yield connection


def _parquet_by_duckdb(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    name = glob.escape(str(path))  # DuckDB takes every name for a pattern
    with _connect(":memory:", outside=True) as connection:
        rows = connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [name]).fetchall()[0][0]
        facts = connection.execute("SELECT key, value FROM parquet_kv_metadata(?)", [name]).fetchall()
        result = connection.read_parquet(name)
        require_size(int(rows), len(result.columns), path.name)
        return result.df(), _index_columns({bytes(key): bytes(value) for key, value in facts})


def read_duckdb(path: Path, table: str) -> pd.DataFrame:
    """Read a table of a DuckDB file; it needs no name where it is the only one.

    Raises
    ------
    DataError
        If there is no such table, or several and none is named.
    """
    with _connect(str(path), outside=False, read_only=True) as connection:
        names = [str(row[0]) for row in connection.execute("SHOW TABLES").fetchall()]
        if not table and len(names) != 1:
            raise DataError(
                f"{quote(path.name)} holds {len(names)} tables, {quote_all(names)}; name one: "
                f'"{path.name}::table", or [data] table.'
            )
        chosen = table or names[0]
        if chosen not in names:
            raise DataError(
                f"{quote(path.name)} has no table {quote(chosen)}; there are {quote_all(names)}." + hint(chosen, names)
            )
        quoted = '"' + chosen.replace('"', '""') + '"'
        result = connection.table(quoted)
        (rows,) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchall()[0]  # noqa: S608 -- quoted above
        require_size(int(rows), len(result.columns), path.name)
        frame: pd.DataFrame = result.df()
        return frame


def read_arrow(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a Feather or Arrow file, as a file or a stream of batches, and name its index columns."""
    require("pyarrow", extra="tables", purpose="Feather and Arrow files")
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        head = source.read(6)
        source.seek(0)
        if head[:4] == b"FEA1":  # whose reader trusts every offset of the file
            raise DataError(
                f"{quote(path.name)} has Feather's first format, which R's feather and old versions of pandas write; "
                'expected its second. Write it anew: pandas.read_feather("old.feather").to_feather("new.feather").'
            )
        table = _batches(source, head == b"ARROW1", path)
    require_size(table.num_rows, table.num_columns, path.name)
    return of_arrow(table), _index_columns(table.schema.metadata or {})


def _batches(source: Any, random: bool, path: Path) -> Any:  # noqa: ANN401 -- pyarrow is not typed
    import pyarrow as pa
    import pyarrow.ipc

    reader = pyarrow.ipc.open_file(source) if random else pyarrow.ipc.open_stream(source)
    require_size(1, len(reader.schema), path.name)
    kept, rows = [], 0
    batches = (reader.get_batch(place) for place in range(reader.num_record_batches)) if random else reader
    for batch in _within_memory(batches, path):
        rows += batch.num_rows
        require_size(rows, len(reader.schema), path.name)
        kept.append(batch)
    table = pa.Table.from_batches(kept, schema=reader.schema)
    table.validate(full=True)
    return table


def of_arrow(table: Any) -> pd.DataFrame:  # noqa: ANN401 -- pyarrow is not typed
    """Turn an Arrow table into a frame: dictionaries stay categories, an index stays a column.

    Raises
    ------
    DataError
        If two columns share a name.
    """
    names = [str(name) for name in table.column_names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the table has two columns {quote(twice)}; rename or drop one.")
    plain = table.replace_schema_metadata(None)
    frame: pd.DataFrame = plain.to_pandas(ignore_metadata=True, date_as_object=False)
    return frame


# --- NumPy ----------------------------------------------------------------------------------------


def read_npz(path: Path) -> pd.DataFrame:
    """Read an archive with an array ``X`` of shape (n, features) and one-dimensional columns beside it.

    Raises
    ------
    DataError
        If an array is of objects, is larger than its file says or memory holds, or there is no ``X``.
    """
    _require_honest_arrays(path)
    with np.load(path, allow_pickle=False) as arrays:
        if "X" not in arrays:
            raise DataError(
                f"{quote(path.name)} holds {quote_all(arrays)}; expected an array 'X' and columns beside it."
            )
        block = arrays["X"]
        if block.ndim == 0 or len(block) == 0:
            raise DataError(f"{quote(path.name)}: 'X' has shape {block.shape}; expected rows and columns.")
        flat = block.reshape(len(block), -1)
        require_size(len(flat), flat.shape[1], path.name)
        names = number_columns(flat.shape[1])
        beside = {str(name): arrays[name] for name in arrays if name != "X"}
    columns = {
        name: value
        for name, value in beside.items()
        if value.ndim == 1 and len(value) == len(block) and name not in names
    }
    texts = {
        name: np.char.decode(value, "latin-1") if value.dtype.kind == "S" else value for name, value in columns.items()
    }
    return pd.concat([pd.DataFrame(flat, columns=names), pd.DataFrame(texts)], axis=1)


def number_columns(count: int) -> list[str]:
    """Name columns without names.

    Examples
    --------
    >>> number_columns(11)[:2]
    ['x00', 'x01']
    """
    width = len(str(max(count - 1, 0)))
    return [f"x{place:0{width}d}" for place in range(count)]


def _require_honest_arrays(path: Path) -> None:
    """Read the headers alone: what an array declares must be what its file holds, and within bounds."""
    total = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise DataError(f"{quote(path.name)} holds {quote(member.filename)}; expected arrays of NumPy.")
            with archive.open(member) as stream:
                shape, dtype = _array_header(stream)
                name = f"{path.name}: {member.filename[:-4]}"
                if dtype.kind not in KINDS or dtype.itemsize == 0:
                    raise DataError(f"{quote(name)} is an array of {dtype}; expected numbers, truth values or texts.")
                size = math.prod(shape) * dtype.itemsize
                if size != member.file_size - stream.tell():
                    raise DataError(f"{quote(name)} declares {size:,} bytes, the file holds {member.file_size:,}.")
                total += size
    if total > (most := allowed_bytes(path.stat().st_size)):
        raise DataError(f"{quote(path.name)} decompresses to {total >> 20:,} MiB; at most {most >> 20:,} MiB are read.")


def _array_header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:  # noqa: ANN401
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if any(side < 0 for side in shape):
        raise ValueError(f"shape {shape}")
    return shape, dtype
