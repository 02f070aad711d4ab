"""Metrics of the user's own: known metrics passed as unknown ones come out as the house has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    make_scorer,
    mean_squared_error,
    median_absolute_error,
    recall_score,
    roc_auc_score,
)

import modelassay as ma
from audit.config.configuration import read_config
from audit.config.own_metrics import metrics_from_objects
from audit.config.plan import plan_from_config
from audit.data.factor import Factor
from audit.errors import ConfigError
from audit.estimate.measure import by_group, estimate
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions, Settings

Array = npt.NDArray[Any]


def answers(
    seed: int, n: int = 400, *, metrics: dict[str, object], cluster: int = 0, weight: bool = False
) -> Predictions:
    rng = np.random.default_rng(seed)
    lean = np.repeat(rng.normal(size=n // cluster), cluster) if cluster else np.zeros(n)
    truth = rng.normal(size=n) + lean
    score = truth + rng.normal(size=n) + lean * rng.normal()
    y = (truth > 0).astype(np.int64)
    probability = 1 / (1 + np.exp(-score))
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(probability > 0.5).astype(np.int64),
        y_score=probability, probabilities=True, row=np.arange(n),
        keys={"sex": Factor.of(rng.choice(["f", "m"], n).tolist())},
        weight=rng.uniform(0.5, 3, n) if weight else None,
        cluster=Factor.of([str(one) for one in np.arange(n) // cluster]) if cluster else None,
        settings=Settings(metrics=metrics_from_objects(metrics)),
    )  # fmt: skip


KNOWN: dict[str, tuple[str, object]] = {
    "recall": ("own_recall", recall_score),
    "accuracy": ("own_accuracy", accuracy_score),
    "f1": ("own_f1", {"function": f1_score, "bounds": (0, 1)}),
    "roc_auc": ("own_auc", make_scorer(roc_auc_score, response_method="predict_proba")),
    "log_loss": ("own_loss", {"function": "neg_log_loss"}),
}


@pytest.mark.parametrize(("weight", "cluster"), [(False, 0), (True, 0), (False, 8)])
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_metric_passed_as_unknown_has_its_value_and_nearly_its_interval(
    name: str, weight: bool, cluster: int
) -> None:
    own, function = KNOWN[name]
    given = answers(1, 480, metrics={own: function}, cluster=cluster, weight=weight)
    here, house = estimate(given, own), estimate(given, name)
    sign = -1 if name == "log_loss" else 1
    assert here.value is not None
    assert house.value is not None
    assert here.value * sign == pytest.approx(house.value)
    assert here.low is not None
    assert here.high is not None
    assert (here.high - here.low) / ((house.high or 0) - (house.low or 0)) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("name", ["recall", "roc_auc"])
def test_two_models_are_paired_on_the_same_parts(name: str) -> None:
    own, function = KNOWN[name]
    new = answers(2, 500, metrics={own: function})
    rng = np.random.default_rng(5)
    score = np.clip((new.y_score if new.y_score is not None else 0) + rng.normal(size=len(new)) / 10, 0.001, 0.999)
    old = replace(new, y_score=score, y_pred=(score > 0.5).astype(np.int64))
    here, house = paired_difference(new, old, own), paired_difference(new, old, name)
    assert here.value == pytest.approx(house.value)
    assert (here.high or 0) - (here.low or 0) == pytest.approx((house.high or 0) - (house.low or 0), rel=0.25)
    same = paired_difference(new, new, own)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_by_group_suppressed_groups_are_not_measured() -> None:
    given = answers(3, 200, metrics={"own_accuracy": accuracy_score})
    few = replace(given, keys={"sex": Factor.of(["x"] * 5 + ["f"] * 195)})
    groups = {one.where["sex"]: one for one in by_group(few, ["own_accuracy"], ["sex"])}
    assert groups["x"].value is None
    assert groups["f"].value == pytest.approx(accuracy_score(given.y_true[5:], given.y_pred[5:]))


def covered(
    function: Callable[..., float],
    sample: Callable[[np.random.Generator], tuple[Array, Array]],
    truth: float,
    runs: int,
) -> float:
    hits = 0
    settings = Settings(metrics=metrics_from_objects({"own": function}))
    for seed in range(runs):
        y_true, y_pred = sample(np.random.default_rng(seed))
        made = estimate(Predictions(task="regression", y_true=y_true, y_pred=y_pred, settings=settings), "own")
        hits += made.low is not None and made.high is not None and made.low <= truth <= made.high
    return hits / runs


def test_intervals_cover_smooth_numbers_and_quantiles() -> None:
    def normal(rng: np.random.Generator) -> tuple[Array, Array]:
        return np.zeros(150), rng.normal(size=150)

    def mse(y_true: Array, y_pred: Array) -> float:
        return float(np.mean((y_true - y_pred) ** 2))

    def median(y_true: Array, y_pred: Array) -> float:
        return float(np.median(np.abs(y_true - y_pred)))

    assert covered(mse, normal, 1.0, 100) >= 0.90
    assert covered(median, normal, 0.67449, 100) >= 0.90


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda y_true, y_pred: float("nan"), "the metric returned nan"),
        (lambda y_true, y_pred: 1 / 0, "the metric raised ZeroDivisionError: division by zero"),
        (lambda y_true, y_pred: "high", "the metric raised ValueError: could not convert string to float: 'high'"),
        (lambda y_true, y_pred: exit(0), "the model tried to end the program"),
    ],
)
def test_what_a_function_does_wrong_is_the_reason(function: Callable[..., object], reason: str) -> None:
    made = estimate(answers(1, 60, metrics={"own": function}), "own")
    assert made.value is None
    assert made.reason.startswith(reason)


def test_a_number_that_never_moves_has_no_interval() -> None:
    made = estimate(answers(1, 60, metrics={"own": lambda y_true, y_pred: 3.0}), "own")
    assert (made.value, made.low, made.reason) == (3.0, None, "these rows show no variation, so there is no interval")


def test_weights_are_never_left_out_in_silence() -> None:
    made = estimate(answers(1, 60, metrics={"own": lambda y_true, y_pred: 3.0}, weight=True), "own")
    assert (
        made.reason
        == "the rows have weights, but the metric accepts no sample_weight: add this parameter to the function"
    )


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"recall": f1_score}, "is a built-in metric"),
        ({"Profit €": f1_score}, "expected small letters"),
        ({"my_ratio": f1_score}, "reserved for derived metrics"),
        ({"own": 3}, "own is a int; expected a function"),
        ({"own": lambda y_true: 1.0}, r"own takes \(y_true\); expected"),
        ({"own": lambda y_true, y_pred, price: 1.0}, "functools.partial"),
        ({"own": "roc_auk"}, "Did you mean 'roc_auc'"),
        ({"own": {"function": f1_score, "bettr": "lower"}}, "Did you mean 'better'"),
        ({"own": {"function": f1_score, "bounds": (1, 0)}}, "expected two increasing numbers"),
        ({"own": {"function": f1_score, "better": "more"}}, "expected 'higher', 'lower' or 'neither'"),
    ],
)
def test_what_cannot_be_a_metric_is_refused(metrics: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        metrics_from_objects(metrics)


# --- whole audits ---------------------------------------------------------------------------------


def table(n: int = 600) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    return X, (X.a + rng.normal(size=n) > 0).map({True: "yes", False: "no"})


def test_gates_hold_a_metric_of_ones_own_overall_by_group_and_compared_with_a_baseline(tmp_path: Path) -> None:
    X, y = table()
    sex = pd.DataFrame({"sex": np.where(X.index % 2, "f", "m")})[300:]
    good = LogisticRegression().fit(X[:300], y[:300])
    bad = LogisticRegression().fit(X[["b", "a"]][:300].set_axis(["a", "b"], axis=1), y[:300])

    def profit(y_true: Array, y_pred: Array) -> float:
        return float(np.mean(10.0 * (y_true & y_pred) - 6.0 * ((1 - y_true) & y_pred)))

    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[gate]]\nid = "profit"\nmetric = "profit"\nthreshold = 1.0\n'
        '[[gate]]\nid = "gap"\nmetric = "profit"\nkind = "difference"\nby = ["sex"]\nop = "abs<="\nthreshold = 5\n'
        '[[gate]]\nid = "no-worse"\nmetric = "profit"\nkind = "no_regression"\nmargin = 0.1\n'
    )
    asked: dict[str, Any] = {"positive": "yes", "sensitive": sex, "metrics": {"profit": profit}, "policy": policy}
    checks = ["own_metrics", "baseline_change"]
    before = ma.run(good, X[300:], y[300:], checks=["own_metrics"], **asked)
    outcomes = {(one.gate, one.where.get("sex", "")): one.outcome for one in before.verdicts}
    assert outcomes["profit", ""] == "pass"
    assert {outcome for (gate, _), outcome in outcomes.items() if gate == "gap"} == {"pass"}
    assert before.config["metrics"]["profit"]["runs_code"]  # type: ignore[call-overload,index]
    after = ma.run(bad, X[300:], y[300:], baseline=before, checks=checks, **asked)
    verdict = next(one for one in after.verdicts if one.gate == "no-worse")
    assert verdict.outcome == "fail"
    assert verdict.estimate is not None
    assert verdict.estimate.method.startswith("paired, jackknife")


def config(folder: Path, metrics: str) -> Path:
    X, y = table(200)
    X.assign(y=y, p=np.where(X.a > 0, "yes", "no")).to_csv(folder / "test.csv", index=False)
    path = folder / "audit.toml"
    path.write_text(f'[data]\ntest = "test.csv"\ntarget = "y"\npositive = "yes"\nprediction = "p"\n{metrics}\n')
    return path


def test_a_configuration_names_functions_below_it(tmp_path: Path) -> None:
    (tmp_path / "shop_money.py").write_text("def profit(y_true, y_pred):\n    return float((y_true & y_pred).mean())\n")
    text = '[metrics]\nprofit = "shop_money:profit"\nown_f1 = { function = "f1", bounds = [0, 1] }'
    plan = plan_from_config(read_config(config(tmp_path, text)), tmp_path)
    record = ma.execute(replace(plan, checks=("own_metrics",)))
    found = {one.metric: one for one in record.findings[0].measurement.estimates}  # type: ignore[union-attr]
    assert found["profit"].value is not None
    assert found["own_f1"].unit == "score"
    notes = record.findings[0].measurement.notes  # type: ignore[union-attr]
    assert "profit is shop_money:profit: code of the user's own, which ran in this audit" in notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('profit = "os:getcwd"', "State \\[metrics.profit\\] trust = true if you trust it"),
        ('profit = "nowhere_here:profit"', "\\[metrics\\] profit: no module 'nowhere_here'"),
        ('profit = "roc"', "Did you mean 'roc_auc"),
        ('recall = "f1"', "is a built-in metric"),
    ],
)
def test_a_configuration_says_what_is_wrong_with_a_metric(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan_from_config(read_config(config(tmp_path, f"[metrics]\n{text}")), tmp_path)


def test_residual_metrics_are_told_apart_from_classes() -> None:
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=300)
    settings = Settings(metrics=metrics_from_objects({"own_mse": mean_squared_error, "own_mae": median_absolute_error}))
    given = Predictions(task="regression", y_true=y_true, y_pred=y_true + rng.normal(size=300), settings=settings)
    for own, house in (("own_mse", "mean_squared_error"), ("own_mae", "median_absolute_error")):
        one, other = estimate(given, own), estimate(given, house)
        assert one.value == pytest.approx(other.value)
        assert (one.high or 0) - (one.low or 0) == pytest.approx((other.high or 0) - (other.low or 0), rel=0.35)


def test_the_functions_of_a_log_are_looked_for_beside_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "shop_of_logs.py").write_text("def profit(y_true, y_pred):\n    return 1.0\n")
    path = config(tmp_path, '[metrics]\nprofit = "shop_of_logs:profit"')
    path.write_text(path.read_text().replace('test = "test.csv"', 'log = "test.csv"').replace('"yes"', '"good"'))
    log = tmp_path / "test.csv"
    log.write_text(log.read_text().replace("yes", "good").replace("no", "bad"))
    plan = plan_from_config(read_config(path), tmp_path)
    record = ma.execute(replace(plan, checks=("own_metrics",)))
    made = record.findings[0].measurement.estimates[0]  # type: ignore[union-attr]
    assert (made.value, made.reason) == (None, "needs single rows, which a counted log does not keep")
