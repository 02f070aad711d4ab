"""Search for slices of a table whose rows have large errors: exact, pruned, in the manner of SliceLine.

A slice is a conjunction of conditions ``feature = level``. Its score weighs how much larger its mean error
is than that of all rows against how small it is (Sagadeeva and Boehm 2021, definition 2):

    score = α (mean error / overall mean error − 1) − (1 − α) (n / size − 1)

A slice of more conditions holds no more rows and no more error than any of the slices it is part of, which
bounds its score from above; where the bound of a cell does not reach the best k scores found, neither it nor
anything inside it is counted. ``n`` is the number of rows. Instead of products of one-hot matrices, the rows
of all cells of a set of features are counted at once.

With `times` a slice is scored by the evidence instead that its mean error is more than so many times the
overall one: by how many standard errors, which is what confirming it on other rows depends on. The same
bound holds: for a given error the score falls with the size.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Tick = Callable[[int, int], None]
Score = Callable[[Array, Array], Array]
"""Rows and sum of errors of slices to what they are ranked by."""


class Slice(NamedTuple):
    """Rows that fulfil all conditions."""

    conditions: tuple[tuple[int, int], ...]
    """Pairs of feature and level, in the order of features."""
    size: int
    """Rows."""
    error: float
    """Sum of the errors of these rows."""
    score: float

    def rows(self, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Tell which rows of a table of codes, shape (n, features), are in the slice."""
        inside = np.ones(len(codes), dtype=np.bool_)
        for feature, level in self.conditions:
            inside &= codes[:, feature] == level
        return inside


class _Cells(NamedTuple):
    """Rows and errors of each cell of a set of features; cells that can hold no better slice have none."""

    size: Array
    error: Array
    largest: Array
    """An upper bound of the largest error of a row."""


def search(
    codes: npt.NDArray[np.integer],
    errors: npt.NDArray[np.floating],
    *,
    k: int = 10,
    alpha: float = 0.95,
    support: int = 32,
    conditions: int = 3,
    times: float | None = None,
    families: Sequence[int] | None = None,
    tick: Tick | None = None,
) -> list[Slice]:
    """Return the `k` slices of highest positive score, best first.

    Parameters
    ----------
    codes : ndarray of shape (n, features), whole numbers
        Level of each row by feature, from 0; -1 where a row has none that could be a condition.
    errors : ndarray of shape (n,)
        Not negative: 0 and 1, or squared errors.
    k : int
        Slices at most; of equal scores those of fewer conditions, then of more rows come first.
    alpha : float
        Weight of the error against the size, in (0, 1].
    support : int
        Fewest rows of a slice, at least 1.
    conditions : int
        Most conditions of a slice.
    times : float, optional
        Score by the evidence of a mean error over so many times the overall one; `alpha` is not used then.
    families : sequence of int, optional
        Which columns say the same thing at another resolution: no slice has two conditions of one family.
    tick : callable, optional
        Told of each set of features that is done.

    Returns
    -------
    list of Slice
        Empty if no slice has a positive score.

    Raises
    ------
    ValueError
        If shapes, errors or options do not fit.

    References
    ----------
    Sagadeeva and Boehm 2021, SliceLine: Fast, linear-algebra-based slice finding for ML model debugging.

    Examples
    --------
    >>> codes = np.array([[0, 0], [0, 0], [0, 1], [1, 0], [1, 1], [1, 1]])
    >>> found = search(codes, np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), k=1, support=1)
    >>> found[0].conditions, found[0].size, round(found[0].score, 2)
    (((0, 0), (1, 0)), 2, 1.8)
    """
    table, error = _check(codes, errors, alpha, support)
    if not len(error) or not error.std() > 0:
        return []
    score = _by_evidence(error, times) if times else _by_sliceline(error, alpha)
    lattice = _Lattice(table, error, k, score, support, families)
    lattice.singles()
    for depth in range(2, min(conditions, table.shape[1]) + 1):
        if not lattice.deepen(depth, tick):
            break
    return lattice.best()


