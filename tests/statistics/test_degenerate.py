"""Evidence that hardly is any: comparisons, shuffles and threshold views say why there is no number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from audit.check import Check
from audit.checks.decision_costs import decision_costs
from audit.checks.roc import roc
from audit.checks.roc_by_group import roc_by_group
from audit.checks.threshold_choice import threshold_choice
from audit.costs import Costs
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.estimate.chance import gap_against_chance
from audit.estimate.metrics import METRICS
from audit.estimate.paired import churn, paired_by_group, paired_difference
from audit.evidence import Predictions, Settings
from reports.record import Estimate, Task

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
KINDS = ("plain", "one class", "constant", "ties", "edge", "no weight", "one weight", "huge weights", "one cluster")


def answers(task: Task, rows: int, kind: str, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    weight = {
        "no weight": np.zeros(rows),
        "one weight": (np.arange(rows) < 1).astype(np.float64),
        "huge weights": np.exp(rng.normal(size=rows) * 20),
    }.get(kind)
    found = Predictions(
        task=task, y_true=np.zeros(rows), y_pred=np.zeros(rows), weight=weight, row=np.arange(rows), sensitive=("g",),
        cluster=Factor.of(["a"] * rows) if kind == "one cluster" else None,
        keys={
            "split": Factor.constant("test", rows),
            "g": Factor(codes=(np.arange(rows) % 3).astype(np.int32), levels=("x", "y", "z", "empty")),
        },
        settings=Settings(
            min_n=0, suppress_n=0, costs=Costs(false_positive=1, false_negative=5) if task == "binary" else None
        ),
    )  # fmt: skip
    return _numbers(found, rng, kind) if task == "regression" else _classes(found, rng, kind)


def _numbers(found: Predictions, rng: np.random.Generator, kind: str) -> Predictions:
    y = rng.normal(size=len(found)) * (0 if kind == "one class" else 1e300 if kind == "edge" else 1)
    predicted = -y if kind == "edge" else y + rng.normal(size=len(y)) * (kind != "constant")
    return replace(found, y_true=y, y_pred=predicted)


def _classes(found: Predictions, rng: np.random.Generator, kind: str) -> Predictions:
    rows, size = len(found), 2 if found.task == "binary" else 3
    y = np.ones(rows, dtype=np.int64) if kind == "one class" else rng.integers(0, size, rows)
    score = rng.random(rows) if size == 2 else rng.dirichlet([1] * 3, rows)
    if kind == "constant":
        score = np.full_like(score, 1 / size)
    elif kind in ("ties", "edge"):
        score = np.round(score) if size == 2 else np.eye(3)[rng.integers(0, 3, rows)]
    called = (score > 0.5).astype(np.int64) if size == 2 else score.argmax(1)
    return replace(
        found, y_true=y, y_pred=called, y_score=score, probabilities=True, classes=("a", "b", "c")[:size]
    )  # fmt: skip


def jobs(one: Predictions, other: Predictions) -> Iterator[Callable[[], object]]:
    def paired(name: str) -> Callable[[], object]:
        return lambda: paired_difference(one, other, name, resamples=20)

    def checked(check: Check) -> Callable[[], object]:
        return lambda: check(one)

    yield from (paired(name) for name, metric in METRICS.items() if one.task in metric.tasks)
    few = ["r2_score"] if one.task == "regression" else ["accuracy", "roc_auc"]
    yield lambda: paired_by_group(one, other, few, ["g"])
    rng = np.random.default_rng(0)
    yield lambda: gap_against_chance(one, "g", generator=rng, permutations=50, min_n=0).estimates()
    if one.task != "regression":
        yield lambda: churn(one, other)
    for check in (roc, roc_by_group, threshold_choice, decision_costs):
        if one.task in check.tasks:
            yield checked(check)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("task", TASKS)
def test_every_number_exists_or_says_why_not(task: Task, rows: int, kind: str) -> None:
    one, other = (answers(task, rows, kind, seed) for seed in (0, 1))
    for job in jobs(one, replace(other, y_true=one.y_true)):
        found: object = ()
        with suppress(NotApplicable):  # the check says that its question does not arise
            found = job()
        for estimate in [found] if isinstance(found, Estimate) else found if isinstance(found, tuple) else []:
            assert isinstance(estimate, Estimate)
            assert estimate.value is not None or estimate.reason


def test_one_row_with_all_the_weight_says_nothing() -> None:
    one, other = (answers("binary", 40, "huge weights", seed) for seed in (0, 1))
    found = paired_difference(one, replace(other, y_true=one.y_true), "accuracy")
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 1
