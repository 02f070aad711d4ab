"""Which groups leave no trace: those of few rows, and those by which the few could be worked out.

A group of fewer than ``suppress_n`` rows is not shown. That is not enough: what all rows show less what the
other groups show is what it would have shown. So further groups are hidden with it (complementary suppression)
until no count of a small group, and of no small rest of a table, follows from what is shown. Counts add up over
groups alike, whether of rows, positives or errors, so one choice holds for every number of a record.

References
----------
Cox 1980, Suppression methodology and statistical disclosure control (JASA 75). Hundepool et al. 2012,
Statistical Disclosure Control, chapter 4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from audit.data.factor import MISSING, Factor, unique_combinations

Address = frozenset[tuple[str, str]]
Codes = tuple[int, ...]
Cell = tuple[tuple[str, ...], Codes]
"""Crossed features, and the code of each; the code after the last level stands for rows without a value."""
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MOST_UNKNOWN = 700
"""Hidden cells that are examined together; beyond, no crossing at all is shown."""
MOST_COMBINATIONS = 400
"""Combinations of all features up to which it is also asked between which ends a hidden count must lie."""
UNSTATED = "\x00"
"""Stands for the rows without a value of a feature, which no level can be called."""


def groups_to_hide(
    factors: Mapping[str, Factor], least: int, depth: int, parts: Iterable[IntArray]
) -> frozenset[Address]:
    """Return the addresses of groups that are to leave no trace.

    Parameters
    ----------
    factors : mapping of str to Factor
        Sensitive features.
    least : int
        Groups of fewer rows leave no trace.
    depth : int
        How many features are crossed at most.
    parts : iterable of ndarray of shape (n,)
        How many rows each row stands for in each part (split, window) that is shown by itself: 0 is not in it.
        What is hidden in one part is hidden in all, so that parts cannot be taken from each other.

    Returns
    -------
    frozenset of frozenset of (feature, level)
        A crossing that contains one of these is to be hidden too.

    Examples
    --------
    >>> race = Factor.of(["a"] * 215 + ["b"] * 80 + ["c"] * 5)
    >>> sorted(dict(one)["race"] for one in groups_to_hide({"race": race}, 10, 2, [np.ones(300, dtype=np.int64)]))
    ['b', 'c']
    """
    if least <= 1 or not factors:
        return frozenset()
    example, place = unique_combinations([_codes(factor) for factor in factors.values()])
    factors = {name: factor.take(example) for name, factor in factors.items()}
    shares = [np.bincount(place, part, minlength=len(example)).astype(np.int64) for part in parts if part.any()]
    hidden = {
        frozenset({(name, level)})
        for share in shares
        for name, factor in factors.items()
        for level in hidden_levels(factor, share, least)
    }
    for share in shares:
        hidden |= _Table(factors, share, least, min(depth, len(factors)), hidden).hide()
    return frozenset(hidden)


def shown_levels(name: str, factor: Factor, hidden: frozenset[Address]) -> Factor:
    """Return a sensitive feature without the levels that leave no trace: their rows have no value of it.

    Examples
    --------
    >>> shown_levels("sex", Factor.of(["f", "m"]), frozenset({frozenset({("sex", "f")})})).codes.tolist()
    [-1, 1]
    """
    out = [code for code, level in enumerate(factor.levels) if frozenset({(name, level)}) in hidden]
    if not out:
        return factor
    codes = np.where(np.isin(factor.codes, out), MISSING, factor.codes).astype(np.int32)
    return Factor(codes=codes, levels=factor.levels)


def hidden_levels(factor: Factor, share: IntArray, least: int) -> list[str]:
    """Name the levels that one feature's own table hides: no fewer than two, of rows enough for any to be large.

    Rows without a value are counted elsewhere, so they do not hide others; where they are few themselves, one
    level is hidden with them.

    Examples
    --------
    >>> hidden_levels(Factor.of(["a"] * 215 + ["b"] * 80 + ["c"] * 5), np.ones(300, dtype=np.int64), 10)
    ['c', 'b']
    """
    sizes = _sizes(factor, share)
    counts, without = sizes[:-1], int(sizes[-1])
    order = [int(code) for code in np.argsort(counts, kind="stable") if counts[code]]
    out = [code for code in order if counts[code] < least]
    rest = [code for code in order if counts[code] >= least]
    if len(order) == 1:
        out = []  # one level is all rows, or all that have a value
    while rest and ((out and not _covered(counts[out], least)) or (0 < without < least and not out)):
        out.append(rest.pop(0))
    names = [factor.levels[code] for code in out]
    return [*names, UNSTATED] if 0 < without < least else names


def _covered(sizes: IntArray, least: int) -> bool:
    """Tell whether the sum of hidden groups, each of one row at least, leaves room for any of them to be large."""
    return len(sizes) > 1 and int(sizes.sum()) >= least + len(sizes) - 1


def _sizes(factor: Factor, share: IntArray) -> IntArray:
    return np.bincount(_codes(factor), share, minlength=len(factor.levels) + 1).astype(np.int64)


def _codes(factor: Factor) -> IntArray:
    """Return the codes of a factor; the code after the last level stands for rows without a value."""
    return np.where(factor.codes < 0, len(factor.levels), factor.codes).astype(np.int64)


class _Table:
    """All crossings of one part, down to a depth, with what is hidden of them; each combination of all is a row."""

    def __init__(
        self, factors: Mapping[str, Factor], share: IntArray, least: int, depth: int, hidden: set[Address]
    ) -> None:
        self.levels = {name: factor.levels for name, factor in factors.items()}
        self.least = least
        self.crossed = [names for size in range(1, depth + 1) for names in combinations(factors, size)]
        codes = {name: _codes(factor) for name, factor in factors.items()}
        self.combinations = np.stack(list(codes.values()), axis=1)[share > 0]
        self.rows: FloatArray = share[share > 0].astype(np.float64)
        self.n: dict[Cell, int] = {}
        for names in self.crossed:
            self.n.update(_count(names, codes, self.levels, share))
        self.unknown: set[Cell] = {cell for cell in self.n if self._is_hidden(cell, hidden)}
        self.chosen: set[Cell] = set()
        self.sums: dict[tuple[Cell, str], list[Cell]] = defaultdict(list)
        for names, place in self.n:
            for at, name in enumerate(names):
                parent = (names[:at] + names[at + 1 :], place[:at] + place[at + 1 :])
                self.sums[parent, name].append((names, place))

    def _is_hidden(self, cell: Cell, hidden: set[Address]) -> bool:
        names, codes = cell
        if any(code == len(self.levels[name]) for name, code in zip(names, codes, strict=True)):
            return len(names) > 1 or self.n[cell] < self.least
        if len(names) > 1 and self.n[cell] < self.least:
            return True
        items = self._items(cell)
        return any(frozenset(some) in hidden for size in range(1, len(items) + 1) for some in combinations(items, size))

    def _items(self, cell: Cell) -> list[tuple[str, str]]:
        return [(name, (*self.levels[name], UNSTATED)[code]) for name, code in zip(*cell, strict=True)]

    def hide(self) -> set[Address]:
        """Hide crossings until none that is small can be worked out; return those that are hidden beside the small."""
        crossings = [names for names in self.crossed if len(names) > 1]
        while crossings and len(self.unknown) <= MOST_UNKNOWN:
            exposed = self._expose()
            cover = next((entries for cell in exposed if (entries := self._cover(cell)) is not None), None)
            if cover is None:
                break
            self._add(cover)
        else:
            everything = {cell for cell in self.n if len(cell[0]) > 1}
            self.unknown |= everything
            self.chosen |= everything
        return {frozenset(self._items(cell)) for cell in self.chosen}

    def _add(self, cell: Cell) -> None:
        """Hide a crossing, and with it those that it consists of."""
        items = set(self._items(cell))
        for other in self.n:
            if set(cell[0]) <= set(other[0]) and items <= set(self._items(other)):
                self.unknown.add(other)
        self.chosen.add(cell)

    def _expose(self) -> list[tuple[Cell, str] | Cell]:
        """Return sums whose hidden rest is small, also where some of it follows, then small cells that follow."""
        small = self._small_rests(())
        if small:
            return list(small)
        determined = self._determine()
        exposed: list[tuple[Cell, str] | Cell] = [*self._small_rests(determined)]
        exposed += [cell for cell in determined if self.n[cell] < self.least]
        return exposed or [*self._single_valued()]

    def _small_rests(self, determined: Iterable[Cell]) -> list[tuple[Cell, str]]:
        """Return the sums that leave their hidden cells, other than those that follow from all sums, no room."""
        unknown = self.unknown.difference(determined)
        rests = [
            (key, [cell for cell in cells if cell in unknown], len(cells))
            for key, cells in self.sums.items()
            if key[0] not in unknown and len(cells[0][0]) > 1
        ]
        return [
            key
            for key, hidden, count in rests
            if len(hidden) < count
            and any(self.n[cell] < self.least for cell in hidden)
            and not _covered(np.array([self.n[cell] for cell in hidden]), self.least)
        ]

    def _determine(self) -> list[Cell]:
        """Return the hidden cells that follow from all sums together."""
        place = {cell: at for at, cell in enumerate(sorted(self.unknown))}
        if not place:
            return []
        rows = []
        for (parent, _), cells in self.sums.items():
            involved = [place[cell] for cell in cells if cell in place]
            if involved or parent in place:
                row = np.zeros(len(place))
                row[involved] = 1.0
                if parent in place:
                    row[place[parent]] = -1.0
                rows.append(row)
        _, values, basis = np.linalg.svd(np.stack(rows), full_matrices=True)
        rank = int((values > 1e-9 * max(1.0, float(values.max(initial=0.0)))).sum())
        free = (np.abs(basis[rank:]) > 1e-7).any(axis=0)
        return [cell for cell, at in place.items() if not free[at]]

    def _single_valued(self) -> list[Cell]:
        """Return small hidden cells for which only one count agrees with all that is shown (linear programs).

        What is unknown are the rows of each combination of all features that occurs; of a hidden group it is known
        that it has a row.
        """
        small = [cell for cell in sorted(self.unknown) if self.n[cell] < self.least and len(cell[0]) > 1]
        if not small or len(self.combinations) > MOST_COMBINATIONS:
            return []
        part = {cell: self._inside(cell) for cell in self.n}
        shown = [cell for cell in self.n if cell not in self.unknown]
        known = np.stack([np.ones(len(self.combinations)), *(part[cell] for cell in shown)])
        facts = known, known @ self.rows, -np.stack([part[cell] for cell in sorted(self.unknown)])

        def width(wanted: FloatArray) -> float:
            return float(wanted @ (_extreme(-wanted, *facts) - _extreme(wanted, *facts)))

        together = np.sum([part[cell] for cell in small], axis=0)
        least, most = _extreme(together, *facts), _extreme(-together, *facts)
        doubtful = [cell for cell in small if abs(float(part[cell] @ (most - least))) < 1]
        return [cell for cell in doubtful if width(part[cell]) < 1 - 1e-6]

    def _inside(self, cell: Cell) -> FloatArray:
        """Tell which combinations of all features belong to a crossing."""
        names, place = cell
        at = [list(self.levels).index(name) for name in names]
        return np.asarray((self.combinations[:, at] == np.array(place)).all(axis=1), dtype=np.float64)

    def _cover(self, exposed: tuple[Cell, str] | Cell) -> Cell | None:
        """Return the smallest crossing that is shown in a sum with what is exposed."""
        sums: list[list[Cell]]
        if exposed in self.sums:
            sums = [self.sums[exposed]]
            sums += [cells for cells in self.sums.values() if not self.unknown.isdisjoint({*cells} & {*sums[0]})]
        else:
            items = set(self._items(exposed))  # type: ignore[arg-type]
            inside = {entries for entries in self.unknown if items <= set(self._items(entries))}
            sums = [cells for cells in self.sums.values() if not inside.isdisjoint(cells)]
            sums.append([entries for entries in self.n if set(exposed[0]) <= set(entries[0])])
        for cells in sums:
            shown = [cell for cell in cells if cell not in self.unknown and len(cell[0]) > 1]
            if shown:
                return min(shown, key=lambda entries: (self.n[entries], entries))
        return None


def _extreme(wanted: FloatArray, known: FloatArray, counts: FloatArray, named: FloatArray) -> FloatArray:
    """Return rows by combination that agree with what is shown, with the least sum of those wanted."""
    from scipy.optimize import linprog

    solved = linprog(wanted, A_ub=named, b_ub=-np.ones(len(named)), A_eq=known, b_eq=counts, bounds=(0, None))
    return np.asarray(solved.x, dtype=np.float64)


def _count(
    names: tuple[str, ...], codes: Mapping[str, IntArray], levels: Mapping[str, tuple[str, ...]], share: IntArray
) -> dict[Cell, int]:
    """Count the rows of each crossing that occurs."""
    shape = tuple(len(levels[name]) + 1 for name in names)
    inside = share > 0
    flat = np.zeros(int(inside.sum()), dtype=np.int64)
    for name, size in zip(names, shape, strict=True):
        flat = flat * size + codes[name][inside]
    occurring, cell = np.unique(flat, return_inverse=True)
    sums = np.bincount(cell.reshape(-1), share[inside], minlength=len(occurring)).astype(np.int64)
    places = np.stack(np.unravel_index(occurring, shape), axis=-1).tolist() if len(occurring) else []
    return {(names, tuple(place)): int(n) for place, n in zip(places, sums, strict=True)}
