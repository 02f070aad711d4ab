"""Shapley values of tree ensembles, exact: scikit-learn's leaf by leaf, others through shap's TreeExplainer."""

from __future__ import annotations

import re
import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import NotApplicable
from audit.explain.encoding import FloatArray
from audit.explain.leaves import Integers, Tree, leaf_shapley
from audit.explain.permutation import Shapley
from audit.optional import require

MOST_STEPS = 300_000_000
"""Leaves times rows times background rows up to which trees are walked: some seconds."""
STEPS_A_CALL = 20_000_000
"""The same for one call of shap, which prints a progress bar of its own when a call takes long."""
BOOSTING = {
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "XGBClassifier",
    "XGBRegressor",
    "LGBMClassifier",
    "LGBMRegressor",
}
FORESTS = {
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
}


def tree_scale(estimator: object, *, regression: bool) -> str | None:
    """Return the scale on which a tree ensemble is explained, ``None`` for what is not a tree.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> tree_scale(RandomForestClassifier(), regression=False)
    'probability'
    """
    names = {kind.__name__ for kind in type(estimator).__mro__}  # a class of the user's own may extend one of these
    if not names & (BOOSTING | FORESTS):
        return None
    if regression:
        return "target"
    return "log-odds" if names & BOOSTING else "probability"


def tree_shapley(
    estimator: object,
    rows: pd.DataFrame,
    background: pd.DataFrame,
    *,
    column: int | None,
    owner: Integers | None = None,
    features: int | None = None,
) -> Shapley:
    """Compute interventional Shapley values of a tree ensemble.

    Parameters
    ----------
    estimator : object
        A fitted ensemble that :func:`tree_scale` knows.
    rows, background : DataFrame of shape (n, features) and (b, features)
        Numbers only.
    column : int or None
        Class explained, where there is a column a class.
    owner : ndarray of shape (columns,), optional
        Which feature each column was prepared from, ``features`` for one that is the same in all rows; without it,
        each column is a feature.
    features : int, optional
        Number of features.

    Returns
    -------
    Shapley
        On the ensemble's own scale; the caller compares the sum with the model.

    Raises
    ------
    MissingExtra
        If shap is not installed.
    NotApplicable
        If the trees are of a kind that shap is known to get wrong or refuses, or too many to be quick.

    References
    ----------
    Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees.
    """
    _require_numbers(estimator, rows)
    width = rows.shape[1] if features is None else features
    owner = np.arange(rows.shape[1]) if owner is None else owner
    numbers, behind = (frame.to_numpy(dtype=np.float64) for frame in (rows, background))
    ensemble = _own_trees(estimator, column)
    if ensemble is not None:
        trees, start, single = ensemble
        if single:
            numbers, behind = (array.astype(np.float32).astype(np.float64) for array in (numbers, behind))
        values, base = leaf_shapley(trees, numbers, behind, owner, width)
        return Shapley(values, base + start, values.sum(axis=1) + base + start)
    if (np.bincount(owner, minlength=width + 1)[:width] > 1).any():
        raise NotApplicable("shap's TreeExplainer attributes columns, not features that were prepared to several")
    by_column = _by_shap(estimator, numbers, behind, column)
    values = np.zeros((len(numbers), width + 1))
    values[:, owner] = by_column.values
    return by_column._replace(values=values[:, :width])


def _own_trees(estimator: object, column: int | None) -> tuple[list[Tree], float, bool] | None:
    """Read the trees of scikit-learn's ensembles, what they start from, and whether they read single precision."""
    names = {kind.__name__ for kind in type(estimator).__mro__ if kind.__module__.partition(".")[0] == "sklearn"}
    if names & {"DecisionTreeClassifier", "DecisionTreeRegressor"}:
        return [_tree_of(estimator, 1.0, column)], 0.0, True
    if names & FORESTS:
        members = estimator.estimators_  # type: ignore[attr-defined]
        return [_tree_of(member, 1.0 / len(members), column) for member in members], 0.0, True
    if names & {"GradientBoostingClassifier", "GradientBoostingRegressor"}:
        rate, members = estimator.learning_rate, estimator.estimators_[:, 0]  # type: ignore[attr-defined]
        start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_)))  # type: ignore[attr-defined]
        return [_tree_of(member, rate, None) for member in members], float(start[0, 0]), True
    if names & {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}:
        rounds = estimator._predictors  # type: ignore[attr-defined]
        start = np.ravel(estimator._baseline_prediction)  # type: ignore[attr-defined]
        return [_histogram_tree(of_round[0].nodes) for of_round in rounds], float(start[0]), False
    return None


