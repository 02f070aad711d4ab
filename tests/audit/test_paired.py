"""Two models on the same rows."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from audit.data.factor import Factor
from audit.errors import DataError
from audit.estimate.area_difference import area_p_value
from audit.estimate.measure import estimate
from audit.estimate.metrics import METRICS
from audit.estimate.paired import (
    align_predictions,
    churn,
    fold_difference,
    mcnemar,
    newcombe_paired,
    paired_by_group,
    paired_difference,
    tango,
)
from audit.evidence import Predictions


def two_models(seed: int = 0, n: int = 300) -> tuple[Predictions, Predictions]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(np.int64)
    base = rng.normal(size=n) + y
    made = []
    for _ in range(2):
        score = 1 / (1 + np.exp(-(base + rng.normal(size=n) * 0.5)))
        made.append(
            Predictions(
                task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0.6).astype(np.int64), y_score=score,
                probabilities=True, row=np.arange(n), sensitive=("sex",),
                keys={"sex": Factor(codes=(np.arange(n) % 2).astype(np.int32), levels=("f", "m"))},
            )
        )  # fmt: skip
    return made[0], made[1]


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_statsmodels_and_the_binomial_test(b: int, c: int) -> None:
    exact, mid = mcnemar(b, c)
    assert exact == pytest.approx(float(statsmodels_mcnemar([[5, b], [c, 5]], exact=True).pvalue))
    if b + c:
        assert exact == pytest.approx(binomtest(b, b + c).pvalue)
    assert 0 <= mid <= exact <= 1


def test_mcnemar_of_large_counts() -> None:
    exact, mid = mcnemar(50_000, 51_000)
    z = 1000 / np.sqrt(101_000)
    assert mid == pytest.approx(2 * (1 - 0.9991735), abs=2e-4)
    assert z == pytest.approx(3.1466, abs=1e-3)
    assert exact > mid


cells = st.tuples(*[st.integers(0, 80)] * 4).filter(lambda four: sum(four) > 0)


@given(cells)
def test_paired_intervals_hold_their_value_and_mirror(four: tuple[int, int, int, int]) -> None:
    both, first, second, neither = four
    n = sum(four)
    span, mirrored = tango(first, second, n), tango(second, first, n)
    assert -1 <= span.low <= span.value <= span.high <= 1
    assert span.low == pytest.approx(-mirrored.high, abs=1e-9)
    other = newcombe_paired(both, first, second, neither)
    assert other.low <= other.value <= other.high


def test_tango_inverts_its_own_score_test() -> None:
    span = tango(30, 12, 200)
    assert span.low < 0.09 < span.high
    # At a difference of zero the score statistic is McNemar's: (b − c)² / (b + c).
    assert ((30 - 12) ** 2 / 42 > 1.959964**2) == (span.low > 0)
    tight = tango(30, 14, 200)
    assert ((30 - 14) ** 2 / 44 > 1.959964**2) == (tight.low > 0)


def test_tango_of_no_disagreement_is_not_empty() -> None:
    span = tango(0, 0, 100)
    assert span.low == pytest.approx(-span.high)
    assert 0.02 < span.high < 0.05
    with pytest.raises(ValueError, match="counts that fit"):
        tango(3, 3, 5)


@pytest.mark.parametrize("name", sorted(one for one, spec in METRICS.items() if spec.needs != "residuals"))
def test_every_difference_is_the_difference_of_the_values(name: str) -> None:
    one, other = two_models()
    found = paired_difference(one, other, name, resamples=60)
    a, b = estimate(one, name).value, estimate(other, name).value
    if a is None or b is None:
        assert found.value is None
        return
    assert found.value == pytest.approx(a - b)
    if METRICS[name].name == "base_rate":
        assert found.reason
        return
    assert found.low is not None, found
    assert found.high is not None
    assert found.low <= (found.value or 0) <= found.high
    assert found.method
    assert found.n == 300


@pytest.mark.parametrize(
    "name", ["mean_absolute_error", "r2_score", "root_mean_squared_error", "median_absolute_error"]
)
def test_numbers_are_paired_too(name: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=200)
    one, other = (
        Predictions(task="regression", y_true=y, y_pred=y + rng.normal(size=200) * scale, row=np.arange(200))
        for scale in (0.5, 0.9)
    )
    found = paired_difference(one, other, name, resamples=200)
    better_first = found.high if name != "r2_score" else -(found.low or 0)
    assert better_first is not None
    assert better_first < 0
    same = paired_difference(one, one, name, resamples=20)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_pairing_is_far_narrower_than_independence() -> None:
    one, other = two_models()
    found = paired_difference(one, other, "roc_auc")
    first, second = estimate(one, "roc_auc"), estimate(other, "roc_auc")
    alone = np.hypot((first.high or 0) - (first.low or 0), (second.high or 0) - (second.low or 0))
    assert (found.high or 0) - (found.low or 0) < 0.75 * alone


def test_rows_are_matched_by_number_not_by_place() -> None:
    one, other = two_models()
    mixed = other.take(np.random.default_rng(0).permutation(300))
    assert paired_difference(one, mixed, "accuracy") == paired_difference(one, other, "accuracy")
    assert np.array_equal(align_predictions(one, mixed)[1].row, one.row)


def test_the_same_answers_differ_by_nothing() -> None:
    one, _ = two_models()
    for name in ("accuracy", "roc_auc", "f1"):
        found = paired_difference(one, one, name)
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
        assert found.method == "the same answers on all rows"
    labels = replace(one, y_score=None)
    found = paired_difference(labels, labels, "accuracy")
    assert (found.low or 0) < 0 < (found.high or 0)


def test_rows_that_cannot_be_paired_are_refused() -> None:
    one, other = two_models()
    with pytest.raises(DataError, match="not the same rows"):
        paired_difference(one, other.take(np.arange(299)), "accuracy")
    with pytest.raises(DataError, match="different true values"):
        paired_difference(one, replace(other, y_true=1 - other.y_true.astype(np.int64)), "accuracy")
    with pytest.raises(DataError, match="without numbers"):
        paired_difference(replace(one, row=np.zeros(0, dtype=np.int64)), other, "accuracy")
    twice = replace(one, row=np.zeros(300, dtype=np.int64))
    with pytest.raises(DataError, match="twice"):
        paired_difference(twice, twice, "accuracy")
    with pytest.raises(DataError, match="cannot be compared"):
        paired_difference(one, replace(other, classes=("no", "maybe")), "accuracy")


def test_weights_and_clusters_make_effective_counts() -> None:
    one, other = two_models(n=200)
    rows = np.repeat(np.arange(200), 4)
    plain = paired_difference(one, other, "accuracy")
    big = [replace(part.take(rows), row=np.arange(800)) for part in (one, other)]
    cluster = Factor(codes=rows.astype(np.int32), levels=tuple(map(str, range(200))))
    found = paired_difference(replace(big[0], cluster=cluster), big[1], "accuracy")
    narrow = paired_difference(big[0], big[1], "accuracy")
    assert (found.high or 0) - (found.low or 0) == pytest.approx((plain.high or 0) - (plain.low or 0), rel=0.08)
    assert (narrow.high or 0) - (narrow.low or 0) < 0.6 * ((found.high or 0) - (found.low or 0))
    weighted = paired_difference(replace(one, weight=np.full(200, 3.0)), other, "accuracy")
    assert [weighted.value, weighted.low, weighted.high] == pytest.approx(
        [plain.value, plain.low, plain.high], abs=0.002
    )


def test_groups_are_paired_within() -> None:
    one, other = two_models()
    found = paired_by_group(one, other, ["accuracy"], ["sex"])
    assert [one.where["sex"] for one in found] == ["f", "m"]
    inside = np.arange(300) % 2 == 0
    direct = paired_difference(one.take(inside), other.take(inside), "accuracy")
    assert [found[0].value, found[0].low, found[0].high] == pytest.approx([direct.value, direct.low, direct.high])
    few = paired_by_group(one.take(np.arange(9)), other.take(np.arange(9)), ["accuracy"], ["sex"])
    assert {(part.value, part.n) for part in few} == {(None, None)}


def test_churn_counts_changed_decisions() -> None:
    one, other = two_models()
    found = churn(one, other)
    assert found.value == pytest.approx(float((one.y_pred != other.y_pred).mean()))
    assert (found.metric, found.unit, found.n) == ("churn", "proportion", 300)


def test_folds_are_paired() -> None:
    span = fold_difference([0.8, 0.82, 0.79], [0.78, 0.81, 0.78], 1 / 3)
    assert span is not None
    assert span.value == pytest.approx(0.04 / 3)
    assert span.low < span.value < span.high


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "f1", "log_loss"])
def test_a_million_rows_are_paired_within_a_second(name: str) -> None:
    one, other = two_models(n=1_000_000)
    started = time.process_time()
    found = paired_difference(one, other, name)
    assert time.process_time() - started < 1.0
    assert found.low is not None


def _scored(seed: int, shift: float, n: int = 120, **more: object) -> Predictions:
    rng, y = np.random.default_rng(seed), np.random.default_rng(5).integers(0, 2, n)
    score = np.round(y * shift + rng.normal(size=n), 1)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=(score > 0).astype(int), y_score=score,
        row=np.arange(n), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_p_value_of_areas_by_hand() -> None:
    y, rows = np.array([1, 1, 0, 0, 0]), np.arange(5)
    made = [
        Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=y, y_score=np.array(score), row=rows)
        for score in ([5.0, 3.0, 4.0, 1.0, 2.0], [5.0, 2.0, 4.0, 1.0, 3.0])
    ]
    assert [estimate(one, "roc_auc").value for one in made] == pytest.approx([5 / 6, 4 / 6])
    # positive rows: gaps 0 and 1/3, variance 1/18 over 2 rows; negative rows: gaps 0, 0 and 1/2, variance 1/12 over 3
    z = (1 / 6) / math.sqrt(1 / 36 + 1 / 36)
    found = area_p_value(*made)
    assert found.value == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert (found.metric, found.unit, found.method) == ("roc_auc_difference_p_value", "p-value", "delong")


OVARIAN = """
3.0 5.8 10 0  3.2 6.3  5 1  3.9 6.8  3 1  2.8 4.8  6 0  3.2 5.8  3 1  0.9 4.0  5 0  2.5 5.7  8 0  1.6 5.6  5 1
3.8 5.7  5 1  3.7 6.7  6 1  3.2 5.4  4 1  3.8 6.6  6 1  4.1 6.6  5 1  3.6 5.7  5 1  4.3 7.0  4 1  3.6 6.7  4 0
2.3 4.4  6 1  4.2 7.6  4 0  4.0 6.6  6 0  3.5 5.8  6 1  3.8 6.8  7 1  3.0 4.7  8 0  4.5 7.4  5 1  3.7 7.4  5 1
3.1 6.6  6 1  4.1 8.2  6 1  4.3 7.0  5 1  4.3 6.5  4 1  3.2 5.1  5 1  2.6 4.7  6 1  3.3 6.8  6 0  1.7 4.0  7 0
3.7 6.1  5 1  3.3 6.3  7 1  4.2 7.7  6 1  3.5 6.2  5 1  2.9 5.7  9 0  2.1 4.8  7 1  2.8 6.2  8 0  4.0 7.0  7 1
3.3 5.7  6 1  3.7 6.9  5 1  3.6 6.6  5 1
"""
"""Albumin, total protein, K-G score and outcome of 43 patients: the data of DeLong, DeLong and Clarke-Pearson 1988."""


def test_areas_and_their_p_values_are_the_published_ones_of_delong_s_own_data() -> None:
    """SAS/STAT User's Guide, PROC LOGISTIC, Comparing Receiver Operating Characteristic Curves."""
    albumin, protein, score, outcome = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    y = outcome.astype(np.int64)
    tests = [
        Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=y, y_score=values, row=np.arange(len(y)))
        for values in (albumin, protein, 10 - score)
    ]
    assert [round(estimate(one, "roc_auc").value or 0, 4) for one in tests] == [0.7366, 0.6478, 0.7258]
    assert [round(area_p_value(one, tests[2]).value or 0, 4) for one in tests[:2]] == [0.9102, 0.4561]


