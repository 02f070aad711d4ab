"""Fewer bits for the weights of an ONNX model, and for its activations as calibration rows show them."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import ConfigError, ModelError, quote_all
from audit.models.onnx import OnnxModel
from audit.optional import require

WEIGHTED = ("MatMul", "Gemm", "Conv")
PERCENTILE = 99.99


def stratified_rows(table: pd.DataFrame, groups: tuple[str, ...], rows: int, seed: int = 0) -> npt.NDArray[np.intp]:
    """Draw calibration rows so that each group, crossed by `groups`, gives the same number as far as it has them.

    Raises
    ------
    ConfigError
        If a grouping column is not in the table.

    Examples
    --------
    >>> table = pd.DataFrame({"g": ["a"] * 90 + ["b"] * 10})
    >>> table["g"].iloc[stratified_rows(table, ("g",), 20)].value_counts().to_dict()
    {'a': 10, 'b': 10}
    >>> table["h"] = ["c"] * 95 + [None] * 5
    >>> table["h"].iloc[stratified_rows(table, ("h",), 10)].isna().sum()
    np.int64(5)
    """
    if missing := [name for name in groups if name not in table.columns]:
        raise ConfigError(f"no grouping column {quote_all(missing)} in the calibration table.")
    generator = np.random.default_rng(seed)
    if not groups:
        return np.sort(generator.permutation(len(table))[:rows])
    cells = table.groupby(list(groups), dropna=False, observed=True, sort=False).ngroup().to_numpy()
    order = generator.permutation(len(table))
    turn = pd.Series(cells[order]).groupby(cells[order]).cumcount().to_numpy()  # the first of each group, the second …
    return np.sort(order[np.argsort(turn, kind="stable")][:rows])


def weights_only(source: Path, target: Path) -> int:
    """Store the weights of matrix products as int8 with a scale a channel; activations stay as they are.

    Returns
    -------
    int
        How many tensors were quantized.

    Raises
    ------
    ModelError
        If the model has no weights of this kind.
    """
    onnx = require("onnx", extra="onnx", purpose="quantization")
    model = onnx.load(source)
    _plain_opset(model)
    axes = _axes(model.graph)
    held = {initializer.name: initializer for initializer in model.graph.initializer}
    nodes = []
    for name, axis in axes.items():
        values = onnx.numpy_helper.to_array(held[name])
        others = tuple(side for side in range(values.ndim) if side != axis)
        scale = np.maximum(np.abs(values).max(axis=others), 1e-12).astype(np.float32) / np.float32(127)
        shape = [-1 if side == axis else 1 for side in range(values.ndim)]
        small = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
        model.graph.initializer.remove(held[name])
        parts = {f"{name}.int8": small, f"{name}.scale": scale, f"{name}.zero": np.zeros(len(scale), dtype=np.int8)}
        model.graph.initializer.extend(onnx.numpy_helper.from_array(value, part) for part, value in parts.items())
        nodes.append(onnx.helper.make_node("DequantizeLinear", list(parts), [name], axis=axis))
    if not nodes:
        raise _without_weights(model.graph)
    _put_first(model.graph, nodes)
    onnx.save(model, target)
    return len(nodes)


def _put_first(graph: Any, nodes: list[Any]) -> None:  # noqa: ANN401 -- protobuf
    every = [*nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(every)
    del graph.value_info[:]


def _plain_opset(model: Any) -> None:  # noqa: ANN401 -- protobuf
    """Refuse operator sets that know no scale a channel."""
    version = next((int(opset.version) for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 0)
    if version < 13:
        raise ModelError(f"the model has operator set {version}; quantization needs 13 or later. Export it again.")


def _axes(graph: Any) -> dict[str, int]:  # noqa: ANN401 -- protobuf
    """Find weights and the axis of their output channels."""
    floats = {
        initializer.name: len(initializer.dims)
        for initializer in graph.initializer
        if initializer.data_type == 1 and len(initializer.dims) >= 2
    }
    counts: dict[str, int] = {}
    for node in graph.node:
        if node.op_type not in WEIGHTED or len(node.input) < 2 or node.input[1] not in floats:
            continue
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        counts[node.input[1]] = 0 if node.op_type == "Conv" or transposed else floats[node.input[1]] - 1
    return counts


def _without_weights(graph: Any) -> ModelError:  # noqa: ANN401 -- protobuf
    """Say why there is nothing to compress."""
    double = {initializer.name for initializer in graph.initializer if initializer.data_type == 11}
    if any(node.op_type in WEIGHTED and set(node.input) & double for node in graph.node):
        return ModelError(
            "the model's weights are of double precision, as in exports of scikit-learn; weights of single precision "
            "alone are quantized or pruned. Train the network with modelassay train, or export it from torch."
        )
    return ModelError(
        f"the model has no weights of {quote_all(WEIGHTED)}; trees and linear models are not quantized or pruned."
    )


def static(source: Path, target: Path, rows: pd.DataFrame) -> str:
    """Quantize weights and activations to int8; ranges of activations are percentiles over calibration rows.

    Returns
    -------
    str
        The method, in words.

    Raises
    ------
    ModelError
        If the model cannot be quantized.
    """
    quantization = require("onnxruntime.quantization", extra="onnx", purpose="quantization")
    onnx = require("onnx", extra="onnx", purpose="quantization")
    model = onnx.load(source)
    _plain_opset(model)
    if not _axes(model.graph):
        raise _without_weights(model.graph)
    del model.graph.value_info[:]
    given = OnnxModel(source).inputs_of(rows)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(model, plain)
        try:
            with _quiet():
                quantization.quantize_static(
                    plain,
                    target,
                    _Rows(given),
                    quant_format=quantization.QuantFormat.QDQ,
                    op_types_to_quantize=list(WEIGHTED),
                    per_channel=True,
                    calibrate_method=quantization.CalibrationMethod.Percentile,
                    extra_options={"CalibPercentile": PERCENTILE},
                )
        except Exception as error:  # the quantizer raises what it likes
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"the model could not be quantized: {type(error).__name__}: {said}.") from error
    _restore(model, target)
    return f"static int8, weights a channel, activations by the {PERCENTILE} percentile over {len(rows)} rows"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's progress and advice, which speak of files that no user sees, from the terminal."""
    runtime, level = require("onnxruntime", extra="onnx", purpose="quantization"), logging.root.manager.disable
    runtime.set_default_logger_severity(4)
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)
        runtime.set_default_logger_severity(2)


