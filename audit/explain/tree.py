"""Shapley values of tree ensembles through shap's TreeExplainer, where it can be had exactly."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from audit.errors import NotApplicable
from audit.explain.permutation import Shapley
from audit.optional import require

MOST_LEAVES = 30_000
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
    name = type(estimator).__name__
    if name not in BOOSTING | FORESTS:
        return None
    if regression:
        return "target"
    return "log-odds" if name in BOOSTING else "probability"


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
        On the ensemble's own scale; the caller holds the sum against the model.

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
    _require_plain(estimator, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing shap touches deprecated corners of matplotlib
        shap = require("shap", extra="explain", purpose="SHAP attributions of trees")
    try:
        explainer = shap.TreeExplainer(
            estimator, background.to_numpy(dtype=np.float64), feature_perturbation="interventional"
        )
        found = explainer.shap_values(rows.to_numpy(dtype=np.float64), check_additivity=False)
        expected = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    except Exception as error:  # shap refuses in many ways; the next method is tried
        said = " ".join(str(error).split())[:160]
        raise NotApplicable(f"shap's TreeExplainer refused: {type(error).__name__}: {said}") from error
    values = np.asarray(found, dtype=np.float64)
    place = 0 if column is None else min(column, len(expected) - 1)
    if values.ndim == 3:
        values = values[:, :, place]
    base = float(expected[place])
    return Shapley(values, base, values.sum(axis=1) + base)


def _require_plain(estimator: object, rows: pd.DataFrame) -> None:
    if getattr(estimator, "is_categorical_", None) is not None:
        raise NotApplicable("shap's TreeExplainer is wrong on boosting with native categories")
    if not all(pd.api.types.is_numeric_dtype(dtype) for dtype in rows.dtypes):
        raise NotApplicable("shap's TreeExplainer reads numbers only")
    leaves = _leaves(estimator)
    if leaves > MOST_LEAVES:
        raise NotApplicable(f"{leaves:,} leaves are slower to walk than the model is to ask")


def _leaves(estimator: object) -> int:
    """Count leaves, as the measure of what exact attributions cost; 0 where they cannot be counted."""
    trees = getattr(estimator, "estimators_", None)
    if trees is not None:
        return sum(int(tree.get_n_leaves()) for tree in np.asarray(trees, dtype=object).ravel())
    if hasattr(estimator, "get_n_leaves"):
        return int(estimator.get_n_leaves())
    rounds = getattr(estimator, "_predictors", None)
    return sum(int(tree.get_n_leaf_nodes()) for one in rounds for tree in one) if rounds else 0
