"""LEAK003: one person in training and test."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.checks.tables import Frames, clean, dataset, found, measured, outcome


def people(shared: int) -> Frames:
    train, test = clean(1000)
    train["person"] = np.arange(len(train)) // 3
    test["person"] = 10_000 + np.arange(len(test)) // 3
    test.loc[test.index[:shared], "person"] = 5
    return train, test


@pytest.mark.parametrize(("shared", "said"), [(100, "fail"), (1, "fail"), (0, "pass")])
def test_people_on_both_sides(shared: int, said: str) -> None:
    assert outcome(dataset(people(shared), cluster="person"), "cluster_overlap", "LEAK003") == said


def test_numbers() -> None:
    made = measured(dataset(people(40), cluster="person"), "cluster_overlap")
    assert made["shared_cluster_share split=test"].value == pytest.approx(40 / 400)
    assert made["shared_clusters split=test"].value == 1


def test_rows_without_a_person_are_left_out() -> None:
    train, test = people(0)
    train["person"], test["person"] = train["person"].mask(train.index < 50), test["person"].mask(test.index < 50)
    assert outcome(dataset((train, test), cluster="person"), "cluster_overlap", "LEAK003") == "pass"


def test_where_it_does_not_arise() -> None:
    assert found(dataset(people(3)), "cluster_overlap").outcome == "not_applicable"
    assert found(dataset(people(3)[1], cluster="person"), "cluster_overlap").outcome == "not_applicable"
