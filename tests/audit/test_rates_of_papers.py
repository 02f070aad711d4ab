"""Numbers that users compare with papers and other libraries: fairlearn, scikit-learn and hand formulas agree."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_curve

from audit.checks.calibration import calibration
from audit.checks.error_rates_by_group import error_rates_by_group
from audit.data.factor import Factor
from audit.estimate.disparity import extremes
from audit.estimate.measure import by_group
from audit.evidence import Predictions
from reports.record import Estimate


@pytest.fixture(scope="module")
def answers() -> Predictions:
    rng = np.random.default_rng(4)
    n = 1500
    sex = rng.choice(["f", "m", "x"], n, p=[0.4, 0.5, 0.1])
    truth = rng.normal(size=n) + 0.3 * (sex == "m")
    score = 1 / (1 + np.exp(-(truth + rng.normal(size=n) + 0.4 * (sex == "f"))))
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=(truth > 0).astype(np.int64),
        y_pred=(score > 0.5).astype(np.int64), y_score=score, probabilities=True, sensitive=("sex",),
        keys={"sex": Factor.of(sex.tolist()), "split": Factor.constant("test", n)},
    )  # fmt: skip


def found(estimates: tuple[Estimate, ...]) -> dict[tuple[str, str], Estimate]:
    return {(one.metric, one.where.get("sex", "")): one for one in estimates}


def test_rates_by_group_with_gaps_and_ratios(answers: Predictions) -> None:
    made = found(error_rates_by_group(answers).estimates)
    rates = {}
    for sex in ("f", "m"):
        rows = answers.keys["sex"].mask(sex)
        tn, fp, fn, tp = confusion_matrix(answers.y_true[rows], answers.y_pred[rows]).ravel()
        rates[sex] = {
            "false_negative_rate": fn / (fn + tp), "true_negative_rate": tn / (tn + fp), "false_positive_rate":
            fp / (tn + fp), "negative_predictive_value": tn / (tn + fn), "false_discovery_rate": fp / (fp + tp),
            "false_omission_rate": fn / (tn + fn), "true_positive_rate": tp / (fn + tp),
        }  # fmt: skip
    for name in ("false_negative_rate", "true_negative_rate", "negative_predictive_value", "false_discovery_rate",
                 "false_omission_rate"):  # fmt: skip
        f, m = rates["f"][name], rates["m"][name]
        assert made[name, "f"].value == pytest.approx(f)
        assert made[f"{name}_difference", "f"].value == pytest.approx(f - m)
        assert made[f"{name}_ratio", "f"].value == pytest.approx(f / m)
    odds = np.mean([rates["f"][name] - rates["m"][name] for name in ("true_positive_rate", "false_positive_rate")])
    average = made["average_odds_difference", "f"]
    assert average.value == pytest.approx(odds)
    assert average.low is not None
    assert average.high is not None
    assert average.low < odds < average.high


def test_abroca_is_the_area_between_two_roc_curves(answers: Predictions) -> None:
    made = found(error_rates_by_group(answers).estimates)["area_between_roc_curves", "f"]
    grid = np.linspace(0, 1, 20_001)
    lines = []
    for sex in ("f", "m"):
        rows = answers.keys["sex"].mask(sex)
        assert answers.y_score is not None
        fpr, tpr, _ = roc_curve(answers.y_true[rows], answers.y_score[rows], drop_intermediate=False)
        lines.append(np.interp(grid, fpr, tpr))
    assert made.value == pytest.approx(float(np.trapezoid(np.abs(lines[0] - lines[1]), grid)), abs=2e-4)
    assert made.low is None


def test_demographic_parity_and_equalized_odds_are_fairlearns(answers: Predictions) -> None:
    fairness = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    names = ("selection_rate", "true_positive_rate", "false_positive_rate")
    made = {one.metric: one.value for one in extremes(by_group(answers, names, ("sex",)), "sex", 30)}
    sex = np.array(answers.keys["sex"].levels)[answers.keys["sex"].codes]
    for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
        theirs = getattr(fairness, name)(answers.y_true, answers.y_pred, sensitive_features=sex)
        assert made[name] == pytest.approx(theirs)


def test_plain_calibration_errors_are_those_of_papers(answers: Predictions) -> None:
    made = found(calibration(answers).estimates)
    assert answers.y_score is not None
    place = np.minimum((answers.y_score * 15).astype(int), 14)
    wide = sum(
        abs(answers.y_score[place == one].mean() - answers.y_true[place == one].mean()) * (place == one).mean()
        for one in np.unique(place)
    )
    assert made["expected_calibration_error_equal_width", ""].value == pytest.approx(wide)
    parts = np.array_split(np.argsort(answers.y_score), 15)
    mass = sum(abs(answers.y_score[p].mean() - answers.y_true[p].mean()) * len(p) for p in parts) / len(answers)
    assert made["expected_calibration_error_equal_mass", ""].value == pytest.approx(mass, abs=2e-3)
