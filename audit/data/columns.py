"""What a column holds: its kind, its labels as text, its groups."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.factor import MISSING, Factor
from audit.errors import DataError, quote
from reports.printable import visible

ZEROS = re.compile(r"(?<=\d)\.0+$")
"""What a whole number may end in."""
MOST_GROUPS = 50
"""Levels of a sensitive feature that are compared one by one; of more, the largest are, and the others together."""
MOST_LEVELS = 10_000
"""Levels that a sensitive feature may have."""
NAMED = 20
"""Levels of a feature with more than `MOST_GROUPS` that keep their names where groups are compared."""
POOL = "all others"
"""What the other levels are called together."""
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


MOST_BITS = 1000
"""Whole numbers of more bits are written in hexadecimal digits: they are not floats, and Python writes no others."""


def label_texts(values: pd.Series | npt.NDArray[np.generic] | Sequence[object]) -> npt.NDArray[np.object_]:
    """Write labels in one way, so that 1, 1.0 and "1" meet; missing stays ``None``.

    Examples
    --------
    >>> label_texts([1.0, None, "a"]).tolist()
    ['1', None, 'a']
    """
    complete = _texts_of_complete(values) if isinstance(values, np.ndarray) and values.ndim == 1 else None
    if complete is not None:
        return complete
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    levels = pd.unique(series.dropna())
    texts = {level: label_text(level) for level in levels}
    return np.array([*series.map(texts).astype(object).where(series.notna(), None), None], dtype=object)[:-1]


def _texts_of_complete(values: npt.NDArray[np.generic]) -> npt.NDArray[np.object_] | None:
    """Write labels of a type that knows no missing value, as models answer them; ``None`` for other arrays."""
    if values.dtype.kind in "biuU":
        levels, places = np.unique(values, return_inverse=True)
        texts: npt.NDArray[np.object_] = np.array([label_text(level) for level in levels.tolist()], dtype=object)[
            places
        ]
        return texts
    if values.dtype == object and {*map(type, values)} == {str}:
        return np.array(values, dtype=object)
    return None


def label_text(value: object) -> str:
    """Write one label; whole numbers without a point.

    Examples
    --------
    >>> label_text(1.0), label_text("a")
    ('1', 'a')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return hex(value)
    if isinstance(value, int | float | np.number) and float(value).is_integer():
        return str(int(value))
    try:
        return str(value)
    except Exception as problem:  # of somebody's own class
        raise DataError(
            f"a value of type {type(value).__name__} cannot be written as text; expected words or numbers."
        ) from problem


def sorted_labels(texts: Iterable[str]) -> tuple[str, ...]:
    """Sort labels as numbers where all are numbers, else as text.

    Examples
    --------
    >>> sorted_labels({"10", "9"}), sorted_labels({"b", "10"})
    (('9', '10'), ('10', 'b'))
    """
    names = sorted(texts)
    try:
        numbers = [float(text) for text in names]
    except ValueError:
        return tuple(names)
    if any(map(math.isnan, numbers)):  # which has no place among numbers
        return tuple(names)
    return tuple(text for _, text in sorted(zip(numbers, names, strict=True)))


def plain_word(word: str) -> str:
    """Return a word without outer blanks and, if it is longer than a letter, without case.

    Examples
    --------
    >>> plain_word(" Yes"), plain_word("A ")
    ('yes', 'A')
    """
    bare = word.strip()
    return bare.casefold() if len(bare) > 1 else bare


def require_distinct(words: Iterable[str], what: str, *, numbers: bool = False) -> None:
    """Refuse classes or groups that differ in blanks or case alone, or that look alike in a report.

    A letter alone may differ in case. Signs that are not seen, and what follows the 120th character, look alike. Where
    words may be `numbers`, 1 and 1.0 are refused, too; names, such as those of versions, they may be.

    Raises
    ------
    DataError
        Naming both.

    Examples
    --------
    >>> require_distinct(("yes", "no", "Yes"), "target 'y'")
    Traceback (most recent call last):
    audit.errors.DataError: target 'y' holds both 'yes' and 'Yes', which differ only in case or blanks; write them...
    >>> require_distinct(("1", "1.0"), "target 'y'", numbers=True)
    Traceback (most recent call last):
    audit.errors.DataError: target 'y' holds both '1' and '1.0', which are the same number; write them alike.
    """
    first: dict[tuple[str, str], str] = {}
    for word in words:
        bare = plain_word(word)
        likeness = {
            "differ only in case or blanks": bare,
            "look alike in a report": plain_word(unicodedata.normalize("NFC", visible(word))),
            **({"are the same number": ZEROS.sub("", bare)} if numbers else {}),
        }
        for how, look in likeness.items():
            if (other := first.setdefault((how, look), word)) != word:
                raise DataError(f"{what} holds both {quote(other)} and {quote(word)}, which {how}; write them alike.")


