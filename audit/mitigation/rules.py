"""Thresholds by group: which cuts make rates alike, and which of these lose least.

Every cut of a group is a point: its rates, and what it is worth. A window of a given width is moved over all rates;
each group takes the best of its own cuts inside, so that the gap on these rows is at most the width. There are no
coins: a wider window is the price of deciding alike for like scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
MOST_CUTS = 400
"""Cuts that are tried for each group, evenly spread over its rows."""
STEPS = 80
"""Places of a window for each of two rates."""


class Scored(NamedTuple):
    """Rows that cuts are chosen on; more of the score speaks for the favorable answer."""

    score: FloatArray
    earned: npt.NDArray[np.bool_]
    """Whether the favorable outcome came true."""
    group: npt.NDArray[np.intp]
    weight: FloatArray

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Scored:
        """Return some of the rows."""
        return Scored(self.score[rows], self.earned[rows], self.group[rows], self.weight[rows])


class GroupCuts(NamedTuple):
    """Cuts of a group, from nobody to everybody, each with its rates and its worth."""

    at: FloatArray
    rates: dict[str, FloatArray]
    worth: FloatArray
    home: int
    """Place of the cut that all groups share before any is moved."""


def every_cut(score: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return the cuts of scores that fall: halfway between neighbors, and one at either end; and the rows above each.

    Examples
    --------
    >>> at, above = every_cut(np.array([0.8, 0.4, 0.4]))
    >>> at.round(2).tolist(), above.tolist()
    ([1.8, 0.6, -0.6], [0, 1, 3])
    """
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    halves = (score[last[:-1]] + score[last[:-1] + 1]) / 2
    return np.concatenate([[score[0] + 1.0], halves, [score[-1] - 1.0]]), np.concatenate([[0], last + 1])


def group_cuts(rows: Scored, gain: FloatArray, code: int, home: float) -> GroupCuts:
    """Return the cuts of a group: `home`, where it stands now, and others between neighboring scores.

    Parameters
    ----------
    rows : Scored
    gain : ndarray of shape (n,)
        What the favorable answer to a row is worth over the other one.
    code : int
    home : float

    Examples
    --------
    >>> rows = Scored(np.array([0.2, 0.4, 0.8]), np.array([False, True, True]), np.zeros(3, int), np.ones(3))
    >>> cuts = group_cuts(rows, np.array([-1.0, 1.0, 1.0]), 0, home=0.5)
    >>> cuts.at.round(2).tolist(), cuts.rates["true_positive_rate"].tolist(), cuts.worth.tolist(), cuts.home
    ([1.8, 0.5, 0.3, -0.8], [0.0, 0.5, 1.0, 1.0], [0.0, 1.0, 2.0, 1.0], 1)
    """
    inside = np.flatnonzero(rows.group == code)
    inside = inside[np.argsort(-rows.score[inside], kind="stable")]
    score, earned, weight = rows.score[inside], rows.earned[inside], rows.weight[inside]
    at, above = every_cut(score)
    now = int(np.searchsorted(above, np.count_nonzero(score >= home)))
    at[now] = home
    spread = np.round(np.linspace(0, len(at) - 1, min(MOST_CUTS, len(at)))).astype(np.intp)
    kept = np.union1d(spread, [now])
    right, wrong, value = (
        np.concatenate([[0.0], np.cumsum(part)])[above[kept]]
        for part in (weight * earned, weight * ~earned, weight * gain[inside])
    )
    all_right, all_wrong = float(right[-1]), float(wrong[-1])
    total = all_right + all_wrong
    rates = {
        "selection_rate": (right + wrong) / total,
        "true_positive_rate": right / all_right if all_right else np.zeros(len(right)),
        "false_positive_rate": wrong / all_wrong if all_wrong else np.zeros(len(wrong)),
        "error_rate": (all_right - right + wrong) / total,
    }
    return GroupCuts(at[kept], rates, value, int(np.searchsorted(kept, now)))


