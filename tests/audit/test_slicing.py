"""The slice search, compared with trying everything and against published examples."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.slices.slicing import Slice, search


def everything(
    codes: np.ndarray, errors: np.ndarray, *, alpha: float, support: int, conditions: int, times: float | None = None
) -> list[tuple[float, int, float]]:
    """Score every slice one by one."""
    n, mean, found = len(codes), errors.mean(), []
    for depth in range(1, conditions + 1):
        for features in combinations(range(codes.shape[1]), depth):
            levels = [sorted(set(codes[:, feature]) - {-1}) for feature in features]
            for chosen in product(*levels):
                rows = (codes[:, list(features)] == chosen).all(axis=1)
                size, error = int(rows.sum()), float(errors[rows].sum())
                if size < support:
                    continue
                if times is None:
                    score = alpha * (error / size / mean - 1) - (1 - alpha) * (n / size - 1)
                else:
                    score = (error - times * mean * size) / (errors.std() * np.sqrt(size))
                if score > 1e-12:
                    found.append((score, size, error))
    return sorted(found, reverse=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    seed = draw(st.integers(0, 10_000))
    generator = np.random.default_rng(seed)
    n, features = draw(st.integers(5, 60)), draw(st.integers(1, 4))
    codes = generator.integers(-1, draw(st.integers(1, 4)), (n, features))
    whole = draw(st.booleans())
    errors = generator.integers(0, 2, n) if whole else generator.exponential(size=n) * (generator.uniform(size=n) < 0.5)
    return codes, errors.astype(np.float64)


@settings(max_examples=150, deadline=None)
@given(
    tables(),
    st.sampled_from([0.5, 0.9, 0.95, 1.0]),
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([None, 0.8, 1.0, 1.5]),
    st.integers(1, 8),
)
def test_finds_what_trying_everything_finds(
    table: tuple[np.ndarray, np.ndarray], alpha: float, support: int, conditions: int, times: float | None, k: int
) -> None:
    codes, errors = table
    found = search(codes, errors, k=k, alpha=alpha, support=support, conditions=conditions, times=times)
    if not errors.std() > 0:
        assert found == []
        return
    wanted = everything(codes, errors, alpha=alpha, support=support, conditions=conditions, times=times)
    assert [one.score for one in found if one.score > 1e-12] == pytest.approx([score for score, _, _ in wanted[:k]])
    for one in found:
        rows = one.rows(codes)
        assert int(rows.sum()) == one.size
        assert errors[rows].sum() == pytest.approx(one.error)


def phrases(found: list[Slice]) -> set[tuple[int | None, ...]]:
    width = 1 + max(feature for one in found for feature, _ in one.conditions)
    made = set()
    for one in found:
        row: list[int | None] = [None] * max(width, 4)
        for feature, level in one.conditions:
            row[feature] = level + 1
        made.add(tuple(row))
    return made


def staircase(depth: int) -> tuple[np.ndarray, np.ndarray]:
    """An example of the sliceline package: columns that each shut out other correct rows, and a row number."""
    wrong = 2 * depth
    columns = []
    for place in range(depth):
        start = wrong + 2 * place
        column = np.ones(4 * depth, dtype=int)
        column[start : start + 2] = 2
        columns.append(column)
    columns.append(np.arange(4 * depth) + 1)
    errors = np.zeros(4 * depth)
    errors[:wrong] = 1
    return np.stack(columns, axis=1) - 1, errors


def test_published_example_of_three_conditions() -> None:
    """Sliceline's experiment 11: the three-fold slice first, then its three two-fold parents, tied."""
    codes, errors = staircase(3)
    found = search(codes, errors, k=4, alpha=0.95, support=1, conditions=3)
    assert phrases(found[:1]) == {(1, 1, 1, None)}
    assert phrases(found[1:]) == {(None, 1, 1, None), (1, None, 1, None), (1, 1, None, None)}
    assert len({round(one.score, 12) for one in found[1:]}) == 1


