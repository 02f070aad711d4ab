"""A torch module of the user's own, as an estimator: what its outputs mean is stated or recognized, never guessed.

The module is not changed. Around it stands :class:`Outputs`, which brings whatever it gives (one logit, two logits, K
logits, probabilities, a dict, a tuple) into the one form that predictions, attributions and attacks share: one logit
of the second class for two classes, K logits for more, one number in regression.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import ModelError, quote, quote_all
from audit.models.offered import available_if
from audit.models.random_states import seed_global_generators

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]
OUTPUTS = ("auto", "logits", "probabilities", "margin", "value")
KEYS = ("logits", "logit", "scores", "output", "outputs", "prediction", "y", "value")
"""Names under which a dict of outputs holds the answer, most likely first."""
BLOCK = 2**22
"""Values that are run forward at a time."""
PROBED = 256
"""Rows on which outputs are recognized."""
SMALLEST = 1e-7
"""Probabilities are kept so far from 0 and 1 before their logarithm is taken."""
STATE = (
    'Say what the module gives: [model] output = "logits" (or "probabilities", "margin", "value"); from Python output=.'
)


def is_module(model: object) -> bool:
    """Tell whether an object is a torch module, without importing torch.

    Examples
    --------
    >>> is_module(3)
    False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def of_skorch(net: object) -> TorchModel | None:
    """Take the module out of a fitted skorch net; what it gives follows from the net's criterion."""
    if not any(base.__module__.startswith("skorch") for base in type(net).__mro__):
        return None
    module: Any = getattr(net, "module_", None)
    if module is None:
        raise ModelError(f"{quote(type(net).__name__)} of skorch is not fitted; call fit or initialize first.")
    criterion = type(getattr(net, "criterion_", None)).__name__
    logits = {"CrossEntropyLoss": "logits", "BCEWithLogitsLoss": "logits", "NLLLoss": "probabilities"}
    output = logits.get(criterion, "auto") if hasattr(net, "predict_proba") else "value"
    classes = getattr(net, "classes_", None) if output != "value" else None
    model = TorchModel(module, output=output, classes=None if classes is None else list(classes))
    model.history_ = getattr(net, "history", None)
    return model


