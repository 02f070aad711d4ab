"""A reference network with its preparation of a table, as one ONNX graph."""

from __future__ import annotations

import copy
import logging
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audit.deploy.graph import OPSET, WORDS_OPSET, Graph, labels_of, set_apart, state_version
from audit.errors import ModelError
from audit.models.onnx import MISSING_TEXT
from audit.optional import require


def is_network(predictor: object) -> bool:
    """Tell a network of trainers, alone or behind its preparation."""
    return hasattr(_last(predictor), "network_")


def _last(predictor: object) -> Any:  # noqa: ANN401 -- an estimator of another package
    steps = getattr(predictor, "steps", None)
    return steps[-1][1] if isinstance(steps, list) and steps else predictor


def network_graph(predictor: object) -> Any:  # noqa: ANN401 -- an ONNX ModelProto
    """Write a fitted network of trainers, its preparation included, as ONNX.

    Raises
    ------
    ModelError
        If it reads words, or its network cannot be written.
    """
    estimator = _last(predictor)
    steps = getattr(predictor, "steps", None) or [("network", estimator)]
    if getattr(estimator, "vocabulary_", None) is not None or getattr(estimator, "token_count_", None):
        raise ModelError(
            "the network reads words, and ONNX has no part for its vocabulary; serve its .safetensors file."
        )
    if len(steps) > 2 or (len(steps) == 2 and not hasattr(steps[0][1], "to_plain")):
        raise ModelError(
            "the network comes after steps other than its own preparation; export writes that preparation only."
        )
    model = _export(estimator)
    plain = steps[0][1].to_plain() if len(steps) == 2 else None
    columns = list(getattr(estimator, "feature_names_in_", ())) if plain is None else list(plain["columns"])
    set_apart(model.graph, columns)
    graph = Graph(columns)
    rows = _plain_inputs(graph, estimator) if plain is None else _prepare(graph, plain)
    rows = _standardize(graph, rows, estimator)
    graph.node("Cast", rows, to=graph.onnx.TensorProto.FLOAT, out=model.graph.input[0].name)
    _join(graph, model, estimator)
    return model


def _export(estimator: Any) -> Any:  # noqa: ANN401
    torch = require("torch", extra="torch", purpose="networks")
    require("onnxscript", extra="onnx", purpose="ONNX exports of networks")
    network = copy.deepcopy(estimator.network_).float().eval()  # the graph calculates in single precision
    example = torch.zeros((3, *estimator.input_shape_), dtype=torch.float32)
    onnx = require("onnx", extra="onnx", purpose="ONNX exports")
    with tempfile.TemporaryDirectory() as folder:
        path = os.fspath(Path(folder) / "network.onnx")
        logger = logging.getLogger("torch.onnx")  # it speaks of optional packages that no network here needs
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the exporter's own inside
                torch.onnx.export(
                    network, (example,), path, dynamo=True, opset_version=OPSET, verbose=False, external_data=False,
                    dynamic_shapes=({0: torch.export.Dim("rows")},),
                )  # fmt: skip
        except Exception as error:  # the exporter raises what it likes
            said = " ".join(str(error).split())[:200]
            raise ModelError(f"the network could not be written as ONNX: {type(error).__name__}: {said}.") from error
        finally:
            logger.setLevel(level)
        return _bare(onnx.load(path))


def _bare(model: Any) -> Any:  # noqa: ANN401 -- a ModelProto
    """Leave out the exporter's notes: stack traces with paths of the machine, most of a small file."""
    for value in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del value.metadata_props[:]
    return model


def _plain_inputs(graph: Graph, estimator: Any) -> str:  # noqa: ANN401
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return graph.column("X", "DOUBLE", int(estimator.n_features_in_))
    return graph.node("Concat", *[graph.column(str(name), "DOUBLE", 1) for name in names], axis=1)


