"""xgboost's files, looked through before its library reads them, which reads foreign memory on damaged ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.errors import ModelError, quote
from audit.models import ubjson

OF_NODES = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
OF_SETS = ("categories_nodes", "categories_segments", "categories_sizes")
MOST_FEATURES, MOST_OUTPUTS, MOST_CATEGORIES = 10_000_000, 100_000, 2**24
Table = Mapping[str, Any]
Integers = npt.NDArray[np.int64]


def require_sound(path: Path) -> None:
    r"""Refuse a file that is cut off, or whose trees do not fit together.

    Raises
    ------
    ModelError
        Naming the tree and what is wrong with it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.json"
    ...     done = path.write_text('{"learner": {"learner_model_param": {}}}')
    ...     require_sound(path)
    Traceback (most recent call last):
    audit.errors.ModelError: 'model.json' is not a complete xgboost model: it has no 'num_feature'.
    """
    content = path.read_bytes()
    try:
        if path.suffix.lower() == ".json":
            document = json.loads(content, object_pairs_hook=ubjson.table_of)
        else:
            document = ubjson.parse(content)
        _require_learner(document["learner"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else quote(str(error), limit=200)[1:-1]
        raise ModelError(f"{quote(path.name)} is not a complete xgboost model: {said}.") from error


def _require_learner(learner: Table) -> None:
    result = learner["learner_model_param"]
    features, classes, targets = (int(result.get(key, 1)) for key in ("num_feature", "num_class", "num_target"))
    if "num_feature" not in result:
        raise KeyError("num_feature")
    if not (0 <= features <= MOST_FEATURES and 0 <= classes <= MOST_OUTPUTS and 0 <= targets <= MOST_OUTPUTS):
        raise ValueError(f"num_feature={features}, num_class={classes}, num_target={targets}")
    for key in ("feature_names", "feature_types"):
        if len(held := learner.get(key, ())):
            _require(len(held), features, key)
    outputs = max(classes, targets, 1)
    grown = learner["gradient_booster"]
    if grown["name"] == "gblinear":
        _require(len(grown["model"]["weights"]), (features + 1) * outputs, "weights")
        return
    held = grown.get("gbtree", grown)["model"]
    _require_forest(held, features, outputs)
    if "weight_drop" in grown:
        _require(len(grown["weight_drop"]), len(held["trees"]), "weights of trees")
    if "cats" in held:
        _require_encodings(held["cats"], features)


def _require_forest(held: Table, features: int, outputs: int) -> None:
    trees = held["trees"]
    _require(int(held["gbtree_model_param"]["num_trees"]), len(trees), "trees")
    _require(len(held["tree_info"]), len(trees), "tree_info")
    _require_places(_whole(held, "tree_info"), outputs, "tree_info")
    if "iteration_indptr" in held:
        bounds = _whole(held, "iteration_indptr")
        if len(bounds) and (bounds[0] != 0 or bounds[-1] != len(trees) or (np.diff(bounds) < 0).any()):
            raise ValueError("iteration_indptr does not rise from 0 to the number of trees")
    for number, tree in enumerate(trees):
        try:
            _require(int(tree["id"]), number, "as its id")
            _require_tree(tree, features, outputs)
        except KeyError as error:
            raise ValueError(f"tree {number} has no {error}") from error
        except ValueError as error:
            raise ValueError(f"tree {number}: {error}") from error


def _require_tree(tree: Table, features: int, outputs: int) -> None:
    nodes = int(tree["tree_param"]["num_nodes"])
    for key in OF_NODES:
        _require(len(tree[key]), nodes, key)
    left, right, parents, split = (_whole(tree, key) for key in OF_NODES[:4])
    size = int(tree["tree_param"].get("size_leaf_vector", 1))
    if nodes < 1 or size not in {0, 1, outputs}:
        raise ValueError(f"num_nodes={nodes}, size_leaf_vector={size}")
    inner = left != -1
    if size > 1:
        leaves = _vector_leaves(tree, nodes, size)
        _require_places(right[~inner], leaves, "right_children")
    elif (right[~inner] != -1).any():
        raise ValueError("its nodes do not form a tree")
    children, above = np.concatenate([left[inner], right[inner]]), np.tile(np.flatnonzero(inner), 2)
    if len(children) and (children.min() < 1 or children.max() >= nodes or len(np.unique(children)) < len(children)):
        raise ValueError("its nodes do not form a tree")
    if (parents[children] != above).any():
        raise ValueError("its nodes do not form a tree")
    _require_places(parents[1:], nodes, "parents")
    _require_places(split[inner], features, "split_indices")
    _require_sets(tree, inner)


def _vector_leaves(tree: Table, nodes: int, size: int) -> int:
    """Return how many leaves of several numbers a tree holds; before xgboost 3.1 each node had its numbers."""
    held = tree.get("leaf_weights", tree["base_weights"])
    _require(len(held) % size, 0, "numbers too many at its leaves")
    return len(held) // size if "leaf_weights" in tree else nodes


def _require_sets(tree: Table, inner: npt.NDArray[np.bool_]) -> None:
    """Refuse splits by category whose sets do not stand where they should."""
    if OF_SETS[0] not in tree:
        return
    nodes, starts, sizes = (_whole(tree, key) for key in OF_SETS)
    categories = _whole(tree, "categories")
    if not len(nodes) == len(starts) == len(sizes):
        raise ValueError("its splits by category do not fit together")
    _require_places(nodes, len(inner), "categories_nodes")
    _require_places(categories, MOST_CATEGORIES, "categories")
    kinds = _whole(tree, "split_type")
    _require(len(kinds), len(inner), "split_type")
    by_category = np.flatnonzero((kinds != 0) & inner)
    if len(np.unique(nodes)) != len(nodes) or not np.isin(by_category, nodes).all() or not (kinds[nodes] != 0).all():
        raise ValueError("its splits by category do not fit together")
    if len(nodes) and (min(starts.min(), sizes.min()) < 0 or (starts + sizes).max() > len(categories)):
        raise ValueError("categories_segments names something that does not exist")


def _require_encodings(cats: Table, features: int) -> None:
    """Refuse categories of columns that do not fit together."""
    held, bounds, order = cats["enc"], _whole(cats, "feature_segments"), _whole(cats, "sorted_idx")
    if not len(held):
        _require(len(bounds) + len(order), 0, "places of categories without categories")
        return
    _require(len(held), features, "columns of categories")
    sizes = np.array([_encoded(column) for column in held], dtype=np.int64)
    if len(bounds) != features + 1 or bounds[0] != 0 or (np.diff(bounds) != sizes).any():
        raise ValueError("feature_segments does not say where the categories of each column are")
    _require(len(order), int(sizes.sum()), "sorted_idx")
    if ((order < 0) | (order >= np.repeat(sizes, sizes))).any():
        raise ValueError("sorted_idx names something that does not exist")


def _encoded(column: Table) -> int:
    """Return how many categories a column has."""
    if "offsets" not in column:
        return len(column["values"])
    places = _whole(column, "offsets")
    if len(places) and (places[0] != 0 or places[-1] != len(column["values"]) or (np.diff(places) < 0).any()):
        raise ValueError("offsets of categories do not rise from 0")
    return max(len(places) - 1, 0)


def _whole(table: Table, key: str) -> Integers:
    values = np.asarray(table[key])
    if values.ndim != 1 or (values.dtype.kind not in "iub" and len(values)):
        raise ValueError(f"{key} holds something other than whole numbers")
    return values.astype(np.int64)


def _require(count: int, expected: int, name: str) -> None:
    if count != expected:
        raise ValueError(f"{count} {name}, expected {expected}")


def _require_places(values: Sequence[int] | Integers, count: int, name: str) -> None:
    if len(values) and (np.min(values) < 0 or np.max(values) >= count):
        raise ValueError(f"{name} names something that does not exist")
