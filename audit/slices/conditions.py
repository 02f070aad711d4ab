"""A table as conditions in words: which levels and bands of its columns rows are in.

Numbers are cut into bands that hold about equal numbers of rows; a band can be given at several resolutions,
and bands beside each other can be joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import column_kind, label_text, label_texts
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.data.suppression import Address, shown_levels
from audit.statistics.binning import quantile_edges

Codes = npt.NDArray[np.int64]
Positions = npt.NDArray[np.intp]
MOST_LEVELS = 50
SHOWN = 60


class Condition(NamedTuple):
    """One feature within a run of levels."""

    feature: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One feature of the rows, as levels.

    Examples
    --------
    >>> age = numeric("age", np.array([20.0, 30.0, 40.0, 50.0]), np.arange(4), bands=2)
    >>> age.codes.tolist(), age.words(0, 0), age.words(1, 1)
    ([0, 0, 1, 1], 'age up to 30', 'age over 30')
    """

    name: str
    codes: Codes
    """Level of each row; -1 where it has none that is distinguished."""
    levels: tuple[str, ...]
    """Names of the levels; of bands, empty."""
    edges: tuple[float, ...] = ()
    """Upper limits of all bands but the last."""
    bands: int = 0
    """Number of bands; levels beyond them (missing) do not join."""
    kind: str = ""
    """``whole`` for whole numbers, ``day`` for dates."""
    sensitive: str = ""
    """The sensitive feature whose levels these are, as addresses name it."""

    def words(self, first: int, last: int) -> str:
        """Name a run of levels."""
        if first >= self.bands:
            return " or ".join(
                f"{self.name} is missing" if level == "" else f"{self.name} = {level[:SHOWN]}"
                for level in self.levels[first - self.bands : last + 1 - self.bands]
            )
        low = None if first == 0 else self.edges[first - 1]
        high = None if last >= self.bands - 1 else self.edges[last]
        if low is None or high is None:
            if low is None and high is None:
                return f"{self.name} is known"
            return (
                f"{self.name} up to {self._told(high)}" if high is not None else f"{self.name} over {self._told(low)}"
            )
        if self.kind == "whole":
            start, stop = int(np.floor(low)) + 1, int(np.floor(high))
            return f"{self.name} = {start}" if start == stop else f"{self.name} {start}–{stop}"
        return f"{self.name} over {self._told(low)} up to {self._told(high)}"

    def _told(self, edge: float | None) -> str:
        if edge is None:
            return ""
        if self.kind == "day":
            return str(pd.Timestamp(int(edge)).date())
        return f"{edge:.4g}" if self.kind != "whole" else f"{int(np.floor(edge))}"


def columns_of(
    dataset: Dataset,
    rows: Positions,
    learned: Positions,
    *,
    bands: int = 8,
    extra: Mapping[str, Factor] | None = None,
    hidden: frozenset[Address] = frozenset(),
) -> tuple[list[Column], tuple[str, ...]]:
    """Divide `rows` by every feature, every sensitive feature, and what else is given.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of positions
        Rows to encode.
    learned : ndarray of positions
        Places in `rows` from which bands and levels are learned.
    bands : int
        Bands of a number.
    extra : mapping of str to Factor, optional
        Further levels of `rows`, by name.
    hidden : frozenset of addresses
        Groups of sensitive features that leave no trace; their rows have no value of it.

    Returns
    -------
    tuple of list of Column, and of str
        The columns, and the names of features that could not be cut into levels.
    """
    columns, left_out = [], []
    sensitive = {str(name) for name in dataset.sensitive}
    for name in dataset.features:
        if str(name) in sensitive:
            continue
        column = of_series(str(name), dataset.frame[name].take(rows).reset_index(drop=True), learned, bands)
        if column is None:
            left_out.append(str(name))
        else:
            columns.append(column)
    for name, factor in {**dict(dataset.sensitive), **(extra or {})}.items():
        shown = f"{name} (sensitive)" if name in sensitive else name
        part = shown_levels(name, factor, hidden).take(rows) if name in sensitive else factor
        own = name if name in sensitive else ""
        columns.append(Column(name=shown, codes=part.codes.astype(np.int64), levels=part.levels, sensitive=own))
    return columns, tuple(left_out)


