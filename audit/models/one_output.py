"""One output of a model of several, audited as a target of its own: which one is stated, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.models.offered import available_if

if TYPE_CHECKING:
    import torch

PASSED_ON = ("feature_names_in_", "n_features_in_", "input_shape_", "token_count_", "tokens", "center_", "scale_")
"""What a model says of the rows that it reads."""
PROBED = 16
"""Rows on which outputs are counted."""


class OneOutput:
    """A model of several outputs, numbers or labels, with one of them as its answer.

    Parameters
    ----------
    inner : object with ``predict``
    column : int or str
        Number of the output from 0, or its name where the model knows names.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> both = LinearRegression().fit([[0.0], [1.0]], [[0.0, 5.0], [1.0, 7.0]])
    >>> OneOutput(both, 1).predict([[0.0], [1.0]]).round(6).tolist()
    [5.0, 7.0]
    """

    def __init__(self, inner: Any, column: int | str) -> None:  # noqa: ANN401 -- any model
        self.inner, self.place = inner, place_of(column, output_names(inner))
        for name in PASSED_ON:
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))
        classes = getattr(inner, "classes_", None)
        if classes is not None:
            each = isinstance(classes, list) and self.place < len(classes)
            self.classes_ = np.asarray(classes[self.place]) if each else np.arange(2)
        several = int(getattr(inner, "n_outputs_", 1)) > self.place
        if hasattr(inner, "network_") and several:
            self.network_ = _column_of(inner.network_, self.place)
        for name in ("target_scale_", "target_center_"):
            if several and hasattr(inner, name):
                setattr(self, name, float(np.ravel(getattr(inner, name))[self.place]))

    def learn_labels(self, labels: Sequence[object], task: str, rows: pd.DataFrame) -> None:  # noqa: ARG002
        """Refuse an output that the model does not have, before any work.

        Raises
        ------
        ModelError
        """
        self.predict(rows.iloc[:PROBED] if hasattr(self, "feature_names_in_") else rows.iloc[:PROBED].to_numpy())

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return the one output for each row."""
        return self._pick(self.inner.predict(X))

    @available_if(lambda self: callable(getattr(self.inner, "predict_proba", None)))
    def predict_proba(self, X: object) -> npt.NDArray[Any]:
        """Return the probabilities of the one output's classes, shape (n, classes)."""
        shares = self.inner.predict_proba(X)
        if isinstance(shares, list):
            return np.asarray(shares[self.place])
        share = self._pick(shares)
        return np.column_stack([1 - share, share])

    @available_if(lambda self: callable(getattr(self.inner, "decision_function", None)))
    def decision_function(self, X: object) -> npt.NDArray[Any]:
        """Return the margins of the one output, shape (n,)."""
        return self._pick(self.inner.decision_function(X))

    def _pick(self, answer: object) -> npt.NDArray[Any]:
        table = np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
        columns = table.shape[1] if table.ndim == 2 else 1
        if table.ndim != 2 or self.place >= columns:
            raise ModelError(
                f"[model] output_column is {self.place}, and the model gives {columns} "
                f"output{'' if columns == 1 else 's'} a row, counted from 0. "
                + ("Leave it out." if columns == 1 else f"State one of 0 to {columns - 1}.")
            )
        return np.asarray(table[:, self.place])

    def __sklearn_is_fitted__(self) -> bool:
        """Tell that there is nothing to fit."""
        return True


def output_names(model: object) -> tuple[str, ...]:
    """Name the outputs of a model of several, where it knows names.

    Examples
    --------
    >>> output_names(object())
    ()
    """
    names = getattr(model, "target_names_", None) or ()
    return tuple(str(name) for name in names)


def place_of(column: int | str, names: Sequence[str]) -> int:
    """Return the number of an output that is stated by number or name.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> place_of(1, ()), place_of("b", ("a", "b"))
    (1, 1)
    """
    if isinstance(column, str) and column in names:
        return list(names).index(column)
    if isinstance(column, str):
        known = (
            f"its outputs are {quote_all(names)}.{hint(column, names)}"
            if names
            else ("it does not name its outputs: state a number, output_column = 0 for the first.")
        )
        raise ConfigError(f"[model] output_column is {quote(column)}; the model has no output of that name, {known}")
    if column < 0:
        raise ConfigError(f"[model] output_column is {column}; outputs are counted from 0.")
    return column


def _column_of(network: torch.nn.Module, place: int) -> torch.nn.Module:
    """Return a network that gives one column of another's outputs."""
    import torch

    class Column(torch.nn.Module):
        """The network, with one of its outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            """Answer rows."""
            answer: torch.Tensor = self.network(inputs)
            return answer[:, place : place + 1]

    return Column()
