"""Graphs of the members of an ensemble, brought into one: each with its own preparation of columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from audit.deploy.graph import Graph, state_versions
from audit.optional import require

MEMBER = "member"
"""How names inside the graph of a member begin."""


def behind(whole: Any, member: Any) -> Any:  # noqa: ANN401 -- estimators
    """Put a member behind the steps that stand before its ensemble: one flat pipeline, as the converter wants it."""
    from sklearn.pipeline import Pipeline

    steps = [*_steps(whole)[:-1], *_steps(member)]
    return Pipeline([(f"step{at}", step) for at, step in enumerate(steps)])


def _steps(estimator: Any) -> list[Any]:  # noqa: ANN401
    if type(estimator).__name__ == "FrozenEstimator":
        return _steps(estimator.estimator)
    if not hasattr(estimator, "steps"):
        return [estimator]
    return [inner for _, step in estimator.steps if step not in ("passthrough", None) for inner in _steps(step)]


def bring_together(parts: Sequence[Any], columns: Sequence[str]) -> tuple[Any, Graph, list[list[str]]]:
    """Put graphs over the same columns beside each other.

    Parameters
    ----------
    parts : sequence of ModelProto
    columns : sequence of str

    Returns
    -------
    tuple
        The graph of all, still without a common answer; what is to be written behind; the outputs of each part.
    """
    mark = free_mark(MEMBER, columns)
    compose = require("onnx.compose", extra="onnx", purpose="ONNX exports")
    marked = [compose.add_prefix(value, f"{mark}{at}/", rename_inputs=False) for at, value in enumerate(parts)]
    result = marked[0]
    for other in marked[1:]:
        result.graph.node.extend(other.graph.node)
        result.graph.initializer.extend(other.graph.initializer)
        state_versions(result, other)
    return result, Graph(columns), [[output.name for output in value.graph.output] for value in marked]


def free_mark(mark: str, columns: Iterable[str]) -> str:
    """Return a beginning of names, longer where a column begins so.

    Examples
    --------
    >>> free_mark("member", ["member", "_membership"]), free_mark("member", ["age"])
    ('__member', 'member')
    """
    names = tuple(columns)
    while any(name.startswith(mark) for name in names):
        mark = f"_{mark}"
    return mark


def finish(result: Any, graph: Graph, outputs: Iterable[Any]) -> Any:  # noqa: ANN401 -- protobuf messages
    """Write what stands behind the members, and what the whole answers."""
    result.graph.node.extend(graph.nodes)
    result.graph.initializer.extend(graph.constants)
    del result.graph.output[:]
    result.graph.output.extend(outputs)
    return result
