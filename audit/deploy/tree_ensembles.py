"""Trees of scikit-learn, xgboost, LightGBM and CatBoost in one form, so that each can be written exactly.

Converters of others compare in single precision, drop splits on categories, or forget the inverse link of a count.
Here thresholds stay as the library compares them, a missing value goes where the library sends it, and what has no
equal in a graph is refused by name.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from audit.errors import ModelError, quote
from audit.models.boosters import LightgbmModel, XgboostModel

AT_MOST, BELOW, ABOVE, AMONG = 0, 1, 3, 6
"""Modes of a split in ONNX: x <= t, x < t, x > t, x is one of a set."""
LINKS = {
    "sigmoid": "binary:logistic binary:logitraw reg:logistic binary cross_entropy Logloss CrossEntropy",
    "softmax": "multi:softprob multi:softmax multiclass softmax MultiClass",
    "each": "multiclassova MultiClassOneVsAll",
    "exp": "count:poisson reg:gamma reg:tweedie poisson gamma tweedie Poisson Tweedie",
    "identity": "reg:squarederror reg:absoluteerror reg:pseudohubererror reg:quantileerror regression regression_l1 "
    "huber fair quantile mape RMSE MAE Quantile MAPE LogCosh Huber Expectile Lq",
}
"""What turns a sum of leaves into an answer, by the objectives that use it."""
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A decision tree; node 0 is its root, and a child of -1 marks a leaf."""

    feature: Integers
    yes: Integers
    """Where a row goes for which the split holds."""
    no: Integers
    mode: Integers
    split: Floats
    value: Floats
    """At leaves."""
    missing_yes: npt.NDArray[np.bool_]
    members: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Categories of a split on a set, by node."""
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees whose leaves are added up."""

    trees: tuple[Tree, ...]
    base: Floats
    """What is added to the leaves, by output."""
    link: str
    divisor: float = 1.0
    """What the sum is divided by before the link."""
    single: bool = False
    """Numbers are rounded to single precision before they are compared."""
    categories: Mapping[int, Sequence[object]] = field(default_factory=dict)
    """Texts that stand for codes, by feature; missing and unknown texts are missing."""


def is_ensemble(predictor: object) -> bool:
    """Tell trees that :func:`ensemble` reads."""
    return _reader(predictor) is not None


def ensemble(predictor: object) -> Ensemble:
    """Read a fitted booster, tree or forest.

    Parameters
    ----------
    predictor : object
        A tree, a forest or histogram boosting of scikit-learn; an estimator of xgboost, LightGBM or CatBoost, or a
        native file of these.

    Raises
    ------
    ModelError
        If a graph cannot hold what it does: another objective, linear leaves, categories of a number between integers.
    """
    reader = _reader(predictor)
    if reader is None:
        raise ModelError(
            f"{type(predictor).__name__} is not a booster whose trees can be read. Serve the model's own file."
        )
    return reader(predictor)


def _reader(predictor: object) -> Callable[[Any], Ensemble] | None:
    if callable(getattr(predictor, "booster", None)):  # bytes inside a sealed estimator
        return lambda value: ensemble(value.booster())
    if hasattr(predictor, "_predictors") and hasattr(predictor, "_bin_mapper"):
        return _histogram
    return _forest if _average(predictor) else _library_reader(predictor)


def _library_reader(predictor: object) -> Callable[[Any], Ensemble] | None:
    if hasattr(predictor, "get_booster"):
        return lambda value: _xgboost(value.get_booster())
    inner = getattr(predictor, "booster_", None)
    if inner is not None and hasattr(inner, "save_raw"):
        return lambda value: _xgboost(value.booster_)
    if inner is not None and hasattr(inner, "dump_model"):
        return lambda value: _lightgbm(value.booster_)
    if hasattr(predictor, "calc_leaf_indexes"):
        return _catboost
    if hasattr(getattr(predictor, "_model", None), "calc_leaf_indexes"):
        return lambda value: _catboost(value._model)
    return None


def _link(objective: str) -> str:
    for link, objectives in LINKS.items():
        if objective in objectives.split():
            return link
    raise ModelError(f"the booster's objective is {quote(objective)}, whose answer cannot be written as ONNX.")


# --- scikit-learn ---------------------------------------------------------------------------------


def _histogram(model: Any) -> Ensemble:  # noqa: ANN401 -- an estimator of scikit-learn
    known = model._bin_mapper.make_known_categories_bitsets()
    codes, texts, order = _encode(model)
    trees = []
    for stage in model._predictors:
        for output, predictor in enumerate(stage):
            trees.append(_histogram_tree(predictor, known, codes, order, output))
    return Ensemble(
        trees=tuple(trees),
        base=np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1),
        link=_histogram_link(model),
        categories=texts,
    )


