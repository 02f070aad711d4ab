"""Numbers that stand in papers, rules and other projects' guides, each with its source."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from audit.costs import Costs
from audit.data.factor import Factor
from audit.estimate.cells import Rows
from audit.estimate.counting import count_linear, from_counts
from audit.estimate.measure import by_group, estimate, ratios_to_highest
from audit.estimate.paired import mcnemar, newcombe_paired, tango
from audit.evidence import Predictions, Settings
from audit.statistics.calibration import expected_calibration_error
from audit.statistics.intervals import Span, corrected_resampled, difference, ratio, wilson
from audit.statistics.ranking import newcombe_auc, roc_auc
from audit.statistics.variance import variance


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombe_1998a_table_i(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    found = wilson(successes, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_differences_give_newcombe_1998b_table_ii(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10."""
    one, other = wilson(a, m), wilson(b, n)
    gap = difference(Span(a / m, one.low, one.high), Span(b / n, other.low, other.high))
    assert (round(gap.low, 4), round(gap.high, 4)) == (low, high)


def test_paired_examples_of_fagerland_lydersen_and_laake() -> None:
    """Statistics in Medicine 33 (2014) 2850: airway hyper-responsiveness of Bentur et al. (2009), 1, 1, 7, 12."""
    assert [round(number, 3) for number in tango(1, 7, 21)] == [-0.286, -0.517, -0.026]
    assert [round(number, 3) for number in newcombe_paired(1, 1, 7, 12)] == [-0.286, -0.507, -0.026]
    exact, mid = mcnemar(1, 7)
    assert (round(exact, 4), round(mid, 4)) == (0.0703, 0.0391)


def test_paired_example_of_cavo_in_the_book_of_fagerland_lydersen_and_laake() -> None:
    """Statistical Analysis of Contingency Tables (2017), chapter 8, as its R package contingencytables prints it.

    Complete response before and after consolidation therapy (Cavo et al. 2012): 59, 6, 16, 80.
    """
    assert [round(number, 4) for number in tango(6, 16, 161)] == [-0.0621, -0.1240, -0.0054]
    assert [round(number, 4) for number in newcombe_paired(59, 6, 16, 80)] == [-0.0621, -0.1186, -0.0046]
    exact, mid = mcnemar(6, 16)
    assert (round(exact, 6), round(mid, 6)) == (0.052479, 0.034690)


def test_difference_and_ratio_of_perondi_in_the_same_book() -> None:
    """Chapter 4, high and standard doses of epinephrine (Perondi et al. 2004): 7 of 34 and 1 of 34 survive.

    Newcombe's hybrid score interval of the difference, and the MOVER-R Wilson interval of the ratio.
    """
    high, low = (Span(hits / 34, *wilson(hits, 34)[:2]) for hits in (7, 1))
    assert [round(number, 4) for number in difference(high, low)] == [0.1765, 0.0189, 0.3404]
    found = ratio(high, low)
    assert found is not None
    assert [round(number, 4) for number in found] == [7.0, 1.1537, 41.9763]


def test_mcnemar_exact_is_the_binomial_test() -> None:
    """Agresti, Categorical Data Analysis: approval of the prime minister, 86 and 150 changed; z² = 17.36."""
    exact, mid = mcnemar(86, 150)
    assert round((150 - 86) ** 2 / (150 + 86), 2) == 17.36
    assert 2e-5 < mid < exact < 5e-5


def _hanley() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Ratings of 58 normal and 51 abnormal CT images (Hanley and McNeil, Radiology 143 (1982) 29, table I)."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    ratings = np.arange(1.0, 6.0)
    return np.repeat([False, True], [58, 51]), np.concatenate(
        [np.repeat(ratings, normal), np.repeat(ratings, abnormal)]
    )


