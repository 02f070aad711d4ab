"""DRIFT003: test rows that can be told from training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import clean, dataset, found, outcome


@pytest.mark.parametrize(("step", "said"), [(1.0, "fail"), (0.6, "fail"), (0.0, "pass")])
def test_several_numbers_that_moved(step: float, said: str) -> None:
    train, test = clean(4000)
    moved = test.assign(score=test["score"] + step, age=test["age"] + 12 * step)
    assert outcome(dataset((train, moved)), "multivariate_drift", "DRIFT003") == said


def test_a_change_that_no_single_feature_shows() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4000))
    frame = pd.DataFrame(
        {"a": a, "b": np.where(np.arange(4000) < 2400, a, -a) + 0.3 * b, "y": rng.integers(0, 2, 4000)}
    )
    data = dataset((frame.head(2400), frame.tail(1600)), sensitive=())
    assert outcome(data, "multivariate_drift", "DRIFT003") == "fail"
    assert outcome(data, "feature_drift", "DRIFT001") == "pass"


def test_the_features_are_named() -> None:
    train, test = clean(3000)
    finding = found(dataset((train, test.assign(score=test["score"] + 1))), "multivariate_drift")
    assert finding.measurement is not None
    bars = finding.measurement.exhibits[0]
    assert bars.kind == "bars"
    assert bars.bars[0].label == "score"


def test_what_was_drawn_is_said() -> None:
    finding = found(dataset(clean(2000)), "multivariate_drift", options={"separation": {"rows": 300}})
    assert finding.measurement is not None
    assert "300 of 1,200 train rows were drawn at random" in finding.measurement.notes


def test_wide_tables_say_what_was_read() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 400))).add_prefix("w").assign(y=rng.integers(0, 2, 200))
    frame.loc[120:, "w7"] += 3
    data = dataset((frame.head(120), frame.tail(80)), sensitive=())
    finding = found(data, "multivariate_drift")
    assert finding.measurement is not None
    assert any("400 features" in note for note in finding.measurement.notes)
    assert outcome(data, "multivariate_drift", "DRIFT003") == "fail"


def test_where_it_does_not_arise() -> None:
    assert found(dataset(clean(200)[1]), "multivariate_drift").outcome == "not_applicable"
    train, test = clean(400)
    few = dataset((train, pd.concat([test[test["y"] == value].head(3) for value in (0, 1)])))
    assert found(few, "multivariate_drift").outcome == "not_applicable"
