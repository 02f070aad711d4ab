"""The nearest row that the model decides otherwise: the smallest change of what may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray

Mask = npt.NDArray[np.bool_]
Decide = Callable[[FloatArray], npt.NDArray[np.int64]]
TRIED = 12
WIDE = 64
"""Changes up to which one is taken back at a time from the start; of more, whole parts are taken back first."""
ONE_BY_ONE = 32
"""Changes from which on one is taken back at a time after that."""
PARTS = 16
"""Parts that many changes are divided into at first."""
ZOOMS, POINTS = 2, 16
"""A number is moved to the nearest of so many points, and again between its neighbors."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """How far apart values are, and which may change.

    Examples
    --------
    >>> table = np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 0.0]])
    >>> space = Space.of(table, numeric=np.array([True, False]), free=np.array([True, True]))
    >>> space.distance(table[0], table[1:]).round(2).tolist()
    [2.12, 1.5]
    """

    numeric: Mask
    free: Mask
    """Which features may change, shape (features,)."""
    whole: Mask
    """Which numbers are whole numbers, shape (features,)."""
    scale: FloatArray
    """Range from the 10th to the 90th percentile of each number; 1 for codes."""

    @classmethod
    def of(cls, reference: FloatArray, *, numeric: Mask, free: Mask) -> Space:
        """Learn the scales from training rows, shape (m, features)."""
        scale = np.ones(reference.shape[1])
        whole = np.zeros(reference.shape[1], dtype=np.bool_)
        for place in np.flatnonzero(numeric):
            present = reference[~np.isnan(reference[:, place]), place]
            if len(present):
                low, high = np.quantile(present, [0.1, 0.9])
                wide = float(np.ptp(present)) or 1.0
                scale[place] = high - low if high > low else wide
                whole[place] = bool((present == np.round(present)).all())
        return cls(numeric=numeric, free=free, whole=whole, scale=scale)

    def distances(self, row: FloatArray, others: FloatArray) -> FloatArray:
        """Return the distance of each feature, shape (m, features); a changed code counts 1."""
        gap = np.where(self.numeric, np.abs(others - row) / self.scale, (others != row).astype(np.float64))
        one_missing = np.isnan(others) != np.isnan(row)
        return np.where(one_missing, 1.0, np.nan_to_num(gap, nan=0.0))

    def distance(self, row: FloatArray, others: FloatArray) -> FloatArray:
        """Return the distance of rows: the sum over features, each change costing at least a quarter."""
        apart = self.distances(row, others)
        return np.asarray((apart + 0.25 * (apart > 0)).sum(axis=1))


def nearest_counterfactual(
    decide: Decide, row: FloatArray, others: FloatArray, others_decided: npt.NDArray[np.int64], space: Space
) -> FloatArray | None:
    """Find a row near `row` with another decision, changing few features by little.

    The free features of the nearest rows with another decision are taken over; then each change that
    is not needed is taken back, dearest first; then numbers are moved back as far as the decision holds.

    Parameters
    ----------
    decide : callable
        Maps rows of shape (m, features) to codes of decisions, shape (m,).
    row : ndarray of shape (features,)
    others : ndarray of shape (m, features)
        Rows to take values from.
    others_decided : ndarray of shape (m,)
        Their decisions.
    space : Space

    Returns
    -------
    ndarray of shape (features,) or None
        ``None`` where no change of the free features that was tried turns the decision.

    References
    ----------
    Wachter, Mittelstadt and Russell 2018, Counterfactual Explanations without Opening the Black Box;
    Mothilal, Sharma and Tan 2020 (sparsity by taking changes back).

    Examples
    --------
    >>> table = np.array([[0.0, 5.0], [4.0, 1.0], [9.0, 2.0]])
    >>> decide = lambda Z: (Z[:, 0] > 3).astype(int)
    >>> space = Space.of(table, numeric=np.ones(2, bool), free=np.ones(2, bool))
    >>> nearest_counterfactual(decide, table[0], table, decide(table), space).tolist()
    [4.0, 5.0]
    """
    own = int(decide(row[None])[0])
    mixed = np.where(space.free, others[others_decided != own], row)
    if not len(mixed):
        return None
    mixed = mixed[np.argsort(space.distance(row, mixed), kind="stable")][: 10 * TRIED]
    turned = mixed[decide(mixed) != own][:TRIED]
    if not len(turned):
        return None
    fewer = np.stack([_fewer(decide, row, value, own, space) for value in turned])
    sparse = _sparser(decide, row, fewer, own, space)
    best = sparse[np.argmin(space.distance(row, sparse))]
    return _nearer(decide, row, best, own, space)


def _fewer(decide: Decide, row: FloatArray, values: FloatArray, own: int, space: Space) -> FloatArray:
    """Take very many changes back in parts, dearest first, as long as the decision stays turned (as delta debugging).

    One at a time would ask about as many rows as the square of the changes; parts ask about a multiple of those that
    are needed. Either way none of the changes that are left can be taken back alone.
    """
    current, parts = values.copy(), PARTS
    if int((space.distances(row, current) > 0).sum()) <= WIDE:
        return current
    while True:
        apart = space.distances(row, current)
        changed = np.argsort(-apart, kind="stable")[: int((apart > 0).sum())]
        if len(changed) <= ONE_BY_ONE:
            return current
        chunks = np.array_split(changed, min(parts, len(changed)))
        loose = [
            chunk for chunk, turned in zip(chunks, _without(decide, row, current, own, chunks), strict=True) if turned
        ]
        together = [np.concatenate(loose[: k + 1]) for k in range(len(loose))]
        together = [places for places in together if len(places) < len(changed)]
        holds = _without(decide, row, current, own, together)
        if any(holds):
            places = together[max(k for k, flag in enumerate(holds) if flag)]
            current[places] = row[places]
        elif parts >= len(changed):
            return current
        else:
            parts *= 4


def _without(
    decide: Decide, row: FloatArray, current: FloatArray, own: int, taken: list[npt.NDArray[np.intp]]
) -> list[bool]:
    """Tell for each of several sets of changes whether the decision stays turned without it."""
    if not taken:
        return []
    trials = np.repeat(current[None], len(taken), axis=0)
    for trial, places in zip(trials, taken, strict=True):
        trial[places] = row[places]
    return [bool(value) for value in decide(trials) != own]


def _sparser(decide: Decide, row: FloatArray, values: FloatArray, own: int, space: Space) -> FloatArray:
    """Take changes back, one at a time and dearest first, as long as the decision stays turned; shape (m, features)."""
    current = values.copy()
    active = np.arange(len(values))
    while len(active):
        apart = space.distances(row, current[active])
        number, place = np.nonzero(apart * ((apart > 0).sum(axis=1, keepdims=True) > 1))
        if not len(number):
            break
        trials = current[active][number]
        trials[np.arange(len(place)), place] = row[place]
        gain = np.where(decide(trials) != own, apart[number, place], -1.0)
        going = []
        for value in np.unique(number):
            mine = np.flatnonzero(number == value)
            best = mine[np.argmax(gain[mine])]
            if gain[best] > 0:
                current[active[value]] = trials[best]
                going.append(active[value])
        active = np.array(going, dtype=np.intp)
    return current


def _nearer(decide: Decide, row: FloatArray, values: FloatArray, own: int, space: Space) -> FloatArray:
    """Move each changed number back toward the row as far as the decision stays turned."""
    current = values.copy()
    for place in np.flatnonzero(space.numeric & (np.nan_to_num(values - row, nan=0.0) != 0)):
        whole = bool(space.whole[place])
        near, far = 0.0, 1.0
        for _ in range(ZOOMS):
            shares = np.linspace(near, far, POINTS + 1)[1:]
            trials = np.repeat(current[None], POINTS, axis=0)
            trials[:, place] = [_between(row[place], values[place], share, whole=whole) for share in shares]
            turned = (decide(trials) != own) & (trials[:, place] != row[place])
            first = int(np.argmax(turned)) if turned.any() else POINTS - 1
            near, far = (near if first == 0 else shares[first - 1]), shares[first]
        current[place] = _between(row[place], values[place], far, whole=whole)
    return current


def _between(start: float, end: float, share: float, *, whole: bool) -> float:
    value = start + share * (end - start)
    if not whole:
        return float(end if share >= 1 else value)
    return float(np.ceil(value) if end > start else np.floor(value))
