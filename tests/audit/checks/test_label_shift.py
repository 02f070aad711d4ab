"""DRIFT002: class shares that moved."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def shares(of_train: float, of_test: float, rows: int = 6000) -> Frames:
    train, test = clean(rows)
    train["y"] = (np.arange(len(train)) < of_train * len(train)).astype(int)
    test["y"] = (np.arange(len(test)) < of_test * len(test)).astype(int)
    return train, test


@pytest.mark.parametrize(
    ("of_test", "said"), [(0.5, "fail"), (0.1, "fail"), (0.4, "fail"), (0.31, "pass"), (0.3, "pass")]
)
def test_share_of_the_positive_class(of_test: float, said: str) -> None:
    assert outcome(dataset(shares(0.3, of_test)), "label_shift", "DRIFT002") == said


def test_near_miss_is_not_failed() -> None:
    assert outcome(dataset(shares(0.3, 0.34)), "label_shift", "DRIFT002") != "fail"


def test_number() -> None:
    one = measured(dataset(shares(0.3, 0.4)), "label_shift")["class_share_difference split=test class=1"]
    assert one.value == pytest.approx(0.1, abs=0.001)


def test_several_classes() -> None:
    made = measured(dataset(clean(1500, task="multiclass"), task="multiclass"), "label_shift")
    assert len(made) == 3
    assert sum(one.value or 0.0 for one in made.values()) == pytest.approx(0)


def test_where_it_does_not_arise() -> None:
    assert found(dataset(clean(200)[1]), "label_shift").outcome == "not_applicable"
    assert found(dataset(clean(200, task="regression"), task="regression"), "label_shift").outcome == "not_applicable"