def test_published_example_of_four_conditions() -> None:
    """Sliceline's experiment 12."""
    codes, errors = staircase(4)
    found = search(codes, errors, k=5, alpha=0.95, support=1, conditions=4)
    assert phrases(found[:1]) == {(1, 1, 1, 1)}
    assert len({round(one.score, 12) for one in found[1:]}) == 1
    assert {len(one.conditions) for one in found[1:]} == {3}


def test_published_example_with_scores() -> None:
    """Sliceline's first example: two slices of four rows, all wrong, each with a score of 0.9."""
    codes = (
        np.array(
            [[1, 1, 1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8], [3, 3, 3, 1, 3, 1, 2, 1]]
        ).T
        - 1
    )
    errors = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    found = search(codes, errors, k=2, alpha=0.95, support=1, conditions=2)
    assert phrases(found[:1]) == {(1, 1, None, None)}
    assert (found[0].size, found[0].error, round(found[0].score, 3)) == (4, 4.0, 0.9)
    assert phrases(found[1:]) <= {(None, 1, None, 3), (1, None, None, 3)}


def test_published_example_where_nothing_scores() -> None:
    """Sliceline's experiment 16: with all weight on the size no slice of seven rows is worth naming."""
    codes = np.zeros((15, 4), dtype=int)
    codes[:6, 0] = 1
    codes[12:, 1] = 1
    codes[4:8, 2] = 1
    codes[12:, 3] = 1
    errors = np.array([0.0] * 6 + [1.0] * 6 + [0.0] * 3)
    assert search(codes, errors, alpha=0.01, support=7, conditions=3) == []


def test_families_never_meet_in_one_slice() -> None:
    generator = np.random.default_rng(0)
    fine = generator.integers(0, 4, 500)
    codes = np.column_stack([fine, fine // 2, generator.integers(0, 3, 500)])
    errors = ((fine == 3) & (codes[:, 2] == 1)).astype(float)
    plain = search(codes, errors, support=5, k=30)
    apart = search(codes, errors, support=5, k=30, families=[0, 0, 1])
    assert any({0, 1} <= {feature for feature, _ in one.conditions} for one in plain)
    assert not any({0, 1} <= {feature for feature, _ in one.conditions} for one in apart)


@pytest.mark.parametrize(
    ("codes", "errors"),
    [
        (np.zeros((4, 2, 1), dtype=int), np.zeros(4)),
        (np.zeros((4, 2), dtype=int), np.zeros(3)),
        (np.zeros((4, 2), dtype=int), np.array([0.0, -1.0, 0.0, 0.0])),
        (np.zeros((4, 2), dtype=int), np.array([0.0, np.nan, 0.0, 0.0])),
    ],
)
def test_what_does_not_fit_is_refused(codes: np.ndarray, errors: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        search(codes, errors)


def test_options_that_do_not_fit_are_refused() -> None:
    codes, errors = np.zeros((4, 2), dtype=int), np.array([0.0, 1.0, 0.0, 0.0])
    for options in ({"alpha": 0.0}, {"alpha": 1.5}, {"support": 0}):
        with pytest.raises(ValueError, match="expected 0 < alpha"):
            search(codes, errors, **options)


def test_no_rows_no_levels_no_errors() -> None:
    assert search(np.zeros((0, 2), dtype=int), np.zeros(0)) == []
    assert search(np.full((50, 2), -1), np.tile([0.0, 1.0], 25)) == []
    assert search(np.zeros((50, 2), dtype=int), np.ones(50)) == []
    assert search(np.zeros((50, 0), dtype=int), np.tile([0.0, 1.0], 25)) == []


def test_many_rows_are_quick() -> None:
    """100,000 rows and 20 features, to three conditions; the bound of ten seconds is for slow machines."""
    import time

    generator = np.random.default_rng(0)
    codes = generator.integers(0, 10, (100_000, 20))
    wrong = 0.1 + 0.3 * ((codes[:, 3] == 2) & (codes[:, 7] == 4) & (codes[:, 9] < 5))
    errors = (generator.uniform(size=100_000) < wrong).astype(float)
    started = time.perf_counter()
    found = search(codes, errors, support=1000, times=1.5)
    assert time.perf_counter() - started < 10
    assert found[0].conditions == ((3, 2), (7, 4))