def _histogram_link(model: Any) -> str:  # noqa: ANN401
    if hasattr(model, "classes_"):
        return "softmax" if len(model.classes_) > 2 else "sigmoid"
    return "exp" if model.loss in ("poisson", "gamma") else "identity"


def _encode(model: Any) -> tuple[Mapping[int, Integers], Mapping[int, Sequence[object]], Integers]:  # noqa: ANN401
    """Return values of codes by feature of the trees, texts by column, and the column of each feature.

    Columns of categories come first inside, as ordinal codes of their sorted values.
    """
    count = int(model.n_features_in_)
    if getattr(model, "is_categorical_", None) is None:
        return {}, {}, np.arange(count)
    chosen = np.asarray(model.is_categorical_, dtype=bool)
    order = np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)])
    encoder = model._preprocessor.named_transformers_["encoder"]
    codes: dict[int, Integers] = {}
    texts: dict[int, Sequence[object]] = {}
    for feature, levels in enumerate(encoder.categories_):
        held = [level for level in levels if level == level]
        if all(isinstance(value, str) for value in held):
            texts[int(order[feature])] = held
            codes[feature] = np.arange(len(held))
            continue
        numbers = np.asarray(held, dtype=np.float64)
        if not ((numbers >= 0) & (numbers < 2**31) & (numbers == np.floor(numbers))).all():
            raise ModelError(
                "a column of categories holds numbers other than 0, 1, 2 …; encode it as those, or as text"
            )
        codes[feature] = numbers.astype(np.int64)
    return codes, texts, order


def _histogram_tree(
    predictor: Any,  # noqa: ANN401
    known: tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]],
    codes: Mapping[int, Integers],
    order: Integers,
    output: int,
) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    left = np.where(leaf, -1, nodes["left"].astype(np.int64))
    right = np.where(leaf, -1, nodes["right"].astype(np.int64))
    missing_left = nodes["missing_go_to_left"].astype(bool)
    yes, no, missing_yes = left.copy(), right.copy(), missing_left.copy()
    mode = np.full(len(nodes), AT_MOST)
    members: dict[int, Sequence[int]] = {}
    for at in np.flatnonzero(~leaf & nodes["is_categorical"].astype(bool)):
        feature = int(nodes["feature_idx"][at])
        here = _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][at]])
        mode[at] = AMONG
        if missing_left[at]:  # whatever is unknown goes left too: name those that go right
            here = sorted({*_bits(known[0][known[1][feature]])} - {*here})
            yes[at], no[at], missing_yes[at] = right[at], left[at], False
        members[int(at)] = codes[feature][here].tolist()
    return Tree(
        feature=order[np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64)],
        yes=yes, no=no, mode=mode, split=nodes["num_threshold"].astype(np.float64),
        value=nodes["value"].astype(np.float64), missing_yes=missing_yes, members=members, output=output,
    )  # fmt: skip


def _bits(words: npt.NDArray[np.uint32]) -> list[int]:
    return [32 * place + bit for place, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1]


def _average(predictor: Any) -> Sequence[Any]:  # noqa: ANN401
    """Return the trees whose leaves are averaged: a tree alone, or those of a forest."""
    if hasattr(predictor, "tree_"):
        return [predictor]
    if not (hasattr(predictor, "oob_score") and hasattr(predictor, "max_leaf_nodes")):  # bagging lacks the second
        return []
    trees = getattr(predictor, "estimators_", None)
    return trees if isinstance(trees, list) and all(hasattr(tree, "tree_") for tree in trees) else []


def _forest(model: Any) -> Ensemble:  # noqa: ANN401 -- an estimator of scikit-learn
    held = _average(model)
    if int(model.n_outputs_) > 1:
        raise ModelError("the trees answer several numbers a row; only one is written as ONNX.")
    outputs = len(model.classes_) if hasattr(model, "classes_") else 1
    return Ensemble(
        trees=tuple(_plain_tree(value.tree_, output) for value in held for output in range(outputs)),
        base=np.zeros(outputs), link="share" if hasattr(model, "classes_") else "identity", divisor=len(held),
        single=True,
    )  # fmt: skip


