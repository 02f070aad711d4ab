"""What a model's input looks like, learned from a table: types, categories, ranges; and rows compared with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from audit.data.columns import column_kind, label_text
from audit.errors import DataError, quote, quote_all

Kind = Literal["number", "boolean", "category", "text"]
MOST_CATEGORIES = 1000
LONGEST_TEXT = 100_000
DATATYPES: Mapping[Kind, str] = {"number": "FP64", "boolean": "BOOL", "category": "BYTES", "text": "BYTES"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One input of a model."""

    name: str
    kind: Kind
    low: float | None = None
    """Smallest value seen, of a number."""
    high: float | None = None
    categories: tuple[str, ...] = ()
    """Values seen, of a category."""
    missing: bool = False
    """Whether a value may be missing, because some were."""

    @property
    def datatype(self) -> str:
        """Name of the type in the Open Inference Protocol."""
        return DATATYPES[self.kind]


class InputError(Exception):
    """Rows that do not fit the schema; each fault names its column and row."""


def columns_of(table: pd.DataFrame, features: Sequence[str]) -> tuple[Column, ...]:
    """Learn the schema of features from rows.

    Raises
    ------
    DataError
        If a feature is missing, or holds times.

    Examples
    --------
    >>> age, sex = columns_of(pd.DataFrame({"age": [20, 60], "sex": ["f", None]}), ["age", "sex"])
    >>> age.low, age.high, sex.categories, sex.missing
    (20.0, 60.0, ('f',), True)
    """
    absent = [name for name in features if name not in table.columns]
    if absent:
        raise DataError(f"the table lacks {quote_all(absent)}, which the model reads.")
    return tuple(_column(name, table[name]) for name in features)


def _column(name: str, values: pd.Series) -> Column:
    kind, missing = column_kind(values), bool(values.isna().any())
    if kind == "datetime":
        raise DataError(f"feature {quote(name)} holds times, which an endpoint does not take; write them as numbers.")
    if kind == "numeric":
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        finite = numbers[np.isfinite(numbers)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
        return Column(name=name, kind="number", low=low, high=high, missing=missing)
    levels = sorted({label_text(value) for value in values.dropna().unique()})
    if kind == "boolean":
        return Column(name=name, kind="boolean", missing=missing)
    if kind == "text" or len(levels) > MOST_CATEGORIES:
        return Column(name=name, kind="text", missing=missing)
    return Column(name=name, kind="category", categories=tuple(levels), missing=missing)


def read_values(column: Column, data: Sequence[Any], *, strict: bool = True) -> list[Any]:
    """Compare the values of a column with its schema, and return them as the model reads them.

    A number may leave the range that was seen by as much as the range is wide. Without `strict` only types are
    asked for.

    Raises
    ------
    InputError

    Examples
    --------
    >>> read_values(Column(name="age", kind="number", low=20, high=60), [30, None])
    Traceback (most recent call last):
    audit.deploy.schema.InputError: column 'age', row 1: a value is missing; none was in the data
    """
    width = (column.high - column.low) if column.high is not None and column.low is not None else math.inf
    known = frozenset(column.categories)
    if _all_fit(column, data, width if strict else math.inf, known if strict else frozenset()):
        return list(map(float, data)) if column.kind == "number" else list(data)
    read: list[Any] = []
    for row, value in enumerate(data):
        if value is None:
            if strict and not column.missing:
                _refuse(column, row, "a value is missing; none was in the data")
            read.append(None)
        elif column.kind == "number":
            read.append(_number(column, row, value, width if strict else math.inf))
        elif column.kind == "boolean":
            read.append(value if type(value) is bool else _refuse(column, row, f"{quote(value)} is not true or false"))
        else:
            read.append(_text(column, row, value, known if strict and column.kind == "category" else None))
    return read


def _all_fit(column: Column, data: Sequence[Any], slack: float, known: frozenset[str]) -> bool:
    """Tell at once that every value fits; where one does not, or is missing, each has to be looked at."""
    kinds = set(map(type, data))
    if column.kind == "number" and kinds == {float} and all(map(math.isfinite, data)):
        low, high = (math.inf if value is None else value for value in (column.low, column.high))
        return math.inf in (low, high) or (low - slack <= min(data) and max(data) <= high + slack)
    if column.kind == "category" and kinds == {str}:
        return known.issuperset(data)
    return False


def _number(column: Column, row: int, value: object, slack: float) -> float:
    if type(value) not in (int, float):
        _refuse(column, row, f"{quote(value)} is not a number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        _refuse(column, row, "the number is not finite")
    if column.low is not None and column.high is not None and not column.low - slack <= number <= column.high + slack:
        _refuse(column, row, f"{number:g} is far outside the range of the data, {column.low:g} to {column.high:g}")
    return number


def _text(column: Column, row: int, value: object, known: frozenset[str] | None) -> str:
    if type(value) is not str:
        _refuse(column, row, f"{quote(value)} is not text")
    text = str(value)
    if len(text) > LONGEST_TEXT:
        _refuse(column, row, f"the text has {len(text)} characters; at most {LONGEST_TEXT} are taken")
    if known is not None and text not in known:
        _refuse(column, row, f"{quote(text)} is not a category of the data: {quote_all(column.categories, limit=20)}")
    return text


def _refuse(column: Column, row: int, what: str) -> Any:  # noqa: ANN401 -- it never returns
    raise InputError(f"column {quote(column.name)}, row {row}: {what}")


def as_frame(columns: Sequence[Column], values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Put values that were read into the table that a model takes."""
    return pd.DataFrame({column.name: _series(column, values[column.name]) for column in columns})


def _series(column: Column, values: Sequence[Any]) -> Any:  # noqa: ANN401 -- an array that pandas takes
    if column.kind == "number":
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    if column.kind == "boolean":
        return np.array(values, dtype=object if None in values else np.bool_)
    return pd.array(list(values), dtype="str")


def made_up_rows(columns: Sequence[Column], rows: int, seed: int = 0) -> dict[str, list[Any]]:
    """Draw rows within a schema, to try a model on.

    Examples
    --------
    >>> made_up_rows([Column(name="a", kind="category", categories=("x",))], 2)
    {'a': ['x', 'x']}
    """
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[Any]] = {}
    for column in columns:
        if column.kind == "number":
            low, high = column.low or 0.0, column.high if column.high is not None else 1.0
            drawn[column.name] = generator.uniform(low, max(low, high), rows).tolist()
        elif column.kind == "boolean":
            drawn[column.name] = (generator.random(rows) < 0.5).tolist()
        else:
            drawn[column.name] = [str(text) for text in generator.choice(column.categories or ("text",), rows)]
    return drawn