def of_series(name: str, values: pd.Series, learned: Positions, bands: int) -> Column | None:
    """Encode one column; ``None`` for text, which has no levels."""
    kind = column_kind(values)
    if kind == "text":
        return None
    if kind == "numeric":
        return numeric(name, values.to_numpy(dtype=np.float64, na_value=np.nan), learned, bands=bands)
    if kind == "datetime":
        numbers = values.to_numpy(dtype="datetime64[ns]").astype(np.int64).astype(np.float64)
        numbers[values.isna().to_numpy()] = np.nan
        return numeric(name, numbers, learned, bands=bands, kind="day")
    texts = pd.Series(label_texts(values), dtype=object).where(values.notna(), "")
    counts = texts.take(learned).value_counts()
    levels = sorted(counts.index[:MOST_LEVELS], key=str)
    codes = pd.Index(levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    return Column(name=name, codes=codes.astype(np.int64), levels=tuple(str(level) for level in levels))


def numeric(
    name: str, values: npt.NDArray[np.float64], learned: Positions, *, bands: int = 8, kind: str = ""
) -> Column:
    """Cut numbers into bands of about equal numbers of rows; few distinct numbers are levels of their own."""
    known = values[learned][np.isfinite(values[learned])]
    distinct = np.unique(known[:200_000])
    missing = ~np.isfinite(values)
    if len(distinct) <= bands:
        codes = np.searchsorted(distinct, values).clip(0, max(len(distinct) - 1, 0))
        unseen = missing | (distinct[codes] != values) if len(distinct) else np.ones(len(values), dtype=np.bool_)
        texts = tuple(
            label_text(value) if kind != "day" else str(pd.Timestamp(int(value)).date()) for value in distinct
        )
        codes = np.where(missing, len(distinct), np.where(unseen, -1, codes))
        return Column(name=name, codes=codes.astype(np.int64), levels=(*texts, ""))
    edges = quantile_edges(known, bands, below_most=True)
    whole = kind or ("whole" if (distinct == np.round(distinct)).all() and np.abs(distinct).max() < 1e15 else "")
    codes = np.where(missing, len(edges) + 1, np.searchsorted(edges, values))
    return Column(
        name=name,
        codes=codes.astype(np.int64),
        levels=("",),
        edges=tuple(edges.tolist()),
        bands=len(edges) + 1,
        kind=whole,
    )


def resolutions(column: Column) -> list[tuple[Codes, list[tuple[int, int]]]]:
    """Return a column's codes at its own and at coarser resolutions, with the run that each code stands for.

    Examples
    --------
    >>> age = numeric("age", np.arange(80.0), np.arange(80), bands=4)
    >>> [runs for _, runs in resolutions(age)]
    [[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)], [(0, 1), (2, 3)]]
    """
    width = column.bands + len(column.levels)
    entries = [(column.codes, [(level, level) for level in range(width)])]
    step = 2
    while step < column.bands:
        runs = [(start, min(start + step, column.bands) - 1) for start in range(0, column.bands, step)]
        inside = (column.codes >= 0) & (column.codes < column.bands)
        entries.append((np.where(inside, column.codes // step, -1), runs))
        step *= 2
    return entries


def inside(columns: Sequence[Column], conditions: Sequence[Condition]) -> npt.NDArray[np.bool_]:
    """Tell which rows fulfil all conditions."""
    kept = np.ones(len(columns[0].codes), dtype=np.bool_)
    for condition in conditions:
        codes = columns[condition.feature].codes
        kept &= (codes >= condition.first) & (codes <= condition.last)
    return kept


def in_words(columns: Sequence[Column], conditions: Sequence[Condition]) -> str:
    """Write a conjunction of conditions as a phrase."""
    return " and ".join(columns[condition.feature].words(condition.first, condition.last) for condition in conditions)


def group_of(columns: Sequence[Column], conditions: Sequence[Condition]) -> dict[str, str]:
    """Return the group of sensitive features that conditions name."""
    chosen = ((columns[condition.feature], condition.first) for condition in conditions)
    return {column.sensitive: column.levels[level] for column, level in chosen if column.sensitive}
