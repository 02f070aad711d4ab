"""Agreement of two explainers, on attributions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from audit.checks.attribution_agreement import attribution_agreement
from audit.errors import NotApplicable
from audit.evidence import Attributions, FloatArray, Predictions
from audit.explain.importance import rank_correlation

PREDICTIONS = Predictions(task="regression", y_true=np.zeros(1), y_pred=np.zeros(1))


def made(values: FloatArray, method: str) -> Attributions:
    return Attributions(
        method=method,
        features=tuple(f"x{k}" for k in range(values.shape[1])),
        values=values,
        scale="log-odds",
        row=np.arange(len(values)),
        fit=np.full(len(values), 0.4) if method == "lime" else None,
    )


def drawn(scales: list[float], seed: int, rows: int = 100) -> FloatArray:
    return np.asarray(np.random.default_rng(seed).normal(size=(rows, len(scales))) * scales)


def test_value_is_scipys() -> None:
    one, other = drawn([5, 1, 3, 2, 0.5], 0), drawn([1, 5, 3, 0.5, 2], 1)
    measured = attribution_agreement((made(one, "tree"),), made(other, "lime"), PREDICTIONS)
    expected = spearmanr(np.abs(one).mean(axis=0), np.abs(other).mean(axis=0)).statistic
    assert measured.estimates[0].metric == "explainer_rank_correlation"
    assert measured.estimates[0].value == pytest.approx(expected)
    assert measured.estimates[0].where == {"split": "test"}


def test_agreement_and_disagreement() -> None:
    scales = [6.0, 5, 4, 3, 2, 1]
    same = attribution_agreement((made(drawn(scales, 0), "tree"),), made(drawn(scales, 1), "lime"), PREDICTIONS)
    other = attribution_agreement((made(drawn(scales, 0), "tree"),), made(drawn(scales[::-1], 1), "lime"), PREDICTIONS)
    assert same.estimates[0].low is not None
    assert same.estimates[0].low > 0.5
    assert other.estimates[0].high is not None
    assert other.estimates[0].high < 0


def test_only_the_rows_that_both_explained_count() -> None:
    long, short = drawn([3, 2, 1], 0, 100), drawn([3, 2, 1], 1, 20)
    measured = attribution_agreement((made(long, "tree"),), made(short, "lime"), PREDICTIONS)
    assert measured.estimates[0].n == 20
    with pytest.raises(NotApplicable, match="different rows"):
        attribution_agreement((made(long, "tree"),), replace(made(short, "lime"), row=np.arange(20) + 7), PREDICTIONS)


@pytest.mark.parametrize(("values", "reason"), [(np.ones((5, 2)), "2 features"), (np.zeros((5, 4)), "ranks nothing")])
def test_no_ranking_is_undefined_with_a_reason(values: FloatArray, reason: str) -> None:
    measured = attribution_agreement((made(values, "tree"),), made(values, "lime"), PREDICTIONS)
    assert measured.estimates[0].value is None
    assert reason in measured.estimates[0].reason
    assert reason in measured.summary


def test_rounding_makes_no_ranks() -> None:
    exact = np.array([1.0, 0.0, 0.0, 0.0])
    noisy = np.array([1.0, 1e-12, 3e-12, 2e-12])
    assert rank_correlation(exact, noisy) == pytest.approx(1.0)


def test_fit_of_lime_is_told() -> None:
    values = drawn([3, 2, 1], 0)
    measured = attribution_agreement((made(values, "tree"),), made(values, "lime"), PREDICTIONS)
    (fit,) = (e for e in measured.estimates if e.metric == "lime_fit")
    assert fit.value == pytest.approx(0.4)
