"""What a model file hands to compiled code: refuse decision trees and splines that point outside themselves.

scikit-learn's trees walk their nodes in C without looking at bounds; a state with a child or a feature
out of range reads foreign memory or ends the process. Decision trees are validated; trees of nearest neighbors
and splines are built again from what they hold, which is simpler than to prove them sound.
"""

from __future__ import annotations

from collections import UserList
from collections.abc import Iterator
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.errors import ModelError

DISTANCES = {
    "EuclideanDistance64": "euclidean",
    "ManhattanDistance64": "manhattan",
    "ChebyshevDistance64": "chebyshev",
    "MinkowskiDistance64": "minkowski",
    "HaversineDistance64": "haversine",
}
"""Distances without arrays of their own, by the class that a file names."""
FLAGS = ("is_leaf", "missing_go_to_left", "is_categorical")
"""Fields of a node of histogram boosting that are 0 or 1."""
WORDS_OF_SET = 8
"""Words of 32 bits in a set of categories, which are 256 at most."""


def validate_trees(root: object) -> None:
    """Refuse trees and splines that point outside themselves, which would crash the process.

    Trees of nearest neighbors and splines are built again, in place, from the rows and knots they hold.

    Parameters
    ----------
    root : object
        An estimator; everything it holds is walked.

    Raises
    ------
    ModelError
        If a child, a feature or a bin index is out of range, or a spline or a tree of neighbors is broken.
    """
    for value in walk(root):
        name = type(value).__name__
        if name == "Tree" and hasattr(value, "children_left"):
            _validate_tree(value)
        elif name in VALIDATED:
            VALIDATED[name](value)
        _validate_widths(value)


def walk(root: object) -> Iterator[object]:
    """Yield all that an object holds: attributes, items, keys, elements of object arrays, arguments of partials."""
    seen: set[int] = set()
    queue: list[object] = [root]
    while queue:
        value = queue.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | bool | type | type(None)):
            continue
        seen.add(id(value))
        yield value
        queue += _parts(value)


def _parts(value: object) -> list[object]:
    parts: list[object] = []
    if isinstance(value, dict):
        parts += [*value.values(), *value.keys(), getattr(value, "default_factory", None)]
    elif isinstance(value, list | tuple | set | frozenset | UserList):
        parts += list(value)
    elif isinstance(value, np.ndarray):
        parts += list(value.ravel()) if value.dtype == object else []
    elif isinstance(value, partial):
        parts += [value.func, value.args, value.keywords]
    elif isinstance(value, MethodType):
        parts += [value.__self__]
    return [*parts, *vars(value).values()] if hasattr(value, "__dict__") else parts


def _validate_widths(owner: object) -> None:
    """Compare each tree's features with those of the estimator that hands rows to it unchecked."""
    width = getattr(owner, "n_features_in_", None)
    if not isinstance(width, int | np.integer):
        return
    own: Any = getattr(owner, "tree_", None)
    entries = [int(own.n_features) == width] if hasattr(own, "n_features") else []  # trees of neighbors have none
    chosen = getattr(owner, "estimators_features_", None)
    children = _children(getattr(owner, "estimators_", ()))
    widths = [width] * len(children) if chosen is None else [len(features) for features in chosen]
    for child, expected in zip(children, widths, strict=False):
        if hasattr(child, "tree_"):
            entries.append(int(getattr(child.tree_, "n_features", -1)) == expected)
    for stage in getattr(owner, "_predictors", ()):
        entries += [_widest(predictor) < int(width) for predictor in stage]
    if not all(entries):
        raise ModelError(
            "the model file holds trees that read features their estimator does not have; it is broken or hostile."
        )


def _children(estimators: object) -> list[object]:
    if isinstance(estimators, np.ndarray):
        return list(estimators.ravel())
    return list(estimators) if isinstance(estimators, list | tuple) else []


def _widest(predictor: object) -> int:
    nodes = np.asarray(getattr(predictor, "nodes", np.zeros(0)))
    inner = nodes[nodes["is_leaf"] == 0]
    return int(inner["feature_idx"].max()) if len(inner) else -1


