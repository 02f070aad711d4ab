"""Calibrated classifiers as ONNX: each member with its own preparation of columns, its curve behind it, and their mean.

The converter of others takes one matrix for all members, and reads a pipeline's probabilities where scikit-learn
calibrates its decision function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from audit.deploy.graph import Graph, labels_of
from audit.deploy.members import behind, bring_together, finish
from audit.deploy.scikit_graph import last_step, scikit_graphs
from audit.errors import ModelError, quote
from audit.models.load import Model

LEAST = 1e-12
"""What scikit-learn adds to a probability before it takes the logarithm for a temperature."""


def is_calibrated(predictor: object) -> bool:
    """Tell a fitted ``CalibratedClassifierCV``, alone or at the end of a pipeline."""
    return hasattr(last_step(predictor), "calibrated_classifiers_")


def calibrated_graphs(model: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions of the members, the most exact first, and put each together.

    Parameters
    ----------
    model : Model
    train : DataFrame
        The columns that the model reads, in their order.

    Raises
    ------
    ModelError
        If a member or its curve cannot be written.
    """
    calibrated = last_step(model.predictor)
    members = [behind(model.predictor, value.estimator) for value in calibrated.calibrated_classifiers_]
    tries = [
        scikit_graphs(replace(model, predictor=member), train, raw=hasattr(member, "decision_function"))
        for member in members
    ]
    for parts in zip(*tries, strict=False):
        yield _together(parts, calibrated, members, [str(name) for name in train.columns])


def _together(parts: Sequence[Any], calibrated: Any, members: Sequence[Any], columns: Sequence[str]) -> Any:  # noqa: ANN401
    classes = calibrated.classes_
    result, graph, outputs = bring_together(parts, columns)
    shares = [
        _member(graph, names[-1], curve, member, classes)
        for names, curve, member in zip(outputs, calibrated.calibrated_classifiers_, members, strict=True)
    ]
    total = shares[0]
    for share in shares[1:]:
        total = graph.node("Add", total, share)
    names = [graph.free(output) for output in ("label", "probabilities")]
    graph.node("Div", total, graph.constant(np.float64(len(shares))), out=names[1])
    place = graph.node("ArgMax", names[1], axis=1, keepdims=0)
    graph.node("Gather", graph.constant(labels_of(classes), "classes"), place, axis=0, out=names[0])
    return finish(result, graph, graph.answers(names, classes, len(classes)))


def _member(graph: Graph, scores: str, held: Any, member: Any, classes: Any) -> str:  # noqa: ANN401
    """Write a member's calibrated shares of the classes."""
    given = graph.node("Cast", scores, to=graph.onnx.TensorProto.DOUBLE)
    if held.method == "temperature":
        return _warmed(graph, given, float(held.calibrators[0].beta_), raw=hasattr(member, "decision_function"))
    if len(classes) == 2:
        second = _curve(graph, _column(graph, given, -1), held.calibrators[0])
        first = graph.node("Sub", graph.constant(np.float64(1)), second)
        return graph.node("Concat", first, second, axis=1)
    places = [list(classes).index(value) for value in member.classes_]
    answered = {
        place: _curve(graph, _column(graph, given, at), curve)
        for at, (place, curve) in enumerate(zip(places, held.calibrators, strict=True))
    }
    nothing = graph.node("Mul", _column(graph, given, 0), graph.constant(np.float64(0)))
    apart = graph.node("Concat", *[answered.get(place, nothing) for place in range(len(classes))], axis=1)
    total = graph.node("MatMul", apart, graph.constant(np.ones((len(classes), 1))))
    none = graph.node("Equal", total, graph.constant(np.float64(0)))
    even = graph.constant(np.float64(1 / len(classes)))
    return graph.node("Where", none, even, graph.node("Div", apart, total))


def _column(graph: Graph, table: str, at: int) -> str:
    return graph.node("Gather", table, graph.constant(np.array([at], dtype=np.int64)), axis=1)


def _warmed(graph: Graph, given: str, beta: float, *, raw: bool) -> str:
    if not raw:
        given = graph.node("Log", graph.node("Add", given, graph.constant(np.float64(LEAST))))
    return graph.node("Softmax", graph.node("Mul", given, graph.constant(np.float64(beta))), axis=1)


def _curve(graph: Graph, score: str, curve: Any) -> str:  # noqa: ANN401 -- a calibrator of scikit-learn
    if hasattr(curve, "a_"):
        slope, start = (graph.constant(np.float64(-value)) for value in (curve.a_, curve.b_))
        return graph.node("Sigmoid", graph.node("Add", graph.node("Mul", score, slope), start))
    if not hasattr(curve, "y_thresholds_"):
        raise ModelError(f"the calibration {quote(type(curve).__name__)} cannot be written as ONNX.")
    at, value = (np.asarray(value, dtype=np.float64) for value in (curve.X_thresholds_, curve.y_thresholds_))
    reached = graph.node("Max", graph.node("Sub", score, graph.constant(at[None, :-1])), graph.constant(np.float64(0)))
    reached = graph.node("Min", reached, graph.constant(np.diff(at)[None]))
    risen = graph.node("MatMul", reached, graph.constant((np.diff(value) / np.diff(at))[:, None]))
    return graph.node("Add", risen, graph.constant(np.float64(value[0])))
