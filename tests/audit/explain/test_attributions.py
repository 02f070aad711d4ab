"""The gatherer of attributions: right for every kind of model, repeatable, honest about what it sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from audit.data.dataset import Dataset, Roles, build
from audit.errors import ConfigError, MissingExtra, ModelError, NotApplicable
from audit.evidence import Absence, Settings
from audit.explain.exact import exact_shapley
from audit.explain.tree import count_leaves, tree_scale, tree_shapley
from audit.gather import Context
from audit.gather._explained import draw_explained
from audit.gather.attributions import gather
from audit.models.load import wrap

Fitted = Callable[[str], Context]

EXPECTED = {
    "logistic": ("additive", "log-odds"),
    "softmax": ("exact", "log-odds"),
    "linear": ("additive", "target"),
    "boosting": ("tree", "log-odds"),
    "boosting-categories": ("permutation", "log-odds"),
    "boosting-regressor": ("tree", "target"),
    "boosting-multiclass": ("exact", "log-odds"),
    "forest": ("tree", "probability"),
    "pipeline": ("additive", "log-odds"),
    "boosting-pipeline": ("tree", "log-odds"),
    "svc": ("exact", "margin"),
    "network": ("exact", "log-odds"),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_kind_of_model_is_explained_and_adds_up(kind: str, fitted: Fitted) -> None:
    (found,) = gather(fitted(kind), rows=30)
    assert (found.method, found.scale) == EXPECTED[kind]
    assert found.values.shape == (30, len(found.features))
    assert found.base is not None
    assert found.output is not None
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.output, abs=1e-5)
    assert found.residual is not None
    assert found.residual < 1e-5
    importance = dict(zip(found.features, np.abs(found.values).mean(axis=0), strict=True))
    assert max(importance, key=importance.__getitem__) == "a"
    assert importance["noise"] < importance["b"]
    assert set(found.keys) >= {"split", "sex"}
    assert len(found.row) == 30


def test_log_odds_are_those_of_the_positive_class(fitted: Fitted) -> None:
    context = fitted("logistic")
    (found,) = gather(context, rows=10, background=20)
    X = context.dataset.inputs(found.row.astype(np.intp))
    p = context.require_model().predictor.predict_proba(X)[:, 1]  # type: ignore[attr-defined]
    assert found.output == pytest.approx(np.log(p / (1 - p)))


def test_the_other_class_as_positive_turns_the_sign(fitted: Fitted) -> None:
    context = fitted("boosting")
    data = context.dataset
    turned = build(
        {name: data.frame.take(data.rows(name)) for name in ("train", "test")},
        Roles(target="y", task="binary", positive=0, sensitive=("sex",)),
    )
    (one,) = gather(context, rows=10, background=20)
    (other,) = gather(replace(context, dataset=turned, collected={}), rows=10, background=20)
    assert one.values == pytest.approx(-other.values)


@pytest.mark.parametrize("kind", ["boosting", "boosting-regressor", "forest", "boosting-pipeline"])
def test_trees_agree_with_enumeration(kind: str, fitted: Fitted) -> None:
    (trees,) = gather(fitted(kind), rows=8, background=20, method="tree")
    (exact,) = gather(fitted(kind), rows=8, background=20, method="exact")
    assert trees.values == pytest.approx(exact.values, abs=1e-4)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (GradientBoostingClassifier, 1),
        (GradientBoostingRegressor, None),
        (HistGradientBoostingClassifier, 1),
        (HistGradientBoostingRegressor, None),
        (RandomForestClassifier, 0),
        (ExtraTreesRegressor, None),
        (DecisionTreeClassifier, 1),
    ],
)
def test_leaf_by_leaf_trees_are_what_shap_says(kind: type, column: int | None, missing: bool) -> None:
    shap = pytest.importorskip("shap", reason="shap is an extra: pip install 'modelassay[explain]'")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6)).astype(np.float32).astype(float)
    y = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=500)
    if missing and "Hist" not in kind.__name__:
        pytest.skip("shap sends missing values of these trees elsewhere")
    X[rng.random(X.shape) < 0.2 * missing] = np.nan
    model = kind(random_state=0, max_depth=4).fit(X, y if column is None else (y > 0).astype(int))
    rows, behind = pd.DataFrame(X[:30]), pd.DataFrame(X[100:140])
    found = tree_shapley(model, rows, behind, column=column)
    theirs = shap.TreeExplainer(model, behind.to_numpy(), feature_perturbation="interventional")
    values = theirs.shap_values(rows.to_numpy(), check_additivity=False)
    base = np.ravel(theirs.expected_value)
    assert found.values == pytest.approx(values[..., column] if values.ndim == 3 else values, abs=1e-6)
    assert found.base == pytest.approx(base[min(column or 0, len(base) - 1)], abs=1e-6)


def test_features_of_several_columns_are_one_player() -> None:
    """Trees behind one-hot columns: the exact values of all coalitions of the table's own features."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400), "job": rng.integers(0, 4, 400)})
    hot = pd.get_dummies(table, columns=["job"], dtype=float)
    truth = table["x"] + (table["job"] == 0) * table["z"] + 0.5 * (table["job"] == 1)
    model = HistGradientBoostingRegressor(max_iter=15, random_state=0).fit(hot.to_numpy(), truth)

    def score(numbers: np.ndarray) -> np.ndarray:
        jobs = np.eye(4)[numbers[:, 2].astype(int)]
        return np.asarray(model.predict(np.column_stack([numbers[:, :2], jobs])))

    exact = exact_shapley(score, table[:20].to_numpy(), table[50:80].to_numpy())
    owner = np.array([0, 1, 2, 2, 2, 2])
    found = tree_shapley(model, hot[:20], hot[50:80], column=None, owner=owner, features=3)
    assert found.values == pytest.approx(exact.values, abs=1e-9)
    assert found.base == pytest.approx(exact.base, abs=1e-9)


