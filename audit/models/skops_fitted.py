"""Fitted numbers of scikit-learn's estimators that do not belong together: they would answer, and wrongly.

A state that compiled code would crash on is refused elsewhere (:mod:`audit.models.skops_state`). Here it is one that
gives numbers as if nothing were amiss: a weight that is infinite, classes that repeat, trees of other classes than
their estimator, a factor of a Gaussian process of another size than its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

FINITE = frozenset({
    "L_", "X_max_", "X_min_", "X_thresholds_", "X_train_",
    "_baseline_prediction", "_distances_fit_X_", "_dual_coef_", "_gamma",
    "_intercept_", "_lrd", "_probA", "_probB", "_y_train_mean", "_y_train_std", "a_", "alpha_", "b_", "centroids_",
    "class_prior_", "classes_", "cluster_centers_", "code_book_", "coef_", "coefs_", "components_", "constant_value",
    "dual_coef_", "estimator_weights_", "idf_", "intercept_", "intercepts_", "length_scale", "means_", "offset_", "pi_",
    "precisions_cholesky_", "priors_", "rotations_", "scalings_", "support_vectors_", "theta_", "weights_", "xbar_",
    "y_thresholds_", "y_train_",
})  # fmt: skip
"""Fitted attributes that no honest fit leaves missing or infinite; scalers of empty columns do theirs."""
OF_WORDS = frozenset({"X_train_", "classes_", "y_train_"})
"""Those that may hold words or objects."""
OWN_ORDER = ("MultiLabelBinarizer",)
"""Estimators whose classes stand in the order that their user chose."""


def is_consistent(value: object) -> bool:
    """Tell whether the fitted numbers of an estimator are finite and belong together.

    Parameters
    ----------
    value : object
        Anything that a model file holds.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> is_consistent(model)
    True
    >>> model.coef_[0] = float("inf")
    >>> is_consistent(model)
    False
    """
    if not type(value).__module__.startswith("sklearn."):
        return True
    for name, held in vars(value).items():
        arrays = list(_arrays(held))
        if any(array.dtype.kind == "c" for array in arrays):
            return False
        if name in FINITE and not all(_is_finite(array, words=name in OF_WORDS) for array in arrays):
            return False
    if not _are_classes(value):
        return False
    return all(
        fits(value) for name, fits in FITTED.items() if any(kind.__name__ == name for kind in type(value).__mro__)
    )


def _arrays(value: object) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays of a fitted attribute, which may be several in a list; sparse ones by their values."""
    for part in value if isinstance(value, list | tuple) else [value]:
        part = getattr(part, "data", part) if hasattr(part, "indptr") else part
        if isinstance(part, np.ndarray | np.number | int | float):
            yield np.asarray(part)


def _is_finite(array: np.ndarray[Any, Any], *, words: bool) -> bool:
    if array.dtype.kind == "f":
        return bool(np.isfinite(array).all())
    return array.dtype.kind in ("biuUSO" if words else "biu")


def _are_classes(value: object) -> bool:
    """Tell whether classes are distinct and sorted, and as many as the estimator counts."""
    classes = vars(value).get("classes_")
    several = classes if isinstance(classes, list) else [classes]
    for labels in several:
        if not isinstance(labels, np.ndarray) or type(value).__name__ in OWN_ORDER:
            continue
        if labels.ndim != 1 or not _is_sorted(labels):
            return False
    counts = vars(value).get("n_classes_")
    if counts is None or not all(isinstance(labels, np.ndarray) for labels in several):
        return True
    return [int(count) for count in np.ravel(counts)] == [len(labels) for labels in several if labels is not None]


def _is_sorted(labels: np.ndarray[Any, Any]) -> bool:
    try:
        return bool((labels[1:] > labels[:-1]).all())
    except TypeError:  # words among numbers, which NumPy cannot sort either
        return True


def _linear(model: Any) -> bool:  # noqa: ANN401 -- an estimator of scikit-learn
    """Tell whether a linear classifier has a line of weights and an intercept for each class, or one for two."""
    if "coef_" not in vars(model):
        return True
    rows, width = np.atleast_2d(model.coef_).shape  # ridge classifiers keep one line for two classes
    intercepts = np.shape(model.intercept_)
    return rows in (1, len(model.classes_)) and width == int(model.n_features_in_) and intercepts in ((), (rows,))


def _network(model: Any) -> bool:  # noqa: ANN401
    """Tell whether each layer reads as many numbers as the one before it gives."""
    if "coefs_" not in vars(model):
        return True
    width = int(model.n_features_in_)
    for weights, shifts in zip(model.coefs_, model.intercepts_, strict=True):
        if weights.ndim != 2 or len(weights) != width or shifts.shape != weights.shape[1:]:
            return False
        width = weights.shape[1]
    return len(model.coefs_) == int(model.n_layers_) - 1 and width == int(model.n_outputs_)


