"""Open a log that is a frame: pandas, Polars, PyArrow, DuckDB, Dask, Spark, through one set of expressions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit.data.columns import label_texts
from audit.errors import DataError, quote
from audit.logs.agreement import require_columns
from audit.logs.joining import LATER, NAMELESS, contradicting, differing_ids, future, is_shadowed, nameless, twice
from audit.logs.missing import without_missing
from audit.logs.numbers import is_number
from audit.logs.reading import say_briefly
from audit.logs.sources import Source
from audit.logs.windows import latest_time

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

UTC = ("UTC", "Etc/UTC")
TIMES = ("time", "label time")
MOST_EXACT = 2**53
"""Up to it, a double holds every whole number."""
SQL = ("duckdb", "pyspark", "sqlframe")
"""Engines that compare times of UTC with times without a zone; others refuse to."""


def open_frame(
    frame: object,
    columns: Mapping[str, str],
    *,
    name: str = "",
    labels: object | None = None,
    missing: Sequence[str] = (),
) -> Source:
    """Take a frame that Narwhals knows: pandas, Polars, PyArrow, DuckDB, Dask, Spark.

    Parameters
    ----------
    frame : object
    columns : mapping of column to the part it plays
    name : str
        What the record calls it; the engine's name without one.
    labels : object, optional
        Frame of the same library with identifier and target of rows whose label came later.
    missing : sequence of str
        Words that stand for no value.

    Raises
    ------
    DataError
        If it is none, lacks a column, or identifiers or times are not what they should be.
    """
    own = {column: part for column, part in columns.items() if not (labels is not None and part in LATER)}
    log = _open(frame, own, name)
    name = name or f"{log.implementation.value} frame"
    named = {part: column for column, part in columns.items()}
    try:
        log = _in_utc(without_missing(log, own, missing), own, name)
        shadowed = "id" in named and _require_unique(log, named, name)
        if labels is not None:
            log = _join(log, labels, columns, name, missing)
        _require_past(log, named, name)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"log {quote(name)} cannot be read: {say_briefly(error)}.") from error
    return Source(frame=log, name=name, engine=str(log.implementation.value), shadowed=shadowed)


def _nw() -> Any:  # noqa: ANN401 -- a module
    import narwhals.stable.v2

    return narwhals.stable.v2


def _open(frame: object, columns: Mapping[str, str], name: str) -> nw.LazyFrame[Any]:
    try:
        lazy: nw.LazyFrame[Any] = _nw().from_native(_plain(frame, columns)).lazy()
    except TypeError as error:
        kind = quote(type(frame).__name__)
        raise DataError(f"log is a {kind}; expected a path, or a frame that Narwhals knows.") from error
    place = Path(name or f"{lazy.implementation.value} frame")
    require_columns({place: lazy.collect_schema()}, columns)
    return _typed(lazy.select(*columns), columns)


def _typed(log: nw.LazyFrame[Any], columns: Mapping[str, str]) -> nw.LazyFrame[Any]:
    """Give columns without a type, as Arrow and Polars have them where there is no value, the type of their part."""
    nw, schema = _nw(), log.collect_schema()
    untyped = [name for name in columns if schema[name] == nw.Unknown]
    if not untyped:
        return log
    counts = _row(log.select(**{f"n{place}": nw.col(name).count() for place, name in enumerate(untyped)}))
    empty = [name for place, name in enumerate(untyped) if not int(counts[f"n{place}"])]
    types = {"score": nw.Float64, "weight": nw.Float64, **dict.fromkeys(TIMES, nw.Datetime("us"))}
    return log.with_columns(*(nw.col(name).cast(types.get(columns[name], nw.String)) for name in empty))


def _plain(frame: object, columns: Mapping[str, str]) -> object:
    """Give columns of Python objects in a pandas frame the type of their values, and times that of UTC."""
    if not isinstance(frame, pd.DataFrame):
        return _plain_dask(frame, columns) if type(frame).__module__.startswith("dask.") else frame
    plain = _without_zones(frame.copy(deep=False), columns)
    for name in columns:
        if name in plain and plain[name].dtype == object:
            kinds = _kinds(plain[name])
            if _are_mixed(kinds):
                plain[name] = _texts(plain[name])
                continue
            dtype = _type_of(kinds, columns[name])
            plain[name] = plain[name].astype(dtype or plain[name].convert_dtypes().dtype)
    return plain


def _plain_dask(frame: Any, columns: Mapping[str, str]) -> Any:  # noqa: ANN401 -- of Dask
    """Give columns of objects of a Dask frame, which would be taken for text, the type of their values."""
    plain = _without_zones(frame, columns)
    objects = [name for name in columns if name in plain and plain[name].dtype == object]
    kinds = {name: plain[name].map_partitions(_kinds, meta=(name, object)).compute() for name in objects}
    types = {name: dtype for name in objects if (dtype := _type_of(kinds[name], columns[name]))}
    mixed = [name for name in objects if _are_mixed(kinds[name])]
    plain = plain.assign(**{name: plain[name].map_partitions(_texts, meta=(name, "string")) for name in mixed})
    for name in (name for name in columns if name in plain and _is_whole(plain[name].dtype)):
        if plain[name].isna().any().compute():  # Dask casts no missing whole number, nor truth value
            is_exact = plain[name].dtype.kind != "b" and plain[name].abs().max().compute() <= MOST_EXACT
            types[name] = "float64" if is_exact else "string"
    return plain.astype(types) if types else plain


def _is_whole(dtype: object) -> bool:
    """Tell whether a column holds whole numbers or truth values, and can miss some."""
    return isinstance(dtype, pd.api.extensions.ExtensionDtype) and dtype.kind in "iub"


def _kinds(column: pd.Series) -> pd.Series:
    """Return which kinds of objects a column holds: truth values, other numbers, dates, anything else."""
    from decimal import Decimal

    def kind(value: object) -> str:
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return "date"
        return "flag" if isinstance(value, bool) else "number" if isinstance(value, Decimal | float | int) else ""

    return column.dropna().map(kind).drop_duplicates().astype(object)


def _are_mixed(kinds: pd.Series) -> bool:
    """Tell whether a column holds texts beside numbers, truth values or dates."""
    return "" in set(kinds) and len(set(kinds)) > 1


def _texts(column: pd.Series) -> pd.Series:
    """Write values as labels are written: 1, 1.0 and "1" are one."""
    return pd.Series(label_texts(column), index=column.index, name=column.name, dtype="string")


def _type_of(kinds: pd.Series, part: str) -> str:
    """Return the type that holds such objects; ``""`` where they are anything else, or there are none.

    Rows are counted by dates as by texts.
    """
    present = set(kinds)
    if present == {"date"}:
        return "datetime64[us]" if part in TIMES else "string"
    if not present or present & {"", "date"}:
        return ""
    return "boolean" if present == {"flag"} else "float64"


def _without_zones(frame: Any, columns: Mapping[str, str]) -> Any:  # noqa: ANN401 -- of pandas or Dask
    """Return a frame with its times in UTC, without a zone; Narwhals does not know Dask's zones."""
    zoned = [name for name in columns if name in frame and isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    times = {name: frame[name].dt.tz_convert("UTC").dt.tz_localize(None) for name in zoned}
    return frame.assign(**times) if times else frame


def _in_utc(log: nw.LazyFrame[Any], columns: Mapping[str, str], name: str) -> nw.LazyFrame[Any]:
    """Return the log with its times in UTC; refuse a column of other things."""
    nw = _nw()
    for time, part in columns.items():
        if part not in TIMES:
            continue
        dtype, where = log.collect_schema()[time], f"{part} column {quote(time)} in {quote(name)}"
        if dtype == nw.Date:
            log = log.with_columns(nw.col(time).cast(nw.Datetime("us")))
        elif not isinstance(dtype, nw.Datetime):
            raise DataError(f"{where} has type {dtype}; expected dates or times without a zone, or in UTC.")
        elif dtype.time_zone is not None and not (dtype.time_zone in UTC and log.implementation.value in SQL):
            if log.implementation.value in SQL:
                raise DataError(f"{where} is read in the time zone {dtype.time_zone}; set the session's zone to UTC.")
            log = log.with_columns(nw.col(time).dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    return log


def _require_past(log: nw.LazyFrame[Any], named: Mapping[str, str], name: str) -> None:
    """Refuse decisions in the future."""
    nw = _nw()
    if "time" not in named:
        return
    time = nw.col(named["time"])
    bad = time > nw.lit(latest_time(), dtype=nw.Datetime("us"))
    row = _row(log.filter(bad).select(n=nw.len(), example=time.min()))
    if int(row["n"]):
        raise DataError(future(named["time"], int(row["n"]), row["example"], f" in {quote(name)}"))


def _require_unique(log: nw.LazyFrame[Any], named: Mapping[str, str], name: str) -> bool:
    """Refuse a log in which an identifier stands twice, or nowhere; tell whether models share requests."""
    nw = _nw()
    id_, model = named["id"], named.get("model")
    if model is not None:
        names = nw.col(model).cast(nw.String)
        log = log.with_columns(nw.when(names.is_null()).then(nw.lit(NAMELESS)).otherwise(names).alias(model))
    missing = int(_row(log.select(n=nw.col(id_).is_null().cast(nw.Int64).sum()))["n"] or 0)
    repeated = _repeated(log, [id_] if model is None else [id_, model])
    where = f" in {quote(name)}"
    if missing:
        raise DataError(nameless(id_, missing, where))
    if int(repeated["ids"]):
        raise DataError(twice(id_, int(repeated["ids"]), int(repeated["rows"]), repeated["example"], where, model))
    again = None if model is None else _repeated(log, [id_])
    if again is None or model is None or not int(again["ids"]):
        return False
    sizes = _row(log.group_by(model).agg(n=nw.len()).select(total=nw.col("n").sum(), largest=nw.col("n").max()))
    return is_shadowed(int(again["rows"]) - int(again["ids"]), int(sizes["total"]), int(sizes["largest"]))


def _repeated(log: nw.LazyFrame[Any], names: list[str]) -> pd.Series:
    """Count the identifiers, the first of these columns, that stand twice with the same values of the others."""
    nw = _nw()
    id_ = names[0]
    counts = log.select(*names).filter(~nw.col(id_).is_null()).group_by(*names).agg(n=nw.len()).filter(nw.col("n") > 1)
    return _row(counts.select(ids=nw.len(), rows=nw.col("n").sum(), example=nw.col(id_).min()))


def _join(
    log: nw.LazyFrame[Any], labels: object, columns: Mapping[str, str], name: str, missing: Sequence[str]
) -> nw.LazyFrame[Any]:
    """Put labels that came later beside their rows."""
    nw = _nw()
    own = {column: part for column, part in columns.items() if part in ("id", *LATER)}
    named = {part: column for column, part in own.items()}
    id_, target = named["id"], named["target"]
    late = _in_utc(without_missing(_open(labels, own, "labels"), own, missing), own, "labels")
    if late.implementation is not log.implementation:
        raise DataError(
            f"labels are a {late.implementation.value} frame and {quote(name)} is of {log.implementation.value}; "
            "give both as frames of one library."
        )
    own_type, late_type = (frame.collect_schema()[id_] for frame in (log, late))
    if _kind(own_type) != _kind(late_type):
        raise DataError(differing_ids(id_, str(own_type), str(late_type), "the labels"))
    is_float = late.collect_schema()[target].is_float()
    given = is_number(nw.col(target)) if is_float else ~nw.col(target).is_null()
    known = late.filter(~nw.col(id_).is_null() & given)
    counts = known.unique([id_, target]).group_by(id_).agg(n=nw.len()).filter(nw.col("n") > 1)
    row = _row(counts.select(ids=nw.len(), example=nw.col(id_).min()))
    if int(row["ids"]):
        raise DataError(contradicting(id_, int(row["ids"]), row["example"], ""))
    if late.implementation.value in ("pandas", "modin", "dask"):  # they have no missing whole number, nor truth value
        dtype = known.collect_schema()[target]
        kind = nw.Float64 if dtype.is_integer() else nw.String if dtype == nw.Boolean else dtype
        known = known.with_columns(nw.col(target).cast(kind))
    return log.join(known.group_by(id_).agg(nw.col(*(text for text in own if text != id_)).min()), on=id_, how="left")


def _kind(dtype: Any) -> str:  # noqa: ANN401 -- of Narwhals
    """Return what identifiers must share for their values to meet."""
    return "number" if dtype.is_numeric() else str(dtype).replace("Categorical", "String").replace("Enum", "String")


def _row(frame: nw.LazyFrame[Any]) -> pd.Series:
    """Return the one row of a small result."""
    rows: pd.DataFrame = frame.collect(backend="pandas").to_native()
    return rows.astype(object).where(rows.notna(), None).iloc[0]
