"""Open a log that DuckDB reads: Parquet or CSV files, or a table of a DuckDB file."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.reading import Reading
from audit.data.tables import files_sha256
from audit.errors import DataError, hint, quote, quote_all
from audit.logs import joining
from audit.logs.agreement import Agreement, agreement_of, require_columns
from audit.logs.column_types import family_of
from audit.logs.connection import connect
from audit.logs.joining import FILE, quote_sql
from audit.logs.missing import without_missing
from audit.logs.reading import say_briefly
from audit.logs.vanished import require_files

if TYPE_CHECKING:
    import duckdb
    import narwhals.stable.v2 as nw

TALLIES = "tallies"
"""Folder of what was counted, in the folder of records."""
_TALLY = re.compile(r"[0-9a-f]{32}-([0-9a-f]{64}|none)\.parquet")


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
    paths = sorted(path for path in map(Path, names) if not is_tally(path))
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
    _require_apart(files, f"{what} {quote(pattern)}", folder)
    return files


def is_tally(path: Path) -> bool:
    """Tell whether a file is what an earlier run counted, which a pattern such as ``**/*.parquet`` names, too.

    Examples
    --------
    >>> digest = "0123456789abcdef" * 2
    >>> is_tally(Path(f"monitor/tallies/{digest}-none.parquet")), is_tally(Path(f"logs/{digest}-none.parquet"))
    (True, False)
    """
    return path.parent.name == TALLIES and _TALLY.fullmatch(path.name) is not None


def _require_apart(files: Sequence[Path], what: str, folder: Path) -> None:
    """Refuse one file under two names, as links give it: its rows would count twice."""
    places: dict[tuple[int, int], Path] = {}
    for file in files:
        known = file.stat()
        first = places.setdefault((known.st_dev, known.st_ino), file)
        if first is not file:
            names = [path.relative_to(folder) if path.is_relative_to(folder) else path for path in (first, file)]
            raise DataError(
                f"{what}: {' and '.join(map(quote, names))} are one file, as a link makes them; rows would count "
                "twice. Remove the link, or name files that leave it out."
            )


def open_files(
    files: Sequence[Path],
    columns: Mapping[str, str],
    *,
    fingerprint: bool = True,
    labels: Sequence[Path] = (),
    reading: Reading | None = None,
    agreement: Agreement | None = None,
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
    reading : Reading, optional
        How CSV files are written, and which words stand for no value.
    agreement : Agreement, optional
        What these files have in common with others of the log, where they have been looked at.

    Raises
    ------
    DataError
        Naming file and column.
    """
    import duckdb
    import narwhals.stable.v2 as nw

    needed = {name: part for name, part in columns.items() if not (labels and part in joining.LATER)}
    with require_files((*files, *labels)):
        connection = connect(*files, *labels)
        agreement = agreement_of(files, needed, reading) if agreement is None else agreement
        try:
            relation = agreement.read(connection, files)
            relation, shadowed = join_labels(connection, relation, columns, labels, reading)
        except duckdb.Error as error:
            raise DataError(f"log file {quote(files[0].name)} cannot be read: {say_briefly(error)}.") from error
        digest = files_sha256((*files, *labels)) if fingerprint else ""
    return Source(
        frame=nw.from_native(relation), name=name_of(files), engine="duckdb", files=tuple(files), sha256=digest,
        shadowed=shadowed,
    )  # fmt: skip


def open_table(
    database: Path,
    table: str,
    columns: Mapping[str, str],
    *,
    labels: Sequence[Path] = (),
    reading: Reading | None = None,
) -> Source:
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
        relation, shadowed = join_labels(connection, relation, columns, labels, reading)
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
    reading: Reading | None = None,
) -> tuple[duckdb.DuckDBPyRelation, bool]:
    """Return a log's columns with times read, identifiers checked, and labels that came later beside their rows.

    And whether several models answered the same requests.

    Raises
    ------
    DataError
        If times cannot be read, identifiers stand twice, or labels contradict each other.
    """
    named = {part: name for name, part in columns.items()}
    relation = _without(relation, columns, reading)
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
        late = _without(agreement_of(labels, needed, reading).read(connection, labels), needed, reading)
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


def _without(
    relation: duckdb.DuckDBPyRelation, columns: Collection[str], reading: Reading | None
) -> duckdb.DuckDBPyRelation:
    import narwhals.stable.v2 as nw

    if reading is None or not reading.missing:
        return relation
    kept: duckdb.DuckDBPyRelation = without_missing(nw.from_native(relation), columns, reading.missing).to_native()
    return kept
