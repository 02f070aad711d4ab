"""DATA008: label rates that favor a group before any model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def with_rates(low: float, rows: int = 6000) -> Frames:
    train, test = clean(rows)
    rng = np.random.default_rng(3)
    for frame in (train, test):
        frame["y"] = (rng.random(len(frame)) < np.where(frame["sex"] == "f", low, 0.5)).astype(int)
    return train, test


@pytest.mark.parametrize(("low", "said"), [(0.2, "fail"), (0.32, "fail"), (0.5, "pass")])
def test_ratio_of_label_rates(low: float, said: str) -> None:
    assert outcome(dataset(with_rates(low)), "label_rate", "DATA008") == said


def test_near_miss_is_not_failed() -> None:
    assert outcome(dataset(with_rates(0.42)), "label_rate", "DATA008") != "fail"


def test_training_rows_are_asked() -> None:
    _, test = with_rates(0.2)
    train, _ = with_rates(0.5)
    made = measured(dataset((train, test)), "label_rate")
    assert (made["base_rate_ratio split=train sex=f"].value or 0) > 0.9


def test_test_rows_are_asked_without_training() -> None:
    assert outcome(dataset(with_rates(0.2)[1]), "label_rate", "DATA008") == "fail"


def test_test_rows_are_asked_where_groups_are_known_of_them_alone() -> None:
    train, test = with_rates(0.2)
    assert outcome(dataset((train.assign(sex=None), test)), "label_rate", "DATA008") == "fail"


def test_crossings_are_measured() -> None:
    train, test = with_rates(0.5)
    made = measured(dataset((train, test), sensitive=("sex", "city")), "label_rate")
    assert made["base_rate_ratio split=train sex=f city=east"].value is not None


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_are_not_asked(task: str) -> None:
    assert found(dataset(clean(200, task=task), task=task), "label_rate").outcome == "not_applicable"
