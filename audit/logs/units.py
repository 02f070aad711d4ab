"""Units in which weights and amounts are added up as whole numbers, so that a sum is the same in any order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import DataError, quote, quote_all
from audit.logs.amounts import amounts_of
from audit.logs.columns import LogColumns
from audit.logs.joining import FILE
from audit.logs.numbers import is_number

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def units_of(
    frame: nw.LazyFrame[Any], columns: LogColumns, schema: Mapping[str, Any], *, by_file: bool = False
) -> dict[str, dict[str, float]]:
    """Return the powers of two by which sums are made whole, so that none overflows.

    Parameters
    ----------
    frame : LazyFrame
    columns : LogColumns
    schema : mapping of column to type
    by_file : bool
        Whether each file has its own, as if it was counted alone.

    Returns
    -------
    dict of str to dict of str to float
        Powers by sum, by file; without `by_file` all rows are those of the file ``""``.

    Raises
    ------
    DataError
        If weights are missing, negative or infinite, or amounts are not finite.
    """
    import narwhals.stable.v2 as nw

    values = _weights(columns, schema) | _amounts(columns, schema)
    if not values and not by_file:
        return {"": {}}
    sums = {name: nw.col(name).sum() if name in BAD else nw.col(name).max() for name in values}
    if by_file:
        table = frame.select(file=nw.col(FILE), **values).group_by("file").agg(n=nw.len(), **sums)
    else:
        table = frame.select(**values).select(n=nw.len(), **sums)
    facts = table.collect(backend="pandas").to_native().fillna(0.0).to_dict("records")
    for name, what in BAD.items():
        if rows := sum(int(row.get(name, 0)) for row in facts):
            part = {"unweighted": "weight", "unanswered": "prediction"}.get(name, "target")
            column = {"weight": columns.weight, "prediction": columns.prediction}.get(part, columns.target)
            where = _files_of(frame, values[name]) if FILE in schema else ""
            raise DataError(f"{part} column {quote(column)} has {rows:,} {what}{where}; write numbers there.")
    return {str(row.get("file", "")): _units(row, columns) for row in facts}


BAD = {
    "unweighted": "missing, negative or infinite weights",
    "unanswered": "values that are not finite numbers",
    "endless": "values that are not finite numbers",
}
"""What is counted of values that cannot be added up, in words."""


def _files_of(frame: nw.LazyFrame[Any], bad: nw.Expr) -> str:
    import narwhals.stable.v2 as nw

    files = frame.filter(bad > 0).select(file=nw.col(FILE)).unique().collect(backend="pandas").to_native()["file"]
    return f" in {quote_all(sorted(Path(file).name for file in files))}"


def _units(facts: Mapping[str, Any], columns: LogColumns) -> dict[str, float]:
    """Return the powers that follow from the facts of some rows."""
    units, n, heaviest = {}, int(facts["n"]), float(facts.get("weight", 1.0))
    if columns.weight is not None:
        units = {"weight_sum": _power(n, heaviest), "square_sum": _power(n, heaviest * heaviest)}
    if columns.amounts:
        power = _power(n, max(float(facts["true"]), float(facts["predicted"])) * heaviest)
        units |= {"true_sum": power, "predicted_sum": power}
    return units


def _weights(columns: LogColumns, schema: Mapping[str, Any]) -> dict[str, nw.Expr]:
    import narwhals.stable.v2 as nw

    name = columns.weight
    if name is None:
        return {}
    if not schema[name].is_numeric():
        raise DataError(f"weight column {quote(name)} holds {schema[name]}; expected numbers of 0 or more.")
    weight = nw.col(name).cast(nw.Float64)
    good = (~weight.is_null()) & weight.is_finite() & (weight >= 0)
    return {"unweighted": (~good).cast(nw.Int64), "weight": nw.when(good).then(weight).otherwise(nw.lit(0.0))}


def _amounts(columns: LogColumns, schema: Mapping[str, Any]) -> dict[str, nw.Expr]:
    import narwhals.stable.v2 as nw

    if not columns.amounts:
        return {}
    true, predicted = amounts_of(columns, schema)
    known, answered = is_number(true), is_number(predicted) & predicted.is_finite()
    endless = known & ~true.is_finite()
    return {
        "unanswered": (~answered).cast(nw.Int64),
        "endless": endless.cast(nw.Int64),
        "true": nw.when(known & ~endless).then(true.abs()).otherwise(nw.lit(0.0)),
        "predicted": nw.when(answered).then(predicted.abs()).otherwise(nw.lit(0.0)),
    }


def _power(n: int, largest: float) -> float:
    """Return the largest power of two at which a sum of `n` numbers stays below 2⁶².

    It is 2⁵² at most, so that files of few rows have it in common, or 2⁷², 2⁹² … where all numbers are tiny.

    Examples
    --------
    >>> _power(1, 1.0) == 2.0**52, _power(2**20, 1.0) == 2.0**41, _power(1, 2.0**-20) == 2.0**72
    (True, True, True)
    """
    if not n or not largest > 0:
        return 2.0**52
    most = 52 + 20 * max(math.floor(-math.log2(largest) / 20), 0)
    return 2.0 ** max(min(61 - math.ceil(math.log2(n) + math.log2(largest)), most), -1000)
