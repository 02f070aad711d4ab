"""Operators of one step of a pipeline, written into the graph that skl2onnx puts together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audit.optional import require

PURPOSE = "ONNX exports of scikit-learn models"


def data_types() -> Any:  # noqa: ANN401 -- a module
    """Return skl2onnx's types of tensors."""
    return require("skl2onnx.common.data_types", extra="onnx", purpose=PURPOSE)


class OperatorWriter:
    """Nodes and constants of a step, beside those of the steps around it."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401 -- of skl2onnx
        self.operator = operator
        self._scope, self._container = scope, container
        self._onnx = require("onnx", extra="onnx", purpose="ONNX exports")

    def node(self, kind: str, *given: str, domain: str = "", out: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add an operator; return the name of what it gives."""
        name = out or str(self._scope.get_unique_variable_name("part"))
        # The converter knows no version 5 of this domain; the model declares it once it is whole.
        self._container.add_node(
            kind, list(given), [name], op_domain=domain, op_version=3 if domain else 13,
            name=self._scope.get_unique_operator_name(kind), **attributes,
        )  # fmt: skip
        return name

    def constant(self, value: Any, kind: str = "constant") -> str:  # noqa: ANN401 -- anything numpy takes
        """Hold a value; return its name."""
        name = str(self._scope.get_unique_variable_name(kind))
        array = np.asarray(value)
        element = self._onnx.helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype != object else 8
        content = [str(value) for value in array.ravel()] if array.dtype == object else array.ravel().tolist()
        self._container.add_initializer(name, element, list(array.shape), content)
        return name

    def columns(self) -> Iterator[tuple[str, bool]]:
        """Yield each column that the step reads, and whether it holds texts."""
        for given in self.operator.inputs:
            words = type(given.type).__name__ == "StringTensorType"
            width = given.type.shape[1]
            for place in range(width):
                at = self.constant(np.array([place], dtype=np.int64))
                yield given.full_name if width == 1 else self.node("Gather", given.full_name, at, axis=1), words
