"""Alarms over time that keep their promise: the chance of a false one is shared out before the period begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

LOOKS: Mapping[int, float] = {1: 0.1, 3: 0.9}
"""How many of the latest windows are taken together, and each look's share of the chance of a false alarm.

The last window alone finds large changes with any share; three together find small ones, which need every bit of it.
"""
LONGEST = max(LOOKS)
PERIODS = 10_000
"""Periods that are drawn; the chance of a false alarm is then known to a twentieth of itself."""
_AT_ONCE = 4_000_000
"""Numbers drawn at once."""


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


def joint_alpha(
    alpha: float, *, period: int, shares: Sequence[float], sides: Sequence[int], correlation: npt.NDArray[np.float64]
) -> float:
    """Return the `alpha` that may be shared out by Bonferroni where the whole chance of a false alarm is to be `alpha`.

    Looks that overlap and numbers of the same rows alarm together, which Bonferroni's inequality leaves unused: the
    smallest p-value of a period, in units of its share, is drawn as normal numbers that depend on each other alike
    (Westfall and Young 1993). Windows of one size are assumed; what a reference shared by all of them adds to their
    dependence is left out, which errs on the side of fewer alarms (Slepian 1962).
    A period may be any stretch of windows, with others before it.

    Parameters
    ----------
    alpha : float
        Chance of any false alarm in a period without change.
    period : int
        Windows in a period.
    shares : sequence of float
        What part of the chance each series has; they sum to 1.
    sides : sequence of int
        1 where a series alarms on its positive side alone, 2 on both.
    correlation : ndarray of shape (series, series)

    Examples
    --------
    >>> alone, alike = np.eye(2), np.ones((2, 2))
    >>> [round(joint_alpha(0.05, period=52, shares=(0.5, 0.5), sides=(1, 1), correlation=c), 2) for c in (alone, alike)]
    [0.06, 0.12]
    """
    rows = tuple(map(tuple, np.round(correlation, 6).tolist()))
    return _joint_alpha(alpha, max(period, 1), tuple(shares), tuple(sides), rows)


@lru_cache(maxsize=16)
def _joint_alpha(
    alpha: float,
    period: int,
    shares: tuple[float, ...],
    sides: tuple[int, ...],
    correlation: tuple[tuple[float, ...], ...],
) -> float:
    from scipy.special import ndtr

    size = len(shares)
    before = LONGEST - 1
    both, factor = np.array(sides) == 2, _root(np.array(correlation))
    generator, step = np.random.default_rng(0), max(_AT_ONCE // ((period + before) * size), 1)
    smallest: list[npt.NDArray[np.float64]] = []
    for start in range(0, PERIODS, step):
        drawn = generator.standard_normal((min(step, PERIODS - start), period + before, size), dtype=np.float32)
        series = drawn @ factor.T.astype(np.float32)
        best = np.full(len(drawn), np.inf)
        for look, of_look in LOOKS.items():
            sums = sum(series[:, before - place : before - place + period] for place in range(look)) / np.float32(
                look**0.5
            )
            most = np.where(both, np.abs(sums), sums).max(axis=1).astype(np.float64)
            chance = np.where(both, 2, 1) * ndtr(-most) * period / (of_look * np.array(shares))
            best = np.minimum(best, chance.min(axis=1))
        smallest.append(best)
    place = int(alpha * PERIODS)
    smallest_share = float(np.partition(np.concatenate(smallest), place)[place])
    return max(alpha, math.floor(smallest_share * 1000) / 1000)  # last bits differ between machines


def _root(correlation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the Cholesky factor of correlations, of which rounding may have made an eigenvalue negative.

    Examples
    --------
    >>> _root(np.array([[1.0, 1.00001], [1.00001, 1.0]])).round(2).tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    values, vectors = np.linalg.eigh(correlation)
    positive = (vectors * np.maximum(values, 0.0)) @ vectors.T
    factor: npt.NDArray[np.float64] = np.linalg.cholesky(positive + 1e-6 * np.eye(len(values)))
    return factor
