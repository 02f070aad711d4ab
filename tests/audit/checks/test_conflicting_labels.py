"""DATA003: equal rows with different targets, beyond what chance repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import clean, dataset, found, measured, outcome


def contradicted(train: pd.DataFrame, rows: int) -> pd.DataFrame:
    again = train.head(rows).assign(y=lambda frame: 1 - frame["y"])
    return pd.concat([train, again])


@pytest.mark.parametrize(("rows", "said"), [(60, "fail"), (18, "fail"), (3, "pass"), (0, "pass")])
def test_copies_with_the_other_label(rows: int, said: str) -> None:
    train, test = clean()
    assert outcome(dataset((contradicted(train, rows), test)), "conflicting_labels", "DATA003") == said


def test_both_rows_of_a_conflict_count() -> None:
    train, test = clean()
    one = measured(dataset((contradicted(train, 30), test)), "conflicting_labels")["conflicting_share split=train"]
    assert one.value == pytest.approx(60 / (len(train) + 30))


def test_copies_with_the_same_label_are_no_conflict() -> None:
    train, test = clean()
    data = dataset((pd.concat([train, train.head(300)]), test))
    assert measured(data, "conflicting_labels")["conflicting_share split=train"].value == 0


def test_people_who_look_the_same_may_differ(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "adult" / "adult_train.csv").drop(columns="fnlwgt")
    data = dataset((frame.head(24_000), frame.tail(8_000)), target="income", positive=">50K")
    assert outcome(data, "conflicting_labels", "DATA003") == "pass"


def test_regression_has_no_conflicts() -> None:
    finding = found(dataset(clean(200, task="regression"), task="regression"), "conflicting_labels")
    assert finding.outcome == "not_applicable"


def test_one_coarse_feature_is_not_assessed() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 200, 600), "y": rng.integers(0, 2, 600)})
    data = dataset((frame.head(400), frame.tail(200)), sensitive=())
    assert outcome(data, "conflicting_labels", "DATA003") == "not_assessed"
