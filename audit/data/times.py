"""Times as numbers that keep their order, from a column however it writes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import DataError, quote

DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%m.%d.%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d")
UNREADABLE = 0.05
"""Share of the values that may be no times; they are left out and counted."""
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


def moments(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return times as numbers that keep their order, NaN where there is none.

    Raises
    ------
    DataError
        If over 5 % of the values are not times, or all could be read with the day first and with the month first.

    Examples
    --------
    >>> found = moments(pd.Series(["2026-01-02", None, "2026-01-01"]))
    >>> bool(found[0] > found[2]), bool(np.isnan(found[1]))
    (True, True)
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return _require_some(values, column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _require_some(_numbers(pd.to_datetime(column, utc=True)), column)
    words = (
        column.astype(object)
        .where(column.notna(), None)
        .map(lambda value: None if value is None else str(value).strip())
    )
    times = _iso(words)
    if times is None:
        times = _write(words, column)
    return _require_some(_numbers(times), column)


def _require_some(values: npt.NDArray[np.float64], column: pd.Series) -> npt.NDArray[np.float64]:
    if np.isnan(values).all():
        raise DataError(f"time column {quote(column.name)} holds no time.")
    return values


def _numbers(times: pd.Series) -> npt.NDArray[np.float64]:
    plain = times.astype("datetime64[ns, UTC]").astype("int64").to_numpy(dtype=np.float64)
    return np.where(times.isna().to_numpy(), np.nan, plain)


def _mostly(times: pd.Series, words: pd.Series) -> bool:
    return bool((times.isna() & words.notna()).sum() <= UNREADABLE * words.notna().sum())


def _iso(words: pd.Series) -> pd.Series | None:
    """Read ISO 8601; ``None`` where more than a few values are written otherwise."""
    try:
        times = pd.to_datetime(words, errors="coerce", utc=True, format="ISO8601")
    except (ValueError, TypeError, OverflowError):
        return None
    return times if _mostly(times, words) else None


def _write(words: pd.Series, column: pd.Series) -> pd.Series:
    """Read one other way of writing that fits all values; two that disagree are refused."""
    read: pd.Series | None = None
    for form in (day + clock for clock in CLOCKS for day in DAYS):
        times = pd.to_datetime(words, errors="coerce", utc=True, format=form)
        if not _mostly(times, words):
            continue
        if read is not None and not times.equals(read):
            raise DataError(
                f"time column {quote(column.name)} can be read with the day first and with the month first, such as "
                f"{quote(words.dropna().iloc[0])}; write times as 2026-01-31."
            )
        read = times
    if read is not None:
        return read
    read = _spell(words)
    if not _mostly(read, words):
        raise DataError(_unread(words, read, str(column.name)))
    return read


def _unread(words: pd.Series, column: pd.Series, name: str) -> str:
    """Name the first value that no way of writing fits, else two that are written differently."""
    write = (
        "write times as 2026-01-31 or 2026-01-31T12:00, all in one way, and leave the field empty where there is none."
    )
    left = words[column.isna() & words.notna()]
    odd = left[pd.to_datetime(left, errors="coerce", utc=True, format="ISO8601").isna()]
    if len(odd):
        return f"time column {quote(name)} holds {quote(odd.iloc[0])}, which cannot be read as a time; {write}"
    other = words[column.notna()]
    return f"time column {quote(name)} holds both {quote(left.iloc[0])} and {quote(other.iloc[0])}; {write}"


def _spell(words: pd.Series) -> pd.Series:
    """Read times that name the month by its letters, which leave no doubt."""
    lettered = words.where(
        words.map(lambda value: isinstance(value, str) and any(part.isalpha() for part in value[3:6]))
    )
    try:
        return pd.to_datetime(lettered, errors="coerce", utc=True, format="mixed")
    except (ValueError, TypeError, OverflowError):
        return pd.to_datetime(pd.Series([None] * len(words), index=words.index), utc=True)
