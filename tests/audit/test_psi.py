"""The stability index: a known value, its bias without drift, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.data.factor import Factor
from audit.estimate.drift import effective_counts
from audit.statistics.psi import counts, level_bins, numeric_bins, stability


def test_value_by_hand() -> None:
    shift = stability(np.array([3000.0, 7000.0]), np.array([5000.0, 5000.0]))
    assert shift is not None
    assert shift.raw == pytest.approx(0.2 * math.log(5 / 3) - 0.2 * math.log(5 / 7), abs=1e-3)
    assert shift.value == pytest.approx(shift.raw - 2e-4)


@pytest.mark.parametrize(("n", "m"), [(200, 60), (2000, 1000)])
def test_without_drift_it_is_zero_on_average(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    share = np.full(10, 0.1)
    values = [
        made.value
        for _ in range(400)
        if (made := stability(rng.multinomial(n, share).astype(float), rng.multinomial(m, share).astype(float)))
    ]
    assert abs(np.mean(values)) < 0.1 * 9 * (1 / n + 1 / m) + 0.003


@pytest.mark.parametrize(("n", "m"), [(300, 150), (5000, 2000)])
def test_interval_holds_the_truth(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    p = np.full(10, 0.1)
    q = np.linspace(0.04, 0.16, 10)
    truth = float(((q - p) * np.log(q / p)).sum())
    held = 0
    for _ in range(400):
        made = stability(rng.multinomial(n, p).astype(float), rng.multinomial(m, q).astype(float))
        assert made is not None
        held += made.low <= truth <= made.high
    assert held / 400 > 0.92


def test_ten_quantiles_of_training() -> None:
    bins = numeric_bins(np.arange(1000.0), np.array([-5.0, 2000.0, np.nan, np.inf]))
    assert counts(bins.reference, 10).tolist() == pytest.approx([100.0] * 10, abs=1)
    assert bins.new.tolist() == [0, 9, -1, 9]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.floats(allow_infinity=True, allow_nan=True), st.just(0.0)), min_size=1, max_size=60))
def test_any_numbers_have_bins(values: list[float]) -> None:
    column = np.array(values)
    bins = numeric_bins(column, column)
    assert (bins.reference == bins.new).all()
    assert (bins.reference[np.isnan(column)] == -1).all()
    assert bins.reference.max(initial=-1) < max(len(bins.labels), 1)
    made = stability(counts(bins.reference, len(bins.labels)), counts(bins.new, len(bins.labels)))
    assert made is None or made.raw == pytest.approx(0)


def test_rare_levels_are_taken_together() -> None:
    codes = np.concatenate([np.zeros(500), np.ones(495), np.arange(2, 7)]).astype(np.int64)
    bins = level_bins(codes, np.array([0, 6, -1]), [f"level {k}" for k in range(7)])
    assert bins.labels == ("level 0", "level 1", "other")
    assert bins.new.tolist() == [0, 2, -1]


@pytest.mark.parametrize("old", [[0.0, 0.0], [5.0, 0.0]])
def test_nothing_to_compare(old: list[float]) -> None:
    assert stability(np.array(old), np.array([3.0, 0.0])) is None


BINS = np.linspace(-1, 1, 10)


@pytest.mark.parametrize(("n", "m"), [(300, 300), (600, 400), (2000, 1000)])
@pytest.mark.parametrize("tilt", [0.0, 0.15, 0.8])
def test_interval_holds_the_truth_at_its_level_with_and_without_drift(n: int, m: int, tilt: float) -> None:
    rng = np.random.default_rng(2)
    p = np.full(10, 0.1)
    q = p * np.exp(tilt * BINS) / (p * np.exp(tilt * BINS)).sum()
    truth = float(((q - p) * np.log(q / p)).sum())
    made = [stability(rng.multinomial(n, p).astype(float), rng.multinomial(m, q).astype(float)) for _ in range(600)]
    held = np.mean([one is not None and one.low <= truth <= one.high for one in made])
    assert 0.925 < held < 0.975


def test_upper_limit_without_drift_stays_near_zero() -> None:
    rng = np.random.default_rng(3)
    p = np.full(10, 0.1)
    made = [stability(rng.multinomial(300, p).astype(float), rng.multinomial(300, p).astype(float)) for _ in range(300)]
    assert np.mean([one is not None and one.high > 0.2 for one in made]) < 0.06


def test_limits_move_little_where_counts_move_little() -> None:
    old = np.array([300.0] * 4)
    made = [stability(old, np.array([300.0 + k, 300.0, 300.0, 300.0 - k])) for k in range(80)]
    highs = np.array([one.high for one in made if one is not None])
    lows = np.array([one.low for one in made if one is not None])
    assert highs[30] < 0.02
    assert np.abs(np.diff(highs)).max() < 0.01
    assert np.abs(np.diff(lows)).max() < 0.01
    assert (np.diff(highs) >= 0).all()


def test_very_many_rows_have_limits() -> None:
    made = stability(np.array([3e8, 1e8]), np.array([1e8, 3e8]))
    assert made is not None
    assert made.low < math.log(3) < made.high
    assert made.high - made.low < 1e-3


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_make_no_drift_of_few_persons(weighted: bool) -> None:
    rng = np.random.default_rng(4)
    cluster = Factor.of(np.repeat(np.arange(30), 20).astype(str))

    def side() -> np.ndarray:
        codes = np.repeat(rng.integers(0, 5, 30), 20).astype(np.int64)
        return effective_counts(codes, 5, rng.exponential(size=600) + 0.1 if weighted else None, cluster)

    made = [stability(side(), side()) for _ in range(200)]
    assert np.mean([one is not None and one.low > 0 for one in made]) <= 0.05
    assert np.mean([one is not None and one.low > 0.2 for one in made]) <= 0.01
