"""Fits under a constraint, by fairlearn's reductions, without its coins.

fairlearn's exponentiated gradient answers with a mixture: a person's outcome is drawn anew each time. Its multipliers
are kept instead, and for each of them the one model that answers best to it, which is deterministic; the multiplier
whose model does best on validation rows is chosen (Agarwal et al. 2018, section 3.4, on grid search).
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

BOUNDS = (0.005, 0.03)
"""Gaps that the multipliers are sought for."""
ROUNDS = 12
KEPT = (0, 1, 2, 4, 7, 11)
"""Rounds whose multipliers are tried."""


class Answering(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The model as fairlearn may train it: rows come by number, answers are 0 and 1, 1 favorable."""

    def __init__(self, bench: Bench | None = None) -> None:
        self.bench = bench

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Answering:  # noqa: ANN401
        """Train the model on rows by number."""
        assert self.bench is not None  # noqa: S101 -- given when it was made
        rows = np.asarray(X)[:, 0].astype(np.intp)
        self.fitted_ = trained(
            self.bench, rows, np.asarray(y), None if sample_weight is None else np.asarray(sample_weight)
        )
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: ANN401
        """Answer rows by number."""
        assert self.bench is not None  # noqa: S101
        answer = np.asarray(self.fitted_.predict(self.bench.inputs(np.asarray(X)[:, 0].astype(np.intp))))
        if self.bench.dataset.task == "regression":
            return answer.astype(np.float64)
        return np.asarray(answer == self.bench.labels()[self.bench.favorable], dtype=np.float64)


def trained(bench: Bench, rows: Rows, y: Any, weight: FloatArray | None, seed: int = 0) -> Any:  # noqa: ANN401
    """Train the model on other answers than the true ones: 1 favorable, 0 not; in regression, numbers."""
    if bench.dataset.task == "regression":
        return bench.refit(rows, weight=weight, seed=seed)
    labels = bench.labels()
    wanted = np.where(np.asarray(y) > 0, labels[bench.favorable], labels[1 - bench.favorable])
    return bench.refit(rows, weight=weight, seed=seed, y=wanted)


def _moment(bench: Bench, bound: float) -> Any:  # noqa: ANN401
    reductions = require("fairlearn.reductions", extra="fair", purpose="reductions")
    if bench.constraint.name == "bounded-group-loss":
        y = bench.dataset.y[bench.rows("train")].astype(np.float64)
        loss = reductions.SquareLoss(float(y.min()), float(y.max()))
        spread = max(float(y.max() - y.min()), 1e-12)
        return reductions.BoundedGroupLoss(loss, upper_bound=bound * float(np.var(y)) / spread**2)
    kinds = {
        "demographic-parity": reductions.DemographicParity,
        "equalized-odds": reductions.EqualizedOdds,
        "equal-opportunity": reductions.TruePositiveRateParity,
        "error-rate": reductions.ErrorRateParity,
    }
    return kinds[bench.constraint.name](difference_bound=bound)


def multipliers(bench: Bench) -> Iterator[tuple[str, pd.Series]]:
    """Yield multipliers that exponentiated gradient passes through, from none to the last round.

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
    seen: set[tuple[float, ...]] = set()
    for bound in BOUNDS:
        moment = _moment(bench, bound)
        gradient = reductions.ExponentiatedGradient(
            Answering(bench), moment, eps=bound, max_iter=ROUNDS, run_linprog_step=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gradient.fit(rows.reshape(-1, 1), _answers(bench, rows), sensitive_features=_groups(bench, rows))
        found = gradient.lambda_vecs_EG_
        wanted = [place for place in KEPT if place < found.shape[1]]
        for place in wanted:
            told = tuple(np.round(found.iloc[:, place].to_numpy(dtype=np.float64), 6).tolist())
            if told not in seen:
                seen.add(told)
                yield f"bound {bound:g}, round {place + 1}", found.iloc[:, place]


def best_response(bench: Bench, rows: Rows, multiplier: pd.Series, seed: int) -> Any:  # noqa: ANN401
    """Train the model that answers best to a multiplier: weighted, with some answers turned.

    Raises
    ------
    ModelError
        If all rows would get one answer.
    """
    moment, y = _moment(bench, BOUNDS[0]), _answers(bench, rows)
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
        return trained(bench, rows, y, weight, seed)
    wanted = (signed > 0).astype(np.float64)
    if len(np.unique(wanted)) < 2:
        raise ModelError("at this strength every row gets the same answer")
    return trained(bench, rows, wanted, weight, seed)


def _answers(bench: Bench, rows: Rows) -> FloatArray:
    y = bench.dataset.y[rows]
    return y.astype(np.float64) if bench.dataset.task == "regression" else (y == bench.favorable).astype(np.float64)


def _groups(bench: Bench, rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return bench.groups.codes[rows].astype(np.intp)
