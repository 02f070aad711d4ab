"""Files of data only: no parameter runs code when folds are refitted, no state reaches foreign memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, RidgeClassifier, RidgeClassifierCV
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from audit.errors import ModelError
from audit.models.load import load
from audit.models.skops_state import validate_trees
from audit.models.skops_values import disarm

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
Make = Callable[[Pipeline], object]

WRAPPERS: dict[str, Make] = {
    "pipeline": lambda inner: inner,
    "union": lambda inner: make_pipeline(FeatureUnion([("a", inner[:-1])]), LogisticRegression()),
    "columns": lambda inner: make_pipeline(ColumnTransformer([("a", inner[:-1], [0, 1, 2, 3])]), LogisticRegression()),
    "search": lambda inner: GridSearchCV(inner, {"model__C": [1.0]}, cv=2),
    "calibrated": lambda inner: CalibratedClassifierCV(inner, cv=2),
    "stacked": lambda inner: StackingClassifier([("a", inner)], cv=2),
    "voting": lambda inner: VotingClassifier([("a", inner)]),
    "bagging": lambda inner: BaggingClassifier(inner, n_estimators=2),
    "one against the rest": lambda inner: OneVsRestClassifier(inner),
    "fixed threshold": lambda inner: FixedThresholdClassifier(inner),
    "tuned threshold": lambda inner: TunedThresholdClassifierCV(inner, cv=2),
    "agglomeration": lambda inner: make_pipeline(
        FeatureAgglomeration(n_clusters=2, memory=inner.memory), LogisticRegression()
    ),
}


class Planted:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.filterwarnings("ignore:Persisting input arguments")
def test_a_planted_cache_is_not_read_when_folds_are_refitted(name: str, tmp_path: Path) -> None:
    cache, marker = tmp_path / "cache", tmp_path / "code ran"
    steps = [("scale", StandardScaler()), ("again", StandardScaler()), ("model", LogisticRegression())]
    inner = Pipeline(steps, memory=str(cache))
    model = WRAPPERS[name](inner)
    np.random.seed(0)
    model.fit(X, Y)  # type: ignore[attr-defined]
    skops.io.dump(model, tmp_path / "model.skops")
    planted = list(cache.rglob("output.pkl"))
    assert planted
    for one in planted:
        one.write_bytes(pickle.dumps(Planted(marker)))
    loaded = load(tmp_path / "model.skops")
    assert any("cache" in warning for warning in loaded.warnings)
    clone(loaded.predictor).fit(X, Y)
    assert not marker.exists()
    if name == "pipeline":  # the attack is real
        with pytest.raises(Exception, match=r".*"):
            clone(model).fit(X, Y).predict(X)
        assert marker.exists()


@pytest.mark.parametrize("grid", [{"memory": ["cache"]}, [{"model__C": [1.0]}, {"memory": ["cache"]}]])
def test_a_search_that_would_set_a_cache_is_refused(grid: object, tmp_path: Path) -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, {"model__C": [1.0]}, cv=2).fit(X, Y)
    search.param_grid = grid
    skops.io.dump(search, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="'memory' to a cache"):
        load(tmp_path / "model.skops")


def _set(owner: object, **values: object) -> object:
    for name, value in values.items():
        setattr(owner, name, value)
    return owner


def _svc(**values: object) -> object:
    return _set(SVC().fit(X, Y), **values)


def _many_stages() -> object:
    model = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    return _set(model, estimators_=np.tile(model.estimators_, (1, 3000)))


def _shallow() -> object:
    tree = DecisionTreeClassifier().fit(X, np.arange(60) % 2)
    state = tree.tree_.__getstate__()
    tree.tree_.__setstate__({**state, "max_depth": 1})
    return tree


def _sparse_columns() -> object:
    model = KNeighborsClassifier(algorithm="brute").fit(scipy.sparse.csr_matrix(X), Y)
    model._fit_X.indices[:] = 10**6
    return model


def _by_category(**states: object) -> HistGradientBoostingClassifier:
    """Return histogram boosting that splits on categories, with its inner nodes, sets or preparation set."""
    rows = np.column_stack([np.arange(60) % 5, X[:, 1]])
    model = HistGradientBoostingClassifier(max_iter=1, categorical_features=[0], min_samples_leaf=5)
    model.fit(rows, rows[:, 0] > 2)
    (predictor,) = model._predictors[0]
    nodes = predictor.nodes.copy()
    inner = nodes["is_leaf"] == 0
    assert nodes["is_categorical"][inner].any()
    for name, value in states.items():
        if name in nodes.dtype.names:
            nodes[name][inner] = value
    predictor.nodes = nodes
    if "words" in states:
        predictor.raw_left_cat_bitsets = predictor.raw_left_cat_bitsets[:, : states["words"]]
    if "kept" in states:
        model._preprocessor.transformers_ = model._preprocessor.transformers_[: states["kept"]]
    return model


def _tree(part: str = "", **fields: object) -> DecisionTreeClassifier:
    """Return a tree with a field of all its nodes set, or with its values replaced."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    for name, value in fields.items():
        if name in nodes.dtype.names:
            nodes[name] = value
    values = state["values"] if part != "values" else np.full_like(state["values"], fields["value"])
    model.tree_.__setstate__({**state, "nodes": nodes, "values": values})
    return model


