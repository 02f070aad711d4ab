"""Columns of levels are crossed and stacked by their codes."""

from __future__ import annotations

import numpy as np
import pytest

from audit.data.factor import Factor, concatenate, unique_combinations


@pytest.mark.parametrize("size", [3, 50, 2**20])
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_combinations_are_those_of_sorted_rows(size: int, columns: int) -> None:
    """Five columns of a million codes have more combinations than a number has values."""
    generator = np.random.default_rng(size + columns)
    codes = generator.choice(generator.integers(0, size, 12), (columns, 400))
    example, place = unique_combinations(list(codes))
    rows, expected = np.unique(codes.T, axis=0, return_inverse=True)
    assert codes.T[example].tolist() == rows.tolist()
    assert place.tolist() == expected.reshape(-1).tolist()


def test_no_rows_have_no_combination() -> None:
    example, place = unique_combinations([np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)])
    assert not len(example)
    assert not len(place)


def test_stacked_factors_keep_missing_values_and_all_levels() -> None:
    whole = Factor.of(["a", None, "b"])
    for second in (whole, Factor.of(["a", None, "b"])):
        alike = concatenate([whole, second.take(np.array([2]))])
        assert (alike.levels, alike.codes.tolist()) == (("a", "b"), [0, -1, 1, 1])
    unlike = concatenate([Factor.of(["b", None]), Factor.of(["a", "b"]), Factor.of(["c"])])
    assert (unlike.levels, unlike.codes.tolist()) == (("b", "a", "c"), [0, -1, 1, 0, 2])
