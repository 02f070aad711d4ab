"""What a prediction counts, from the size of any object that predicts."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import Lasso, LassoCV
from sklearn.neural_network import MLPClassifier

from audit.models.cost import GRADIENT_TREE, affordable, operations


class Strange:
    """Raises at whatever is asked of it, as lazily loaded objects may."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


class WithLibraries:
    """Holds a shared library, a module, itself and a strange object, as adapters of other languages do."""

    def __init__(self) -> None:
        self.parts: list[object] = [ctypes.CDLL(None), ctypes, Strange(), self]


def test_any_object_can_be_counted() -> None:
    assert operations(WithLibraries()) == 1
    assert operations(Strange()) == 1


def test_more_trees_count_more() -> None:
    X, y = np.arange(60.0).reshape(-1, 1), np.arange(60) % 2
    few, many = (RandomForestClassifier(count, random_state=0).fit(X, y) for count in (5, 50))
    assert operations(many) == pytest.approx(10 * operations(few), rel=0.2)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_rounds_of_a_booster_count(library: str) -> None:
    boosting: Any = pytest.importorskip(library, reason=f"{library} is an extra: pip install 'modelassay[boosting]'")
    X, y = np.arange(60.0).reshape(-1, 1), np.arange(60) % 2
    kind = boosting.LGBMClassifier if library == "lightgbm" else boosting.XGBClassifier
    quiet = {"verbose": -1} if library == "lightgbm" else {}
    few, many = (kind(n_estimators=count, n_jobs=1, **quiet).fit(X, y) for count in (10, 1000))
    assert operations(many) > 50 * operations(few)
    assert affordable(1000, many) < 1000


def test_what_no_prediction_reads_does_not_count() -> None:
    X, y = np.random.default_rng(0).normal(size=(400, 30)).round(6), np.arange(400) % 2
    boosted = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, y)
    assert operations(boosted) < 1.2 * 5 * GRADIENT_TREE
    network = MLPClassifier((50,), max_iter=1, random_state=0)
    with pytest.warns(match="converged"):
        network.fit(X, y)
    assert operations(network) == pytest.approx(sum(one.size for one in network.coefs_ + network.intercepts_), rel=0.1)
    searched = LassoCV(cv=3).fit(X, y)
    assert operations(searched) == operations(Lasso().fit(X, y))
