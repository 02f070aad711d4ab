"""Trees as ONNX operators, alone over the columns of a table or at the end of a scikit-learn pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.deploy.graph import MISSING_WORD, OPSET, Graph, are_words, labels_of, set_apart, state_version
from audit.deploy.operator_writer import PURPOSE, OperatorWriter, data_types
from audit.deploy.tree_ensembles import AT_MOST, Ensemble, Tree, ensemble
from audit.errors import ModelError, quote
from audit.models.onnx import MISSING_TEXT
from audit.optional import require

TREES_OPSET = 5
"""The version of ``ai.onnx.ml`` whose trees compare in double precision and split on sets."""
Emit = Callable[..., str]


def tree_graph(predictor: object, train: pd.DataFrame, names: Sequence[str] | None) -> Any:  # noqa: ANN401 -- a ModelProto
    """Write a booster over the columns of a table.

    Parameters
    ----------
    predictor : object
        See :func:`~audit.deploy.tree_ensembles.ensemble`.
    train : DataFrame
        Its columns in their order.
    names : sequence of str or None
        Names of the inputs; None for one matrix.

    Raises
    ------
    ModelError
        If it cannot be written, or reads texts without the names of its columns.
    """
    held = ensemble(predictor)
    graph = Graph(names or ())
    if names is None:
        if held.categories:
            raise ModelError("the booster reads texts and does not name its columns; name them: --features a,b,c.")
        rows = graph.column("X", "DOUBLE", train.shape[1])
    else:
        rows = graph.node("Concat", *[_column(graph, held, at, name) for at, name in enumerate(names)], axis=1)
    classes = _classes(predictor)
    answers = [graph.free(text) for text in (("prediction",) if classes is None else ("label", "probabilities"))]
    _answer(graph.node, graph.constant, rows, held, classes, answers)
    return _model(graph, classes, len(held.base), answers)


def _classes(predictor: object) -> npt.NDArray[Any] | None:
    """Return the labels of a classifier; a regression of CatBoost holds an empty list of them."""
    held = getattr(predictor, "classes_", None)
    return np.array(list(held)) if held is not None and len(held) else None


def _column(graph: Graph, held: Ensemble, at: int, name: str) -> str:
    levels = held.categories.get(at)
    if levels is None:
        return graph.column(name, "DOUBLE", 1)
    tensor = graph.onnx.numpy_helper.from_array
    return graph.node(
        "LabelEncoder", graph.column(name, "STRING", 1), domain="ai.onnx.ml",
        keys_strings=[str(level) for level in levels],
        values_tensor=tensor(np.arange(len(levels), dtype=np.float64), "codes"),
        default_tensor=tensor(np.array([np.nan]), "unknown"),
    )  # fmt: skip


def _model(graph: Graph, classes: npt.NDArray[Any] | None, outputs: int, names: Sequence[str]) -> Any:  # noqa: ANN401
    helper = graph.onnx.helper
    answers = graph.answers(names, classes, outputs if classes is None else max(2, outputs))
    result = helper.make_model(
        helper.make_graph(graph.nodes, "trees", graph.inputs, answers, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)],
        ir_version=9,
    )
    helper.set_model_props(result, {MISSING_TEXT: MISSING_WORD})
    return result


def _answer(
    node: Emit,
    constant: Emit,
    rows: str,
    held: Ensemble,
    classes: npt.NDArray[Any] | None,
    names: Sequence[str],
    *,
    raw: bool = False,
) -> None:
    """Write leaves, their sum, the link (except for raw scores), and the label: the first of the most probable."""
    if held.single:
        rows = node("Cast", node("Cast", rows, to=1), to=11)
    summed = node("TreeEnsemble", rows, domain="ai.onnx.ml", **_attributes(held))
    total = node("Add", summed, constant(held.base[None]))
    if held.divisor != 1.0:
        total = node("Div", total, constant(np.float64(held.divisor)))
    if classes is None:
        last = {"exp": "Exp", "sigmoid": "Sigmoid", "identity": "Identity"}.get(held.link)
        if last is None:
            raise ModelError(f"the booster answers with {quote(held.link)}; expected one number a row.")
        node(last, total, out=names[0])
        return
    label, shares = names
    _shares(node, constant, total, held.link, shares, raw=raw)
    node(
        "Gather", constant(labels_of(classes), "classes"), node("ArgMax", shares, axis=1, keepdims=0), axis=0, out=label
    )


def _shares(node: Emit, constant: Emit, total: str, link: str, out: str, *, raw: bool) -> None:
    if link == "softmax":
        node("Identity", total, out=out) if raw else node("Softmax", total, axis=1, out=out)
    elif link == "share":
        node("Min", total, constant(np.float64(1)), out=out)
    elif link == "each":
        node("Identity" if raw else "Sigmoid", total, out=out)
    elif link == "sigmoid":
        second = total if raw else node("Sigmoid", total)
        first = node("Neg", total) if raw else node("Sub", constant(np.float64(1)), second)
        node("Concat", first, second, axis=1, out=out)
    else:
        raise ModelError(f"the booster answers with {quote(link)}; expected the probability of a class.")


def _attributes(held: Ensemble) -> dict[str, Any]:
    """Lay the trees out as the operator wants them: splits and leaves numbered apart, children by either's number."""
    onnx = require("onnx", extra="onnx", purpose="ONNX exports")
    parts = [_laid_out(tree) for tree in held.trees]
    splits = np.cumsum([0, *(len(part["feature"]) for part in parts)])
    leaves = np.cumsum([0, *(len(part["weight"]) for part in parts)])

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)

    def numbered(side: str) -> list[int]:
        shifted = [
            part[side] + np.where(part[f"{side}_leaf"], leaves[place], splits[place])
            for place, part in enumerate(parts)
        ]
        return [int(value) for value in np.concatenate(shifted)]

    tensor = onnx.numpy_helper.from_array
    members = [value for tree in held.trees for at in sorted(tree.members) for value in [*tree.members[at], np.nan]]
    sets = {"membership_values": tensor(np.array(members, dtype=np.float64), "sets")} if members else {}
    return {
        "aggregate_function": 1,
        "post_transform": 0,
        "n_targets": len(held.base),
        "tree_roots": [int(split) for split in splits[:-1]],
        "nodes_featureids": [int(value) for value in joined("feature")],
        "nodes_modes": tensor(joined("mode").astype(np.uint8), "modes"),
        "nodes_splits": tensor(joined("split").astype(np.float64), "splits"),
        "nodes_truenodeids": numbered("yes"),
        "nodes_trueleafs": [int(value) for value in joined("yes_leaf")],
        "nodes_falsenodeids": numbered("no"),
        "nodes_falseleafs": [int(value) for value in joined("no_leaf")],
        "nodes_missing_value_tracks_true": [int(value) for value in joined("missing")],
        "leaf_targetids": [int(value) for value in joined("target")],
        "leaf_weights": tensor(joined("weight").astype(np.float64), "weights"),
        **sets,
    }


