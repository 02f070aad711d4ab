"""Corruptions keep shape and range, grow with severity, and come out alike from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from audit.corruptions import IMAGES, SEQUENCES, SEVERITIES, TEXTS, scribble_texts


def images(n: int = 20, side: int = 28) -> np.ndarray:
    generator = np.random.default_rng(0)
    made = np.zeros((n, 1, side, side))
    made[:, :, 8:20, 10:18] = 255 * generator.uniform(0.5, 1.0, (n, 1, 12, 8))
    return made


@pytest.mark.parametrize("kind", IMAGES)
def test_images_keep_shape_and_range_and_lose_more_each_time(kind: str) -> None:
    given = images()
    off = []
    for severity in range(len(SEVERITIES)):
        made = IMAGES[kind](given, severity, np.random.default_rng(1))
        assert made.shape == given.shape
        assert np.isfinite(made).all()
        assert given.min() - 1e-9 <= made.min() <= made.max() <= given.max() + 1e-9
        assert np.array_equal(made, IMAGES[kind](given, severity, np.random.default_rng(1)))
        off.append(float(((made - given) ** 2).mean()))
    assert 0 < off[0] < off[1] < off[2]
    assert np.array_equal(given, images())


@pytest.mark.parametrize("kind", IMAGES)
def test_tiny_and_constant_images_survive(kind: str) -> None:
    assert IMAGES[kind](np.ones((1, 3, 2, 2)), 2, np.random.default_rng(0)).shape == (1, 3, 2, 2)


@pytest.mark.parametrize("kind", SEQUENCES)
def test_sequences_keep_shape_and_lose_more_each_time(kind: str) -> None:
    given = np.cumsum(np.random.default_rng(0).normal(size=(50, 24, 2)), axis=1)
    off = []
    for severity in range(len(SEVERITIES)):
        made = SEQUENCES[kind](given, severity, np.random.default_rng(1))
        assert made.shape == given.shape
        off.append(float(((made - given) ** 2).mean()))
    assert 0 < off[0] < off[1] < off[2]
    assert SEQUENCES[kind](np.ones((2, 2, 1)), 2, np.random.default_rng(0)).shape == (2, 2, 1)


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_change_more_each_time(kind: str) -> None:
    text = "please call now to win a good prize and send free money to a friend " * 5
    changed = []
    for severity in range(len(SEVERITIES)):
        made = scribble_texts([text] * 10, kind, severity, np.random.default_rng(0))
        assert made == scribble_texts([text] * 10, kind, severity, np.random.default_rng(0))
        changed.append(sum(word not in text.split() for one in made for word in one.split()))
    assert 0 < changed[0] <= changed[1] <= changed[2]
    assert scribble_texts(["", " "], kind, 2, np.random.default_rng(0))[0] == ""
