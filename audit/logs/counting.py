"""Count a log: one normalizing step, one group-by, the same whole numbers on every engine.

Weights are summed in fixed point, because sums of floating-point numbers depend on the order of rows. Scores are
put in bins of 1/64 on the logit scale, which are fine where rare events have their scores; single precision is
widened first, because engines round it differently. Missing keys become a level of their own before rows are
grouped, because engines treat missing keys differently.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audit.errors import DataError, shown
from audit.logs.cells import FIXED, NO_SUM, NOT_FINITE, OUTSIDE, Cells, sum_of
from audit.logs.columns import LogColumns
from audit.logs.joining import ROWS
from audit.logs.sources import Source, unreadable
from audit.logs.windows import window_number

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

BINS_PER_LOGIT = 64
BINS_OF_MANY = 16
"""Per logit where there are scores of several classes, whose bins are crossed."""
SUM_SLACK = 1e-3
"""How far the scores of a row may be from summing to 1."""
EDGE = 1e-9
"""Scores nearer to 0 or 1 than this share the outermost bins."""
NUDGE = 2.0**-20
"""Logarithms of two engines differ in their last bits; bins begin a little below their edge so that none matters."""


MOST_CELLS = 3_000_000
_NO_TEXT = "\uf8ff no value"
_NO_NUMBER = -1.7976931348623157e308
_NO_INTEGER = -(2**62)


def count(source: Source, columns: LogColumns, *, window: str = "") -> Cells:
    """Count a log by its keys, truth, answer and bin of score.

    Parameters
    ----------
    source : Source
    columns : LogColumns
    window : {"day", "week", "month", "rows"}, optional
        Count by windows of time, too; ``rows`` takes those that the source numbered.

    Raises
    ------
    DataError
        If a column has a type that cannot be counted, weights are negative or not numbers, or there are too many cells.
    """
    try:
        schema = dict(source.frame.collect_schema())
        scale = None if columns.weight is None else _weight_scale(source, columns.weight, schema)
        found = _grouped(source, columns, schema, scale, window)
        if len(found) > MOST_CELLS and len(columns.scores()) > 1 and columns.prediction is not None:
            columns = replace(columns, score=None)
            found = _grouped(source, columns, schema, scale, window)
    except DataError:
        raise
    except Exception as error:
        why = unreadable(source.files, tuple(columns.stated())) or _said(error)
        raise DataError(f"log {shown(source.name)} cannot be counted: {why}.") from error
    if len(found) > MOST_CELLS:
        raise DataError(
            f"log {shown(source.name)} has more than {MOST_CELLS:,} combinations of "
            f"{', '.join(columns.keyed_by())}; cut numbers into bands with [data.bins], or name fewer columns."
        )
    return _cells(found, columns, schema, scale)


def _grouped(
    source: Source, columns: LogColumns, schema: dict[str, Any], scale: tuple[float, float] | None, window: str
) -> pd.DataFrame:
    """Return sums by key; a row more than may be kept where there are too many."""
    import narwhals.stable.v2 as nw

    keys, summed = _normalized(columns, schema, window), _summed(columns, schema, scale)
    shaped = source.frame.select(**keys, **summed)
    sums = {"n": nw.len(), **{name: nw.col(name).sum() for name in summed}}
    table = shaped.group_by(*keys).agg(**sums).with_columns(nw.col(name).cast(nw.Int64) for name in sums)
    found: pd.DataFrame = table.head(MOST_CELLS + 1).collect(backend="pandas").to_native()
    return found


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:250].rstrip(".")


# --- normalizing ----------------------------------------------------------------------------------


def _normalized(columns: LogColumns, schema: dict[str, Any], window: str) -> dict[str, nw.Expr]:
    import narwhals.stable.v2 as nw

    made = {}
    for place, name in enumerate(columns.counted_by()):
        edges = columns.bins.get(name)
        made[f"key_{place}"] = _level(name, schema) if edges is None else _band(name, edges, schema)
    made["true"] = _level(columns.target, schema)
    made |= _answered(columns, schema)
    if columns.cluster is not None:
        made["cluster"] = _level(columns.cluster, schema)
    if window == "rows":
        made["window"] = nw.col(ROWS).cast(nw.Int64)
    elif window and columns.time is not None:
        time, early = nw.col(columns.time), nw.lit(datetime.datetime(1970, 1, 1), dtype=nw.Datetime("us"))
        there = nw.when(time.is_null()).then(early).otherwise(time)  # some engines have no year of no time
        made["window"] = nw.when(time.is_null()).then(nw.lit(_NO_INTEGER)).otherwise(window_number(there, window))
    return made


def _answered(columns: LogColumns, schema: dict[str, Any]) -> dict[str, nw.Expr]:
    """Return the answer and the bins of scores."""
    scores = {place: _score(column, schema) for place, column in columns.scores().items()}
    fine = BINS_PER_LOGIT if len(scores) == 1 else BINS_OF_MANY
    made = {place: _bin(score, fine) for place, score in scores.items()}
    if len(scores) > 1:
        made["bin"] = _fault(list(scores.values()))
    if columns.prediction is not None:
        made["predicted"] = _level(columns.prediction, schema)
    elif scores:
        made["predicted"] = _likeliest(list(scores.values()))
    return made


def _level(name: str, schema: dict[str, Any]) -> nw.Expr:
    """Return a key whose missing values are a value."""
    import narwhals.stable.v2 as nw

    dtype, column = schema[name], nw.col(name)
    if dtype == nw.Boolean or dtype.is_integer():
        whole = column.cast(nw.Int64)
        return nw.when(column.is_null()).then(nw.lit(_NO_INTEGER)).otherwise(whole)
    if dtype.is_numeric():
        number = column.cast(nw.Float64)
        return nw.when(column.is_null() | number.is_nan()).then(nw.lit(_NO_NUMBER)).otherwise(number)
    if dtype in (nw.String, nw.Categorical, nw.Date) or isinstance(dtype, nw.Enum):
        return nw.when(column.is_null()).then(nw.lit(_NO_TEXT)).otherwise(column.cast(nw.String))
    raise DataError(f"column {shown(name)} has type {dtype}; rows are counted by texts, numbers or true and false.")


def _band(name: str, edges: tuple[float, ...], schema: dict[str, Any]) -> nw.Expr:
    """Return the number of edges at or below a number, or the missing one."""
    import narwhals.stable.v2 as nw

    if not schema[name].is_numeric() or not edges or list(edges) != sorted(set(edges)):
        raise DataError(
            f"[data.bins] {shown(name)}: expected rising numbers for a numeric column, got {list(edges)} "
            f"for type {schema[name]}."
        )
    column = nw.col(name)
    number = column.cast(nw.Float64)
    band = (number >= edges[0]).cast(nw.Int64)
    for edge in edges[1:]:
        band = band + (number >= edge).cast(nw.Int64)
    return nw.when(column.is_null() | number.is_nan()).then(nw.lit(_NO_INTEGER)).otherwise(band)


def _score(name: str, schema: dict[str, Any]) -> nw.Expr:
    import narwhals.stable.v2 as nw

    if not schema[name].is_numeric():
        raise DataError(f"score column {shown(name)} holds {schema[name]}; expected numbers.")
    return nw.col(name).cast(nw.Float64)


def _usable(score: nw.Expr) -> nw.Expr:
    return (~score.is_null()) & score.is_finite() & (score >= 0.0) & (score <= 1.0)


def _likeliest(scores: list[nw.Expr]) -> nw.Expr:
    """Return the place of the largest score; of a single one whether it is at least a half."""
    import narwhals.stable.v2 as nw

    safe = [nw.when(_usable(score)).then(score).otherwise(nw.lit(0.0)) for score in scores]
    if len(safe) == 1:
        return (safe[0] >= 0.5).cast(nw.Int64)
    best, place = safe[0], nw.lit(0)
    for at, score in enumerate(safe[1:], start=1):
        place = nw.when(score > best).then(nw.lit(at)).otherwise(place)
        best = nw.when(score > best).then(score).otherwise(best)
    return place.cast(nw.Int64)


def _fault(scores: list[nw.Expr]) -> nw.Expr:
    """Return why the scores of a row cannot be used, or 0."""
    import narwhals.stable.v2 as nw

    total, finite, inside = nw.lit(0.0), nw.lit(0), nw.lit(0)
    for score in scores:
        is_finite = (~score.is_null()) & score.is_finite()
        total = total + nw.when(is_finite).then(score).otherwise(nw.lit(0.0))
        finite = finite + is_finite.cast(nw.Int64)
        inside = inside + nw.when(_usable(score)).then(nw.lit(1)).otherwise(nw.lit(0))
    summed = ((total - 1.0) <= SUM_SLACK) & ((total - 1.0) >= -SUM_SLACK)
    kind = nw.when(summed).then(nw.lit(0)).otherwise(nw.lit(NO_SUM))
    kind = nw.when(inside >= len(scores)).then(kind).otherwise(nw.lit(OUTSIDE))
    return nw.when(finite >= len(scores)).then(kind).otherwise(nw.lit(NOT_FINITE)).cast(nw.Int64)


def _bin(score: nw.Expr, per_logit: int) -> nw.Expr:
    """Return the bin of a score on the logit scale; what cannot be used has bins of its own."""
    import narwhals.stable.v2 as nw

    finite, inside = (~score.is_null()) & score.is_finite(), _usable(score)
    safe = nw.when(inside).then(score).otherwise(nw.lit(0.5)).clip(EDGE, 1 - EDGE)
    logit = (safe / (1.0 - safe)).log()
    place = (logit * per_logit + NUDGE).floor().cast(nw.Int64)
    return nw.when(inside).then(place).otherwise(nw.when(finite).then(nw.lit(OUTSIDE)).otherwise(nw.lit(NOT_FINITE)))


# --- summing --------------------------------------------------------------------------------------


def _summed(columns: LogColumns, schema: dict[str, Any], scale: tuple[float, float] | None) -> dict[str, nw.Expr]:
    """Return what is added up, as whole numbers."""
    import narwhals.stable.v2 as nw

    made = {}
    for place, name in columns.scores().items():
        score = _score(name, schema)
        usable = nw.when(_usable(score)).then(score).otherwise(nw.lit(0.0))
        made[sum_of(place)] = _whole(usable * FIXED)
    if columns.weight is not None and scale is not None:
        weight = nw.col(columns.weight).cast(nw.Float64)
        made["weight_sum"] = _whole(weight * scale[0])
        made["square_sum"] = _whole(weight * weight * scale[1])
    return made


def _whole(number: nw.Expr) -> nw.Expr:
    import narwhals.stable.v2 as nw

    return (number + 0.5).floor().cast(nw.Int64)


def _weight_scale(source: Source, name: str, schema: dict[str, Any]) -> tuple[float, float]:
    """Return powers of two by which weights and their squares are made whole, so that no sum overflows."""
    import narwhals.stable.v2 as nw

    if not schema[name].is_numeric():
        raise DataError(f"weight column {shown(name)} holds {schema[name]}; expected numbers of 0 or more.")
    weight = nw.col(name).cast(nw.Float64)
    good = (~weight.is_null()) & weight.is_finite() & (weight >= 0)
    shaped = source.frame.select(good=good.cast(nw.Int64), weight=nw.when(good).then(weight).otherwise(nw.lit(0.0)))
    facts = shaped.select(n=nw.len(), good=nw.col("good").sum(), most=nw.col("weight").max())
    row = facts.collect(backend="pandas").to_native().iloc[0]
    n, most = int(row["n"]), float(row["most"]) if row["most"] is not None else 0.0
    if int(row["good"] or 0) < n or not most > 0:
        bad = n - int(row["good"] or 0)
        raise DataError(
            f"weight column {shown(name)} holds {bad} missing, negative or infinite weights, and the largest is "
            f"{most:g}; expected numbers of 0 or more, not all 0."
        )
    return _power(n * most), _power(n * most * most)


def _power(most: float) -> float:
    """Return the largest power of two up to 2⁵² per unit at which a sum of `most` stays below 2⁶²."""
    return 2.0 ** min(61 - math.ceil(math.log2(most)) if most > 0 else 52, 52)


# --- the small result -----------------------------------------------------------------------------


def _cells(
    found: pd.DataFrame, columns: LogColumns, schema: dict[str, Any], scale: tuple[float, float] | None
) -> Cells:
    import narwhals.stable.v2 as nw

    frame = pd.DataFrame()
    for place, name in enumerate(columns.counted_by()):
        raw = found[f"key_{place}"]
        edges = columns.bins.get(name)
        frame[name] = _values(raw, schema[name] == nw.Boolean) if edges is None else _within(raw, edges)
    frame["\ttrue"] = _values(found["true"], schema[columns.target] == nw.Boolean)
    if "predicted" in found:
        flag = columns.prediction is not None and schema[columns.prediction] == nw.Boolean
        frame["\tpredicted"] = _values(found["predicted"], flag)
        if columns.prediction is None and not isinstance(columns.score, str | None):
            frame["\tpredicted"] = np.array(list(columns.score), dtype=object)[found["predicted"]]
    if columns.cluster is not None:
        frame["\tcluster"] = _values(found["cluster"], False)
    for name in ("bin", *columns.scores(), "window"):
        if name in found:
            frame[f"\t{name}"] = found[name].astype(np.int64)
    sums = found[["n", *(name for name in found if str(name).endswith("_sum"))]].astype(np.int64)
    return Cells(keys=frame, sums=sums, scale=scale).merged()


def _values(raw: pd.Series, flags: bool) -> pd.Series:
    """Return values as they were, missing ones as None, flags in words."""
    if raw.dtype.kind in "iu":
        missing = raw == _NO_INTEGER
        if flags:
            return raw.map({1: "True", 0: "False"}).astype(object).where(~missing, None)
    elif raw.dtype.kind == "f":
        missing = raw == _NO_NUMBER
    else:
        missing = raw == _NO_TEXT
        return raw.astype(object).where(~missing, None)
    return raw.astype(np.float64).where(~missing, np.nan) if missing.any() else raw


def _within(raw: pd.Series, edges: tuple[float, ...]) -> pd.Series:
    """Return a number within each band."""
    inside = np.array([edges[0] - 1.0, *edges, np.nan])
    place = raw.to_numpy()
    return pd.Series(inside[np.where(place == _NO_INTEGER, len(edges) + 1, place)])
