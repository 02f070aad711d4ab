"""What must be known of a whole log before it is counted: times, identifiers, and labels that came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import DataError, quote
from audit.logs.windows import latest_time
from reports.phrases import count_noun

if TYPE_CHECKING:
    import duckdb

FILE = "\tfile"
"""Name of the file; no column of a log has this name."""
NAMELESS = "\tnone"
"""Stands for a missing name; no name in a log is this one."""
MISSING_TEXTS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Texts of a CSV file that stand for no value, as in every other table that is read."""
LATER = ("target", "label time")
"""Parts that are in the files of labels, where there are such."""


def quote_sql(name: str) -> str:
    """Quote a name for SQL.

    Examples
    --------
    >>> print(quote_sql('a"b'))
    "a""b"
    """
    return '"' + name.replace('"', '""') + '"'


def is_value(column: str, missing: Sequence[str] = ()) -> str:
    """Write the condition that a word does not stand for a missing value.

    Parameters
    ----------
    column : str
        A quoted name.
    missing : sequence of str
        Words that do so beside the usual ones.
    """
    return f"{column} NOT IN ({', '.join(map(literal, (*MISSING_TEXTS, *missing)))})"


def as_time(column: str, type_: str) -> str:
    """Return the expression of a time in UTC without a zone, of texts, and of dates and times of any unit.

    Nanoseconds with a zone, as pandas writes them, have no way to a plain time but by one with a zone; texts would lose
    their zone on any other. That way is seven times as long, and the range that a file states of its times is no longer
    looked at, so that no other time takes it.

    Examples
    --------
    >>> as_time('"t"', "TIMESTAMP"), as_time('"t"', "VARCHAR")
    ('CAST("t" AS TIMESTAMP)', 'CAST(CAST("t" AS TIMESTAMPTZ) AS TIMESTAMP)')
    """
    own = f"CAST({column} AS TIMESTAMPTZ)" if type_ in ("VARCHAR", "TIMESTAMPTZ_NS") else column
    return f"CAST({own} AS TIMESTAMP)"


def require_times(
    connection: duckdb.DuckDBPyConnection, log: str, named: Mapping[str, str], types: Mapping[str, str], part: str
) -> dict[str, str]:
    """Return the expression of a time by the name of its column, parsed where times are texts.

    Parameters
    ----------
    connection : DuckDBPyConnection
    log : str
        Name of a view.
    named : mapping of part to column
    types : mapping of column to type
    part : {"time", "label time"}
        Without such a column there is nothing to return.

    Raises
    ------
    DataError
        With file and value of the first that cannot be read as a time.
    """
    if part not in named:
        return {}
    name = named[part]
    column, type_ = quote_sql(name), types[name]
    if type_.startswith(("TIMESTAMP", "DATE")):
        return {name: as_time(column, type_)}
    if type_ != "VARCHAR":
        raise DataError(f"{part} column {quote(name)} has type {type_}; expected dates or times.")
    bad = f"{is_value(column)} AND TRY_CAST({column} AS TIMESTAMPTZ) IS NULL"
    pair = connection.execute(f"SELECT count(*), any_value({column}) FROM {log} WHERE {bad}").fetchall()[0]  # noqa: S608
    if pair[0]:
        where = _file_of(connection, log, bad)
        raise DataError(
            f"{part} column {quote(name)} holds {pair[0]} values that are not times, such as "
            f"{quote(pair[1])}{where}; expected ISO dates or times."
        )
    return {name: as_time(f"CASE WHEN {is_value(column)} THEN {column} END", type_)}


def require_past(connection: duckdb.DuckDBPyConnection, log: str, named: Mapping[str, str]) -> None:
    """Refuse decisions in the future.

    Raises
    ------
    DataError
        With column, file and an example.
    """
    if "time" not in named:
        return
    name = quote_sql(named["time"])
    bad = f"{name} > TIMESTAMP {literal(latest_time())}"  # files whose times are all before it are not read for this
    rows, example = connection.execute(f"SELECT count(*), min({name}) FROM {log} WHERE {bad}").fetchall()[0]  # noqa: S608
    if rows:
        raise DataError(future(named["time"], rows, example, _file_of(connection, log, bad)))


def future(name: str, rows: int, example: object, where: str) -> str:
    """Say that decisions lie in the future.

    Examples
    --------
    >>> future("t", 2, "2999-01-01", "")
    "time column 't' has 2 values that lie in the future, such as '2999-01-01'; correct or remove these rows."
    """
    return (
        f"time column {quote(name)} has {rows} values that lie in the future, such as {quote(example)}{where}; correct "
        "or remove these rows."
    )


def require_unique(connection: duckdb.DuckDBPyConnection, log: str, named: Mapping[str, str]) -> bool:
    """Refuse a log in which an identifier stands twice, or nowhere; with a model column, twice for one model.

    Returns
    -------
    bool
        Whether several models answered the same requests, see :func:`is_shadowed`.

    Raises
    ------
    DataError
        With the number of identifiers and an example.
    """
    name, model = named["id"], named.get("model")
    column = quote_sql(name)
    who = "1" if model is None else f"coalesce(CAST({quote_sql(model)} AS VARCHAR), {literal(NAMELESS)})"
    sql = (
        f"SELECT {column}, count(*) AS n, count(DISTINCT {who}) AS models FROM {log} GROUP BY 1 "  # noqa: S608
        f"HAVING n > 1 OR {column} IS NULL"
    )
    double = f"{column} IS NOT NULL AND n > models"
    facts = (
        f"count(*) FILTER ({double}), any_value({column}) FILTER ({double}), sum(n) FILTER ({double}), "
        f"sum(n) FILTER ({column} IS NULL), sum(models - 1)"
    )
    values, example, rows, missing, again = connection.execute(f"SELECT {facts} FROM ({sql})").fetchall()[0]  # noqa: S608
    if missing:
        raise DataError(nameless(name, missing, _file_of(connection, log, f"{column} IS NULL")))
    if values:
        where = _file_of(connection, log, f"{column} = {literal(example)}")
        raise DataError(twice(name, values, rows, example, where, model))
    if model is None or not again:
        return False
    sizes = f"SELECT count(*) AS n FROM {log} GROUP BY {who}"  # noqa: S608 -- names are quoted
    total, largest = connection.execute(f"SELECT sum(n), max(n) FROM ({sizes})").fetchall()[0]  # noqa: S608
    return is_shadowed(int(again), int(total), int(largest))