def _bagged(**values: object) -> object:
    return _set(BaggingClassifier(n_estimators=2, max_features=2).fit(X, Y), **values)


def _process(**values: object) -> object:
    model = GaussianProcessClassifier().fit(X[:20], Y[:20])
    _set(model.base_estimator_, **values)
    return model


def _leaves(value: float) -> object:
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, Y)
    model._predictors[0][0].nodes["value"] = value
    return model


HOSTILE: dict[str, Callable[[], object]] = {
    "counts of support vectors": lambda: _svc(_n_support=np.array([10**6, 10**6], dtype=np.int32)),
    "negative counts": lambda: _svc(_n_support=np.array([-5, 65], dtype=np.int32)),
    "few coefficients": lambda: _svc(_dual_coef_=np.zeros((1, 1))),
    "narrow vectors": lambda: _svc(support_vectors_=np.zeros((1, 1))),
    "no intercept": lambda: _svc(_intercept_=np.zeros(0)),
    "5,001 classes": lambda: _svc(classes_=np.arange(5001), _n_support=np.ones(5001, dtype=np.int32)),
    "regression counts": lambda: _set(SVR().fit(X, Y), _n_support=np.array([10**6, 0], dtype=np.int32)),
    "one class": lambda: _set(OneClassSVM().fit(X), _dual_coef_=np.zeros((1, 2))),
    "boosting of 3,000 outputs": _many_stages,
    "histogram boosting of no output": lambda: _set(
        HistGradientBoostingClassifier(max_iter=2).fit(X, Y), classes_=np.arange(3)
    ),
    "a set of categories that does not exist": lambda: _by_category(is_categorical=2, bitset_idx=2**32 - 1),
    "categories of a column without": lambda: _by_category(is_categorical=255, feature_idx=1),
    "sets of one word": lambda: _by_category(words=1),
    "a preparation that leaves columns out": lambda: _by_category(kept=1),
    "a tree deeper than it says": _shallow,
    "a child that is its parent": lambda: _tree(left_child=0, right_child=0),
    "a child beyond the tree": lambda: _tree(left_child=10**6, right_child=10**6),
    "a feature beyond the table": lambda: _tree(feature=4),
    "cuts at no number": lambda: _tree(threshold=np.nan),
    "cuts at minus infinity": lambda: _tree(threshold=-np.inf),
    "leaves without a number": lambda: _tree("values", value=np.nan),
    "leaves with negative shares": lambda: _tree("values", value=-1.0),
    "leaves of no class": lambda: _tree("values", value=0.0),
    "fewer classes than leaves have": lambda: _set(_tree(), n_classes_=-1),
    "classes that repeat": lambda: _set(_tree(), classes_=np.array([1, 1])),
    "a member without classes": lambda: _set(_bagged(), estimators_=[_set(_tree(), classes_=np.array([]))]),
    "a member of columns that do not exist": lambda: _bagged(estimators_features_=[np.array([0, -1])] * 2),
    "a member without weight": lambda: _set(
        AdaBoostClassifier(n_estimators=3).fit(X, np.arange(60) % 2), estimator_weights_=np.ones(1)
    ),
    "an infinite coefficient": lambda: _set(LogisticRegression().fit(X, Y), coef_=np.full((1, 4), np.inf)),
    "complex coefficients": lambda: _set(LogisticRegression().fit(X, Y), coef_=np.full((1, 4), 1j)),
    "an infinite slope of probabilities": lambda: _svc(_probA=np.array([np.inf]), _probB=np.zeros(1)),
    "an infinite support vector": lambda: _svc(support_vectors_=np.full_like(SVC().fit(X, Y).support_vectors_, np.inf)),
    "a negative width of a kernel": lambda: _svc(_gamma=-1.0),
    "steps without heights": lambda: _set(IsotonicRegression().fit(X[:, 0], Y), y_thresholds_=np.zeros(1)),
    "steps out of order": lambda: _set(
        IsotonicRegression().fit(X[:, 0], X[:, 0]), X_thresholds_=np.arange(60.0)[::-1], y_thresholds_=np.arange(60.0)
    ),
    "a mask of fewer rows": lambda: _set(KNNImputer().fit(X), _mask_fit_X=np.zeros((3, 4), dtype=bool)),
    "layers without numbers": lambda: _set(
        MLPClassifier(hidden_layer_sizes=(2,), max_iter=3, tol=9.0, n_iter_no_change=1).fit(X, Y),
        coefs_=[np.full((4, 2), np.nan), np.zeros((2, 1))],
    ),
    "more intercepts than lines": lambda: _set(LogisticRegression().fit(X, Y), intercept_=np.zeros(2)),
    "a narrow line": lambda: _set(LogisticRegression().fit(X, Y), coef_=np.zeros((1, 3))),
    "weights in words": lambda: _set(LogisticRegression().fit(X, Y), coef_=np.full((1, 4), "1")),
    "one shift for a layer": lambda: _set(
        MLPClassifier(hidden_layer_sizes=(2,), max_iter=3, tol=9.0, n_iter_no_change=1).fit(X, Y),
        intercepts_=[np.zeros(()), np.zeros(1)],
    ),
    "means of fewer classes": lambda: _set(GaussianNB().fit(X, Y), classes_=np.array([0])),
    "negative variances": lambda: _set(GaussianNB().fit(X, Y), var_=-np.ones((2, 4))),
    "shares turned over": lambda: _set(
        CategoricalNB().fit((X > 0).astype(int), Y), feature_log_prob_=[np.zeros((2, 3))] * 4
    ),
    "complex edges": lambda: _set(StandardScaler().fit(X), mean_=np.zeros(4, dtype=complex)),
    "a factor turned over": lambda: _process(L_=np.triu(np.ones((20, 20)))),
    "a process of fewer rows": lambda: _process(pi_=np.zeros(3)),
    "leaves of boosting without a number": lambda: _leaves(np.nan),
    "missing neighbors": lambda: _set(
        KNeighborsClassifier(algorithm="brute").fit(X, Y), _fit_X=np.full((60, 4), np.nan)
    ),
    "densities of fewer rows": lambda: _set(LocalOutlierFactor(novelty=True).fit(X), _lrd=np.ones(3)),
    "neighbors of unknown classes": lambda: _set(KNeighborsClassifier().fit(X, Y), _y=np.full(60, 10**6)),
    "narrow centers": lambda: _set(KMeans(2, n_init=1).fit(X), cluster_centers_=np.zeros((2, 1))),
    "words beyond the vocabulary": lambda: _set(CountVectorizer().fit(["a bc"]), vocabulary_={"bc": 10**6}),
    "too few encoded columns": lambda: _set(OneHotEncoder().fit(np.round(X)), _n_features_outs=[1, 1, 1, 1]),
    "sparse rows that point outside": _sparse_columns,
    "texts from files": lambda: CountVectorizer(input="filename"),
    "an expression": lambda: GridSearchCV(LogisticRegression(), {}, pre_dispatch="__import__('os').system('true')"),
    "a method replaced": lambda: _set(LogisticRegression().fit(X, Y), predict=np.mean),
    "a family without validation": lambda: Birch().fit(X),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("inside", [False, True])
def test_hostile_values_and_states_are_refused(name: str, inside: bool) -> None:
    estimator = HOSTILE[name]()
    held = _set(VotingClassifier([("a", RandomForestClassifier())]), estimators_=[{"x": (estimator,)}])

    def load_it() -> None:
        disarm(held if inside else estimator)
        validate_trees(held if inside else estimator)

    with pytest.raises(ModelError, match=r"broken or hostile|trusted_types|n_jobs|content"):
        load_it()


def test_boosting_that_splits_on_categories_loads() -> None:
    model = _by_category()
    disarm(model)
    validate_trees(model)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier().fit(np.where(X > 1, np.nan, X), Y),
        HistGradientBoostingClassifier(max_iter=2).fit(np.where(X > 1, np.nan, X), Y),
        RandomForestClassifier(n_estimators=2).fit(X, np.array(["b", "a", "c"])[Y + (X[:, 1] > 1)]),
        AdaBoostClassifier(n_estimators=3).fit(X, np.arange(60) % 3),
        BaggingClassifier(n_estimators=2, max_features=0.5).fit(X, Y),
        IsotonicRegression().fit(X[:, 0], Y),
        KNNImputer().fit(np.where(X > 1, np.nan, X)),
        GaussianNB().fit(X, Y),
        CategoricalNB().fit(np.arange(240).reshape(60, 4) % 3, Y),
        BernoulliNB().fit(X, Y),
        LogisticRegression(fit_intercept=False).fit(X, Y),
        RidgeClassifier().fit(X, np.column_stack([Y, Y, 1 - Y])),
        RidgeClassifier().fit(X, Y),
        RidgeClassifierCV(fit_intercept=False).fit(X, Y),
        LinearDiscriminantAnalysis().fit(X, Y),
        GaussianProcessClassifier().fit(X[:20], np.arange(20) % 3),
        MultiLabelBinarizer(classes=["b", "a"]).fit([["a"]]),
        KernelDensity().fit(X),
        LocalOutlierFactor(novelty=True).fit(X),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_was_fitted_honestly_is_consistent(model: object) -> None:
    disarm(model)
    validate_trees(model)


def test_a_family_that_is_trusted_loads() -> None:
    assert disarm(Birch().fit(X), trusted=["sklearn.cluster._birch.Birch"]) == ()


def test_functions_of_the_system_are_no_transformers(tmp_path: Path) -> None:
    import os

    skops.io.dump(make_pipeline(FunctionTransformer(os.system), LogisticRegression()), tmp_path / "model.skops")
    with pytest.raises(ModelError, match="system"):
        load(tmp_path / "model.skops")


def test_as_many_threads_as_a_file_asks_for_are_not_begun() -> None:
    model = RandomForestClassifier()
    model.n_jobs = 10**6
    assert "n_jobs" in disarm(model)[0]
    assert model.n_jobs is None


@pytest.mark.parametrize("scoring", ["f1", "precision", "neg_log_loss", "roc_auc", "matthews_corrcoef"])
def test_searches_with_any_scorer_load(scoring: str, tmp_path: Path) -> None:
    model = TunedThresholdClassifierCV(
        LogisticRegression(), cv=2, scoring=scoring if scoring not in ("roc_auc", "neg_log_loss") else "f1"
    ).fit(X, Y)
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, scoring=scoring, cv=2).fit(X, Y)
    for name, one in (("tuned", model), ("search", search)):
        skops.io.dump(one, tmp_path / f"{name}.skops")
        assert np.array_equal(np.asarray(load(tmp_path / f"{name}.skops").predictor.predict(X)), one.predict(X))
