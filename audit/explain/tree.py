"""Shapley values of tree ensembles through shap's TreeExplainer, where it can be had exactly."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd

from audit.errors import NotApplicable
from audit.explain.encoding import FloatArray
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
    """Return the scale on which TreeExplainer explains an estimator, ``None`` for what is not a tree.

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


def tree_shapley(estimator: object, rows: pd.DataFrame, background: pd.DataFrame, *, column: int | None) -> Shapley:
    """Compute interventional Shapley values of a tree ensemble.

    Parameters
    ----------
    estimator : object
        A fitted ensemble that :func:`tree_scale` knows.
    rows, background : DataFrame of shape (n, features) and (b, features)
        Numbers only.
    column : int or None
        Class explained, where there is a column a class.

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
    leaves = _require_plain(estimator, rows, len(background))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing shap touches deprecated corners of matplotlib
        shap = require("shap", extra="explain", purpose="SHAP attributions of trees")
    numbers, behind = (_off_thresholds(estimator, frame.to_numpy(dtype=np.float64)) for frame in (rows, background))
    try:
        explainer = shap.TreeExplainer(estimator, behind, feature_perturbation="interventional")
        step = max(1, STEPS_A_CALL // (leaves * len(background)))
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


def _off_thresholds(estimator: object, numbers: FloatArray) -> FloatArray:
    """Move numbers to the middle between the thresholds around them, for histogram boosting.

    Thresholds there are often numbers of the table, and TreeExplainer sends a number that equals one the other way. No
    tree tells a number from another one between the same thresholds, so the attributions stay what they are.
    """
    rounds = getattr(estimator, "_predictors", None)
    if rounds is None:
        return numbers
    nodes = np.concatenate([tree.nodes for value in rounds for tree in value])
    inner = nodes[(nodes["is_leaf"] == 0) & np.isfinite(nodes["num_threshold"])]
    moved = numbers.copy()
    for column in range(numbers.shape[1]):
        cuts = np.unique(inner["num_threshold"][inner["feature_idx"] == column])
        if len(cuts):
            ends = np.concatenate([cuts[:1] - 1 - abs(cuts[:1]), cuts, cuts[-1:] + 1 + abs(cuts[-1:])])
            place = np.searchsorted(cuts, numbers[:, column])
            middle = (ends[place] + ends[np.minimum(place + 1, len(cuts) + 1)]) / 2
            moved[:, column] = np.where(np.isnan(numbers[:, column]), np.nan, middle)
    return moved


def _require_plain(estimator: object, rows: pd.DataFrame, background: int) -> int:
    """Return the number of leaves of trees that shap explains rightly and in time."""
    if getattr(estimator, "is_categorical_", None) is not None:
        raise NotApplicable("shap's TreeExplainer is wrong on boosting with native categories")
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in rows.dtypes):
        raise NotApplicable("shap's TreeExplainer reads numbers only")
    leaves = count_leaves(estimator)
    if leaves * len(rows) * background > MOST_STEPS:
        raise NotApplicable(f"{leaves:,} leaves are slower to walk than the model is to ask")
    return leaves


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
    for count in (_of_trees, _of_histograms, _of_lightgbm, _of_xgboost):
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


def _of_histograms(estimator: object) -> int | None:
    rounds = getattr(estimator, "_predictors", None)
    return None if rounds is None else sum(int(tree.get_n_leaf_nodes()) for value in rounds for tree in value)


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
