"""What the files of one log have in common: their columns, and a type for each that holds the values of all files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from audit.data.reading import Reading
from audit.errors import DataError, hint, quote, quote_all
from audit.logs.column_types import common_type, require_one_type, types_of_nothing
from audit.logs.connection import connect
from audit.logs.joining import FILE, is_value, quote_sql
from audit.logs.reading import (
    CsvFile,
    as_number,
    first_lines,
    header_of,
    is_csv,
    look_at,
    pattern_of,
    read_csv,
    read_parquet,
    say_briefly,
    separator,
)

if TYPE_CHECKING:
    import duckdb

MOST_COLUMNS = 2_000
"""Columns of a CSV file; a Parquet file may have more."""


class Agreement(NamedTuple):
    """What files of one log have in common."""

    types: dict[str, str]
    """Types in which columns are read: of CSV files all that are needed, of Parquet files those that some lack."""
    schemas: dict[Path, tuple[str, ...]]
    """Types of the columns that are needed, by file."""
    csv: dict[Path, CsvFile]
    """How CSV files are written."""

    def read(self, connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> duckdb.DuckDBPyRelation:
        """Open some of the files as one relation."""
        if self.csv:
            return read_csv(connection, [self.csv[file] for file in files], self.types)
        return read_parquet(connection, files, self.types)


def agreement_of(files: Sequence[Path], columns: Mapping[str, str], reading: Reading | None = None) -> Agreement:
    """Return what files have in common that are read as one log, though not all at once.

    Parameters
    ----------
    files : sequence of Path
        Parquet files, or CSV files.
    columns : mapping of column to the part it plays
        Those that are needed of every file.
    reading : Reading, optional
        How CSV files are written.

    Raises
    ------
    DataError
        If files are of several kinds, one cannot be read, lacks a column or has it twice, types of a column differ, or
        CSV files have no row at all.
    """
    import duckdb

    kinds = {"csv" if is_csv(file) else file.suffix.lower() for file in files}
    if kinds != {"csv"} and kinds != {".parquet"}:
        raise DataError(
            f"log {quote(files[0].name)}: files end in {quote_all(sorted(kinds))}; expected .parquet, or .csv or .tsv. "
            "A DuckDB file needs [data] table, the table to count."
        )
    reading = Reading() if reading is None else reading
    looks: dict[Path, CsvFile] = {}
    schemas: dict[Path, dict[str, str]] = {}
    with connect(*files) as connection:
        for file in files:
            if not file.stat().st_size:
                raise DataError(f"log file {quote(file.name)} is empty, without even a header; remove it.")
            try:
                if is_csv(file):
                    _require_few_columns(file, reading)
                    looks[file] = look_at(connection, file, reading)
                    schemas[file] = dict(looks[file].types)
                else:
                    relation = read_parquet(connection, [file], {})
                    schemas[file] = dict(zip(relation.columns, map(str, relation.types), strict=True))
                _require_unique(connection, file, list(schemas[file]), columns, reading)
            except duckdb.Error as error:
                raise DataError(f"log file {quote(file.name)} cannot be read: {say_briefly(error)}.") from error
        require_columns(schemas, columns)
        if looks:
            _require_rows(connection, looks)
            types = _types_of_csv(connection, looks, schemas, columns, reading)
        else:
            types = types_of_nothing(schemas, columns)
    require_one_type(schemas, columns)
    return Agreement(types, {file: tuple(schema[name] for name in columns) for file, schema in schemas.items()}, looks)


def _require_few_columns(file: Path, reading: Reading) -> None:
    """Refuse a CSV file of very many columns, each of which takes its reader time and memory whether needed or not."""
    head = "".join(first_lines(file, 1, reading))
    count = max(head.count(sign) for sign in (",", "\t", ";", separator(file, reading))) + 1
    if count > MOST_COLUMNS:
        raise DataError(
            f"log file {quote(file.name)} has about {count:,} columns; of CSV files at most {MOST_COLUMNS:,} are read. "
            "Write it as Parquet, of which only the columns that are needed are read, or leave columns out."
        )


def _require_unique(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    known: Sequence[str],
    columns: Collection[str],
    reading: Reading,
) -> None:
    """Refuse a column that a file has twice, of which DuckDB would read the first in silence and rename the others."""
    renamed = {name.lower() for name in known}
    for name in (column for column in columns if f"{column}_1".lower() in renamed):
        if is_csv(file):
            names = header_of(file, reading)
        else:
            query = "SELECT DISTINCT path_in_schema, column_id FROM parquet_metadata(?)"
            names = [str(row[0]) for row in connection.execute(query, [pattern_of(file)]).fetchall()]
        alike = [other for other in names if other.strip().lower() == name.lower()]
        if len(alike) > 1:
            raise DataError(f"log file {quote(file.name)} has {len(alike)} columns {quote(name)}; rename or drop one.")


def require_columns(schemas: Mapping[Path, Mapping[str, object]], columns: Mapping[str, str]) -> None:
    """Refuse a log of which a part lacks a column.

    Raises
    ------
    DataError
        Naming the part and the column.
    """
    for name, part in columns.items():
        without = [file for file, schema in schemas.items() if name not in schema]
        if without:
            known = [column for column in schemas[without[0]] if column != FILE]
            where = f" ({len(without)} of {len(schemas)} files lack it)" if len(schemas) > 1 else ""
            raise DataError(
                f"{part} column {quote(name)} is not in {quote(without[0].name)}{where}; columns are "
                f"{quote_all(known)}." + hint(name, known)
            )


def _require_rows(connection: duckdb.DuckDBPyConnection, looks: Mapping[Path, CsvFile]) -> None:
    """Refuse CSV files of which none has a row; one whose columns are not all words has."""
    if any(set(look.types.values()) != {"VARCHAR"} for look in looks.values()):
        return
    if not any(read_csv(connection, [look], look.types).limit(1).fetchall() for look in looks.values()):
        first = next(iter(looks))
        names = quote(first.name) if len(looks) == 1 else f"{quote(first.name)} and the others"
        raise DataError(f"log file {names}: no rows below the header.")


def _types_of_csv(
    connection: duckdb.DuckDBPyConnection,
    looks: Mapping[Path, CsvFile],
    schemas: Mapping[Path, dict[str, str]],
    columns: Mapping[str, str],
    reading: Reading,
) -> dict[str, str]:
    """Return the types in which columns of CSV files are read, and bring those of files up to date."""
    for name, part in columns.items():
        if any(schema[name] == "BOOLEAN" for schema in schemas.values()) and not _are_truths(connection, looks, name):
            for schema in schemas.values():
                schema[name] = "VARCHAR" if schema[name] == "BOOLEAN" else schema[name]
        own = {file: schema[name] for file, schema in schemas.items()}
        words = [looks[file] for file, kind in own.items() if kind == "VARCHAR"]
        stated = set(own.values()) - {"VARCHAR"}
        asked = part in ("score", "weight") or bool(reading.thousands) or name in reading.number
        if words and name not in reading.text and asked and _are_numbers(connection, words, name):
            stated |= {"DOUBLE"}
        elif words and name in reading.number:
            raise DataError(_no_numbers(connection, words, name))
        elif not words or not stated or name in reading.text or _have_values(connection, words, name):
            continue
        for look in words:  # as in the other files
            schemas[look.path][name] = common_type(stated)
    return {name: common_type({schema[name] for schema in schemas.values()}) for name in columns}


def _are_numbers(connection: duckdb.DuckDBPyConnection, files: Sequence[CsvFile], name: str) -> bool:
    """Tell whether a column that DuckDB takes for words, as it does with `inf`, holds numbers and nothing else."""
    facts = f"count(*) FILTER ({_is_no(name, 'DOUBLE', files[0].reading)}), count({quote_sql(name)})"
    bad, rows = read_csv(connection, files, {name: "VARCHAR"}).aggregate(facts).fetchall()[0]
    return not bad and bool(rows)


def _no_numbers(connection: duckdb.DuckDBPyConnection, files: Sequence[CsvFile], name: str) -> str:
    """Say what a column holds that must hold numbers."""
    words = read_csv(connection, files, {name: "VARCHAR"}).filter(_is_no(name, "DOUBLE", files[0].reading))
    odd = [row[0] for row in words.project(quote_sql(name)).distinct().order("1").limit(5).fetchall()]
    return (
        f"column {quote(name)} must hold numbers and holds {quote_all(odd) or 'no value'}; name in [data] missing what "
        "stands for a missing value."
    )


def _are_truths(connection: duckdb.DuckDBPyConnection, looks: Mapping[Path, CsvFile], name: str) -> bool:
    """Tell whether a column holds true and false and nothing else in any file: yes and no, for example, are words."""
    files = list(looks.values())
    column = quote_sql(name)
    others = f"{is_value(column, files[0].reading.missing)} AND lower({column}) NOT IN ('true', 'false')"
    return not read_csv(connection, files, {name: "VARCHAR"}).filter(others).limit(1).fetchall()


def _have_values(connection: duckdb.DuckDBPyConnection, files: Sequence[CsvFile], name: str) -> bool:
    """Tell whether a column of words holds others than those that stand for no value."""
    words = read_csv(connection, files, {name: "VARCHAR"})
    return bool(words.filter(is_value(quote_sql(name), files[0].reading.missing)).limit(1).fetchall())


def _is_no(name: str, type_: str, reading: Reading) -> str:
    """Write the condition that a value is not of a type."""
    column = quote_sql(name)
    return f"{is_value(column, reading.missing)} AND TRY_CAST({as_number(column, reading)} AS {type_}) IS NULL"


def unreadable(files: Sequence[Path], columns: Collection[str], reading: Reading) -> str:
    """Say which value of which CSV file is not of the type of its column; ``""`` where all are.

    Parameters
    ----------
    files : sequence of Path
    columns : collection of str
        Those that were to be read.
    reading : Reading
    """
    if not files or not is_csv(files[0]):
        return ""
    with connect(*files) as connection:
        looks = [look_at(connection, file, reading) for file in files]
        for name in (name for name in columns if all(name in look.types for look in looks)):
            type_ = common_type({look.types[name] for look in looks})
            words = read_csv(connection, looks, {name: "VARCHAR"})
            for value, file in words.filter(_is_no(name, type_, reading)).limit(1).fetchall():
                return (
                    f"column {quote(name)} holds {quote(value)} in {quote(Path(file).name)}, where other rows hold "
                    f"{type_}; write it in one type"
                )
    return ""
