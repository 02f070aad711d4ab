"""Count a log: one normalizing step, one group-by, the same whole numbers on every engine.

Weights are summed in fixed point, because sums of floating-point numbers depend on the order of rows. Missing keys
become a level of their own: before rows are grouped where an engine would drop them, and after it elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audit.errors import DataError, quote
from audit.logs.adding import require_kept
from audit.logs.agreement import unreadable
from audit.logs.amounts import UNKNOWN, amount_keys, amount_sums
from audit.logs.cells import EARLY, LATE, Cells, sum_of, words
from audit.logs.columns import LogColumns
from audit.logs.joining import FILE
from audit.logs.label_times import without_impossible
from audit.logs.numbers import is_number, whole
from audit.logs.reading import say_briefly
from audit.logs.score_bins import raw_scores, with_bins
from audit.logs.sources import Source
from audit.logs.units import units_of
from audit.logs.vanished import missing_of
from audit.logs.windows import NO_WINDOW, TIME, has_window, latest_time, window_number, with_places

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

MOST_CELLS = 3_000_000
NO_YEAR = ("pandas", "modin", "dask")
"""Engines in which a missing time has no whole year."""
GROUPS_MISSING = ("duckdb", "pyspark")
"""Engines in which missing values are one group like any other."""
_NO_TEXT = "\uf8ff no value"
_NO_NUMBER = -1.7976931348623157e308
_NO_INTEGER = -(2**62)


def count(source: Source, columns: LogColumns, *, window: str = "") -> Cells:
    """Count a log by its keys, truth, answer and bin of score.

    Where these make too many cells, it is counted without scores, if predictions do not follow from them.

    Parameters
    ----------
    source : Source
    columns : LogColumns
    window : str, optional
        Count by windows of time, too: ``day``, ``week``, ``month`` or a number of rows.

    Raises
    ------
    DataError
        If a column has a type that cannot be counted, weights are negative or not numbers, or there are too many cells.
    """
    try:
        source, schema = _believed(source, columns)
        scales = units_of(source.frame, columns, schema)[""]
        frame = _group(source, columns, schema, scales, window)
        if len(frame) > MOST_CELLS and columns.scores() and columns.prediction is not None:
            columns = replace(columns, score=None)
            frame = _group(source, columns, schema, scales, window)
        sizes = _sizes(source, columns) if len(frame) > MOST_CELLS else {}
    except DataError:
        raise
    except Exception as error:
        why = missing_of(source.files) or unreadable(source.files, tuple(columns.parts()), columns.reading)
        why = why or say_briefly(error)
        raise DataError(f"log {quote(source.name)} cannot be counted: {why}.") from error
    if sizes:
        raise DataError(_too_many(source, columns, sizes))
    cells = _cells(frame, columns, schema, scales).counted_in(source.name)
    require_kept(cells)
    return replace(cells, shadowed=source.shadowed)


def count_files(
    source: Source, columns: LogColumns, *, window: str = "", scales: Mapping[str, float] | None = None
) -> dict[str, Cells]:
    """Count each file of a log in one pass over all of them.

    Parameters
    ----------
    source : Source
        Of files of one schema, whose weights and amounts have the same units.
    columns : LogColumns
    window : str, optional
        As for :func:`count`.
    scales : mapping of str to float, optional
        Units of the files, as :func:`units_of_files` gives them.

    Returns
    -------
    dict of str to Cells
        By name of the file; empty where there are too many cells for one pass.
    """
    scales = {} if scales is None else scales
    source, schema = _believed(source, columns)
    frame = _group(source, columns, schema, scales, window, by_file=True)
    parts = frame.groupby("file", sort=False) if len(frame) <= MOST_CELLS else ()
    every = {str(file): _cells(part.reset_index(drop=True), columns, schema, scales) for file, part in parts}
    for name, cells in every.items():
        require_kept(cells.counted_in(Path(name).name))
    return every


def units_of_files(source: Source, columns: LogColumns) -> dict[str, dict[str, float]]:
    """Return the units in which weights and amounts of each file are added up, by its name.

    Parameters
    ----------
    source : Source
        Of files.
    columns : LogColumns

    Raises
    ------
    DataError
        As :func:`~audit.logs.units.units_of` does.
    """
    source, schema = _believed(source, columns)
    return units_of(source.frame, columns, schema, by_file=True)


def _believed(source: Source, columns: LogColumns) -> tuple[Source, dict[str, Any]]:
    """Return a log without labels that cannot be, and the types of its columns."""
    schema = dict(source.frame.collect_schema())
    if columns.label_time is None:
        return source, schema
    source = replace(source, frame=without_impossible(source.frame, columns, schema))
    return source, dict(source.frame.collect_schema())


def _group(
    source: Source,
    columns: LogColumns,
    schema: dict[str, Any],
    scales: Mapping[str, float],
    window: str,
    *,
    by_file: bool = False,
) -> pd.DataFrame:
    """Return sums by key; a row more than may be kept where there are too many."""
    import narwhals.stable.v2 as nw

    size = int(window) if window.isdigit() else 0
    keys, weights = _computed(columns, schema, window, source.engine), _weights(columns, schema, scales)
    as_written, late = _levels(columns), source.engine in GROUPS_MISSING and not size
    levels = {key: _level(key if late else name, name, schema[name]) for key, name in as_written.items()}
    keys |= {key: nw.col(name) for key, name in as_written.items()} if late else levels
    keys |= {"file": nw.col(FILE)} if by_file else {}
    order = _order(columns) if size else {}
    shaped = source.frame.select(**keys, **raw_scores(columns.scores(), schema), **weights, **order)
    places, decide = tuple(columns.scores()), columns.prediction is None
    names = list(keys)
    if places:
        shaped = with_bins(shaped, places, decide=decide)
        names += [*places, *(["bin"] if len(places) > 1 else []), *(["predicted"] if decide else [])]
    summed = (*map(sum_of, places), *weights)
    if size:
        shaped = with_places(shaped, size, (*order, *names, *summed))
        names.append("window")
    sums = {"n": nw.len()} | {name: nw.col(name).sum() for name in summed}
    table = shaped.group_by(*names).agg(**sums).with_columns(nw.col(name).cast(nw.Int64) for name in sums)
    if late and levels:
        table = table.with_columns(**levels)
    frame: pd.DataFrame = table.head(MOST_CELLS + 1).collect(backend="pandas").to_native()
    return frame


def _sizes(source: Source, columns: LogColumns) -> dict[str, int]:
    """Return how many values each column has that rows are counted by; bands where it is cut."""
    import narwhals.stable.v2 as nw

    names = columns.keyed_by()
    table = source.frame.select(**{f"key_{place}": nw.col(name).n_unique() for place, name in enumerate(names)})
    values = table.collect(backend="pandas").to_native().iloc[0]
    bands = {name: len(edges) + 1 for name, edges in columns.bins.items()}
    return {name: bands.get(name, int(values[f"key_{place}"])) for place, name in enumerate(names)}


def _too_many(source: Source, columns: LogColumns, sizes: Mapping[str, int]) -> str:
    """Say what makes the combinations many, largest first, and what to do about each kind."""
    order = sorted(sizes, key=lambda name: -sizes[name])
    table = ", ".join(f"{quote(name)} ({sizes[name]:,} values)" for name in order)
    ways = ["cut numbers into bands with [data.bins], or name fewer columns"]
    if columns.cluster is not None:
        ways.append("leave cluster out (intervals then treat rows as independent), or give a sample of clusters")
    if columns.scores():
        ways.append("give [data] prediction, so that the log can be counted without its scores")
    return f"log {quote(source.name)} has more than {MOST_CELLS:,} combinations of {table}; {'; '.join(ways)}."


# --- normalizing ----------------------------------------------------------------------------------


def _levels(columns: LogColumns) -> dict[str, str]:
    """Return the columns that rows are counted by as they are written, by the name of their key."""
    levels = {f"key_{place}": name for place, name in enumerate(columns.counted_by()) if name not in columns.bins}
    if not columns.amounts:
        levels |= {"true": columns.target} | ({} if columns.prediction is None else {"predicted": columns.prediction})
    return levels | ({} if columns.cluster is None else {"cluster": columns.cluster})


def _computed(columns: LogColumns, schema: dict[str, Any], window: str, engine: str) -> dict[str, nw.Expr]:
    """Return the keys that are computed: bands, bins of amounts, windows."""
    import narwhals.stable.v2 as nw

    expressions = {
        f"key_{place}": _band(name, columns.bins[name], schema)
        for place, name in enumerate(columns.counted_by())
        if name in columns.bins
    }
    if columns.amounts:
        expressions |= amount_keys(columns, schema)
    if columns.weight is not None:  # else whether a row without weight counts would depend on who shares its cell
        expressions["weightless"] = (nw.col(columns.weight).cast(nw.Float64) <= 0).cast(nw.Int64)
    if window and not window.isdigit() and columns.time is not None:
        time, early = nw.col(columns.time), nw.lit(datetime.datetime(1970, 1, 1), dtype=nw.Datetime("us"))
        there = nw.when(time.is_null()).then(early).otherwise(time) if engine in NO_YEAR else time
        number = window_number(there, window)
        expressions["window"] = nw.when(has_window(time)).then(number).otherwise(nw.lit(NO_WINDOW))
    return expressions


def _order(columns: LogColumns) -> dict[str, nw.Expr]:
    """Return what rows are put in order by before all else: time, those of no window last, and identifier."""
    import narwhals.stable.v2 as nw

    time = nw.col(str(columns.time))
    last = nw.lit(latest_time() + datetime.timedelta(days=1), dtype=nw.Datetime("us"))
    return {TIME: nw.when(has_window(time)).then(time).otherwise(last)} | (
        {} if columns.id is None else {"id": nw.col(columns.id)}
    )


def _level(key: str, name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Return a key, which comes from this column, with missing values that are a value."""
    import narwhals.stable.v2 as nw

    column = nw.col(key)
    if dtype == nw.Boolean:
        return nw.when(column.is_null()).then(nw.lit(2, dtype=nw.Int8)).otherwise(column.cast(nw.Int8))
    if dtype in (nw.UInt64, nw.Int128, nw.UInt128):  # beyond what 64 bits with a sign hold; such numbers are names
        return nw.when(column.is_null()).then(nw.lit(_NO_TEXT)).otherwise(column.cast(nw.String))
    if dtype.is_integer():
        whole = column.cast(nw.Int64)
        return nw.when(column.is_null()).then(nw.lit(_NO_INTEGER)).otherwise(whole)
    if dtype.is_numeric():
        number = column.cast(nw.Float64) + 0.0  # which makes one number of 0.0 and -0.0
        return nw.when(is_number(number)).then(number).otherwise(nw.lit(_NO_NUMBER))
    if dtype in (nw.String, nw.Categorical, nw.Date) or isinstance(dtype, nw.Enum):
        return nw.when(column.is_null()).then(nw.lit(_NO_TEXT)).otherwise(column.cast(nw.String))
    raise DataError(f"column {quote(name)} has type {dtype}; rows are counted by texts, numbers or true and false.")


