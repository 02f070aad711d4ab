"""DATA012: test numbers outside the range of training."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def beyond(share: float, rows: int = 4000) -> Frames:
    train, test = clean(rows)
    wild = np.random.default_rng(1).random(len(test)) < share
    return train, test.assign(age=test["age"].mask(wild, 500.0))


@pytest.mark.parametrize(("share", "said"), [(0.15, "fail"), (0.04, "fail"), (0.0, "pass")])
def test_numbers_beyond_the_range(share: float, said: str) -> None:
    assert outcome(dataset(beyond(share)), "out_of_range", "DATA012") == said


@pytest.mark.parametrize("seed", range(20))
def test_small_samples_of_one_population_do_not_fail(seed: int) -> None:
    assert outcome(dataset(clean(150, seed)), "out_of_range", "DATA012") != "fail"


def test_infinite_values_are_outside_and_missing_ones_are_not() -> None:
    train, test = clean(1000)
    test.loc[:39, "score"] = np.inf
    test.loc[40:79, "score"] = np.nan
    one = measured(dataset((train, test)), "out_of_range")["out_of_range_share split=test feature=score"]
    assert one.value == pytest.approx(40 / len(test), abs=3 / len(test))


def test_features_without_training_values_are_not_assessed() -> None:
    train, test = clean(200)
    one = measured(dataset((train.assign(score=np.nan), test)), "out_of_range")
    assert one["out_of_range_share split=test feature=score"].value is None


def test_where_it_does_not_arise() -> None:
    train, test = clean(200)
    assert found(dataset(test), "out_of_range").outcome == "not_applicable"
    words = ["city", "member", "sex", "y"]
    assert found(dataset((train[words], test[words])), "out_of_range").outcome == "not_applicable"
