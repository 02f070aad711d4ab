"""Fits under a constraint, by fairlearn's reductions, without its coins.

fairlearn's exponentiated gradient answers with a mixture: a person's outcome is drawn anew each time. The direction of
its multipliers is kept instead, and for each strength along it the one model that answers best, which is deterministic;
the strength that does best on validation rows is chosen (Agarwal et al. 2018, section 3.4, on grid search).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from audit.errors import ModelError
from audit.mitigation.bench import Bench, FloatArray, Rows
from audit.optional import require

BOUND = 0.01
"""Gap that the multipliers are sought for."""
ROUNDS = 8
STRENGTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.3)
"""Largest multiplier that is tried; at 1 a gap of one point weighs as much as an error of one."""


class Answering(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The model as fairlearn may train it: rows come by number, answers are 0 and 1 (favorable), or between."""

    def __init__(self, bench: Bench | None = None) -> None:
        self.bench = bench

    def __sklearn_clone__(self) -> Answering:
        return Answering(self.bench)  # a bench is shared: it holds all rows

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Answering:  # noqa: ANN401
        """Train the model on rows by number."""
        assert self.bench is not None  # noqa: S101 -- given when it was made
        rows = np.asarray(X)[:, 0].astype(np.intp)
        self.fitted_ = fit_on_answers(
            self.bench, rows, np.asarray(y), None if sample_weight is None else np.asarray(sample_weight)
        )
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: ANN401
        """Answer rows by number."""
        assert self.bench is not None  # noqa: S101
        answer = np.asarray(self.fitted_.predict(self.bench.inputs(np.asarray(X)[:, 0].astype(np.intp))))
        if self.bench.dataset.task == "regression":
            return _in_range(self.bench, answer)
        return np.asarray(answer == self.bench.labels()[self.bench.favorable], dtype=np.float64)


def fit_on_answers(bench: Bench, rows: Rows, y: Any, weight: FloatArray | None, seed: int = 0) -> Any:  # noqa: ANN401
    """Train the model on other answers than the true ones: 1 favorable, 0 not; in regression, numbers."""
    if bench.dataset.task == "regression":
        return bench.refit(rows, weight=weight, seed=seed)
    labels = bench.labels()
    wanted = np.where(np.asarray(y) > 0, labels[bench.favorable], labels[1 - bench.favorable])
    return bench.refit(rows, weight=weight, seed=seed, y=wanted)


def _moment(bench: Bench, bound: float) -> Any:  # noqa: ANN401
    reductions = require("fairlearn.reductions", extra="fair", purpose="reductions")
    if bench.constraint.name == "bounded-group-loss":
        spread = float(np.var(_answers(bench, bench.rows("train"))))
        return reductions.BoundedGroupLoss(reductions.SquareLoss(0.0, 1.0), upper_bound=bound * spread)
    kinds = {
        "demographic-parity": reductions.DemographicParity,
        "equalized-odds": reductions.EqualizedOdds,
        "equal-opportunity": reductions.TruePositiveRateParity,
        "error-rate": reductions.ErrorRateParity,
    }
    return kinds[bench.constraint.name](difference_bound=bound)


def multipliers(bench: Bench) -> Iterator[tuple[str, pd.Series]]:
    """Yield multipliers along the direction that exponentiated gradient finds, from weak to strong.

    Parameters
    ----------
    bench : Bench

    Raises
    ------
    MissingExtra
        If fairlearn is not installed.
    """
    reductions = require("fairlearn.reductions", extra="fair", purpose="reductions")
    rows = bench.rows("train")
    gradient = reductions.ExponentiatedGradient(
        Answering(bench), _moment(bench, BOUND), eps=BOUND, max_iter=ROUNDS, run_linprog_step=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradient.fit(rows.reshape(-1, 1), _answers(bench, rows), sensitive_features=_groups(bench, rows))
    direction = _net(gradient.lambda_vecs_EG_.iloc[:, -1])
    largest = float(direction.max())
    if not largest > 0:
        raise ModelError("the model meets the constraint on training rows; there is nothing to correct.")
    for strength in STRENGTHS:
        yield f"strength {strength:g}", direction * (strength / largest)


def _net(multiplier: pd.Series) -> pd.Series:
    """Return what is left where a gap is held from both sides: only the sign that it has."""
    if multiplier.index.nlevels < 2:
        return multiplier
    upper, lower = multiplier["+"], multiplier["-"]
    both = pd.concat({"+": (upper - lower).clip(lower=0), "-": (lower - upper).clip(lower=0)})
    both.index.names = multiplier.index.names
    column: pd.Series = both.reindex(multiplier.index)
    return column


def best_response(bench: Bench, rows: Rows, multiplier: pd.Series, seed: int) -> Any:  # noqa: ANN401
    """Train the model that answers best to a multiplier: weighted, with some answers turned.

    Raises
    ------
    ModelError
        If all rows would get one answer.
    """
    moment, y = _moment(bench, BOUND), _answers(bench, rows)
    given = {"X": rows.reshape(-1, 1), "y": pd.Series(y), "sensitive_features": pd.Series(_groups(bench, rows))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about how fairlearn fills its tables
        moment.load_data(**given)
        objective = moment.default_objective()
        objective.load_data(**given)
        signed = np.asarray(objective.signed_weights() + moment.signed_weights(multiplier), dtype=np.float64)
    own = np.abs(signed) * bench.weight(rows)
    weight = np.asarray(own * len(rows) / own.sum())
    if bench.dataset.task == "regression":
        return fit_on_answers(bench, rows, y, weight, seed)
    wanted = (signed > 0).astype(np.float64)
    if len(np.unique(wanted)) < 2:
        raise ModelError("at this strength every row gets the same answer")
    return fit_on_answers(bench, rows, wanted, weight, seed)


def _answers(bench: Bench, rows: Rows) -> FloatArray:
    y = bench.dataset.y[rows]
    return _in_range(bench, y) if bench.dataset.task == "regression" else (y == bench.favorable).astype(np.float64)


def _in_range(bench: Bench, values: np.ndarray[Any, Any]) -> FloatArray:
    """Return numbers as shares of the range of the training target: fairlearn's steps grow with the loss."""
    y = bench.dataset.y[bench.rows("train")].astype(np.float64)
    low, high = float(y.min()), float(y.max())
    return np.asarray((values.astype(np.float64) - low) / max(high - low, 1e-12))


def _groups(bench: Bench, rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return bench.groups.codes[rows].astype(np.intp)
