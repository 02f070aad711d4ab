"""A graph of ONNX operators, while it is being written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.optional import require

OPSET = 18
WORDS_OPSET = 3
"""The version of ``ai.onnx.ml`` in which words are looked up."""
MISSING_WORD = "(missing)"
"""What stands for a missing text in a graph."""


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

    def answers(self, names: Sequence[str], classes: object, width: int) -> list[Any]:
        """Describe what the graph answers: a number a row, or a label and the probabilities of classes."""
        kinds, result = self.onnx.TensorProto, self.onnx.helper.make_tensor_value_info
        numbers = result(names[-1], kinds.DOUBLE, ["rows", width])
        if classes is None:
            return [numbers]
        return [result(names[0], kinds.STRING if are_words(classes) else kinds.INT64, ["rows"]), numbers]


def are_words(classes: object) -> bool:
    """Tell labels that are texts from labels that are whole numbers."""
    return np.asarray(classes).dtype.kind in "OUS"


def labels_of(classes: object) -> npt.NDArray[Any]:
    """Return the labels of classes as a graph holds them."""
    return np.asarray(classes).astype(object if are_words(classes) else np.int64)


def state_version(model: Any, version: int, domain: str = "ai.onnx.ml") -> None:  # noqa: ANN401 -- a ModelProto
    """State at least this version of a domain of operators, of trees and of words unless another is named."""
    result = next((opset for opset in model.opset_import if opset.domain == domain), None)
    if result is None:
        result = model.opset_import.add()
        result.domain = domain
    result.version = max(result.version, version)


def state_versions(model: Any, other: Any) -> None:  # noqa: ANN401 -- two ModelProto
    """State at least the versions of another graph, whose operators stand in this one."""
    for opset in other.opset_import:
        state_version(model, opset.version, opset.domain)


def set_apart(graph: Any, columns: Iterable[object]) -> None:  # noqa: ANN401 -- a GraphProto
    """Rename whatever inside a graph, its answers included, is called like a column that is to become an input."""
    taken = set(map(str, columns))
    own = {initializer.name for initializer in graph.initializer} | {
        name for node in graph.node for name in node.output
    }
    own |= {value_info.name for value_info in graph.input}
    clear = {name: f"{name}_" for name in own & taken}
    while clashes := set(clear.values()) & (own | taken):
        clear = {name: f"{other}_" if other in clashes else other for name, other in clear.items()}
    _rename(graph, clear)


def name_inputs(graph: Any, columns: Iterable[object]) -> None:  # noqa: ANN401 -- a GraphProto
    """Call the inputs of a graph, one a column, like the columns; whatever else is called so gives way."""
    names = [str(column) for column in columns]
    if [value.name for value in graph.input] == names:
        return
    set_apart(graph, names)
    _rename(graph, {value.name: name for value, name in zip(graph.input, names, strict=True)})


def _rename(graph: Any, clear: Mapping[str, str]) -> None:  # noqa: ANN401 -- a GraphProto
    for value in (*graph.initializer, *graph.value_info, *graph.output, *graph.input):
        value.name = clear.get(value.name, value.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [clear.get(name, name) for name in names]


def state_property(model: Any, name: str, text: str) -> None:  # noqa: ANN401 -- a ModelProto
    """State something about a whole model."""
    entry = model.metadata_props.add()
    entry.key, entry.value = name, text
