"""The population stability index as an estimate, with the weights and clusters of the rows behind it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.estimate.making import absent
from audit.statistics.psi import stability
from audit.statistics.variance import variance
from reports.record import Estimate, Where

FloatArray = npt.NDArray[np.float64]


def effective_counts(
    codes: npt.NDArray[np.int64],
    bins: int,
    weight: FloatArray | None = None,
    cluster: Factor | None = None,
    *,
    rows: FloatArray | None = None,
) -> FloatArray:
    """Count rows by bin; where they are weighted or clustered, as many rows as tell the same.

    Weighted shares of the bins are multiplied by the rows over the generalized design effect (Rao and
    Scott 1981), which is how much larger the variances of the shares are than with so many separate rows.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Bin of each row, -1 for none.
    bins : int
    weight : ndarray of shape (n,), optional
    cluster : Factor, optional
    rows : ndarray of shape (n,), optional
        Rows of each cell of a counted log; weights of its rows are not counted.

    Returns
    -------
    ndarray of shape (bins,)

    Examples
    --------
    >>> effective_counts(np.array([0, 0, 1, 1, -1]), 2).tolist()
    [2.0, 2.0]
    >>> effective_counts(np.array([0, 1, -1]), 2, rows=np.array([5.0, 3.0, 9.0])).tolist()
    [5.0, 3.0]
    >>> together = Factor.of(["a", "a", "b", "b", "c", "c", "d", "d"])
    >>> effective_counts(np.array([0, 0, 1, 1, 0, 0, 1, 1]), 2, cluster=together).round(2).tolist()
    [1.5, 1.5]
    """
    inside = codes >= 0
    weight = weight if rows is None else rows
    mass = None if weight is None else weight[inside]
    counted = np.bincount(codes[inside], mass, minlength=bins).astype(np.float64)
    n = float(inside.sum() if rows is None else rows[inside].sum())
    if (cluster is None and (weight is None or rows is not None)) or not counted.sum() > 0:
        return counted
    groups = None if cluster is None else cluster.take(inside)
    share = counted / counted.sum()
    used = np.flatnonzero(share)
    spread = [variance((codes[inside] == k) - share[k], mass, groups).value / share[k] for k in used]
    effect = n * float(np.sum(spread)) / max(len(used) - 1, 1)
    return np.asarray(share * (n / max(effect, 1.0)), dtype=np.float64)


def stability_index(
    metric: str, reference: FloatArray, new: FloatArray, where: Where, *, level: float, n: int | None, reason: str
) -> Estimate:
    """Estimate how far two distributions over the same bins are apart, less what chance gives on average.

    Parameters
    ----------
    metric : str
    reference, new : ndarray of shape (bins,)
        Counts, effective ones where rows are weighted or clustered.
    where : mapping
    level : float
        Two-sided level of the interval.
    n : int, optional
        Rows behind the number.
    reason : str
        Why there is no number where fewer than two bins hold rows.

    Returns
    -------
    Estimate
        At least 0, as the true index is: less drift than chance gives on average is 0.

    Examples
    --------
    >>> old, new = np.array([300.0, 300.0, 300.0, 300.0]), np.array([330.0, 300.0, 300.0, 270.0])
    >>> str(stability_index("stability_index", old, new, {}, level=0.95, n=1200, reason=""))
    '0.000 [0.000, 0.018]'
    """
    shift = stability(reference, new, level)
    if shift is None:
        return absent(metric, where, reason, unit="score")
    value = min(max(shift.value, shift.low, 0.0), shift.high)
    return Estimate(
        metric=metric, value=value, low=shift.low, high=shift.high, level=level, method=shift.method, n=n, where=where,
        unit="score",
    )  # fmt: skip