class TorchModel:
    """A torch module with scikit-learn's methods.

    Parameters
    ----------
    module : torch.nn.Module
        From rows of shape (n, features), or (n, *shape), to answers.
    output : {"auto", "logits", "probabilities", "margin", "value"}
        ``auto`` recognizes them where there is only one way to read them, and refuses otherwise.
    classes : sequence, optional
        Labels in the order of the module's columns; by default the target's, sorted.
    shape : tuple of int
        Shape of one row; (features,) by default.
    fixed : int, optional
        The number of rows that the module insists on (an exported program).
    activation : str
        What the module is known to end in: ``sigmoid``, ``softmax`` or ``linear``.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        output: str = "auto",
        classes: Sequence[object] | None = None,
        shape: Sequence[int] = (),
        fixed: int | None = None,
        activation: str = "",
    ) -> None:
        if output not in OUTPUTS:
            raise ModelError(f"output is {quote(output)}; expected one of {quote_all(OUTPUTS)}.")
        self.module, self.output, self.fixed = module, output, fixed
        with contextlib.suppress(NotImplementedError):  # an exported program is in evaluation mode for good
            module.eval()
        self._stated = None if classes is None else list(classes)
        self.center_ = self.scale_ = None
        self._shape = tuple(int(size) for size in shape)
        self._column: int | None = None
        self._activation = activation
        self.token_count_ = 1 if _reads_ids(module) else 0
        self.history_: object = None
        self.classes_: npt.NDArray[Any] | None = None if classes is None else np.asarray(self._stated)
        self.probable = False

    def state(self, *, output: str, classes: Sequence[object] | None, shape: Sequence[int]) -> None:
        """Take what the user states of outputs and rows; what is not stated stays as it was.

        Raises
        ------
        ModelError
            If `output` is unknown.
        """
        if output not in OUTPUTS:
            raise ModelError(f"output is {quote(output)}; expected one of {quote_all(OUTPUTS)}.")
        self.output = self.output if output == "auto" else output
        if classes is not None:
            self._stated = list(classes)
        if shape:
            self._shape = tuple(int(size) for size in shape)

    def state_column(self, place: int) -> None:
        """Take which of several outputs is the answer."""
        self._column = place

    def learn_labels(self, labels: Sequence[object], task: str, rows: pd.DataFrame) -> None:
        """Learn the target's labels, in sorted order, and what the module's outputs are, from some rows.

        Raises
        ------
        ModelError
            If the outputs do not fit the task, or could be read in two ways; ends with the lines to write.
        """
        self.input_shape_ = self._shape or (rows.shape[1],)
        if int(np.prod(self.input_shape_)) != rows.shape[1]:
            raise ModelError(
                f"the module reads rows of shape {self.input_shape_}, and the table offers {rows.shape[1]} features. "
                f'State [data] shape = [channels, height, width] or features = ["…"].'
            )
        self.n_features_in_ = rows.shape[1]
        classes = len(labels) if task != "regression" else 0
        with seed_global_generators(0):
            answer = self._probe(rows.iloc[:PROBED])
        answer = _pick(answer, self._column)
        output = "logits" if self.output == "auto" and self._activation == "linear" and classes else self.output
        kind = _kind(output, answer, task, self.module, known=self._activation in {"sigmoid", "softmax"})
        _require_columns(answer.shape[1], classes, task, kind)
        if task != "regression":
            self.classes_ = np.asarray(self._stated if self._stated is not None else labels)
            if len(self.classes_) != classes:
                raise ModelError(f"classes names {quote_all(self.classes_)}; the target has {quote_all(labels)}.")
        self.probable = kind in {"logits", "probabilities"} and task != "regression"
        self.network_ = _outputs_of(self, kind, classes, self._column)

    @property
    def sorts_labels(self) -> bool:
        """Whether labels stand in sorted order, since the user states no other."""
        return self._stated is None

    def _probe(self, rows: pd.DataFrame) -> torch.Tensor:
        """Answer some rows in the shape they came in; where the module cannot, in the one that it reads."""
        import torch

        with torch.no_grad():
            try:
                answer = self.run(self._inputs(rows))
            except (RuntimeError, ValueError, IndexError):
                other = _shape_read(self.module, self.input_shape_)
                if other == self.input_shape_:
                    raise
                self.input_shape_ = other
                answer = self.run(self._inputs(rows))
        _require_one_answer(answer, len(rows))
        return _plain_output(answer, len(rows))

    # --- scikit-learn's methods ---------------------------------------------------------------------

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return a label or a number for each row."""
        answers = self._answers(X)
        if self.classes_ is None:
            return answers[:, 0]
        codes = (answers[:, 0] > 0).astype(int) if answers.shape[1] == 1 else answers.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    @available_if(lambda self: self.probable)
    def predict_proba(self, X: object) -> FloatArray:
        """Return the probability of each class, shape (n, classes)."""
        answers = self._answers(X)
        if answers.shape[1] == 1:
            answers = np.hstack([np.zeros_like(answers), answers])
        raised = np.exp(answers - answers.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    @available_if(lambda self: self.classes_ is not None)
    def decision_function(self, X: object) -> FloatArray:
        """Return logits or margins: shape (n,) of the second of two classes, else (n, classes)."""
        answers = self._answers(X)
        return answers[:, 0] if answers.shape[1] == 1 else answers

    def _answers(self, X: object) -> FloatArray:
        import torch

        frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X).reshape(len(np.asarray(X)), -1))
        size = max(1, BLOCK // max(1, frame.shape[1]))
        with torch.no_grad():
            parts = [
                self.network_(self._inputs(frame.iloc[start : start + size])) for start in range(0, len(frame), size)
            ]
        return np.concatenate([part.to("cpu", torch.float64).numpy() for part in parts])

    def run(self, given: torch.Tensor) -> Any:  # noqa: ANN401 -- a module gives what it likes
        """Return what the module gives, in blocks of as many rows as it insists on."""
        import torch

        if self.fixed is None or len(given) == 0:
            return self.module(given)
        parts = []
        for start in range(0, len(given), self.fixed):
            block = given[start : start + self.fixed]
            filled = torch.cat([block, block[-1:].expand(self.fixed - len(block), *block.shape[1:])])
            parts.append(_plain_output(self.module(filled), self.fixed)[: len(block)])
        return torch.cat(parts)

    def _inputs(self, frame: pd.DataFrame) -> torch.Tensor:
        import torch

        try:
            values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ModelError(
                "the module reads numbers, and the table holds text. Encode it in the table, or write an object with "
                'predict(X) around the module: [model] object = "package.module:name".'
            ) from error
        first = next(iter(self.module.parameters()), None)
        dtype = torch.float32 if first is None or not first.is_floating_point() else first.dtype
        tensor = torch.tensor(values.reshape(len(frame), *self.input_shape_))
        return tensor.to(None if first is None else first.device, torch.int64 if self.token_count_ else dtype)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell that there is nothing to fit."""
        return True


def _pick(answer: torch.Tensor, column: int | None) -> torch.Tensor:
    """Return the stated one of several outputs, or all.

    Raises
    ------
    ModelError
        If there are not so many.
    """
    if column is None:
        return answer
    if column >= answer.shape[1]:
        raise ModelError(
            f"[model] output_column is {column}, and the module gives {answer.shape[1]} a row, counted from 0. State "
            "a smaller number, or leave it out."
        )
    return answer[:, column : column + 1]


def _outputs_of(model: TorchModel, kind: str, classes: int, column: int | None) -> torch.nn.Module:
    """Wrap a module so that it gives one logit for two classes, K for more, one number in regression."""
    import torch

    class Outputs(torch.nn.Module):
        """The module, with its answers in the one form that an audit reads."""

        def __init__(self) -> None:
            super().__init__()
            self.module = model.module

        def train(self, mode: bool = True) -> Outputs:
            """Change the mode; that of an exported program is fixed."""
            with contextlib.suppress(NotImplementedError):
                super().train(mode)
            return self

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            """Answer rows."""
            raw = _pick(_plain_output(model.run(inputs), len(inputs)), column)
            if kind == "probabilities":
                raw = raw.clamp(SMALLEST, 1 - SMALLEST)
                raw = torch.logit(raw) if raw.shape[1] == 1 else raw.log()
            return raw[:, 1:] - raw[:, :1] if classes == 2 and raw.shape[1] == 2 else raw

    return Outputs()


def _plain_output(answer: Any, rows: int) -> torch.Tensor:  # noqa: ANN401 -- a module gives what it likes
    """Take the tensor of answers out of a tensor, a dict or a tuple; shape (rows, columns).

    Raises
    ------
    ModelError
        If there is none, or two could be meant.
    """
    import torch

    result: Any = answer
    if isinstance(answer, Mapping):
        result = next((answer[key] for key in KEYS if key in answer), None)
        tensors = [value for value in answer.values() if isinstance(value, torch.Tensor)]
        if result is None and len(tensors) == 1:
            result = tensors[0]
        if result is None:
            raise ModelError(
                f"the module gives a dict of {quote_all(answer)}, and none is called {quote_all(KEYS)}. Return the "
                "answer alone, or call it 'logits'."
            )
    elif hasattr(answer, "logits"):
        result = answer.logits
    elif isinstance(answer, tuple | list):
        result = next(iter(_by_row(answer, rows)), None)
    if not isinstance(result, torch.Tensor):
        raise ModelError(
            f"the module gives {quote(type(answer).__name__)}; expected a tensor, a dict or a tuple of them."
        )
    if result.dim() == 0 or len(result) != rows:
        raise ModelError(
            f"the module gives answers of shape {tuple(result.shape)} for {rows} rows; expected one a row."
        )
    flat = result.reshape(rows, -1)
    return flat if flat.is_floating_point() else flat.double()


def _by_row(answer: Sequence[Any], rows: int) -> list[torch.Tensor]:
    """Return the tensors of a tuple that hold something for each row; the first is the answer."""
    import torch

    return [value for value in answer if isinstance(value, torch.Tensor) and value.dim() and len(value) == rows]


def _require_one_answer(answer: Any, rows: int) -> None:  # noqa: ANN401 -- a module gives what it likes
    """Refuse a tuple of which two could be the answer.

    Raises
    ------
    ModelError
    """
    whole = _by_row(answer, rows) if isinstance(answer, tuple | list) and not hasattr(answer, "logits") else []
    if any(value.shape == whole[0].shape for value in whole[1:]):
        raise ModelError(
            f"the module gives a tuple of {len(answer)}, and two of them have the shape {tuple(whole[0].shape)} for "
            f"{rows} rows: either could be the answer. Return the answer alone, or a dict that calls it 'logits'."
        )


def _kind(stated: str, answer: torch.Tensor, task: str, module: torch.nn.Module, *, known: bool = False) -> str:
    """Say what the outputs are: as stated, or where there is only one way to read them."""
    import torch

    if task == "regression":
        if stated not in {"auto", "value"}:
            raise ModelError(f"output is {quote(stated)} and the task is regression; expected 'value'.")
        return "value"
    if stated == "value":
        raise ModelError(f'output is "value" and the task is {task}; a value is not a class. {STATE}')
    values = answer.double()
    inside = bool(((values >= 0) & (values <= 1)).all())
    sums = bool((values.sum(dim=1) - 1).abs().max() < 1e-3) if values.shape[1] > 1 else True
    if stated == "probabilities" and not (inside and sums):
        missing = "Sigmoid" if values.shape[1] == 1 else "Softmax"
        raise ModelError(
            f'output is "probabilities", and the module gives values from {float(values.min()):.3g} to '
            f"{float(values.max()):.3g}{'' if sums else ' that do not sum to 1'}: the {missing} is missing. "
            f'State [model] output = "logits".'
        )
    if stated != "auto":
        return stated
    if not inside:
        return "logits"
    last = [part for part in module.modules() if not list(part.children())][-1:]
    flag = any(isinstance(part, torch.nn.Sigmoid | torch.nn.Softmax) for part in last)
    if flag or known or (values.shape[1] > 1 and sums):
        return "probabilities"
    raise ModelError(f"the module's answers lie within [0, 1] and could be logits or probabilities. {STATE}")


def _require_columns(columns: int, classes: int, task: str, kind: str) -> None:
    expected = {"regression": {1}, "binary": {1, 2}}.get(task, {classes})
    if columns not in expected:
        wanted = " or ".join(str(count) for count in sorted(expected))
        raise ModelError(
            f"the module gives {columns} {kind} a row, and the task is {task}"
            f"{f' with {classes} classes' if classes else ''}; expected {wanted}. State "
            "[data] task, or give the module one output a class; of several targets, state which is audited: [model] "
            "output_column = 0 (from Python output_column=0)."
        )


def _shape_read(module: torch.nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a row that the first layer reads, where there is only one way to it.

    Raises
    ------
    ModelError
        If rows have their channels last and the module wants them first, or the other way around.
    """
    import torch

    weighted = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.RNNBase)
    first = next((part for part in module.modules() if isinstance(part, weighted)), None)
    if isinstance(first, torch.nn.Conv2d) and len(shape) in {2, 3}:
        if len(shape) == 2 and first.in_channels == 1:
            return (1, *shape)
        _require_channels(shape, first.in_channels, 0, "(channels, height, width)", "np.moveaxis(X, -1, 1)")
    elif isinstance(first, torch.nn.Conv1d) and len(shape) == 2:
        _require_channels(shape, first.in_channels, 0, "(channels, steps)", "np.swapaxes(X, 1, 2)")
    elif isinstance(first, torch.nn.RNNBase):
        if len(shape) == 1 and first.input_size == 1:
            return (*shape, 1)
        if len(shape) == 2:
            _require_channels(shape, first.input_size, -1, "(steps, channels)", "np.swapaxes(X, 1, 2)")
    elif isinstance(first, torch.nn.Linear) and len(shape) > 1 and shape[-1] != first.in_features:
        return (int(np.prod(shape)),) if int(np.prod(shape)) == first.in_features else shape
    return shape


def _require_channels(shape: tuple[int, ...], channels: int, place: int, wanted: str, command: str) -> None:
    """Refuse rows whose channels stand at the other end of their shape."""
    other = -1 if place == 0 else 0
    if shape[place] != channels and shape[other] == channels:
        raise ModelError(
            f"the module's first layer reads {channels} channels, and rows have the shape {shape}, with {channels} at "
            f"the other end; expected {wanted}. Pass {command}."
        )


def _reads_ids(module: torch.nn.Module) -> bool:
    """Tell whether the first layer looks up ids of tokens."""
    import torch

    leaves = [part for part in module.modules() if not list(part.children())]
    return bool(leaves) and isinstance(leaves[0], torch.nn.Embedding)
