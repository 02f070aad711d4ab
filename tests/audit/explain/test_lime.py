"""Batched LIME against the lime package, and by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr

from audit.errors import ConfigError, NotApplicable
from audit.explain.encoding import FloatArray
from audit.explain.lime_tabular import cut, lime_tabular
from audit.gather import Context
from audit.gather.lime import gather

Fitted = Callable[[str], Context]
RNG = np.random.default_rng


def bent(Z: FloatArray) -> FloatArray:
    return np.asarray(2 * Z[:, 0] - Z[:, 1] + 0.5 * Z[:, 0] * Z[:, 2])


def test_coefficients_are_the_packages() -> None:
    tabular = pytest.importorskip("lime.lime_tabular")
    table, rows = RNG(0).normal(size=(500, 6)), RNG(1).normal(size=(10, 6))
    ours = lime_tabular(bent, rows, cut(table, np.ones(6, dtype=bool)), generator=RNG(2), samples=5000)
    explainer = tabular.LimeTabularExplainer(table, mode="regression", random_state=0)
    theirs, fit = np.zeros((10, 6)), np.zeros(10)
    for number, row in enumerate(rows):
        found = explainer.explain_instance(row, bent, num_features=6, num_samples=5000)
        for feature, weight in found.local_exp[1]:
            theirs[number, feature] = weight
        fit[number] = found.score
    assert np.corrcoef(ours.values.ravel(), theirs.ravel())[0, 1] > 0.995
    assert ours.fit == pytest.approx(fit, abs=0.04)


def test_categories_are_sampled_as_the_package_does() -> None:
    tabular = pytest.importorskip("lime.lime_tabular")
    rng = RNG(0)
    table = np.column_stack([rng.normal(size=500), rng.choice(3, p=[0.6, 0.3, 0.1], size=500).astype(float)])

    def score(Z: FloatArray) -> FloatArray:
        return np.asarray(Z[:, 0] + 3 * (Z[:, 1] == 2))

    ours = lime_tabular(score, table[:20], cut(table, np.array([True, False])), generator=rng)
    explainer = tabular.LimeTabularExplainer(table, mode="regression", categorical_features=[1], random_state=0)
    theirs = np.array([dict(explainer.explain_instance(row, score).local_exp[1])[1] for row in table[:20]])
    assert np.corrcoef(ours.values[:, 1], theirs)[0, 1] > 0.98


def test_a_missing_number_is_a_bin_of_its_own() -> None:
    table = np.array([[1.0], [2.0], [3.0], [np.nan]])
    (bins,) = cut(table, np.array([True]))
    assert bins.share.tolist() == [0.25, 0.25, 0.0, 0.25, 0.25]
    drawn = bins.draw(np.array([4, 4]), RNG(0))
    assert np.isnan(drawn).all()
    found = lime_tabular(lambda Z: np.isnan(Z[:, 0]).astype(float), table, (bins,), generator=RNG(0))
    assert found.values[3, 0] > 0.9
    assert found.values[0, 0] < 0


def test_numbers_stay_in_their_bins() -> None:
    table = RNG(0).normal(size=(300, 1))
    (bins,) = cut(table, np.array([True]))
    place = RNG(1).integers(0, 4, size=1000)
    drawn = bins.draw(place, RNG(2))
    assert ((drawn >= bins.low[place]) & (drawn <= bins.high[place])).all()
    assert (bins.place(drawn) == place).mean() > 0.999


@pytest.mark.parametrize("constant", [0.0, np.nan])
def test_constant_features_have_no_weight(constant: float) -> None:
    table = np.column_stack([RNG(0).normal(size=100), np.full(100, constant)])
    found = lime_tabular(lambda Z: Z[:, 0], table[:3], cut(table, np.ones(2, dtype=bool)), generator=RNG(0))
    assert np.abs(found.values[:, 1]).max() < 1e-9
    assert np.abs(found.values[:, 0]).max() > 0.1


def test_a_constant_output_fits_nothing() -> None:
    table = RNG(0).normal(size=(100, 2))
    found = lime_tabular(lambda Z: np.ones(len(Z)), table[:3], cut(table, np.ones(2, dtype=bool)), generator=RNG(0))
    assert np.abs(found.values).max() < 1e-9
    assert found.fit.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "kind", ["logistic", "boosting", "boosting-categories", "pipeline", "svc", "softmax", "linear"]
)
def test_every_kind_of_model(kind: str, fitted: Fitted) -> None:
    found = gather(fitted(kind), rows=12, samples=2000)
    importance = np.abs(found.values).mean(axis=0)
    assert found.features[int(importance.argmax())] == "a"
    assert found.fit is not None
    assert ((found.fit > 0) & (found.fit < 1)).all()
    assert found.base is None


def test_the_package_is_an_engine_too(fitted: Fitted) -> None:
    pytest.importorskip("lime")
    ours = gather(fitted("logistic"), rows=8)
    theirs = gather(fitted("logistic"), rows=8, engine="package")
    assert np.corrcoef(ours.values.ravel(), theirs.values.ravel())[0, 1] > 0.98
    assert spearmanr(np.abs(ours.values).mean(0), np.abs(theirs.values).mean(0)).statistic > 0.7


def test_the_package_reads_no_missing_numbers(fitted: Fitted) -> None:
    pytest.importorskip("lime")
    with pytest.raises(NotApplicable, match="missing numbers"):
        gather(fitted("boosting"), rows=40, engine="package")


def test_an_unknown_engine_gets_a_hint(fitted: Fitted) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'package'"):
        gather(fitted("logistic"), engine="packages")