def _band(name: str, edges: tuple[float, ...], schema: dict[str, Any]) -> nw.Expr:
    """Return the number of edges at or below a number, or the missing one."""
    import narwhals.stable.v2 as nw

    if not schema[name].is_numeric() or not edges or list(edges) != sorted(set(edges)):
        raise DataError(
            f"[data.bins] {quote(name)}: expected increasing numbers for a numeric column, got {list(edges)} "
            f"for type {schema[name]}."
        )
    number = nw.col(name).cast(nw.Float64)
    band = (number >= edges[0]).cast(nw.Int64)
    for edge in edges[1:]:
        band = band + (number >= edge).cast(nw.Int64)
    return nw.when(is_number(number)).then(band).otherwise(nw.lit(_NO_INTEGER))


# --- summing --------------------------------------------------------------------------------------


def _weights(columns: LogColumns, schema: dict[str, Any], scales: Mapping[str, float]) -> dict[str, nw.Expr]:
    """Return weights, their squares, amounts and labels that are not believed as whole numbers."""
    import narwhals.stable.v2 as nw

    expressions = {}
    if columns.weight is not None:
        weight = nw.col(columns.weight).cast(nw.Float64)
        expressions["weight_sum"] = whole(weight * scales["weight_sum"])
        expressions["square_sum"] = whole(weight * weight * scales["square_sum"])
    if columns.label_time is not None:
        expressions |= {name: nw.col(name) for name in (EARLY, LATE)}
    return expressions | (amount_sums(columns, schema, scales["true_sum"]) if columns.amounts else {})


