"""Designed coalitions: exact where they must be, unbiased for any game, and better than permutations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from audit.explain.coalitions import game
from audit.explain.design import Design, design
from audit.explain.encoding import FloatArray
from audit.explain.exact import exact_shapley
from audit.explain.permutation import evaluations, permutation_shapley

RNG = np.random.default_rng
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 19, 24, 33, 40)
Terms = tuple[tuple[int, ...], ...]


def signs(found: Design) -> FloatArray:
    return np.vstack([np.ones(found.known.shape[1]), np.where(found.known, 1.0, -1.0)])


def product_of(terms: Terms) -> Callable[[FloatArray], FloatArray]:
    return lambda Z: np.asarray(sum(Z[:, list(term)].prod(axis=1) for term in terms))


def aliasing(found: Design, order: int) -> float:
    """Return the squared error from an effect of `order` features, mean over all such sets of features."""
    width = found.known.shape[1]
    total = 0.0
    terms = list(combinations(range(width), order))
    for term in terms:
        wanted = np.zeros(width)
        wanted[list(term)] = 1 / order
        total += float(((found.weights @ signs(found)[:, list(term)].prod(axis=1) - wanted) ** 2).sum())
    return total / len(terms)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("effort", [1.0, 1.4, 2.7])
def test_weights_are_exact_complete_and_unbiased(width: int, effort: float) -> None:
    found = design(width, round(effort * (width - 1)))
    assert found.weights @ signs(found) == pytest.approx(np.eye(width), abs=1e-8)
    assert found.weights.sum(axis=0) == pytest.approx(np.eye(1, 1 + len(found.known))[0], abs=1e-12)
    size = found.known.sum(axis=1)
    for one in range(1, width // 2 + 1):
        carried = (found.weights[:, 1:].T * found.known)[size == one].sum()
        assert carried == pytest.approx(0.5 if 2 * one == width else 1.0, abs=1e-8)


@pytest.mark.parametrize("width", [8, 11, 14])
def test_errors_are_smaller_than_those_of_permutations(width: int) -> None:
    """A pair of permutations with as many evaluations has 8/3 and 24/5, divided by how many there are."""
    found = design(width, round(1.4 * (width - 1)))
    permutations = len(found.known) / (width - 1)
    assert aliasing(found, 3) < 0.75 * (8 / 3) / permutations
    assert aliasing(found, 5) < 0.55 * (24 / 5) / permutations


@pytest.mark.parametrize("width", [3, 4, 5, 6])
def test_every_coalition_gives_exact_values(width: int) -> None:
    found = design(width, 2 ** (width - 1) - 1)
    terms = (*tuple(combinations(range(width), 3)), tuple(range(width)))
    worth = product_of(terms)
    rows, behind = RNG(0).normal(size=(1, width)), RNG(1).normal(size=(1, width))
    asked = np.vstack([np.ones(width, dtype=bool), found.known])
    odd = worth(np.where(asked, rows, behind)) - worth(np.where(asked, behind, rows))
    assert found.weights @ odd == pytest.approx(exact_shapley(worth, rows, behind).values[0])


def test_main_effects_and_pairs_are_exact_at_the_least_effort() -> None:
    rng = RNG(0)
    rows, background = rng.normal(size=(5, 9)), rng.normal(size=(7, 9))
    pairs: Terms = tuple(combinations(range(9), 2))

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(product_of(pairs)(Z) + np.sin(Z).sum(axis=1))

    exact = exact_shapley(score, rows, background).values
    found = permutation_shapley(score, rows, background, generator=rng, pairs=1)
    assert found.values == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(
    "terms", [((0, 1, 2),), ((0, 1, 2, 3, 4),), ((0, 1, 2, 3, 4, 5, 6),), ((0, 1, 2), (2, 3, 4, 5), (1, 3, 5, 6, 7))]
)
@pytest.mark.parametrize("equal", [False, True])
def test_interactions_are_estimated_without_bias(terms: Terms, equal: bool) -> None:
    rng = RNG(3)
    rows, background = rng.normal(size=(2, 8)) + 1, rng.normal(size=(3, 8))
    if equal:  # games of 5, 7 and 8 players
        background[0, [1, 5, 6]] = rows[0, [1, 5, 6]]
        background[1, 0] = rows[1, 0]
    score = product_of(terms)
    exact = exact_shapley(score, rows, background).values
    runs = np.stack(
        [permutation_shapley(score, rows, background, generator=RNG(k), pairs=3).values for k in range(300)]
    )
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(runs.mean(axis=0) - exact) < 4.5 * error + 1e-9).all()


def test_rounds_go_on_until_the_error_is_gone() -> None:
    rng = RNG(4)
    rows, background = rng.normal(size=(3, 8)), rng.normal(size=(4, 8))
    score = product_of(((0, 1, 2), (3, 4, 5, 6, 7), (0, 2, 4, 6)))
    exact = exact_shapley(score, rows, background).values

    def error(pairs: int) -> float:
        found = [permutation_shapley(score, rows, background, generator=RNG(k), pairs=pairs).values for k in range(8)]
        return float(np.sqrt(np.mean([(one - exact) ** 2 for one in found])))

    assert game(8, 16.0).rounds > 1
    assert error(64) < 0.45 * error(8)
    assert error(4 * 127) == pytest.approx(0, abs=1e-9)  # more than there are coalitions


def test_evaluations_are_those_that_are_made() -> None:
    rng = RNG(5)
    rows, background = rng.normal(size=(40, 9)), rng.normal(size=(6, 9))
    asked = 0

    def counted(Z: FloatArray) -> FloatArray:
        nonlocal asked
        asked += len(Z)
        return np.asarray(Z.sum(axis=1))

    permutation_shapley(counted, rows, background, generator=rng, pairs=9)
    glances = 2 * 9 * 18
    assert asked == 40 + 6 + 40 * evaluations(9, 6, 9) + glances


def test_a_feature_that_one_row_alone_reads_is_not_taken_for_unread() -> None:
    rng = RNG(6)
    rows, background = rng.normal(size=(50, 6)), rng.normal(size=(20, 6))
    rows[:, 5] = background[:, 5] = 0.0
    rows[17, 5] = 1.0

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(Z[:, :4].sum(axis=1) + 3 * Z[:, 5])

    found = permutation_shapley(score, rows, background, generator=rng, pairs=28).values
    assert found[17, 5] == pytest.approx(3.0)
    assert not np.delete(found[:, 5], 17).any()
    assert not found[:, 4].any()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_few_features_are_exact(width: int) -> None:
    rng = RNG(7)
    rows, background = rng.normal(size=(4, width)), rng.normal(size=(5, width))
    rows[0, 0] = background[2, 0] = np.nan

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(np.exp(np.nan_to_num(Z, nan=2.0).prod(axis=1) / 3))

    found = permutation_shapley(score, rows, background, generator=rng, pairs=5)
    assert found.values == pytest.approx(exact_shapley(score, rows, background).values)


def test_wide_tables_walk_permutations_and_add_up() -> None:
    rng = RNG(8)
    rows, background = rng.normal(size=(2, 60)), rng.normal(size=(3, 60))
    rows[:, 7] = background[:, 7] = 1.5

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(np.tanh(Z[:, :10].sum(axis=1)) + Z[:, 20] * Z[:, 21])

    found = permutation_shapley(score, rows, background, generator=rng, pairs=6)
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.output)
    assert not found.values[:, 30:].any()
    assert not found.values[:, 7].any()
