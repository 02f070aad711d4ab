"""Open a log that DuckDB reads: Parquet or CSV files, or a table of a DuckDB file."""

from __future__ import annotations

import csv
import glob
import gzip
import os
import stat
import tempfile
import textwrap
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audit.data.tables import files_sha256
from audit.errors import DataError, hint, quote, quote_all
from audit.logs import joining
from audit.logs.column_types import common_type, family_of, require_one_type, types_of_nothing
from audit.logs.joining import FILE, quote_sql
from audit.logs.reading import CSV, MISSING_TEXTS, pattern_of, read_csv, read_files, separator, types_of_file

if TYPE_CHECKING:
    import duckdb
    import narwhals.stable.v2 as nw

MEMORY = "220MB"
"""DuckDB's own limit; beyond it, it writes to disk."""
MOST_COLUMNS = 2_000
"""Columns of a CSV file; a Parquet file may have more."""
MOST_HEAD = 1 << 24
"""Characters of a CSV file's first line that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A log that was opened and not yet read."""

    frame: nw.LazyFrame[Any]
    name: str
    """What the record calls it."""
    engine: str
    sha256: str = ""
    files: tuple[Path, ...] = ()
    shadowed: bool = False
    """Whether several models answered the same requests."""
    held: object | None = None
    """What must stay open until the log is counted."""


def name_of(files: Sequence[Path]) -> str:
    """Return what a record calls the files of a log.

    Examples
    --------
    >>> name_of([Path("a.csv"), Path("b.csv"), Path("c.csv")])
    'a.csv … c.csv (3 files)'
    """
    return files[0].name if len(files) == 1 else f"{files[0].name} … {files[-1].name} ({len(files)} files)"


def log_files(folder: Path, pattern: str, *, what: str = "log") -> tuple[Path, ...]:
    """Return the files that a pattern names, sorted by name.

    Raises
    ------
    DataError
        If there is none, or it names a folder that looks like a file (as Spark writes), or a link to nothing.
    """
    if (folder / pattern).is_file():
        return (folder / pattern,)
    if (folder / pattern).is_dir():
        raise DataError(
            f"{what} {quote(pattern)} is a folder; name its files, such as {quote(f'{pattern}/**/*.parquet')}."
        )
    names = glob.glob(str(Path(glob.escape(str(folder))) / pattern), recursive=True)  # noqa: PTH207 -- absolute patterns
    paths = sorted(Path(name) for name in names)
    if not paths:
        raise DataError(f"{what} {quote(pattern)}: no such file. Paths are relative to the configuration.")
    for path in paths:
        if path.is_dir() and path.suffix and "**" not in pattern:
            raise DataError(
                f"{what} {quote(pattern)}: {quote(path.name)} is a folder; name its files, such as "
                f"{quote(f'{pattern}/*')}, or give it another name."
            )
        if not path.exists():
            raise DataError(f"{what} {quote(pattern)}: {quote(path.name)} is a link to no file; remove or renew it.")
    files = tuple(path for path in paths if path.is_file())
    if not files:
        raise DataError(
            f"{what} {quote(pattern)} names no file, but {quote(paths[0].name)}, which cannot be read as one."
        )
    _require_apart(files, f"{what} {quote(pattern)}")
    return files


def _require_apart(files: Sequence[Path], what: str) -> None:
    """Refuse one file under two names, as links give it: its rows would count twice."""
    names: dict[tuple[int, int], Path] = {}
    for file in files:
        known = file.stat()
        first = names.setdefault((known.st_dev, known.st_ino), file)
        if first is not file:
            raise DataError(
                f"{what}: {quote(first.name)} and {quote(file.name)} are one file, as a link makes them; rows would "
                "count twice. Remove the link, or name files that leave it out."
            )


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
    connection.execute(f"SET allowed_paths = [{', '.join(map(joining.literal, paths))}]")
    if folder is not None:
        connection.execute(f"SET allowed_directories = [{joining.literal(folder)}]")
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


