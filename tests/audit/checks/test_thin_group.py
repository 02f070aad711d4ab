"""DATA007: groups with fewer rows than a gap of ten points needs."""

from __future__ import annotations

import numpy as np
import pytest

from audit.data.factor import Factor
from audit.evidence import Predictions
from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def with_group(size: int) -> Frames:
    train, test = clean(4000)
    train["sex"] = train["sex"].map({"f": "x", "m": "m"})
    test["sex"] = np.where(np.arange(len(test)) < size, "x", "m")
    return train, test


def answers(rate: float, rows: int) -> Predictions:
    chosen = (np.arange(rows) < rate * rows).astype(np.int64)
    return Predictions(
        task="binary",
        classes=("0", "1"),
        y_true=chosen,
        y_pred=chosen,
        keys={"split": Factor.constant("test", rows)},
    )


@pytest.mark.parametrize(("size", "said"), [(30, "fail"), (150, "fail"), (800, "pass")])
def test_groups_of_few_rows(size: int, said: str) -> None:
    assert outcome(dataset(with_group(size)), "thin_group", "DATA007") == said


def test_number_needed_without_a_model() -> None:
    made = measured(dataset(with_group(100)), "thin_group")
    assert made["missing_rows split=test sex=x"].value == 196 - 100  # (1.96 + 0.84)² · 0.25 / 0.01
    assert made["missing_rows split=test sex=m"].value == 0


def test_number_needed_follows_the_selection_rate() -> None:
    made = measured(dataset(with_group(50)), "thin_group", predictions=answers(0.1, 1000))
    assert made["missing_rows split=test sex=x"].value == 71 - 50  # 7.84 · 0.09 / 0.01 = 70.56


def test_positives_and_negatives_are_told_apart() -> None:
    train, test = with_group(400)
    test["y"] = np.where(np.arange(len(test)) < 30, 1, test["y"])
    test.loc[30:399, "y"] = 0
    made = measured(dataset((train, test)), "thin_group")
    assert made["missing_positives split=test sex=x"].value == 196 - 30
    assert made["missing_negatives split=test sex=x"].value == 0


def test_a_hidden_count_cannot_be_worked_out() -> None:
    values = {
        measured(dataset(with_group(size)), "thin_group")["missing_rows split=test sex=x"].value for size in (1, 9)
    }
    assert values == {None}


def test_without_sensitive_features() -> None:
    assert found(dataset(clean(100), sensitive=()), "thin_group").outcome == "not_applicable"
