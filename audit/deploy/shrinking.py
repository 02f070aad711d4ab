"""Take units out of an ONNX graph that say the same whatever they are given, so that pruning makes a file smaller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from audit.optional import require

Values = npt.NDArray[Any]
ELEMENTWISE: dict[str, Callable[[Values], Values]] = {
    "Relu": lambda x: np.maximum(x, 0),
    "Tanh": np.tanh,
    "Sigmoid": expit,
    "Identity": lambda x: x,
    "Dropout": lambda x: x,
}
"""What a constant unit gives behind an activation."""
POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape")
"""Operators behind which a channel of zeros is still zeros, in one place or in a block of columns."""


@dataclass(slots=True, kw_only=True)
class _Way:
    """From a layer to the next one that weighs its units."""

    parts: list[Any] = field(default_factory=list)
    after: Any = None


def shrink(model: Any) -> int:  # noqa: ANN401 -- a ModelProto
    """Remove units of fully connected and convolutional layers whose incoming weights are all zero.

    What such a unit always says is added to the bias of the next layer; a channel goes only if it always says zero,
    because the padding around it does too. The graph is changed in place and answers as before.

    Parameters
    ----------
    model : ModelProto

    Returns
    -------
    int
        How many units were removed.
    """
    helper = require("onnx.numpy_helper", extra="onnx", purpose="compression")
    graph = model.graph
    held = {initializer.name: helper.to_array(initializer) for initializer in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    removed = 0
    for node in graph.node:
        if not _weighs(node, held, uses):
            continue
        way = _way(graph, node, held, uses)
        if way is not None:
            removed += _remove(node, way, held)
    if removed:
        kept = [helper.from_array(held[initializer.name], initializer.name) for initializer in graph.initializer]
        del graph.initializer[:], graph.value_info[:]
        graph.initializer.extend(kept)
    return removed


def _weighs(node: Any, held: dict[str, Values], uses: Counter[str]) -> bool:  # noqa: ANN401
    """Tell a layer with weights and bias of its own, units in the first axis."""
    if node.op_type not in ("Gemm", "Conv") or len(node.input) < 3:
        return False
    table = {
        attribute.name: attribute.f if attribute.type == 1 else attribute.i
        for attribute in node.attribute
        if attribute.type in (1, 2)
    }
    usual = {"alpha": 1.0, "beta": 1.0, "transA": 0, "group": 1}
    plain = all(table.get(name, value) == value for name, value in usual.items())
    own = all(name in held and uses[name] == 1 for name in node.input[1:3])
    return plain and own and (node.op_type == "Conv" or table.get("transB") == 1)


def _way(graph: Any, node: Any, held: dict[str, Values], uses: Counter[str]) -> _Way | None:  # noqa: ANN401
    ends = {value_info.name for value_info in graph.output}
    way, name = _Way(), node.output[0]
    while name not in ends and uses[name] == 1:
        following = next(node for node in graph.node if name in node.input)
        if _weighs(following, held, uses):
            way.after = following
            return way if following.input[0] == name else None
        centered = following.op_type == "Sub" and following.input[0] == name and following.input[1] in held
        if not (centered or following.op_type in ELEMENTWISE or following.op_type in POOLS):
            return None
        way.parts.append(following)
        name = following.output[0]
    return None


def _remove(node: Any, way: _Way, held: dict[str, Values]) -> int:  # noqa: ANN401
    """Take the units out of both layers; return how many."""
    weight, bias = (held[name] for name in node.input[1:3])
    after_weight, after_bias = (held[name] for name in way.after.input[1:3])
    units, columns = len(weight), after_weight.shape[1]
    if columns % units or not _fits(way, held, columns):
        return 0
    said, zeros = _always(way, np.repeat(bias.astype(np.float64), columns // units), held)
    listens = np.any(weight.reshape(units, -1), axis=1)
    dead: npt.NDArray[np.bool_] = np.asarray(~listens & zeros.reshape(units, -1).all(axis=1))
    dead[0] &= not dead.all()
    gone = np.repeat(dead, columns // units)
    if way.after.op_type == "Gemm":
        held[way.after.input[2]] = (after_bias + after_weight[:, gone] @ said[gone]).astype(after_bias.dtype)
    held[node.input[1]], held[node.input[2]] = weight[~dead], bias[~dead]
    held[way.after.input[1]] = after_weight[:, ~gone]
    for part in way.parts:
        if part.op_type == "Sub":
            held[part.input[1]] = held[part.input[1]].reshape(-1)[~gone]
        elif part.op_type == "Reshape" and held[part.input[1]][-1] > 0:
            held[part.input[1]] = np.array([held[part.input[1]][0], int((~gone).sum())], dtype=np.int64)
    return int(dead.sum())


def _fits(way: _Way, held: dict[str, Values], columns: int) -> bool:
    """Tell whether what stands between the layers can be cut to fewer columns."""
    for part in way.parts:
        if part.op_type == "Sub" and held[part.input[1]].size != columns:
            return False
        if part.op_type == "Reshape":
            shape = held.get(part.input[1])
            if shape is None or len(shape) != 2 or int(shape[-1]) not in (-1, columns):
                return False
    return True


def _always(way: _Way, said: Values, held: dict[str, Values]) -> tuple[Values, npt.NDArray[np.bool_]]:
    """Return what units without weights hand on, by column, and where that was zero before it met padding."""
    zeros = np.ones(len(said), dtype=np.bool_)
    for part in way.parts:
        if part.op_type == "Sub":
            said = said - held[part.input[1]].reshape(-1)
        elif part.op_type in ELEMENTWISE:
            said = ELEMENTWISE[part.op_type](said)
        else:
            zeros &= said == 0
    return said, zeros & (said == 0) if way.after.op_type == "Conv" else zeros
