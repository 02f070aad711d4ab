"""LEAK004: training rows from after the first test row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def dated(late: int, *, text: bool = True) -> Frames:
    train, test = clean(1000)
    start = pd.Timestamp("2021-03-01")
    train["day"] = start - pd.to_timedelta(1 + np.arange(len(train)) % 300, unit="D")
    train.loc[train.index[:late], "day"] = start + pd.Timedelta(days=30)
    test["day"] = start + pd.to_timedelta(np.arange(len(test)) % 90, unit="D")
    if text:
        train["day"], test["day"] = train["day"].dt.strftime("%Y-%m-%d"), test["day"].dt.strftime("%Y-%m-%d")
    return train, test


@pytest.mark.parametrize(("late", "said"), [(200, "fail"), (1, "fail"), (0, "pass")])
@pytest.mark.parametrize("text", [True, False])
def test_late_training_rows(late: int, said: str, text: bool) -> None:
    assert outcome(dataset(dated(late, text=text), time="day"), "time_overlap", "LEAK004") == said


def test_same_moment_is_not_later() -> None:
    train, test = dated(0)
    train.loc[0, "day"] = "2021-03-01"
    assert measured(dataset((train, test), time="day"), "time_overlap")["later_training_rows split=train"].value == 0


def test_numbers_are_times_too() -> None:
    train, test = clean(500)
    train["year"], test["year"] = 2019, 2020
    assert outcome(dataset((train, test), time="year"), "time_overlap", "LEAK004") == "pass"
    assert outcome(dataset((test, train), time="year"), "time_overlap", "LEAK004") == "fail"


def test_where_it_does_not_arise() -> None:
    train, test = dated(3)
    assert found(dataset((train, test)), "time_overlap").outcome == "not_applicable"
    assert found(dataset(test, time="day"), "time_overlap").outcome == "not_applicable"


@pytest.mark.parametrize("odd", ["soon", "02/03/2021", "12", True])
def test_times_that_cannot_be_read_are_an_error(odd: str | bool) -> None:
    train, test = dated(3)
    with pytest.raises(DataError, match=r"time column 'day'|column 'day'"):
        dataset((train.assign(day=odd), test.assign(day=odd)), time="day")


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y %H:%M", "%d %b %Y"])
def test_times_are_read_however_they_are_written(form: str) -> None:
    train, test = dated(7)
    for one in (train, test):
        one["day"] = pd.to_datetime(one["day"]).dt.strftime(form)
    assert measured(dataset((train, test), time="day"), "time_overlap")["later_training_rows split=train"].value == 7


def test_unreadable_times_are_counted() -> None:
    train, test = dated(0)
    train.loc[:4, "day"] = "soon"
    finding = found(dataset((train, test), time="day"), "time_overlap")
    assert finding.measurement is not None
    assert "5 rows have no readable time" in finding.measurement.notes[0]
