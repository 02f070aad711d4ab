"""Losses beside cross-entropy and squared error, row by row."""

from __future__ import annotations

from collections.abc import Mapping

import torch  # noqa: TID253 -- this module is imported only when a network is trained
from torch import Tensor  # noqa: TID253
from torch.nn import functional  # noqa: TID253

ALPHA: Mapping[str, float] = {"auto": 0.0, "focal": 2.0, "absolute": 0.0, "huber": 1.0, "quantile": 0.5}
"""The number of each loss where none is stated."""


class Objective(str):
    """The task, ``binary``, ``multiclass``, ``multilabel`` or ``regression``, with the loss that it is trained with.

    Examples
    --------
    >>> objective = Objective("regression", "quantile", 0.9)
    >>> objective == "regression", objective.loss, objective.alpha
    (True, 'quantile', 0.9)
    """

    __slots__ = ("alpha", "loss")
    loss: str
    alpha: float

    def __new__(cls, task: str, loss: str = "auto", alpha: float | None = None) -> Objective:
        """Make the name of a task that knows its loss."""
        objective = super().__new__(cls, task)
        objective.loss, objective.alpha = loss, ALPHA[loss] if alpha is None else float(alpha)
        return objective


def is_plain(objective: str) -> bool:
    """Tell whether the loss is cross-entropy or squared error.

    Examples
    --------
    >>> is_plain("binary"), is_plain(Objective("binary", "focal"))
    (True, False)
    """
    return getattr(objective, "loss", "auto") == "auto"


def by_row(losses: Tensor) -> Tensor:
    """Average the losses of several outputs.

    Examples
    --------
    >>> by_row(torch.tensor([[1.0, 3.0]])), by_row(torch.tensor([1.0]))
    (tensor([2.]), tensor([1.]))
    """
    return losses if losses.dim() == 1 else losses.mean(dim=1)


def row_losses(outputs: Tensor, targets: Tensor, objective: str) -> Tensor:
    """Return the loss of each row: focal, absolute, Huber's or the quantile's, cross-entropy and squared error else.

    Parameters
    ----------
    outputs : Tensor of shape (rows, outputs)
        Logits, or the standardized target.
    targets : Tensor of shape (rows,); (rows, outputs) of several outputs, (rows, classes) of shares
    objective : str or Objective

    References
    ----------
    Lin et al. 2017, Focal Loss for Dense Object Detection; Huber 1964; Koenker and Bassett 1978, Regression Quantiles.

    Examples
    --------
    >>> row_losses(torch.tensor([[0.0], [0.0]]), torch.tensor([1.0, -1.0]), Objective("regression", "quantile", 0.9))
    tensor([0.9000, 0.1000])
    """
    return by_row(_each(outputs, targets, objective))


def _each(outputs: Tensor, targets: Tensor, objective: str) -> Tensor:
    loss, alpha = getattr(objective, "loss", "auto"), getattr(objective, "alpha", 0.0)
    if objective == "regression":
        given = outputs.squeeze(1)
        if loss == "absolute":
            return functional.l1_loss(given, targets, reduction="none")
        if loss == "huber":
            return functional.huber_loss(given, targets, reduction="none", delta=alpha)
        if loss == "quantile":
            above = targets - given
            return torch.maximum(alpha * above, (alpha - 1) * above)
        return functional.mse_loss(given, targets, reduction="none")
    if objective == "multiclass":
        losses = functional.cross_entropy(outputs, targets, reduction="none")
    else:
        losses = functional.binary_cross_entropy_with_logits(outputs.squeeze(1), targets, reduction="none")
    return (1 - torch.exp(-losses)) ** alpha * losses if loss == "focal" else losses
