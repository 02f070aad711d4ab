"""What of a log is in doubt: labels of impossible times, rows without a time, and files that stand there twice.

Labels that cannot have been known when the log says, before their decision or in the future, are not believed: their
rows count as rows without a label, and the record says how many there are and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.errors import quote, quote_all
from audit.logs.cells import EARLY, LATE, Cells
from audit.logs.columns import LogColumns
from audit.logs.numbers import is_number
from audit.logs.windows import latest_time
from reports.phrases import count_noun

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

MOST_FILES = 3
"""Files that are named."""


def without_impossible(frame: nw.LazyFrame[Any], columns: LogColumns, schema: dict[str, Any]) -> nw.LazyFrame[Any]:
    """Take the labels away whose time cannot be, and mark their rows.

    Parameters
    ----------
    frame : LazyFrame
    columns : LogColumns
        With a column that says when labels became known.
    schema : dict
    """
    import narwhals.stable.v2 as nw

    target, known = nw.col(columns.target), nw.col(str(columns.label_time))
    given = is_number(target) if schema[columns.target].is_float() else ~target.is_null()
    there = given & ~known.is_null()
    late = there & (known > nw.lit(latest_time(), dtype=nw.Datetime("us")))
    early = nw.lit(value=False)
    if columns.time is not None:
        decided = nw.col(columns.time)
        early = there & ~decided.is_null() & (known < decided) & ~late
    frame = frame.with_columns(**{EARLY: early, LATE: late})
    dtype = schema[columns.target]  # of pandas and Dask, which have no missing whole number, nor truth value
    plain = target.cast(nw.Float64 if dtype.is_integer() else nw.String if dtype == nw.Boolean else dtype)
    believed = ~(nw.col(EARLY) | nw.col(LATE))
    return frame.with_columns(
        nw.when(believed).then(plain).alias(columns.target), *(nw.col(name).cast(nw.Int64) for name in (EARLY, LATE))
    )


def doubts(cells: Cells, columns: LogColumns) -> tuple[str, ...]:
    """Say how many labels were not believed, and in which files; nothing where all were.

    Examples
    --------
    >>> import pandas as pd
    >>> counted = pd.DataFrame({"n": [4, 5], EARLY: [1, 1], LATE: [0, 1]})
    >>> cells = Cells(keys=pd.DataFrame(index=range(2)), sums=counted, doubted=("a.csv",))
    >>> print(*doubts(cells, LogColumns(target="y", label_time="known")))
    label time column 'known' in 'a.csv': 2 labels come before their decision and 1 label lies in the future; these \
rows count as rows without a label.
    """
    if EARLY not in cells.sums:
        return ()
    early, late = int(cells.sums[EARLY].sum()), int(cells.sums[LATE].sum())
    parts = [
        *(
            [f"{count_noun(early, 'label')} {'comes before its' if early == 1 else 'come before their'} decision"]
            if early
            else []
        ),
        *([f"{count_noun(late, 'label')} {'lies' if late == 1 else 'lie'} in the future"] if late else []),
    ]
    if not parts:
        return ()
    text = (
        f"label time column {quote(columns.label_time)} in {_name_files(cells.doubted)}: {' and '.join(parts)}; these "
        "rows count as rows without a label."
    )
    return (text,)


def rows_in_doubt(cells: Cells) -> tuple[str, ...]:
    """Say how many rows belong to no window, which files count twice, and where.

    Examples
    --------
    >>> import pandas as pd
    >>> from audit.logs.cells import NO_WINDOW, WINDOW
    >>> counted = Cells(keys=pd.DataFrame({WINDOW: [NO_WINDOW, 3]}), sums=pd.DataFrame({"n": [4, 36]}))
    >>> print(*rows_in_doubt(counted.counted_in("a.csv")))
    4 of 40 rows of the log, in 'a.csv', have no time, or one before the year 1; they belong to no window.
    """
    texts = []
    if cells.lost:
        texts.append(
            f"{cells.lost:,} of {cells.rows:,} rows of the log, in {_name_files(cells.timeless)}, have no time, or one "
            "before the year 1; they belong to no window."
        )
    if cells.repeated:
        texts.append(
            f"{_name_files(cells.repeated)}: same bytes as in an earlier file of the log; their rows count twice. "
            "Remove the copies, or state [data] id, with which repeated rows are refused."
        )
    return tuple(texts)


def _name_files(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_FILES
    return quote_all(names[:MOST_FILES]) + (f" and {count_noun(more, 'more file')}" if more > 0 else "")