def _restore(source: Any, target: Path) -> None:  # noqa: ANN401 -- protobuf
    """Put back what the quantizer drops: names of classes, and properties of the file."""
    onnx = require("onnx", extra="onnx", purpose="quantization")
    model = onnx.load(target)
    held = {initializer.name for initializer in model.graph.initializer}
    lost = [
        initializer
        for initializer in source.graph.initializer
        if initializer.name.startswith("classes") and initializer.name not in held
    ]
    model.graph.initializer.extend(lost)
    del model.metadata_props[:]
    model.metadata_props.extend(source.metadata_props)
    onnx.save(model, target)


class _Rows:
    """Calibration rows as the quantizer asks for them: all in one piece."""

    def __init__(self, given: Mapping[str, npt.NDArray[Any]]) -> None:
        self._given = dict(given)
        self._waiting: Iterator[dict[str, npt.NDArray[Any]]] = iter([self._given])

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """Return the next piece, None after the last."""
        return next(self._waiting, None)

    def rewind(self) -> None:
        """Begin again."""
        self._waiting = iter([self._given])


def prune(source: Path, target: Path, share: float) -> float:
    """Set the smallest weights of each layer to zero.

    Returns
    -------
    float
        Share of all weights that are zero now.
    """
    onnx = require("onnx", extra="onnx", purpose="pruning")
    model = onnx.load(source)
    axes = _axes(model.graph)
    if not axes:
        raise _without_weights(model.graph)
    zeros = total = 0
    for initializer in model.graph.initializer:
        if initializer.name not in axes:
            continue
        values = onnx.numpy_helper.to_array(initializer).copy()
        values[np.abs(values) <= np.quantile(np.abs(values), share)] = 0.0
        zeros, total = zeros + int((values == 0).sum()), total + values.size
        initializer.CopyFrom(onnx.numpy_helper.from_array(values, initializer.name))
    onnx.save(model, target)
    return zeros / total
