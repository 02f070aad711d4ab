"""Cut rows into training, validation and test so that strata, clusters and time are respected."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainers.errors import TrainerError

Index = NDArray[np.int64]


class Split(NamedTuple):
    """Row numbers of the three parts, each in the order of the table."""

    train: Index
    validation: Index
    test: Index


def split_rows(
    rows: int,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    strata: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    time: ArrayLike | None = None,
    seed: int = 0,
) -> Split:
    """Cut rows into three parts.

    Parameters
    ----------
    rows : int
    validation, test : float
        Shares, at least 0 and together under 1.
    strata : array-like of shape (rows,), optional
        Every part gets about the same share of each value.
    clusters : array-like of shape (rows,), optional
        A person, a device: all its rows go to one part. With strata, clusters are shuffled and each goes where its
        strata are lacking most.
    time : array-like of shape (rows,), optional
        Training is earliest, test latest; rows of one moment stay together. Excludes strata and clusters.
    seed : int

    Returns
    -------
    Split

    Raises
    ------
    TrainerError
        If shares, lengths or combinations do not fit, or a part would be empty.

    Examples
    --------
    >>> parts = split_rows(10, validation=0.2, test=0.2, time=range(10))
    >>> parts.train.tolist(), parts.test.tolist()
    ([0, 1, 2, 3, 4, 5], [8, 9])
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise TrainerError(f"shares are {validation} and {test}; expected numbers of at least 0, together under 1")
    if time is not None and (strata is not None or clusters is not None):
        raise TrainerError("time is given with strata or clusters; a cut in time respects neither. Give one of them")
    shares = np.array([1 - validation - test, validation, test])
    if time is not None:
        part = _by_time(_column("time", time, rows), shares)
    elif clusters is not None:
        codes = np.zeros(rows, dtype=np.int64) if strata is None else _codes("strata", strata, rows)
        part = _by_cluster(_codes("clusters", clusters, rows), codes, shares, np.random.default_rng(seed))
    else:
        codes = np.zeros(rows, dtype=np.int64) if strata is None else _codes("strata", strata, rows)
        part = _by_stratum(codes, shares, np.random.default_rng(seed))
    for number, name in enumerate(Split._fields):
        if shares[number] > 0 and not (part == number).any():
            raise TrainerError(f"the {name} part would be empty with {rows} rows; give more rows or a larger share")
    return Split(*(np.flatnonzero(part == number) for number in range(3)))


def _column(name: str, values: ArrayLike, rows: int) -> NDArray[np.generic]:
    column: NDArray[np.generic] = np.asarray(values)
    if column.shape != (rows,):
        raise TrainerError(f"{name} has shape {column.shape}; expected ({rows},), one value a row")
    if any(value is None or value != value for value in column.tolist()):
        raise TrainerError(f"{name} holds missing values; fill or drop them first")
    return column


def _codes(name: str, values: ArrayLike, rows: int) -> Index:
    column = _column(name, values, rows)
    codes: Index = np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)[1]
    return codes.astype(np.int64)


def _by_time(time: NDArray[np.generic], shares: NDArray[np.float64]) -> Index:
    """Cut where a share is reached; rows of the same moment follow the first of them."""
    _, codes, counts = np.unique(time, return_inverse=True, return_counts=True)
    before = (np.cumsum(counts) - counts) / len(time)
    part_of_moment = np.searchsorted(np.cumsum(shares)[:2] - 1e-9, before, side="right")
    part: Index = part_of_moment[codes].astype(np.int64)
    return part


def _by_stratum(codes: Index, shares: NDArray[np.float64], rng: np.random.Generator) -> Index:
    part = np.zeros(len(codes), dtype=np.int64)
    for code in np.unique(codes):
        mixed = rng.permutation(np.flatnonzero(codes == code))
        cuts = np.round(np.cumsum(shares)[:2] * len(mixed)).astype(int)
        for number, chosen in enumerate(np.split(mixed, cuts)):
            part[chosen] = number
    return part


def _by_cluster(clusters: Index, strata: Index, shares: NDArray[np.float64], rng: np.random.Generator) -> Index:
    """Large clusters first, each to the part that lacks its strata most (by share of what it should hold)."""
    counts = np.zeros((clusters.max() + 1, strata.max() + 1))
    np.add.at(counts, (clusters, strata), 1)
    wanted = shares[:, None] * counts.sum(axis=0)[None, :]
    missing = wanted.copy()
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    home = np.zeros(len(counts), dtype=np.int64)
    for cluster in order:
        need = (missing * counts[cluster] / np.maximum(wanted, 1e-9)).sum(axis=1)
        need[shares == 0] = -np.inf
        home[cluster] = int(np.argmax(need))
        missing[home[cluster]] -= counts[cluster]
    part: Index = home[clusters]
    return part
