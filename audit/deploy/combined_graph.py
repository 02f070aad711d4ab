"""Models of models as ONNX: votes, stacks, each class against each other, and a threshold of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from audit.deploy.calibrated_graph import calibrated_graphs, is_calibrated
from audit.deploy.graph import Graph, labels_of, state_versions
from audit.deploy.members import behind, bring_together, finish, free_mark
from audit.deploy.scikit_graph import last_step, scikit_graphs
from audit.errors import ModelError, quote
from audit.models.load import Model
from audit.optional import require

FINAL = "final/"
"""How the names of the last estimator of a stack begin."""


def is_combined(predictor: object) -> bool:
    """Tell a fitted model of models that is written here, alone or at the end of a pipeline."""
    last = last_step(predictor)
    return type(last).__name__ in _WRITERS and not getattr(last, "passthrough", False)


def combined_graphs(model: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions of the members, the most exact first, and put each together.

    Parameters
    ----------
    model : Model
    train : DataFrame
        The columns that the model reads, in their order.

    Raises
    ------
    ModelError
        If a member cannot be written.
    """
    last = last_step(model.predictor)
    members = _members(last)
    methods = _methods(last, members)
    tries = [
        _member_graphs(replace(model, predictor=behind(model.predictor, member)), train, method)
        for member, method in zip(members, methods, strict=True)
    ]
    for parts in zip(*tries, strict=False):
        result, graph, outputs = bring_together(parts, [str(name) for name in train.columns])
        answers = [_Answer(graph, names, method) for names, method in zip(outputs, methods, strict=True)]
        _WRITERS[type(last).__name__](_Whole(model, result, graph, last), answers)
        yield result


def _member_graphs(member: Model, train: pd.DataFrame, method: str) -> Iterator[Any]:
    if is_calibrated(member.predictor):
        return calibrated_graphs(member, train)
    if is_combined(member.predictor):
        return combined_graphs(member, train)
    return scikit_graphs(member, train, raw=method == "decision_function")


def _members(last: Any) -> list[Any]:  # noqa: ANN401
    if "Threshold" in type(last).__name__:
        return [getattr(last, "estimator_", last.estimator)]
    return list(last.estimators_)


def _methods(last: Any, members: Sequence[Any]) -> list[str]:  # noqa: ANN401
    """Return by which method each member is asked."""
    if hasattr(last, "stack_method_"):
        return list(last.stack_method_)
    if hasattr(last, "pairwise_indices_"):
        return ["decision_function" if hasattr(member, "decision_function") else "predict_proba" for member in members]
    shares = "Threshold" in type(last).__name__ or getattr(last, "voting", "") == "soft"
    return ["predict_proba" if shares else "predict"] * len(members)


class _Answer:
    """What a member gives: a label or number, and scores beside it."""

    def __init__(self, graph: Graph, outputs: Sequence[str], method: str) -> None:
        self._graph, self._outputs, self.method = graph, outputs, method

    def number(self) -> str:
        """Return the label or number that it predicts, as a column of numbers."""
        sides = self._graph.constant(np.array([-1, 1], dtype=np.int64))
        return self._graph.node("Cast", self._graph.node("Reshape", self._outputs[0], sides), to=11)

    def scores(self) -> str:
        """Return scores, a column a class."""
        if len(self._outputs) < 2:
            raise ModelError("a member gives labels alone; its scores cannot be written as ONNX.")
        return self._graph.node("Cast", self._outputs[-1], to=11)

    def second(self) -> str:
        """Return the scores of the second of two classes."""
        return self._graph.node("Gather", self.scores(), self._graph.constant(np.array([-1])), axis=1)


class _Whole:
    """The graph of all members, and what is written behind them."""

    def __init__(self, model: Model, result: Any, graph: Graph, last: Any) -> None:  # noqa: ANN401
        self.model, self.result, self.graph, self.last = model, result, graph, last

    def multiply(self, value: str, factor: float) -> str:
        return self.graph.node("Mul", value, self.graph.constant(np.float64(factor)))

    def total(self, parts: Sequence[str]) -> str:
        total = parts[0]
        for part in parts[1:]:
            total = self.graph.node("Add", total, part)
        return total

    def mean(self, parts: Sequence[str], out: str = "") -> str:
        """Return the weighted mean of what members gave."""
        weights = self.weights(len(parts))
        total = self.total([self.multiply(part, weight) for part, weight in zip(parts, weights, strict=True)])
        return self.graph.node("Div", total, self.graph.constant(np.float64(sum(weights))), out=out)

    def weights(self, count: int) -> list[float]:
        weights = self.last._weights_not_none
        return [1.0] * count if weights is None else [float(weight) for weight in weights]

    def answer_numbers(self, value: str) -> None:
        name = self.graph.free("prediction")
        self.graph.node("Identity", value, out=name)
        finish(self.result, self.graph, self.graph.answers([name], None, 1))

    def answer_labels(self, place: str, probabilities: str = "") -> None:
        """Answer the classes at places, and probabilities where there are some."""
        classes = self.last.classes_
        names = [self.graph.free(output) for output in ("label", "probabilities")]
        self.graph.node("Gather", self.graph.constant(labels_of(classes), "classes"), place, axis=0, out=names[0])
        if probabilities:
            self.graph.node("Identity", probabilities, out=names[1])
        described = self.graph.answers(names, classes, len(classes))
        finish(self.result, self.graph, described if probabilities else described[:1])

    def highest(self, scores: str) -> str:
        return self.graph.node("ArgMax", scores, axis=1, keepdims=0)


