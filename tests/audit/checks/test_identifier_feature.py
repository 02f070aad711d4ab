"""DATA005: a distinct value for every row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def with_column(values: pd.Series) -> Frames:
    train, test = clean()
    return train.assign(x=values[: len(train)].to_numpy()), test.assign(x=values[len(train) :].to_numpy())


RNG = np.random.default_rng(0)
SERIAL = pd.Series(RNG.permutation(2000))
CODES = SERIAL.map(lambda number: f"K-{number:05d}")
AMOUNTS = pd.Series(np.exp(RNG.normal(8, 0.8, 2000)).round())
MEASURES = pd.Series(RNG.normal(size=2000))
REMARKS = SERIAL.map(lambda number: f"seen at the house number {number} again")


@pytest.mark.parametrize(
    ("values", "said"),
    [(SERIAL, "fail"), (CODES, "fail"), (SERIAL.astype(float), "fail"), (AMOUNTS, "pass"), (MEASURES, "pass")],
    ids=["serial", "codes", "whole floats", "amounts", "measures"],
)
def test_which_columns_are_identifiers(values: pd.Series, said: str) -> None:
    assert outcome(dataset(with_column(values)), "identifier_feature", "DATA005") == said


def test_free_text_is_content() -> None:
    made = measured(dataset(with_column(REMARKS)), "identifier_feature")
    assert not any("feature=x" in key for key in made)


def test_missing_values_do_not_count() -> None:
    made = measured(dataset(with_column(SERIAL.astype(float).mask(SERIAL % 2 == 0))), "identifier_feature")
    assert made["distinct_share split=train feature=x"].value == 1


def test_few_values_tell_nothing() -> None:
    train, test = clean(40)
    data = dataset((train.assign(x=range(len(train))), test.assign(x=range(len(test)))))
    assert measured(data, "identifier_feature")["distinct_share split=train feature=x"].value is None


def test_tables_of_measures_are_not_asked() -> None:
    train, test = clean(100)
    names = ["score", "income", "y"]
    assert found(dataset((train[names], test[names]), sensitive=()), "identifier_feature").outcome == "not_applicable"
