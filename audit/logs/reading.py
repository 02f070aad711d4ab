"""Read Parquet and CSV files as one relation of DuckDB: the latter's values as every other table of ours has them."""

from __future__ import annotations

import glob
import gzip
import textwrap
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit.errors import DataError, quote
from audit.logs.joining import FILE, MISSING_TEXTS, as_time, is_value, literal, quote_sql

if TYPE_CHECKING:
    import duckdb

CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MISFIT = (
    "its rows do not fit its header. Expected UTF-8, a comma (.tsv: a tab) between values, as many values in each row "
    'as the header has names, and " around texts, closed again and doubled inside them'
)
MOST_HEAD = 1 << 24
"""Characters of a line of a CSV file that are looked at."""


def pattern_of(file: Path) -> str:
    """Return the pattern that matches this file alone: DuckDB takes every name for a pattern."""
    return glob.escape(str(file))


def is_csv(file: Path) -> bool:
    """Tell by its name whether a file is one of text.

    Examples
    --------
    >>> is_csv(Path("a.CSV.gz")), is_csv(Path("a.parquet"))
    (True, False)
    """
    return file.name.lower().endswith(CSV)


def separator(file: Path) -> str:
    """Return what stands between the values of a text file."""
    return "\t" if file.name.lower().removesuffix(".gz").endswith(".tsv") else ","


def say_briefly(error: Exception) -> str:
    """Return the words of an engine's error, without the query that it quotes, or what is wrong with a CSV file."""
    text = " ".join(str(error).split("\nLINE 1:")[0].split())
    return MISFIT if "Error when sniffing file" in text else textwrap.shorten(text, 250, placeholder=" …").rstrip(".")


class CsvFile(NamedTuple):
    """What was learned of a CSV file from its first rows."""

    path: Path
    types: dict[str, str]
    """Type of each column, in their order; words for times and for what is read as it is written."""
    layout: str
    """Where its header stands and how its lines end, in the words of DuckDB."""


def look_at(connection: duckdb.DuckDBPyConnection, file: Path, text: Collection[str] = ()) -> CsvFile:
    """Learn how a CSV file is written.

    Parameters
    ----------
    connection : DuckDBPyConnection
    file : Path
    text : collection of str
        Columns that are read as they are written, zeros in front included.

    Raises
    ------
    duckdb.Error
        If it cannot be read.
    DataError
        If rows fit a line that is not the first one, and are perhaps not read as they were meant.
    """
    missing = ", ".join(map(literal, MISSING_TEXTS))
    query = (
        "SELECT NewLineDelimiter, SkipRows, Columns FROM "  # noqa: S608 -- names are quoted
        f"sniff_csv({literal(pattern_of(file))}, {_dialect(file)}, nullstr = [{missing}])"
    )
    ((newline, skipped, columns),) = connection.execute(query).fetchall()
    if any(line.strip() for line in first_lines(file, skipped)):
        raise DataError(f"log file {quote(file.name)} cannot be read: {MISFIT}.")
    types = {str(column["name"]): str(column["type"]) for column in columns}
    words = {name for name, kind in types.items() if kind.startswith(("DATE", "TIME"))} | (set(text) & set(types))
    layout = f"skip = {skipped}" + (f", new_line = {literal(newline)}" if newline.startswith("\\") else "")
    return CsvFile(file, types | dict.fromkeys(words, "VARCHAR"), layout)


def first_lines(file: Path, count: int) -> list[str]:
    """Return the first lines of a text file, at most so many; what is wrong with the file is said by its reader."""
    unpacked = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with unpacked(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
            return [lines.readline(MOST_HEAD).strip("\r\n") for _ in range(count)]
    except (OSError, EOFError, zlib.error):
        return []


def read_csv(
    connection: duckdb.DuckDBPyConnection, files: Sequence[CsvFile], types: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    """Open some columns of CSV files, with their types, and the name of the file of each row.

    Files with the same header are read as one, and none is looked at again: that takes longer than reading it.
    """
    alike: dict[tuple[object, ...], list[CsvFile]] = {}
    for file in files:
        alike.setdefault((tuple(file.types), file.layout, separator(file.path)), []).append(file)
    wanted = ", ".join([*(_typed(name, kind) for name, kind in types.items()), quote_sql(FILE)])
    parts = []
    for group in alike.values():
        names = ", ".join(literal(pattern_of(file.path)) for file in group)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in group[0].types)
        how = f"{_dialect(group[0].path)}, {group[0].layout}, auto_detect = false, columns = {{{columns}}}"
        source = f"read_csv([{names}], {how}, nullstr = [''], filename = {literal(FILE)})"
        parts.append(f"SELECT {wanted} FROM {source}")  # noqa: S608 -- names are quoted
    return connection.sql(" UNION ALL ".join(parts))


def _dialect(file: Path) -> str:
    """Say how CSV files are written, whatever their first rows look like; no row is taken for a comment."""
    return f"""header = true, quote = '"', escape = '"', comment = '', sep = {literal(separator(file))}"""


def read_parquet(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], types: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    """Open Parquet files, with the types that are stated of some columns, and the name of the file of each row."""
    names = ", ".join(literal(pattern_of(file)) for file in files)
    how = f"union_by_name = {len(files) > 1}, filename = {literal(FILE)}"
    relation = connection.sql(f"SELECT * FROM read_parquet([{names}], {how})")  # noqa: S608 -- names are quoted
    if not types:
        return relation
    own = dict(zip(relation.columns, map(str, relation.types), strict=True))
    casts = ", ".join(f"{_cast(quote_sql(name), own[name], kind)} AS {quote_sql(name)}" for name, kind in types.items())
    return relation.project(f"* REPLACE ({casts})")


def _cast(column: str, own: str, kind: str) -> str:
    return as_time(column, own) if kind == "TIMESTAMP" else f"CAST({column} AS {kind})"


def _typed(name: str, kind: str) -> str:
    """Write a column read as words in its type; in a column of words only the empty field is missing.

    Words such as NA stand for a missing number or truth value, and are words among words; yes and no are words, too.
    """
    column = quote_sql(name)
    if kind == "VARCHAR":
        return column
    if kind == "BOOLEAN":
        truth = f"CASE lower({column}) WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' ELSE {column} END"
        return f"CASE WHEN {is_value(column)} THEN {truth} END AS {column}"
    return f"CAST(CASE WHEN {is_value(column)} THEN {column} END AS {kind}) AS {column}"