def test_roc_auc_and_delong_error_of_hanley_and_mcneil() -> None:
    """AUC 0.893; DeLong standard error 0.0307 and limits 0.83295, 0.95339 as Stata's manual prints them (roctab)."""
    area = roc_auc(*_hanley())
    error = math.sqrt(variance(area.influence).value)
    assert round(area.value, 4) == 0.8932
    assert round(error, 4) == 0.0307
    assert round(area.value - 1.959964 * error, 5) == 0.83295
    assert round(area.value + 1.959964 * error, 5) == 0.95339


def test_roc_auc_interval_is_near_hanley_and_mcneil() -> None:
    y, rating = _hanley()
    answers = Predictions(
        task="binary", classes=("normal", "abnormal"), y_true=y.astype(np.int64), y_pred=(rating > 3).astype(np.int64),
        y_score=rating,
    )  # fmt: skip
    found = estimate(answers, "roc_auc")
    assert found.low == pytest.approx(0.816, abs=0.012)
    assert found.high == pytest.approx(0.940, abs=0.012)


def test_perfect_separation_has_the_interval_of_newcombe() -> None:
    """Newcombe, Statistics in Medicine 25 (2006) 559, method 5: at 1 the lower limit solves its own equation."""
    low, high, _ = newcombe_auc(1.0, 12, 30, 0.95)
    middle = 20.0
    spread = low * (1 - low) * (1 + middle * ((1 - low) / (2 - low) + low / (1 + low))) / (12 * 30)
    assert high == 1.0
    assert (1 - low) ** 2 == pytest.approx(1.959964**2 * spread, rel=1e-5)


def test_calibration_errors_of_torchmetrics() -> None:
    """Doctest of torchmetrics.functional.classification.binary_calibration_error."""
    y = np.array([False, False, True, True, True])
    score = np.array([0.25, 0.25, 0.55, 0.75, 0.75])
    assert expected_calibration_error(y, score, bins=2, norm="l1") == pytest.approx(0.29, abs=5e-5)
    assert expected_calibration_error(y, score, bins=2, norm="l2") == pytest.approx(0.2918, abs=5e-5)
    assert expected_calibration_error(y, score, bins=2, norm="max") == pytest.approx(0.3167, abs=5e-5)


def _selected(counts: dict[str, tuple[int, int]]) -> Predictions:
    codes, decisions = [], []
    for place, (n, chosen) in enumerate(counts.values()):
        codes += [place] * n
        decisions += [1] * chosen + [0] * (n - chosen)
    keys = {"group": Factor(codes=np.array(codes, dtype=np.int32), levels=tuple(counts))}
    y_pred = np.array(decisions, dtype=np.int64)
    return Predictions(
        task="binary",
        classes=("no", "yes"),
        y_true=np.zeros_like(y_pred),
        y_pred=y_pred,
        keys=keys,
        sensitive=("group",),
    )


def _ratios(counts: dict[str, tuple[int, int]]) -> dict[str, float | None]:
    rates = by_group(_selected(counts), ["selection_rate"], ["group"])
    return {one.where["group"]: one.value for one in ratios_to_highest(rates, 1)}


def test_impact_ratios_of_new_york_local_law_144() -> None:
    """Rules of the City of New York, title 6, § 5-301, example of scoring rates and impact ratios."""
    sex = _ratios({"Male": (92, 50), "Female": (76, 34)})
    assert {name: round(value or 0, 2) for name, value in sex.items()} == {"Male": 1.0, "Female": 0.82}
    race = by_group(
        _selected({"Hispanic": (28, 18), "White": (40, 15), "Black": (32, 16), "Asian": (24, 10)}),
        ["selection_rate"],
        ["group"],
    )
    assert [round(100 * (one.value or 0), 1) for one in race] == [64.3, 37.5, 50.0, 41.7]
    assert [round(one.value or 0, 2) for one in ratios_to_highest(race, 1)] == [1.0, 0.58, 0.78, 0.65]


def test_four_fifths_of_the_uniform_guidelines() -> None:
    """Questions and answers on 29 CFR 1607 (1979): rates of 60, 45, 48 and 51 % give 75, 80 and 85 %."""
    found = _ratios({"White": (100, 60), "American Indian": (100, 45), "Hispanic": (100, 48), "Black": (100, 51)})
    assert [round(value or 0, 2) for value in found.values()] == [1.0, 0.75, 0.8, 0.85]


