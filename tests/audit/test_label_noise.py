"""Wrong labels told from overlap: planted shares come back, honest ones are not accused."""

from __future__ import annotations

import numpy as np
import pytest

from audit.tabular.label_noise import Binned, Curve, chance, count_contradictions, fit, misfit, quantile_bins


def drawn(low: float, high: float, slope: float, rows: int = 30_000) -> Binned:
    rng = np.random.default_rng(0)
    score = rng.normal(size=rows)
    truth = rng.random(rows) < 1 / (1 + np.exp(-slope * score))
    wrong = rng.random(rows) < np.where(truth, high, low)
    return quantile_bins(score, truth ^ wrong)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (0.1, 0.1), (0.2, 0.05), (0.0, 0.3)])
def test_planted_shares_come_back(low: float, high: float) -> None:
    curve = fit(drawn(low, high, 5.0))
    assert curve.floor == pytest.approx(low, abs=0.02)
    assert curve.ceiling == pytest.approx(high, abs=0.02)


def test_overlap_alone_is_explained() -> None:
    data = drawn(0.0, 0.0, 4.0)
    found = count_contradictions(data, fit(data), both=True)
    assert found.sure > 5000
    assert (found.against - found.expected) / found.sure == pytest.approx(0, abs=0.01)


def test_wrong_labels_are_not() -> None:
    data = drawn(0.1, 0.1, 6.0)
    found = count_contradictions(data, fit(data), both=True)
    assert (found.against - found.expected) / found.sure == pytest.approx(0.1, abs=0.015)


def test_a_free_fit_is_never_worse_than_a_capped_one() -> None:
    data = drawn(0.15, 0.1, 3.0, 3000)
    free, capped = fit(data), fit(data, most=0.02)
    assert misfit(data, free) < misfit(data, capped)
    assert max(capped.floor, capped.ceiling) <= 0.02


def test_extreme_scores_have_finite_chances() -> None:
    assert chance(Curve(0.1, 0.1, 0.0, 30.0), np.array([-1e9, 1e9])).tolist() == pytest.approx([0.0, 1.0])


def test_bins_hold_every_row() -> None:
    rng = np.random.default_rng(0)
    score = rng.integers(0, 4, 500).astype(float)
    label = rng.random(500) < 0.4
    data = quantile_bins(score, label)
    assert data.rows.sum() == 500
    assert data.hits.sum() == label.sum()
