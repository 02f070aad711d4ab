"""Near items, compared with a search by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tabular.nearest import FACTOR, Vectors, near_texts, near_vectors, standardize_columns

POINTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 1)), min_size=4, max_size=40)


@settings(max_examples=80, deadline=None)
@given(POINTS, st.floats(0.01, 3.0))
def test_same_as_by_hand(rows: list[tuple[int, int, int]], radius: float) -> None:
    points = np.array([row[:2] for row in rows], dtype=np.float64)
    group = np.array([row[2] for row in rows], dtype=np.int64)
    half = len(rows) // 2
    asking, asked = np.arange(half), np.arange(half, len(rows))
    found = near_vectors(Vectors(points, group), asking, asked, radius)
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    distance = np.where(group[:, None] == group[None, :], distance, np.inf)
    for one in asking:
        nearest = distance[one, asked].min()
        others = np.delete(distance[one, asking], one)
        own = others.min() if len(others) else np.inf
        wanted = 0 < nearest < radius * np.sqrt(2) and own >= FACTOR * nearest
        assert bool(found[one]) == wanted


def test_scaling_leaves_out_what_does_not_vary() -> None:
    X = np.array([[1.0, 5.0], [3.0, 5.0], [100.0, 9.0]])
    made = standardize_columns(X, np.array([0, 1]))
    assert made.shape == (3, 1)
    assert made[:2, 0].tolist() == [-1.0, 1.0]


def test_pixels_share_one_scale() -> None:
    X = np.array([[0.0, 10.0], [0.0, 30.0]])
    made = standardize_columns(X, np.arange(2), shared=True)
    assert made[0, 0] == made[1, 0]
    assert float(made.std()) == pytest.approx(1)


def test_texts_that_were_changed_a_little() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{k}rd" for k in range(200)])
    texts = [" ".join(rng.choice(words, 20)) for _ in range(60)]
    changed = [text.replace(" w", "  W", 3) + "!" for text in texts[:5]]
    found = near_texts([*texts, *changed], np.arange(50, 65), np.arange(50), 0.3)
    assert found.tolist() == [False] * 10 + [True] * 5


def test_empty_texts_and_empty_sets() -> None:
    assert near_texts(["", "", "a b c d e f"], np.array([0]), np.array([1, 2]), 0.3).tolist() == [False]
    assert (
        near_vectors(Vectors(np.zeros((2, 0)), np.zeros(2, dtype=np.int64)), np.array([0]), np.array([1]), 1).sum() == 0
    )
