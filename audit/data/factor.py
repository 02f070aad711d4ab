"""A column of levels: what groups the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MISSING = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factor:
    """Levels by code, as in R: splits, folds, sex, clusters.

    Parameters
    ----------
    codes : ndarray of shape (n,), int32
        Index into `levels` by row; -1 where the row has no value and so belongs to no level.
    levels : tuple of str
        Names of the levels; a level may have no row.

    Examples
    --------
    >>> sex = Factor.of(["f", "m", None, "f"])
    >>> sex.levels, sex.codes.tolist()
    (('f', 'm'), [0, 1, -1, 0])
    >>> sex.take(np.array([True, True, False, False])).counts().tolist()
    [1, 1]
    """

    codes: npt.NDArray[np.int32]
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.codes) and not -1 <= int(self.codes.min()) <= int(self.codes.max()) < max(len(self.levels), 1):
            raise ValueError(f"codes run to {self.codes.max()}, levels are {len(self.levels)}")

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, values: Iterable[object], levels: Sequence[str] | None = None) -> Factor:
        """Encode `values` by their text; ``None`` and NaN belong to no level.

        Levels are sorted by name unless they are given.
        """
        import pandas as pd

        series = pd.Series(np.array([*values, None], dtype=object)[:-1])
        missing = series.isna().to_numpy()
        text = series.astype(str)
        names = sorted(set(text[~missing])) if levels is None else list(levels)
        codes = pd.Index(names).get_indexer(pd.Index(text)).astype(np.int32)
        return cls(codes=np.where(missing, np.int32(MISSING), codes).astype(np.int32), levels=tuple(names))

    @classmethod
    def constant(cls, level: str, rows: int) -> Factor:
        """Put all `rows` into one level."""
        return cls(codes=np.zeros(rows, dtype=np.int32), levels=(level,))

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Factor:
        """Keep `rows` (a mask or positions) and all levels."""
        return Factor(codes=self.codes[rows], levels=self.levels)

    def counts(self) -> npt.NDArray[np.int64]:
        """Count rows by level, in the order of `levels`."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels)).astype(np.int64)

    def mask(self, level: str) -> npt.NDArray[np.bool_]:
        """Tell which rows have `level`; none if there is no such level."""
        if level not in self.levels:
            return np.zeros(len(self.codes), dtype=np.bool_)
        return np.asarray(self.codes == self.levels.index(level))


def crossed_name(levels: Sequence[str]) -> str:
    r"""Return the name of a crossing, which no other levels share: a comma inside a level is written ``\c``.

    Examples
    --------
    >>> crossed_name(["f", "b"]), crossed_name(["f"])
    ('f, b', 'f')
    >>> crossed_name(["a, b", "c"]) == crossed_name(["a", "b, c"])
    False
    """
    if len(levels) == 1:
        return levels[0]
    return ", ".join(level.replace("\\", "\\b").replace(",", "\\c") for level in levels)


def crossed_levels(name: str) -> tuple[str, ...]:
    r"""Return the levels of a crossing of two features or more from its name.

    Examples
    --------
    >>> crossed_levels(crossed_name(["a, b", "c\\d"]))
    ('a, b', 'c\\d')
    """
    return tuple(level.replace("\\c", ",").replace("\\b", "\\") for level in name.split(", "))


def cross_factors(factors: Sequence[Factor]) -> Factor:
    """Cross factors: a level for each combination that occurs; a row without a value of one has none at all.

    Examples
    --------
    >>> both = cross_factors([Factor.of(["f", "m", "f"]), Factor.of(["b", None, "a"])])
    >>> both.levels, both.codes.tolist()
    (('f, a', 'f, b'), [1, -1, 0])
    """
    if len(factors) == 1:
        return factors[0]
    known = np.all([factor.codes >= 0 for factor in factors], axis=0)
    example, inverse = unique_combinations([factor.codes[known] for factor in factors])
    codes = np.full(len(known), MISSING, dtype=np.int32)
    codes[known] = inverse
    at = np.flatnonzero(known)[example]
    names = [[factor.levels[factor.codes[row]] for factor in factors] for row in at]
    return Factor(codes=codes, levels=tuple(crossed_name(levels) for levels in names))


def unique_combinations(
    columns: Sequence[npt.NDArray[np.integer]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return a row of each combination of codes that occurs, in order, and which combination each row has.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n,)
        At least one; no code is negative.

    Examples
    --------
    >>> example, place = unique_combinations([np.array([1, 0, 1]), np.array([5, 7, 5])])
    >>> example.tolist(), place.tolist()
    ([1, 2], [1, 0, 1])
    """
    import pandas as pd

    own, most = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        size = int(column.max(initial=0)) + 1
        if most > 2**62 // size:
            own, most = pd.factorize(own, sort=True)[0].astype(np.int64), len(own)
        own, most = own * size + column, most * size
    place, distinct = pd.factorize(own, sort=True)  # it sorts the distinct ones alone
    example = np.zeros(len(distinct), dtype=np.int64)
    example[place] = np.arange(len(place))
    return example, place.astype(np.int64)


def concatenate(factors: Sequence[Factor]) -> Factor:
    """Join factors end to end; levels keep their first order of appearance.

    Examples
    --------
    >>> concatenate([Factor.of(["a"]), Factor.of(["b", "a"])]).codes.tolist()
    [0, 1, 0]
    """
    if factors and all(factor.levels is factors[0].levels for factor in factors):  # parts of one column
        return Factor(codes=np.concatenate([factor.codes for factor in factors]), levels=factors[0].levels)
    levels = tuple(dict.fromkeys(level for factor in factors for level in factor.levels))
    place = {level: position for position, level in enumerate(levels)}
    parts = []
    for factor in factors:
        table = np.array([*(place[level] for level in factor.levels), MISSING], dtype=np.int32)
        parts.append(table[factor.codes])
    return Factor(codes=np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32), levels=levels)
