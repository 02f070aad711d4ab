"""Alarms over time that keep their promise: the chance of a false one is shared out before the period begins."""

from __future__ import annotations

LOOKS = (1, 3)
"""How many of the latest windows are taken together: the last alone finds large changes, three find small ones."""


def spent(alpha: float, *, period: int, series: int, looks: int = len(LOOKS)) -> float:
    """Return the chance of a false alarm that one look at one series may have.

    The promise ``alpha`` holds for the whole period and all series together by Bonferroni's inequality, however
    looks depend on each other: windows that overlap, a reference that all share, groups within the whole.

    Parameters
    ----------
    alpha : float
        Chance of any false alarm in a period without change.
    period : int
        Windows in a period.
    series : int
        Numbers that are watched.
    looks : int
        Looks at each series in each window.

    Examples
    --------
    >>> round(spent(0.05, period=52, series=1) * 104, 3)
    0.05
    """
    return alpha / (max(period, 1) * max(series, 1) * max(looks, 1))
