"""What a column holds: its kind, its labels as text, its groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.factor import Factor
from audit.errors import DataError, shown

MOST_GROUPS = 50
NUMERIC_GROUPS = 20

ColumnKind = Literal["numeric", "categorical", "boolean", "datetime", "text"]


def column_kind(column: pd.Series) -> ColumnKind:
    """Tell what kind of column this is: long, mostly distinct strings are text.

    Examples
    --------
    >>> column_kind(pd.Series([1.5, 2.0])), column_kind(pd.Series(["a", "b"]))
    ('numeric', 'categorical')
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "numeric"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "datetime"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical"
    present = column.dropna().head(1000)
    spaced = present.map(lambda value: isinstance(value, str) and value.count(" ") >= 3)
    return "text" if len(present) and spaced.mean() > 0.5 and present.nunique() > 0.5 * len(present) else "categorical"


def label_texts(values: pd.Series | npt.NDArray[np.generic] | Sequence[object]) -> npt.NDArray[np.object_]:
    """Write labels in one way, so that 1, 1.0 and "1" meet; missing stays ``None``.

    Examples
    --------
    >>> label_texts([1.0, None, "a"]).tolist()
    ['1', None, 'a']
    """
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    levels = pd.unique(series.dropna())
    texts = {level: label_text(level) for level in levels}
    return np.array([*series.map(texts).astype(object).where(series.notna(), None), None], dtype=object)[:-1]


def label_text(value: object) -> str:
    """Write one label; whole numbers without a point.

    Examples
    --------
    >>> label_text(1.0), label_text("a")
    ('1', 'a')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | float | np.number) and float(value).is_integer():
        return str(int(value))
    return str(value)


def sorted_labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Sort labels as numbers where all are numbers, else as text.

    Examples
    --------
    >>> sorted_labels({"10", "9"}), sorted_labels({"b", "10"})
    (('9', '10'), ('10', 'b'))
    """
    names = list(texts)
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def group_factor(column: pd.Series, edges: tuple[float, ...] | None = None) -> Factor:
    """Turn a sensitive column into groups, cutting numbers at `edges`.

    Parameters
    ----------
    column : Series
    edges : tuple of float, optional
        Where bands begin: ``(25, 45)`` makes *under 25*, *25 to under 45*, *45 and over*.

    Raises
    ------
    DataError
        If a number has many values and no edges, or there are more than 50 groups.

    Examples
    --------
    >>> group_factor(pd.Series([20, 25, 50]), (25, 45)).levels
    ('under 25', '25 to under 45', '45 and over')
    """
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if edges is not None:
        if not numeric or len(edges) == 0 or list(edges) != sorted(set(edges)):
            raise DataError(
                f"[data.bins] {shown(column.name)}: expected rising numbers for a numeric column, got {list(edges)}."
            )
        return _banded(column.to_numpy(dtype=np.float64, na_value=np.nan), edges)
    if numeric and column.nunique() > NUMERIC_GROUPS:
        quartiles = ", ".join(f"{edge:g}" for edge in column.quantile([0.25, 0.5, 0.75]).unique())
        raise DataError(
            f"sensitive feature {shown(column.name)} is a number with {column.nunique()} values; cut it into bands: "
            f"[data.bins] {column.name} = [{quartiles}]"
        )
    texts = label_texts(column)
    levels = sorted_labels({text for text in texts if text is not None})
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        levels = tuple(text for text in map(label_text, column.cat.categories) if text in levels)
    if len(levels) > MOST_GROUPS:
        raise DataError(
            f"sensitive feature {shown(column.name)} has {len(levels)} groups; at most {MOST_GROUPS} can be compared. "
            "Join rare ones in the table."
        )
    return Factor.of(texts, levels)


def _banded(values: npt.NDArray[np.float64], edges: tuple[float, ...]) -> Factor:
    names = [f"under {edges[0]:g}"]
    names += [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    names.append(f"{edges[-1]:g} and over")
    codes = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right").astype(np.int32)
    return Factor(codes=np.where(np.isnan(values), np.int32(-1), codes).astype(np.int32), levels=tuple(names))