def _plain_tree(tree: Any, output: int) -> Tree:  # noqa: ANN401
    left = np.asarray(tree.children_left, dtype=np.int64)
    value = np.asarray(tree.value, dtype=np.float64)[:, 0, :]
    missing = getattr(tree, "missing_go_to_left", None)
    return Tree(
        feature=np.where(left < 0, 0, tree.feature).astype(np.int64), yes=left,
        no=np.asarray(tree.children_right, dtype=np.int64), mode=np.full(len(left), AT_MOST),
        split=np.asarray(tree.threshold, dtype=np.float64), value=value[:, output], output=output,
        missing_yes=np.zeros(len(left), dtype=bool) if missing is None else np.asarray(missing, dtype=bool),
    )  # fmt: skip


# --- xgboost --------------------------------------------------------------------------------------


def _xgboost(booster: Any) -> Ensemble:  # noqa: ANN401 -- xgboost's own class
    model = XgboostModel(booster, "the booster")
    best = booster.attr("best_iteration")
    if best is not None:
        booster = booster[: int(best) + 1]
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    grown = learner["gradient_booster"]
    weights = grown.get("weight_drop")
    grown = grown.get("gbtree", grown)
    if "model" not in grown or "trees" not in grown["model"]:
        raise ModelError(f"the booster is {quote(grown.get('name', 'linear'))}; only trees are written as ONNX.")
    held = grown["model"]
    weights = weights or [1.0] * len(held["trees"])
    trees = tuple(
        _xgboost_tree(tree, output, weight)
        for tree, output, weight in zip(held["trees"], held["tree_info"], weights, strict=True)
    )
    link = _link(learner["objective"]["name"])
    result = learner["learner_model_param"]
    base = np.array([float(match) for match in re.findall(r"[-+\w.]+", str(result["base_score"]))])
    outputs = max(1, int(result["num_class"]))
    if int(result.get("num_target", 1)) > 1:
        raise ModelError("the booster answers several numbers a row; only one is written as ONNX.")
    to_margin = {"sigmoid": logit, "exp": np.log}.get(link, np.asarray)
    return Ensemble(
        trees=trees, base=np.broadcast_to(to_margin(base), outputs).copy(), link=link, single=True,
        categories=_texts(model.categories_),
    )  # fmt: skip


