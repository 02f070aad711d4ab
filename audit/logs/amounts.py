"""Amounts, as a regression has them, are counted by bins of target and error; sums keep their means.

A bin holds a sixteenth of a doubling. Rows of one bin are taken to have its mean, so that means are exact to rounding
and squares to two parts in ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit.errors import DataError, quote
from audit.logs.columns import LogColumns
from audit.logs.numbers import is_number, whole
from audit.logs.score_bins import NUDGE

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

PER_DOUBLING = 16
TINY = 1e-300
"""What is nearer to 0 counts as 0."""
FARTHEST = 20_000
"""More bins than there are doublings of a double; it keeps bins of either sign from meeting."""
UNKNOWN = -(2**24)
"""Bin of a row whose target is not known."""


def amount_keys(columns: LogColumns, schema: dict[str, Any]) -> dict[str, nw.Expr]:
    """Return the bin of the target and the bin of the error, as truth and answer; without a target, of the prediction.

    Raises
    ------
    DataError
        If a column holds anything but numbers.
    """
    import narwhals.stable.v2 as nw

    true, predicted = amounts_of(columns, schema)
    known = is_number(true)
    error = nw.when(known).then(predicted - true).otherwise(predicted)
    return {"true": nw.when(known).then(_bin(true)).otherwise(nw.lit(UNKNOWN)), "predicted": _bin(error)}


def amount_sums(columns: LogColumns, schema: dict[str, Any], scale: float) -> dict[str, nw.Expr]:
    """Return target and prediction as whole numbers, each times the row's weight."""
    import narwhals.stable.v2 as nw

    true, predicted = amounts_of(columns, schema)
    weight = nw.lit(1.0) if columns.weight is None else nw.col(columns.weight).cast(nw.Float64)
    given = nw.when(is_number(true)).then(true).otherwise(nw.lit(0.0))
    return {"true_sum": whole(given * weight * scale), "predicted_sum": whole(predicted * weight * scale)}


def amounts_of(columns: LogColumns, schema: Mapping[str, Any]) -> tuple[nw.Expr, nw.Expr]:
    """Return target and prediction as numbers.

    Raises
    ------
    DataError
        If a column holds anything but numbers.
    """
    import narwhals.stable.v2 as nw

    for name in (columns.target, str(columns.prediction)):
        if not schema[name].is_numeric():
            raise DataError(f"column {quote(name)} holds {schema[name]}; a regression needs numbers.")
    return nw.col(columns.target).cast(nw.Float64), nw.col(str(columns.prediction)).cast(nw.Float64)


def _bin(number: nw.Expr) -> nw.Expr:
    """Return the bin of a number on a logarithmic scale to either side of 0, which has its own."""
    import narwhals.stable.v2 as nw

    size = number.abs()
    safe = nw.when(size >= TINY).then(size).otherwise(nw.lit(1.0))
    place = (safe.log() * (PER_DOUBLING / math.log(2)) + NUDGE).floor().cast(nw.Int64) + FARTHEST
    signed = nw.when(number < 0).then(-1 * place).otherwise(place)
    return nw.when(size >= TINY).then(signed).otherwise(nw.lit(0))
