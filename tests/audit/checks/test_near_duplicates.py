"""LEAK005: slightly changed copies of training items."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def jittered(copies: int, step: float = 0.004) -> Frames:
    train, test = clean()
    again = train.head(copies).copy()
    for name in ("age", "income", "score"):
        noise = np.random.default_rng(1).normal(size=copies)
        again[name] = again[name] + step * float(train[name].std()) * noise
    return train, pd.concat([test, again])


@pytest.mark.parametrize(("copies", "said"), [(90, "fail"), (25, "fail"), (4, "pass"), (0, "pass")])
def test_changed_copies(copies: int, said: str) -> None:
    assert outcome(dataset(jittered(copies)), "near_duplicates", "LEAK005") == said


def test_copies_that_moved_far_are_none() -> None:
    assert outcome(dataset(jittered(90, 0.2)), "near_duplicates", "LEAK005") == "pass"


def test_other_categories_are_another_row() -> None:
    train, test = jittered(90)
    train["city"] = "elsewhere"
    assert measured(dataset((train, test)), "near_duplicates")["near_duplicate_share split=test"].value == 0


def test_exact_copies_are_left_to_the_search_for_these() -> None:
    train, test = clean()
    data = dataset((train, pd.concat([test, train.head(100)])))
    assert measured(data, "near_duplicates")["near_duplicate_share split=test"].value == 0


@pytest.mark.parametrize("seed", range(4))
def test_dense_lines_are_near_by_nature(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=12_000), "y": rng.integers(0, 2, 12_000)})
    data = dataset((frame.head(9000), frame.tail(3000)), sensitive=())
    assert outcome(data, "near_duplicates", "LEAK005") == "pass"


@pytest.mark.parametrize("seed", range(8))
def test_dense_planes_are_near_by_nature(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.uniform(size=(2000, 2)), columns=["x", "z"]).assign(y=rng.integers(0, 2, 2000))
    data = dataset((frame.head(1200), frame.tail(800)), sensitive=())
    assert outcome(data, "near_duplicates", "LEAK005") == "pass"


def test_images() -> None:
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (400, 16)).repeat(4, axis=1).astype(np.uint8)
    frame = pd.DataFrame(smooth ^ rng.integers(0, 2, smooth.shape, dtype=np.uint8)).add_prefix("p")
    frame["y"] = rng.integers(0, 2, 400)
    train, test = frame.head(300), frame.tail(100)
    assert outcome(dataset((train, test), sensitive=()), "near_duplicates", "LEAK005") == "pass"
    copies = train.head(12).copy()
    pixels = [f"p{place}" for place in range(64)]
    copies[pixels] = np.clip(copies[pixels].astype(int) + rng.integers(-3, 4, copies[pixels].shape), 0, 255).astype(
        "uint8"
    )
    leaked = dataset((train, pd.concat([test, copies])), sensitive=())
    assert outcome(leaked, "near_duplicates", "LEAK005") == "fail"


def test_texts() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"word{k}" for k in range(300)])
    texts = [" ".join(rng.choice(words, 14)) for _ in range(500)]
    frame = pd.DataFrame({"message": texts, "y": rng.integers(0, 2, 500)})
    train, test = frame.head(350), frame.tail(150)
    assert outcome(dataset((train, test), sensitive=()), "near_duplicates", "LEAK005") == "pass"
    copies = train.head(15).assign(message=lambda made: made["message"] + " ok!")
    leaked = dataset((train, pd.concat([test, copies])), sensitive=())
    assert outcome(leaked, "near_duplicates", "LEAK005") == "fail"


def test_where_it_does_not_arise() -> None:
    train, test = clean(200)
    assert found(dataset(test), "near_duplicates").outcome == "not_applicable"
    words = ["city", "member", "sex", "y"]
    assert found(dataset((train[words], test[words])), "near_duplicates").outcome == "not_applicable"
