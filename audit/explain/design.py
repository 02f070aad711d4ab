"""Which coalitions of features to ask for, and how to weigh the answers, so that few give Shapley values.

In the coding ``z_j = 1`` where feature j is known and ``-1`` where not, a game is a sum of effects
``β_T · Π_{j in T} z_j``, and the Shapley value of i is twice the sum of ``β_T / |T|`` over the T of odd size
that hold i. A coalition less its complement, ``f(S) − f(Sᶜ)``, leaves the odd effects alone. Estimates are
linear in such differences, ``φ = A · (f(S_r) − f(S_rᶜ))_r`` with the whole against nothing as the row r = 0
that costs nothing, and must be

- exact for main effects and for pairs: ``A D = I``, D holding the signs of the sets;
- complete: the columns of A add up to 1 for r = 0 and to 0 elsewhere;
- unbiased for every game, once the features are renamed at random: ``Σ_r Σ_{i in S_r} A_ir = 1`` over the
  sets of each size below half the features, 1/2 at half.

Among these A the one is taken that leaves the least expected squared error from effects of three features,
and of five at a quarter of the weight; the inner products of the signs settle it (Krawtchouk polynomials).
The sets are exchanged at random as long as that lowers the error. A walk along a permutation is such a design
as well, with as many pairs of sets as features; at equal evaluations it has about twice the variance.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.explain.encoding import FloatArray

BoolArray = npt.NDArray[np.bool_]
ORDERS = {3: 1.0, 5: 0.25}
"""Weight of the error by the number of features that act together."""
FEW = 4
"""Features of which every coalition is asked for at any rate."""
RIDGE = 1e-6
"""Added to the error's form, as sets may repeat."""
AT_ONCE = 16
"""Sets of sets compared at once; the best is kept."""
TRIED, EFFORT, IDLE = 300, 6e6, 15
"""Exchanges tried for each feature, over the fourth power of the sets for each feature; at most, times the square
of the sets; and in vain for each set.

With many sets to a feature random ones are nearly as good."""
TINY = 1e-12
EXACT = 1e-8
"""Error of main effects by rounding, at most; sets that fail it leave no freedom."""
RESIZED = 0.2
"""Share of the exchanges that change the size of a set."""


class Design(NamedTuple):
    """Sets of known features, each asked together with its complement."""

    known: BoolArray
    """Shape (sets, width): at most half of the features are known."""
    weights: FloatArray
    """Shape (width, 1 + sets): of the difference between all and nothing, then of each set and its complement."""


class _Form(NamedTuple):
    """Expected error of weights A: ``tr(A G Aᵀ) − 2 tr(A C) + constant``."""

    by_distance: FloatArray
    """Entries of G by the number of features in which two sets differ, shape (width + 1,)."""
    by_unknown: FloatArray
    """Entries of C, without their sign, by the number of other features that are not known, shape (width,)."""
    constant: float