def test_tables_of_the_fairlearn_user_guide() -> None:
    """User guide, "Performing a fairness assessment": rates of 18 rows in three groups, and their summaries."""
    y_true = np.array([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    y_pred = np.array([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0])
    answers = Predictions(
        task="binary", classes=("no", "yes"), y_true=y_true, y_pred=y_pred, settings=Settings(suppress_n=1),
        keys={"group": Factor.of(list("bbabbcccaacabccbcc"))}, sensitive=("group",),
    )  # fmt: skip
    names = ["true_positive_rate", "false_positive_rate", "selection_rate"]
    assert [round(estimate(answers, name).value or 0, 6) for name in names] == [0.5, 0.666667, 0.555556]
    table = {(one.where["group"], one.metric): round(one.value or 0, 6) for one in by_group(answers, names, ["group"])}
    assert [table["a", name] for name in names] == [0.5, 1.0, 0.75]
    assert [table["b", name] for name in names] == [0.6, 0.0, 0.5]
    assert [table["c", name] for name in names] == [0.4, 0.666667, 0.5]
    ratios = ratios_to_highest(by_group(answers, ["selection_rate"], ["group"]), 1)
    assert min(one.value or 1 for one in ratios) == pytest.approx(2 / 3)


def test_compas_error_rates_by_race(shared_data: Path) -> None:
    """ProPublica, "How We Analyzed the COMPAS Recidivism Algorithm" (2016): FPR and FNR of all 7,214 defendants."""
    table = pd.read_csv(shared_data / "compas" / "compas_two_years.csv")
    answers = Predictions(
        task="binary", classes=("no", "yes"), y_true=table["two_year_recid"].to_numpy(dtype=np.int64),
        y_pred=(table["score_text"] != "Low").to_numpy(dtype=np.int64), keys={"race": Factor.of(table["race"])},
        sensitive=("race",),
    )  # fmt: skip
    names = ["false_positive_rate", "false_negative_rate"]
    assert [round(100 * (estimate(answers, name).value or 0), 2) for name in names] == [32.35, 37.40]
    found = {(one.where["race"], one.metric): one for one in by_group(answers, names, ["race"])}
    for race, rates in {"African-American": (44.85, 27.99), "Caucasian": (23.45, 47.72)}.items():
        assert tuple(round(100 * (found[race, name].value or 0), 2) for name in names) == rates
    black, white = found["African-American", names[0]], found["Caucasian", names[0]]
    assert (black.low or 0) > (white.high or 1)


def test_kappa_of_cohen_1960() -> None:
    """The two-psychologist example of Cohen (1960), table 1 in counts of 200: kappa 0.492."""
    counts = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    assert round(float(from_counts("cohen_kappa", counts)), 3) == 0.492


def test_kappa_and_its_error_as_sas_prints_them() -> None:
    """PROC FREQ's kappa 0.4842 with ASE 0.1380 (Fleiss, Cohen and Everitt 1969), as quoted by statsmodels' tests."""
    table = np.array([[0, 4, 1], [0, 8, 0], [0, 1, 5]])
    true, predicted = np.nonzero(table)
    repeats = table[true, predicted]
    rows = Rows(np.repeat(true, repeats), np.repeat(predicted, repeats), None, None)
    kappa = count_linear("cohen_kappa", rows, 3)
    n = int(table.sum())
    error = math.sqrt(variance(kappa.influence).value * (n - 1) / n)  # SAS divides by n
    assert (round(kappa.value, 4), round(error, 4)) == (0.4842, 0.1380)
    assert round(kappa.value - 1.959964 * error, 4) == 0.2137
    assert round(kappa.value + 1.959964 * error, 4) == 0.7547


def _binary(y_true: list[int], y_pred: list[int], y_score: list[float] | None = None) -> Predictions:
    score = None if y_score is None else np.array(y_score)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=np.array(y_true), y_pred=np.array(y_pred), y_score=score,
        probabilities=score is not None,
    )  # fmt: skip


def test_scores_of_the_scikit_learn_reference() -> None:
    """Examples of sklearn.metrics' reference pages (version 1.7), each metric by its own."""
    loss = _binary([1, 0, 0, 1], [1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65])
    assert estimate(loss, "log_loss").value == pytest.approx(0.21616, abs=5e-6)
    brier = _binary([0, 1, 1, 0], [0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3])
    assert estimate(brier, "brier_score").value == pytest.approx(0.0375)
    matthews = _binary([1, 1, 1, 0], [1, 0, 1, 1])
    assert estimate(matthews, "matthews_corrcoef").value == pytest.approx(-0.33, abs=5e-3)
    balanced = _binary([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1])
    assert estimate(balanced, "balanced_accuracy").value == pytest.approx(0.625)
    precision = _binary([0, 0, 1, 1], [0, 0, 0, 1], [0.1, 0.4, 0.35, 0.8])
    assert estimate(precision, "average_precision").value == pytest.approx(0.83, abs=5e-3)
    numbers = Predictions(
        task="regression", y_true=np.array([3, -0.5, 2, 7]), y_pred=np.array([2.5, 0.0, 2, 8]),
    )  # fmt: skip
    found = [estimate(numbers, name).value for name in ("r2_score", "mean_absolute_error", "root_mean_squared_error")]
    assert found == pytest.approx([0.948, 0.5, 0.612], abs=1e-3)


def test_scores_of_several_classes_of_the_scikit_learn_reference() -> None:
    """f1_score's macro average 0.267, cohen_kappa_score 0.6875, average_precision_score 0.77 over classes."""
    three = Predictions(
        task="multiclass", classes=("a", "b", "c"), y_true=np.array([0, 1, 2, 0, 1, 2]),
        y_pred=np.array([0, 2, 1, 0, 0, 1]),
    )  # fmt: skip
    assert estimate(three, "f1_macro").value == pytest.approx(0.267, abs=5e-4)
    agreed = Predictions(
        task="multiclass", classes=("negative", "neutral", "positive"), y_true=np.array([0, 2, 0, 1, 2]),
        y_pred=np.array([0, 2, 0, 1, 0]),
    )  # fmt: skip
    assert estimate(agreed, "cohen_kappa").value == pytest.approx(0.6875)
    scores = [[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]]
    ranked = Predictions(
        task="multiclass", classes=("a", "b", "c"), y_true=np.array([0, 0, 1, 1, 2, 2]),
        y_pred=np.array([0, 0, 1, 2, 0, 2]), y_score=np.array(scores), probabilities=True,
    )  # fmt: skip
    assert estimate(ranked, "average_precision").value == pytest.approx(0.77, abs=1e-2)


def test_the_threshold_of_elkan() -> None:
    """Elkan, The foundations of cost-sensitive learning (IJCAI 2001), equation 2: (c10 - c00) over its sum.

    His example of fraud: refusing a legitimate transaction costs 20 and approving it earns 2 % of x, approving
    a fraudulent one loses x, refusing it earns 20 of goodwill. For x = 1,000 refuse from 40 / 1,060 on.
    """
    refuse = Costs(false_positive=20, true_negative=-20, false_negative=1000, true_positive=-20)
    assert refuse.threshold == pytest.approx(40 / 1060)


def test_corrected_resampled_error_of_nadeau_and_bengio() -> None:
    """Equation 9: the variance factor of ten-fold cross-validation is 1/10 + 1/9, not 1/10."""
    scores = [0.8, 0.82, 0.79, 0.81, 0.83, 0.8, 0.78, 0.82, 0.81, 0.8]
    span = corrected_resampled(scores, 0.1)
    assert span is not None
    error = (span.high - span.value) / 2.262157
    assert error == pytest.approx(np.std(scores, ddof=1) * math.sqrt(1 / 10 + 1 / 9), rel=1e-5)