def test_pairs_are_counted_in_parts_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(300, 5))
    model = RandomForestRegressor(3, random_state=0).fit(X, X[:, 0] * X[:, 1])
    rows, behind = pd.DataFrame(X[:20]), pd.DataFrame(X[50:90])
    whole = tree_shapley(model, rows, behind, column=None)
    monkeypatch.setattr("audit.explain.leaves.PAIRS_AT_A_TIME", 50)
    assert tree_shapley(model, rows, behind, column=None).values == pytest.approx(whole.values, abs=1e-12)


def test_numbers_on_a_threshold_go_the_way_the_trees_send_them() -> None:
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 2000, (600, 3)) / 1000, columns=list("abc"))
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(X, X["a"] + X["b"] * X["c"])
    found = tree_shapley(model, X[:100], X[100:200], column=None)
    assert found.values.sum(axis=1) + found.base == pytest.approx(model.predict(X[:100]), abs=1e-6)


@pytest.mark.parametrize("kind", ["logistic", "pipeline", "linear"])
def test_closed_form_agrees_with_enumeration(kind: str, fitted: Fitted) -> None:
    (closed,) = gather(fitted(kind), rows=8, background=20, method="additive")
    (exact,) = gather(fitted(kind), rows=8, background=20, method="exact")
    assert closed.values == pytest.approx(exact.values, abs=1e-6)


def test_linear_coefficients_are_recovered(fitted: Fitted) -> None:
    context = fitted("linear")
    (found,) = gather(context, rows=20, background=20)
    what = draw_explained(context, rows=20, background=20)
    coefficients = context.require_model().predictor.coef_  # type: ignore[attr-defined]
    assert found.values == pytest.approx((what.X - what.background.mean(axis=0)) * coefficients)


def test_same_seed_same_numbers_and_another_seed_other_rows(fitted: Fitted) -> None:
    context = fitted("boosting-categories")
    (one,), (again,) = gather(context, rows=12, background=10), gather(context, rows=12, background=10)
    assert one.values.tolist() == again.values.tolist()
    (other,) = gather(replace(context, seed=8), rows=12, background=10)
    assert one.row.tolist() != other.row.tolist()


def test_fewer_rows_are_the_first_of_more(fitted: Fitted) -> None:
    (few,), (more,) = gather(fitted("logistic"), rows=5), gather(fitted("logistic"), rows=9)
    assert more.row[:5].tolist() == few.row.tolist()


def test_what_was_sampled_is_said(fitted: Fitted) -> None:
    (found,) = gather(fitted("boosting-categories"), rows=12, background=10, pairs=10)
    said = " | ".join(found.notes)
    assert "12 test rows drawn at random, of 200" in said
    assert "background: 10 train rows" in said
    assert "up to 120 evaluations of the model a row" in said
    assert "native categories" in said


