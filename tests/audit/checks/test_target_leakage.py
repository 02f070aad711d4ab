"""LEAK002: a single feature that gives the target away."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from audit.evidence import Settings
from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def told(noise: float, rows: int = 2000) -> Frames:
    train, test = clean(rows)
    rng = np.random.default_rng(2)
    for frame in (train, test):
        frame["closed"] = frame["y"] + noise * rng.normal(size=len(frame))
    return train, test


@pytest.mark.parametrize(("noise", "said"), [(0.0, "fail"), (0.22, "fail"), (0.5, "pass"), (9.0, "pass")])
def test_numbers_that_hold_the_answer(noise: float, said: str) -> None:
    assert outcome(dataset(told(noise)), "target_leakage", "LEAK002") == said


def test_words_that_hold_the_answer() -> None:
    train, test = clean()
    for frame in (train, test):
        frame["letter"] = np.where(frame["y"] == 1, "refused", "granted")
    assert outcome(dataset((train, test)), "target_leakage", "LEAK002") == "fail"


def test_an_answer_that_does_not_rise() -> None:
    train, test = clean(4000)
    for frame in (train, test):
        frame["y"] = (frame["score"].abs() < 0.6745).astype(int)
    assert outcome(dataset((train, test)), "target_leakage", "LEAK002") == "fail"


def test_a_copy_is_found_in_three_hundred_rows() -> None:
    assert outcome(dataset(told(0.0, 300)), "target_leakage", "LEAK002") == "fail"


@pytest.mark.parametrize(("noise", "said"), [(0.0, "fail"), (0.02, "fail"), (0.3, "pass")])
def test_regression(noise: float, said: str) -> None:
    train, test = clean(2000, task="regression")
    rng = np.random.default_rng(2)
    for frame in (train, test):
        frame["late"] = np.exp(frame["y"] / 10) * (1 + noise * rng.normal(size=len(frame)))
    assert outcome(dataset((train, test), task="regression"), "target_leakage", "LEAK002") == said


def test_several_classes() -> None:
    train, test = clean(2000, task="multiclass")
    roles = {"task": "multiclass"}
    assert outcome(dataset((train, test), **roles), "target_leakage", "LEAK002") == "pass"
    for frame in (train, test):
        frame["code"] = frame["y"].map({"low": 3, "middle": 1, "high": 2})
    assert outcome(dataset((train, test), **roles), "target_leakage", "LEAK002") == "fail"


def test_strong_honest_features_pass() -> None:
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "y"}).sample(frac=1, random_state=0)
    data = dataset((frame.head(350), frame.tail(219)), sensitive=())
    assert outcome(data, "target_leakage", "LEAK002") != "fail"
    iris = load_iris(as_frame=True).frame.rename(columns={"target": "y"}).sample(frac=1, random_state=0)
    flowers = dataset((iris.head(100), iris.tail(50)), sensitive=(), task="multiclass")
    assert outcome(flowers, "target_leakage", "LEAK002") != "fail"


def test_a_serial_number_tells_nothing() -> None:
    train, test = clean()
    train["code"], test["code"] = [f"a{k}" for k in range(len(train))], [f"b{k}" for k in range(len(test))]
    one = measured(dataset((train, test)), "target_leakage")["leak_score feature=code"]
    assert one.value == pytest.approx(0.5, abs=0.02)


def _written_for_some(kind: str, share: float, rows: int = 2000, task: str = "binary") -> Frames:
    """Add a column that holds the outcome in a share of the rows and a stand-in, or nothing, in the others."""
    train, test = clean(rows, task=task)
    rng = np.random.default_rng(4)
    for frame in (train, test):
        known = rng.random(len(frame)) < share
        if kind == "empty":
            frame["closed"] = np.where(known, frame["y"], np.nan)
        elif kind == "zero":
            frame["closed"] = np.where(known, 2.0 * frame["y"] - 1, 0.0)
        elif kind == "day":
            frame["closed"] = np.where(known, 100 * frame["y"] + rng.integers(1, 90, len(frame)), -1)
        elif kind == "word":
            frame["closed"] = np.where(known, np.where(frame["y"] == 1, "refused", "granted"), "open")
        else:
            frame["closed"] = np.where(
                known, np.where(rng.random(len(frame)) < 0.9, frame["y"], 1 - frame["y"]), np.nan
            )
    return train, test


@pytest.mark.parametrize("share", [0.3, 0.7])
@pytest.mark.parametrize("kind", ["empty", "zero", "day", "word"])
def test_an_answer_that_is_written_for_some_rows_only(kind: str, share: float) -> None:
    assert outcome(dataset(_written_for_some(kind, share)), "target_leakage", "LEAK002") == "fail"


def test_a_number_that_is_written_for_some_rows_only() -> None:
    tables = _written_for_some("empty", 0.5, task="regression")
    assert outcome(dataset(tables, task="regression"), "target_leakage", "LEAK002") == "fail"


@pytest.mark.parametrize(("kind", "share"), [("empty", 0.02), ("good", 0.7)])
def test_few_rows_or_a_good_hint_are_no_leak(kind: str, share: float) -> None:
    assert outcome(dataset(_written_for_some(kind, share)), "target_leakage", "LEAK002") == "pass"


def test_the_part_is_named() -> None:
    finding = found(dataset(_written_for_some("word", 0.7)), "target_leakage")
    assert finding.measurement is not None
    assert any("'closed'" in note and "is not 'open'" in note for note in finding.measurement.notes)


@pytest.mark.parametrize(("odd", "named"), [(29, False), (30, True)])
def test_a_part_does_not_give_away_how_many_rows_are_hidden(odd: int, named: bool) -> None:
    train, test = clean(300)
    test["sex"] = np.where(np.arange(len(test)) < odd, "x", np.where(test["y"] == 1, "f", "m"))
    train["sex"] = np.where(train["y"] == 1, "f", "m")
    finding = found(dataset((train, test)), "target_leakage", settings=Settings(suppress_n=30))
    assert finding.measurement is not None
    assert any("is not 'x'" in note for note in finding.measurement.notes) == named
