"""DATA004: a feature that says the same of every row."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import clean, dataset, measured, outcome


@pytest.mark.parametrize(("others", "said"), [(0, "fail"), (1, "fail"), (12, "pass")])
def test_features_with_one_value(others: int, said: str) -> None:
    train, test = clean(4000)
    train["batch"], test["batch"] = "a", "a"
    train.loc[train.index[:others], "batch"] = "b"
    assert outcome(dataset((train, test)), "constant_feature", "DATA004") == said


def test_an_empty_column_is_constant_and_a_mark_that_misses_is_not() -> None:
    train, test = clean()
    train["nothing"], test["nothing"] = np.nan, np.nan
    train["mark"], test["mark"] = np.where(train["age"] > 40, 1.0, np.nan), 1.0
    made = measured(dataset((train, test)), "constant_feature")
    assert made["top_value_share split=train feature=nothing"].value == 1
    assert (made["top_value_share split=train feature=mark"].value or 1) < 0.7


def test_a_clean_table_passes() -> None:
    assert outcome(dataset(clean()), "constant_feature", "DATA004") == "pass"
