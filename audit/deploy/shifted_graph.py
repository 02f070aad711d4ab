"""Columns that are moved by group before the last step, as ONNX: the steps before, what is taken, the last step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from audit.deploy.graph import OPSET, WORDS_OPSET, Graph, set_apart, state_version, state_versions
from audit.deploy.group_rules import place_of
from audit.deploy.scikit_graph import scikit_graphs
from audit.deploy.tree_graph import names_in, with_columns
from audit.models.load import Model
from audit.optional import require

Graphs = Callable[[Model, pd.DataFrame], Iterator[Any]]
FIRST = "before/"
"""How the names of the graph before the shifts begin."""


def shifted_graphs(sealed: Any, inner: Model, train: pd.DataFrame, graphs: Graphs) -> Iterator[Any]:  # noqa: ANN401
    """Try conversions of both parts, the most exact first, and join each pair.

    Parameters
    ----------
    sealed : MitigatedClassifier or MitigatedRegressor
        With shifts by group.
    inner : Model
        The estimator that it holds.
    train : DataFrame
        The columns that the sealed estimator reads.
    graphs : callable
        Converts an estimator that reads a matrix of numbers.

    Raises
    ------
    ModelError
        If one of the parts cannot be converted.
    """
    own = train.loc[:, list(sealed.columns_)]
    before, last = sealed.steps()
    width = len(next(iter(sealed.shifts.values())))
    matrix = pd.DataFrame(np.zeros((1, width)), columns=[f"column {at}" for at in range(width)])
    after = graphs(replace(inner, predictor=_without_names(last)), matrix)
    if before is None:
        first = iter([with_columns(_unchanged(width), own)])
    else:
        first = scikit_graphs(replace(inner, predictor=before), own)
    for start, end in zip(first, after, strict=False):
        yield _joined(start, end, sealed, train)


def _without_names(last: Any) -> Any:  # noqa: ANN401 -- an estimator
    """Return the last step as one that was fitted on numbers without names: the moved columns are such."""
    step = last.booster() if callable(getattr(last, "booster", None)) else copy(last)
    vars(step).pop("feature_names_in_", None)
    return step


def _unchanged(width: int) -> Any:  # noqa: ANN401 -- a ModelProto
    helper = require("onnx.helper", extra="onnx", purpose="ONNX exports")
    given, answer = (helper.make_tensor_value_info(name, 11, ["rows", width]) for name in ("X", "same"))
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["same"])], "unchanged", [given], [answer])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def _joined(first: Any, last: Any, sealed: Any, train: pd.DataFrame) -> Any:  # noqa: ANN401 -- two ModelProto
    compose = require("onnx.compose", extra="onnx", purpose="ONNX exports")
    result = compose.add_prefix(first, FIRST, rename_inputs=False)
    columns = {*(value.name for value in result.graph.input), *sealed.group_columns()}
    set_apart(last.graph, columns)
    graph = Graph((*columns, *names_in(last.graph)))
    groups = list(sealed.shifts)
    moved = np.array([list(sealed.shifts[name]) for name in groups], dtype=np.float64)
    place = place_of(graph, result, sealed, groups, train)
    table = graph.node("Cast", result.graph.output[0].name, to=graph.onnx.TensorProto.DOUBLE)
    table = graph.node("Sub", table, graph.node("Gather", graph.constant(moved), place, axis=0))
    matrix = last.graph.input[0]
    graph.node("Cast", table, to=matrix.type.tensor_type.elem_type, out=matrix.name)
    have = {value.name for value in result.graph.input}
    result.graph.input.extend(value for value in graph.inputs if value.name not in have)
    result.graph.node.extend([*graph.nodes, *last.graph.node])
    result.graph.initializer.extend([*graph.constants, *last.graph.initializer])
    del result.graph.output[:]
    result.graph.output.extend(last.graph.output)
    state_versions(result, last)
    if any(node.op_type == "LabelEncoder" for node in graph.nodes):
        state_version(result, WORDS_OPSET)
    result.ir_version = max(result.ir_version, last.ir_version)
    return result
