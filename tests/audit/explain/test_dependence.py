"""Partial dependence, interactions and attributions by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence

from audit.checks.dependence import dependence
from audit.checks.group_attribution import group_attribution
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Attributions, Predictions, Settings
from audit.explain.dependence import Shapes, grid_of, individual_curves, interaction_strength
from audit.gather import Context
from audit.gather.dependence import gather

Fitted = Callable[[str], Context]
RNG = np.random.default_rng


def test_partial_dependence_is_scikit_learns(fitted: Fitted) -> None:
    context = fitted("boosting-regressor")
    data = context.dataset
    X = data.inputs(data.rows("test"))
    theirs = partial_dependence(context.require_model().predictor, X, ["a"], grid_resolution=10, method="brute")
    grid = theirs["grid_values"][0]
    predict = context.require_model().predictor.predict

    def score(Z: np.ndarray) -> np.ndarray:
        return np.asarray(predict(pd.DataFrame(Z, columns=X.columns)))

    ours = individual_curves(score, X.to_numpy(dtype=float), 0, grid)
    assert ours.mean(axis=0) == pytest.approx(theirs["average"][0], abs=1e-6)


def test_interactions_are_found_and_sums_have_none() -> None:
    rows, background = RNG(0).normal(size=(50, 3)), RNG(1).normal(size=(20, 3))
    found = interaction_strength(
        lambda Z: Z[:, 0] * Z[:, 1] + np.exp(Z[:, 2]), rows, background, [(0, 1), (0, 2), (1, 2)]
    )
    assert found[0].mean() > 0.5
    assert np.abs(found[1:]).max() < 1e-9


@pytest.mark.parametrize(
    ("column", "numeric", "expected"),
    [
        ([1, 1, 2, 2], True, [1, 2]),
        ([np.nan, np.nan], True, [np.nan]),
        ([5, 5, 5], True, [5]),
        ([0, 1, 1, 2, 2, 2], False, [2, 1, 0]),
    ],
)
def test_grids_fit_the_column(column: list[float], numeric: bool, expected: list[float]) -> None:
    assert grid_of(np.array(column, dtype=float), numeric=numeric, points=20) == pytest.approx(expected, nan_ok=True)


def test_grids_of_whole_numbers_are_whole() -> None:
    grid = grid_of(RNG(0).integers(0, 1000, 500).astype(float), numeric=True, points=20)
    assert (grid == np.round(grid)).all()
    assert len(grid) == 20


@pytest.mark.parametrize("kind", ["logistic", "boosting-categories", "pipeline", "softmax", "linear", "svc"])
def test_dependence_of_every_kind_of_model(kind: str, fitted: Fitted) -> None:
    context = fitted(kind)
    shapes = cast("Shapes", context.need("dependence"))
    measured = dependence(shapes, cast("Predictions", context.need("predictions")))
    if kind != "softmax":  # each row has the curve of its own class there
        assert measured.summary.startswith("Over its values, a moves")
    assert {exhibit.kind for exhibit in measured.exhibits} >= {"curve", "table"}
    (top,) = (e for e in measured.estimates if e.metric == "dependence_range" and e.where["feature"] == "a")
    assert top.low is not None
    assert top.low > 0
    if kind == "logistic":
        assert top.unit == "probability"
        assert all((e.value or 0) < 1e-9 for e in measured.estimates if e.metric == "interaction_strength")


def test_fewer_features_than_asked_for(fitted: Fitted) -> None:
    shapes = gather(fitted("logistic"), features=2, paired=1)
    assert len(shapes.dependences) == 2
    assert shapes.interactions == ()


def made(groups: list[str], scales: dict[str, list[float]], seed: int = 0) -> Attributions:
    values = np.stack([RNG(seed + k).normal(size=3) * scales[g] for k, g in enumerate(groups)])
    keys = {"split": Factor.constant("test", len(groups)), "sex": Factor.of(groups)}
    return Attributions(method="tree", features=("a", "b", "c"), values=values, scale="log-odds", keys=keys)


PREDICTIONS = Predictions(
    task="binary",
    classes=("n", "y"),
    y_true=np.zeros(1),
    y_pred=np.zeros(1),
    sensitive=("sex",),
    settings=Settings(min_n=20),
)


def test_groups_driven_by_the_same_features_do_not_differ_beyond_chance() -> None:
    rejections = 0
    for seed in range(0, 40_000, 1000):
        measured = group_attribution(made(["f", "m"] * 50, {"f": [3, 2, 1], "m": [3, 2, 1]}, seed), PREDICTIONS)
        p = [e.value for e in measured.estimates if e.metric == "group_attribution_p_value"]
        rejections += min(v for v in p if v is not None) < 0.05
    assert rejections <= 6


def test_groups_driven_by_other_features_differ() -> None:
    measured = group_attribution(made(["f", "m"] * 50, {"f": [3, 1, 1], "m": [1, 1, 3]}), PREDICTIONS)
    assert "differs by more than chance in 2 of 2 groups" in measured.summary
    share = {
        (e.where["sex"], e.where["feature"]): e.value
        for e in measured.estimates
        if e.metric == "group_attribution_share"
    }
    assert (share["f", "a"] or 0) > 0.5 > (share["m", "a"] or 1)


def test_small_groups_are_left_out() -> None:
    with pytest.raises(NotApplicable, match="two groups with at least 20"):
        group_attribution(made(["f"] * 50 + ["m"] * 5, {"f": [1, 1, 1], "m": [1, 1, 1]}), PREDICTIONS)


def test_thin_groups_get_more_rows_for_their_own_feature_alone(fitted: Fitted) -> None:
    context = fitted("logistic")
    context = Context(
        model=context.model,
        dataset=context.dataset,
        settings=context.settings,
        seed=1,
        options={"attributions": {"rows": 30}, "group_attributions": {"rows": 40}},
    )
    found = cast("Attributions", context.need("group_attributions"))
    assert (found.keys["sex"].counts() == 40).all()
    assert set(found.keys["variant"].levels) == {"(drawn)", "sex"}
    assert len(set(found.row.tolist())) == len(found.row)
    assert found.output is not None
    assert found.base is not None
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.output)
    assert any("rows more" in note for note in found.notes)


def test_without_sensitive_features_there_are_no_groups(fitted: Fitted) -> None:
    from audit.data.dataset import Roles, build

    context = fitted("logistic")
    frame = context.dataset.frame.take(context.dataset.rows("test"))
    alone = build({"test": frame}, Roles(target="y", task="binary", positive=1))
    with pytest.raises(NotApplicable, match="sensitive feature"):
        Context(model=context.model, dataset=alone, settings=Settings()).need("group_attributions")
