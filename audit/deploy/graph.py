"""A graph of ONNX operators, while it is being written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from audit.optional import require

OPSET = 18


class Graph:
    """Nodes and constants of a graph that is being written; no name of its own is one of the columns'."""

    def __init__(self, columns: Iterable[object] = ()) -> None:
        self.taken = frozenset(map(str, columns))
        self.onnx = require("onnx", extra="onnx", purpose="ONNX exports")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def constant(self, value: Any, kind: str = "constant") -> str:  # noqa: ANN401 -- anything numpy takes
        """Hold a value; return its name."""
        name = self.free(f"{kind}.{len(self.constants)}")
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *given: str, domain: str = "", out: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add an operator; return the name of what it gives."""
        name = out or self.free(f"part.{len(self.nodes)}")
        self.nodes.append(self.onnx.helper.make_node(kind, list(given), [name], domain=domain, **attributes))
        return name

    def free(self, name: str) -> str:
        """Return a name, longer where a column is called so."""
        while name in self.taken:
            name += "_"
        return name

    def column(self, name: str, kind: str, width: int) -> str:
        """Add an input of the graph."""
        element = self.onnx.TensorProto.DataType.Value(kind)
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, element, ["rows", width]))
        return name


def set_apart(graph: Any, columns: Iterable[object]) -> None:  # noqa: ANN401 -- a GraphProto
    """Rename whatever inside a graph, its answers included, is called like a column that is to become an input."""
    taken = set(map(str, columns))
    own = {one.name for one in graph.initializer} | {name for node in graph.node for name in node.output}
    own |= {one.name for one in graph.input}
    clear = {name: f"{name}_" for name in own & taken}
    while clashes := set(clear.values()) & (own | taken):
        clear = {name: f"{other}_" if other in clashes else other for name, other in clear.items()}
    for one in (*graph.initializer, *graph.value_info, *graph.output, *graph.input):
        one.name = clear.get(one.name, one.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [clear.get(name, name) for name in names]
