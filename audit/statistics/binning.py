"""Numbers cut into bins of about equal mass."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def quantile_edges(
    values: Array,
    bins: int,
    rows: npt.NDArray[np.integer] | Array | None = None,
    *,
    interpolated: bool = False,
    below_most: bool = False,
) -> Array:
    """Return the distinct numbers at which values are cut; a value falls into the first bin whose edge is not below it.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least one; none missing.
    bins : int
        So many at most; equal numbers stay together, so there may be fewer.
    rows : ndarray of shape (n,), optional
        How many rows have each value.
    interpolated : bool
        Whether edges may lie between two values; with `rows` they never do.
    below_most : bool
        Whether an edge at the greatest value, beyond which nothing lies, is left out.

    Examples
    --------
    >>> quantile_edges(np.arange(1.0, 9.0), 4).tolist()
    [2.0, 4.0, 6.0]
    >>> quantile_edges(np.array([1.0, 2.0]), 2, np.array([1, 9])).tolist()
    [2.0]
    """
    shares = np.arange(1, bins) / bins
    if not len(shares):
        return np.zeros(0)
    method: Literal["linear", "inverted_cdf"] = "linear" if interpolated and rows is None else "inverted_cdf"
    inner = np.asarray(np.quantile(values, shares, weights=rows, method=method), dtype=np.float64)
    return np.unique(inner[inner < values.max()] if below_most else inner)