def open_files(
    files: Sequence[Path],
    columns: Mapping[str, str],
    *,
    fingerprint: bool = True,
    labels: Sequence[Path] = (),
    text: Collection[str] = (),
    types: Mapping[str, str] | None = None,
) -> Source:
    """Open Parquet or CSV files as one log.

    Parameters
    ----------
    files : sequence of Path
        All of one kind.
    columns : mapping of column to the part it plays
        Columns that every file must have, with types that agree.
    fingerprint : bool
        Whether the files' contents are hashed.
    labels : sequence of Path
        Files with identifier and target of rows whose label came later.
    text : collection of str
        Columns of a CSV file that are read as they are written, zeros in front included.
    types : mapping of str to str, optional
        Types of columns that may be empty here, where :func:`agreement_of` has looked at the files.

    Raises
    ------
    DataError
        Naming file and column.
    """
    import duckdb
    import narwhals.stable.v2 as nw

    connection = connect(*files, *labels)
    needed = {name: part for name, part in columns.items() if not (labels and part in joining.LATER)}
    relation = _open(connection, files, needed, text, types)
    try:
        relation, shadowed = join_labels(connection, relation, columns, labels)
    except duckdb.Error as error:
        raise DataError(f"log file {quote(files[0].name)} cannot be read: {say_briefly(error)}.") from error
    digest = files_sha256((*files, *labels)) if fingerprint else ""
    return Source(
        frame=nw.from_native(relation), name=name_of(files), engine="duckdb", files=tuple(files), sha256=digest,
        shadowed=shadowed,
    )  # fmt: skip


def _open(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    columns: Mapping[str, str],
    text: Collection[str] = (),
    types: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyRelation:
    """Open files of one kind whose columns are there, with types that agree."""
    if types is None:
        types = _require_agreement(connection, files, columns, text).of_empty
    return read_files(connection, files, text, types)


class Agreement(NamedTuple):
    """What files of one log have in common."""

    of_empty: dict[str, str]
    """Types of columns that are empty in some of the files."""
    schemas: dict[Path, tuple[str, ...]]
    """Types of the columns that are needed, by file."""


def agreement_of(files: Sequence[Path], columns: Mapping[str, str], text: Collection[str] = ()) -> Agreement:
    """Return the types of files that are read as one log, though not all at once.

    Raises
    ------
    DataError
        If files lack a column, or their types differ.
    """
    with connect(*files) as connection:
        return _require_agreement(connection, files, columns, text)


def _require_agreement(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], columns: Mapping[str, str], text: Collection[str]
) -> Agreement:
    """Refuse files whose columns or types differ, and CSV files without any row."""
    import duckdb

    kinds = {"csv" if file.name.lower().endswith(CSV) else file.suffix.lower() for file in files}
    if kinds != {"csv"} and kinds != {".parquet"}:
        raise DataError(
            f"log {quote(files[0].name)}: files end in {quote_all(sorted(kinds))}; expected .parquet, or .csv or .tsv."
        )
    schemas: dict[Path, dict[str, str]] = {}
    for file in files:
        if not file.stat().st_size:
            raise DataError(f"log file {quote(file.name)} is empty, without even a header; remove it.")
        _require_few_columns(file)
        try:
            schemas[file] = types_of_file(connection, file, text)
            _require_unique(connection, file, list(schemas[file]), columns)
        except duckdb.Error as error:
            raise DataError(f"log file {quote(file.name)} cannot be read: {say_briefly(error)}.") from error
    require_columns(schemas, columns)
    if kinds == {"csv"} and not any(_has_rows(connection, file, schema, text) for file, schema in schemas.items()):
        names = quote(files[0].name) if len(files) == 1 else f"{quote(files[0].name)} and the others"
        raise DataError(f"log file {names}: no rows below the header.")
    if kinds == {"csv"}:
        types = _types_of_numbers(connection, schemas, columns, text)
        types |= _types_of_empty(connection, schemas, columns, text)
    else:
        types = types_of_nothing(schemas, columns)
    require_one_type(schemas, columns)
    return Agreement(types, {file: tuple(schema[name] for name in columns) for file, schema in schemas.items()})


def _require_few_columns(file: Path) -> None:
    """Refuse a CSV file of very many columns, each of which takes its reader time and memory whether needed or not."""
    if not file.name.lower().endswith(CSV):
        return
    head = _head(file)
    count = max(head.count(","), head.count("\t")) + 1
    if count > MOST_COLUMNS:
        raise DataError(
            f"log file {quote(file.name)} has about {count:,} columns; of CSV files at most {MOST_COLUMNS:,} are read. "
            "Write it as Parquet, of which only the columns that are needed are read, or leave columns out."
        )


