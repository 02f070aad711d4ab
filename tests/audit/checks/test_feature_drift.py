"""DRIFT001: features that are distributed differently in test."""

from __future__ import annotations

import numpy as np
import pytest

from audit.data.factor import Factor
from audit.evidence import Predictions
from tests.audit.checks.tables import clean, dataset, found, measured, outcome


@pytest.mark.parametrize(("step", "said"), [(1.2, "fail"), (0.75, "fail"), (0.2, "pass"), (0.0, "pass")])
def test_numbers_that_moved(step: float, said: str) -> None:
    train, test = clean(4000)
    assert outcome(dataset((train, test.assign(score=test["score"] + step))), "feature_drift", "DRIFT001") == said


def test_size_of_a_normal_shift() -> None:
    train, test = clean(40_000)
    made = measured(dataset((train, test.assign(score=test["score"] + 0.5))), "feature_drift")
    assert made["stability_index split=test feature=score"].value == pytest.approx(0.237, abs=0.02)


def test_categories_that_moved() -> None:
    train, test = clean(4000)
    moved = test["city"].mask(np.random.default_rng(0).random(len(test)) < 0.45, "west")
    assert outcome(dataset((train, test.assign(city=moved))), "feature_drift", "DRIFT001") == "fail"


def test_missing_values_are_no_drift() -> None:
    train, test = clean(4000)
    holes = test["score"].mask(np.random.default_rng(0).random(len(test)) < 0.5)
    assert outcome(dataset((train, test.assign(score=holes))), "feature_drift", "DRIFT001") == "pass"


@pytest.mark.parametrize("seed", range(10))
def test_small_samples_of_one_population_do_not_fail(seed: int) -> None:
    assert outcome(dataset(clean(60, seed)), "feature_drift", "DRIFT001") != "fail"


def test_what_it_does_to_the_score() -> None:
    train, test = clean(4000)
    data = dataset((train, test.assign(score=test["score"] + 1)))
    slope = data.frame["score"].to_numpy() * 0.1 + 0.5
    answers = Predictions(
        task="binary",
        classes=data.classes,
        y_true=data.y.astype(np.int64),
        y_pred=data.y.astype(np.int64),
        y_score=slope,
        keys={"split": Factor(codes=data.split.codes, levels=data.split.levels)},
        row=np.arange(len(data), dtype=np.int64),
    )
    finding = found(data, "feature_drift", predictions=answers)
    assert finding.measurement is not None
    table = next(one for one in finding.measurement.exhibits if one.kind == "table")
    assert table.rows[0][0] == "score"
    assert float(table.rows[0][3] or 0) == pytest.approx(0.1, abs=0.02)


def test_empty_and_constant_columns_are_not_assessed() -> None:
    train, test = clean(300)
    for frame in (train, test):
        frame["empty"], frame["same"] = np.nan, 1.0
    made = measured(dataset((train, test)), "feature_drift")
    assert made["stability_index split=test feature=empty"].value is None
    assert made["stability_index split=test feature=same"].value is None


def test_without_training() -> None:
    assert found(dataset(clean(200)[1]), "feature_drift").outcome == "not_applicable"
