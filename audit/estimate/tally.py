"""The count table: rows by address, true class and predicted class.

Every count metric, group, crossing and interval comes from it, never from rows again. Tallies add up:
over chunks, folds and machines, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from audit.errors import DataError, hint, quote, quote_all
from audit.estimate.counting import from_counts
from audit.evidence import Predictions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_DENSE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """Counts of rows in sparse cells: only addresses that occur take room.

    Parameters
    ----------
    keys : tuple of str
        Columns that group the rows.
    levels : tuple of tuple of str
        Levels by key; a level may have no row.
    classes : tuple of str
        Names of the K classes; in a binary task the second is the positive one.
    codes : ndarray of shape (cells, len(keys))
        Address of each cell; each address stands once.
    n : ndarray of shape (cells, K, K)
        Rows by true class (rows) and predicted class (columns).
    weight, weight2 : ndarray of shape (cells, K, K)
        Sums of the weights and of their squares; equal to `n` without weights.
    where : mapping of str to str
        The address of the whole table.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1, 0]),
    ...                       y_pred=np.array([0, 1, 0, 1]), keys={"sex": Factor.of(["f", "f", "m", "m"])})
    >>> tally = Tally.of(answers, "sex")
    >>> tally.metric("accuracy").tolist(), tally.by().metric("accuracy").tolist()
    ([1.0, 0.0], [0.5])
    >>> (tally + tally).rows().tolist()
    [4, 4]
    """

    keys: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    codes: IntArray
    n: IntArray
    weight: FloatArray
    weight2: FloatArray
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cells, size = len(self.codes), len(self.classes)
        for name, array in (("n", self.n), ("weight", self.weight), ("weight2", self.weight2)):
            if array.shape != (cells, size, size):
                raise ValueError(f"{name} has shape {array.shape}; expected {(cells, size, size)}")
        if self.codes.shape != (cells, len(self.keys)) or len(self.levels) != len(self.keys):
            raise ValueError(f"codes have shape {self.codes.shape} and {len(self.levels)} levels for keys {self.keys}")

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, predictions: Predictions, *features: str) -> Tally:
        """Count the rows of `predictions` by `features`.

        Rows without a value of a feature belong to no group and are left out, as are rows of weight 0.

        Raises
        ------
        DataError
            If a feature is not a key of the rows, or the task has no classes.
        """
        _require_keys(features, predictions.keys)
        if not predictions.classes:
            raise DataError(f"A {predictions.task} task has no classes to count; use its residuals instead.")
        size = len(predictions.classes)
        factors = [predictions.keys[name] for name in features]
        shape = tuple(max(len(factor.levels), 1) for factor in factors)
        address, kept = addresses([factor.codes for factor in factors], shape, len(predictions))
        if predictions.weight is not None:
            kept &= predictions.weight > 0
        everything = bool(kept.all())
        cell = (
            address * (size * size) + predictions.y_true.astype(np.int64) * size + predictions.y_pred.astype(np.int64)
        )
        cell = cell if everything else cell[kept]
        used, (n, total, squares) = _count(cell, _columns(predictions, kept), int(np.prod(shape, dtype=np.int64)), size)
        codes = (
            np.stack(np.unravel_index(used, shape), -1).astype(np.int64)
            if shape
            else np.zeros((len(used), 0), np.int64)
        )
        return cls(
            keys=features,
            levels=tuple(factor.levels for factor in factors),
            classes=predictions.classes,
            codes=codes,
            n=n,
            weight=total,
            weight2=squares,
            where=predictions.where,
        )

    def __add__(self, other: Tally) -> Tally:
        """Add two tables of the same keys and classes; levels keep their first order of appearance."""
        if self.keys != other.keys or self.classes != other.classes:
            raise DataError(
                f"Tallies over keys {quote_all(self.keys)} with classes {quote_all(self.classes)} and over "
                f"{quote_all(other.keys)} with {quote_all(other.classes)} cannot be added; count both alike."
            )
        levels = tuple(tuple(dict.fromkeys((*a, *b))) for a, b in zip(self.levels, other.levels, strict=True))
        codes = np.concatenate([_recode(tally, levels) for tally in (self, other)])
        stacked = replace(
            self,
            levels=levels,
            codes=codes,
            n=np.concatenate([self.n, other.n]),
            weight=np.concatenate([self.weight, other.weight]),
            weight2=np.concatenate([self.weight2, other.weight2]),
            where={name: level for name, level in self.where.items() if other.where.get(name) == level},
        )
        return stacked.by(*self.keys)

    def by(self, *keys: str) -> Tally:
        """Add up over all other keys; without any, one cell is left."""
        _require_keys(keys, self.keys)
        columns = [self.keys.index(key) for key in keys]
        levels = tuple(self.levels[column] for column in columns)
        codes, cell = np.unique(self.codes[:, columns], axis=0, return_inverse=True)
        if not keys:
            codes, cell = np.zeros((1, 0), dtype=np.int64), np.zeros(len(self), dtype=np.int64)
        arrays = {name: _add(array, cell.reshape(-1), len(codes)) for name, array in self._arrays()}
        return replace(
            self,
            keys=keys,
            levels=levels,
            codes=codes,
            n=arrays["n"].astype(np.int64),
            weight=arrays["weight"],
            weight2=arrays["weight2"],
        )

    def select(self, **where: str) -> Tally:
        """Keep the cells at an address, which becomes part of the table's own; a level without rows leaves none."""
        _require_keys(where, self.keys)
        kept = np.ones(len(self), dtype=np.bool_)
        for name, level in where.items():
            column = self.keys.index(name)
            code = self.levels[column].index(level) if level in self.levels[column] else -1
            kept &= self.codes[:, column] == code
        return self._take(kept, {**self.where, **where})

    def rows(self) -> IntArray:
        """Count the rows of each cell."""
        return np.asarray(self.n.sum((1, 2)), dtype=np.int64)

    def addresses(self) -> Iterator[Mapping[str, str]]:
        """Yield the address of each cell within the table."""
        for codes in self.codes:
            yield {key: self.levels[column][codes[column]] for column, key in enumerate(self.keys)}

    def metric(self, name: str) -> FloatArray:
        """Compute a count metric for each cell, weighted; NaN where it does not exist."""
        return from_counts(name, self.weight)

    def draw(self, resamples: int, generator: np.random.Generator) -> FloatArray:
        """Draw new samples of as many rows: the bootstrap, which costs cells and not rows.

        Rows drawn with replacement have multinomial cell counts, for any metric of counts. Weighted
        rows of a cell count with their mean weight.

        Returns
        -------
        ndarray of shape (resamples, cells, K, K)
        """
        counts = self.n.reshape(-1)
        total = int(counts.sum())
        if not total:
            return np.zeros((resamples, *self.n.shape))
        drawn = generator.multinomial(total, counts / total, size=resamples).astype(np.float64)
        if not np.array_equal(self.weight, self.n):
            drawn *= np.divide(self.weight.reshape(-1), counts, out=np.zeros(len(counts)), where=counts > 0)
        return drawn.reshape(resamples, *self.n.shape)

    def resample(self, metric: str, resamples: int, generator: np.random.Generator) -> FloatArray:
        """Return a metric of each cell in each bootstrap sample, of shape (resamples, cells).

        Examples
        --------
        >>> table = Tally(keys=(), levels=(), classes=("no", "yes"), codes=np.zeros((1, 0), np.int64),
        ...               n=np.array([[[40, 10], [10, 40]]]), weight=np.array([[[40.0, 10], [10, 40]]]),
        ...               weight2=np.array([[[40.0, 10], [10, 40]]]))
        >>> spread = float(table.resample("accuracy", 4000, np.random.default_rng(0)).std())
        >>> 0.038 < spread < 0.042
        True
        """
        return from_counts(metric, self.draw(resamples, generator))

    def _arrays(self) -> tuple[tuple[str, npt.NDArray[np.number]], ...]:
        return (("n", self.n), ("weight", self.weight), ("weight2", self.weight2))

    def _take(self, kept: npt.NDArray[np.bool_], where: Mapping[str, str]) -> Tally:
        return replace(
            self,
            codes=self.codes[kept],
            n=self.n[kept],
            weight=self.weight[kept],
            weight2=self.weight2[kept],
            where=where,
        )


