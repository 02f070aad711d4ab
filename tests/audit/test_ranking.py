"""ROC AUC and average precision against brute force."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.factor import Factor
from audit.estimate.measure import estimate
from audit.evidence import Predictions, Repeats
from audit.statistics.ranking import auc_interval, average_precision, newcombe_auc, roc_auc
from audit.statistics.variance import Undefined, Variance, variance

Scores = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(4, 40))
    y = rng.random(n) < 0.5
    y[:2], y[2:4] = True, False
    return y, rng.integers(0, draw(st.integers(1, 30)), n).astype(float)


def components(y: npt.NDArray[np.bool_], s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Compare every pair (DeLong et al. 1988, equations 1 and 2)."""
    return np.sign(s[y][:, None] - s[~y][None, :]) / 2 + 0.5


@given(scores())
def test_auc_and_variance_are_delongs(case: Scores) -> None:
    y, s = case
    pairs = components(y, s)
    found = roc_auc(y, s)
    assert found.value == pytest.approx(pairs.mean())
    expected = pairs.mean(1).var(ddof=1) / y.sum() + pairs.mean(0).var(ddof=1) / (~y).sum()
    assert variance(found.influence).value == pytest.approx(expected, abs=1e-12)


@given(scores())
def test_the_paired_variance_is_delongs(case: Scores) -> None:
    y, s = case
    other = np.random.default_rng(len(s)).integers(0, 9, len(s)).astype(float)
    one, two = components(y, s), components(y, other)
    expected = sum(
        float(np.var((one - two).mean(axis), ddof=1)) / size for axis, size in ((1, y.sum()), (0, (~y).sum()))
    )
    found = variance(roc_auc(y, s).influence - roc_auc(y, other).influence)
    assert found.value == pytest.approx(expected, abs=1e-12)


@given(scores())
def test_whole_weights_are_repeated_rows(case: Scores) -> None:
    y, s = case
    weight = np.random.default_rng(len(s)).integers(1, 4, len(s))
    rows = np.repeat(np.arange(len(s)), weight)
    for metric in (roc_auc, average_precision):
        assert metric(y, s, weight.astype(float)).value == pytest.approx(metric(y[rows], s[rows]).value)


@given(scores(), st.integers(0, 3))
def test_influence_is_a_derivative(case: Scores, row: int) -> None:
    y, s = case
    step = 1e-6
    for metric in (roc_auc, average_precision):
        up, down = np.ones(len(s)), np.ones(len(s))
        up[row], down[row] = 1 + step, 1 - step
        slope = (metric(y, s, up).value - metric(y, s, down).value) / (2 * step) * len(s)
        # The AUC's influence carries DeLong's factor for the class, m / (m − 1), over all rows' n / (n − 1).
        found = metric(y, s).influence[row]
        if metric is roc_auc:
            m, n = int(y.sum() if y[row] else (~y).sum()), len(s)
            found = found / np.sqrt(m / (m - 1) / (n / (n - 1)))
        assert found == pytest.approx(slope, abs=1e-4)


@given(scores())
def test_order_alone_matters(case: Scores) -> None:
    y, s = case
    assert roc_auc(y, np.exp(s / 10)).value == pytest.approx(roc_auc(y, s).value)
    assert roc_auc(~y, s).value == pytest.approx(1 - roc_auc(y, s).value)
    assert roc_auc(y, -s).value == pytest.approx(1 - roc_auc(y, s).value)


def test_one_class_is_undefined() -> None:
    with pytest.raises(Undefined, match="negative"):
        roc_auc(np.ones(3, dtype=bool), np.arange(3.0))
    with pytest.raises(Undefined, match="positive"):
        average_precision(np.zeros(3, dtype=bool), np.arange(3.0))
    with pytest.raises(Undefined, match="positive"):
        roc_auc(np.array([True, False]), np.arange(2.0), np.array([0.0, 1.0]))


@given(st.floats(0, 1), st.integers(2, 200), st.integers(2, 200))
def test_newcombes_interval_holds_its_value_and_mirrors(area: float, m: int, n: int) -> None:
    found, mirrored = newcombe_auc(area, m, n, 0.95), newcombe_auc(1 - area, m, n, 0.95)
    assert 0 <= found.low <= area <= found.high <= 1
    assert found.low < found.high
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-6)


def test_a_sure_variance_gives_delong_on_the_logit_scale() -> None:
    y = np.repeat([True, False], 500)
    low, high, method = auc_interval(0.8, Variance(0.014**2, 1e9), y, None, 0.95, 1.0)
    reach = 1.959964 * 0.014 / (0.8 * 0.2)
    center = np.log(4)
    assert [low, high] == pytest.approx(
        [1 / (1 + np.exp(-center + reach)), 1 / (1 + np.exp(-center - reach))], abs=1e-6
    )
    assert method == "delong, logit scale"


def of_weights(weight: npt.NDArray[np.float64], *, scale: float = 1.0, pairs: bool = False) -> Predictions:
    """Forty positive rows with these weights, all before sixty negative ones."""
    y = np.repeat([1, 0], [40, 60])
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=y, y_pred=y, y_score=y * 0.5 + 0.25, probabilities=True,
        weight=np.concatenate([weight, np.ones(60)]) * scale,
        cluster=Factor.of((np.arange(100) // 2).tolist()) if pairs else None,
    )  # fmt: skip


def test_average_precision_counts_as_many_positives_as_their_weights_are_worth() -> None:
    """Half the positives weigh three times as much: 40 rows of 80 and 200 are worth 80² / 200 = 32 (Kish 1965).

    Where all stand first, the lower limit is Wilson's of 32 of 32, which is 32 / (32 + 1.959964²).
    """
    square = 1.959964**2
    unequal = np.repeat([1.0, 3.0], 20)
    for rows, positives in (
        (of_weights(np.ones(40)), 40),
        (of_weights(np.full(40, 7.0)), 40),
        (of_weights(unequal), 32),
        (of_weights(unequal, scale=1000.0), 32),
        (of_weights(unequal, scale=1e-6), 32),
        (of_weights(np.ones(40), pairs=True), 20),
    ):
        found = estimate(rows, "average_precision")
        assert found.value == pytest.approx(1.0)
        assert found.low == pytest.approx(positives / (positives + square), rel=1e-6)
    cells = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.array([1, 0]), y_pred=np.array([1, 0]), probabilities=True,
        y_score=np.array([0.75, 0.25]), weight=np.array([80.0, 60.0]),
        repeats=Repeats(np.array([40, 60]), np.array([200.0, 60.0])),
    )  # fmt: skip
    assert estimate(cells, "average_precision").low == pytest.approx(32 / (32 + square), rel=1e-6)


def test_the_spread_of_a_weighted_average_precision_is_that_of_new_samples() -> None:
    """Over 400 samples the standard error is the standard deviation of what comes out, within a tenth."""
    generator = np.random.default_rng(4)
    values, errors = [], []
    for _ in range(400):
        y = generator.random(500) < 0.3
        score = generator.normal(size=500) + 1.2 * y
        weight = generator.choice([0.5, 1.0, 4.0], 500)
        form = average_precision(y, score, weight)
        values.append(form.value)
        errors.append(variance(form.influence, weight).value)
    assert np.sqrt(np.mean(errors)) == pytest.approx(np.std(values), rel=0.1)
