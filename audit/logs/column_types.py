"""Types of a log's columns, in the words of DuckDB, and what they have in common over its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from audit.errors import DataError, quote

NOTHING = '"NULL"'
"""Type of a column that has no value."""
_TYPES_OF_PARTS = {"score": "DOUBLE", "weight": "DOUBLE", "time": "TIMESTAMP", "label time": "TIMESTAMP"}
_FAMILIES = {"VARCHAR": "text", "BOOLEAN": "true or false", "DATE": "time", "TIME": "time"}


def types_of_nothing(schemas: Mapping[Path, dict[str, str]], columns: Mapping[str, str]) -> dict[str, str]:
    """Give columns without a type, as pandas writes to Parquet what has no value, the type that they have elsewhere.

    Where no file has a value, the type follows from the column's part.

    Parameters
    ----------
    schemas : mapping of Path to types by column
        Is brought up to date.
    columns : mapping of column to the part it plays

    Returns
    -------
    dict of str to str
        The types that were given.
    """
    types = {}
    for name, part in columns.items():
        stated = {schema[name] for schema in schemas.values()}
        if NOTHING not in stated:
            continue
        types[name] = common_type(stated - {NOTHING}) if len(stated) > 1 else _TYPES_OF_PARTS.get(part, "VARCHAR")
        for schema in schemas.values():
            schema[name] = types[name] if schema[name] == NOTHING else schema[name]
    return types


def common_type(types: Collection[str]) -> str:
    """Return a type that holds the values of all of these, which are of one family.

    Examples
    --------
    >>> common_type({"BIGINT"}), common_type({"BIGINT", "HUGEINT"}), common_type({"BIGINT", "DECIMAL(4,2)"})
    ('BIGINT', 'HUGEINT', 'DOUBLE')
    >>> common_type({"ENUM('a')"}), common_type({"BOOLEAN", "VARCHAR"})
    ('VARCHAR', 'VARCHAR')
    """
    first = next(iter(types))
    if len(types) == 1 and not first.startswith("ENUM"):
        return first
    if all(kind.endswith("INT") or kind == "INTEGER" for kind in types):
        return "HUGEINT" if {"HUGEINT", "UHUGEINT", "UBIGINT"} & set(types) else "BIGINT"
    return {"number": "DOUBLE", "time": "TIMESTAMP"}.get(family_of(first), "VARCHAR")


def require_one_type(schemas: Mapping[Path, Mapping[str, str]], columns: Mapping[str, str]) -> None:
    """Refuse files in which a column has types of more than first family.

    Raises
    ------
    DataError
        Naming both files and the column.
    """
    for name in columns:
        table: dict[str, tuple[Path, str]] = {}
        for file, schema in schemas.items():
            table.setdefault(family_of(schema[name]), (file, schema[name]))
        if len(table) > 1:
            (first, text), (second, other) = list(table.values())[:2]
            words = "" if first.suffix == ".parquet" else ", or name it in [data] text, to read it as it is written"
            raise DataError(
                f"column {quote(name)} has type {text} in {quote(first.name)} and {other} in {quote(second.name)}; "
                f"write it in one type in every file{words}."
            )


def family_of(type_: str) -> str:
    """Return the family of a type of DuckDB; values of one family can stand in one column.

    Examples
    --------
    >>> family_of("TIMESTAMP_NS"), family_of("DECIMAL(4,2)"), family_of("ENUM('a')")
    ('time', 'number', 'text')
    """
    if type_.startswith("TIMESTAMP"):
        return "time"
    return _FAMILIES.get(type_, "text" if type_.startswith("ENUM") else "number")
