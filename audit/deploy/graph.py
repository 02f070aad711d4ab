"""A graph of ONNX operators, while it is being written."""

from __future__ import annotations

from typing import Any

import numpy as np

from audit.optional import require

OPSET = 18


class Graph:
    """Nodes and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.onnx = require("onnx", extra="onnx", purpose="ONNX exports")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def constant(self, value: Any, kind: str = "constant") -> str:  # noqa: ANN401 -- anything numpy takes
        """Hold a value; return its name."""
        name = f"{kind}.{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *given: str, domain: str = "", out: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add an operator; return the name of what it gives."""
        name = out or f"part.{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(given), [name], domain=domain, **attributes))
        return name

    def column(self, name: str, kind: str, width: int) -> str:
        """Add an input of the graph."""
        element = self.onnx.TensorProto.DataType.Value(kind)
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, element, ["rows", width]))
        return name
