"""Which learning rate to begin with: the loss while the rate grows from far too low to far too high."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from trainers.errors import TrainerError
from trainers.estimators import NetworkClassifier, NetworkRegressor

KNOWN = 4096
"""Rows from which scales are learned before the first step."""
BLOWN = 4.0
"""The test ends where the loss is so many times the least."""
KEPT = 0.9
"""Share of the running mean of losses that each step keeps."""
BELOW = 10.0
"""The suggestion lies so many times under the rate of the least loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest:
    """Rates that were tried, the smoothed loss at each, and the one to begin with."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggested: float


def find_rate(
    model: NetworkClassifier | NetworkRegressor,
    X: ArrayLike,
    y: ArrayLike,
    *,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 80,
    batch_size: int = 64,
) -> RateTest:
    """Train a copy of a network for some steps, the rate growing with each, and look where the loss is least.

    Parameters
    ----------
    model : NetworkClassifier or NetworkRegressor
        It is left as it is.
    X, y : training rows
    low, high : float
        First and last rate.
    steps, batch_size : int

    Returns
    -------
    RateTest
        ``suggested`` is a tenth of the rate at which the loss was least.

    Raises
    ------
    TrainerError
        If the rates are not in order, or the loss was never a number.

    References
    ----------
    Smith 2017, Cyclical Learning Rates for Training Neural Networks.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> found = find_rate(NetworkClassifier(random_state=0), X, y, steps=30)
    >>> found.rates[0] < found.suggested < 1
    True
    """
    if not 0 < low < high or steps < 3:
        raise TrainerError(f"low is {low}, high {high} and steps {steps}; expected 0 < low < high and 3 steps or more")
    target = np.asarray(y)
    whole = target.ndim == 1 and isinstance(model, NetworkClassifier)
    copy = clone(model).set_params(learning_rate=low, on_epoch=None, checkpoint=None, verbose=0)
    rng = np.random.default_rng(0)
    classes = {"classes": np.unique(target)} if whole else {}
    known = rng.permutation(len(target))[:KNOWN]
    copy.partial_fit(_safe_indexing(X, known), target[known], **classes)
    rates = np.geomspace(low, high, steps)
    losses: list[float] = []
    mean = 0.0
    for step, rate in enumerate(rates):
        chosen = rng.permutation(len(target))[:batch_size]
        copy.set_params(learning_rate=float(rate))
        mean = KEPT * mean + (1 - KEPT) * _step(copy, _safe_indexing(X, chosen), target[chosen])
        smoothed = mean / (1 - KEPT ** (step + 1))
        if not math.isfinite(smoothed) or (losses and smoothed > BLOWN * min(losses)):
            break
        losses.append(smoothed)
    if not losses:
        raise TrainerError("the loss was never a finite number; scale the inputs, or keep standardize=True")
    best = float(rates[int(np.argmin(losses))])
    return RateTest(rates=tuple(map(float, rates[: len(losses)])), losses=tuple(losses), suggested=best / BELOW)


def _step(model: Any, X: Any, y: NDArray[Any]) -> float:  # noqa: ANN401
    """Take one step and return the loss that the rows had before it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a rate that is too high is what is looked for
        model.partial_fit(X, y)
    rows = [row.value for row in model.history_ if row.quantity == "loss" and row.split == "train"]
    return float(rows[-1]) if model.stopped_ != "not_finite" else math.nan
