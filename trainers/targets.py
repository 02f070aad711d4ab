"""Targets of several columns: numbers that are predicted together, or labels of which a row may have any."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainers.errors import TrainerError, quote_all

PRESENT = frozenset({"0", "1", "0.0", "1.0", "False", "True"})
"""How the values of a column of a label are written."""


class Columns(NamedTuple):
    """A target of two or more columns."""

    values: NDArray[Any]
    """Shape (rows, columns)."""
    names: tuple[str, ...]
    """Names of the columns, where they have any."""


def columns(y: object) -> Columns | None:
    """Return a target of two or more columns, or None where it is one.

    Examples
    --------
    >>> columns([[1.0, 2.0], [3.0, 4.0]]).values.shape
    (2, 2)
    >>> columns([1.0, 3.0]) is None
    True
    """
    names = tuple(str(name) for name in getattr(y, "columns", ()))
    try:
        values = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    except ValueError:  # rows of several lengths, which the check of a single column names
        return None
    return Columns(values, names) if values.ndim == 2 and values.shape[1] > 1 else None


def numbers(given: Columns) -> NDArray[np.float64]:
    """Check numbers that are predicted together.

    Raises
    ------
    TrainerError
        If a value is missing or no number.

    Examples
    --------
    >>> numbers(columns([[1, 2], [3, 4]])).dtype
    dtype('float64')
    """
    try:
        values: NDArray[np.float64] = given.values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TrainerError(f"y holds {given.values.dtype} values; expected numbers") from error
    if not np.isfinite(values).all():
        raise TrainerError("Input y contains NaN or infinity; expected a finite target in every row. Drop those rows")
    return values


def labels(given: Columns) -> NDArray[np.float64]:
    """Check labels: one column each, 1 where a row has it and 0 where not.

    Raises
    ------
    TrainerError
        If a column holds anything else; says what to do with several columns of classes.

    Examples
    --------
    >>> labels(columns([[True, False], [True, True]])).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    strange = [value for value in np.unique(given.values.astype(str)) if value not in PRESENT]
    if strange:
        raise TrainerError(
            f"y has {given.values.shape[1]} columns and holds {quote_all(strange, limit=3)}; expected one column of "
            "classes, or a column of 0 and 1 for each label (multilabel). Several columns of classes: "
            "sklearn.multioutput.MultiOutputClassifier(NetworkClassifier()).fit(X, y)"
        )
    return given.values.astype(np.float64)


def require_columns(given: Columns | None, fitted: int) -> None:
    """Refuse a target of another number of columns than the network was fitted on.

    Raises
    ------
    TrainerError

    Examples
    --------
    >>> require_columns(None, 1)
    """
    seen = 1 if given is None else given.values.shape[1]
    if seen != fitted:
        raise TrainerError(f"y has {seen} columns; the network was fitted on a target of {fitted}")