def _validate_tree(tree: object) -> None:
    count = int(getattr(tree, "node_count", 0))
    left, right, feature = (np.asarray(getattr(tree, n)) for n in ("children_left", "children_right", "feature"))
    here = np.arange(count)
    leaf = left == -1
    sound = len(left) == len(right) == len(feature) == count and bool((leaf == (right == -1)).all())
    inner = ~leaf
    for child in (left, right):
        sound = sound and bool(((child[inner] > here[inner]) & (child[inner] < count)).all())
    limit = int(getattr(tree, "n_features", 0))
    sound = sound and bool(((feature[inner] >= 0) & (feature[inner] < limit)).all())
    sound = sound and _are_cuts(np.asarray(getattr(tree, "threshold")), inner)  # noqa: B009 -- compiled, without types
    sound = sound and bool(np.isfinite(np.asarray(getattr(tree, "value"))).all())  # noqa: B009
    if not sound or _depth(left, right) > int(getattr(tree, "max_depth", 0)):
        raise ModelError(
            "the model file holds a decision tree whose nodes point outside it; the file is broken or hostile."
        )


def _are_cuts(thresholds: npt.NDArray[Any], inner: npt.NDArray[np.bool_]) -> bool:
    """Tell whether inner nodes cut at numbers; one that parts missing values from all others cuts at infinity."""
    return bool((thresholds[inner] > -np.inf).all())


def _depth(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> int:
    """Return how deep a tree is whose children stand behind their parents; compiled code sizes its buffers by it."""
    depth, level = 0, np.zeros(1, dtype=np.intp)
    while len(level := level[left[level] != -1]):
        level = np.unique(np.concatenate([left[level], right[level]]))
        depth += 1
    return depth


def _validate_predictor(predictor: object) -> None:
    nodes = np.asarray(getattr(predictor, "nodes", np.zeros(0)))
    names = set(nodes.dtype.names or ())
    if not {"left", "right", "is_leaf", "feature_idx", "num_threshold", "value"} <= names:
        raise ModelError("the model file holds a boosting tree without nodes; the file is broken or hostile.")
    inner = nodes["is_leaf"] == 0
    here = np.arange(len(nodes))[inner]
    sound = len(nodes) > 0
    for side in ("left", "right"):
        child = nodes[side][inner].astype(np.int64)
        sound = sound and bool(((child > here) & (child < len(nodes))).all())
    if "is_categorical" in names and sound:
        sets = np.shape(getattr(predictor, "raw_left_cat_bitsets", ()))
        chosen = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)].astype(np.int64)
        sound = not len(chosen) or (len(sets) == 2 and sets[1] == WORDS_OF_SET and bool((chosen < sets[0]).all()))
    cuts = inner & (nodes["is_categorical"] == 0) if "is_categorical" in names else inner
    sound = sound and _are_cuts(nodes["num_threshold"], cuts) and bool(np.isfinite(nodes["value"]).all())
    flags = [nodes[name] for name in FLAGS if name in names]
    sound = sound and all(bool((flag <= 1).all()) for flag in flags)
    if not sound or bool((nodes["feature_idx"][inner].astype(np.int64) < 0).any()):
        raise ModelError(
            "the model file holds a boosting tree whose nodes point outside it; the file is broken or hostile."
        )


def _grow_again(tree: object) -> None:
    from sklearn.metrics import DistanceMetric

    try:
        state: tuple[Any, ...] = tree.__getstate__()  # type: ignore[assignment]
        rows, _, _, _, leaf_size, *_, distance, weights = state
        metric = DISTANCES[type(distance).__name__]
        power, own, _ = distance.__getstate__()
        if weights is not None or np.any(own):
            raise ValueError("weights of rows or features")
        chosen = DistanceMetric.get_metric(metric, **({"p": float(power)} if metric == "minkowski" else {}))
        fresh = type(tree)(np.array(rows, dtype=np.float64), leaf_size=int(leaf_size), metric=chosen)  # type: ignore[call-arg]
        tree.__setstate__(fresh.__getstate__())  # type: ignore[attr-defined]
    except Exception as error:
        raise ModelError(
            "the model file holds a tree of nearest neighbors that could not be rebuilt from its rows; "
            "the file is broken or hostile. If it is sound, fit the model with algorithm='brute' and save it again."
        ) from error


def _build_again(spline: object) -> None:
    from scipy.interpolate import BSpline

    held = vars(spline)
    try:
        fresh = BSpline(held["_t"], held["_c"], held["k"], held["extrapolate"], held["axis"])
    except Exception as error:
        raise ModelError("the model file holds a broken spline; the file is broken or hostile.") from error
    held.update(vars(fresh))


VALIDATED = {
    "TreePredictor": _validate_predictor,
    "KDTree": _grow_again,
    "BallTree": _grow_again,
    "BSpline": _build_again,
}