def _naive_bayes(model: Any) -> bool:  # noqa: ANN401
    """Tell whether means or shares are there for each class and each column."""
    held = vars(model)
    if "classes_" not in held:
        return True
    classes, width = len(model.classes_), int(model.n_features_in_)
    tables = [held[name] for name in ("theta_", "var_", "feature_log_prob_") if name in held]
    several = isinstance(tables[0], list) if tables else False
    widths = [(classes, int(count)) for count in model.n_categories_] if several else [(classes, width)] * len(tables)
    shapes = [np.shape(table) for table in (tables[0] if several else tables)]
    priors = [len(held[name]) for name in ("class_prior_", "class_log_prior_") if name in held]
    spread = held.get("var_")
    return shapes == widths and set(priors) == {classes} and (spread is None or bool((spread > 0).all()))


def _tree(model: Any) -> bool:  # noqa: ANN401
    """Tell whether the leaves of a classification tree hold a share for each class."""
    tree = vars(model).get("tree_")
    if tree is None or not hasattr(model, "classes_"):
        return True
    most = max(int(count) for count in np.ravel(model.n_classes_))
    return tree.value.shape[2] == most and bool((tree.value >= 0).all()) and bool((tree.value.sum(axis=2) > 0).all())


def _bagging(model: Any) -> bool:  # noqa: ANN401
    """Tell whether each member reads columns that exist."""
    chosen = vars(model).get("estimators_features_")
    if chosen is None:
        return True
    width, members = int(model.n_features_in_), len(model.estimators_)
    return len(chosen) == members and all(((np.asarray(c) >= 0) & (np.asarray(c) < width)).all() for c in chosen)


def _boosted(model: Any) -> bool:  # noqa: ANN401
    """Tell whether each member of AdaBoost has a weight."""
    members = vars(model).get("estimators_")
    return members is None or len(model.estimator_weights_) >= len(members)


def _gaussian_process(model: Any) -> bool:  # noqa: ANN401
    """Tell whether a factor and the weights are of the rows that the process was fitted on."""
    rows = vars(model).get("X_train_")
    if not isinstance(rows, np.ndarray):  # kernels of structures take lists
        return True
    count = len(rows)
    factor = vars(model).get("L_")
    lengths = [len(vars(model)[name]) for name in ("alpha_", "pi_", "W_sr_", "y_train_") if name in vars(model)]
    square = factor is None or (factor.shape == (count, count) and not np.triu(factor, 1).any())
    return rows.ndim == 2 and set(lengths) <= {count} and square


def _outliers(model: Any) -> bool:  # noqa: ANN401
    """Tell whether distances are kept for each of the rows memorized."""
    rows, density = vars(model).get("_fit_X"), vars(model).get("_lrd")
    if rows is None or density is None:
        return True
    tree = vars(model).get("_tree")
    lengths = {len(density), len(model._distances_fit_X_), rows.shape[0] if tree is None else len(tree.data)}
    return lengths == {rows.shape[0]}


def _isotonic(model: Any) -> bool:  # noqa: ANN401
    """Tell whether a line of steps has a height for each of its places, in order."""
    places, heights = vars(model).get("X_thresholds_"), vars(model).get("y_thresholds_")
    if places is None and heights is None:
        return True
    return np.ndim(places) == 1 and np.shape(places) == np.shape(heights) and bool((np.diff(places) >= 0).all())


def _neighbor_imputer(model: Any) -> bool:  # noqa: ANN401
    """Tell whether it is known of each value memorized whether it is there."""
    rows, mask = vars(model).get("_fit_X"), vars(model).get("_mask_fit_X")
    return rows is None or (np.shape(rows) == np.shape(mask) and rows.shape[1] == int(model.n_features_in_))


FITTED: dict[str, Callable[[Any], bool]] = {
    "LinearClassifierMixin": _linear,
    "BaseMultilayerPerceptron": _network,
    "_BaseNB": _naive_bayes,
    "BaseDecisionTree": _tree,
    "BaseBagging": _bagging,
    "BaseWeightBoosting": _boosted,
    "GaussianProcessRegressor": _gaussian_process,
    "_BinaryGaussianProcessClassifierLaplace": _gaussian_process,
    "LocalOutlierFactor": _outliers,
    "IsotonicRegression": _isotonic,
    "KNNImputer": _neighbor_imputer,
}
"""By the class that keeps the state: do its parts belong together?"""