@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_of_areas_is_that_of_delong_s_covariance(seed: int) -> None:
    one, other = _scored(seed, 1.5), _scored(seed + 10, 1.0)
    y = one.y_true == 1
    parts = [
        np.sign(part.y_score[y][:, None] - part.y_score[~y][None, :]) / 2 + 0.5  # type: ignore[index]
        for part in (one, other)
    ]
    sizes = ((1, y.sum()), (0, (~y).sum()))
    covariance = np.sum([np.cov([part.mean(axis) for part in parts]) / size for axis, size in sizes], axis=0)
    spread = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    expected = 2 * norm.sf(abs(parts[0].mean() - parts[1].mean()) / math.sqrt(spread))
    assert area_p_value(one, other).value == pytest.approx(expected)
    assert area_p_value(other, one).value == pytest.approx(expected)


def test_the_p_value_of_areas_counts_weights_and_clusters() -> None:
    whole = [_scored(seed, shift) for seed, shift in ((1, 1.5), (2, 1.0))]
    twice = [part.take(np.repeat(np.arange(120), 2)) for part in whole]
    cluster = Factor.of([str(k // 2) for k in range(240)])
    copied = [replace(part, row=np.arange(240), cluster=cluster) for part in twice]
    alone, told = area_p_value(*whole).value, area_p_value(*copied)
    assert told.value == pytest.approx(alone, rel=0.5)
    assert told.method == "delong, clusters or weights counted"
    half = [replace(part, weight=np.repeat([1.0, 0.0], 60)) for part in whole]
    kept = [replace(part.take(np.arange(60)), weight=None) for part in whole]
    assert area_p_value(*half).value == pytest.approx(area_p_value(*kept).value, rel=0.2)
    assert area_p_value(*half).n == 60


def test_the_p_value_of_areas_holds_its_level() -> None:
    found = [area_p_value(_scored(100 + k, 1.0), _scored(5000 + k, 1.0)).value for k in range(400)]
    assert 0.03 < np.mean(np.array(found) < 0.05) < 0.08


def test_areas_without_a_test_say_why() -> None:
    one = _scored(1, 1.0)
    assert area_p_value(one, one).value == 1.0
    assert area_p_value(one, replace(one, y_score=None)).reason == "the model gives no scores"
    single = replace(one, y_true=np.r_[1, np.zeros(119, dtype=int)])
    assert "only one row" in area_p_value(single, replace(single, y_score=-single.y_score)).reason  # type: ignore[operator]
    classes = Predictions(
        task="multiclass", classes=("a", "b", "c"), y_true=np.tile([0, 1, 2], 40), y_pred=np.tile([0, 1, 2], 40),
        y_score=np.random.default_rng(0).random((120, 3)), row=np.arange(120),
    )  # fmt: skip
    other = replace(classes, y_score=np.random.default_rng(1).random((120, 3)))
    assert 0 < (area_p_value(classes, other).value or 0) < 1
    assert 0 < (area_p_value(classes, other, class_="b").value or 0) < 1


def test_a_difference_stays_inside_what_two_numbers_can_differ_by() -> None:
    few = [replace(_scored(seed, 1.0, n=5), y_true=np.array([0, 1, 0, 1, 1])) for seed in (1, 2)]
    for name, one in METRICS.items():
        gap = paired_difference(few[0], few[1], name) if one.needs in ("counts", "score") else None
        most = one.bounds[1] - one.bounds[0]
        if gap is not None and gap.low is not None and gap.high is not None:
            assert -most <= gap.low <= gap.high <= most, name
