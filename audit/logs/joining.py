"""What must be known of a whole log before it is counted: times, identifiers, and labels that came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import DataError, shown

if TYPE_CHECKING:
    import duckdb

ROWS = "\trows"
"""Number of the window of so many rows; no column of a log has this name."""


def quoted(name: str) -> str:
    """Quote a name for SQL.

    Examples
    --------
    >>> print(quoted('a"b'))
    "a""b"
    """
    return '"' + name.replace('"', '""') + '"'


def require_times(connection: duckdb.DuckDBPyConnection, log: str, name: str, type_: str) -> str:
    """Return the expression of a time, parsed where times are texts.

    Raises
    ------
    DataError
        With file and value of the first that cannot be read as a time.
    """
    column = quoted(name)
    if type_.startswith(("TIMESTAMP", "DATE")):
        return f"CAST({column} AS TIMESTAMP)"
    if type_ != "VARCHAR":
        raise DataError(f"time column {shown(name)} has type {type_}; expected dates or times.")
    bad = f"{column} IS NOT NULL AND TRY_CAST({column} AS TIMESTAMP) IS NULL"
    found = connection.execute(f"SELECT count(*), any_value({column}) FROM {log} WHERE {bad}").fetchall()[0]  # noqa: S608
    if found[0]:
        where = _file_of(connection, log, bad)
        raise DataError(
            f"time column {shown(name)} holds {found[0]} values that are not times, such as {shown(found[1])}{where}; "
            "expected ISO dates or times."
        )
    return f"CAST({column} AS TIMESTAMP)"


def require_unique(connection: duckdb.DuckDBPyConnection, log: str, name: str) -> None:
    """Refuse a log in which an identifier stands twice, or nowhere.

    Raises
    ------
    DataError
        With the number of identifiers and an example.
    """
    column = quoted(name)
    sql = f"SELECT {column}, count(*) AS n FROM {log} GROUP BY 1 HAVING n > 1 OR {column} IS NULL"  # noqa: S608
    found = connection.execute(f"SELECT count(*), any_value({column}), sum(n) FROM ({sql})").fetchall()[0]  # noqa: S608
    if found[0]:
        where = _file_of(connection, log, f"{column} = {literal(found[1])}") if found[1] is not None else ""
        raise DataError(twice(name, found[0], found[2], found[1], where))


def twice(name: str, values: int, rows: int, example: object, where: str) -> str:
    """Say that identifiers do not distinguish rows."""
    return (
        f"id column {shown(name)} does not distinguish rows: {values} values stand for {rows} rows, such as "
        f"{shown(example)}{where}. Rows would count twice; keep one of each, or leave [data] id out."
    )


def literal(value: object) -> str:
    """Write a value as a text of SQL.

    Examples
    --------
    >>> print(literal("it's"))
    'it''s'
    """
    return "'" + str(value).replace("'", "''") + "'"


def _file_of(connection: duckdb.DuckDBPyConnection, log: str, condition: str) -> str:
    """Return where a condition holds, in words; nothing where files are not known."""
    sql = f"SELECT DISTINCT filename FROM {log} WHERE {condition} ORDER BY 1 LIMIT 2"  # noqa: S608
    try:
        names = [Path(str(row[0])).name for row in connection.execute(sql).fetchall()]
    except Exception:  # a log without file names
        return ""
    return f" in {' and '.join(shown(name) for name in names)}" if names else ""


def later_labels(
    connection: duckdb.DuckDBPyConnection, labels: str, id_: str, target: str, files: Sequence[Path]
) -> str:
    """Return the query of one label an identifier.

    Raises
    ------
    DataError
        If an identifier has two labels.
    """
    key, truth = quoted(id_), quoted(target)
    sql = f"SELECT {key}, any_value({truth}) AS {truth}, count(DISTINCT {truth}) AS n FROM {labels} GROUP BY 1"  # noqa: S608
    twice = connection.execute(f"SELECT count(*), any_value({key}) FROM ({sql}) WHERE n > 1").fetchall()[0]  # noqa: S608
    if twice[0]:
        raise DataError(
            f"labels {shown(files[0].name)}: {twice[0]} values of {shown(id_)} have two labels, such as "
            f"{shown(twice[1])}; keep the one that holds."
        )
    return f"SELECT {key}, {truth} FROM ({sql})"  # noqa: S608


def selected(columns: Mapping[str, str], times: str) -> str:
    """Return the columns of a log as SQL, its time as `times`.

    Examples
    --------
    >>> selected({"y": "target", "t": "time"}, 'CAST("t" AS TIMESTAMP)')
    '"y", CAST("t" AS TIMESTAMP) AS "t"'
    """
    return ", ".join(f"{times} AS {quoted(name)}" if part == "time" else quoted(name) for name, part in columns.items())
