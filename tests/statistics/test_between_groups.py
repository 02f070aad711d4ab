"""The variance between groups: published numbers, another library, and made-up groups of known spread."""

from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.between_groups import between_means, between_shares, between_variance

# Log risk ratios of 13 trials of the BCG vaccine and their variances (Colditz et al. 1994), as metafor ships them.
EFFECTS = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694, -1.3713, -0.3394, 0.4459,
           -0.0173]  # fmt: skip
VARIANCES = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]


def test_published_q_profile() -> None:
    """The metafor documentation prints 0.3181 (Paule and Mandel) and [0.1197, 1.1115] (Q profile)."""
    found = between_variance(np.array(EFFECTS), np.array(VARIANCES), heavy=False)
    assert found.variance == pytest.approx(0.3181, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.1197, 1.1115), abs=1e-4)


def test_another_library() -> None:
    combine = pytest.importorskip("statsmodels.stats.meta_analysis").combine_effects
    other = combine(np.array(EFFECTS), np.array(VARIANCES), method_re="iterated")
    found = between_variance(np.array(EFFECTS), np.array(VARIANCES))
    assert found.variance == pytest.approx(other.tau2, rel=1e-6)
    assert found.mean == pytest.approx(float(other.mean_effect_re), rel=1e-6)


def test_by_hand() -> None:
    """Of equal groups, the variance of the means (1) less that of each mean by chance (4 / 16)."""
    assert between_means(np.array([0.0, 1.0, 2.0]), np.full(3, 16.0), 4.0).variance == pytest.approx(0.75)


@pytest.mark.parametrize(("groups", "rate", "spread"), [(12, 0.3, 0.08), (300, 0.1, 0.03), (3000, 0.05, 0.02)])
def test_intervals_hold_the_spread_of_made_up_groups(groups: int, rate: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    n = rng.zipf(1.7, groups).clip(1, 100) * 10
    mass = rate * (1 - rate) / spread**2 - 1
    held, found = 0, []
    for _ in range(120):
        one = between_shares(rng.binomial(n, rng.beta(rate * mass, (1 - rate) * mass, groups)) / n, n.astype(float))
        held += one.low <= spread**2 <= one.high
        found.append(one.variance)
    assert held >= 108  # 95 % of 120 less three standard errors
    assert np.mean(found) == pytest.approx(spread**2, rel=0.2 if groups < 100 else 0.1)


def test_like_groups_have_no_spread() -> None:
    rng = np.random.default_rng(1)
    n = np.full(500, 40)
    held = [between_shares(rng.binomial(n, 0.2) / n, n.astype(float)).low == 0 for _ in range(100)]
    assert sum(held) >= 92


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_that_do_not_vary(share: float) -> None:
    assert between_shares(np.full(20, share), np.full(20, 30.0))[1:] == (0.0, 0.0, 0.0)
