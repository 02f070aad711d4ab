"""Whatever holds a table in Python becomes a frame of pandas: plain columns under names that are text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.data.bounded import require_size
from audit.data.columnar import of_arrow
from audit.errors import DataError, quote, quote_all

KNOWN = "a frame of pandas, polars, pyarrow or any that Narwhals knows, a NumPy array, or a sparse matrix of SciPy"


def to_frame(table: object, what: str) -> pd.DataFrame:
    """Turn a table into a frame; the row labels of pandas stay, so that rows can be aligned.

    Parameters
    ----------
    table : object
    what : str
        What the table is, for messages.

    Raises
    ------
    DataError
        If it is not a table, or two columns share a name once they are written as text.

    Examples
    --------
    >>> to_frame([[1, 2]], "X").columns.tolist()
    ['x0', 'x1']
    """
    if isinstance(table, pd.DataFrame):
        return _name(table.copy(deep=False), what)
    frame = _foreign(table, what)
    return _name(frame, what) if frame is not None else _of_values(table, what)


def _foreign(table: object, what: str) -> pd.DataFrame | None:
    """Read a frame of another library; ``None`` for what is none."""
    import narwhals.stable.v2 as nw

    module = type(table).__module__.partition(".")[0]
    if isinstance(table, np.ndarray | list | tuple | Mapping | pd.Series) or module == "scipy":
        return None
    try:
        frame = nw.from_native(table, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        return of_arrow(frame.to_arrow()) if isinstance(frame, nw.DataFrame) else None
    except DataError:
        raise
    except ImportError as error:
        raise DataError(f"{what}: reading a frame of {module} needs pyarrow. Run: pip install pyarrow") from error
    except Exception as error:  # a stranger's frame may raise anything
        said = " ".join(str(error).split())[:200]
        raise DataError(f"{what}: this frame of {module} cannot be read: {type(error).__name__}: {said}") from error


def _require_one_length(table: object, what: str) -> None:
    """Refuse rows of several lengths, as sequences often are, and say how to pad them."""
    boxed = isinstance(table, list | tuple) or (isinstance(table, np.ndarray) and table.dtype == object)
    if not boxed or not all(hasattr(row, "__len__") and not isinstance(row, str | bytes) for row in table):  # type: ignore[attr-defined]
        return
    lengths = {len(row) for row in table}  # type: ignore[attr-defined]
    if len(lengths) > 1:
        raise DataError(
            f"{what} has rows of {len(lengths)} lengths, from {min(lengths)} to {max(lengths)}; expected one. Pad them "
            f"at the end to {max(lengths)} steps, as the model was trained (numbers: np.pad(row, [(0, {max(lengths)} - "
            "len(row)), (0, 0)]); token ids: with 0), or cut them; images are resized."
        )


def _of_values(table: object, what: str) -> pd.DataFrame:
    if isinstance(table, Mapping):
        return _of_columns(table, what)
    if (named := _named_columns(table)) is not None:
        return _name(named, what)
    if callable(getattr(table, "toarray", None)) and hasattr(table, "shape"):
        rows, columns_ = table.shape if len(table.shape) == 2 else (0, 0)
        require_size(rows, columns_, what)
        table = table.toarray()  # type: ignore[attr-defined]
    _require_one_length(table, what)
    try:
        values = _plain(table)
    except (ValueError, TypeError, RuntimeError) as error:  # the last of tensors that follow gradients
        raise DataError(f"{what} is given as {quote(type(table).__name__)}; expected {KNOWN}.") from error
    if _are_texts(values):
        return pd.DataFrame({"text": pd.Series(values.tolist(), dtype=object)})  # as vectorizers of texts take them
    if values.ndim > 2 and values.dtype.kind in "biuf":  # images and sequences: a column for each value of a row
        values = values.reshape(len(values), -1)
    if values.ndim != 2:
        raise DataError(
            f"{what} is given as {quote(type(table).__name__)} of {values.ndim} dimensions; expected rows and columns: "
            f"{KNOWN}."
        )
    return pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])


def _named_columns(table: object) -> pd.DataFrame | None:
    """Return a series, or an array of records, as a frame."""
    if isinstance(table, pd.Series):
        return table.to_frame()
    return pd.DataFrame(table) if isinstance(table, np.ndarray) and table.dtype.names else None


def _plain(values: object) -> np.ndarray[Any, Any]:
    """Return values as an array; where a mask hides one it is missing."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    hidden = np.ma.getmaskarray(values)
    if not hidden.any():
        return np.asarray(values.data)
    if values.dtype.kind in "biuf":
        return np.where(hidden, np.nan, np.asarray(values.data))
    array = values.data.astype(object)
    array[hidden] = None
    return np.asarray(array)