@lru_cache(maxsize=256)
def design(width: int, sets: int) -> Design:
    """Choose sets of features and their weights.

    Parameters
    ----------
    width : int
        Features, at least 1.
    sets : int
        Wished for; there are a quarter more than features at least. Where every pair of complements can be had
        for as many, they are taken, and the values are exact.

    References
    ----------
    Grabisch and Roubens 1999 (Shapley values by interactions); Covert and Lee 2021, Improving KernelSHAP
    (complements); Musco and Witter 2025, Provably Accurate Shapley Value Estimation via Leverage Score
    Sampling (sizes); Box and Hunter 1961 (foldover designs). Random exchanges: Fedorov 1972.

    Examples
    --------
    >>> found = design(3, 9)
    >>> found.known.astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> (6 * found.weights).round(6).tolist()
    [[2.0, 2.0, -1.0, -1.0], [2.0, -1.0, 2.0, -1.0], [2.0, -1.0, -1.0, 2.0]]
    """
    sets = max(sets, width + width // 4)
    if width <= FEW or 2 ** (width - 1) - 1 <= sets:
        return _every(width)
    form = _form(width)
    generator = np.random.default_rng(width)
    drawn = np.stack([_spread(width, sets, generator) for _ in range(AT_ONCE)])
    signs = _improve(drawn[np.argmin(_weigh(drawn, form)[0])], form, generator)
    _, weights = _weigh(signs, form)
    weights = weights.T - weights.T.mean(axis=0)
    weights[:, 0] += 1 / width
    return Design(signs[1:] > 0, weights)


def _every(width: int) -> Design:
    """Take every pair of complements, with the weights of the definition."""
    from scipy.special import comb

    codes = np.arange(1, 2**width - 1)
    known = (codes[:, None] >> np.arange(width)) & 1 == 1
    size = known.sum(axis=1)
    known = known[(2 * size < width) | ((2 * size == width) & known[:, 0])]
    size = known.sum(axis=1)
    inside = 1 / (width * comb(width - 1, size - 1))
    weights = np.where(known.T, inside, -inside * size / np.maximum(width - size, 1))
    return Design(known, np.column_stack([np.full(width, 1 / width), weights]))


def _form(width: int) -> _Form:
    from scipy.special import comb

    orders = {order: weight / comb(width, order) for order, weight in ORDERS.items() if order <= width}
    every, others = np.arange(width + 1), np.arange(width)
    return _Form(
        by_distance=np.asarray(sum(w * _products(width, every, k) for k, w in orders.items())),
        by_unknown=np.asarray(sum(w / k * _products(width - 1, others, k - 1) for k, w in orders.items())),
        constant=float(sum(w * comb(width, k) / k for k, w in orders.items())),
    )


def _products(count: int, negative: npt.NDArray[np.int64], order: int) -> FloatArray:
    """Sum the products of `order` of `count` signs, some of which are negative (Krawtchouk polynomials)."""
    from scipy.special import comb

    result = sum((-1) ** j * comb(negative, j) * comb(count - negative, order - j) for j in range(order + 1))
    return np.asarray(result, dtype=np.float64)


def _spread(width: int, sets: int, generator: np.random.Generator) -> FloatArray:
    """Draw sets of every size in equal numbers (half as many at half the features); the first row is the whole.

    The sizes have equal leverage, as the constraints of the weights show.
    """
    half = width // 2
    share = np.full(half, 1.0)
    share[-1] -= 0.5 * (width % 2 == 0)
    wished = sets * share / share.sum()
    counts = np.maximum(np.floor(wished), 1).astype(np.int64)
    while counts.sum() < sets:
        counts[np.argmax(wished - counts)] += 1
    sizes = np.repeat(np.arange(1, half + 1), counts)
    places = np.argsort(generator.random((len(sizes), width)), axis=1)
    return np.vstack([np.ones(width), np.where(places < sizes[:, None], 1.0, -1.0)])


def _improve(signs: FloatArray, form: _Form, generator: np.random.Generator) -> FloatArray:
    """Exchange features of the sets as long as that lowers the error."""
    lowest = float(_weigh(signs, form)[0])
    width, sets, idle = signs.shape[1], len(signs) - 1, 0
    for _ in range(int(min(TRIED * width * (width / sets) ** 4, EFFORT / sets**2)) // AT_ONCE):
        others = _exchange(signs, generator)
        errors, _ = _weigh(others, form)
        best = int(np.argmin(errors))
        idle = 0 if errors[best] < lowest else idle + AT_ONCE
        if errors[best] < lowest:
            signs, lowest = others[best], float(errors[best])
        if idle > IDLE * sets:
            break
    return signs


def _exchange(signs: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Exchange two features of a set, or take one in or out; the smaller side is kept, and no size may vanish.

    Returns `AT_ONCE` ways to do so.
    """
    rows, width = signs.shape
    every = np.arange(AT_ONCE)
    place, first, second = generator.integers([[1], [0], [0]], [[rows], [width], [width]], size=(3, AT_ONCE))
    changed = signs[place]
    resized = generator.random(AT_ONCE) < RESIZED
    kept = changed[every, first]
    changed[every, first] = np.where(resized, -kept, changed[every, second])
    swapped = every[~resized]
    changed[swapped, second[swapped]] = kept[swapped]
    changed *= np.where(changed.sum(axis=1) > 0, -1.0, 1.0)[:, None]
    others = np.repeat(signs[None], AT_ONCE, axis=0)
    others[every, place] = changed
    size = (others[:, 1:] > 0).sum(axis=2)
    there = (size[:, :, None] == np.arange(width // 2 + 1)).any(axis=1)
    complete = there[:, 1:].all(axis=1) & ~there[:, 0]
    return np.where(complete[:, None, None], others, signs)


def _weigh(signs: FloatArray, form: _Form) -> tuple[FloatArray, FloatArray]:
    """Solve for the weights of the sets, shape (…, 1 + sets, width), and return their error beside them.

    The least error under ``A D = I`` alone has a closed form. Completeness shifts all features alike; one
    multiplier for each size of set then makes the estimate unbiased.
    """
    rows, width = signs.shape[-2:]
    known = signs > 0
    size = known.sum(axis=-1)
    apart = ((width - signs @ _turn(signs)) / 2).astype(np.intp)
    errors = form.by_distance[apart] + RIDGE * np.eye(rows)
    gain = signs * form.by_unknown[(width - size)[..., None] - ~known]
    inverse = np.linalg.inv(errors)
    tied = inverse @ signs
    middle = np.linalg.inv(_turn(signs) @ tied + TINY * np.eye(width))
    free = inverse - tied @ middle @ _turn(tied)
    weights = free @ gain + tied @ middle
    weights += (np.eye(rows, 1) - weights.sum(axis=-1, keepdims=True)) / width
    weights += _unbiased(weights, free, known, size)
    error = (weights * (errors @ weights - 2 * gain)).sum(axis=(-2, -1)) + form.constant
    off = np.abs(_turn(weights) @ signs - np.eye(width)).max(axis=(-2, -1))
    return np.where(off < EXACT, error, np.inf), weights


def _unbiased(weights: FloatArray, free: FloatArray, known: BoolArray, size: npt.NDArray[np.int64]) -> FloatArray:
    """Return what must be added to the weights so that each size of set carries its due."""
    width = known.shape[-1]
    sizes = np.arange(1, width // 2 + 1)
    of_size = (size[..., None, :] == sizes[:, None]).astype(np.float64)
    of_size[..., 0] = 0
    due = np.where(2 * sizes == width, 0.5, 1.0)
    inside = known.astype(np.float64)
    overlap = inside @ _turn(inside) - size[..., :, None] * size[..., None, :] / width
    response = of_size @ (free * overlap) @ _turn(of_size) + TINY * np.eye(len(sizes))
    missing = due[:, None] - of_size @ (weights * inside).sum(axis=-1, keepdims=True)
    multiplier = _turn(of_size) @ np.linalg.solve(response, missing)
    return np.asarray(free @ ((inside - size[..., None] / width) * multiplier))


def _turn(matrices: FloatArray) -> FloatArray:
    return np.swapaxes(matrices, -1, -2)
