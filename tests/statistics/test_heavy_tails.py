"""Residuals whose squares have no stable spread are told: no form of interval that was tried keeps its level there."""

from __future__ import annotations

import numpy as np
import pytest

from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.statistics.residuals import HEAVY_TAILS, TOO_SHORT, has_heavy_tails

Array = np.ndarray


def samples(law: str, n: int, count: int = 400) -> Array:
    rng = np.random.default_rng([n, len(law)])
    if law == "t3":
        return rng.standard_t(3, (count, n))
    return rng.standard_normal((count, n)) if law == "normal" else rng.lognormal(size=(count, n))


@pytest.mark.parametrize(
    ("law", "n", "least", "most"),
    [
        ("normal", 60, 0.0, 0.13),
        ("normal", 1000, 0.0, 0.01),
        ("t3", 60, 0.8, 1.0),
        ("t3", 100, 0.85, 1.0),
        ("t3", 1000, 0.85, 1.0),
        ("lognormal", 60, 0.9, 1.0),
        ("lognormal", 1000, 0.98, 1.0),
    ],
)
def test_heavy_tails_are_told_from_normal_ones(law: str, n: int, least: float, most: float) -> None:
    share = np.mean([has_heavy_tails(sample, None, n) for sample in samples(law, n)])
    assert least <= share <= most


def test_weights_are_rows() -> None:
    sample = samples("lognormal", 80)[0]
    twice = has_heavy_tails(np.repeat(sample, 2), None, 80)
    assert has_heavy_tails(sample, np.full(80, 2.0), 80) == twice


@pytest.mark.parametrize("name", ["r2_score", "root_mean_squared_error", "mean_squared_error"])
def test_the_estimate_says_so(name: str) -> None:
    signal = np.random.default_rng(0).normal(size=300)
    for law, said in (("lognormal", {HEAVY_TAILS}), ("normal", {""})):
        answers = Predictions(task="regression", y_true=signal + samples(law, 300)[0], y_pred=signal)
        assert {estimate(answers, name).reason} == said
    assert estimate(answers, "mean_absolute_error").reason in ("", TOO_SHORT)