def best_cuts(
    rows: Scored, gain: FloatArray, groups: int, rates: Sequence[str], width: float, home: float, share: float = 1.0
) -> FloatArray:
    """Return the cut of each group that together are worth most, with rates at most `width` apart.

    Parameters
    ----------
    rows : Scored
    gain : ndarray of shape (n,)
        What the favorable answer to a row is worth over the other one.
    groups : int
        Number of groups; each has rows.
    rates : sequence of str
        One or two rates.
    width : float
        Largest gap on these rows, from 0 to 1.
    home : float
        The cut that all groups share before any is moved.
    share : float
        How much of the way from `home` each group goes, counted in its rows.

    Returns
    -------
    ndarray of shape (groups,)
        The favorable answer is given from this score on.

    Examples
    --------
    >>> rows = Scored(np.tile([0.2, 0.4, 0.6, 0.8], 2), np.array([0, 0, 1, 1, 0, 1, 1, 1], bool),
    ...               np.repeat([0, 1], 4), np.ones(8))
    >>> gain = np.where(rows.earned, 1.0, -1.0)
    >>> best_cuts(rows, gain, 2, ["selection_rate"], 0.0, 0.5).round(2).tolist()
    [0.5, 0.5]
    >>> best_cuts(rows, gain, 2, ["selection_rate"], 0.5, 0.5).round(2).tolist()
    [0.5, 0.3]
    >>> best_cuts(rows, gain, 2, ["selection_rate"], 0.5, 0.5, share=0.0).round(2).tolist()
    [0.5, 0.5]
    """
    cuts = [group_cuts(rows, gain, code, home) for code in range(groups)]
    numbers = _windows_of_one(cuts, rates[0], width) if len(rates) == 1 else _windows_of_two(cuts, rates, width)
    return np.array([choice.at[_toward(choice, place, share)] for choice, place in zip(cuts, numbers, strict=True)])


def _toward(cuts: GroupCuts, place: int, share: float) -> int:
    """Go a share of the way from home to a cut."""
    selected = cuts.rates["selection_rate"]
    wanted = selected[cuts.home] + share * (selected[place] - selected[cuts.home])
    between = np.arange(min(cuts.home, place), max(cuts.home, place) + 1)
    return int(between[np.abs(selected[between] - wanted).argmin()])


def _windows_of_one(cuts: Sequence[GroupCuts], name: str, width: float) -> list[int]:
    """Move a window that begins at each rate that some cut has."""
    begins = np.unique(np.concatenate([cut.rates[name] for cut in cuts]))
    total = np.zeros(len(begins))
    chosen = []
    for cut in cuts:
        rate = cut.rates[name]
        inside = (rate >= begins[:, None] - 1e-12) & (rate <= begins[:, None] + width + 1e-12)
        value = np.where(inside, cut.worth, -np.inf)
        chosen.append(value.argmax(axis=1))
        total += value.max(axis=1)
    best = int(total.argmax())
    return [int(places[best]) for places in chosen]


def _windows_of_two(cuts: Sequence[GroupCuts], names: Sequence[str], width: float) -> list[int]:
    """Move a square over a grid of both rates; squares that leave a group without a cut are passed over."""
    begins = np.linspace(0.0, 1.0, STEPS + 1)
    best, numbers = -np.inf, [0] * len(cuts)
    for first in begins:
        total = np.zeros(len(begins))
        places = []
        for cut in cuts:
            ok = (cut.rates[names[0]] >= first) & (cut.rates[names[0]] <= first + width + 1e-12)
            rate = cut.rates[names[1]]
            inside = ok & (rate >= begins[:, None]) & (rate <= begins[:, None] + width + 1e-12)
            value = np.where(inside, cut.worth, -np.inf)
            places.append(value.argmax(axis=1))
            total += value.max(axis=1)
        at = int(total.argmax())
        if total[at] > best:
            best, numbers = float(total[at]), [int(place[at]) for place in places]
    return numbers


def cut_for_rate(score: FloatArray, weight: FloatArray, rate: float) -> float:
    """Return the single cut whose selection rate is nearest to `rate`.

    Examples
    --------
    >>> cut_for_rate(np.array([0.1, 0.2, 0.8, 0.9]), np.ones(4), 0.5)
    0.5
    """
    order = np.argsort(-score, kind="stable")
    at, above = every_cut(score[order])
    share = np.concatenate([[0.0], np.cumsum(weight[order])])[above] / weight.sum()
    return float(at[int(np.abs(share - rate).argmin())])
