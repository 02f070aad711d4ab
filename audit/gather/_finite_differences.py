"""Gradients by differences: which way is uphill for a model that is smooth but cannot be looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from audit.evidence import FloatArray

LossOf = Callable[[pd.DataFrame], FloatArray]
STEP = 1e-3
"""In standard deviations of a feature: small beside any reach, large beside rounding in single precision."""
CELLS = 2_000_000
"""Values that are handed to the model in one call."""
SMOOTH = 0.1
"""Over half a step a smooth loss moves half as far, give or take so much; a loss of jumps moves all or nothing."""


def slopes(
    X: pd.DataFrame, spreads: Mapping[str, float], loss: LossOf, step: float = STEP
) -> tuple[FloatArray, FloatArray]:
    """Return each row's loss, and what it gains when one feature grows by a small step.

    Parameters
    ----------
    X : DataFrame of shape (n, features)
    spreads : mapping of str to float
        Standard deviation by feature, of the features that are moved.
    loss : callable
        From rows to the loss of each; it is given `X` several times over, one below the other.
    step : float
        In standard deviations.

    Returns
    -------
    tuple of ndarray of shape (n,), and of shape (n, len(spreads))

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0.0, 1.0], "b": [0.0, 0.0]})
    >>> slopes(rows, {"a": 1.0, "b": 2.0}, lambda X: (X["a"] - X["b"]).to_numpy(), 0.5)[1].tolist()
    [[0.5, -1.0], [0.5, -1.0]]
    """
    plain, names = loss(X), list(spreads)
    several = max(1, CELLS // max(1, X.size))
    parts = [names[start : start + several] for start in range(0, len(names), several)]
    moved = [loss(_step(X, part, spreads, step)).reshape(len(part), len(X)) for part in parts]
    return plain, np.asarray((np.concatenate(moved) - plain).T)


def _step(X: pd.DataFrame, names: list[str], spreads: Mapping[str, float], step: float) -> pd.DataFrame:
    """Return the rows once for each name, one below the other, with that feature a step further."""
    many = X.take(np.tile(np.arange(len(X)), len(names))).reset_index(drop=True)
    for place, name in enumerate(names):
        values = many[name].to_numpy(copy=True)
        values[place * len(X) : (place + 1) * len(X)] += step * spreads[name]
        many[name] = values
    return many


def is_smooth(X: pd.DataFrame, spreads: Mapping[str, float], loss: LossOf) -> bool:
    """Tell whether the loss has a slope that differences can find.

    Examples
    --------
    >>> rows = pd.DataFrame({"a": np.linspace(-1.0, 1.0, 999)})
    >>> is_smooth(rows, {"a": 1.0}, lambda X: np.exp(X["a"].to_numpy()))
    True
    >>> is_smooth(rows, {"a": 1.0}, lambda X: (X["a"].to_numpy() > 0) * 1.0)
    False
    """
    (_, whole), (_, half) = slopes(X, spreads, loss), slopes(X, spreads, loss, STEP / 2)
    moved = float(np.abs(whole).sum())
    return bool(moved > 0 and float(np.abs(whole - 2 * half).sum()) <= SMOOTH * moved)
