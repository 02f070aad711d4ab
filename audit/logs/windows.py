"""Windows of time, as whole numbers that every engine computes alike."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

Window = Literal["day", "week", "month"]
WINDOWS: tuple[Window, ...] = ("day", "week", "month")
REFERENCE_NAME = "the reference"
NO_WINDOW = -(2**24)
"""Window of rows without a time."""
TIME = "\ttime"
"""Time of a row while rows are put in order; no column of a log has this name."""
_EPOCH = datetime.date(1970, 1, 1)


def window_number(time: nw.Expr, window: str) -> nw.Expr:
    """Return the number of the window a time lies in: days or weeks (from Monday) since 1970, or months since year 0.

    Elementary arithmetic on year, month and day (the days-from-civil algorithm of Hinnant 2013) stands in for
    ``dt.truncate``, which some engines lack.
    """
    import narwhals.stable.v2 as nw

    year, month, day = (part.cast(nw.Int64) for part in (time.dt.year(), time.dt.month(), time.dt.day()))
    if window == "month":
        return year * 12 + month - 1
    early = (month <= 2).cast(nw.Int64)
    y, m = year - early, month + early * 12 - 3
    days = y * 365 + y // 4 - y // 100 + y // 400 + (m * 153 + 2) // 5 + day - 719469
    return days if window == "day" else (days + 3) // 7


def has_window(time: nw.Expr) -> nw.Expr:
    """Tell whether a time lies in a window: it is there, and not before the year 1, in which names of windows begin."""
    return (~time.is_null()) & (time.dt.year() >= 1)


def with_places(frame: nw.LazyFrame[Any], size: int, order: Sequence[str]) -> nw.LazyFrame[Any]:
    """Add the number of the window of so many rows; rows whose time is beyond the latest belong to none.

    Parameters
    ----------
    frame : LazyFrame
        Without missing values.
    size : int
        Rows in a window.
    order : sequence of str
        ``TIME``, and what decides between rows of one time: windows would otherwise depend on the order of rows.
    """
    import narwhals.stable.v2 as nw

    if frame.implementation.is_dask():  # whose rows have no number across partitions
        native = frame.to_native().sort_values(list(order)).reset_index(drop=True)
        native["place"] = native[TIME].notnull().astype("int64").cumsum() - 1
        frame = nw.from_native(native)
    else:
        frame = frame.with_row_index("place", order_by=list(order))
    last = nw.lit(latest_time(), dtype=nw.Datetime("us"))
    place = nw.col("place").cast(nw.Int64) // size
    return frame.with_columns(window=nw.when(nw.col(TIME) > last).then(nw.lit(NO_WINDOW)).otherwise(place))


def window_name(number: int, window: str) -> str:
    """Write a window so that names sort by time.

    Examples
    --------
    >>> window_name(20_000, "day"), window_name(2857, "week"), window_name(2025 * 12 + 2, "month")
    ('2024-10-04', '2024-W40', '2025-03')
    >>> window_name(7, "1000")
    'rows 7,001 to 8,000'
    """
    if window == "month":
        return f"{number // 12:04d}-{number % 12 + 1:02d}"
    if window.isdigit():
        size = int(window)
        return f"rows {number * size + 1:,} to {(number + 1) * size:,}"
    date = _EPOCH + datetime.timedelta(days=number if window == "day" else number * 7 - 3)
    if window == "day":
        return date.isoformat()
    year, week, _ = date.isocalendar()
    return f"{year:04d}-W{week:02d}"


def latest_time() -> datetime.datetime:
    """Return the latest time that may stand in a log: a day from now, since clocks and time zones differ."""
    return datetime.datetime.now(tz=datetime.UTC).replace(tzinfo=None, microsecond=0) + datetime.timedelta(days=1)
