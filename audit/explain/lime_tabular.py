"""LIME for tables: the sampling, kernel and ridge regression of the ``lime`` package, for all rows at once.

The package draws its samples from the training distribution whatever row it explains; only the question
"does the sample fall into the row's own bin?" differs. So one set of samples, answered once by the model,
serves every row, and each row costs one small weighted regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray, Score, Tick, no_tick
from audit.explain.permutation import BATCH

KERNEL = 0.75
"""Width of the kernel, times the root of the number of features."""
IntArray = npt.NDArray[np.int64]


class LocalModels(NamedTuple):
    """One weighted linear model a row."""

    values: FloatArray
    """Shape (n, features): what falling into the row's own bin adds."""
    intercept: FloatArray
    """Shape (n,)."""
    fit: FloatArray
    """Shape (n,): weighted R² of each local model; 0 where the output does not vary."""
    output: FloatArray
    """Shape (n,): the model's output for the row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bins:
    """How one feature is cut into bins and sampled within them.

    Numbers are cut at the quartiles of the training rows, codes are their own bins; a missing number
    has a bin of its own.
    """

    numeric: bool
    edges: FloatArray
    values: FloatArray
    """For codes: the code of each bin."""
    share: FloatArray
    """Share of the training rows by bin."""
    low: FloatArray
    high: FloatArray
    mean: FloatArray
    spread: FloatArray

    def place(self, numbers: FloatArray) -> IntArray:
        """Return the bin of each number; -1 for a code that training does not have."""
        if not self.numeric:
            place = np.searchsorted(self.values, numbers)
            place = np.minimum(place, len(self.values) - 1)
            return np.where(self.values[place] == numbers, place, -1).astype(np.int64)
        return np.where(np.isnan(numbers), len(self.edges) + 1, np.searchsorted(self.edges, numbers)).astype(np.int64)

    def draw(self, bins: IntArray, generator: np.random.Generator) -> FloatArray:
        """Draw a number in each bin: a normal truncated to the bin, as the package does."""
        if not self.numeric:
            return self.values[bins]
        from scipy.special import ndtr, ndtri

        below = ndtr((self.low - self.mean) / self.spread)
        above = ndtr((self.high - self.mean) / self.spread)
        at = below[bins] + generator.random(len(bins)) * (above - below)[bins]
        drawn = self.mean[bins] + self.spread[bins] * ndtri(np.clip(at, 1e-15, 1 - 1e-15))
        return np.where(bins > len(self.edges), np.nan, np.clip(drawn, self.low[bins], self.high[bins]))


def cut(reference: FloatArray, numeric: npt.NDArray[np.bool_]) -> tuple[Bins, ...]:
    """Cut each feature of the training rows into bins.

    Parameters
    ----------
    reference : ndarray of shape (m, features)
        Training rows, encoded.
    numeric : ndarray of shape (features,)
        Which features are numbers rather than codes.

    Examples
    --------
    >>> bins, = cut(np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([True]))
    >>> bins.place(np.array([0.0, 2.0, 9.0, np.nan])).tolist()
    [0, 1, 3, 4]
    """
    return tuple(_bins(reference[:, place], bool(is_number)) for place, is_number in enumerate(numeric))


def _bins(column: FloatArray, numeric: bool) -> Bins:
    if not numeric:
        values, counts = np.unique(column, return_counts=True)
        none = np.zeros(len(values))
        return Bins(
            numeric=False,
            edges=none[:0],
            values=values,
            share=counts / counts.sum(),
            low=none,
            high=none,
            mean=none,
            spread=none + 1,
        )
    present = column[~np.isnan(column)]
    present = present if len(present) else np.zeros(1)
    edges = np.unique(np.percentile(present, [25, 50, 75]))
    at = np.searchsorted(edges, column)
    at[np.isnan(column)] = len(edges) + 1
    counts = np.bincount(at, minlength=len(edges) + 2)
    inside = np.bincount(np.searchsorted(edges, present), minlength=len(edges) + 2)
    total = np.bincount(np.searchsorted(edges, present), weights=present, minlength=len(edges) + 2)
    mean = total / np.maximum(inside, 1)
    square = np.bincount(
        np.searchsorted(edges, present),
        weights=(present - mean[np.searchsorted(edges, present)]) ** 2,
        minlength=len(edges) + 2,
    )
    low = np.concatenate([[present.min()], edges, [0.0]])
    high = np.concatenate([edges, [present.max()], [0.0]])
    return Bins(
        numeric=True,
        edges=edges,
        values=edges[:0],
        share=counts / counts.sum(),
        low=low,
        high=np.maximum(high, low),
        mean=mean,
        spread=np.sqrt(square / np.maximum(inside, 1)) + 1e-11,
    )


def lime_tabular(
    score: Score,
    rows: FloatArray,
    bins: tuple[Bins, ...],
    *,
    generator: np.random.Generator,
    samples: int = 5000,
    batch: int = BATCH,
    tick: Tick = no_tick,
) -> LocalModels:
    """Fit LIME's local linear model around each row.

    Parameters
    ----------
    score : callable
        Maps rows of shape (m, features) to outputs of shape (m,).
    rows : ndarray of shape (n, features)
        What is explained.
    bins : tuple of Bins
        From :func:`cut`, one a feature.
    generator : numpy.random.Generator
    samples : int
        Samples, shared by all rows.

    Returns
    -------
    LocalModels
        With the package's defaults: quartile bins, exponential kernel of width 0.75·√features on the
        number of bins that differ, ridge penalty 1, all features kept.

    References
    ----------
    Ribeiro, Singh and Guestrin 2016, "Why should I trust you?"; Garreau and von Luxburg 2020.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = rng.normal(size=(200, 3))
    >>> found = lime_tabular(lambda Z: 5 * Z[:, 0], table[:2], cut(table, np.ones(3, bool)), generator=rng)
    >>> bool(np.abs(found.values[:, 1:]).max() < 0.3)
    True
    """
    n, width = rows.shape
    drawn = np.column_stack([generator.choice(len(binning.share), size=samples, p=binning.share) for binning in bins])
    values = np.column_stack([binning.draw(drawn[:, place], generator) for place, binning in enumerate(bins)])
    answers = np.concatenate([score(values[start : start + batch]) for start in range(0, samples, batch)])
    output = score(rows)
    own = np.column_stack([binning.place(rows[:, place]) for place, binning in enumerate(bins)])
    array = np.empty((n, width))
    intercept, fit = np.empty(n), np.empty(n)
    for number in range(n):
        tick(number, n)
        same = np.ones((samples, width))
        np.equal(drawn[1:], own[number], out=same[1:])
        y = answers.copy()
        y[0] = output[number]
        weight = np.exp(-(width - same.sum(axis=1)) / (2 * KERNEL**2 * width))
        array[number], intercept[number], fit[number] = local_model(same, y, weight)
    tick(n, n)
    return LocalModels(array, intercept, fit, output)


def local_model(same: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, float, float]:
    """Fit LIME's weighted ridge regression (penalty 1).

    Parameters
    ----------
    same : ndarray of shape (samples, features)
        1 where a sample agrees with the row.
    y : ndarray of shape (samples,)
    weight : ndarray of shape (samples,)
        Of each sample, by its nearness to the row.

    Returns
    -------
    tuple
        Coefficients, intercept, weighted R².
    """
    total = weight.sum()
    weighted = same * weight[:, None]
    mean, y_mean = weighted.sum(axis=0) / total, float(weight @ y / total)
    gram = weighted.T @ same - total * np.outer(mean, mean)
    moment = weighted.T @ (y - y_mean)
    values = np.linalg.solve(gram + np.eye(len(mean)), moment)
    intercept = y_mean - float(mean @ values)
    error = float(weight @ (y - same @ values - intercept) ** 2)
    spread = float(weight @ (y - y_mean) ** 2)
    return values, intercept, 1 - error / spread if spread > 1e-24 else 0.0
