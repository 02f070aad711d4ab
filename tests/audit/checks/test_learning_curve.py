"""GEN004: the score of ever fewer training rows, continued."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from audit.checks.learning_curve import learning_curve
from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.record import AuditRecord

GATE = """
[[gate]]
id = "gen004"
check = "learning_curve"
metric = "gain_from_twice_the_rows"
where = { split = "test" }
op = "<="
threshold = 0.02
"""
Judged = Callable[..., AuditRecord]
Worst = Callable[[AuditRecord], str]
NAMES = [f"x{k}" for k in range(6)]


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 6)), columns=NAMES)
    return frame.assign(y=(frame["x0"] + frame["x1"] * frame["x2"] > 0).astype(int))


@pytest.mark.parametrize(
    ("model", "rows", "said"),
    [(KNeighborsClassifier(3), 120, "fail"), (LogisticRegression(), 1000, "pass")],
)
def test_a_curve_that_still_rises_fails(
    judged: Judged, worst: Worst, model: LogisticRegression, rows: int, said: str
) -> None:
    train, test = (table(n, s) for n, s in ((rows, 0), (4000, 1)))
    if rows == 120:
        train, test = (
            one.assign(y=(np.sin(6 * one["x0"]) > 0).astype(int), **dict.fromkeys(NAMES[2:], 0.0))
            for one in (train, test)
        )
    model.fit(train[NAMES], train["y"])
    assert worst(judged("learning_curve", GATE, model, test, train, positive=1)) == said


@pytest.mark.parametrize(("model", "said"), [(KNeighborsRegressor(3), "fail"), (LinearRegression(), "pass")])
def test_regression(judged: Judged, worst: Worst, model: LinearRegression, said: str) -> None:
    train, test = (table(n, s).assign(y=lambda f: f[NAMES].sum(axis=1)) for n, s in ((400, 0), (4000, 1)))
    model.fit(train[NAMES], train["y"])
    gate = GATE.replace("0.02", "0.01")
    assert worst(judged("learning_curve", gate, model, test, train, task="regression")) == said


def curve(error: Callable[[int], float], sizes: list[int], rows: int = 4000) -> Predictions:
    """Answers of regressions whose mean squared error falls with the rows by a law, on shared test rows."""
    generator = np.random.default_rng(0)
    y, common = generator.normal(size=rows), generator.normal(size=rows)
    noise = [0.9 * common + 0.436 * generator.normal(size=rows) for _ in sizes]
    predicted = np.concatenate([y + np.sqrt(error(size)) * off for size, off in zip(sizes, noise, strict=True)])
    codes = np.repeat(np.arange(len(sizes)), rows).astype(np.int32)
    return Predictions(
        task="regression", y_true=np.tile(y, len(sizes)), y_pred=predicted, row=np.tile(np.arange(rows), len(sizes)),
        keys={
            "split": Factor.constant("test", rows * len(sizes)),
            "rows": Factor(codes=codes, levels=tuple(map(str, sizes))),
            "part": Factor.constant("1", rows * len(sizes)),
        },
    )  # fmt: skip


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_a_power_law_is_continued(exponent: float) -> None:
    """R² is one less the error over the variance of y; the exact law is known."""

    def error(size: int) -> float:
        return float(0.1 + 2.0 * float(size) ** -exponent)

    made = learning_curve(curve(error, [200, 400, 800])).estimates[0]
    expected = error(800) - error(1600)
    assert made.low is not None
    assert made.high is not None
    assert made.low <= expected <= made.high
    assert made.value == pytest.approx(expected, abs=0.02)


def test_a_flat_curve_gains_nothing() -> None:
    made = learning_curve(curve(lambda size: 0.3, [200, 400, 800])).estimates[0]
    assert made.value == pytest.approx(0.0, abs=0.01)


def test_too_few_rows_and_models_that_cannot_be_refitted(judged: Judged) -> None:
    train, test = table(60, 0), table(60, 1)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    record = judged("learning_curve", GATE, model, test, train, positive=1)
    assert record.findings[0].outcome == "not_applicable"

    class Fixed:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.arange(len(X)) % 2

    record = judged("learning_curve", GATE, Fixed(), table(300, 1), table(300, 0), positive=1)
    assert "no fit" in record.findings[0].reason


def test_where_folds_are_few_all_training_rows_are_the_largest_refit(judged: Judged) -> None:
    train, test = table(130, 0), table(200, 1)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    record = judged("learning_curve", GATE, model, test, train, positive=1, gather={"subsets": {"repeats": 2}})
    assert "refits: 1 on 130 rows, 2 on 65 rows, 2 on 32 rows" in record.findings[0].measurement.notes  # type: ignore[union-attr]


def test_the_curve_goes_on_from_the_folds_to_twice_the_training_rows(judged: Judged) -> None:
    train, test = table(1000, 0), table(1000, 1)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    measured = judged("learning_curve", GATE, model, test, train, positive=1).findings[0].measurement
    assert measured is not None
    refits, expected = measured.exhibits[0].series  # type: ignore[union-attr]
    assert refits.x == (200.0, 400.0, 800.0)
    assert expected.x == (800.0, 1000.0, 2000.0)
    assert expected.y[0] == refits.y[-1]
    assert expected.y[-1] - expected.y[-2] == pytest.approx(measured.estimates[0].value)


def test_refits_are_told(judged: Judged) -> None:
    train, test = table(400, 0), table(100, 1)
    model = LogisticRegression().fit(train[NAMES], train["y"])
    record = judged("learning_curve", GATE, model, test, train, positive=1, gather={"subsets": {"repeats": 2}})
    assert "refits: 5 on 320 rows, 2 on 160 rows, 2 on 80 rows" in record.findings[0].measurement.notes  # type: ignore[union-attr]