def _check(
    codes: npt.NDArray[np.integer], errors: npt.NDArray[np.floating], alpha: float, support: int
) -> tuple[Codes, Array]:
    table, error = np.asarray(codes, dtype=np.int64), np.asarray(errors, dtype=np.float64)
    if table.ndim != 2 or error.shape != (len(table),):
        raise ValueError(f"codes have shape {table.shape}, errors {error.shape}; expected (n, features) and (n,)")
    if not np.isfinite(error).all() or (error < 0).any():
        raise ValueError("errors must be finite and at least 0")
    if not (0 < alpha <= 1 and support >= 1):
        raise ValueError(f"alpha is {alpha}, support {support}; expected 0 < alpha <= 1 and support of 1 or more")
    return table, error


def _common(parents: list[_Cells]) -> _Cells:
    """Return what the cells of a set of features can hold at most: the least of all sets of one fewer."""
    size, error, largest = (_least(parts) for parts in zip(*parents, strict=True))
    return _Cells(size, error, largest)


def _least(parts: Sequence[Array]) -> Array:
    """Return the least of what parents hold, the parent at place k lacking axis k."""
    values = parts[0][None]
    for left, part in enumerate(parts[1:], start=1):
        values = np.minimum(values, part[(slice(None),) * left + (None,)])
    return values


