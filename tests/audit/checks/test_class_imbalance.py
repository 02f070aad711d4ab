"""DATA006: a class of few rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def with_share(share: float, rows: int = 3000) -> Frames:
    train, test = clean(rows)
    for frame in (train, test):
        frame["y"] = (np.arange(len(frame)) < share * len(frame)).astype(int)
    return train, test


@pytest.mark.parametrize(("share", "said"), [(0.02, "fail"), (0.032, "fail"), (0.07, "pass"), (0.4, "pass")])
def test_share_of_the_rarest_class(share: float, said: str) -> None:
    assert outcome(dataset(with_share(share)), "class_imbalance", "DATA006") == said


def test_the_share_among_the_rows_at_hand_is_a_fact_however_few_they_are() -> None:
    assert outcome(dataset(with_share(0.04, 200)), "class_imbalance", "DATA006") == "fail"
    assert outcome(dataset(with_share(0.06, 200)), "class_imbalance", "DATA006") == "pass"


def test_every_class_of_every_split_is_measured() -> None:
    made = measured(dataset(clean(600, task="multiclass"), task="multiclass"), "class_imbalance")
    assert len(made) == 6
    assert sum(one.value or 0 for key, one in made.items() if "split=test" in key) == pytest.approx(1)


def test_regression_is_not_asked() -> None:
    data = dataset(clean(200, task="regression"), task="regression")
    assert found(data, "class_imbalance").outcome == "not_applicable"


def test_test_table_alone() -> None:
    frame: pd.DataFrame = clean(400)[1]
    assert outcome(dataset(frame), "class_imbalance", "DATA006") == "pass"
