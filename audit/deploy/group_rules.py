"""Rules of decision by group around a graph: scores go through, the group is an input, whoever has no rule is refused.

A graph has no way to say why it refuses. Rows without a known group get a place beyond the end of the table of rules,
which stops the whole request: nobody is decided by the rule of another group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.data.columns import group_factor
from audit.data.factor import crossed_levels
from audit.deploy.graph import WORDS_OPSET, Graph, labels_of, state_version
from audit.errors import ModelError, quote
from audit.optional import require

INNER = "model/"
"""How the names of the graph inside begin."""
SMALLEST = 1e-12
"""Least probability whose log odds are taken."""


def has_rule(predictor: object) -> bool:
    """Tell a sealed estimator in which a rule decides."""
    take = getattr(predictor, "without_rule", None)
    return take is not None and take() is None


def decides_on_margins(sealed: Any) -> bool:  # noqa: ANN401 -- an estimator of the mitigation
    """Tell a rule about raw scores, of an estimator without probabilities."""
    decides = getattr(sealed, "thresholds", None) is not None or getattr(sealed, "calibration", None) is not None
    return decides and not hasattr(sealed.estimator_, "predict_proba")


def with_rule(result: Any, sealed: Any, train: pd.DataFrame) -> Any:  # noqa: ANN401 -- a ModelProto; an estimator
    """Put the rule of a sealed estimator behind the graph of the one inside.

    Parameters
    ----------
    result : ModelProto
        Answers label and probabilities, or a number.
    sealed : MitigatedClassifier or MitigatedRegressor
    train : DataFrame
        Tells the type of the group's column.

    Raises
    ------
    ModelError
        If the rule cannot be written.
    """
    compose = require("onnx.compose", extra="onnx", purpose="ONNX exports")
    result = compose.add_prefix(result, INNER, rename_inputs=False)
    graph = Graph((*(value_info.name for value_info in result.graph.input), *sealed.group_columns()))
    outputs = [value_info.name for value_info in result.graph.output]
    if getattr(sealed, "offsets", None) is not None:
        _move(graph, result, sealed, train, outputs)
    else:
        _decide(graph, result, sealed, train, outputs)
    have = {value_info.name for value_info in result.graph.input}
    result.graph.input.extend(value for value in graph.inputs if value.name not in have)
    result.graph.node.extend(graph.nodes)
    result.graph.initializer.extend(graph.constants)
    if any(node.op_type == "LabelEncoder" for node in graph.nodes):
        state_version(result, WORDS_OPSET)
    return result


def _move(graph: Graph, result: Any, sealed: Any, train: pd.DataFrame, outputs: Sequence[str]) -> None:  # noqa: ANN401
    kinds = graph.onnx.TensorProto
    answer = graph.node("Cast", outputs[0], to=kinds.DOUBLE)
    answer = graph.node("Reshape", answer, graph.constant(np.array([-1], dtype=np.int64)))
    moved = graph.node("Add", answer, _of_group(graph, result, sealed, sealed.offsets, train))
    number = graph.node("Unsqueeze", moved, graph.constant(np.array([1], dtype=np.int64)), out=graph.free("prediction"))
    del result.graph.output[:]
    result.graph.output.extend(graph.answers([number], None, 1))


def _decide(graph: Graph, result: Any, sealed: Any, train: pd.DataFrame, outputs: Sequence[str]) -> None:  # noqa: ANN401
    kinds, names = graph.onnx.TensorProto, [graph.free(output) for output in ("label", "probabilities")]
    shares, margins = graph.node("Cast", outputs[-1], to=kinds.DOUBLE), decides_on_margins(sealed)
    score = graph.node("Gather", shares, graph.constant(np.int64(-1)), axis=1)
    limit = _of_group(graph, result, sealed, 0.5 if sealed.thresholds is None else sealed.thresholds, train)
    if sealed.calibration is not None:
        lines = {name: list(map(float, line)) for name, line in sealed.calibration.items()}
        slope, start = (
            _of_group(graph, result, sealed, {name: line[side] for name, line in lines.items()}, train)
            for side in (0, 1)
        )
        unit = graph.constant(np.float64(1))
        odds = score if margins else _log_odds(graph, score, unit)
        score = graph.node("Sigmoid", graph.node("Add", graph.node("Mul", odds, slope), start))
        wide = [
            graph.node("Unsqueeze", part, graph.constant(np.array([1])))
            for part in (graph.node("Sub", unit, score), score)
        ]
        graph.node("Concat", *wide, axis=1, out=names[1])
    else:
        if margins:
            del names[1]  # raw scores would be taken for probabilities
        else:
            graph.node("Identity", shares, out=names[1])
    place = graph.node("Cast", graph.node("GreaterOrEqual", score, limit), to=kinds.INT64)
    graph.node("Gather", graph.constant(labels_of(sealed.classes_), "classes"), place, axis=0, out=names[0])
    del result.graph.output[:]
    result.graph.output.extend(graph.answers(names, sealed.classes_, 2)[: len(names)])


def _log_odds(graph: Graph, share: str, unit: str) -> str:
    low, high = (graph.constant(np.float64(value)) for value in (SMALLEST, 1 - SMALLEST))
    inside = graph.node("Clip", share, low, high)
    return graph.node("Sub", graph.node("Log", inside), graph.node("Log", graph.node("Sub", unit, inside)))


def _of_group(graph: Graph, result: Any, sealed: Any, rule: Any, train: pd.DataFrame) -> str:  # noqa: ANN401
    """Look a number up by group; a single number is one for all."""
    if not isinstance(rule, Mapping):
        return graph.constant(np.float64(rule))
    names = list(rule)
    place = place_of(graph, result, sealed, names, train)
    return graph.node("Gather", graph.constant(np.array([float(rule[name]) for name in names])), place, axis=0)


def place_of(graph: Graph, result: Any, sealed: Any, names: Sequence[str], train: pd.DataFrame) -> str:  # noqa: ANN401
    """Give each row the place of its group among the rules; beyond the last one where there is none."""
    columns = sealed.group_columns()
    if len(columns) == 1:
        ((column, edges),) = columns.items()
        return _level(graph, result, names, train[column], edges)
    groups = [crossed_levels(name) for name in names]
    known = [list(dict.fromkeys(levels)) for levels in zip(*groups, strict=True)]
    table = np.full([len(levels) + 1 for levels in known], len(names), dtype=np.int64)
    for code, group in enumerate(groups):
        table[tuple(levels.index(level) for levels, level in zip(known, group, strict=True))] = code
    cell = graph.constant(np.int64(0))
    for (column, edges), levels in zip(columns.items(), known, strict=True):
        scaled = graph.node("Mul", cell, graph.constant(np.int64(len(levels) + 1)))
        cell = graph.node("Add", scaled, _level(graph, result, levels, train[column], edges))
    return graph.node("Gather", graph.constant(table.reshape(-1)), cell, axis=0)


def _level(
    graph: Graph, result: Any, names: Sequence[str], column: pd.Series, edges: Sequence[float] | None  # noqa: ANN401
) -> str:  # fmt: skip
    """Give each row the place of its value of a column among levels; beyond the last one where it has another."""
    name, kinds = str(column.name), graph.onnx.TensorProto
    flat = graph.constant(np.array([-1], dtype=np.int64))
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if pd.api.types.is_bool_dtype(column.dtype):
        raise ModelError(f"the group {quote(name)} is a truth value; write it as words and mitigate again.")
    there = {value.name for value in (*result.graph.input, *graph.inputs)}
    given = name if name in there else graph.column(name, "DOUBLE" if numeric else "STRING", 1)
    given = graph.node("Reshape", given, flat)
    if not numeric:
        return graph.node(
            "LabelEncoder", given, domain="ai.onnx.ml", keys_strings=[str(name) for name in names],
            values_int64s=list(range(len(names))), default_int64=len(names),
        )  # fmt: skip
    number = graph.node("Cast", given, to=kinds.DOUBLE)
    place = graph.constant(np.int64(len(names)))
    for holds, code in _bands(graph, names, number, edges):
        place = graph.node("Where", holds, graph.constant(np.int64(code)), place)
    return place


def _bands(graph: Graph, names: Sequence[str], number: str, bounds: Sequence[float] | None) -> list[tuple[str, int]]:
    """Return conditions in rising order, each with the place of the group that holds from there on."""
    if bounds is None:
        return [
            (graph.node("Equal", number, graph.constant(np.float64(name))), code) for code, name in enumerate(names)
        ]
    edges = [float(edge) for edge in bounds]
    entries = []
    for low, label in zip([-np.inf, *edges], _labels_of_bands(edges), strict=True):
        code = list(names).index(label) if label in names else len(names)
        entries.append((graph.node("GreaterOrEqual", number, graph.constant(np.float64(low))), code))
    return entries


def _labels_of_bands(edges: Sequence[float]) -> list[str]:
    """Name the bands between edges, as rows in them are named."""
    values = pd.Series([edges[0] - 1.0, *edges])
    factor = group_factor(values, tuple(edges))
    return [factor.levels[code] for code in factor.codes]


def refuses(converted: Any, rows: pd.DataFrame, sealed: Any) -> bool:  # noqa: ANN401
    """Tell whether a graph stops at a row without a known group, whichever column does not tell it."""
    for name in sealed.group_columns():
        first = rows.iloc[:1].copy()
        numeric = pd.api.types.is_numeric_dtype(first[name].dtype)
        first[name] = pd.Series([np.nan if numeric else "\x00 no such group"], index=first.index)
        try:
            converted.predict(first)
        except Exception:  # noqa: S112 -- onnxruntime raises errors of its own, without a common class
            continue
        return False
    return True
