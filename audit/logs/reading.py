"""Read Parquet and CSV files as one relation of DuckDB: the latter's values as every other table of ours has them."""

from __future__ import annotations

import glob
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit.logs.joining import FILE, as_time, literal, quote_sql

if TYPE_CHECKING:
    import duckdb

MISSING_TEXTS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Texts of a CSV file that stand for no value, as in every other table that is read."""
CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


def pattern_of(file: Path) -> str:
    """Return the pattern that matches this file alone: DuckDB takes every name for a pattern."""
    return glob.escape(str(file))


def separator(file: Path) -> str:
    """Return what stands between the values of a text file."""
    return "\t" if file.name.lower().removesuffix(".gz").endswith(".tsv") else ","


def read_csv(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    missing: Sequence[str],
    types: Mapping[str, str] | None,
) -> duckdb.DuckDBPyRelation:
    """Open CSV files with these types, or those that DuckDB guesses."""
    return connection.read_csv(
        [pattern_of(file) for file in files],  # type: ignore[arg-type]  # several names are read as one table
        header=True,
        quotechar='"',
        escapechar='"',
        sep=separator(files[0]),
        na_values=list(missing),
        filename=FILE,
        union_by_name=len(files) > 1,
        dtype=None if types is None else dict(types),
    )


def read_files(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    text: Collection[str],
    stated: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyRelation:
    """Open files of one kind, with the types that are stated; times of CSV files stay words until they are read."""
    if not files[0].name.lower().endswith(CSV):
        return _read_parquet(connection, files, stated or {})
    guessed = read_csv(connection, files, MISSING_TEXTS, None)
    types = _types(guessed, text) | {name: kind for name, kind in (stated or {}).items() if name in guessed.columns}
    if not stated and not {"VARCHAR", "BOOLEAN"} & set(types.values()):
        return guessed
    words = read_csv(connection, files, [""], dict.fromkeys(types, "VARCHAR"))
    return words.project(", ".join([*(_typed(name, kind) for name, kind in types.items()), quote_sql(FILE)]))


def types_of_file(connection: duckdb.DuckDBPyConnection, file: Path, text: Collection[str]) -> dict[str, str]:
    """Return the types that a file's columns have as :func:`read_files` reads them, without reading its rows."""
    if not file.name.lower().endswith(CSV):
        relation = _read_parquet(connection, [file], {})
        return dict(zip(relation.columns, map(str, relation.types), strict=True))
    types = _types(read_csv(connection, [file], MISSING_TEXTS, None), text)
    return {name: "VARCHAR" if kind == "BOOLEAN" else kind for name, kind in types.items()}


def _read_parquet(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], stated: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    names = ", ".join(literal(pattern_of(file)) for file in files)
    how = f"union_by_name = {len(files) > 1}, filename = {literal(FILE)}"
    casts = ", ".join(f"{_cast(quote_sql(name), kind)} AS {quote_sql(name)}" for name, kind in stated.items())
    what = f"* REPLACE ({casts})" if casts else "*"
    return connection.sql(f"SELECT {what} FROM read_parquet([{names}], {how})")  # noqa: S608 -- names are quoted


def _cast(column: str, kind: str) -> str:
    return as_time(column) if kind == "TIMESTAMP" else f"CAST({column} AS {kind})"


def _types(guessed: duckdb.DuckDBPyRelation, text: Collection[str]) -> dict[str, str]:
    """Return the types that were guessed of a CSV file's columns, without times and those that are texts."""
    types = dict(zip(guessed.columns, map(str, guessed.types), strict=True))
    del types[FILE]
    times = {name for name, kind in types.items() if kind.startswith(("DATE", "TIME"))}
    return types | dict.fromkeys(times | (set(text) & set(types)), "VARCHAR")


def _typed(name: str, kind: str) -> str:
    """Write a column read as words in its type; in a column of words only the empty field is missing.

    Words such as NA stand for a missing number, and are words among words; yes and no are words, too.
    """
    column = quote_sql(name)
    if kind == "VARCHAR":
        return column
    if kind == "BOOLEAN":
        return f"CASE lower({column}) WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' ELSE {column} END AS {column}"
    missing = ", ".join(f"'{text}'" for text in MISSING_TEXTS)
    return f"CAST(CASE WHEN {column} IN ({missing}) THEN NULL ELSE {column} END AS {kind}) AS {column}"
