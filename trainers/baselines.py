"""What no network is needed for: the loss of a constant answer, and the score of two simple models on held-out rows.

A training history can only be judged beside them: a loss of 2.3 is nothing learned with ten classes, and a training
score of 1 is memory where neighbours and straight lines find nothing on rows that they have not seen.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 -- this module is imported only when a network is trained
from numpy.typing import NDArray

from trainers.gradients import Rows, mean_loss
from trainers.losses import is_plain, row_losses

if TYPE_CHECKING:
    from torch import Tensor

MOST_COLUMNS = 1024
"""Inputs that the simple models read; of more, blocks of neighbours are averaged."""
LEAST_ROWS = 40
NEIGHBOURS = 10


def constant_loss(rows: Rows, objective: str) -> float:
    """Return the loss of the best constant output: class shares, or the mean.

    Examples
    --------
    >>> rows = Rows(torch.zeros(4, 1), torch.tensor([0.0, 0.0, 1.0, 1.0]), None)
    >>> round(constant_loss(rows, "binary"), 4)
    0.6931
    """
    weights = torch.ones(len(rows.targets)) if rows.weights is None else rows.weights.cpu()
    weights, targets = (weights / weights.sum()).double(), rows.targets.cpu()
    if objective == "multiclass":
        shares = torch.bincount(targets, weights=weights).clamp_min(1e-12)
        constant = shares.log()[None]
    elif objective == "regression" and not is_plain(objective):
        columns = targets.double().reshape(len(targets), -1).unbind(dim=1)
        constant = torch.cat([_best_number(column, weights, objective) for column in columns], dim=1)
    else:
        means = (weights.unsqueeze(1) * targets.reshape(len(targets), -1)).sum(dim=0)
        constant = (means if objective == "regression" else torch.logit(means.clamp(1e-12, 1 - 1e-12))).unsqueeze(0)
    answers = constant.to(rows.inputs.device).expand(len(targets), -1)
    plain = Rows(rows.inputs, rows.targets.double() if objective != "multiclass" else rows.targets, rows.weights)
    return float(mean_loss(answers, plain, objective))


def _best_number(targets: Tensor, weights: Tensor, objective: str) -> Tensor:
    """Find the constant with the least loss, which is convex in it."""
    from scipy.optimize import minimize_scalar

    def loss(number: float) -> float:
        given = torch.full((len(targets), 1), number, dtype=torch.float64)
        return float((weights * row_losses(given, targets, objective)).sum())

    low, high = float(targets.min()), float(targets.max())
    best = minimize_scalar(loss, bounds=(low, high), method="bounded").x if low < high else low
    return torch.tensor([[float(best)]], dtype=torch.float64)


def simple_score(rows: Rows, objective: str) -> float | None:
    """Return the better two-fold cross-validated score of nearest neighbours and a linear model.

    Parameters
    ----------
    rows : Rows
        A few hundred; every other one is held out.
    objective : str

    Returns
    -------
    float or None
        Accuracy or R², weighted as the rows are; None with fewer than 40 rows, a class in one half alone, or a loss
        of numbers other than squared error: what learns a quantile is not meant to reach the best R².
    """
    from sklearn.linear_model import Ridge, RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    if len(rows.inputs) < LEAST_ROWS or (objective == "regression" and not is_plain(objective)):
        return None
    X, y = _columns(rows.inputs), rows.targets.cpu().numpy()
    weights = np.ones(len(y)) if rows.weights is None else rows.weights.cpu().numpy()
    count = min(NEIGHBOURS, len(y) // 8)
    models: tuple[Any, Any]
    if objective == "regression":
        models = Ridge(alpha=1.0), KNeighborsRegressor(count, algorithm="brute")
    else:
        models = RidgeClassifier(alpha=1.0), KNeighborsClassifier(count, algorithm="brute")
    parts = [(slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))]
    if objective != "regression" and any(len(np.unique(y[train])) < 2 for train, _ in parts):
        return None
    linear, neighbors = models
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an ill-conditioned column is not a concern of the user's network
        for train, test in parts:
            linear.fit(X[train], y[train], sample_weight=weights[train])
            neighbors.fit(X[train], y[train])
            scores.append([model.score(X[test], y[test], sample_weight=weights[test]) for model in models])
    return float(np.mean(scores, axis=0).max())


def _columns(inputs: Tensor) -> NDArray[np.float64]:
    """Flatten rows to at most 1024 columns; token ids become counts."""
    values = inputs.cpu().numpy()
    if not inputs.is_floating_point():
        counts = np.zeros((len(values), MOST_COLUMNS))
        np.add.at(counts, (np.repeat(np.arange(len(values)), values.shape[1]), values.ravel() % MOST_COLUMNS), 1.0)
        counts[:, 0] = 0.0
        return np.log1p(counts)
    flat = values.reshape(len(values), -1).astype(np.float64)
    if flat.shape[1] > MOST_COLUMNS:
        edges = np.linspace(0, flat.shape[1], MOST_COLUMNS + 1).astype(int)[:-1]
        flat = np.add.reduceat(flat, edges, axis=1)
    spread = flat.std(axis=0)
    return np.asarray((flat - flat.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
