"""Numbers of a log, as expressions that every engine computes alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def is_number(column: nw.Expr) -> nw.Expr:
    """Tell whether a floating-point number is there and not NaN; infinity is a number.

    Asked by what is finite or infinite: a Parquet file states the range of its numbers without NaN, and DuckDB (2.0)
    takes ``isnan(x)`` for false, and ``x <= 1`` for true, where the range says so.
    """
    endless = (column == math.inf) | (column == -math.inf)
    return (~column.is_null()) & (column.is_finite() | endless)


def is_share(column: nw.Expr, margin: float = 0.0) -> nw.Expr:
    """Tell whether a number is there and in [0, 1], and by so much away from both ends."""
    return (~column.is_null()) & column.is_finite() & (column >= margin) & (column <= 1 - margin)


def whole(number: nw.Expr) -> nw.Expr:
    """Round to a whole number, halves up."""
    import narwhals.stable.v2 as nw

    return (number + 0.5).floor().cast(nw.Int64)
