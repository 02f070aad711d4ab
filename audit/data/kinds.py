"""Columns of several tables become one column of one kind, or are refused by name."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from audit.data.columns import label_text
from audit.errors import DataError, quote, quote_all

Kind = Literal["empty", "boolean", "number", "text", "time", "mixed", "other"]
SCALARS = (str, bool, int, float, np.generic, datetime.date)
EXACT = 2.0**53
"""Whole numbers up to which floating-point numbers hold every one."""


def plain(column: pd.Series) -> pd.Series:
    """Turn nullable, Arrow and object columns of one kind into plain ones; times are held in UTC.

    Parameters
    ----------
    column : Series

    Examples
    --------
    >>> plain(pd.Series([1, None], dtype="Int64")).dtype, plain(pd.Series([1, 2], dtype="Int64")).dtype
    (dtype('float64'), dtype('int64'))
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _plain_categories(column)
    if isinstance(dtype, pd.SparseDtype):
        column = pd.Series(column.to_numpy(dtype=dtype.subtype), index=column.index, name=column.name)
    elif isinstance(dtype, pd.PeriodDtype):
        return pd.Series(column.dt.to_timestamp())
    elif isinstance(dtype, pd.IntervalDtype):
        return column.astype(str).where(column.notna(), None).astype("str")
    elif isinstance(dtype, pd.ArrowDtype) or pd.api.types.is_extension_array_dtype(dtype):
        column = _without_extension(column)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(column.dt.tz_convert("UTC"))
    if pd.api.types.is_float_dtype(column.dtype) and column.dtype.itemsize not in (4, 8):  # type: ignore[union-attr]
        return column.astype(np.float64)
    return _of_objects(column) if column.dtype == object else column


def _without_extension(column: pd.Series) -> pd.Series:
    """Leave pandas' and Arrow's own types."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.astype("str")
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype(object).where(column.notna(), None) if column.isna().any() else column.astype(bool)
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        whole = pd.api.types.is_integer_dtype(column.dtype) and not column.isna().any()
        unsigned = pd.api.types.is_unsigned_integer_dtype(column.dtype)
        values = column.to_numpy(dtype=(np.uint64 if unsigned else np.int64) if whole else np.float64, na_value=np.nan)
        return pd.Series(values, index=column.index, name=column.name)
    if isinstance(column.dtype, pd.ArrowDtype):
        return _without_arrow(column)
    return column


def _without_arrow(column: pd.Series) -> pd.Series:
    import pyarrow as pa

    arrow = column.dtype.pyarrow_dtype  # type: ignore[union-attr]
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return column.astype("str")
    if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow):
        times = pd.to_datetime(column.astype(object), utc=getattr(arrow, "tz", None) is not None)
        return pd.Series(times, index=column.index, name=column.name)
    if pa.types.is_dictionary(arrow):
        return column.astype(object).where(column.notna(), None).astype("category")
    return column.astype(object).where(column.notna(), None)


def _of_objects(column: pd.Series) -> pd.Series:
    """Give objects of one kind a type of their own."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in {"integer", "floating", "mixed-integer-float", "decimal"}:
        try:
            return pd.to_numeric(column.where(column.notna(), np.nan))
        except (TypeError, ValueError, OverflowError):
            return column.astype(np.float64)
    if kind == "boolean":
        return column if column.isna().any() else column.astype(bool)
    if kind in {"date", "datetime", "datetime64"}:
        try:
            return pd.to_datetime(column)
        except (ValueError, TypeError):
            return column
    return column.where(column.notna(), None) if column.isna().any() else column


def _plain_categories(column: pd.Series) -> pd.Series:
    """Write categories that are neither words, numbers nor truth values as words."""
    categories = column.cat.categories
    kind = pd.api.types.infer_dtype(categories)
    if kind in {"string", "integer", "floating", "boolean", "empty", "mixed-integer-float"}:
        if pd.api.types.is_extension_array_dtype(categories.dtype) and kind not in {"string", "empty"}:
            return column.cat.rename_categories(categories.to_numpy(dtype=object).tolist())
        return column
    texts = [label_text(category) for category in categories]
    return column.cat.rename_categories(texts) if len(set(texts)) == len(texts) else column.astype(str).astype("str")