def _xgboost_tree(table: Mapping[str, Any], output: int, weight: float) -> Tree:
    if int(table["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise ModelError("the booster's leaves hold several numbers; only one a leaf is written as ONNX.")
    left, right = (np.asarray(table[side], dtype=np.int64) for side in ("left_children", "right_children"))
    condition = np.asarray(table["split_conditions"], dtype=np.float32).astype(np.float64)
    default_left = np.asarray(table["default_left"]).astype(bool)
    mode = np.full(len(left), BELOW)
    yes, no, missing_yes = left.copy(), right.copy(), default_left.copy()
    members: dict[int, Sequence[int]] = {}
    places = zip(table["categories_nodes"], table["categories_segments"], table["categories_sizes"], strict=True)
    for at, start, size in places:  # the set of a split goes right
        mode[at] = AMONG
        yes[at], no[at], missing_yes[at] = right[at], left[at], not default_left[at]
        members[int(at)] = [int(value) for value in table["categories"][start : start + size]]
    return Tree(
        feature=np.asarray(table["split_indices"], dtype=np.int64), yes=yes, no=no, mode=mode, split=condition,
        value=condition * weight, missing_yes=missing_yes, members=members, output=int(output),
    )  # fmt: skip


def _texts(categories: Mapping[int, Sequence[object]]) -> Mapping[int, Sequence[object]]:
    """Return categories that are texts.

    Raises
    ------
    ModelError
        For numbers: their codes would have to be looked up in a table of another type.
    """
    for levels in categories.values():
        if not all(isinstance(level, str) for level in levels):
            raise ModelError("the booster was taught categories that are numbers; hand it texts, or plain numbers.")
    return categories


# --- LightGBM -------------------------------------------------------------------------------------


def _lightgbm(booster: Any) -> Ensemble:  # noqa: ANN401 -- lightgbm's own class
    result = booster.dump_model()
    objective, *options = str(result.get("objective", "")).split(" ")
    if "sqrt" in options:
        raise ModelError("the booster was fitted to square roots (reg_sqrt), which is not written as ONNX.")
    outputs = int(result["num_tree_per_iteration"])
    trees = tuple(
        _lightgbm_tree(value["tree_structure"], place % outputs) for place, value in enumerate(result["tree_info"])
    )
    steep = [float(option.partition(":")[2]) for option in options if option.startswith("sigmoid:")]
    rounds = max(1, len(trees) // outputs) if result.get("average_output") else 1
    return Ensemble(
        trees=trees, base=np.zeros(outputs), link=_link(objective), divisor=rounds / (steep[0] if steep else 1.0),
        categories=_texts(LightgbmModel(booster, "the booster").categories_),
    )  # fmt: skip


def _lightgbm_tree(root: Mapping[str, Any], output: int) -> Tree:
    nodes: list[Mapping[str, Any]] = [root]
    yes: list[int] = []
    no: list[int] = []
    for node in nodes:  # grows while it is walked
        for side, name in ((yes, "left_child"), (no, "right_child")):
            side.append(len(nodes) if name in node else -1)
            if name in node:
                nodes.append(node[name])
    if any("leaf_coeff" in node for node in nodes):
        raise ModelError("the booster has linear leaves (linear_tree), which are not written as ONNX.")
    members = {
        at: [int(text) for text in str(node["threshold"]).split("||")]
        for at, node in enumerate(nodes)
        if node.get("decision_type") == "=="
    }
    if any(node.get("missing_type") == "Zero" for node in nodes):
        raise ModelError("the booster treats zeros as missing values (zero_as_missing), which is not written as ONNX.")
    split = [0.0 if at in members else float(node.get("threshold", 0.0)) for at, node in enumerate(nodes)]
    return Tree(
        feature=np.array([int(node.get("split_feature", 0)) for node in nodes]),
        yes=np.array(yes), no=np.array(no), split=np.array(split), members=members,
        mode=np.array([AMONG if at in members else AT_MOST for at in range(len(nodes))]),
        value=np.array([float(node.get("leaf_value", 0.0)) for node in nodes]),
        missing_yes=np.array([at not in members and _missing_left(node) for at, node in enumerate(nodes)]),
        output=output,
    )  # fmt: skip


def _missing_left(node: Mapping[str, Any]) -> bool:
    """Tell where a missing number goes; it counts as zero where the training rows had none."""
    if node.get("missing_type") == "NaN":
        return bool(node["default_left"])
    return "threshold" in node and float(node["threshold"]) >= 0


# --- CatBoost -------------------------------------------------------------------------------------


def _catboost(model: Any) -> Ensemble:  # noqa: ANN401 -- catboost's own class
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        raise ModelError("CatBoost computes statistics of categories and texts, which are not written as ONNX.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        result = json.loads(path.read_text(encoding="utf-8"))
    if "oblivious_trees" not in result:
        raise ModelError("the CatBoost model grew other than symmetric trees; fit it with grow_policy='SymmetricTree'.")
    floats = result["features_info"]["float_features"]
    flat = np.array([int(value["flat_feature_index"]) for value in floats])
    missing_yes = np.array([value["nan_value_treatment"] == "AsTrue" for value in floats])
    scale, base = result["scale_and_bias"]
    outputs = len(np.atleast_1d(base))
    objective = str(result["model_info"]["params"]["loss_function"]["type"])
    trees = tuple(
        tree
        for value in result["oblivious_trees"]
        for tree in _oblivious(value, flat, missing_yes, outputs, float(scale))
    )
    return Ensemble(
        trees=trees, base=np.atleast_1d(np.asarray(base, dtype=np.float64)), link=_link(objective), single=True
    )


def _oblivious(
    table: Mapping[str, Any], flat: Integers, missing_yes: npt.NDArray[np.bool_], outputs: int, scale: float
) -> Iterator[Tree]:
    """Unfold a tree that asks the same at every node of a level; bit i of a leaf's place is the answer to split i."""
    splits = table.get("splits") or []
    depth, inner = len(splits), 2 ** len(splits) - 1
    at = np.arange(inner + 2**depth)
    level = np.floor(np.log2(at + 1)).astype(np.int64)
    asked = [splits[depth - 1 - value] for value in level[:inner]]  # the last split is the highest bit: ask it first
    feature = np.zeros(len(at), dtype=np.int64)
    feature[:inner] = [int(value["float_feature_index"]) for value in asked]
    split = np.zeros(len(at))
    split[:inner] = np.array([float(value["border"]) for value in asked], dtype=np.float32)
    leaves = np.asarray(table["leaf_values"], dtype=np.float64).reshape(2**depth, outputs) * scale
    child = np.where(at < inner, 2 * at + 1, -1)
    for output in range(outputs):
        value = np.zeros(len(at))
        value[inner:] = leaves[:, output]
        yield Tree(
            feature=flat[feature], yes=np.where(child < 0, -1, child + 1), no=child, mode=np.full(len(at), ABOVE),
            split=split, value=value, missing_yes=missing_yes[feature], output=output,
        )  # fmt: skip
