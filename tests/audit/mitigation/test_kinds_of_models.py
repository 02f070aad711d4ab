"""Kinds of models and tables that are easily forgotten: searches, ensembles, cuts of their own, gaps in columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.errors import ModelError
from audit.integrations.mitigation import Mitigation, mitigate
from audit.mitigation import candidates
from audit.models.fit_arguments import fit_arguments
from tests.audit.mitigation.worlds import table

FEATURES = ["x", "z"]
PARTS = {name: table(900, place, gap=1.2) for place, name in enumerate(("train", "validation", "test"))}
MEMBERS = [("linear", LogisticRegression()), ("bayes", GaussianNB())]


def _done(model: Any, method: str, parts: dict[str, pd.DataFrame], target: str = "y") -> Mitigation:  # noqa: ANN401
    given: dict[str, Any] = {name: part[[*FEATURES, "sex", target]] for name, part in parts.items()}
    model.fit(parts["train"][FEATURES], parts["train"][target])
    goal = "demographic-parity" if target == "y" else "bounded-group-loss"
    more: dict[str, Any] = {"positive": "yes", "favorable": "yes"} if target == "y" else {}
    return mitigate(
        model, **given, target=target, sensitive=["sex"], features=FEATURES, method=method, constraint=goal,
        anyway=True, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2
        ),
        make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)),
        VotingClassifier(MEMBERS, voting="soft"),
        StackingClassifier(MEMBERS, cv=2),
        TransformedTargetRegressor(make_pipeline(StandardScaler(), LinearRegression())),
    ],
)
def test_weights_reach_the_estimator_that_learns(model: Any) -> None:  # noqa: ANN401
    part = PARTS["train"]
    target = part["v"] if isinstance(model, TransformedTargetRegressor) else part["y"] == "yes"
    weight = np.where(part["sex"] == "f", 5.0, 1.0)
    asked = "predict" if isinstance(model, TransformedTargetRegressor) else "predict_proba"
    plain, weighted = (
        getattr(model.fit(part[FEATURES], target, **arguments), asked)(part[FEATURES])
        for arguments in ({}, fit_arguments(model, "sample_weight", weight))
    )
    assert not np.allclose(plain, weighted, atol=1e-4)


def test_columns_with_missing_values_are_moved_where_they_are_filled() -> None:
    parts = {}
    for place, (name, part) in enumerate(PARTS.items()):
        gone = np.random.default_rng(place).random(len(part)) < np.where(part["sex"] == "f", 0.3, 0.1)
        parts[name] = part.assign(x=part["x"].mask(gone))
    done = _done(HistGradientBoostingClassifier(max_iter=10, random_state=0), "remove-correlation", parts)
    share = float(done.strength.split("%")[0]) / 100
    means = parts["train"].groupby("sex")["x"].mean() - parts["train"]["x"].mean()
    for sex, (x, _) in done.model.shifts.items():
        assert x == pytest.approx(share * means[sex])
    assert np.array_equal(
        np.isnan(done.model.last_inputs(parts["test"][[*FEATURES, "sex"]])["x"]), parts["test"]["x"].isna()
    )


@pytest.mark.parametrize("chosen", ["yes", "no"])
def test_a_small_group_keeps_the_threshold_that_the_model_had(chosen: str) -> None:
    parts = {name: part.assign(sex=part["sex"].where(np.arange(len(part)) > 15, "d")) for name, part in PARTS.items()}
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.3, pos_label=chosen)
    done = _done(model, "thresholds", parts)
    few = parts["test"][parts["test"]["sex"] == "d"]
    assert done.model.thresholds["d"] == pytest.approx(0.3 if chosen == "yes" else 0.7, abs=0.02)
    assert np.array_equal(done.model.predict(few[[*FEATURES, "sex"]]), model.predict(few[FEATURES]))


def test_a_network_answers_a_row_alone_as_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    trainers = pytest.importorskip("trainers")
    pytest.importorskip("torch")
    monkeypatch.setattr(candidates, "STRENGTHS", (10.0,))
    network = trainers.NetworkRegressor(hidden=(6,), epochs=3, random_state=0)
    model = _done(network, "penalty", PARTS, target="v").model
    X = PARTS["test"][FEATURES]
    together = model.predict(X)
    assert np.array_equal(together, model.predict(X[::-1])[::-1])
    assert np.array_equal(together[:20], np.concatenate([model.predict(X[place : place + 1]) for place in range(20)]))


def test_what_is_advised_goes_with_the_task() -> None:
    with pytest.raises(ModelError, match=r"no penalty in its loss; .*Use --method reweigh or resample\."):
        _done(LinearRegression(), "penalty", PARTS, target="v")


@pytest.mark.parametrize("method", ["thresholds", "remove-correlation"])
def test_a_library_may_write_the_names_of_columns_otherwise(method: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    names = {"x": "years of work", "z": "last pay"}
    parts: dict[str, Any] = {
        name: part.drop(columns=["kind", "v"]).rename(columns=names) for name, part in PARTS.items()
    }
    columns = list(names.values())
    model = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1)
    model.fit(parts["train"][columns], parts["train"]["y"])
    assert list(model.feature_name_) != columns
    done = mitigate(
        model, **parts, target="y", positive="yes", favorable="yes", sensitive=["sex"], features=columns, method=method,
        constraint="demographic-parity",
    )  # fmt: skip
    assert done.record is not None
    before, after = (done.record.metric(f"gap_{arm}", feature="sex").value or 0.0 for arm in ("before", "after"))
    assert after < before
    assert len(done.model.predict(parts["test"][[*columns, "sex"]])) == len(parts["test"])
