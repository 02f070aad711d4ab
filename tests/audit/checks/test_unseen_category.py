"""DATA010: test values that do not occur in training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from tests.audit.checks.tables import clean, dataset, found, measured, outcome


@pytest.mark.parametrize(("share", "said"), [(0.1, "fail"), (0.04, "fail"), (0.0, "pass")])
def test_new_categories(share: float, said: str) -> None:
    train, test = clean(4000)
    test["city"] = test["city"].mask(np.random.default_rng(1).random(len(test)) < share, "center")
    assert outcome(dataset((train, test)), "unseen_category", "DATA010") == said


@pytest.mark.parametrize(("share", "said"), [(0.1, "fail"), (0.04, "fail")])
@pytest.mark.parametrize("name", ["score", "city"])
def test_newly_missing_values(name: str, share: float, said: str) -> None:
    train, test = clean(4000)
    test[name] = test[name].mask(np.random.default_rng(1).random(len(test)) < share)
    assert outcome(dataset((train, test)), "unseen_category", "DATA010") == said


def test_what_misses_in_training_too_is_not_new() -> None:
    train, test = clean(2000)
    made = measured(dataset((train, test)), "unseen_category")
    assert test["income"].isna().any()
    assert made["unseen_share split=test feature=income"].value == 0


def test_new_numbers_are_not_categories() -> None:
    train, test = clean(2000)
    made = measured(dataset((train, test.assign(score=test["score"] + 100))), "unseen_category")
    assert made["unseen_share split=test feature=score"].value == 0


def test_categories_written_as_numbers_meet_numbers_only_where_their_kind_is_stated() -> None:
    train, test = clean(2000)
    train["zip"], test["zip"] = pd.Series(["1", "2"] * 600), pd.Series([1, 2.0] * 400, dtype=object)
    with pytest.raises(DataError, match="'zip'"):
        dataset((train, test))
    test["zip"] = pd.Series(["1", "2"] * 400)
    assert measured(dataset((train, test)), "unseen_category")["unseen_share split=test feature=zip"].value == 0


def test_a_near_miss_is_not_failed() -> None:
    train, test = clean(4000)
    test.loc[test.index[:12], "city"] = "center"
    assert outcome(dataset((train, test)), "unseen_category", "DATA010") != "fail"


def test_without_training() -> None:
    assert found(dataset(clean(200)[1]), "unseen_category").outcome == "not_applicable"