def merge(tallies: Sequence[Tally]) -> Tally:
    """Add tallies up; the order matters to the order of levels alone.

    Raises
    ------
    DataError
        If there is none, or they are not counted alike.
    """
    if not tallies:
        raise DataError("There is no tally to add up.")
    return reduce(Tally.__add__, tallies)


def _require_keys(wanted: Sequence[str] | Mapping[str, str], known: Sequence[str] | Mapping[str, object]) -> None:
    for name in wanted:
        if name not in known:
            raise DataError(f"No grouping column {quote(name)}; keys are {quote_all(known)}.{hint(name, known)}")


def addresses(
    codes: list[npt.NDArray[np.int32]], shape: tuple[int, ...], rows: int
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return a number for the address of each row, and which rows have one."""
    address = np.zeros(rows, dtype=np.int64)
    kept = np.ones(rows, dtype=np.bool_)
    for column, levels in zip(codes, shape, strict=True):
        kept &= column >= 0
        address = address * levels + column
    return address, kept


def _columns(predictions: Predictions, kept: npt.NDArray[np.bool_]) -> tuple[IntArray | None, FloatArray, FloatArray]:
    """Return rows (``None``: one each), weight and squared weight of each row that is kept; none without weights."""
    weight = np.zeros(0) if predictions.weight is None else predictions.weight[kept]
    if predictions.repeats is None:
        return None, weight, weight * weight
    return predictions.repeats.n[kept], weight, predictions.repeats.squares[kept]


def _count(
    cell: IntArray, columns: tuple[IntArray | None, FloatArray, FloatArray], addresses: int, size: int
) -> tuple[IntArray, tuple[IntArray, FloatArray, FloatArray]]:
    """Count rows by cell; returns the addresses that occur and n, weights and squared weights at each."""
    square = size * size
    if addresses * square <= _DENSE:
        used = np.arange(addresses)
    else:
        used, place = np.unique(cell // square, return_inverse=True)
        cell = place.reshape(-1) * square + cell % square
    length = max(len(used), 1) * square
    rows, weight, squares = columns
    n = np.bincount(cell, rows, minlength=length)[: len(used) * square].reshape(-1, size, size).astype(np.int64)
    kept = n.sum((1, 2)) > 0
    if not len(weight):
        whole = n[kept].astype(np.float64)
        return used[kept], (n[kept], whole, whole)
    sums = [
        np.bincount(cell, values, minlength=length)[: len(used) * square].reshape(-1, size, size)[kept]
        for values in (weight, squares)
    ]
    return used[kept], (n[kept], sums[0], sums[1])


def _recode(tally: Tally, levels: tuple[tuple[str, ...], ...]) -> IntArray:
    columns = []
    for column, (old, new) in enumerate(zip(tally.levels, levels, strict=True)):
        place = {level: position for position, level in enumerate(new)}
        columns.append(np.array([place[level] for level in old], dtype=np.int64)[tally.codes[:, column]])
    return np.stack(columns, -1) if columns else tally.codes


def _add(array: npt.NDArray[np.number], cell: IntArray, cells: int) -> FloatArray:
    summed = np.zeros((cells, *array.shape[1:]))
    np.add.at(summed, cell, array)
    return summed
