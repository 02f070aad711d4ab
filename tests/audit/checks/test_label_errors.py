"""DATA011: labels that contradict what their rows are all but sure to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def flipped(frames: Frames, share: float) -> Frames:
    train, test = frames
    wrong = np.random.default_rng(7).random(len(train)) < share
    names = sorted(train["y"].unique())
    other = train["y"].map(dict(zip(names, [*names[1:], names[0]], strict=True)))
    return train.assign(y=train["y"].mask(wrong, other)), test


def separable(rows: int = 5000) -> Frames:
    train, test = clean(rows)
    for frame in (train, test):
        odds = 6 * frame["score"] + (frame["age"] - 40) / 3
        frame["y"] = (odds + np.random.default_rng(1).logistic(size=len(frame)) > 0).astype(int)
    return train, test


@pytest.mark.parametrize(("share", "said"), [(0.2, "fail"), (0.12, "fail"), (0.0, "pass")])
def test_flipped_labels(share: float, said: str) -> None:
    assert outcome(dataset(flipped(separable(), share)), "label_errors", "DATA011") == said


def test_share_is_estimated() -> None:
    one = measured(dataset(flipped(separable(8000), 0.15)), "label_errors")["label_error_share split=train"]
    assert one.value == pytest.approx(0.15, abs=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_honest_overlap_is_no_error(seed: int) -> None:
    train, test = clean(3000, seed)
    for frame in (train, test):
        frame["y"] = (frame["score"] + 1.5 * np.random.default_rng(seed).logistic(size=len(frame)) > 0).astype(int)
    assert outcome(dataset((train, test)), "label_errors", "DATA011") != "fail"


def test_several_classes() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 4000)
    frame = pd.DataFrame(rng.normal(size=(4000, 3)) + 4 * np.eye(4)[kind][:, :3], columns=list("abc"))
    frame["y"] = pd.Series(list("pqrs"))[kind].to_numpy()
    roles = {"task": "multiclass", "sensitive": ()}
    frames = frame.head(3000), frame.tail(1000)
    assert outcome(dataset(frames, **roles), "label_errors", "DATA011") == "pass"
    assert outcome(dataset(flipped(frames, 0.15), **roles), "label_errors", "DATA011") == "fail"


def test_census_labels(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "adult" / "adult_train.csv").rename(columns={"income": "y"})
    frames = frame.head(12_000).reset_index(drop=True), frame.tail(4_000)
    assert outcome(dataset(frames, positive=">50K"), "label_errors", "DATA011") == "pass"
    assert outcome(dataset(flipped(frames, 0.12), positive=">50K"), "label_errors", "DATA011") == "fail"


def test_nothing_is_told_of_noise() -> None:
    train, test = clean(1500)
    train["y"] = np.random.default_rng(0).integers(0, 2, len(train))
    assert outcome(dataset((train, test)), "label_errors", "DATA011") == "not_assessed"


def test_where_it_does_not_arise() -> None:
    assert found(dataset(clean(200)[1]), "label_errors").outcome == "not_applicable"
    assert found(dataset(clean(200, task="regression"), task="regression"), "label_errors").outcome == "not_applicable"