def test_a_wrong_tree_explanation_is_not_shown(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is the sum, not a list of model names."""

    def wrong(*given: object, **named: object) -> object:
        found = tree_shapley(*given, **named)  # type: ignore[arg-type]
        return found._replace(values=found.values + 0.5)

    monkeypatch.setattr("audit.gather.attributions.tree_shapley", wrong)
    (found,) = gather(fitted("boosting"), rows=10, background=20)
    assert found.method != "tree"
    assert found.residual is not None
    assert found.residual < 1e-6
    assert any("method tree was not used: its sums miss" in note for note in found.notes)


def test_without_shap_the_next_method_serves(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> object:
        raise MissingExtra("SHAP attributions of trees need 'shap'. Run: pip install 'modelassay[explain]'")

    monkeypatch.setattr("audit.gather.attributions.tree_shapley", missing)
    (found,) = gather(fitted("boosting"), rows=10, background=20)
    assert found.method in {"exact", "permutation"}
    assert any("pip install" in note for note in found.notes)


def test_a_small_budget_cuts_and_says_so(fitted: Fitted) -> None:
    (found,) = gather(
        fitted("boosting-categories"), rows=100, background=50, pairs=5000, evaluations=2000, method="permutation"
    )
    assert 0 < len(found.values) < 100
    assert any("within 2,000 evaluations" in note for note in found.notes)
    assert found.residual is not None
    assert found.residual < 1e-9


def test_an_unknown_method_gets_a_hint(fitted: Fitted) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'permutation'"):
        gather(fitted("logistic"), method="permutations")


@pytest.mark.parametrize(("kind", "method"), [("logistic", "tree"), ("svc", "additive")])
def test_a_method_that_does_not_fit_says_why(kind: str, method: str, fitted: Fitted) -> None:
    with pytest.raises(NotApplicable, match=r"not a tree ensemble|does not add up"):
        gather(fitted(kind), method=method)


def test_constant_scores_give_zeros(fitted: Fitted) -> None:
    data = fitted("logistic").dataset
    model = DummyClassifier().fit(data.inputs(data.rows("train")), data.frame["y"].take(data.rows("train")))
    (found,) = gather(Context(model=wrap(model), dataset=data, settings=Settings()), rows=5)
    assert not found.values.any()
    assert found.residual == pytest.approx(0, abs=1e-12)


class LabelsAlone:
    """A model with nothing but predict."""

    def predict(self, X: pd.DataFrame) -> object:
        return (X["a"] > 0).astype(int).to_numpy()


def test_a_model_with_predict_alone_has_its_decision_explained(fitted: Fitted) -> None:
    context = Context(model=wrap(LabelsAlone()), dataset=fitted("logistic").dataset, settings=Settings())
    (found,) = gather(context, rows=10)
    assert any("decision (0 or 1) is explained" in note for note in found.notes)
    assert not found.values[:, 1:].any()
    assert found.values[:, 0].any()


class Fussy(LabelsAlone):
    """A model that fails on combinations which it never saw."""

    def predict(self, X: pd.DataFrame) -> object:
        if len(X) > 150:
            raise RuntimeError("odd rows")
        return super().predict(X)


def test_a_model_that_fails_on_perturbed_rows_is_an_absence_with_its_words(fitted: Fitted) -> None:
    context = Context(model=wrap(Fussy()), dataset=fitted("logistic").dataset, settings=Settings())
    found = context("attributions")
    assert isinstance(found, Absence)
    assert "odd rows" in found.reason
    with pytest.raises(ModelError, match="odd rows"):
        gather(context)


def test_no_model_is_not_applicable(fitted: Fitted) -> None:
    context = Context(model=None, dataset=fitted("logistic").dataset, settings=Settings())
    found = context("attributions")
    assert isinstance(found, Absence)
    assert found.outcome == "not_applicable"


def _with(data: Dataset, **roles: object) -> Dataset:
    frame = data.frame.assign(
        person=np.arange(len(data)) // 4, heavy=np.where(np.arange(len(data)) % 10 == 0, 50.0, 0.0)
    )
    given = Roles(target="y", task="binary", positive=1, features=data.features, **roles)  # type: ignore[arg-type]
    return build({name: frame.take(data.rows(name)) for name in ("train", "test")}, given)


def test_rows_come_from_distinct_clusters(fitted: Fitted) -> None:
    context = fitted("logistic")
    (found,) = gather(replace(context, dataset=_with(context.dataset, cluster="person")), rows=40)
    people = found.row // 4
    assert len(set(people.tolist())) == 40
    assert "each of another cluster" in found.notes[0]


def test_rows_are_drawn_by_weight(fitted: Fitted) -> None:
    context = fitted("logistic")
    (found,) = gather(replace(context, dataset=_with(context.dataset, weight="heavy")), rows=40)
    assert (found.row % 10 == 0).all()
    assert "by weight" in found.notes[0]


def test_without_training_rows_test_rows_stand_behind(fitted: Fitted) -> None:
    context = fitted("logistic")
    frame = context.dataset.frame.take(context.dataset.rows("test"))
    alone = build({"test": frame}, Roles(target="y", task="binary", positive=1))
    (found,) = gather(replace(context, dataset=alone), rows=10)
    assert "background: 100 test rows" in found.notes


def test_permuted_labels_give_no_importance(fitted: Fitted) -> None:
    data = fitted("logistic").dataset
    train = data.rows("train")
    shuffled = np.random.default_rng(0).permutation(data.frame["y"].to_numpy()[train])
    model = LogisticRegression().fit(data.inputs(train), shuffled)
    (blind,) = gather(Context(model=wrap(model), dataset=data, settings=Settings()), rows=50)
    (seeing,) = gather(fitted("logistic"), rows=50)
    assert np.abs(blind.values).mean() < 0.15 * np.abs(seeing.values).mean()


@pytest.mark.parametrize("method", ["shap_kernel", "shap_permutation"])
def test_shaps_own_explainers_are_alternatives(method: str, fitted: Fitted) -> None:
    pytest.importorskip("shap")
    (theirs,) = gather(fitted("svc"), rows=4, background=10, method=method)
    (exact,) = gather(fitted("svc"), rows=4, background=10, method="exact")
    assert theirs.method == method
    assert theirs.values == pytest.approx(exact.values, abs=0.1)


def test_one_row_and_one_background_row_are_enough(fitted: Fitted) -> None:
    for kind in ("logistic", "boosting", "boosting-categories", "svc", "network"):
        (found,) = gather(fitted(kind), rows=1, background=1)
        assert found.values.shape[0] == 1
        assert found.residual is not None
        assert found.residual < 1e-5


def test_leaves_are_counted_whatever_the_library() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is an extra: pip install 'modelassay[boosting]'")
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an extra: pip install 'modelassay[boosting]'")
    X, y = np.arange(200.0).reshape(-1, 1), np.arange(200) % 40 > 19
    light = lightgbm.LGBMClassifier(n_estimators=7, num_leaves=4, verbose=-1, n_jobs=1).fit(X, y)
    trees = light.booster_.trees_to_dataframe()
    assert count_leaves(light) == int(trees["split_feature"].isna().sum())
    extreme = xgboost.XGBClassifier(n_estimators=7, max_depth=2, n_jobs=1).fit(X, y)
    assert count_leaves(extreme) == int((extreme.get_booster().trees_to_dataframe()["Feature"] == "Leaf").sum())
    with pytest.raises(NotApplicable, match="cannot be counted"):
        count_leaves(object())


def test_trees_too_many_to_walk_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RandomForestClassifier(3, random_state=0).fit(np.arange(40.0).reshape(-1, 1), np.arange(40) % 2)
    many = pd.DataFrame({"x0": np.arange(40.0)})
    monkeypatch.setattr("audit.explain.leaves.MOST_PAIRS", 30)
    with pytest.raises(NotApplicable, match="too many ways"):
        tree_shapley(model, many, many, column=1)
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an extra: pip install 'modelassay[boosting]'")
    monkeypatch.setattr("audit.explain.tree.MOST_STEPS", 30)
    extreme = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(many, np.arange(40) % 2)
    with pytest.raises(NotApplicable, match="slower to walk"):
        tree_shapley(extreme, many, many, column=1)
    twice = many.assign(x1=1.0)
    with pytest.raises(NotApplicable, match="several"):
        tree_shapley(extreme, twice, twice, column=1, owner=np.zeros(2, dtype=int), features=1)


def test_a_class_of_ones_own_that_extends_a_forest_is_a_forest() -> None:
    class Mine(RandomForestClassifier):  # type: ignore[misc]
        pass

    assert tree_scale(Mine(), regression=False) == "probability"