def may_round_codes(column: pd.Series) -> bool:
    """Tell whether whole numbers are held as floating-point numbers that cannot hold all of their digits.

    Examples
    --------
    >>> may_round_codes(pd.Series([2**53 + 1, None])), may_round_codes(pd.Series([2**53 + 1]))
    (True, False)
    """
    if not pd.api.types.is_float_dtype(column.dtype):
        return False
    largest = column.abs().max()
    return bool(EXACT <= largest < 2.0**64 and (column.dropna() % 1 == 0).all())


def unfit(column: pd.Series) -> str:
    """Say what a column holds that no audit can read, ``""`` if it can.

    Examples
    --------
    >>> unfit(pd.Series([[1], [2]])), unfit(pd.Series([1, 2]))
    ('lists', '')
    """
    dtype = column.dtype
    if pd.api.types.is_timedelta64_dtype(dtype):
        return "durations"
    if pd.api.types.is_complex_dtype(dtype):
        return "complex numbers"
    if not pd.api.types.is_object_dtype(dtype):
        return ""
    if pd.api.types.infer_dtype(column, skipna=True) in {"string", "boolean", "empty"}:
        return ""
    named: tuple[tuple[object, str], ...] = (
        ((list, tuple, np.ndarray), "lists"), (dict, "records"), ((set, frozenset), "sets"),
        ((bytes, bytearray, memoryview), "bytes"), ((datetime.timedelta, np.timedelta64), "durations"),
        (datetime.time, "times of day"), (complex, "complex numbers"),
    )  # fmt: skip
    for value in column.dropna():
        if isinstance(value, SCALARS) and not isinstance(value, complex | np.timedelta64 | np.complexfloating):
            continue
        text = next((words for kind, words in named if isinstance(value, kind)), "")  # type: ignore[arg-type]
        if text or not hasattr(value, "__float__"):
            return text or f"objects of {type(value).__name__}"
    return ""