def _are_texts(values: np.ndarray[Any, Any]) -> bool:
    return values.ndim == 1 and len(values) > 0 and all(isinstance(value, str) for value in values.tolist())


def _of_columns(table: Mapping[object, object], what: str) -> pd.DataFrame:
    columns = {str(name): to_series(column, str(name)).reset_index(drop=True) for name, column in table.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{what}: columns differ in length: {quote_all(f'{n}: {k}' for n, k in lengths.items())}.")
    return pd.DataFrame(columns)


def _name(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Write the names of columns as text."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{what} has two columns named {quote(twice)}; rename one.")
    frame.columns = pd.Index(names, dtype=object)
    return frame


def to_series(values: object, name: str) -> pd.Series:
    """Turn one column into a series; the row labels of pandas stay.

    Raises
    ------
    DataError
        If it has more than one dimension.

    Examples
    --------
    >>> to_series(np.array([1, 0]), "y").tolist()
    [1, 0]
    """
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if isinstance(values, pd.Series | pd.Index):
        return pd.Series(values).rename(name)
    native = _native_series(values)
    if native is not None:
        return native.rename(name)
    if isinstance(values, list | tuple):
        return pd.Series(list(values), name=name, dtype=object).infer_objects()
    try:
        array = _plain(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{name} is given as {quote(type(values).__name__)}; expected one value a row.") from error
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}; expected one value a row.")
    return pd.Series(array, name=name)


def _native_series(values: object) -> pd.Series | None:
    """Read a series of polars, pyarrow and others that Narwhals knows."""
    import narwhals.stable.v2 as nw

    if isinstance(values, np.ndarray | list | tuple | pd.api.extensions.ExtensionArray):
        return None if not isinstance(values, pd.api.extensions.ExtensionArray) else pd.Series(values)
    if type(values).__module__.partition(".")[0] == "pyarrow":
        result: Any = values
        return pd.Series(result.to_pandas())
    value = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(value, nw.Series):
        return pd.Series(value.to_arrow().to_pandas())
    if isinstance(value, nw.DataFrame) and value.shape[1] == 1:
        return to_frame(values, "y").iloc[:, 0]
    return None


def align_to_rows(column: pd.Series | pd.DataFrame, index: pd.Index | None, what: str) -> pd.Series | pd.DataFrame:
    """Bring values into the order of a frame's rows: by label where both have labels of their own.

    Parameters
    ----------
    column : Series or DataFrame
        With the labels it was given.
    index : Index, optional
        Row labels of the table; ``None`` where it has none.
    what : str
        What the values are, for messages.

    Raises
    ------
    DataError
        If the labels are others, or repeat in another order.

    Examples
    --------
    >>> align_to_rows(pd.Series([1, 2], index=[7, 5]), pd.Index([5, 7]), "y").tolist()
    [2, 1]
    """
    if index is None or len(column) != len(index) or column.index.equals(index) or _is_counted(column.index, index):
        return column.reset_index(drop=True)
    if not column.index.is_unique or not index.is_unique:
        raise DataError(f"{what} and the table have rows in another order, by labels that repeat; {ALIGN}.")
    if len(index.difference(column.index)):
        if isinstance(column.index, pd.RangeIndex) and not isinstance(index, pd.RangeIndex):
            raise DataError(f"{what} has row labels of its own, 0 to {len(column) - 1}, the table has others; {ALIGN}.")
        odd = quote_all(index.difference(column.index)[:3])
        raise DataError(f"{what} and the table have different row labels, such as {odd}; {ALIGN}.")
    return column.loc[index].reset_index(drop=True)


def _is_counted(own: pd.Index, index: pd.Index) -> bool:
    """Tell whether labels are only counted from 0 and name no row of the table, so that the order must be meant."""
    return isinstance(own, pd.RangeIndex) and own.start == 0 and own.step == 1 and not len(index.intersection(own))


ALIGN = "give both the same index, or plain arrays where the order is right"


def has_labels(table: object) -> bool:
    """Tell whether a table knows its rows by label."""
    return isinstance(table, pd.DataFrame | pd.Series)


def split_frame(part: object, target: str, split: str) -> tuple[pd.DataFrame, pd.Index | None]:
    """Put features and target of one split into one frame; return the labels of its rows, if it has any.

    Raises
    ------
    DataError
        If features and target do not fit each other.
    """
    if not isinstance(part, tuple):
        frame = to_frame(part, f"the {split} table")
        return frame.reset_index(drop=True), frame.index if has_labels(part) else None
    if len(part) != 2:
        raise DataError(f"the {split} rows are given as {len(part)} objects; expected (X, y) or a frame.")
    X, y = part
    frame = to_frame(X, f"X of the {split} rows")
    if target in frame.columns:
        raise DataError(f"X has a column {quote(target)}, the name of the target; give the target another name.")
    index = frame.index if has_labels(X) else None
    labels = to_series(y, target)
    if len(labels) != len(frame):
        raise DataError(f"y has shape {(len(labels),)}; expected one value for each of the {len(frame)} rows of X.")
    column = align_to_rows(labels, index if has_labels(y) else None, "y")
    return pd.concat([frame.reset_index(drop=True), pd.Series(column, name=target)], axis=1), index


def sensitive_frames(
    given: object | None, frames: Mapping[str, pd.DataFrame], indexes: Mapping[str, pd.Index | None]
) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Sort out names of columns from sensitive features that are given apart, row for row of a split.

    Raises
    ------
    DataError
        If they do not fit the rows.
    """
    if given is None:
        return {}, ()
    if isinstance(given, str):
        return {}, (given,)
    if _are_names(given, frames["test"]):
        return {}, tuple(str(value) for value in given)  # type: ignore[attr-defined]
    by_split = isinstance(given, Mapping) and len(given) > 0 and set(given) <= set(frames)
    parts: Mapping[str, object] = given if by_split else {"test": given}  # type: ignore[assignment]
    apart = {}
    for split, part in parts.items():
        frame = _group_columns(part)
        index = indexes.get(split) if has_labels(part) else None
        apart[split] = pd.DataFrame(align_to_rows(frame, index, f"sensitive of the {split} rows"))
    return apart, tuple(dict.fromkeys(str(name) for frame in apart.values() for name in frame.columns))


def _are_names(given: object, test: pd.DataFrame) -> bool:
    if not isinstance(given, list | tuple) or not all(isinstance(value, str | int) for value in given):
        return False
    return len(given) != len(test) or all(str(value) in test.columns for value in given)


def _group_columns(part: object) -> pd.DataFrame:
    if isinstance(part, pd.Series):
        return part.rename(str(part.name if part.name is not None else "group")).to_frame()
    if isinstance(part, Sequence):
        return to_series(part, "group").to_frame()
    native = None if isinstance(part, np.ndarray | pd.DataFrame | Mapping) else _native_series(part)
    if native is not None:
        return native.rename(str(getattr(part, "name", None) or "group")).to_frame()
    if isinstance(part, np.ndarray) and part.ndim == 1:
        return to_series(part, "group").to_frame()
    return to_frame(part, "sensitive")