def _head(file: Path) -> str:
    """Return the first line of a text file; what is wrong with the file is said by its reader."""
    unpacked = gzip.open if file.name.lower().endswith(".gz") else open
    try:
        with unpacked(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as lines:
            return lines.readline(MOST_HEAD).strip("\r\n")
    except (OSError, EOFError, zlib.error):
        return ""


def _require_unique(
    connection: duckdb.DuckDBPyConnection, file: Path, known: Sequence[str], columns: Collection[str]
) -> None:
    """Refuse a column that a file has twice, of which DuckDB would read the first in silence and rename the others."""
    renamed = {name.lower() for name in known}
    for name in (column for column in columns if f"{column}_1".lower() in renamed):
        if file.name.lower().endswith(CSV):
            names = next(csv.reader([_head(file)], delimiter=separator(file)), [])
        else:
            query = "SELECT DISTINCT path_in_schema, column_id FROM parquet_metadata(?)"
            names = [str(row[0]) for row in connection.execute(query, [pattern_of(file)]).fetchall()]
        alike = [other for other in names if other.strip().lower() == name.lower()]
        if len(alike) > 1:
            raise DataError(f"log file {quote(file.name)} has {len(alike)} columns {quote(name)}; rename or drop one.")


def _types_of_numbers(
    connection: duckdb.DuckDBPyConnection,
    schemas: dict[Path, dict[str, str]],
    columns: Mapping[str, str],
    text: Collection[str],
) -> dict[str, str]:
    """Give scores and weights of CSV files that are taken for words, as DuckDB takes `inf`, the type of numbers."""
    types = {}
    missing = ", ".join(map(joining.literal, MISSING_TEXTS))
    for name in (name for name, part in columns.items() if part in ("score", "weight")):
        words = [file for file, schema in schemas.items() if schema[name] == "VARCHAR"]
        column = quote_sql(name)
        bad = f"count(*) FILTER ({column} NOT IN ({missing}) AND TRY_CAST({column} AS DOUBLE) IS NULL), count({column})"
        counts = [read_files(connection, [file], text).aggregate(bad).fetchall()[0] for file in words]
        if counts and not any(wrong for wrong, _ in counts) and any(there for _, there in counts):
            types[name] = "DOUBLE"
            for file in words:
                schemas[file][name] = "DOUBLE"
    return types


def _types_of_empty(
    connection: duckdb.DuckDBPyConnection,
    schemas: dict[Path, dict[str, str]],
    columns: Mapping[str, str],
    text: Collection[str],
) -> dict[str, str]:
    """Give columns that are empty in some CSV files the type that they have in the others, and return those types."""
    texts = {}
    for name in columns:
        stated = {schema[name] for schema in schemas.values()} - {"VARCHAR"}
        words = [file for file, schema in schemas.items() if schema[name] == "VARCHAR"]
        if not stated or not words or name in text:
            continue
        empty = [file for file in words if not _has_values(connection, file, name, text)]
        if len(empty) == len(words):
            texts[name] = common_type(stated)
            for file in empty:
                schemas[file][name] = texts[name]
    return texts


def _has_rows(
    connection: duckdb.DuckDBPyConnection, file: Path, schema: Mapping[str, str], text: Collection[str]
) -> bool:
    """Tell whether a CSV file has a row; one whose columns are not all words has."""
    return set(schema.values()) != {"VARCHAR"} or bool(read_files(connection, [file], text).limit(1).fetchall())


def _has_values(connection: duckdb.DuckDBPyConnection, file: Path, name: str, text: Collection[str]) -> bool:
    rows = read_files(connection, [file], text).aggregate(f"count({quote_sql(name)})").fetchall()
    return bool(rows[0][0])


def unreadable(files: Sequence[Path], columns: Collection[str]) -> str:
    """Say which value of which CSV file is not of the type of its column; ``""`` where all are.

    Parameters
    ----------
    files : sequence of Path
    columns : collection of str
        Those that were to be read.
    """
    if not files or not files[0].name.lower().endswith(CSV):
        return ""
    with connect(*files) as connection:
        guessed = read_csv(connection, files, MISSING_TEXTS, None)
        types = dict(zip(guessed.columns, map(str, guessed.types), strict=True))
        words = read_csv(connection, files, MISSING_TEXTS, dict.fromkeys(set(types) - {FILE}, "VARCHAR"))
        for name in (column for column in columns if types.get(column, "VARCHAR") != "VARCHAR"):
            column = quote_sql(name)
            bad = f"{column} IS NOT NULL AND TRY_CAST({column} AS {types[name]}) IS NULL"
            for value, file in words.filter(bad).project(f"{column}, {quote_sql(FILE)}").limit(1).fetchall():
                return (
                    f"column {quote(name)} holds {quote(value)} in {quote(Path(file).name)}, where other rows hold "
                    f"{types[name]}; write it in one type"
                )
    return ""


def open_table(database: Path, table: str, columns: Mapping[str, str], *, labels: Sequence[Path] = ()) -> Source:
    """Open a table or view of a DuckDB file, read only; labels that came later as in :func:`open_files`.

    Raises
    ------
    DataError
        If it cannot be opened, lacks a column, or identifiers or times are not what they should be.
    """
    import duckdb
    import narwhals.stable.v2 as nw

    connection = connect(database, *labels)
    try:
        connection.execute(f"ATTACH {joining.literal(database)} AS house (READ_ONLY)")
        known = [
            row[0]
            for row in connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'house'"
            ).fetchall()
        ]
        if table not in known:
            raise DataError(
                f"table {quote(table)} is not in {quote(database.name)}; it has {quote_all(known) or 'none'}."
                + hint(table, known)
            )
        relation = connection.sql(f"SELECT * FROM house.{quote_sql(table)}")  # noqa: S608 -- the name is quoted
        schema = dict(zip(relation.columns, map(str, relation.types), strict=True))
        needed = {name: part for name, part in columns.items() if not (labels and part in joining.LATER)}
        require_columns({database: schema}, needed)
        relation, shadowed = join_labels(connection, relation, columns, labels)
    except duckdb.Error as error:
        raise DataError(f"database {quote(database.name)} cannot be read: {say_briefly(error)}.") from error
    return Source(
        frame=nw.from_native(relation), name=f"{database.name}: {table}", engine="duckdb", files=(database,),
        sha256=files_sha256((database, *labels)), shadowed=shadowed,
    )  # fmt: skip


