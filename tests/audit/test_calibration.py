"""Calibration: bins, debiased error, slope and intercept against statsmodels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm

from audit.statistics.calibration import calibration_error, expected_calibration_error, reliability
from audit.statistics.recalibration import calibration_intercept, calibration_slope, log_odds, temperature_slope
from audit.statistics.variance import Undefined, variance

Data = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]


def draws(seed: int, n: int, stretch: float = 1.0) -> Data:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return rng.random(n) < 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-stretch * z))


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
def test_slope_and_its_error_agree_with_a_logistic_regression(stretch: float) -> None:
    y, p = draws(1, 500, stretch)
    fit = sm.GLM(y.astype(float), sm.add_constant(log_odds(p)), family=sm.families.Binomial()).fit(cov_type="HC0")
    found = calibration_slope(y, p)
    assert found.value == pytest.approx(fit.params[1], rel=1e-6)
    assert np.sqrt(variance(found.influence).value * 499 / 500) == pytest.approx(fit.bse[1], rel=1e-5)


def test_intercept_agrees_with_a_logistic_regression_with_offset() -> None:
    y, p = draws(2, 400, 2.0)
    fit = sm.GLM(y.astype(float), np.ones(400), offset=log_odds(p), family=sm.families.Binomial()).fit(cov_type="HC0")
    found = calibration_intercept(y, p)
    assert found.value == pytest.approx(fit.params[0], abs=1e-7)
    assert np.sqrt(variance(found.influence).value * 399 / 400) == pytest.approx(fit.bse[0], rel=1e-5)


def test_weighted_slopes_are_those_of_repeated_rows() -> None:
    y, p = draws(3, 200)
    weight = np.random.default_rng(0).integers(1, 4, 200)
    rows = np.repeat(np.arange(200), weight)
    for metric in (calibration_slope, calibration_intercept):
        assert metric(y, p, weight.astype(float)).value == pytest.approx(metric(y[rows], p[rows]).value)


def test_a_temperature_is_the_inverse_of_the_slope() -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.ones(4), 6000)
    truth = (p.cumsum(1) < rng.random((6000, 1))).sum(1)
    hot = p**2 / (p**2).sum(1, keepdims=True)
    assert temperature_slope(truth, hot).value == pytest.approx(0.5, abs=0.03)
    assert temperature_slope(truth, p).value == pytest.approx(1.0, abs=0.05)


def test_slopes_that_run_away_are_undefined() -> None:
    y = np.array([False, False, True, True])
    with pytest.raises(Undefined, match="separates"):
        calibration_slope(y, np.array([0.1, 0.2, 0.8, 0.9]))
    with pytest.raises(Undefined, match="separates"):
        calibration_slope(y, np.array([0.9, 0.8, 0.2, 0.1]))
    with pytest.raises(Undefined, match="does not vary"):
        calibration_slope(y, np.full(4, 0.4))
    with pytest.raises(Undefined, match="no finite value"):
        temperature_slope(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))


def test_scores_of_zero_and_one_are_kept_off_the_edge() -> None:
    y, p = draws(5, 300)
    p[:5], p[5:10] = 0.0, 1.0
    assert np.isfinite(calibration_slope(y, p).value)
    assert np.isfinite(calibration_intercept(y, p).value)


def test_the_debiased_error_is_unbiased_where_the_plain_one_is_not() -> None:
    """Kumar, Liang and Ma 2019: the plain error of a calibrated model is far from 0 in small samples."""
    plain, squared = [], []
    for seed in range(300):
        y, p = draws(seed, 300)
        plain.append(expected_calibration_error(y, p, norm="l2"))
        table = reliability(y, p)
        gap = float(table.share @ (table.score - table.rate) ** 2)
        squared.append(gap - float(table.share @ (table.rate * (1 - table.rate) / (table.n - 1))))
    assert np.mean(plain) > 0.07
    assert abs(np.mean(squared)) < 3 * np.std(squared) / np.sqrt(300)


def test_bins_hold_equal_mass_and_keep_ties_together() -> None:
    y, p = draws(6, 1500)
    table = reliability(y, p)
    assert len(table.n) == 15
    assert table.n.tolist() == [100.0] * 15
    tied = reliability(y, np.round(p, 1))
    assert tied.share.sum() == pytest.approx(1.0)
    assert len(np.unique(np.round(tied.score, 9))) == len(tied.score)
    assert len(reliability(y[:25], p[:25]).n) == 2


def test_clusters_widen_the_calibration_interval() -> None:
    from audit.data.factor import Factor

    y, p = draws(7, 400, 2.0)
    rows = np.repeat(np.arange(400), 5)
    cluster = Factor(codes=rows.astype(np.int32), levels=tuple(map(str, range(400))))
    value, alone = calibration_error(y[rows], p[rows], None, None, 0.95)
    other, together = calibration_error(y[rows], p[rows], None, cluster, 0.95)
    # Copies of rows tell no more than the rows, neither of the error nor of its spread.
    assert other == pytest.approx(calibration_error(y, p, None, None, 0.95)[0], abs=0.005)
    assert other < value
    assert together.high - together.low > 1.3 * (alone.high - alone.low)
    with pytest.raises(Undefined, match="fewer than 10"):
        calibration_error(y[:5], p[:5], None, None, 0.95)