def _laid_out(tree: Tree) -> dict[str, npt.NDArray[Any]]:
    leaf = tree.yes < 0
    number = np.where(leaf, np.cumsum(leaf) - 1, np.cumsum(~leaf) - 1)
    inner = np.flatnonzero(~leaf)
    if not len(inner):  # a tree that never splits: ask anything, answer the same
        values = np.zeros(1, dtype=np.int64)
        return {
            "feature": values, "mode": values + AT_MOST, "split": values.astype(np.float64), "missing": values,
            "yes": values, "no": values, "yes_leaf": values + 1, "no_leaf": values + 1,
            "target": values + tree.output, "weight": tree.value[:1],
        }  # fmt: skip
    yes, no = tree.yes[inner], tree.no[inner]
    return {
        "feature": tree.feature[inner], "mode": tree.mode[inner], "split": tree.split[inner],
        "missing": tree.missing_yes[inner], "yes": number[yes], "no": number[no], "yes_leaf": leaf[yes],
        "no_leaf": leaf[no], "target": np.full(int(leaf.sum()), tree.output), "weight": tree.value[leaf],
    }  # fmt: skip


# --- inside pipelines -----------------------------------------------------------------------------


def register_boosters() -> None:
    """Tell skl2onnx to write boosters and forests with the operators of this module, wherever they stand."""
    skl2onnx = require("skl2onnx", extra="onnx", purpose=PURPOSE)
    for module, kinds in {
        "sklearn.ensemble": (
            "HistGradientBoostingClassifier",
            "HistGradientBoostingRegressor",
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
        ),
        "sklearn.tree": (
            "DecisionTreeClassifier",
            "DecisionTreeRegressor",
            "ExtraTreeClassifier",
            "ExtraTreeRegressor",
        ),
        "xgboost": ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
        "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
        "catboost": ("CatBoostClassifier", "CatBoostRegressor"),
        "audit.mitigation.held": ("HeldBooster",),
    }.items():
        result = _install(module)
        for kind in kinds if result is not None else ():
            options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "raw_scores": [True, False]}
            skl2onnx.update_registered_converter(
                getattr(result, kind), f"Modelassay{kind}", _shapes, _write, overwrite=True,
                options=None if "Regressor" in kind else options, parser=None if "Regressor" in kind else _parsed,
            )  # fmt: skip


