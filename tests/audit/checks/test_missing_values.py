"""DATA001: a feature that misses much, or more in one group than in another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.evidence import Settings
from tests.audit.checks.tables import clean, dataset, measured, outcome


def emptied(column: pd.Series, share: float, only: pd.Series | None = None) -> pd.Series:
    rows = np.random.default_rng(1).random(len(column)) < share
    return column.astype(object).mask(rows if only is None else rows & only.to_numpy())


@pytest.mark.parametrize(("share", "said"), [(0.4, "fail"), (0.26, "fail"), (0.1, "pass"), (0.0, "pass")])
def test_share_of_missing_values(share: float, said: str) -> None:
    train, test = clean(4000)
    train["city"], test["city"] = emptied(train["city"], share), emptied(test["city"], share)
    assert outcome(dataset((train, test)), "missing_values", "DATA001") == said


@pytest.mark.parametrize(("share", "said"), [(0.3, "fail"), (0.17, "fail"), (0.04, "pass")])
def test_values_that_miss_in_one_group(share: float, said: str) -> None:
    train, test = clean(6000)
    train["score"] = emptied(train["score"], share, train["sex"] == "f").astype(float)
    assert outcome(dataset((train, test)), "missing_values", "DATA001") == said


def test_number_is_the_share_and_wilson_surrounds_it() -> None:
    train, test = clean(500)
    test["age"] = [np.nan] * 40 + [1.0] * (len(test) - 40)
    one = measured(dataset((train, test)), "missing_values")["missing_share split=test feature=age"]
    assert one.value == pytest.approx(40 / len(test))
    assert one.low is not None
    assert one.high is not None
    assert one.low < 0.2 < one.high
    assert (one.method, one.n) == ("wilson", len(test))


def test_small_groups_leave_no_trace() -> None:
    train, test = clean(500)
    train.loc[:4, "sex"] = "x"
    train.loc[:4, "score"] = np.nan
    found = measured(dataset((train, test)), "missing_values", settings=Settings(suppress_n=10))
    hidden = found["missing_share_difference split=train feature=score sex=x"]
    assert hidden.value is None
    assert hidden.n is None
    assert "suppressed" in hidden.reason


def test_wide_tables_list_the_worst_and_say_so() -> None:
    train, test = clean(60)
    wide = pd.DataFrame(np.ones((60, 700))).add_prefix("w")
    made = measured(dataset((train.join(wide), test.join(wide))), "missing_values")
    assert sum(key.startswith("missing_share ") for key in made) == 1000