def kind_of(column: pd.Series) -> Kind:
    """Tell what the values of a plain column are.

    Examples
    --------
    >>> kind_of(pd.Series(["1", "a"])), kind_of(pd.Series([1])), kind_of(pd.Series([1, "a"], dtype=object))
    ('text', 'number', 'mixed')
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return kind_of(pd.Series(column.cat.categories))
    if not len(column) or column.isna().all():
        return "empty"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "time"
    text = pd.api.types.infer_dtype(column, skipna=True)
    by_name: dict[str, Kind] = {"string": "text", "boolean": "boolean", "empty": "empty"}
    return by_name.get(text, "mixed")


def unite_columns(name: str, parts: Mapping[str, pd.Series], *, text: bool = False, number: bool = False) -> pd.Series:
    """Put the columns of all splits one below the other, as values of one kind.

    Parameters
    ----------
    name : str
    parts : mapping of str to Series
        By split.
    text, number : bool
        What the user says it holds.

    Raises
    ------
    DataError
        If the splits disagree in kind, or hold another order of categories.

    Examples
    --------
    >>> splits = {"train": pd.Series(["a"], dtype="category"), "test": pd.Series(["b"], dtype="category")}
    >>> unite_columns("k", splits).dtype
    CategoricalDtype(categories=['a', 'b'], ordered=False, categories_dtype=str)
    """
    if text or number:
        parts = {split: _state(name, part, text=text) for split, part in parts.items()}
    if len(parts) == 1:
        (only,) = parts.values()
        return only.reset_index(drop=True)
    kinds = {split: kind_of(part) for split, part in parts.items()}
    present = {kind for kind in kinds.values() if kind != "empty"}
    if len(present) > 1 and "mixed" not in present:
        line = " and ".join(f"{_say(parts[split])} in {split}" for split, kind in kinds.items() if kind != "empty")
        raise DataError(
            f"column {quote(name)} holds {line}; the splits must agree. Write it alike in all of them, or state "
            f'[data] text = ["{name}"] or number = ["{name}"].'
        )
    columns = list(parts.values())
    if any(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return _united_categories(name, columns)
    zones = {isinstance(column.dtype, pd.DatetimeTZDtype) for column in columns if kind_of(column) == "time"}
    if len(zones) > 1:
        raise DataError(f"column {quote(name)} holds times with a time zone in one split and without in another.")
    return _join(columns)


def _say(column: pd.Series) -> str:
    words = {"number": "numbers", "boolean": "true or false", "text": "words", "time": "times"}
    return f"{words.get(kind_of(column), 'values')} such as {quote(column.dropna().iloc[0], limit=30)}"


def _join(columns: Sequence[pd.Series]) -> pd.Series:
    """Join columns of one kind; one without any value takes the type of the others."""
    full = [column for column in columns if kind_of(column) != "empty"]
    types = {column.dtype for column in full}
    if len(types) > 1 and {kind_of(column) for column in full} == {"text"}:
        columns = [column.astype("str") for column in columns]
    elif len(full) < len(columns) and full:
        columns = [column if kind_of(column) != "empty" else _empty_like(column, full[0]) for column in columns]
    return pd.concat(columns, ignore_index=True)


def _empty_like(column: pd.Series, full: pd.Series) -> pd.Series:
    kind = kind_of(full)
    dtype: object = np.float64 if kind == "number" else object if kind in {"boolean", "mixed"} else full.dtype
    return pd.Series([None] * len(column), dtype=dtype, index=column.index)  # type: ignore[call-overload,no-any-return]


def _united_categories(name: str, columns: Sequence[pd.Series]) -> pd.Series:
    """Unite categories: those of the first split first, new ones after them."""
    given = [column for column in columns if isinstance(column.dtype, pd.CategoricalDtype)]
    ordered = [column for column in given if column.cat.ordered]
    orders = {tuple(column.cat.categories) for column in ordered}
    if len(orders) > 1 or (ordered and len(ordered) < len(given)):
        text = " and ".join(quote_all(column.cat.categories, limit=6) for column in given)
        raise DataError(f"column {quote(name)} has ordered categories that differ between splits: {text}.")
    if ordered:
        dtype = ordered[0].dtype
        strange = [value for column in columns for value in pd.unique(column.dropna()) if value not in dtype.categories]  # type: ignore[union-attr]
        if strange:
            raise DataError(f"column {quote(name)} holds {quote_all(strange[:5])}, which its ordered categories lack.")
        return pd.concat([column.astype(dtype) for column in columns], ignore_index=True)
    categories = [
        column if isinstance(column.dtype, pd.CategoricalDtype) else column.astype("category") for column in columns
    ]
    types = {category.cat.categories.dtype for category in categories if len(category.cat.categories)}
    if len(types) > 1 or any(not len(category.cat.categories) for category in categories):
        levels = pd.Index(list(dict.fromkeys(level for category in categories for level in category.cat.categories)))
        return pd.concat([category.astype(pd.CategoricalDtype(levels)) for category in categories], ignore_index=True)
    return pd.Series(union_categoricals(categories))


def _state(name: str, column: pd.Series, *, text: bool) -> pd.Series:
    """Turn a column into the words or the numbers that the user says it holds."""
    if text:
        if kind_of(column) == "text":
            return column
        return pd.Series(
            [None if gone else label_text(value) for value, gone in zip(column, column.isna(), strict=True)],
            index=column.index, dtype="str", name=column.name,
        )  # fmt: skip
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    odd = column[numbers.isna() & column.notna()]
    if len(odd):
        raise DataError(
            f"column {quote(name)} must hold numbers ([data] number) and holds "
            f"{quote_all(pd.unique(odd)[:50], limit=5)}; name in [data] missing what stands for a missing value."
        )
    return numbers.astype(np.float64) if numbers.isna().any() else pd.to_numeric(numbers)
