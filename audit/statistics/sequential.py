"""Alarms over time that keep their promise: the chance of a false one is shared out before the period begins."""

from __future__ import annotations

from collections.abc import Mapping

LOOKS: Mapping[int, float] = {1: 0.2, 3: 0.8}
"""How many of the latest windows are taken together, and each look's share of the chance of a false alarm.

The last window alone finds large changes with any share; three together find small ones, which need every bit of it.
"""


def alpha_of_look(alpha: float, *, period: int, series: int, look: int) -> float:
    """Return the chance of a false alarm that one look at one series may have in one window.

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
    look : int
        Windows that are taken together, one of `LOOKS`.

    Examples
    --------
    >>> round(sum(alpha_of_look(0.05, period=52, series=2, look=look) for look in LOOKS) * 2 * 52, 3)
    0.05
    """
    return alpha * LOOKS[look] / (max(period, 1) * max(series, 1))
