"""Words and numbers that the user says stand for no value, on every engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from audit.data.reading import is_number

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def without_missing(frame: nw.LazyFrame[Any], columns: Collection[str], missing: Sequence[str]) -> nw.LazyFrame[Any]:
    """Return a log in which values that stand for none are missing.

    Parameters
    ----------
    frame : LazyFrame
    columns : collection of str
        Those that are needed; what is not in the frame is passed over.
    missing : sequence of str
        Words; of numbers, those that are numbers.

    Examples
    --------
    >>> import narwhals.stable.v2 as nw
    >>> import pandas as pd
    >>> frame = nw.from_native(pd.DataFrame({"a": ["?", "b"], "n": [-9.0, 1.0]})).lazy()
    >>> without_missing(frame, ["a", "n"], ["?", "-9"]).collect().to_native().isna().to_numpy().tolist()
    [[True, True], [False, False]]
    """
    import narwhals.stable.v2 as nw

    if not missing:
        return frame
    numbers = [float(word) for word in missing if is_number([word])]
    kept: dict[str, nw.Expr] = {}
    for name, kind in frame.collect_schema().items():
        column = nw.col(name)
        if name not in columns:
            continue
        if kind in (nw.String, nw.Categorical, nw.Enum):
            kept[name] = nw.when(~column.cast(nw.String).is_in(list(missing))).then(column.cast(nw.String))
        elif kind.is_numeric() and numbers:
            # Dask has no missing whole numbers
            holding = column.cast(nw.Float64) if frame.implementation.is_dask() else column
            kept[name] = nw.when(~column.cast(nw.Float64).is_in(numbers)).then(holding)
    return frame.with_columns(**kept) if kept else frame
