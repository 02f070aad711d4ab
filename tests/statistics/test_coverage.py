"""Intervals hold the truth as often as they promise: benchmarks/interval_coverage.py in small.

The full table stands in docs/coverage.md. Seeds are fixed, so that the figures here never change; the
allowance below 93 % is three standard errors of the simulation.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import pytest

REPETITIONS = 400
ROOT = Path(__file__).resolve().parents[2]

grid = importlib.import_module("benchmarks.interval_coverage")
CHOSEN = [
    ("proportion (Wilson)", "n=50, p=0.3"),
    ("proportion (Wilson)", "n=300, p=0.05"),
    ("proportion, weighted", "n=200, p=0.3, log-weight sd 1.0, weight tied to outcome: no"),
    ("proportion, clustered", "100 clusters of 10 on average, p=0.5, ICC 0.2"),
    ("difference of two groups (MOVER)", "n=50 and 500, p=0.3 and 0.3"),
    ("ratio of two groups (MOVER)", "n=300 and 3000, p=0.1 and 0.3"),
    ("f1", "10 % positive, half found, n=200"),
    ("balanced_accuracy", "4 unequal classes, n=1000"),
    ("matthews_corrcoef", "10 % positive, 90 % found, n=1000"),
    ("cohen_kappa", "4 classes, 70 % right, n=200"),
    ("cohen_kappa_quadratic", "4 classes, 70 % right, n=200"),
    ("f1_macro", "4 unequal classes, n=200"),
    ("precision_macro", "balanced, 80 % right, n=200"),
    ("roc_auc", "25 positive, 225 negative, AUC 0.7"),
    ("roc_auc", "50 positive, 950 negative, AUC 0.97"),
    ("roc_auc", "100 positive, 100 negative, AUC 0.9"),
    ("roc_auc, weighted", "50 positive, 950 negative, AUC 0.7"),
    ("roc_auc, clustered", "50 clusters of 5 on average, AUC 0.8"),
    ("difference of two groups' roc_auc", "n=100 and 1000, AUC 0.7 and 0.9"),
    ("average_precision", "n=500, 10% positive, shift 1, AP 0.29"),
    ("brier_score", "n=200, half positive, overconfident"),
    ("log_loss", "n=200, half positive, calibrated"),
    ("calibration_slope", "n=200, half positive, overconfident"),
    ("calibration_error", "n=1000, half positive, overconfident"),
    ("mean_calibration_gap", "n=200, half positive, calibrated"),
    ("mean_error", "n=50, normal errors"),
    ("mean_absolute_error", "n=50, heavy-tailed (t5) errors"),
    ("root_mean_squared_error", "n=200, normal errors"),
    ("r2_score", "n=200, normal errors"),
    ("median_absolute_error", "n=200, normal errors"),
    ("difference of two groups' mean_absolute_error", "n=100 and 1000, normal errors"),
    ("mean over folds (Nadeau and Bengio)", "10 scores, test share 0.1, correlated as assumed"),
    ("paired difference of proportions", "n=100, disagree on 20%, difference 0.00"),
    ("paired difference of roc_auc", "n=200, shift 1.5"),
    ("f1, weighted", "balanced, 80 % right, n=400, log-weight sd 1.0"),
    ("balanced_accuracy, weighted", "10 % positive, 90 % found, n=2000, log-weight sd 0.5"),
    ("matthews_corrcoef, weighted", "balanced, 80 % right, n=400, higher for the last class"),
    ("log_loss, weighted", "n=400, overconfident, weights rise with the score"),
    ("calibration_slope, weighted", "n=400, calibrated, weights at random"),
    ("average_precision, weighted", "n=1000, 40% positive, log-weight sd 0.5"),
    ("r2_score, weighted", "n=200, normal errors, log-weight sd 0.5"),
    ("cohen_kappa, clustered", "balanced, 80 % right, 60 clusters of 5 on average"),
    ("f1_macro, clustered", "4 unequal classes, 200 clusters of 5 on average"),
    ("brier_score, clustered", "60 clusters of 5 on average, overconfident"),
    ("calibration_error, clustered", "400 clusters of 5 on average, overconfident"),
    ("mean_absolute_error, clustered", "60 clusters of 5 on average, normal errors"),
    ("roc_auc, macro", "three classes, n=500, clustered"),
    ("roc_auc, one class against the rest", "three classes, n=200, weighted"),
    ("calibration_slope, three classes", "n=500, weighted"),
]
GRID = {(one.method, one.setting): one for one in grid.scenarios()}


@pytest.mark.parametrize(("method", "setting"), CHOSEN)
def test_intervals_hold_the_truth(method: str, setting: str) -> None:
    found = grid.run(GRID[method, setting], REPETITIONS)
    slack = 3 * math.sqrt(0.95 * 0.05 / REPETITIONS)
    assert 0.93 - slack / 2 <= found.covered <= 0.97 + slack / 2
    assert found.undefined < 0.01


def test_names_of_scenarios_differ() -> None:
    assert len(GRID) == len(list(grid.scenarios()))


@pytest.mark.parametrize("setting", ["n=100, 5 folds, once", "n=400, 10 folds, once"])
def test_folds_of_a_refitted_classifier_are_not_taken_for_independent(setting: str) -> None:
    assert grid.run(GRID["accuracy over folds of a refitted classifier", setting], 300).covered >= 0.93


@pytest.mark.parametrize("kind", ["ratio", "difference"])
def test_extremes_hold_the_truth_with_the_choice_allowed_for(kind: str) -> None:
    scenario = GRID[f"extreme {kind} over groups", "14 groups of 100, parity"]
    assert grid.run(scenario, 300).covered >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("family", [family.__name__ for family in grid.FAMILIES])
def test_the_whole_grid_holds(family: str) -> None:
    missed = []
    for scenario in next(one for one in grid.FAMILIES if one.__name__ == family)():
        found = grid.run(scenario, 1500)
        if not scenario.corner and not 0.92 <= found.covered <= 0.98:
            missed.append((scenario.method, scenario.setting, found.covered))
    assert missed == []