def _vote(whole: _Whole, answers: Sequence[_Answer]) -> None:
    """Take the mean of numbers or probabilities, or count labels: members answer places of classes."""
    graph, last = whole.graph, whole.last
    if not hasattr(last, "voting"):
        whole.answer_numbers(whole.mean([answer.number() for answer in answers]))
    elif last.voting == "soft":
        shares = whole.mean([answer.scores() for answer in answers])
        whole.answer_labels(whole.highest(shares), shares)
    else:
        places = graph.constant(np.arange(len(last.classes_), dtype=np.float64)[None])
        hits = [graph.node("Equal", answer.number(), places) for answer in answers]
        whole.answer_labels(whole.highest(whole.mean([graph.node("Cast", hit, to=11) for hit in hits])))


def _stack(whole: _Whole, answers: Sequence[_Answer]) -> None:
    """Give what the members answer to the last estimator."""
    graph, last = whole.graph, whole.last
    final = last.final_estimator_
    two = len(getattr(last, "classes_", ())) == 2
    parts = [
        answer.number() if answer.method == "predict" else answer.second() if two else answer.scores()
        for answer in answers
    ]
    matrix = graph.node("Concat", *parts, axis=1)
    width = int(final.n_features_in_)
    table = pd.DataFrame(np.zeros((1, width)), columns=[f"column {at}" for at in range(width)])
    compose = require("onnx.compose", extra="onnx", purpose="ONNX exports")
    first = next(_member_graphs(replace(whole.model, predictor=final), table, "predict"))
    after = compose.add_prefix(first, free_mark(FINAL, graph.taken))
    given = after.graph.input[0]
    graph.node("Cast", matrix, to=given.type.tensor_type.elem_type, out=given.name)
    graph.nodes.extend(after.graph.node)
    graph.constants.extend(after.graph.initializer)
    state_versions(whole.result, after)
    outputs = [output.name for output in after.graph.output]
    if not hasattr(last, "classes_"):
        whole.answer_numbers(_Answer(graph, outputs, "predict").number())
        return
    place = graph.node("Reshape", outputs[0], graph.constant(np.array([-1], dtype=np.int64)))
    whole.answer_labels(place, graph.node("Cast", outputs[1], to=11) if len(outputs) > 1 else "")


def _against_each_other(whole: _Whole, answers: Sequence[_Answer]) -> None:
    """Count the votes of each pair of classes; confidences, brought under a third of a vote, break ties."""
    graph, count = whole.graph, len(whole.last.classes_)
    signs = np.zeros((len(answers), count))
    for row, (first, second) in enumerate(combinations(range(count), 2)):
        signs[row, first], signs[row, second] = -1.0, 1.0
    won = graph.node("Concat", *[answer.number() for answer in answers], axis=1)
    sure = graph.node("Concat", *[answer.second() for answer in answers], axis=1)
    for_second = graph.node("MatMul", won, graph.constant(np.maximum(signs, 0)))
    lost = graph.node("Sub", graph.constant(np.float64(1)), won)
    votes = graph.node("Add", for_second, graph.node("MatMul", lost, graph.constant(np.maximum(-signs, 0))))
    summed = graph.node("MatMul", sure, graph.constant(signs))
    reach = graph.node("Add", graph.node("Abs", summed), graph.constant(np.float64(1)))
    scores = graph.node("Add", votes, graph.node("Div", summed, whole.multiply(reach, 3.0)))
    if count > 2:
        whole.answer_labels(whole.highest(scores))
        return
    limit = 0.0 if answers[0].method == "decision_function" else 0.5
    score = graph.node("Gather", scores, graph.constant(np.array(1)), axis=1)
    whole.answer_labels(_over(graph, "Greater", score, limit))


def _over(graph: Graph, kind: str, score: str, limit: float) -> str:
    """Return place 1 for scores over a limit, else place 0."""
    return graph.node("Cast", graph.node(kind, score, graph.constant(np.float64(limit))), to=7)


def _threshold(whole: _Whole, answers: Sequence[_Answer]) -> None:
    """Answer the positive class from a threshold on."""
    last = whole.last
    if last.response_method not in ("auto", "predict_proba"):
        raise ModelError(f"a threshold of {quote(last.response_method)} cannot be written as ONNX; take predict_proba.")
    limit = getattr(last, "best_threshold_", getattr(last, "threshold", "auto"))
    scorer = getattr(last, "_curr_scorer", None)
    positive = getattr(last, "pos_label", None) if scorer is None else scorer._get_pos_label()
    at = 1 if positive is None else list(last.classes_).index(positive)
    shares = answers[0].scores()
    score = whole.graph.node("Gather", shares, whole.graph.constant(np.array(at)), axis=1)
    place = _over(whole.graph, "GreaterOrEqual", score, 0.5 if limit == "auto" else float(limit))
    if at == 0:
        place = whole.graph.node("Sub", whole.graph.constant(np.int64(1)), place)
    whole.answer_labels(place, shares)


_WRITERS: dict[str, Callable[[_Whole, Sequence[_Answer]], None]] = {
    "FixedThresholdClassifier": _threshold,
    "OneVsOneClassifier": _against_each_other,
    "StackingClassifier": _stack,
    "StackingRegressor": _stack,
    "TunedThresholdClassifierCV": _threshold,
    "VotingClassifier": _vote,
    "VotingRegressor": _vote,
}
"""Writers by the kind of model."""
