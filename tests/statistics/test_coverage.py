"""Intervals hold the truth as often as they promise: benchmarks/interval_coverage.py in small.

The full table stands in docs/coverage.md. Seeds are fixed, so that the figures here never change; the
allowance below 93 % is three standard errors of the simulation.
"""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path

import pytest

REPETITIONS = 400
ROOT = Path(__file__).resolve().parents[2]


sys.path.insert(0, str(ROOT / "benchmarks"))
grid = importlib.import_module("interval_coverage")
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
    ("mean over folds (Nadeau and Bengio)", "10 scores, test share 0.1, correlated as assumed"),
    ("paired difference of proportions", "n=100, disagree on 20%, difference 0.00"),
    ("paired difference of roc_auc", "n=200, shift 1.5"),
]


@pytest.mark.parametrize(("method", "setting"), CHOSEN)
def test_intervals_hold_the_truth(method: str, setting: str) -> None:
    (scenario,) = (one for one in grid.scenarios() if (one.method, one.setting) == (method, setting))
    found = grid.run(scenario, REPETITIONS)
    slack = 3 * math.sqrt(0.95 * 0.05 / REPETITIONS)
    assert 0.93 - slack / 2 <= found.covered <= 0.97 + slack / 2
    assert found.undefined < 0.01


@pytest.mark.parametrize("kind", ["ratio", "difference"])
def test_extremes_hold_the_truth_with_the_choice_allowed_for(kind: str) -> None:
    setting = "14 groups of 100, parity"
    (scenario,) = (
        one for one in grid.scenarios() if one.method == f"extreme {kind} over groups" and one.setting == setting
    )
    assert grid.run(scenario, 300).covered >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("family", [family.__name__ for family in grid.FAMILIES])
def test_the_whole_grid_holds(family: str) -> None:
    missed = []
    for scenario in grid.scenarios(family):
        found = grid.run(scenario, 1500)
        if not scenario.corner and not 0.92 <= found.covered <= 0.98:
            missed.append((scenario.method, scenario.setting, found.covered))
    assert missed == []
