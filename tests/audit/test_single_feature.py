"""Single features: AUC from counts compared with scikit-learn, limits at the edge by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from audit.statistics.intervals import on_scale
from audit.statistics.ranking import roc_auc
from audit.tabular.single_feature import (
    Cells,
    area_interval,
    as_cells,
    count_table,
    folds_of,
    held_out_area,
    held_out_numbers,
    levels_of,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=4, max_size=80))
def test_ranked_area_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    codes = np.array([row[0] for row in rows], dtype=np.int64)
    y = np.array([row[1] for row in rows], dtype=np.int64)
    table = count_table(Cells(codes, 6, True), np.zeros(len(y), dtype=np.int64), y, 2)
    made = held_out_area(table, 1, ordered=True)
    if len(np.unique(y)) < 2:
        assert made is None
        return
    area = roc_auc_score(y, codes)
    assert made is not None
    assert made.value == pytest.approx(max(area, 1 - area))
    assert made.low <= made.value <= made.high


def test_interval_is_delong() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 30, 400)
    y = (codes + rng.normal(0, 12, 400) > 15).astype(np.int64)
    table = count_table(Cells(codes, 30, True), np.zeros(400, dtype=np.int64), y, 2)
    made = held_out_area(table, 1, ordered=True)
    oracle = roc_auc(y == 1, codes.astype(float))
    error = float(np.sqrt((oracle.influence**2).sum() / 400**2))
    low, high, _ = on_scale(oracle.value, error, level=0.95, transform="logit")
    assert made is not None
    assert (made.low, made.high) == pytest.approx((low, high), abs=2e-3)


def test_a_feature_of_noise_does_not_beat_a_coin() -> None:
    rng = np.random.default_rng(0)
    areas = []
    for seed in range(30):
        column = pd.Series(rng.integers(0, 300, 600).astype(str))
        fold = folds_of(600, np.random.default_rng(seed))
        made = held_out_area(count_table(as_cells(column, 30), fold, rng.integers(0, 2, 600), 2), 1)
        assert made is not None
        areas.append(made.value)
    assert abs(np.mean(areas) - 0.5) < 0.02


@pytest.mark.parametrize(("positives", "negatives"), [(30, 30), (20, 200)])
def test_limit_of_separation(positives: int, negatives: int) -> None:
    low = area_interval(1.0, 0.0, positives, negatives, 0.95).low
    shift = norm.ppf(low) * np.sqrt(2)
    rng = np.random.default_rng(0)
    parted = rng.normal(size=(4000, negatives)).max(axis=1) < rng.normal(shift, 1, (4000, positives)).min(axis=1)
    assert parted.mean() == pytest.approx(0.025, abs=0.008)


def test_one_level_written_in_three_ways() -> None:
    codes, names = levels_of(pd.Series([1, 1.0, "1", None, True, "b"], dtype=object))
    assert codes[0] == codes[1] == codes[2]
    assert codes[3] == -1
    assert "b" in names


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1.0, np.nan, np.inf, -np.inf]),
        pd.Series([np.nan] * 4),
        pd.Series(["a", None, "b", "a"]),
        pd.Series([[1], {2}, None, "x"], dtype=object),
        pd.Series(pd.date_range("2020", periods=4)),
        pd.Series([True, False, True, True]),
        pd.Series(pd.Categorical(["a", "b", None, "a"])),
    ],
)
def test_any_column_has_cells(column: pd.Series) -> None:
    cells = as_cells(column, 8)
    assert len(cells.codes) == 4
    assert 0 <= cells.codes.min() <= cells.codes.max() < cells.size


def test_numbers_follow_a_bent_curve_and_categories_their_means() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 1000)
    fold = folds_of(1000, rng)
    assert np.abs(held_out_numbers(pd.Series(x), x**2, fold, 50) - x**2).mean() < 0.05
    words = pd.Series(np.where(x > 0, "up", "down"))
    told = held_out_numbers(words, np.where(x > 0, 3.0, -1.0), fold, 50)
    assert told == pytest.approx(np.where(x > 0, 3.0, -1.0), abs=0.01)


def test_constant_and_empty_columns_tell_the_mean() -> None:
    y = np.arange(50.0)
    fold = folds_of(50, np.random.default_rng(0))
    for column in (pd.Series(np.ones(50)), pd.Series([np.nan] * 50)):
        assert np.abs(held_out_numbers(column, y, fold, 10) - y.mean()).max() < 8