def join_labels(
    connection: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation,
    columns: Mapping[str, str],
    labels: Sequence[Path] = (),
) -> tuple[duckdb.DuckDBPyRelation, bool]:
    """Return a log's columns with times read, identifiers checked, and labels that came later beside their rows.

    And whether several models answered the same requests.

    Raises
    ------
    DataError
        If times cannot be read, identifiers stand twice, or labels contradict each other.
    """
    named = {part: name for name, part in columns.items()}
    relation.create_view("log", replace=True)
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    times = joining.require_times(connection, "log", named, types, "time")
    if not labels:
        times |= joining.require_times(connection, "log", named, types, "label time")
    shadowed = "id" in named and joining.require_unique(connection, "log", named)
    own = {name: part for name, part in columns.items() if not (labels and part in joining.LATER)}
    query = f"SELECT {joining.select_columns(own, times, files=FILE in relation.columns)} FROM log"  # noqa: S608 -- quoted
    if labels:
        needed = {name: part for name, part in columns.items() if part in ("id", *joining.LATER)}
        late = _open(connection, labels, needed)
        late.create_view("late", replace=True)
        kinds = dict(zip(late.columns, map(str, late.types), strict=True))
        if family_of(kinds[named["id"]]) != family_of(types[named["id"]]):
            where = quote(labels[0].name)
            raise DataError(joining.differing_ids(named["id"], types[named["id"]], kinds[named["id"]], where))
        when = joining.require_times(connection, "late", named, kinds, "label time")
        unique = joining.later_labels(connection, "late", named, when, kinds, labels[0].name)
        query = f"SELECT * FROM ({query}) LEFT JOIN ({unique}) USING ({quote_sql(named['id'])})"  # noqa: S608
    joining.require_past(connection, f"({query})", named)
    return connection.sql(query), shadowed


def say_briefly(error: Exception) -> str:
    """Return the words of an engine's error, without the query that it quotes, or what is wrong with a CSV file."""
    text = " ".join(str(error).split("\nLINE 1:")[0].split())
    if "Error when sniffing file" in text:
        return (
            "its rows do not fit its header. Expected UTF-8, a comma (.tsv: a tab) between values, as many values in "
            'each row as the header has names, and " around texts, closed again and doubled inside them'
        )
    return textwrap.shorten(text, 250, placeholder=" …").rstrip(".")


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
