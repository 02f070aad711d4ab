"""Shapley values against closed forms, enumeration, shap, and the axioms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPRegressor

from audit.explain.additive import additive_shapley
from audit.explain.encoding import FloatArray, Score
from audit.explain.exact import exact_shapley
from audit.explain.permutation import permutation_shapley

RNG = np.random.default_rng


def interacting(Z: FloatArray) -> FloatArray:
    return np.asarray(Z[:, 0] * Z[:, 1] + np.sin(Z[:, 2]) - Z[:, 3] * (Z[:, 4] > 0))


@pytest.fixture(scope="module", name="network")
def network_fixture() -> Score:
    """Return a small network with many interactions."""
    rng = RNG(0)
    X = rng.normal(size=(400, 8))
    y = X[:, 0] * X[:, 1] + X[:, 2] - np.abs(X[:, 3])
    model = MLPRegressor(hidden_layer_sizes=(16, 16), random_state=0, max_iter=1000, tol=1e-3).fit(X, y)
    return lambda Z: np.asarray(model.predict(Z))


def test_enumeration_of_two_features_is_the_textbook_formula() -> None:
    rows, background = np.array([[2.0, 3.0]]), np.array([[1.0, 1.0]])
    found = exact_shapley(lambda Z: Z[:, 0] * Z[:, 1], rows, background)
    both, first, second, none = 6.0, 2.0, 3.0, 1.0
    assert found.values[0] == pytest.approx(
        [((first - none) + (both - second)) / 2, ((second - none) + (both - first)) / 2]
    )
    assert found.base == none


def test_glove_game_has_its_published_values() -> None:
    """One left glove, two right gloves: 2/3, 1/6, 1/6 (Shapley 1953, as told in textbooks)."""
    rows, background = np.ones((1, 3)), np.zeros((1, 3))
    found = exact_shapley(lambda Z: Z[:, 0] * np.maximum(Z[:, 1], Z[:, 2]), rows, background)
    assert found.values[0] == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_permutations_come_near_enumeration(network: Score) -> None:
    rng = RNG(1)
    rows, background = rng.normal(size=(10, 8)), rng.normal(size=(50, 8))
    exact = exact_shapley(network, rows, background).values
    found = permutation_shapley(network, rows, background, generator=rng, pairs=100).values
    assert np.abs(found - exact).mean() < 0.06 * np.abs(exact).mean()
    better = permutation_shapley(network, rows, background, generator=rng, pairs=1600).values
    assert np.abs(better - exact).mean() < 0.5 * np.abs(found - exact).mean()


def test_permutations_are_unbiased(network: Score) -> None:
    rng = RNG(2)
    rows, background = rng.normal(size=(2, 8)), rng.normal(size=(10, 8))
    exact = exact_shapley(network, rows, background).values
    runs = np.stack(
        [permutation_shapley(network, rows, background, generator=RNG(k), pairs=10).values for k in range(60)]
    )
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(runs.mean(axis=0) - exact) < 4.5 * error + 1e-9).all()


def test_the_methods_agree_with_shap(network: Score) -> None:
    shap = pytest.importorskip("shap")
    rng = RNG(3)
    rows, background = rng.normal(size=(2, 8)), rng.normal(size=(10, 8))
    theirs = shap.KernelExplainer(network, background).shap_values(rows, nsamples=2**8, l1_reg=0, silent=True)
    assert exact_shapley(network, rows, background).values == pytest.approx(theirs, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), pairs=st.integers(1, 40), behind=st.integers(1, 12), batch=st.integers(1, 300))
def test_sums_are_exact_whatever_the_budget(seed: int, pairs: int, behind: int, batch: int) -> None:
    rng = RNG(seed)
    rows, background = rng.normal(size=(3, 5)), rng.normal(size=(behind, 5))
    found = permutation_shapley(interacting, rows, background, generator=rng, pairs=pairs, batch=batch)
    assert found.values.sum(axis=1) + found.base == pytest.approx(interacting(rows), abs=1e-9)


def test_batches_bound_the_rows_of_a_call_and_change_nothing() -> None:
    rng = RNG(4)
    rows, background = rng.normal(size=(7, 5)), rng.normal(size=(9, 5))
    sizes: list[int] = []

    def counted(Z: FloatArray) -> FloatArray:
        sizes.append(len(Z))
        return interacting(Z)

    small = permutation_shapley(counted, rows, background, generator=RNG(0), pairs=30, batch=64)
    assert max(sizes) <= 64
    large = permutation_shapley(interacting, rows, background, generator=RNG(0), pairs=30, batch=10**6)
    assert small.values == pytest.approx(large.values)


def test_a_feature_that_is_not_read_gets_zero(network: Score) -> None:
    rng = RNG(5)
    rows, background = rng.normal(size=(4, 9)), rng.normal(size=(20, 9))

    def blind(Z: FloatArray) -> FloatArray:
        return network(Z[:, :8])

    found = permutation_shapley(blind, rows, background, generator=rng, pairs=40)
    assert np.abs(found.values[:, 8]).max() < 1e-12


def test_duplicated_features_share() -> None:
    rng = RNG(6)
    single = rng.normal(size=(30, 2))
    doubled = np.column_stack([single, single[:, 0]])

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(np.maximum(Z[:, 0], Z[:, 2]) + Z[:, 1])

    found = exact_shapley(score, doubled[:5], doubled[5:])
    assert found.values[:, 0] == pytest.approx(found.values[:, 2])


def test_additive_models_have_their_closed_form() -> None:
    rng = RNG(7)
    rows, background = rng.normal(size=(12, 4)), rng.normal(size=(20, 4))
    weights = np.array([1.0, -2.0, 0.0, 3.0])
    found = additive_shapley(lambda Z: Z @ weights + 5, rows, background)
    assert found is not None
    assert found.values == pytest.approx((rows - background.mean(axis=0)) * weights)
    assert found.base == pytest.approx(background.mean(axis=0) @ weights + 5)


def test_a_model_that_does_not_add_up_is_not_taken_for_one() -> None:
    rng = RNG(8)
    rows, background = rng.normal(size=(30, 5)), rng.normal(size=(20, 5))
    assert additive_shapley(interacting, rows, background) is None


def test_a_rare_interaction_is_found_out() -> None:
    """The probe sees nothing, the full comparison does."""
    rng = RNG(9)
    rows, background = rng.normal(size=(60, 3)), rng.normal(size=(20, 3))
    rows[50] = 4.0

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(Z.sum(axis=1) + (Z.min(axis=1) > 3))

    assert additive_shapley(score, rows, background) is None


def test_a_constant_model_has_no_attributions() -> None:
    rows, background = RNG(0).normal(size=(3, 4)), RNG(1).normal(size=(5, 4))
    for found in (
        permutation_shapley(lambda Z: np.zeros(len(Z)), rows, background, generator=RNG(0), pairs=5),
        additive_shapley(lambda Z: np.zeros(len(Z)), rows, background),
        exact_shapley(lambda Z: np.zeros(len(Z)), rows, background),
    ):
        assert found is not None
        assert not found.values.any()


def test_one_feature_and_one_row_are_enough() -> None:
    found = permutation_shapley(lambda Z: Z[:, 0] ** 2, np.array([[3.0]]), np.array([[1.0]]), generator=RNG(0))
    assert found.values.tolist() == [[8.0]]


def test_enumeration_refuses_many_features() -> None:
    with pytest.raises(ValueError, match="up to 14 features; the table has 15"):
        exact_shapley(interacting, np.zeros((1, 15)), np.zeros((1, 15)))


def test_equal_values_are_not_asked_for_and_change_nothing() -> None:
    rng = RNG(10)
    rows = rng.integers(0, 2, size=(6, 5)).astype(float)
    background = rng.integers(0, 2, size=(8, 5)).astype(float)
    rows[0, 0] = background[0, 0] = np.nan
    asked = 0

    def counted(Z: FloatArray) -> FloatArray:
        nonlocal asked
        asked += len(Z)
        return interacting(np.nan_to_num(Z, nan=7.0))

    found = permutation_shapley(counted, rows, background, generator=RNG(0), pairs=800)
    assert asked < 0.7 * 6 * 800 * 2 * 4
    exact = exact_shapley(lambda Z: interacting(np.nan_to_num(Z, nan=7.0)), rows, background)
    assert found.values == pytest.approx(exact.values, abs=0.06)
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.output)


@pytest.mark.parametrize(("bonus", "expected", "base"), [(0.0, [30, 30], 20), (10.0, [30, 35], 25)])
def test_the_published_example_of_consistency(bonus: float, expected: list[float], base: float) -> None:
    """Fever and cough (Lundberg, Erion and Lee 2018, figure 1): A is 80 for both, B adds 10 for a cough."""
    patients = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(80 * Z[:, 0] * Z[:, 1] + bonus * Z[:, 1])

    for found in (
        exact_shapley(score, patients[3:], patients),
        permutation_shapley(score, patients[3:], patients, generator=RNG(0), pairs=4),
    ):
        assert found.values[0] == pytest.approx(expected)
        assert found.base == base


def test_a_linear_model_of_many_columns_is_read_with_one_row_a_column() -> None:
    rng = RNG(11)
    rows, background = rng.normal(size=(20, 300)), rng.normal(size=(30, 300))
    weights, asked = rng.normal(size=300), 0

    def counted(Z: FloatArray) -> FloatArray:
        nonlocal asked
        asked += len(Z)
        return np.asarray(Z @ weights)

    found = additive_shapley(counted, rows, background)
    assert found is not None
    assert found.values == pytest.approx((rows - background.mean(axis=0)) * weights)
    assert asked < 500