def _by_sliceline(errors: Array, alpha: float) -> Score:
    """Score slices as SliceLine does."""
    n, mean = len(errors), float(errors.mean())

    def score(size: Array, error: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = alpha * (error / size / mean - 1) - (1 - alpha) * (n / size - 1)
        return np.where(size > 0, values, -np.inf)

    return score


def _by_evidence(errors: Array, times: float) -> Score:
    """Score slices by standard errors above `times` the overall mean error."""
    limit, spread = times * float(errors.mean()), float(errors.std())

    def score(size: Array, error: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (error - limit * size) / (spread * np.sqrt(size))
        return np.where(size > 0, values, -np.inf)

    return score


class _Lattice:
    """The lattice of slices, walked from few conditions to many."""

    def __init__(
        self, codes: Codes, errors: Array, k: int, score: Score, support: int, families: Sequence[int] | None
    ) -> None:
        self.k, self.score, self.support = k, score, support
        self.codes, self.errors = codes, errors
        self.families = list(range(codes.shape[1])) if families is None else list(families)
        self.erring = np.flatnonzero(errors)
        self.weights = None if np.isin(errors[self.erring], 1.0).all() else errors[self.erring]
        self.found: list[tuple[float, int, int, Slice]] = []
        self.columns: list[Codes] = []
        self.widths: list[int] = []
        self.level_of: list[Codes] = []
        self.cells: dict[tuple[int, ...], _Cells] = {}
        self.tops: dict[tuple[int, ...], float] = {}
        """What no slice inside the cells of a set of features can exceed."""

    # --- scores -----------------------------------------------------------------------------------

    def bound(self, cells: _Cells) -> Array:
        """Return what no slice inside a cell can exceed: the score at its best possible size.

        Between `support` rows and all of the cell's, the score falls with the size where the cell's error
        is shared out, and rises where each row has the largest error: it peaks at one of three sizes.
        """
        size, error, largest = cells
        alive = (size >= self.support) & (error > 0)
        best = np.full(size.shape, -np.inf)
        if not alive.any():
            return best
        s, e, m = size[alive], error[alive], largest[alive]
        peak = np.minimum(np.maximum(e / m, self.support), s)
        at = np.stack([np.full_like(s, float(self.support)), peak, s])
        best[alive] = self.score(at, np.minimum(e, at * m)).max(axis=0)
        return best

    def least(self) -> float:
        """Return the score that a further slice has to exceed."""
        return self.found[0][0] if len(self.found) >= self.k else 0.0

    # --- walking ----------------------------------------------------------------------------------

    def singles(self) -> None:
        """Count every level of every feature, and number those that may be part of a good slice anew."""
        counted = [self._single(feature) for feature in range(self.codes.shape[1])]
        for feature, cells in enumerate(counted):
            self._keep((feature,), cells, np.arange(len(cells.size)))
        for feature, cells in enumerate(counted):
            alive = np.flatnonzero(self.bound(cells) > self.least())
            place = np.full(len(cells.size) + 1, len(alive), dtype=np.int64)
            place[alive] = np.arange(len(alive))
            self.columns.append(place[self.codes[:, feature]])  # code -1 takes the last place: no condition
            self.widths.append(len(alive))
            self.level_of.append(alive)
            if len(alive):
                self.cells[(feature,)] = _Cells(*(part[alive] for part in cells))
                self.tops[(feature,)] = float(self.bound(cells).max())

    def _single(self, feature: int) -> _Cells:
        codes = self.codes[:, feature]
        inside = codes >= 0
        width = int(codes.max(initial=-1)) + 1
        size = np.bincount(codes[inside], minlength=width).astype(np.float64)
        error = np.bincount(codes[inside], self.errors[inside], minlength=width).astype(np.float64)
        largest = np.zeros(width)
        np.maximum.at(largest, codes[inside], self.errors[inside])
        return _Cells(size, error, largest)

    def deepen(self, depth: int, tick: Tick | None) -> bool:
        """Count slices of `depth` conditions; tell whether any may hold better ones inside."""
        before, tops = self.cells, self.tops
        self.cells, self.tops = {}, {}
        sets = self._promising(before, tops, depth)
        for done, (top, chosen) in enumerate(sets):
            if tick is not None and done % 50 == 0:
                tick(done, len(sets))
            if top <= self.least():
                break
            outer = _common([before[chosen[:left] + chosen[left + 1 :]] for left in range(depth)])
            if (self.bound(outer) > self.least()).any():
                self._count(chosen, outer)
        return bool(self.cells)

    def _promising(
        self, before: dict[tuple[int, ...], _Cells], tops: dict[tuple[int, ...], float], depth: int
    ) -> list[tuple[float, tuple[int, ...]]]:
        """Order sets of features by what they can hold at most: good slices found early leave fewer to count."""
        features = sorted({feature for pair in before for feature in pair})
        entries = []
        for chosen in combinations(features, depth):
            if len({self.families[feature] for feature in chosen}) == depth:
                top = min(tops.get(chosen[:left] + chosen[left + 1 :], -np.inf) for left in range(depth))
                if top > self.least():
                    entries.append((top, chosen))
        return sorted(entries, key=lambda entries: (-entries[0], entries[1]))

    def _count(self, chosen: tuple[int, ...], outer: _Cells) -> None:
        """Count all cells of a set of features at once, keep the best, and what may hold better ones."""
        shape = tuple(self.widths[feature] + 1 for feature in chosen)
        total = int(np.prod(shape, dtype=np.int64))
        address = self.columns[chosen[0]]
        for feature, width in zip(chosen[1:], shape[1:], strict=True):
            address = address * width + self.columns[feature]
        inner = tuple(slice(0, width - 1) for width in shape)
        size = np.bincount(address, minlength=total).reshape(shape)[inner].astype(np.float64)
        error = np.bincount(address[self.erring], self.weights, minlength=total).reshape(shape)[inner]
        cells = _Cells(size, error.astype(np.float64), outer.largest)
        self._keep(chosen, cells, None)
        bound = self.bound(cells)
        alive = bound > self.least()
        if alive.any():
            self.tops[chosen] = float(bound.max())
            self.cells[chosen] = _Cells(np.where(alive, size, 0.0), np.where(alive, error, 0.0), outer.largest)

    def _keep(self, chosen: tuple[int, ...], cells: _Cells, levels: Codes | None) -> None:
        """Remember cells that are among the best so far."""
        score = np.where(cells.size >= self.support, self.score(cells.size, cells.error), -np.inf)
        better = np.argwhere((score > 0) & (score >= self.least()))
        for place in better:
            at = tuple(int(value) for value in place)
            named = (
                at if levels is not None else tuple(int(self.level_of[f][c]) for f, c in zip(chosen, at, strict=True))
            )
            part = Slice(
                tuple(zip(chosen, named, strict=True)), int(cells.size[at]), float(cells.error[at]), float(score[at])
            )
            heapq.heappush(self.found, (part.score, -len(chosen), part.size, part))
            if len(self.found) > self.k:
                heapq.heappop(self.found)

    def best(self) -> list[Slice]:
        """Return the slices found, best first."""
        return [part for _, _, _, part in sorted(self.found, reverse=True)]