def is_shadowed(again: int, total: int, largest: int) -> bool:
    """Tell whether models answered the same requests by intent: at least half of the rows of all but the largest.

    A request that was sent to another model once more, as after a failure, is none.

    Parameters
    ----------
    again : int
        Rows whose request another model answered, too, the first of each left out.
    total, largest : int
        All rows, and those of the model that has most.

    Examples
    --------
    >>> is_shadowed(50, 1050, 1000), is_shadowed(3, 2000, 1000)
    (True, False)
    """
    return 2 * again >= total - largest > 0


def nameless(name: str, rows: int, where: str) -> str:
    """Say that rows have no identifier.

    Examples
    --------
    >>> nameless("id", 1, " in 'a.csv'")
    "id column 'id' has no value in 1 row in 'a.csv'; give each row an identifier of its own, or leave [data] id out."
    """
    return (
        f"id column {quote(name)} has no value in {count_noun(rows, 'row')}{where}; give each row an identifier of its "
        "own, or leave [data] id out."
    )


def twice(name: str, values: int, rows: int, example: object, where: str, model: str | None = None) -> str:
    """Say that identifiers do not distinguish rows, or the rows of one model."""
    what = "rows" if model is None else f"rows of one {quote(model)}"
    text = (
        f"id column {quote(name)} does not distinguish {what}: {values} values belong to {rows} rows, such as "
        f"{quote(example)}{where}. Rows would count twice; keep one of each, or leave [data] id out."
    )
    if model is None:
        text += " Where several models answered each request, name the column that says which in [data] model."
    return text


def contradicting(name: str, values: int, example: object, where: str) -> str:
    """Say that identifiers have more than one label.

    Examples
    --------
    >>> print(contradicting("id", 1, 7, " in 'late.csv'")[:78])
    labels contradict each other: 1 values of 'id' have more than one, such as '7'
    """
    return (
        f"labels contradict each other: {values} values of {quote(name)} have more than one, such as "
        f"{quote(example)}{where}; keep the correct one."
    )


def differing_ids(name: str, log: str, labels: str, where: str) -> str:
    """Say that identifiers are written in one type in the log and in another in the labels."""
    return f"id column {quote(name)} has type {log} in the log and {labels} in {where}; write it in one type in both."


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
    sql = f"SELECT DISTINCT {quote_sql(FILE)} FROM {log} WHERE {condition} ORDER BY 1 LIMIT 2"  # noqa: S608
    try:
        names = [Path(str(row[0])).name for row in connection.execute(sql).fetchall()]
    except Exception:  # a log without file names
        return ""
    return f" in {' and '.join(quote(name) for name in names)}" if names else ""


def later_labels(
    connection: duckdb.DuckDBPyConnection,
    labels: str,
    named: Mapping[str, str],
    when: Mapping[str, str],
    types: Mapping[str, str],
    name: str,
) -> str:
    """Return the query of one label an identifier, with the earliest time at which it was known.

    Rows without an identifier or without a label, NaN included, say nothing.

    Parameters
    ----------
    connection : DuckDBPyConnection
    labels : str
        Name of a view.
    named : mapping of part to column
    when : mapping of column to expression
        The time at which a label was known, if there is one.
    types : mapping of column to type
    name : str
        What the labels are called where no file is known.

    Raises
    ------
    DataError
        If an identifier has two labels.
    """
    key, truth = quote_sql(named["id"]), quote_sql(named["target"])
    is_float = types[named["target"]] in ("FLOAT", "DOUBLE")  # as in audit.logs.numbers.is_number
    there = f"isfinite({truth}) OR abs({truth}) = 'inf'::DOUBLE" if is_float else f"{truth} IS NOT NULL"
    known = "".join(f", min({expression}) AS {quote_sql(column)}" for column, expression in when.items())
    sums = f"any_value({truth}) AS {truth}{known}, count(DISTINCT {truth}) AS n"
    sql = f"SELECT {key}, {sums} FROM {labels} WHERE {key} IS NOT NULL AND ({there}) GROUP BY 1"  # noqa: S608 -- quoted
    values, example = connection.execute(f"SELECT count(*), min({key}) FROM ({sql}) WHERE n > 1").fetchall()[0]  # noqa: S608
    if values:
        where = _file_of(connection, labels, f"{key} = {literal(example)}")
        raise DataError(contradicting(named["id"], values, example, where or f" in {quote(name)}"))
    return f"SELECT * EXCLUDE (n) FROM ({sql})"  # noqa: S608


def select_columns(columns: Mapping[str, str], times: Mapping[str, str], *, files: bool = False) -> str:
    """Return the columns of a log as SQL, its times as stated, and the name of each row's file where it is known.

    Examples
    --------
    >>> select_columns({"y": "target", "t": "time"}, {"t": 'CAST("t" AS TIMESTAMP)'})
    '"y", CAST("t" AS TIMESTAMP) AS "t"'
    """
    names = [f"{times[name]} AS {quote_sql(name)}" if name in times else quote_sql(name) for name in columns]
    return ", ".join([*names, *([quote_sql(FILE)] if files else [])])
