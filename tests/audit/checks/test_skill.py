"""PERF001: what a model has above the best constant answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from audit.checks.skill import skill
from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.answers import answers
from reports.record import AuditRecord, Measurement

GATE = """
[[gate]]
id = "perf001"
check = "skill"
metric = "skill_over_constant"
where = { split = "test" }
op = ">="
threshold = 0.0
"""


def numbers(answer: Callable[[np.ndarray], np.ndarray]) -> Predictions:
    truth = np.random.default_rng(0).uniform(50, 350, 400)
    keys = {"split": Factor.constant("test", len(truth))}
    return Predictions(task="regression", y_true=truth, y_pred=answer(truth), keys=keys)


def noisy(truth: np.ndarray) -> np.ndarray:
    return np.asarray(truth + np.random.default_rng(1).normal(size=len(truth)) * 60)


def value_of(measured: Measurement, metric: str) -> float | None:
    return next((found.value for found in measured.estimates if found.metric == metric), None)


@pytest.mark.parametrize(
    "answer",
    [lambda y: np.log(noisy(y).clip(1)), lambda y: noisy(y) / 1000, lambda y: noisy(y) + 500, lambda y: -noisy(y)],
)
def test_answers_on_another_scale_are_told_by_their_ranks(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    test = numbers(answer)
    expected = pd.Series(test.y_true).corr(pd.Series(test.y_pred), method="spearman")
    assert value_of(skill(test), "rank_correlation_with_truth") == pytest.approx(expected, abs=1e-4)  # near ties


@pytest.mark.parametrize("answer", [noisy, lambda y: np.full(len(y), 900.0)])
def test_useful_and_constant_answers_have_no_ranks_to_tell(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    assert value_of(skill(numbers(answer)), "rank_correlation_with_truth") is None


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (1.0, "look for another unit, a logarithm or an offset"),
        (-1.0, "look for a turned sign"),
        (0.0, "does worse than a constant answer"),
    ],
)
def test_the_first_screen_guesses_why_numbers_are_worse_than_a_constant(
    judged: Callable[..., AuditRecord], turn: float, said: str
) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.normal(size=300)})
    frame["y"] = 100 + 10 * frame["x"] + generator.normal(size=300)

    class Off:
        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return np.asarray(turn * X["x"] + 0.1 * np.sin(1e6 * X["x"]))

    record = judged("skill", GATE, Off(), frame, task="regression")
    assert answers(record)[0].details[0].endswith(f"{said}.")
