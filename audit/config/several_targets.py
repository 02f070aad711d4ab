"""Targets of several columns, given from Python: one is audited at a time."""

from __future__ import annotations

from collections.abc import Mapping

from audit.data.frames import to_frame
from audit.errors import DataError
from audit.models.one_output import output_names, place_of


def one_target(
    parts: Mapping[str, object], column: int | str | None, model: object
) -> tuple[dict[str, object], int | str | None]:
    """Take the stated one of several targets, and say which output of the model that is.

    Parameters
    ----------
    parts : mapping of split to (X, y) or DataFrame
    column : int or str, optional
        Its number from 0, or its name.
    model : object
        May know the names of its outputs.

    Raises
    ------
    DataError, ConfigError
        If y has several columns and none is stated, or not that one.

    Examples
    --------
    >>> import numpy as np
    >>> parts, column = one_target({"test": ([[1], [2]], np.array([[5, 7], [6, 8]]))}, 1, None)
    >>> parts["test"][1].tolist(), column
    ([7, 8], 1)
    """
    taken, place = dict(parts), column
    for name, part in parts.items():
        if isinstance(part, tuple) and len(part) == 2 and _columns(part[1]) > 1:
            values, place = _one_column(part[1], column, output_names(model))
            taken[name] = (part[0], values)
    return taken, place


def _columns(y: object) -> int:
    shape: tuple[int, ...] = getattr(y, "shape", ())
    return shape[1] if len(shape) == 2 else 1


def _one_column(y: object, column: int | str | None, known: tuple[str, ...]) -> tuple[object, int]:
    """Return the stated column of y, and the number of the model's output that it belongs to."""
    count, names = _columns(y), tuple(str(name) for name in getattr(y, "columns", ()))
    if column is None:
        raise DataError(
            f"y has {count} columns; expected one value a row. Of several targets, one is audited at a time: state "
            f"which output of the model that is, output_column=0 (to {count - 1})."
        )
    place = place_of(column, names or known)
    if place >= count:
        raise DataError(f"output_column is {place}, and y has {count} columns, counted from 0.")
    values = to_frame(y, "y").iloc[:, place]
    if not names:
        return values.to_numpy(), place
    return values, known.index(names[place]) if names[place] in known else place
