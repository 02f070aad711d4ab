"""Any table as a matrix of numbers, and back: what lets one algorithm perturb columns of every type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import ExtensionDtype

FloatArray = npt.NDArray[np.float64]
Score = Callable[[FloatArray], FloatArray]
"""Rows of an encoded table, shape (n, features), to one number a row."""
Tick = Callable[[int, int], None]
"""Called with the steps done and all steps."""


NO_LEVELS = pd.Series(dtype=object)


def no_tick(done: int, total: int) -> None:
    """Show nothing."""


WIDE = 1000
"""Of more columns, all whole numbers, none keeps its type where one meets a fraction: an image stays one array."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """How one column is written as numbers."""

    name: str
    dtype: np.dtype[np.generic] | ExtensionDtype
    numeric: bool
    """Numbers stand for themselves; anything else is a code into `levels`, missing values included."""
    levels: pd.Series
    """Distinct values by code; empty for numbers."""

    def encode(self, values: pd.Series) -> FloatArray:
        """Return `values` as numbers.

        Raises
        ------
        KeyError
            If a value was not in the table that the encoding was made of.
        """
        if self.numeric:
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        codes = pd.Index(self.levels).get_indexer(pd.Index(values.astype(object)))
        missing = values.isna().to_numpy()
        hole = np.flatnonzero(self.levels.isna().to_numpy())
        codes = np.where(missing, hole[0] if len(hole) else -1, codes)
        if len(codes) and codes.min() < 0:
            raise KeyError(f"column {self.name!r} holds a value that the encoding has not seen")
        return codes.astype(np.float64)

    def decode(self, numbers: FloatArray) -> pd.Series | FloatArray:
        """Return numbers as values of the column's own type; fractions of a whole-number column stay fractions."""
        codes = numbers.astype(np.intp) if not self.numeric else None
        if codes is not None and isinstance(self.dtype, pd.CategoricalDtype):
            own = pd.Index(self.dtype.categories).get_indexer(pd.Index(self.levels))
            return pd.Series(pd.Categorical.from_codes(own[codes], dtype=self.dtype))
        if codes is not None:
            return self._typed(self.levels.take(codes))
        if self.dtype == np.float64:
            return numbers
        return self._typed(pd.Series(numbers))

    def _typed(self, values: pd.Series) -> pd.Series:
        values = values.reset_index(drop=True)
        if self.numeric and not _fits(values.to_numpy(), self.dtype):
            return values
        return values.astype(self.dtype)


def _fits(numbers: FloatArray, dtype: np.dtype[np.generic] | ExtensionDtype) -> bool:
    """Tell whether numbers can be written in a dtype without losing a fraction or a missing value."""
    if not pd.api.types.is_integer_dtype(dtype):
        return True
    if isinstance(dtype, np.dtype):
        return bool(np.isfinite(numbers).all() and (numbers == np.round(numbers)).all())
    present = numbers[~np.isnan(numbers)]
    return bool((present == np.round(present)).all())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoding:
    """A table's columns as numbers.

    Numbers stay as they are; categories, strings, dates and booleans become codes, a missing value
    among them being a level like any other. Replacing a code by another row's code is replacing the
    value by that row's value, which works for every type.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [20, 30], "city": ["Ulm", None]})
    >>> encoding = Encoding.of(table)
    >>> numbers = encoding.encode(table)
    >>> numbers.tolist()
    [[20.0, 0.0], [30.0, 1.0]]
    >>> encoding.decode(numbers[::-1])["city"].isna().tolist()
    [True, False]
    """

    columns: tuple[Column, ...]
    labels: pd.Index[str] = field(init=False)
    """Names of the columns."""
    single: np.dtype[np.generic] | None = field(init=False)
    """The type that all columns have, if they have one."""

    def __post_init__(self) -> None:
        """Work out once what every decoded table of many columns asks for."""
        types = {column.dtype if column.numeric else None for column in self.columns}
        (only,) = types if len(types) == 1 else (None,)
        object.__setattr__(self, "labels", pd.Index([column.name for column in self.columns]))
        object.__setattr__(self, "single", only if isinstance(only, np.dtype) else None)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Encoding:
        """Learn the columns of a table; every value met later must stand in it, save for numbers."""
        types = dict.fromkeys(frame.dtypes)
        if len(types) == 1 and _is_number(next(iter(types))):  # much quicker for wide tables
            return cls(columns=tuple(_number(str(name), next(iter(types))) for name in frame.columns))
        return cls(columns=tuple(_column(frame[name]) for name in frame.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def numeric(self) -> npt.NDArray[np.bool_]:
        """Which columns are numbers, shape (features,)."""
        return np.array([column.numeric for column in self.columns], dtype=np.bool_)

    def encode(self, frame: pd.DataFrame) -> FloatArray:
        """Return a table as numbers, shape (n, features)."""
        if not self.columns:
            return np.zeros((len(frame), 0))
        if self.numeric.all() and list(frame.columns) == list(self.names) and len(set(frame.dtypes)) == 1:
            return np.asarray(frame.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.column_stack([column.encode(frame[column.name]) for column in self.columns])

    def decode(self, numbers: FloatArray) -> pd.DataFrame:
        """Return numbers as a table with the columns and types it came with."""
        plain = self._plain(numbers)
        if plain is not None:
            return pd.DataFrame(plain, columns=self.labels)
        return pd.DataFrame(
            {column.name: column.decode(numbers[:, place]) for place, column in enumerate(self.columns)}
        )

    def _plain(self, numbers: FloatArray) -> npt.NDArray[np.generic] | None:
        """Return numbers in the one type that all columns have, where they have one: much quicker for wide tables."""
        only = self.single
        if only is None:
            return None
        if only.kind in "iu" and not _fits(numbers, only):
            return numbers if len(self.columns) > WIDE else None
        return numbers if only == np.float64 else numbers.astype(only)

    def text(self, place: int, number: float) -> str:
        """Write one cell for people.

        Examples
        --------
        >>> Encoding.of(pd.DataFrame({"age": [20.0, 30.5]})).text(0, 30.5)
        '30.5'
        """
        column = self.columns[place]
        if column.numeric:
            return "missing" if np.isnan(number) else f"{number:.5g}"
        value = column.levels.iloc[int(number)]
        return "missing" if pd.isna(value) else str(value)[:60]


def _is_number(dtype: np.dtype[np.generic] | ExtensionDtype) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))


def _number(name: str, dtype: np.dtype[np.generic] | ExtensionDtype) -> Column:
    return Column(name=name, dtype=dtype, numeric=True, levels=NO_LEVELS)


def _column(values: pd.Series) -> Column:
    name, dtype = str(values.name), values.dtype
    if _is_number(dtype):
        return _number(name, dtype)
    plain = values.astype(object)
    present = plain[values.notna().to_numpy()]
    levels = list(pd.unique(present))
    try:
        levels.sort()
    except TypeError:  # values of several types have no order; the order of appearance serves
        levels = list(pd.unique(present))
    if len(present) < len(plain):
        levels.append(plain[values.isna().to_numpy()].iloc[0])
    holder = np.empty(len(levels), dtype=object)
    holder[:] = levels
    return Column(name=name, dtype=dtype, numeric=False, levels=pd.Series(holder, dtype=object))
