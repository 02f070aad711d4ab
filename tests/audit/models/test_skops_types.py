"""Models of scikit-learn saved with options beyond the defaults load without further trust; what runs code does not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import skops.io
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest, SelectPercentile, chi2, mutual_info_classif
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from audit.errors import UntrustedTypesError
from audit.models.load import load

RNG = np.random.default_rng(3)
N = pd.DataFrame({"a": RNG.normal(size=80), "b": RNG.gamma(2, size=80), "c": RNG.integers(0, 5, 80)})
WORDS = N.assign(k=pd.Categorical(RNG.choice(list("xyz"), 80)))
LABEL = np.where(N["a"] + N["b"] > 2, "high", "low")
GRID = {"C": [0.1, 1.0]}
words = make_column_selector(dtype_include="category")

MODELS: dict[str, tuple[BaseEstimator, pd.DataFrame]] = {
    "categories by place": (HistGradientBoostingClassifier(categorical_features=[2], max_iter=3), N),
    "categories by dtype": (HistGradientBoostingClassifier(max_iter=3), WORDS),
    "quantile": (HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=3), N),
    "halving": (HalvingGridSearchCV(LogisticRegression(), GRID, cv=2), N),
    "repeated folds": (
        GridSearchCV(LogisticRegression(), GRID, cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2)),
        N,
    ),
    "folds in time": (GridSearchCV(LogisticRegression(), GRID, cv=TimeSeriesSplit(2)), N),
    "mutual information": (make_pipeline(SelectKBest(mutual_info_classif, k=1), LogisticRegression()), N),
    "chi squared": (make_pipeline(MinMaxScaler(), SelectPercentile(chi2), LogisticRegression()), N),
    "iterative imputer": (make_pipeline(IterativeImputer(max_iter=2, tol=1.0), LogisticRegression()), N),
    "kernels": (GaussianProcessRegressor(ConstantKernel() * Matern() + DotProduct(), optimizer=None), N),
    "temperature": (CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2), N),
    "deviance": (TweedieRegressor(power=1.5), N),
    "selected columns": (
        make_pipeline(
            make_column_transformer((OneHotEncoder(), words), (StandardScaler(), ["a", "b"])), LogisticRegression()
        ),
        WORDS,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_ordinary_model_loads_and_answers_as_before(name: str, tmp_path: Path) -> None:
    model, X = MODELS[name]
    y = N["b"] if "Regressor" in type(model).__name__ else LABEL
    model.fit(X, y)
    skops.io.dump(model, tmp_path / "m.skops")
    predictor = load(tmp_path / "m.skops").predictor
    np.testing.assert_array_equal(predictor.predict(X), model.predict(X))


def test_a_partial_of_an_untrusted_function_is_named(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(partial(np.fromfile, dtype=float)), LogisticRegression())
    skops.io.dump(model, tmp_path / "m.skops")
    with pytest.raises(UntrustedTypesError, match="fromfile"):
        load(tmp_path / "m.skops")


def test_distributions_of_a_search_run_code_and_are_refused_with_the_way_out(tmp_path: Path) -> None:
    draws = {"C": scipy.stats.loguniform(0.1, 1)}
    skops.io.dump(RandomizedSearchCV(LogisticRegression(), draws, cv=2, n_iter=2).fit(N, LABEL), tmp_path / "m.skops")
    with pytest.raises(UntrustedTypesError, match="best_estimator_"):
        load(tmp_path / "m.skops")
