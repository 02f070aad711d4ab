"""Weights reach every estimator that learns, however deep it stands, or are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.models.fit_arguments import fit_arguments
from audit.models.load import wrap

WEIGHED: list[bool] = []


class Witness(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """Notes whether it learned by weights."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Witness:  # noqa: ANN401
        """Fit, and note."""
        WEIGHED.append(sample_weight is not None and len(np.unique(sample_weight)) > 1)
        super().fit(X, y, sample_weight=sample_weight)
        return self


STEPS = make_pipeline(StandardScaler(), Witness())
NEIGHBORS = KNeighborsClassifier()
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 2))
Y = (X[:, 0] + GENERATOR.normal(size=200) > 0).astype(int)
W = np.where(X[:, 1] > 0, 6.0, 0.5)


@pytest.mark.filterwarnings("ignore:Since .* does not appear to accept sample_weight")
@pytest.mark.parametrize(
    "model",
    [
        STEPS,
        make_pipeline(StandardScaler(), STEPS),
        CalibratedClassifierCV(Witness(), cv=2),
        CalibratedClassifierCV(STEPS, cv=2),
        CalibratedClassifierCV(STEPS, cv=2, ensemble=False),
        make_pipeline(StandardScaler(), CalibratedClassifierCV(STEPS, cv=2)),
        GridSearchCV(CalibratedClassifierCV(STEPS, cv=2), {"method": ["sigmoid"]}, cv=2),
        CalibratedClassifierCV(RandomizedSearchCV(STEPS, {"witness__C": [1.0]}, n_iter=1, cv=2), cv=2),
        BaggingClassifier(Witness(), 3, random_state=0),
        AdaBoostClassifier(Witness(), n_estimators=3),
        VotingClassifier([("a", Witness()), ("b", "drop"), ("c", GaussianNB())], voting="soft"),
        VotingClassifier([("a", VotingClassifier([("b", Witness())])), ("c", GaussianNB())]),
        StackingClassifier([("a", Witness()), ("c", GaussianNB())], Witness(), cv=2),
        RFE(Witness(), n_features_to_select=1),
    ],
)
def test_everything_that_learns_is_given_the_weights(model: Any) -> None:  # noqa: ANN401
    WEIGHED.clear()
    weighed = clone(model).fit(X, Y, **fit_arguments(model, "sample_weight", W))
    assert WEIGHED
    assert all(WEIGHED)
    asked = "predict_proba" if hasattr(weighed, "predict_proba") else "predict"
    plain = clone(model).fit(X, Y)
    assert not np.allclose(getattr(weighed, asked)(X), getattr(plain, asked)(X))


def test_bagging_draws_by_the_weights_what_takes_none() -> None:
    model = BaggingClassifier(NEIGHBORS, 5, random_state=0)
    weighed, plain = (clone(model).fit(X, Y, **given) for given in (fit_arguments(model, "sample_weight", W), {}))
    assert not np.allclose(weighed.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (NEIGHBORS, "KNeighborsClassifier"),
        (CalibratedClassifierCV(NEIGHBORS), "KNeighborsClassifier"),
        (GridSearchCV(make_pipeline(NEIGHBORS), {}), "KNeighborsClassifier"),
        (CalibratedClassifierCV(FrozenEstimator(LogisticRegression())), "FrozenEstimator"),
        (BaggingClassifier(STEPS, bootstrap=False), "BaggingClassifier without bootstrap"),
        (CalibratedClassifierCV(GridSearchCV(Witness(), {})), "GridSearchCV inside CalibratedClassifierCV"),
        (CalibratedClassifierCV(VotingClassifier([("a", Witness())])), "VotingClassifier inside Calibrated"),
        (AdaBoostClassifier(GridSearchCV(Witness(), {})), "GridSearchCV inside AdaBoostClassifier"),
        (AdaBoostClassifier(STEPS), "Pipeline inside AdaBoostClassifier"),
        (VotingClassifier([("a", STEPS), ("b", GaussianNB())]), "Pipeline inside VotingClassifier"),
        (VotingClassifier([("a", NEIGHBORS)]), "KNeighborsClassifier takes no sample weights inside VotingClassifier"),
        (StackingClassifier([("a", Witness())], NEIGHBORS), "KNeighborsClassifier"),
        (OneVsRestClassifier(Witness()), "OneVsRestClassifier"),
        (make_pipeline(OneVsOneClassifier(Witness())), "OneVsOneClassifier"),
        (FixedThresholdClassifier(Witness()), "FixedThresholdClassifier"),
    ],
)
def test_what_the_weights_would_not_reach_is_refused_by_name(model: Any, named: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="takes no sample weights") as caught:
        fit_arguments(model, "sample_weight", W)
    assert named in str(caught.value)


def test_other_arguments_are_not_brought_where_they_are_not_known() -> None:
    with pytest.raises(ValueError, match="LogisticRegression takes no penalty_of_mine"):
        fit_arguments(make_pipeline(LogisticRegression()), "penalty_of_mine", 1)


def test_what_is_frozen_is_not_refitted() -> None:
    inside = FrozenEstimator(LogisticRegression().fit(X, Y))
    for model in (inside, CalibratedClassifierCV(inside).fit(X, Y), make_pipeline(inside)):
        assert "FrozenEstimator" in wrap(model).obstacle_to_refit()
    learned = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), LogisticRegression()).fit(X, Y)
    assert wrap(learned).obstacle_to_refit() == ""
    assert wrap(RandomForestClassifier(2).fit(X, Y)).obstacle_to_refit() == ""
