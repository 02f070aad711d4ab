"""The same numbers as the libraries of the field, on random data: scikit-learn, fairlearn, SciPy, statsmodels.

Holm, McNemar, DeLong, Newcombe and the logistic slope are compared with theirs in tests/audit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from fairlearn import metrics as fl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from statsmodels.stats import proportion as proportions

from audit.data.factor import Factor
from audit.estimate.disparity import differences, ratios_to
from audit.estimate.measure import by_class, by_group, estimate, estimates
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions, Settings
from audit.statistics import residuals
from audit.statistics.calibration import expected_calibration_error, reliability
from audit.statistics.intervals import Span, corrected_resampled, on_scale, p_above, wilson
from audit.statistics.ranking import roc_auc
from audit.statistics.variance import cluster_codes, mean, variance

Array = npt.NDArray[np.float64]
seeds = st.integers(0, 10**6)
shapes = st.tuples(seeds, st.integers(12, 150), st.booleans())
RATES = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "accuracy": sk.accuracy_score,
}


def several(shape: tuple[int, int, bool], classes: int) -> Predictions:
    """Draw classes with tied probabilities, two sensitive features and perhaps weights; every class occurs."""
    seed, n, weighted = shape
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.8), n).round(2) + 0.01
    p /= p.sum(1, keepdims=True)
    y = np.where(np.arange(n) < classes, np.arange(n), (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(0, classes - 1))
    keys = {name: Factor(codes=rng.integers(0, 3, n).astype(np.int32), levels=("x", "y", "z")) for name in ("a", "b")}
    return Predictions(
        task="binary" if classes == 2 else "multiclass", classes=tuple("pqrst"[:classes]), y_true=y, y_pred=p.argmax(1),
        y_score=p[:, 1] if classes == 2 else p, probabilities=True, keys=keys, sensitive=("a", "b"), row=np.arange(n),
        weight=np.round(rng.exponential(size=n) + 0.1, 2) if weighted else None, settings=Settings(suppress_n=0),
    )  # fmt: skip


def labels(one: Predictions, feature: str) -> npt.NDArray[np.str_]:
    return np.array(one.keys[feature].levels)[one.keys[feature].codes]


# --- scikit-learn -----------------------------------------------------------------------------------


@settings(max_examples=25)
@given(shapes)
def test_two_classes_as_scikit_learn_has_them(shape: tuple[int, int, bool]) -> None:
    one = several(shape, 2)
    assume(0 < one.y_pred.sum() < len(one))
    y, p, s, w = one.y_true, one.y_pred, one.y_score, one.weight
    expected = {
        "accuracy": sk.accuracy_score(y, p, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p, sample_weight=w),
        "precision": sk.precision_score(y, p, sample_weight=w),
        "recall": sk.recall_score(y, p, sample_weight=w),
        "f1": sk.f1_score(y, p, sample_weight=w),
        "matthews_corrcoef": sk.matthews_corrcoef(y, p, sample_weight=w),
        "cohen_kappa": sk.cohen_kappa_score(y, p, sample_weight=w),
        "roc_auc": sk.roc_auc_score(y, s, sample_weight=w),
        "average_precision": sk.average_precision_score(y, s, sample_weight=w),
        "log_loss": sk.log_loss(y, s, sample_weight=w),
        "brier_score": sk.brier_score_loss(y, s, sample_weight=w),
    }
    found = {name: estimate(one, name).value for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=25)
@given(shapes, st.integers(3, 5))
def test_several_classes_as_scikit_learn_has_them(shape: tuple[int, int, bool], classes: int) -> None:
    one = several(shape, classes)
    y, p, s, w = one.y_true, one.y_pred, one.y_score, one.weight
    expected = {
        "accuracy": sk.accuracy_score(y, p, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p, sample_weight=w),
        "matthews_corrcoef": sk.matthews_corrcoef(y, p, sample_weight=w),
        "cohen_kappa": sk.cohen_kappa_score(y, p, sample_weight=w),
        "recall_macro": sk.recall_score(y, p, average="macro", sample_weight=w),
        "recall_weighted": sk.recall_score(y, p, average="weighted", sample_weight=w),
        "f1_macro": sk.f1_score(y, p, average="macro", sample_weight=w),
        "f1_weighted": sk.f1_score(y, p, average="weighted", sample_weight=w),
        "f1_micro": sk.f1_score(y, p, average="micro", sample_weight=w),
        "log_loss": sk.log_loss(y, s, sample_weight=w),
        "roc_auc": sk.roc_auc_score(y, s, multi_class="ovr", average="macro", sample_weight=w),
        "average_precision": sk.average_precision_score(np.eye(classes)[y], s, average="macro", sample_weight=w),
    }
    found = {name: estimate(one, name).value for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(shapes)
def test_a_class_against_the_rest_as_scikit_learn_has_it(shape: tuple[int, int, bool]) -> None:
    one = several(shape, 4)
    assert one.y_score is not None
    names = ("roc_auc", "average_precision", "recall", "brier_score")
    for code, name in enumerate(one.classes):
        y, s = (one.y_true == code).astype(int), one.y_score[:, code]
        found = {part.metric: part.value for part in by_class(one, names) if part.where["class"] == name}
        assert found == pytest.approx(
            {
                "roc_auc": sk.roc_auc_score(y, s, sample_weight=one.weight),
                "average_precision": sk.average_precision_score(y, s, sample_weight=one.weight),
                "recall": sk.recall_score(y, one.y_pred == code, sample_weight=one.weight),
                "brier_score": sk.brier_score_loss(y, s, sample_weight=one.weight),
            }
        )


@settings(max_examples=25)
@given(shapes)
def test_numbers_as_scikit_learn_has_them(shape: tuple[int, int, bool]) -> None:
    seed, n, weighted = shape
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
    p = y + rng.normal(size=n) * y.std()
    w = rng.exponential(size=n) + 0.1 if weighted else None
    one = Predictions(task="regression", y_true=y, y_pred=p, weight=w)
    expected = {
        "mean_absolute_error": sk.mean_absolute_error(y, p, sample_weight=w),
        "mean_squared_error": sk.mean_squared_error(y, p, sample_weight=w),
        "root_mean_squared_error": sk.root_mean_squared_error(y, p, sample_weight=w),
        "r2_score": sk.r2_score(y, p, sample_weight=w),
        "mean_error": float(np.average(p - y, weights=w)),
    }
    expected |= {} if weighted else {"median_absolute_error": sk.median_absolute_error(y, p)}
    assert {name: estimate(one, name).value for name in expected} == pytest.approx(expected, rel=1e-9)


@settings(max_examples=25)
@given(seeds, st.integers(20, 300), st.integers(2, 12))
def test_reliability_is_scikit_learns_calibration_curve(seed: int, n: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    y = rng.random(n) < score
    found = reliability(y, score, bins=bins, strategy="uniform")
    rate, mean_score = calibration_curve(y, score, n_bins=bins, strategy="uniform")
    assert found.rate == pytest.approx(rate)
    assert found.score == pytest.approx(mean_score)
    gap = np.abs(rate - mean_score) * found.share
    assert expected_calibration_error(y, score, bins=bins) == pytest.approx(gap.sum())


# --- fairlearn --------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(st.tuples(seeds, st.integers(60, 200), st.booleans()))
def test_groups_and_intersections_are_those_of_metric_frame(shape: tuple[int, int, bool]) -> None:
    one = several(shape, 2)
    parts: dict[str, object] = {}
    if one.weight is not None:
        parts = {name: {"sample_weight": one.weight} for name in RATES}
    for features in (["a"], ["a", "b"]):
        frame = fl.MetricFrame(
            metrics=RATES, y_true=one.y_true, y_pred=one.y_pred, sample_params=parts or None,
            sensitive_features={name: labels(one, name) for name in features},
        )  # fmt: skip
        for found in by_group(one, list(RATES), features):
            address = tuple(found.where[name] for name in features)
            if found.value is not None:
                assert frame.by_group[found.metric].loc[address if len(features) > 1 else address[0]] == pytest.approx(
                    found.value
                )


@settings(max_examples=30)
@given(st.tuples(seeds, st.integers(60, 200), st.just(value=False)))
def test_gaps_are_those_of_metric_frame(shape: tuple[int, int, bool]) -> None:
    one = several(shape, 2)
    frame = fl.MetricFrame(
        metrics=fl.selection_rate, y_true=one.y_true, y_pred=one.y_pred, sensitive_features=labels(one, "a")
    )
    groups = by_group(one, ["selection_rate"], ["a"])
    rates = {part.where["a"]: part.value or 0.0 for part in groups}
    lowest, highest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    assume(rates[lowest] > 0 and lowest != highest)
    apart = {part.where["a"]: part.value for part in differences(groups, {"a": lowest})}
    share = {part.where["a"]: part.value for part in ratios_to(groups, {"a": highest})}
    assert apart[highest] == pytest.approx(frame.difference())
    assert share[lowest] == pytest.approx(frame.ratio())


# --- statsmodels and SciPy --------------------------------------------------------------------------

pairs = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(pairs, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_a_proportion_is_statsmodels_wilson(pair: tuple[int, int], level: float) -> None:
    count, n = pair
    answers = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.zeros(n, dtype=np.int64),
        y_pred=(np.arange(n) < count).astype(np.int64), settings=Settings(level=level),
    )  # fmt: skip
    found = estimate(answers, "selection_rate")
    low, high = proportions.proportion_confint(count, n, alpha=1 - level, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("compare", ["diff", "ratio"])
@pytest.mark.parametrize(("a", "b"), [((30, 100), (45, 100)), ((60, 90), (310, 500)), ((50, 200), (90, 300))])
def test_intervals_of_two_groups_are_near_the_score_intervals(
    a: tuple[int, int], b: tuple[int, int], compare: str
) -> None:
    """Another method for the same thing: it need not agree, but may not differ by much."""
    sizes = (a[1], b[1])
    keys = {"g": Factor(codes=np.repeat(np.arange(2, dtype=np.int32), sizes), levels=("a", "b"))}
    hit = np.concatenate([np.arange(rows) < count for count, rows in (a, b)]).astype(np.int64)
    groups = by_group(
        Predictions(task="binary", classes=("no", "yes"), y_true=hit, y_pred=hit, keys=keys), ["selection_rate"], ["g"]
    )
    (found,) = (differences if compare == "diff" else ratios_to)(groups, {"g": "b"})
    low, high = proportions.confint_proportions_2indep(*a, *b, method="score", compare=compare)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))


@given(pairs, st.floats(0.02, 0.98))
def test_the_p_value_of_a_proportion_is_the_score_test(pair: tuple[int, int], threshold: float) -> None:
    count, n = pair
    assume(0 < count < n and abs(count / n - threshold) > 1e-6)
    z, _ = proportions.proportions_ztest(count, n, threshold, prop_var=threshold)
    found = p_above(Span(count / n, *wilson(count, n)[:2]), threshold, scale="proportion")
    assert found == pytest.approx(stats.norm.sf(z), abs=1e-9)


numbers = st.tuples(seeds, st.integers(3, 60))


@settings(max_examples=40)
@given(numbers)
def test_the_variance_of_a_weighted_mean_is_statsmodels_hc3(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    x, w = rng.normal(size=shape[1]), rng.exponential(size=shape[1]) + 0.05
    fit = sm.WLS(x, np.ones(len(x)), weights=w).fit(cov_type="HC3")
    found = variance(x - np.average(x, weights=w), w)
    assert found.value * len(x) / (len(x) - 1) == pytest.approx(fit.bse[0] ** 2)
    assert np.average(x, weights=w) == pytest.approx(fit.params[0])


@settings(max_examples=40)
@given(numbers, st.booleans())
def test_the_variance_with_clusters_is_the_jackknife_of_clusters(shape: tuple[int, int], weighted: bool) -> None:
    rng = np.random.default_rng(shape[0])
    n = shape[1]
    x, w = rng.normal(size=n), rng.exponential(size=n) + 0.05 if weighted else np.ones(n)
    cluster = Factor(codes=rng.integers(0, max(2, n // 4), n).astype(np.int32), levels=tuple(map(str, range(n))))
    codes = cluster_codes(cluster)
    count = int(codes.max()) + 1
    shares = np.bincount(codes, w) / w.sum()
    assume(count > 1 and shares.max() < 0.99)
    center = np.average(x, weights=w)
    without = [np.average(x[codes != one], weights=w[codes != one]) for one in range(count)]
    jackknife = (count - 1) / count * float(((np.array(without) - center) ** 2).sum())
    found = variance(x - center, w if weighted else None, cluster)
    assert found.value == pytest.approx(jackknife)


@settings(max_examples=40)
@given(numbers)
def test_plain_means_and_paired_means_are_scipys_t(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    truth, a, b = rng.normal(size=(3, shape[1]))
    rows = np.arange(shape[1])
    one, other = (Predictions(task="regression", y_true=truth, y_pred=p, row=rows) for p in (a, b))
    whole = mean(a)
    assert whole is not None
    wide = stats.ttest_1samp(a, 0.0).confidence_interval(0.95)
    # Kurtosis may lower the degrees of freedom, never raise them.
    assert whole.low <= wide.low + 1e-12
    assert whole.high >= wide.high - 1e-12
    found = paired_difference(one, other, "mean_absolute_error")
    test = stats.ttest_rel(np.abs(a - truth), np.abs(b - truth))
    assert found.value == pytest.approx(float(np.mean(np.abs(a - truth) - np.abs(b - truth))))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= test.confidence_interval(0.95).low + 1e-12
    assert (found.low > 0 or found.high < 0) <= (test.pvalue < 0.05)


@settings(max_examples=40)
@given(seeds, st.integers(3, 40), st.integers(3, 40))
def test_the_auc_is_mann_whitneys_statistic(seed: int, positive: int, negative: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 9, positive + negative).astype(np.float64)
    y = np.arange(len(score)) < positive
    statistic = stats.mannwhitneyu(score[y], score[~y]).statistic
    assert roc_auc(y, score).value == pytest.approx(statistic / (positive * negative))


@given(st.lists(st.floats(0.1, 1), min_size=3, max_size=30))
def test_folds_without_shared_rows_would_have_students_interval(scores: list[float]) -> None:
    """The correction tends to Student's interval as the test share tends to 0."""
    assume(np.ptp(scores) > 1e-3)
    found = corrected_resampled(scores, 1e-12)
    low, high = stats.t.interval(0.95, len(scores) - 1, np.mean(scores), stats.sem(scores))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))
    wider = corrected_resampled(scores, 0.2)
    assert wider is not None
    assert wider.high - wider.low > high - low


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.2), st.floats(3, 500))
def test_scaled_intervals_are_t_intervals_on_their_scale(value: float, error: float, degrees: float) -> None:
    found = on_scale(value, error, level=0.9, degrees=degrees, transform="logit")
    center, spread = np.log(value / (1 - value)), error / (value * (1 - value))
    limits = 1 / (1 + np.exp(-np.array(stats.t.interval(0.9, degrees, center, spread))))
    assert (found.low, found.high) == pytest.approx(tuple(limits), rel=1e-6, abs=1e-12)


@settings(max_examples=20)
@given(shapes)
def test_several_metrics_at_once_are_each_alone(shape: tuple[int, int, bool]) -> None:
    one = several(shape, 3)
    names = ("accuracy", "f1_macro", "roc_auc", "log_loss")
    assert estimates(one, names) == tuple(estimate(one, name) for name in names)


@pytest.mark.parametrize("seed", range(3))
def test_the_typical_error_is_the_scale_of_scipys_t_and_its_influence_the_jackknifes(seed: int) -> None:
    errors = np.random.default_rng(seed).lognormal(0, 1, 120) * 1e6
    form = residuals.typical_error(np.zeros(120), errors)
    assert form.value == pytest.approx(stats.t.fit(errors, fdf=3, floc=0)[2], rel=1e-3)
    without = np.array([residuals.typical_error(np.zeros(119), np.delete(errors, row)).value for row in range(120)])
    assert (without.mean() - without) * 119 == pytest.approx(form.influence, rel=0.1, abs=0.02 * form.value)
    assert form.influence.mean() == pytest.approx(0, abs=1e-6 * form.value)