def _tree_of(member: object, scale: float, column: int | None) -> Tree:
    tree = member.tree_  # type: ignore[attr-defined]
    value = tree.value[:, 0, :]
    value = value[:, 0] if column is None else value[:, column] / value.sum(axis=1)
    missing = getattr(tree, "missing_go_to_left", None)
    return Tree(
        feature=np.maximum(tree.feature, 0).astype(np.int64),
        threshold=tree.threshold,
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        missing_left=np.zeros(len(value), dtype=bool) if missing is None else np.asarray(missing, dtype=bool),
        value=scale * value,
    )


def _histogram_tree(nodes: npt.NDArray[np.void]) -> Tree:
    ends = nodes["is_leaf"] != 0
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(ends, -1, nodes["left"].astype(np.int64)),
        right=np.where(ends, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"] != 0,
        value=nodes["value"].astype(np.float64),
    )


def _by_shap(estimator: object, numbers: FloatArray, behind: FloatArray, column: int | None) -> Shapley:
    """Ask shap's TreeExplainer about boosting of other libraries."""
    leaves = count_leaves(estimator)
    if leaves * len(numbers) * len(behind) > MOST_STEPS:
        raise NotApplicable(f"{leaves:,} leaves are slower to walk than the model is to ask")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing shap touches deprecated corners of matplotlib
        shap = require("shap", extra="explain", purpose="SHAP attributions of trees")
    try:
        explainer = shap.TreeExplainer(estimator, behind, feature_perturbation="interventional")
        step = max(1, STEPS_A_CALL // (leaves * len(behind)))
        parts = [numbers[start : start + step] for start in range(0, len(numbers), step)]
        array = np.concatenate([explainer.shap_values(part, check_additivity=False) for part in parts])
        expected = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    except Exception as error:  # shap refuses in many ways; the next method is tried
        said = " ".join(str(error).split())[:160]
        raise NotApplicable(f"shap's TreeExplainer refused: {type(error).__name__}: {said}") from error
    values = np.asarray(array, dtype=np.float64)
    place = 0 if column is None else min(column, len(expected) - 1)
    if values.ndim == 3:
        values = values[:, :, place]
    base = float(expected[place])
    return Shapley(values, base, values.sum(axis=1) + base)


def _require_numbers(estimator: object, rows: pd.DataFrame) -> None:
    """Refuse trees that ask about categories."""
    if getattr(estimator, "is_categorical_", None) is not None:
        raise NotApplicable("trees that ask about native categories are not explained exactly")
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in rows.dtypes):
        raise NotApplicable("trees are explained on numbers only")


def count_leaves(estimator: object) -> int:
    """Count the leaves of a tree, a forest or a booster, as the measure of what exact attributions cost.

    Parameters
    ----------
    estimator : object
        A fitted model of scikit-learn, xgboost, LightGBM or CatBoost.

    Raises
    ------
    NotApplicable
        If its leaves cannot be counted, so that nothing bounds the cost.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> count_leaves(DecisionTreeClassifier().fit([[0], [1]], [0, 1]))
    2
    """
    for count in (_of_trees, _of_lightgbm, _of_xgboost):
        number = count(estimator)
        if number is not None:
            return number
    raise NotApplicable(f"the leaves of {type(estimator).__name__} cannot be counted, so its cost has no bound")


def _of_trees(estimator: object) -> int | None:
    if hasattr(estimator, "get_n_leaves"):
        return int(estimator.get_n_leaves())
    trees = getattr(estimator, "estimators_", None)
    if trees is None:
        return None
    return sum(int(tree.get_n_leaves()) for tree in np.asarray(trees, dtype=object).ravel())


def _of_lightgbm(estimator: object) -> int | None:
    written = getattr(getattr(estimator, "booster_", None), "model_to_string", None)
    if written is None:
        return None
    return sum(int(count) for count in re.findall(r"^num_leaves=(\d+)", str(written()), flags=re.MULTILINE))


def _of_xgboost(estimator: object) -> int | None:
    booster = getattr(estimator, "get_booster", None)
    if not callable(booster):
        return None
    return sum(str(dump).count("leaf=") for dump in booster().get_dump())