def group_factor(column: pd.Series, edges: tuple[float, ...] | None = None, *, most: int = MOST_GROUPS) -> Factor:
    """Turn a sensitive column into groups, cutting numbers at `edges`.

    Parameters
    ----------
    column : Series
    edges : tuple of float, optional
        Where bands begin: ``(25, 45)`` makes *under 25*, *25 to under 45*, *45 and over*.
    most : int
        Groups that there may be.

    Raises
    ------
    DataError
        If a number has many values and no edges, there are more groups than `most`, or two differ in case alone.

    Examples
    --------
    >>> group_factor(pd.Series([20, 25, 50]), (25, 45)).levels
    ('under 25', '25 to under 45', '45 and over')
    """
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    if edges is not None:
        if not numeric or len(edges) == 0 or list(edges) != sorted(set(edges)):
            raise DataError(
                f"[data.bins] {quote(column.name)}: expected increasing numbers for a numeric column, got "
                f"{list(edges)}."
            )
        return _band(column.to_numpy(dtype=np.float64, na_value=np.nan), edges)
    if numeric and column.nunique() > NUMERIC_GROUPS:
        quartiles = ", ".join(f"{edge:g}" for edge in column.quantile([0.25, 0.5, 0.75]).unique())
        raise DataError(
            f"column {quote(column.name)} is a number with {column.nunique()} values; cut it into bands: "
            f"[data.bins] {column.name} = [{quartiles}]; or, where its numbers are names as ZIP codes are: "
            f'[data] text = ["{column.name}"]'
        )
    texts = label_texts(column)
    levels = sorted_labels({text for text in texts if text is not None})
    require_distinct(levels, f"sensitive feature {quote(column.name)}")
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        occurring = set(levels)
        levels = tuple(text for text in map(label_text, column.cat.categories) if text in occurring)
    if len(levels) > most:
        raise DataError(
            f"sensitive feature {quote(column.name)} has {len(levels):,} groups; at most {most:,} can be compared. "
            "Join rare ones in the table."
        )
    return Factor.of(texts, levels)


def pool_levels(factor: Factor, sizes: npt.NDArray[np.int64], named: int = NAMED) -> Factor:
    """Return a factor whose largest levels keep their names, all others being one level, the last.

    Which levels are named depends on their rows alone, never on what became of these rows, so that no
    comparison of groups is chosen by its result.

    Parameters
    ----------
    factor : Factor
    sizes : ndarray of int
        Rows by level, which may be others than those of the factor: of equally large levels the first are named.
    named : int

    Examples
    --------
    >>> town = pool_levels(Factor.of(list("aaabbc")), np.array([3, 2, 1]), named=1)
    >>> town.levels, town.codes.tolist()
    (('a', 'all others'), [0, 0, 0, 1, 1, 1])
    """
    largest = np.sort(np.argsort(-sizes, kind="stable")[:named])
    names = [factor.levels[code] for code in largest]
    other = POOL
    while other in factor.levels:
        other += " (joined)"
    place = np.full(len(factor.levels) + 1, len(names), dtype=np.int32)
    place[largest] = np.arange(len(names), dtype=np.int32)
    place[-1] = MISSING  # the code -1 of rows without a value
    return Factor(codes=place[factor.codes], levels=(*names, other))


def _band(values: npt.NDArray[np.float64], edges: tuple[float, ...]) -> Factor:
    names = [f"under {edges[0]:g}"]
    names += [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    names.append(f"{edges[-1]:g} and over")
    codes = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right").astype(np.int32)
    return Factor(codes=np.where(np.isnan(values), np.int32(-1), codes).astype(np.int32), levels=tuple(names))
