"""Smaller networks out of a trained one: pruned and trained on, or taught by it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from trainers.errors import TrainerError

if TYPE_CHECKING:
    import torch


def prune(model: Any, X: Any, y: ArrayLike, share: float, *, epochs: int = 3, units: bool = False) -> Any:  # noqa: ANN401
    """Set the smallest weights of a network to zero and train on; what is zero stays zero.

    Parameters
    ----------
    model : fitted network, or pipeline that ends in one
        It is not changed.
    X, y : rows to train on
    share : float
        Of weights (of units) in each layer, within (0, 1).
    epochs : int
        Passes over the rows after pruning.
    units : bool
        Prune whole units by the norm of their incoming weights, instead of single weights; the output layer keeps all.

    Returns
    -------
    estimator or pipeline

    Examples
    --------
    >>> from trainers import NetworkClassifier
    >>> rows, labels = np.linspace(-1, 1, 40).reshape(-1, 1), np.repeat([0, 1], 20)
    >>> small = prune(NetworkClassifier(epochs=2, random_state=0).fit(rows, labels), rows, labels, 0.5, epochs=1)
    >>> 0.4 < zero_share(small) < 0.6
    True
    """
    if not 0 < share < 1:
        raise TrainerError(f"share is {share}; expected a share of weights between 0 and 1")
    result = copy.deepcopy(model)
    estimator, rows = _taken_apart(result, X)
    masks = _masks(estimator.network_, share, units)
    _apply(estimator.network_, masks)
    for _ in range(epochs):
        estimator.partial_fit(rows, y)
        _apply(estimator.network_, masks)
    return result


def distill(model: Any, X: Any, hidden: Sequence[int], *, epochs: int = 30, random_state: int = 0) -> Any:  # noqa: ANN401
    """Teach a smaller network the probabilities of a larger one (Hinton, Vinyals and Dean 2015).

    Each row stands once for each class, weighted by the teacher's probability of it, which is cross-entropy with
    soft labels; a regressor learns the teacher's numbers.

    Parameters
    ----------
    model : fitted network, or pipeline that ends in one
    X : rows to learn on
    hidden : sequence of int
        Units of the smaller network's layers.
    """
    result = copy.deepcopy(model)
    teacher, rows = _taken_apart(result, X)
    values = np.asarray(rows)
    if teacher._objective()[0] == "multilabel":
        raise TrainerError("the network predicts several labels, and a student learns one target; prune or quantize it")
    student = type(teacher)(hidden=tuple(hidden), epochs=epochs, random_state=random_state)
    if not hasattr(teacher, "classes_"):
        student.fit(values, teacher.predict(values))
    else:
        shares = teacher.predict_proba(values)
        repeated = np.concatenate([values] * len(teacher.classes_))
        student.fit(repeated, np.repeat(teacher.classes_, len(values)), sample_weight=shares.T.ravel())
    if not hasattr(result, "steps"):
        return student
    result.steps[-1] = (result.steps[-1][0], student)
    return result


def zero_share(model: Any) -> float:  # noqa: ANN401
    """Return the share of weights (of matrices and kernels) that are zero."""
    weights = _weights(_last(model).network_)
    return sum(int((weight == 0).sum()) for weight in weights.values()) / sum(
        weight.numel() for weight in weights.values()
    )


def _last(model: Any) -> Any:  # noqa: ANN401
    return model.steps[-1][1] if hasattr(model, "steps") else model


def _taken_apart(model: Any, X: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the network and the rows as it reads them."""
    estimator = _last(model)
    if not hasattr(estimator, "network_"):
        raise TrainerError(f"the model ends in {type(estimator).__name__}; expected a fitted network of trainers")
    return estimator, (model[:-1].transform(X) if hasattr(model, "steps") else X)


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.data for name, parameter in network.named_parameters() if parameter.ndim >= 2}


def _masks(network: torch.nn.Module, share: float, units: bool) -> dict[str, torch.Tensor]:
    weights = _weights(network)
    last = next(reversed(weights)) if weights else ""
    if not units:
        return {
            name: tensor.abs() > tensor.abs().flatten().kthvalue(max(1, int(share * tensor.numel()))).values
            for name, tensor in weights.items()
        }
    masks = {}
    for name, tensor in weights.items():
        norms = tensor.flatten(1).norm(dim=1)
        kept = norms > norms.kthvalue(max(1, int(share * len(norms)))).values if name != last else norms >= 0
        masks[name] = kept.reshape(-1, *[1] * (tensor.ndim - 1)).expand_as(tensor)
        if name != last:
            masks[name.removesuffix("weight") + "bias"] = kept
    return masks


def _apply(network: torch.nn.Module, masks: dict[str, torch.Tensor]) -> None:
    for name, parameter in network.named_parameters():
        if name in masks:
            parameter.data.mul_(masks[name])
