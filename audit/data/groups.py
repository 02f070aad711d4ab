"""Groups of a data set's rows, before any model: each sensitive feature and its crossings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset

Positions = npt.NDArray[np.intp]


class Group(NamedTuple):
    """Rows of one group, at its address."""

    where: Mapping[str, str]
    rows: Positions


def splits(dataset: Dataset) -> list[tuple[str, Positions]]:
    """Return the splits that have rows, each with their positions.

    Examples
    --------
    >>> import pandas as pd
    >>> from audit.data.dataset import Roles, build
    >>> table = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    >>> [(name, len(rows)) for name, rows in splits(build({"test": table}, Roles(target="y", task="binary")))]
    [('test', 2)]
    """
    return [(name, rows) for name in dataset.split.levels if len(rows := dataset.rows(name))]


def learned_from(dataset: Dataset) -> tuple[str, Positions]:
    """Return the training split, or the test split where there is no training table."""
    name = "train" if dataset.has("train") else "test"
    return name, dataset.rows(name)


def grouped_rows(dataset: Dataset) -> tuple[str, Positions]:
    """Return the rows that were learned from, or the test rows where groups are known of these alone."""
    split, rows = learned_from(dataset)
    if any((factor.codes[rows] >= 0).any() for factor in dataset.sensitive.values()):
        return split, rows
    return "test", dataset.rows("test")


def groups(dataset: Dataset, rows: Positions, *, depth: int = 2) -> Iterator[Group]:
    """Yield each group of each sensitive feature, empty ones too, then each non-empty crossing.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of positions
    depth : int
        How many features are crossed at most.

    Examples
    --------
    >>> import pandas as pd
    >>> from audit.data.dataset import Roles, build
    >>> table = pd.DataFrame({"sex": list("fmfm"), "old": list("yyny"), "y": [0, 1, 1, 0]})
    >>> data = build({"test": table}, Roles(target="y", task="binary", sensitive=("sex", "old")))
    >>> [(dict(one.where), len(one.rows)) for one in groups(data, data.rows("test"))][-1]
    ({'sex': 'm', 'old': 'y'}, 2)
    """
    names = list(dataset.sensitive)
    for size in range(1, min(depth, len(names)) + 1):
        for crossed in combinations(names, size):
            yield from _crossing(dataset, rows, crossed)


def _crossing(dataset: Dataset, rows: Positions, names: tuple[str, ...]) -> Iterator[Group]:
    code = np.zeros(len(rows), dtype=np.int64)
    known = np.ones(len(rows), dtype=np.bool_)
    sizes = [len(dataset.sensitive[name].levels) for name in names]
    for name, size in zip(names, sizes, strict=True):
        own = dataset.sensitive[name].codes[rows]
        known &= own >= 0
        code = code * max(size, 1) + own
    order = np.argsort(np.where(known, code, -1), kind="stable")
    order = order[int((~known).sum()) :]
    starts = np.searchsorted(code[order], np.arange(int(np.prod(sizes)) + 1))
    for cell in range(int(np.prod(sizes))):
        inside = order[starts[cell] : starts[cell + 1]]
        if len(inside) or len(names) == 1:
            places = np.unravel_index(cell, sizes)
            levels = [dataset.sensitive[name].levels[int(at)] for name, at in zip(names, places, strict=True)]
            yield Group(dict(zip(names, levels, strict=True)), rows[np.sort(inside)])
