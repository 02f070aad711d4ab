"""LEAK001: test rows that stand in the training table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.data.factor import Factor
from audit.evidence import Predictions
from tests.audit.checks.tables import clean, dataset, found, measured, outcome


@pytest.mark.parametrize(("copies", "said"), [(120, "fail"), (24, "fail"), (4, "pass"), (0, "pass")])
def test_test_rows_in_training(copies: int, said: str) -> None:
    train, test = clean()
    assert outcome(dataset((pd.concat([train, test.head(copies)]), test)), "train_test_overlap", "LEAK001") == said


def test_another_target_is_another_row() -> None:
    train, test = clean()
    again = test.head(200).assign(y=lambda frame: 1 - frame["y"])
    assert (
        measured(dataset((pd.concat([train, again]), test)), "train_test_overlap")["overlap_share split=test"].value
        == 0
    )


def test_copies_within_training_are_no_overlap() -> None:
    train, test = clean()
    data = dataset((pd.concat([train, train.head(400)]), test))
    assert outcome(data, "train_test_overlap", "LEAK001") == "pass"


def test_coarse_tables_overlap_by_nature(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "compas" / "compas_two_years.csv")
    frame = frame[["sex", "age", "race", "priors_count", "juv_fel_count", "c_charge_degree", "two_year_recid"]]
    frame = frame.sample(frac=1, random_state=0).rename(columns={"two_year_recid": "y"})
    train, test = frame.head(5000), frame.tail(2200)
    assert outcome(dataset((train, test)), "train_test_overlap", "LEAK001") == "pass"
    leaked = pd.concat([train, test.head(400)])
    assert outcome(dataset((leaked, test)), "train_test_overlap", "LEAK001") == "fail"


def test_tables_of_few_combinations_are_held_against_training() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 900), "b": rng.integers(0, 2, 900), "y": rng.integers(0, 2, 900)})
    data = dataset((frame.head(600), frame.tail(300)), sensitive=())
    assert outcome(data, "train_test_overlap", "LEAK001") == "pass"


def test_score_without_the_leaked_rows_is_told() -> None:
    train, test = clean()
    data = dataset((pd.concat([train, test.head(400)]), test))
    rows = data.rows("test")
    known = np.arange(len(rows)) < 400
    truth = data.y[rows].astype(np.int64)
    wrong = np.where(known, truth, np.random.default_rng(0).integers(0, 2, len(rows)))
    answers = Predictions(
        task="binary",
        classes=data.classes,
        y_true=truth,
        y_pred=wrong,
        keys={"split": Factor.constant("test", len(rows))},
        row=rows.astype(np.int64),
    )
    finding = found(data, "train_test_overlap", predictions=answers)
    assert finding.measurement is not None
    cells = dict(finding.measurement.exhibits[0].rows)  # type: ignore[union-attr, arg-type]
    assert str(cells["score on all test rows"]) > "balanced accuracy 0.7"
    assert str(cells["score without them"]) < "0.6"


def test_without_training() -> None:
    assert found(dataset(clean(200)[1]), "train_test_overlap").outcome == "not_applicable"
