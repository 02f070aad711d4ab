"""A model in an ONNX file: a graph of operators, which onnxruntime answers without running code of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text
from audit.errors import ModelError, hint, quote, quote_all
from audit.models.offered import available_if
from audit.models.torch_modules import OUTPUTS
from audit.optional import require

NUMBERS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
LABELS = ("tensor(int64)", "tensor(string)", "tensor(int32)")
MISSING_TEXT = "modelassay.missing_text"
"""Property of a file: the word that stands for a missing text."""
PROBABILITIES_OF = "modelassay.probabilities_of"
"""Property of a file: that its scores are probabilities, and of which classes (a list of JSON)."""
KEPT = ("Identity", "Cast", "ZipMap", "Squeeze", "Flatten", "Reshape")
"""Operators that hand a score on as it is."""


def _weight_files(graph: Any, path: Path) -> tuple[Path, ...]:  # noqa: ANN401 -- protobuf messages
    """Return the files that hold weights of a graph, which stand beside it."""
    places = {entry.value for tensor in _tensors(graph) for entry in tensor.external_data if entry.key == "location"}
    for place in sorted(places):
        if Path(place).name != place or not (path.parent / place).is_file():
            raise ModelError(
                f"{quote(path.name)} keeps weights in {quote(place)}; expected the name of a file beside it. "
                "Save the model as one file (onnx.save without save_as_external_data)."
            )
    return tuple(path.parent / place for place in sorted(places))


def _tensors(graph: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the tensors of a graph and of the graphs inside it."""
    yield from graph.initializer
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)


