"""Estimates over all, by class and by group: oracles, degenerate rows, suppression."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from audit.data.factor import Factor
from audit.errors import ConfigError, DataError
from audit.estimate.measure import (
    by_class,
    by_group,
    differences,
    estimate,
    estimates,
    from_tally,
    groups,
    reference_group,
)
from audit.estimate.metrics import METRICS
from audit.estimate.tally import Tally
from audit.evidence import Predictions, Settings


def binary(seed: int = 0, n: int = 400, *, weighted: bool = False, clustered: bool = False) -> Predictions:
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(n), 2)
    y = (rng.random(n) < score).astype(np.int64)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0.5).astype(np.int64), y_score=score,
        probabilities=True, weight=rng.exponential(size=n) + 0.1 if weighted else None,
        cluster=Factor(codes=rng.integers(0, 60, n).astype(np.int32), levels=tuple(map(str, range(60))))
        if clustered else None,
        keys={
            "sex": Factor(codes=rng.integers(0, 2, n).astype(np.int32), levels=("f", "m", "none")),
            "race": Factor(codes=rng.choice(3, n, p=[0.6, 0.38, 0.02]).astype(np.int32), levels=("x", "y", "rare")),
        },
        sensitive=("sex", "race"), row=np.arange(n),
    )  # fmt: skip


def multiclass(seed: int = 0, n: int = 600, *, weighted: bool = False) -> Predictions:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), n)
    y = (p.cumsum(1) < rng.random((n, 1))).sum(1)
    weight = rng.exponential(size=n) + 0.1 if weighted else None
    return Predictions(
        task="multiclass",
        classes=("a", "b", "c"),
        y_true=y,
        y_pred=p.argmax(1),
        y_score=p,
        probabilities=True,
        weight=weight,
    )


def regression(seed: int = 0, n: int = 300, *, weighted: bool = False, clustered: bool = False) -> Predictions:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    return Predictions(
        task="regression", y_true=y, y_pred=y + rng.normal(size=n) * 0.5,
        weight=rng.exponential(size=n) + 0.1 if weighted else None,
        cluster=Factor(codes=rng.integers(0, 40, n).astype(np.int32), levels=tuple(map(str, range(40))))
        if clustered else None,
    )  # fmt: skip


Oracle = Callable[[Predictions], float]
ORACLES: dict[str, Oracle] = {
    "accuracy": lambda p: sk.accuracy_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "balanced_accuracy": lambda p: sk.balanced_accuracy_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "matthews_corrcoef": lambda p: sk.matthews_corrcoef(p.y_true, p.y_pred, sample_weight=p.weight),
    "cohen_kappa": lambda p: sk.cohen_kappa_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "f1_macro": lambda p: sk.f1_score(p.y_true, p.y_pred, average="macro", sample_weight=p.weight),
    "log_loss": lambda p: sk.log_loss(p.y_true, p.y_score, sample_weight=p.weight),
    "brier_score": lambda p: sk.brier_score_loss(p.y_true, p.y_score, sample_weight=p.weight),
}
BINARY_ORACLES: dict[str, Oracle] = {
    "precision": lambda p: sk.precision_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "recall": lambda p: sk.recall_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "f1": lambda p: sk.f1_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "roc_auc": lambda p: sk.roc_auc_score(p.y_true, p.y_score, sample_weight=p.weight),
    "average_precision": lambda p: sk.average_precision_score(p.y_true, p.y_score, sample_weight=p.weight),
}
NUMBER_ORACLES: dict[str, Oracle] = {
    "mean_absolute_error": lambda p: sk.mean_absolute_error(p.y_true, p.y_pred, sample_weight=p.weight),
    "mean_squared_error": lambda p: sk.mean_squared_error(p.y_true, p.y_pred, sample_weight=p.weight),
    "root_mean_squared_error": lambda p: sk.root_mean_squared_error(p.y_true, p.y_pred, sample_weight=p.weight),
    "r2_score": lambda p: sk.r2_score(p.y_true, p.y_pred, sample_weight=p.weight),
    "mean_error": lambda p: float(np.average((p.y_pred - p.y_true).astype(float), weights=p.weight)),  # type: ignore[operator]
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted({**ORACLES, **BINARY_ORACLES}))
def test_binary_values_agree_with_scikit_learn(name: str, weighted: bool) -> None:
    predictions = binary(weighted=weighted)
    expected = {**ORACLES, **BINARY_ORACLES}[name](predictions)
    assert estimate(predictions, name).value == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(ORACLES))
def test_multiclass_values_agree_with_scikit_learn(name: str, weighted: bool) -> None:
    predictions = multiclass(weighted=weighted)
    assert estimate(predictions, name).value == pytest.approx(ORACLES[name](predictions))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(NUMBER_ORACLES))
def test_regression_values_agree_with_scikit_learn(name: str, weighted: bool) -> None:
    predictions = regression(weighted=weighted)
    assert estimate(predictions, name).value == pytest.approx(NUMBER_ORACLES[name](predictions))


def test_macro_auc_agrees_with_scikit_learn() -> None:
    predictions = multiclass()
    expected = sk.roc_auc_score(predictions.y_true, predictions.y_score, multi_class="ovr", average="macro")
    assert estimate(predictions, "roc_auc").value == pytest.approx(expected)
    by_hand = [one.value or 0 for one in by_class(predictions, ["roc_auc"])]
    assert np.mean(by_hand) == pytest.approx(expected)


@pytest.mark.parametrize(
    "make",
    [
        binary,
        lambda: binary(weighted=True),
        lambda: binary(clustered=True),
        lambda: binary(weighted=True, clustered=True),
        multiclass,
        lambda: multiclass(weighted=True),
        regression,
        lambda: regression(weighted=True, clustered=True),
    ],
)
def test_every_defined_number_has_an_interval_with_a_method(make: Callable[[], Predictions]) -> None:
    predictions = make()
    seen = 0
    for one in estimates(predictions, sorted(METRICS)):
        if one.value is None:
            assert one.reason
            continue
        seen += 1
        assert one.low is not None, one
        assert one.high is not None
        assert one.low < one.value < one.high or one.metric == "calibration_error", one
        assert one.method
        assert one.unit == METRICS[one.metric].unit
    assert seen >= 6


def test_weights_of_one_change_nothing() -> None:
    plain = binary()
    ones = replace(plain, weight=np.ones(len(plain)))
    for name in ("accuracy", "recall", "roc_auc", "log_loss", "matthews_corrcoef", "calibration_error"):
        one, other = estimate(plain, name), estimate(ones, name)
        assert other.value == pytest.approx(one.value)
        assert [other.low, other.high] == pytest.approx([one.low, one.high], abs=3e-4)


@pytest.mark.parametrize(
    "name", ["accuracy", "recall", "roc_auc", "average_precision", "log_loss", "f1_macro", "cohen_kappa"]
)
def test_a_weight_of_two_is_a_row_twice_for_the_value(name: str) -> None:
    plain = binary(n=80)
    twice = np.arange(80) % 3 == 0
    rows = np.concatenate([np.arange(80), np.flatnonzero(twice)])
    weighted = replace(plain, weight=np.where(twice, 2.0, 1.0))
    assert estimate(weighted, name).value == pytest.approx(estimate(plain.take(rows), name).value)


def test_rows_of_weight_zero_are_no_rows() -> None:
    whole = binary(weighted=True)
    assert whole.weight is not None
    some = replace(whole, weight=np.where(np.arange(len(whole)) < 100, 0.0, whole.weight))
    for name in ("accuracy", "roc_auc"):
        assert estimate(some, name) == estimate(some.take(np.arange(100, len(whole))), name)
    nothing = replace(whole, weight=np.zeros(len(whole)))
    assert {one.reason for one in estimates(nothing, ["accuracy", "roc_auc"])} == {"all weights are 0"}


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss", "mean_calibration_gap", "f1_macro"])
def test_clusters_widen_intervals_where_rows_repeat(name: str) -> None:
    plain = binary(n=150)
    rows = np.repeat(np.arange(150), 5)
    repeated = plain.take(rows)
    clustered = replace(repeated, cluster=Factor(codes=rows.astype(np.int32), levels=tuple(map(str, range(150)))))

    def width(predictions: Predictions) -> float:
        one = estimate(predictions, name)
        return (one.high or 0) - (one.low or 0)

    assert width(clustered) > 1.8 * width(repeated)
    assert width(clustered) == pytest.approx(width(plain), rel=0.15)


def test_one_class_is_a_reason_not_a_number() -> None:
    one_class = replace(binary(), y_true=np.zeros(400, dtype=np.int64))
    for name in (
        "recall",
        "roc_auc",
        "average_precision",
        "balanced_accuracy",
        "calibration_slope",
        "matthews_corrcoef",
    ):
        found = estimate(one_class, name)
        assert found.value is None, name
        assert "class" in found.reason
    assert estimate(one_class, "accuracy").value is not None


def test_a_constant_score_has_an_auc_of_one_half_and_no_slope() -> None:
    constant = replace(binary(), y_score=np.full(400, 0.3))
    area = estimate(constant, "roc_auc")
    assert area.value == 0.5
    assert area.low is not None
    assert area.low < 0.5
    assert estimate(constant, "calibration_slope").reason == "the score does not vary"


def test_separation_has_an_honest_interval_and_no_slope() -> None:
    y = np.repeat([0, 1], [20, 12])
    apart = Predictions(
        task="binary", classes=("n", "y"), y_true=y, y_pred=y, y_score=np.where(y == 1, 0.9, 0.2), probabilities=True
    )
    area = estimate(apart, "roc_auc")
    assert (area.value, area.high) == (1.0, 1.0)
    assert 0.7 < (area.low or 0) < 0.95
    for name in (
        "accuracy",
        "f1",
        "matthews_corrcoef",
        "cohen_kappa",
        "balanced_accuracy",
        "f1_macro",
        "average_precision",
    ):
        found = estimate(apart, name)
        assert found.value == pytest.approx(1.0), name
        assert 0.4 < (found.low or 0) < 0.97, name
    assert "separates" in estimate(apart, "calibration_slope").reason


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("make", [binary, multiclass, regression])
def test_hardly_any_rows_never_break(make: Callable[[], Predictions], n: int) -> None:
    few = make().take(np.arange(n))
    for one in estimates(few, sorted(METRICS)):
        assert (one.value is None) == bool(one.reason) or one.low is None
        if n == 0:
            assert one.value is None


def test_scores_that_are_no_numbers_are_counted() -> None:
    score = np.array(binary().y_score)
    score[:3] = np.nan
    found = estimate(replace(binary(), y_score=score), "roc_auc")
    assert found.reason == "3 scores are not finite"


def test_predictions_that_are_no_numbers_are_counted() -> None:
    made = regression()
    predicted = made.y_pred.astype(np.float64)
    predicted[:2] = np.inf
    reasons = {one.reason for one in estimates(replace(made, y_pred=predicted), ["r2_score", "median_absolute_error"])}
    assert reasons == {"2 predictions are not finite"}


def test_a_hundred_classes_are_measured() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 100, 3000)
    predicted = np.where(rng.random(3000) < 0.7, y, rng.integers(0, 100, 3000))
    many = Predictions(task="multiclass", classes=tuple(map(str, range(100))), y_true=y, y_pred=predicted)
    for name in ("balanced_accuracy", "f1_macro", "cohen_kappa", "matthews_corrcoef", "precision_weighted"):
        found = estimate(many, name)
        assert 0.6 < (found.low or 0) < (found.value or 0) < (found.high or 0) < 0.8


def test_metrics_that_do_not_fit_the_task_say_so() -> None:
    assert "numbers" in estimate(binary(), "r2_score").reason
    assert "classes" in estimate(regression(), "accuracy").reason
    assert "single class" in estimate(multiclass(), "recall").reason
    assert estimate(replace(binary(), probabilities=False), "brier_score").reason == "the scores are not probabilities"
    with pytest.raises(ConfigError, match="accuracy"):
        estimate(binary(), "accurracy")
    with pytest.raises(DataError, match="Did you mean 'yes'"):
        estimate(binary(), "recall", class_="yess")


def test_classes_stand_in_the_address() -> None:
    found = by_class(multiclass().select(), ["recall", "precision"])
    assert [(one.where["class"], one.metric) for one in found][:3] == [
        ("a", "recall"),
        ("a", "precision"),
        ("b", "recall"),
    ]
    y = multiclass()
    expected = sk.recall_score(y.y_true, y.y_pred, average=None)
    assert [one.value for one in found if one.metric == "recall"] == pytest.approx(list(expected))


def test_label_swap_mirrors() -> None:
    plain = binary()
    swapped = replace(
        plain, y_true=1 - plain.y_true.astype(np.int64), y_pred=1 - plain.y_pred.astype(np.int64),
        y_score=1 - np.asarray(plain.y_score),
    )  # fmt: skip
    for one, other in (("recall", "specificity"), ("precision", "negative_predictive_value"), ("roc_auc", "roc_auc")):
        first, second = estimate(plain, one), estimate(swapped, other)
        assert [first.value, first.low, first.high] == pytest.approx([second.value, second.low, second.high])


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_are_the_rows_of_the_group(weighted: bool) -> None:
    predictions = binary(weighted=weighted).select()
    names = ["recall", "roc_auc", "f1", "mean_calibration_gap"]
    for one in by_group(predictions, names, ["sex", "race"]):
        if one.n is not None:
            direct = estimate(predictions.select(**{key: one.where[key] for key in ("sex", "race")}), one.metric)
            assert one == direct


def test_small_groups_leave_no_trace_and_absent_ones_say_so() -> None:
    predictions = replace(binary(n=200), settings=Settings(suppress_n=10))
    found = {(one.where["race"], one.metric): one for one in by_group(predictions, ["recall", "roc_auc"], ["race"])}
    for name in ("recall", "roc_auc"):
        rare = found["rare", name]
        assert (rare.value, rare.n, rare.reason) == (None, None, Settings().why_hidden({}, 5))
    absent = by_group(predictions, ["recall"], ["sex"])[-1]
    assert (dict(absent.where), absent.value, absent.reason) == ({"sex": "none"}, None, "no rows")
    crossed = by_group(predictions, ["recall"], ["sex", "race"])
    assert "none" not in {one.where["sex"] for one in crossed}


def test_rows_without_a_group_are_in_none() -> None:
    predictions = binary()
    codes = predictions.keys["sex"].codes.copy()
    codes[:50] = -1
    some = replace(predictions, keys={"sex": Factor(codes=codes, levels=("f", "m"))})
    assert sum(one.n or 0 for one in by_group(some, ["accuracy"], ["sex"])) == 350
    assert sum(len(rows) for _, rows in groups(some, ["sex"])) == 350


def test_a_single_row_in_a_group_is_measured_when_nothing_is_suppressed() -> None:
    predictions = replace(binary(n=30), settings=Settings(suppress_n=0))
    found = by_group(predictions, ["accuracy", "roc_auc"], ["race"])
    assert all(one.value is not None or one.reason for one in found)


def test_references_are_declared_or_largest() -> None:
    predictions = binary()
    counts = predictions.keys["race"].counts()
    assert dict(reference_group(predictions, ["race"])) == {"race": ("x", "y", "rare")[int(counts.argmax())]}
    named = replace(predictions, settings=Settings(reference={"sex": "f"}))
    assert dict(reference_group(named, ["sex"])) == {"sex": "f"}
    crossed = reference_group(named, ["sex", "race"])
    assert set(crossed) == {"sex", "race"}
    assert crossed["race"] == "x"
    assert dict(reference_group(predictions.take(np.zeros(400, dtype=bool)), ["sex"])) == {}


def test_tallies_give_the_same_estimates_as_rows() -> None:
    predictions = binary(weighted=True)
    names = ["recall", "f1", "matthews_corrcoef", "selection_rate"]
    direct = {(tuple(one.where.items()), one.metric): one for one in by_group(predictions, names, ["sex"])}
    for one in from_tally(Tally.of(predictions, "sex"), names):
        assert one == direct[tuple(one.where.items()), one.metric]
    suppressed = from_tally(Tally.of(predictions, "sex"), ["recall"], suppress_n=1000)
    assert {one.value for one in suppressed} == {None}
    assert from_tally(Tally.of(multiclass()), ["recall"], class_="b")[0].where == {"class": "b"}


def test_a_million_rows_in_twenty_groups_within_two_seconds() -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    score = rng.random(n)
    keys = {
        "sex": Factor(codes=rng.integers(0, 4, n).astype(np.int32), levels=tuple("abcd")),
        "race": Factor(codes=rng.integers(0, 5, n).astype(np.int32), levels=tuple("vwxyz")),
    }
    whole = Predictions(
        task="binary", classes=("n", "y"), y_true=(rng.random(n) < score).astype(np.int64),
        y_pred=(score > 0.5).astype(np.int64), y_score=score, probabilities=True, keys=keys, sensitive=("sex", "race"),
    )  # fmt: skip
    names = ["selection_rate", "true_positive_rate", "false_positive_rate", "precision", "error_rate", "f1", "roc_auc",
             "mean_calibration_gap", "brier_score", "log_loss"]  # fmt: skip
    started = time.process_time()
    found = by_group(whole, names, ["sex", "race"])
    differences(found, reference_group(whole, ["sex", "race"]))
    assert time.process_time() - started < 2.0
    assert len(found) == 200