def _install(module: str) -> Any:  # noqa: ANN401
    """Return a module that is imported already: a model of its library is in memory then."""
    return sys.modules.get(module)


def _parsed(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:  # noqa: ANN401, ARG001
    """Declare a label and probabilities; the converter does not take every booster for a classifier."""
    parser = require("skl2onnx._parse", extra="onnx", purpose=PURPOSE)
    types = data_types()
    operator = scope.declare_local_operator(parser._get_sklearn_operator_name(type(model)), model)
    operator.inputs = inputs
    if _classes(model) is None:
        operator.outputs.append(scope.declare_local_variable("variable", types.DoubleTensorType()))
        return operator.outputs
    for name, kind in (("label", types.Int64TensorType()), ("probabilities", types.DoubleTensorType())):
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return operator.outputs


def _shapes(operator: Any) -> None:  # noqa: ANN401 -- an operator of skl2onnx
    types = data_types()
    classes = _classes(operator.raw_operator)
    single = isinstance(operator.inputs[0].type, types.FloatTensorType)  # converters around it expect what they gave
    numbers = types.FloatTensorType if single else types.DoubleTensorType
    if classes is None:
        operator.outputs[0].type = numbers([None, 1])
        return
    operator.outputs[0].type = (types.StringTensorType if are_words(classes) else types.Int64TensorType)([None])
    operator.outputs[1].type = numbers([None, len(classes)])


def _write(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401 -- of skl2onnx
    held = ensemble(operator.raw_operator)
    if held.categories:
        raise ModelError("the booster reads texts after other steps; encode them in a step of their own.")
    writer = OperatorWriter(scope, operator, container)
    rows = operator.inputs[0].full_name
    names = [output.full_name for output in operator.outputs]
    classes = _classes(operator.raw_operator)
    wide = [*names[:-1], scope.get_unique_variable_name("probabilities")]
    asked = scope.get_options(operator.raw_operator, {}).get("raw_scores")  # calibration wants what it was fitted to
    raw = bool(asked) and hasattr(operator.raw_operator, "decision_function")
    _answer(writer.node, writer.constant, writer.node("Cast", rows, to=11), held, classes, wide, raw=raw)
    writer.node("Cast", wide[-1], to=1 if "Float" in type(operator.outputs[-1].type).__name__ else 11, out=names[-1])


def with_trees(model: Any) -> Any:  # noqa: ANN401 -- a ModelProto
    """State the version that boosters' operators are of, where a converted pipeline holds some."""
    if any(node.op_type == "TreeEnsemble" for node in model.graph.node):
        state_version(model, TREES_OPSET)
    return model


def names_in(graph: Any) -> Iterator[str]:  # noqa: ANN401 -- a GraphProto
    """Yield whatever a graph gives a name to."""
    for part in (graph.initializer, graph.input):
        yield from (value.name for value in part)
    for node in graph.node:
        yield from node.output


def with_columns(model: Any, train: pd.DataFrame) -> Any:  # noqa: ANN401 -- a ModelProto
    """Put inputs by column before a graph that takes one matrix of numbers."""
    set_apart(model.graph, train.columns)
    graph, matrix = Graph((*train.columns, *names_in(model.graph))), model.graph.input[0]
    parts: list[str] = []
    for name in train.columns:
        flag = pd.api.types.is_bool_dtype(train[name].dtype)
        given = graph.column(str(name), "BOOL" if flag else "DOUBLE", 1)
        parts.append(graph.node("Cast", given, to=11) if flag else given)
    whole = graph.node("Concat", *parts, axis=1)
    graph.node("Cast", whole, to=matrix.type.tensor_type.elem_type, out=matrix.name)
    nodes = [*graph.nodes, *model.graph.node]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.input.extend(graph.inputs)
    return model