class OnnxModel:
    """An ONNX graph with scikit-learn's methods.

    A graph with an output of whole numbers or text (as skl2onnx writes it) is a classifier; so is one whose only
    output has several columns, or one that a sigmoid makes. Any other answers a number a row. Scores are
    probabilities where a softmax or sigmoid makes them or their output is so called; else they are raw.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    files : tuple of Path
        The file, and those beside it in which it keeps weights.

    Raises
    ------
    ModelError
        If the file is not an ONNX graph, or its inputs are not a table.
    MissingExtra
        If onnx or onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        file = require("onnx", extra="onnx", purpose="ONNX models").load(path, load_external_data=False)
        graph = file.graph
        self.files = (path, *_weight_files(graph, path))
        properties = {entry.key: entry.value for entry in file.metadata_props}
        self._missing = properties.get(MISSING_TEXT)
        runtime = require("onnxruntime", extra="onnx", purpose="ONNX models")
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 4
        self._session = runtime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        self._inputs: Sequence[Any] = self._session.get_inputs()
        self._label = next(
            (get_output.name for get_output in self._session.get_outputs() if get_output.type in LABELS), None
        )
        scores = [get_output for get_output in self._session.get_outputs() if get_output.name != self._label]
        self._score = scores[0].name if scores else None
        makers = {name: node for node in graph.node for name in node.output}
        self._probable = self._score is not None and _probable(self._score, makers, labeled=self._label is not None)
        stated = _stated_classes(properties.get(PROBABILITIES_OF, ""))
        self._probable |= self._score is not None and stated is not None
        self._last = _maker(str(self._score), makers)
        self._output, self._logits, self._claimed = "auto", False, False
        self._stated: list[object] | None = None
        self.sorts_labels = False
        self._column: int | None = None
        self.classes_ = self._classes(graph, scores[0] if scores else None, stated)
        if len(self._inputs) > 1:
            self.feature_names_in_ = np.array([value.name for value in self._inputs], dtype=object)
        self.n_features_in_ = len(self._inputs) if len(self._inputs) > 1 else _width(self._inputs[0].shape)

    def _classes(
        self,
        graph: Any,  # noqa: ANN401 -- a protobuf message
        score: Any,  # noqa: ANN401 -- onnxruntime's NodeArg
        stated: npt.NDArray[Any] | None,
    ) -> npt.NDArray[Any] | None:
        """Find the labels of the score's columns; None for numbers, and where the file does not tell."""
        arrays = [*([] if stated is None else [stated]), *_labels_of(graph)]
        columns = None if score is None else _columns(score)
        if self._label is not None:
            return next((values for values in arrays if columns in (None, len(values))), None)
        if columns == 1 or columns is None:
            return np.array([0, 1]) if self._probable else None
        return next((values for values in arrays if len(values) == columns), np.arange(columns))

    def state_output(self, output: str) -> None:
        """Take what the user states: ``logits``, ``probabilities``, ``margin``, ``value`` or ``auto``.

        Raises
        ------
        ModelError
            If it is unknown, or the graph says otherwise.
        """
        if output not in OUTPUTS:
            raise ModelError(
                f"output is {quote(output)}; expected one of {quote_all(OUTPUTS)}." + hint(output, OUTPUTS)
            )
        if output == "logits" and self._probable and self._label is None:
            raise ModelError(
                f'output is "logits", and the ONNX graph ends in {self._last or "probabilities"}: these are '
                'probabilities. State [model] output = "probabilities", or leave it out.'
            )
        self._claimed = output == "probabilities" and not self._probable and self._label is None
        self._probable |= self._claimed
        self._output, self._logits = output, output == "logits" and not self._probable and self._label is None

    def state_classes(self, classes: Sequence[object]) -> None:
        """Take the labels of the scores, in their order.

        Raises
        ------
        ModelError
            If the graph names its classes.
        """
        if self._label is not None or (self.classes_ is not None and not self._unnamed()):
            raise ModelError(
                f"[model] classes is {quote_all(classes)}, and the ONNX graph names its classes itself. Leave it out."
            )
        self._stated = list(classes)

    def _unnamed(self) -> bool:
        return self.classes_ is None or list(self.classes_) == [*range(len(self.classes_))]

    def state_column(self, place: int) -> None:
        """Take which of several scores is the answer.

        Raises
        ------
        ModelError
            If the graph answers labels, or has not so many.
        """
        columns = None if self._label is not None else _columns(self._session.get_outputs()[0])
        if self._label is not None or (columns is not None and place >= columns):
            raise ModelError(
                f"[model] output_column is {place}, and the ONNX graph gives "
                + ("labels" if self._label is not None else f"{columns} a row, counted from 0")
                + "; it is for graphs that give a number or a score for each of several targets. Leave it out."
            )
        self._column, self.classes_ = place, np.array([0, 1]) if self._probable else None

    def learn_labels(self, labels: Sequence[object], task: str, rows: pd.DataFrame) -> None:
        """Learn the target's labels, in sorted order, where the graph gives one raw number a row.

        Raises
        ------
        ModelError
            If that number could be a logit or anything else; says which activation is missing and what to write.
        """
        if task == "regression" or self._label is not None:
            return
        scores = self._scores(rows)
        if self.classes_ is None and scores.shape[1] == 1 and self._output in {"auto", "value"}:
            raise ModelError(
                f"the ONNX graph ends in {self._last or 'its input'} and gives one raw number a row, and the task is "
                f'{task}: the Sigmoid is missing. State [model] output = "logits" if the number is a logit, "margin" '
                "if only its sign counts, or export the network with its activation."
            )
        if self._claimed and not ((scores >= 0) & (scores <= 1)).all():
            raise ModelError(
                f'output is "probabilities", and the ONNX graph gives values from {scores.min():.3g} to '
                f"{scores.max():.3g}: the {'Sigmoid' if scores.shape[1] == 1 else 'Softmax'} is missing. "
                'State [model] output = "logits".'
            )
        if self._stated is not None and sorted(map(label_text, self._stated)) != sorted(map(label_text, labels)):
            raise ModelError(f"classes names {quote_all(self._stated)}; the target has {quote_all(labels)}.")
        if self._unnamed() and len(labels) == (2 if self.classes_ is None else len(self.classes_)):
            self.sorts_labels = self._stated is None
            self.classes_ = np.asarray(labels if self._stated is None else self._stated)

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return a label or a number for each row."""
        if self._label is not None:
            return np.ravel(self._run(X, self._label))
        scores = self._scores(X)
        if self.classes_ is None:
            return scores.ravel().astype(np.float64)
        if scores.shape[1] == 1:
            return np.asarray(self.classes_[(scores[:, 0] >= (0.5 if self._probable else 0.0)).astype(int)])
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    @available_if(lambda self: self.classes_ is not None and self._score is not None and self._gives_shares())
    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class, shape (n, classes)."""
        scores = self._scores(X).astype(np.float64)
        if self._logits:
            raised = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
            shares = np.exp(raised - raised.max(axis=1, keepdims=True))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True))
        return np.column_stack([1 - scores[:, 0], scores[:, 0]]) if scores.shape[1] == 1 else scores

    @available_if(lambda self: self.classes_ is not None and self._label is None and not self._probable)
    def decision_function(self, X: object) -> npt.NDArray[np.float64]:
        """Return raw scores, shape (n,) of the second class where there are two, else (n, classes).

        Not offered beside an output of labels: converters do not agree there on the sign for two classes.
        """
        scores = self._scores(X).astype(np.float64)
        if scores.shape[1] == 2:
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def _gives_shares(self) -> bool:
        return self._probable or self._logits

    def inputs_of(self, X: object) -> dict[str, npt.NDArray[Any]]:
        """Return rows as the graph takes them, by input."""
        return self._given(X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)))

    def _scores(self, X: object) -> npt.NDArray[Any]:
        values = self._run(X, str(self._score))
        table = values.reshape(len(values), -1)
        return table if self._column is None else table[:, self._column : self._column + 1]

    def _run(self, X: object, output: str) -> npt.NDArray[Any]:
        frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        given = self._given(frame)
        fixed = self._inputs[0].shape[0] if self._inputs[0].shape else None
        if not isinstance(fixed, int) or len(frame) == 0:
            return self._matrix(self._session.run([output], given)[0])
        parts = []
        for start in range(0, len(frame), fixed):
            rows = np.minimum(np.arange(start, start + fixed), len(frame) - 1)
            parts.append(self._matrix(self._session.run([output], {k: v[rows] for k, v in given.items()})[0]))
        return np.concatenate(parts)[: len(frame)]

    def _matrix(self, answer: object) -> npt.NDArray[Any]:
        if not isinstance(answer, list):
            return np.asarray(answer)
        names = list(answer[0]) if self.classes_ is None else list(self.classes_)
        return np.array([[row[name] for name in names] for row in answer])

    def _given(self, frame: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
        if len(self._inputs) == 1:
            only = self._inputs[0]
            values = _typed(frame, only.type, only.name, self._missing)
            inner = [side if isinstance(side, int) else -1 for side in only.shape[1:]]
            return {only.name: values.reshape(len(frame), *inner) if len(inner) != 1 else values}
        names = {_plain(str(name)): name for name in frame.columns}
        given = {}
        for value in self._inputs:
            column = value.name if value.name in frame.columns else names.get(_plain(value.name))
            if column is None:
                raise ModelError(
                    f"the ONNX model asks for input {quote(value.name)}, which the table does not have."
                    + hint(value.name, [str(name) for name in frame.columns])
                )
            values = _typed(frame[[column]], value.type, value.name, self._missing)
            given[value.name] = values.ravel() if len(value.shape) == 1 else values
        return given


def classes_text(classes: npt.NDArray[Any]) -> str:
    """Write classes as a file states them.

    Examples
    --------
    >>> classes_text(np.array([0, 1])), classes_text(np.array(["nein", "ja"], dtype=object))
    ('[0, 1]', '["nein", "ja"]')
    """
    return json.dumps(classes.tolist())


def _stated_classes(text: str) -> npt.NDArray[Any] | None:
    """Read classes that a file states; None where it states none, or something else."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or not values:
        return None
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array(values) if all(type(value) is int and abs(value) < 2**63 for value in values) else None


def _maker(score: str, makers: Mapping[str, Any]) -> str:
    """Name the operator that makes a score."""
    node = makers.get(score)
    while node is not None and node.op_type in KEPT and node.input:
        node = makers.get(node.input[0])
    return "" if node is None else str(node.op_type)


def _probable(score: str, makers: Mapping[str, Any], *, labeled: bool) -> bool:
    node = makers.get(score)
    while node is not None and node.op_type in KEPT and node.input:
        score, node = node.input[0], makers.get(node.input[0])
    flag = node is not None and node.op_type in ("Softmax", "Sigmoid")
    return flag or (labeled and "prob" in score.lower()) or _posterior(node)


def _posterior(node: Any) -> bool:  # noqa: ANN401 -- a protobuf message
    """Tell whether a classifier's operator states that it turns its scores into probabilities."""
    table = {attribute.name: attribute.s for attribute in node.attribute} if node is not None else {}
    return table.get("post_transform", b"NONE") in (b"LOGISTIC", b"SOFTMAX")


def _labels_of(graph: Any) -> list[npt.NDArray[Any]]:  # noqa: ANN401 -- a protobuf message
    arrays: list[npt.NDArray[Any]] = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
                arrays.append(np.array(list(attribute.ints)))
            elif attribute.name == "classlabels_strings" and attribute.strings:
                arrays.append(np.array([text.decode() for text in attribute.strings], dtype=object))
    numpy_helper = require("onnx.numpy_helper", extra="onnx", purpose="ONNX models")
    for held in graph.initializer:
        if held.name.lower().startswith("classes"):
            values = np.ravel(numpy_helper.to_array(held))
            texts = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
            arrays.append(np.array(texts, dtype=object if values.dtype == object else values.dtype))
    return arrays


def _columns(score: Any) -> int | None:  # noqa: ANN401 -- onnxruntime's NodeArg
    if not score.type.startswith("tensor"):
        return None
    if len(score.shape) < 2:
        return 1
    return score.shape[-1] if isinstance(score.shape[-1], int) else None


def _width(shape: Sequence[object]) -> int | None:
    sides = [side for side in shape[1:] if isinstance(side, int)]
    return int(np.prod(sides)) if sides and len(sides) == len(shape) - 1 else None


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name).casefold()


def _typed(frame: pd.DataFrame, kind: str, name: str, missing: str | None) -> npt.NDArray[Any]:
    if kind == "tensor(string)":
        if missing is not None:
            frame = frame.astype(object).where(frame.notna(), missing)
        elif frame.isna().any(axis=None):
            raise ModelError(f"input {quote(name)} of the ONNX model is text, and a value is missing.")
        return frame.astype(str).to_numpy(dtype=object)
    if kind not in NUMBERS:
        raise ModelError(f"input {quote(name)} of the ONNX model is a {kind}; expected numbers or text.")
    try:
        return frame.to_numpy(dtype=np.float64, na_value=np.nan).astype(NUMBERS[kind], casting="unsafe")
    except (TypeError, ValueError) as error:
        raise ModelError(f"input {quote(name)} of the ONNX model takes numbers, and the table holds text.") from error