def _prepare(graph: Graph, plain: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for name in plain["columns"]:
        if name in plain["numbers"]:
            parts += _number(graph, name, plain["numbers"][name])
        else:
            parts += _category(graph, name, plain["categories"][name])
    return graph.node("Concat", *parts, axis=1)


def _number(graph: Graph, name: str, learned: Mapping[str, float]) -> list[str]:
    given = graph.column(name, "DOUBLE", 1)
    gone = graph.node("IsNaN", given)
    filled = graph.node("Where", gone, graph.constant(np.float64(learned["fill"])), given)
    bounds = [graph.constant(np.float64(learned[side])) for side in ("low", "high")]
    clipped = graph.node("Clip", filled, *bounds)
    centered = graph.node("Sub", clipped, graph.constant(np.float64(learned["center"])))
    scaled = graph.node("Div", centered, graph.constant(np.float64(learned["scale"])))
    return [scaled, graph.node("Cast", gone, to=graph.onnx.TensorProto.DOUBLE)] if learned["missing"] else [scaled]


def _category(graph: Graph, name: str, levels: Sequence[str]) -> list[str]:
    if not levels:
        raise ModelError(f"column {name!r} has no level that is frequent enough; leave it out of the training.")
    given = graph.column(name, "STRING", 1)
    hot = graph.node("OneHotEncoder", given, domain="ai.onnx.ml", cats_strings=list(levels), zeros=1)
    flat = graph.node("Reshape", hot, graph.constant(np.array([0, len(levels)], dtype=np.int64)))
    wide = graph.node("Cast", flat, to=graph.onnx.TensorProto.DOUBLE)
    known = graph.node("ReduceSum", wide, graph.constant(np.array([1], dtype=np.int64)), keepdims=1)
    return [wide, graph.node("Sub", graph.constant(np.float64(1)), known)]


def _standardize(graph: Graph, rows: str, estimator: Any) -> str:  # noqa: ANN401
    shape = tuple(int(side) for side in estimator.input_shape_)
    if len(shape) > 1:
        rows = graph.node("Reshape", rows, graph.constant(np.array([0, *shape], dtype=np.int64)))
    if estimator.center_ is not None:
        rows = graph.node("Sub", rows, graph.constant(np.asarray(estimator.center_, dtype=np.float64)[None]))
    if estimator.scale_ is not None:
        rows = graph.node("Div", rows, graph.constant(np.asarray(estimator.scale_, dtype=np.float64)[None]))
    return rows


def _join(graph: Graph, model: Any, estimator: Any) -> None:  # noqa: ANN401
    """Put the preparation before the exported network, and the answer's scale behind it."""
    onnx, helper = graph.onnx, graph.onnx.helper
    before = list(graph.nodes)
    graph.nodes.clear()
    raw, classes = model.graph.output[0].name, getattr(estimator, "classes_", None)
    if classes is None:
        wide = graph.node("Cast", raw, to=onnx.TensorProto.DOUBLE, out=graph.free("answer.0"))
        scaled = graph.node(
            "Mul", wide, graph.constant(np.float64(estimator.target_scale_)), out=graph.free("answer.1")
        )
        answer = graph.node(
            "Add", scaled, graph.constant(np.float64(estimator.target_center_)), out=graph.free("prediction")
        )
        element, width = onnx.TensorProto.DOUBLE, 1
    else:
        if len(classes) == 2:
            zero = graph.node("Sub", raw, raw, out=graph.free("answer.0"))
            raw = graph.node("Concat", zero, raw, axis=1, out=graph.free("answer.1"))
        answer = graph.node("Softmax", raw, axis=1, out=graph.free("probabilities"))
        element, width = onnx.TensorProto.FLOAT, len(classes)
        model.graph.initializer.append(onnx.numpy_helper.from_array(labels_of(classes), graph.free("classes")))
    nodes = [*before, *model.graph.node, *graph.nodes]
    for part in ("node", "input", "output", "value_info"):
        del getattr(model.graph, part)[:]
    model.graph.node.extend(nodes)
    model.graph.input.extend(graph.inputs)
    model.graph.output.append(helper.make_tensor_value_info(answer, element, ["rows", width]))
    model.graph.initializer.extend(graph.constants)
    state_version(model, WORDS_OPSET)
    helper.set_model_props(model, {MISSING_TEXT: "(missing)"})
