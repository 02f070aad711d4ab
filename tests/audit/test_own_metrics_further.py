"""Metrics of the user's own as headline, in comparisons and in saved records; known ones as unknown, by simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error

import audit
from audit.cli import main
from audit.config.own_metrics import metrics_from_objects
from audit.data.factor import Factor
from audit.estimate.counting import from_counts
from audit.estimate.measure import estimate
from audit.evidence import Predictions, Settings
from reports.formats import FORMATS, render
from reports.record import AuditRecord

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
HEADLINE_CHECKS = [
    "skill", "classification", "regression", "group_performance", "own_metrics", "cross_validation", "learning_curve",
    "simple_model", "stronger_model", "permutation_importance", "precision_of_headline", "overfitting",
]  # fmt: skip
CELLS = np.array([[0.45, 0.10], [0.12, 0.33]])


def profit(y_true: Codes, y_pred: Codes) -> float:
    return float(np.mean(5.0 * (y_true & y_pred) - ((1 - y_true) & y_pred)))


def cost(y_true: Codes, y_pred: Codes) -> float:
    return 10.0 * float(np.mean(y_true != y_pred))


METRICS = {"profit": profit, "cost": {"function": cost, "better": "lower"}}


def _audited(feature: str, headline: str, checks: list[str], **more: object) -> AuditRecord:
    """Audit a model that reads one feature: "a" tells, "b" does not."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    y = (X["a"] + 0.5 * rng.normal(size=600) > 0).to_numpy().astype(int)
    learned = X[:300].assign(**{name: 0.0 for name in ("a", "b") if name != feature})
    model = LogisticRegression().fit(learned, y[:300])
    return audit.run(
        model, X[300:], y[300:], train=(X[:300], y[:300]), sensitive={"test": {"sex": ["f", "m"] * 150}},
        metrics=METRICS, headline=headline, checks=checks, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("headline", ["profit", "cost"])
def test_every_check_of_the_headline_takes_one_of_your_own(headline: str) -> None:
    record = _audited("a", headline, HEADLINE_CHECKS)
    assert [(one.check, one.reason) for one in record.findings if one.outcome == "error"] == []
    assert record.metric(f"cross_validated_{headline}", split="train").low is not None
    assert abs(record.metric("simple_model_gain").value or 0) < 0.05
    importance = {one.where["feature"]: one.value for one in _estimates(record, "permutation_importance")}
    assert (importance["a"] or 0) > 0.1
    assert all(render(record, name) for name in FORMATS)
    assert headline.capitalize() in render(record, "html")
    assert not {"GEN003", "GEN004", "PERF002"} & {one.gate for one in record.verdicts if one.outcome == "fail"}


def test_a_regression_takes_one_too() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    y = (2 * X["a"] + rng.normal(size=400)).to_numpy()
    own = {"miss": {"function": mean_absolute_error, "better": "lower"}}
    record = audit.run(
        Ridge().fit(X[:200], y[:200]), X[200:], y[200:], task="regression", train=(X[:200], y[:200]), metrics=own,
        headline="miss", checks=HEADLINE_CHECKS,
    )  # fmt: skip
    assert [one.check for one in record.findings if one.outcome == "error"] == []
    assert record.metric("miss").value == pytest.approx(record.metric("mean_absolute_error").value)


@pytest.mark.parametrize(("headline", "sign"), [("profit", 1), ("cost", -1)])
def test_saved_records_are_compared_and_judged_by_it(headline: str, sign: int, tmp_path: Path) -> None:
    checks = ["own_metrics", "classification", "group_performance"]
    bad, good = (_audited(feature, headline, checks) for feature in ("b", "a"))
    found = audit.compare(bad, good)
    changes = {one.metric: one for one in found.changes if set(one.where) == {"split"}}
    assert {changes[name].direction for name in ("profit", "cost")} == {"better"}
    assert (changes["cost"].difference.value or 0) < 0 < (changes["profit"].difference.value or 0)  # type: ignore[union-attr]
    assert found.conclusion.better[0].metric == headline
    assert audit.compare(good, bad).conclusion.worse[0].metric == headline
    ranked = audit.compare(bad, good, bad).contenders
    assert {one.standing for one in ranked} == {"best shown", "worse than the best"}
    for name, record in (("bad", bad), ("good", good)):
        audit.save(record, tmp_path / f"{name}.json")
    assert main(["compare", str(tmp_path / "good.json"), str(tmp_path / "bad.json"), "--fail-on", "worse"]) == 1
    (tmp_path / "gates.toml").write_text(
        f'schema_version = 1\n[[gate]]\nid = "no-loss"\nmetric = "{headline}"\nkind = "no_regression"\nmargin = 0.05\n'
        'severity = "error"\n'
    )
    policy = ["--policy", str(tmp_path / "gates.toml")]
    assert main(["judge", str(tmp_path / "bad.json"), "--baseline", str(tmp_path / "good.json"), *policy]) == 1
    assert main(["judge", str(tmp_path / "good.json"), "--baseline", str(tmp_path / "bad.json"), *policy]) == 0
    again = audit.compare(bad, bad)
    assert again.conclusion.word == "same answers"
    assert sign * (good.metric(headline).value or 0) > sign * (bad.metric(headline).value or 0)


def _estimates(record: AuditRecord, metric: str) -> list[audit.Estimate]:
    every = (one for finding in record.findings if finding.measurement for one in finding.measurement.estimates)
    return [one for one in every if one.metric == metric]


def _recall(y: Codes, p: Codes) -> float:
    return float((y & p).sum() / y.sum())


def _f1(y: Codes, p: Codes) -> float:
    return float(2 * (y & p).sum() / (y.sum() + p.sum()))


def _balanced(y: Codes, p: Codes) -> float:
    return (_recall(y, p) + _recall(1 - y, 1 - p)) / 2


@pytest.mark.parametrize("clustered", [False, True], ids=["rows", "clusters"])
@pytest.mark.parametrize(
    ("name", "function"),
    [("recall", _recall), ("f1", _f1), ("balanced_accuracy", _balanced)],
    ids=["recall", "f1", "balanced accuracy"],
)
def test_a_known_metric_as_an_unknown_one_keeps_its_level(
    name: str, function: Callable[[Codes, Codes], float], clustered: bool
) -> None:
    """Clusters are pairs of equal rows, so that counting them as single rows would cover far less."""
    truth, rng, inside, runs = float(from_counts(name, CELLS)), np.random.default_rng(1), 0, 150
    settings = Settings(metrics=metrics_from_objects({"own": {"function": function, "bounds": (0, 1)}}))
    for _ in range(runs):
        cell = rng.choice(4, 160, p=CELLS.reshape(-1))
        cell = np.repeat(cell, 2) if clustered else cell
        part = Predictions(
            task="binary", classes=("no", "yes"), y_true=cell // 2, y_pred=cell % 2, settings=settings,
            cluster=Factor.of([str(k // 2) for k in range(320)]) if clustered else None,
        )  # fmt: skip
        found = estimate(part, "own")
        inside += (found.low or 0) <= truth <= (found.high or 0)
    assert 0.90 <= inside / runs <= 0.99
