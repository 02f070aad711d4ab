"""What is drawn with an interval has a wider one where rows come in clusters, and none the narrower for weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.checks.calibration import calibration
from audit.checks.precision_recall import precision_recall
from audit.checks.regression import regression
from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.record import Curve, Measurement


def widths(made: Measurement) -> float:
    curve = next(one for one in made.exhibits if isinstance(one, Curve))
    series = curve.series[0]
    assert series.low is not None
    assert series.high is not None
    return float(np.mean(np.subtract(series.high, series.low)))


def classes() -> Predictions:
    """Return 60 rows, each written ten times."""
    rng = np.random.default_rng(0)
    score, n = rng.random(60), 600
    y = np.repeat((rng.random(60) < score).astype(np.int64), 10)
    score = np.repeat(score, 10)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0.5).astype(np.int64), y_score=score,
        probabilities=True, row=np.arange(n), keys={"split": Factor.constant("test", n)},
    )  # fmt: skip


def numbers() -> Predictions:
    rng = np.random.default_rng(0)
    y_true, n = np.repeat(rng.normal(size=60), 10), 600
    error = np.repeat(rng.normal(size=60), 10)
    return Predictions(
        task="regression", y_true=y_true, y_pred=y_true + error, row=np.arange(n),
        keys={"split": Factor.constant("test", n)},
    )  # fmt: skip


CASES = [(calibration, classes), (precision_recall, classes), (regression, numbers)]


@pytest.mark.parametrize(("check", "rows"), CASES)
def test_rows_written_ten_times_are_no_more_rows_than_their_clusters(check: object, rows: object) -> None:
    given = rows()  # type: ignore[operator]
    tied = replace(given, cluster=Factor.of(np.repeat(np.arange(60), 10).astype(str).tolist()))
    assert widths(check(tied)) > 1.8 * widths(check(given))  # type: ignore[operator]


@pytest.mark.parametrize(("check", "rows"), CASES)
def test_the_scale_of_weights_does_not_matter(check: object, rows: object) -> None:
    given = rows()  # type: ignore[operator]
    heavy = replace(given, weight=np.full(len(given), 50.0))
    assert widths(check(heavy)) == pytest.approx(widths(check(given)), rel=0.05)  # type: ignore[operator]
