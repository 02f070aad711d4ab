"""Shapley values by full enumeration: exact, for few features."""

from __future__ import annotations

import numpy as np

from audit.explain.encoding import FloatArray, Score, Tick, no_tick
from audit.explain.permutation import BATCH, Shapley

MOST_FEATURES = 14


def exact_shapley(
    score: Score, rows: FloatArray, background: FloatArray, *, batch: int = BATCH, tick: Tick = no_tick
) -> Shapley:
    """Compute interventional Shapley values from all coalitions of features.

    Parameters
    ----------
    score : callable
        Maps rows of shape (m, features) to outputs of shape (m,).
    rows : ndarray of shape (n, features)
    background : ndarray of shape (b, features)
    batch : int
        Rows to a call of `score` at most, save that one coalition's background is never split.

    Returns
    -------
    Shapley
        A row costs ``2 ** features · b`` evaluations.

    Raises
    ------
    ValueError
        For more than 14 features.

    References
    ----------
    Shapley 1953; Lundberg and Lee 2017, eq. 4.

    Examples
    --------
    >>> rows, background = np.array([[1.0, 1.0]]), np.zeros((1, 2))
    >>> exact_shapley(lambda Z: Z[:, 0] * Z[:, 1], rows, background).values.tolist()
    [[0.5, 0.5]]
    """
    n, width = rows.shape
    if width > MOST_FEATURES:
        raise ValueError(f"exact enumeration works for up to {MOST_FEATURES} features; the table has {width}")
    codes = np.arange(2**width)
    known = (codes[:, None] >> np.arange(width)) & 1 == 1
    worth = np.empty(len(codes))
    values = np.empty((n, width))
    output, base = score(rows), float(score(background).mean())
    step = max(1, batch // len(background))
    for number, row in enumerate(rows):
        tick(number, n)
        for start in range(0, len(codes), step):
            mixed = np.where(known[start : start + step, None, :], row, background)
            worth[start : start + step] = score(mixed.reshape(-1, width)).reshape(-1, len(background)).mean(axis=1)
        worth[0], worth[-1] = base, output[number]
        values[number] = _credit(worth, known)
    tick(n, n)
    return Shapley(values, base, output)


def _credit(worth: FloatArray, known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    """Weigh the gain of each feature over all coalitions without it."""
    from scipy.special import comb

    width = known.shape[1]
    size = known.sum(axis=1)
    values = np.empty(width)
    for feature in range(width):
        without = np.flatnonzero(~known[:, feature])
        gain = worth[without | (1 << feature)] - worth[without]
        values[feature] = (gain / (width * comb(width - 1, size[without]))).sum()
    return values
