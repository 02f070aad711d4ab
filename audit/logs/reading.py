"""Read Parquet and CSV files as one relation of DuckDB: the latter's values as every other table of ours has them."""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit.data.delimited import require_known_encoding, require_separator, require_utf8
from audit.data.number_signs import pattern_of_groups
from audit.data.reading import Reading
from audit.errors import DataError, quote
from audit.logs.joining import FILE, MISSING_TEXTS, as_time, is_value, literal, quote_sql

if TYPE_CHECKING:
    import duckdb

CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MISFIT = (
    "its rows do not fit its header. Expected UTF-8, a comma (.tsv: a tab) between values, as many values in each row "
    'as the header has names, and " around texts, closed again and doubled inside them'
)
ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16", "iso8859-1": "latin-1"}
"""What DuckDB calls the encodings that it reads, by Python's name."""
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


def separator(file: Path, reading: Reading) -> str:
    """Return what stands between the values of a text file."""
    usual = "\t" if file.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    return reading.separator or usual


def can_decode(encoding: str) -> bool:
    """Tell whether text files in an encoding can be counted; ``""`` is UTF-8.

    Raises
    ------
    DataError
        If there is no such encoding.

    Examples
    --------
    >>> can_decode(""), can_decode("latin1"), can_decode("cp1252")
    (True, True, False)
    """
    require_known_encoding(encoding)
    return codecs.lookup(encoding or "utf-8").name in ENCODINGS


def _encoding_of(reading: Reading) -> str:
    """Return what DuckDB calls the encoding of text files."""
    if not can_decode(reading.encoding):
        raise DataError(
            f"[data.csv] encoding {quote(reading.encoding)}: of a log's files those in 'utf-8', 'utf-16' and 'latin-1' "
            "are read; save them as UTF-8."
        )
    return ENCODINGS[codecs.lookup(reading.encoding or "utf-8").name]


def say_briefly(error: Exception) -> str:
    """Return the words of an engine's error, without the query that it quotes, or what is wrong with a CSV file."""
    text = " ".join(str(error).split("\nLINE 1:")[0].split())
    if "not utf-8 encoded" in text:
        return (
            'it is not UTF-8; if it comes from an older program, state [data.csv] encoding = "latin-1", or save it as '
            "UTF-8"
        )
    return MISFIT if "Error when sniffing file" in text else textwrap.shorten(text, 250, placeholder=" …").rstrip(".")


class CsvFile(NamedTuple):
    """What was learned of a CSV file from its first rows."""

    path: Path
    types: dict[str, str]
    """Type of each column, in their order; words for times and for what is read as it is written."""
    layout: str
    """How it is written, in the words of DuckDB."""
    reading: Reading


def look_at(connection: duckdb.DuckDBPyConnection, file: Path, reading: Reading) -> CsvFile:
    """Learn how a CSV file is written.

    Parameters
    ----------
    connection : DuckDBPyConnection
    file : Path
    reading : Reading

    Raises
    ------
    duckdb.Error
        If it cannot be read.
    DataError
        If it seems to be written otherwise than it is read, or rows fit a line that is not the first one.
    """
    sign = separator(file, reading)
    dialect = (
        f"header = true, quote = '\"', escape = '\"', comment = '', sep = {literal(sign)}, "
        f"encoding = {literal(_encoding_of(reading))}"
    )
    if not reading.encoding:
        require_utf8(file)
    require_separator(header_of(file, reading), file.name, sign)
    missing = ", ".join(map(literal, (*MISSING_TEXTS, *reading.missing)))
    numbers = f"nullstr = [{missing}], decimal_separator = {literal(reading.decimal or '.')}"
    query = (
        "SELECT NewLineDelimiter, SkipRows, Columns FROM "  # noqa: S608 -- names are quoted
        f"sniff_csv({literal(pattern_of(file))}, {dialect}, {numbers})"
    )
    ((newline, skipped, columns),) = connection.execute(query).fetchall()
    if any(line.strip() for line in first_lines(file, skipped, reading)):
        raise DataError(f"log file {quote(file.name)} cannot be read: {MISFIT}.")
    types = {str(column["name"]): str(column["type"]) for column in columns}
    times = {name for name, kind in types.items() if kind.startswith(("DATE", "TIME"))}
    types |= dict.fromkeys(times | (set(reading.text) & set(types)), "VARCHAR")
    layout = f"{dialect}, skip = {skipped}" + (f", new_line = {literal(newline)}" if newline[:1] == "\\" else "")
    return CsvFile(file, types, layout, reading)


def first_lines(file: Path, count: int, reading: Reading) -> list[str]:
    """Return the first lines of a text file, at most so many; what is wrong with the file is said by its reader."""
    unpacked = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with unpacked(file, "rt", encoding=reading.encoding or "utf-8-sig", errors="replace", newline="") as lines:
            return [lines.readline(MOST_HEAD).strip("\r\n") for _ in range(count)]
    except (OSError, EOFError, zlib.error):
        return []


def header_of(file: Path, reading: Reading) -> list[str]:
    """Return the names in the first line of a text file; none where it cannot be taken apart, which its reader says."""
    csv.field_size_limit(MOST_HEAD)
    try:
        return next(csv.reader(first_lines(file, 1, reading), delimiter=separator(file, reading)), [])
    except csv.Error:
        return []


def read_csv(
    connection: duckdb.DuckDBPyConnection, files: Sequence[CsvFile], types: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    """Open some columns of CSV files, with their types, and the name of the file of each row.

    Files with the same header are read as one, and none is looked at again: that takes longer than reading it.
    """
    alike: dict[tuple[object, ...], list[CsvFile]] = {}
    for file in files:
        alike.setdefault((tuple(file.types), file.layout), []).append(file)
    reading = files[0].reading
    wanted = ", ".join([*(_typed(name, kind, reading) for name, kind in types.items()), quote_sql(FILE)])
    parts = []
    for group in alike.values():
        names = ", ".join(literal(pattern_of(file.path)) for file in group)
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in group[0].types)
        how = f"{group[0].layout}, auto_detect = false, columns = {{{columns}}}"
        source = f"read_csv([{names}], {how}, nullstr = [''], filename = {literal(FILE)})"
        parts.append(f"SELECT {wanted} FROM {source}")  # noqa: S608 -- names are quoted
    return connection.sql(" UNION ALL ".join(parts))


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


def _typed(name: str, kind: str, reading: Reading) -> str:
    """Write a column read as words in its type; in a column of words only the empty field is missing.

    Words such as NA stand for a missing number or truth value, and are words among words; yes and no are words, too.
    """
    column = quote_sql(name)
    if kind == "VARCHAR":
        return column
    present = is_value(column, reading.missing)
    if kind == "BOOLEAN":
        truth = f"CASE lower({column}) WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' ELSE {column} END"
        return f"CASE WHEN {present} THEN {truth} END AS {column}"
    return f"CAST(CASE WHEN {present} THEN {as_number(column, reading)} END AS {kind}) AS {column}"


def as_number(column: str, reading: Reading) -> str:
    """Write a word as a program writes a number; other words stay as they are.

    Examples
    --------
    >>> print(as_number('"a"', Reading(decimal=",")))
    translate("a", ',.', '.,')
    """
    if reading.thousands:
        grouped = (
            f"regexp_full_match({column}, {literal(pattern_of_groups(reading.decimal or '.', reading.thousands))})"
        )
        column = f"CASE WHEN {grouped} THEN replace({column}, {literal(reading.thousands)}, '') ELSE {column} END"
    return f"translate({column}, ',.', '.,')" if reading.decimal == "," else column