# --- the small result -----------------------------------------------------------------------------


def _cells(counts: pd.DataFrame, columns: LogColumns, schema: dict[str, Any], scales: Mapping[str, float]) -> Cells:
    import narwhals.stable.v2 as nw

    frame = pd.DataFrame()
    for place, name in enumerate(columns.counted_by()):
        raw = counts[f"key_{place}"]
        edges = columns.bins.get(name)
        frame[name] = _values(raw, schema[name] == nw.Boolean) if edges is None else _within(raw, edges)
    frame["\ttrue"] = _values(counts["true"], schema[columns.target] == nw.Boolean and not columns.amounts)
    if columns.amounts:
        frame["\ttrue"] = frame["\ttrue"].where(frame["\ttrue"] != UNKNOWN)
    if "predicted" in counts:
        flag = columns.prediction is not None and schema[columns.prediction] == nw.Boolean
        frame["\tpredicted"] = _values(counts["predicted"], flag)
        if columns.prediction is None and not isinstance(columns.score, str | None):
            frame["\tpredicted"] = np.array(list(columns.score), dtype=object)[counts["predicted"]]
    if columns.cluster is not None:
        frame["\tcluster"] = _values(counts["cluster"], False)
    for name in ("bin", *columns.scores(), "window", "weightless"):
        if name in counts:
            frame[f"\t{name}"] = counts[name].astype(np.int64)
    sums = counts[["n", *(name for name in counts if str(name).endswith("_sum"))]].astype(np.int64)
    return Cells(keys=frame, sums=sums, scales=dict(scales)).merge()


def _values(raw: pd.Series, flags: bool) -> pd.Series:
    """Return values as they were, missing ones as None, flags in words."""
    if raw.dtype.kind in "iu":
        if flags:
            return pd.Series(np.array(["False", "True", None], dtype=object)[raw], name=raw.name)
        missing = raw == _NO_INTEGER
    elif raw.dtype.kind == "f":
        missing = raw == _NO_NUMBER
    else:
        return words(raw.mask(raw == _NO_TEXT))
    if not missing.any():
        return raw
    return (raw if raw.dtype.kind == "f" else raw.astype("Int64")).mask(missing)


def _within(raw: pd.Series, edges: tuple[float, ...]) -> pd.Series:
    """Return a number within each band."""
    inside = np.array([edges[0] - 1.0, *edges, np.nan])
    place = raw.to_numpy()
    return pd.Series(inside[np.where(place == _NO_INTEGER, len(edges) + 1, place)])
