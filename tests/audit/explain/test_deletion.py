"""Deletion curves, stability runs and shuffles, from the model to the check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as sklearn_importance

from audit.checks.explanation_faithfulness import explanation_faithfulness
from audit.checks.explanation_stability import explanation_stability
from audit.checks.permutation_importance import permutation_importance
from audit.evidence import Attributions, Predictions
from audit.explain.deletion import DeletionCurves, deletion_curves
from audit.gather import Context
from audit.models.load import wrap
from reports.record import Estimate, Measurement

Fitted = Callable[[str], Context]
RNG = np.random.default_rng
WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0, 0.5])


def estimate(measured: Measurement, metric: str, feature: str = "") -> Estimate:
    found = [e for e in measured.estimates if e.metric == metric and e.where.get("feature", "") == feature]
    assert len(found) == 1
    return found[0]


def curves(values_of: Callable[[np.ndarray], np.ndarray], rows: int = 60) -> DeletionCurves:
    table, background = RNG(0).normal(size=(rows, 5)), RNG(1).normal(size=(20, 5))
    return deletion_curves(lambda Z: Z @ WEIGHTS, table, background, values_of(table), generator=RNG(2))


def test_the_right_order_beats_chance_and_a_random_one_does_not() -> None:
    right = curves(lambda X: X * WEIGHTS)
    chance = curves(lambda X: RNG(3).normal(size=X.shape), rows=300)
    opposite = curves(lambda X: -X * WEIGHTS)
    assert right.advantage().mean() > 0.2
    assert abs(chance.advantage().mean()) < 0.06
    assert opposite.advantage().mean() < -0.2


def test_curves_run_from_the_row_to_the_base() -> None:
    found = curves(lambda X: X * WEIGHTS)
    table, background = RNG(0).normal(size=(60, 5)), RNG(1).normal(size=(20, 5))
    output, base = table @ WEIGHTS, float((background @ WEIGHTS).mean())
    sign = np.where(output >= base, 1, -1)
    assert found.deleted[:, 0] == pytest.approx(sign * output)
    assert found.deleted[:, -1] == pytest.approx(sign * base)
    assert found.inserted[:, 0] == pytest.approx(sign * base)
    assert found.inserted[:, -1] == pytest.approx(sign * output)


def test_wide_tables_are_deleted_in_twenty_steps() -> None:
    rows, background = RNG(0).normal(size=(2, 100)), np.zeros((1, 100))
    found = deletion_curves(lambda Z: Z.sum(axis=1), rows, background, rows, generator=RNG(0))
    assert found.deleted.shape == (2, 21)
    assert found.sizes[[0, -1]].tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["logistic", "boosting-categories", "softmax", "linear", "pipeline"])
def test_explanations_of_every_kind_are_faithful_and_stable(kind: str, fitted: Fitted) -> None:
    context = fitted(kind)
    predictions = cast("Predictions", context.need("predictions"))
    attributions = cast("tuple[Attributions, ...]", context.need("attributions"))
    deletion = cast("DeletionCurves", context.need("deletion"))
    measured = explanation_faithfulness(attributions, predictions, deletion)
    assert (estimate(measured, "completeness_residual").high or 0) < 1e-3
    assert (estimate(measured, "deletion_advantage").low or 0) > 0.05
    runs = cast("tuple[Attributions, ...]", context.need("attribution_runs"))
    stable = explanation_stability(runs, predictions)
    assert (estimate(stable, "explanation_stability").value or 0) > 0.7
    assert estimate(stable, "lime_stability").value is not None


def test_runs_differ_in_background_not_in_rows(fitted: Fitted) -> None:
    runs = cast("tuple[Attributions, ...]", fitted("logistic").need("attribution_runs"))
    shap = [run for run in runs if run.method != "lime"]
    assert len(shap) == 3
    assert shap[0].row.tolist() == shap[1].row.tolist()
    assert shap[0].values.tolist() != shap[1].values.tolist()


def made(values: np.ndarray, method: str = "permutation", **more: object) -> Attributions:
    found = Attributions(
        method=method,
        features=tuple(f"x{k}" for k in range(values.shape[1])),
        values=values,
        scale="log-odds",
        row=np.arange(len(values)),
    )
    return replace(found, **more)  # type: ignore[arg-type]


PREDICTIONS = Predictions(task="regression", y_true=np.zeros(1), y_pred=np.zeros(1))


def test_noise_is_not_stable() -> None:
    runs = tuple(made(RNG(seed).normal(size=(50, 10))) for seed in range(4))
    found = estimate(explanation_stability(runs, PREDICTIONS), "explanation_stability")
    assert found.value is not None
    assert found.value < 0.6
    same = (runs[0], runs[0])
    assert estimate(explanation_stability(same, PREDICTIONS), "explanation_stability").value == pytest.approx(1)


def test_a_broken_sum_shows_in_the_residual() -> None:
    values = RNG(0).normal(size=(50, 3))
    base, output = np.zeros(50), values.sum(axis=1)
    whole = explanation_faithfulness((made(values, base=base, output=output),), PREDICTIONS)
    assert estimate(whole, "completeness_residual").value == pytest.approx(0, abs=1e-12)
    broken = explanation_faithfulness((made(values * 0.5, base=base, output=output),), PREDICTIONS)
    assert estimate(broken, "completeness_residual").value == pytest.approx(0.5)
    assert (estimate(broken, "completeness_residual").low or 0) > 0.05


def test_no_base_and_no_movement_have_reasons() -> None:
    values = RNG(0).normal(size=(5, 3))
    assert (
        "does not promise to add up"
        in estimate(explanation_faithfulness((made(values),), PREDICTIONS), "completeness_residual").reason
    )
    still = made(np.zeros((5, 3)), base=np.ones(5), output=np.ones(5))
    measured = explanation_faithfulness((still,), PREDICTIONS)
    assert "does not move" in estimate(measured, "completeness_residual").reason


def test_importance_is_scikit_learns(fitted: Fitted) -> None:
    context = fitted("logistic")
    shuffled = cast("dict[str, tuple[Predictions, ...]]", context.need("shuffled"))
    predictions = cast("Predictions", context.need("predictions"))
    measured = permutation_importance(shuffled, predictions)
    data, test = context.dataset, context.dataset.rows("test")
    theirs = sklearn_importance(
        context.require_model().predictor,
        data.inputs(test),
        data.frame["y"].take(test),
        scoring="roc_auc",
        n_repeats=100,
        random_state=0,
    )
    for place, feature in enumerate(data.features):
        ours = estimate(measured, "permutation_importance", feature)
        assert ours.value == pytest.approx(theirs.importances_mean[place], abs=0.03)
        assert ours.low is not None
        assert ours.high is not None
        assert ours.low - 0.01 <= theirs.importances_mean[place] <= ours.high + 0.01


@pytest.mark.parametrize("kind", ["linear", "softmax", "svc", "boosting-categories"])
def test_importance_of_every_task(kind: str, fitted: Fitted) -> None:
    context = fitted(kind)
    shuffled = cast("dict[str, tuple[Predictions, ...]]", context.need("shuffled"))
    predictions = cast("Predictions", context.need("predictions"))
    measured = permutation_importance(shuffled, predictions)
    strong, weak = (estimate(measured, "permutation_importance", name) for name in ("a", "noise"))
    assert strong.low is not None
    assert strong.low > 0.05
    assert weak.value is not None
    assert strong.value is not None
    assert weak.value < strong.value / 5
    assert measured.summary.startswith("Shuffling a costs the most")
    assert estimate(measured, "shuffle_decision_changes", "a").unit == "proportion"


class Blind:
    """A model that reads one column of three."""

    classes_ = np.array([0, 1])

    def predict(self, X: object) -> object:
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)

    def predict_proba(self, X: object) -> np.ndarray:
        a = X["a"].to_numpy()  # type: ignore[index]
        p = 1 / (1 + np.exp(-a))
        return np.column_stack([1 - p, p])


def test_a_feature_that_is_not_read_is_unused(fitted: Fitted) -> None:
    context = replace(fitted("logistic"), model=wrap(Blind()), collected={})
    shuffled = cast("dict[str, tuple[Predictions, ...]]", context.need("shuffled"))
    measured = permutation_importance(shuffled, cast("Predictions", context.need("predictions")))
    unread = estimate(measured, "permutation_importance", "b")
    assert (unread.value, unread.low, unread.high, unread.method) == (0, 0, 0, "no score changed")
    assert estimate(measured, "shuffle_decision_changes", "b").value == 0
    unread_use = estimate(measured, "feature_use", "b")
    assert (unread_use.value, unread_use.low, unread_use.high) == (0, 0, 0)
    use = estimate(measured, "feature_use", "a")
    assert use.low is not None
    assert use.low > 0.1


@pytest.mark.parametrize("hidden", ["a whisper", "scores"])
def test_what_moves_a_little_or_unseen_is_not_shown_to_be_unread(fitted: Fitted, hidden: str) -> None:
    class Whispers(Blind):
        def predict_proba(self, X: object) -> np.ndarray:
            shift = 1e-9 * X["b"].to_numpy()[:, None] if hidden == "a whisper" else 0.0  # type: ignore[index]
            return np.asarray(super().predict_proba(X) + shift * np.array([[1.0, -1.0]]))

    class Labels:
        classes_ = Blind.classes_
        predict = Blind().predict

    context = replace(fitted("logistic"), model=wrap(Labels() if hidden == "scores" else Whispers()), collected={})
    shuffled = cast("dict[str, tuple[Predictions, ...]]", context.need("shuffled"))
    measured = permutation_importance(shuffled, cast("Predictions", context.need("predictions")))
    use = estimate(measured, "feature_use", "b")
    assert use.high is not None
    assert use.high > 0.001


def test_rows_and_budget_are_said(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    context = replace(fitted("logistic"), options={"shuffled": {"rows": 50}}, collected={}, deadline=0.0)
    monkeypatch.setattr("audit.gather.shuffled.TOGETHER", 50)  # a call for each feature
    shuffled = cast("dict[str, tuple[Predictions, ...]]", context.need("shuffled"))
    assert len(shuffled) == 1
    measured = permutation_importance(shuffled, cast("Predictions", context.need("predictions")))
    said = " | ".join(measured.notes)
    assert "50 of 200 test rows" in said
    assert "1 of 4 features" in said
