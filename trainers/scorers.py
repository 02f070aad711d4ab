"""scikit-learn's scorers on a network under way: what they ask of an estimator is answered from its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from trainers.errors import TrainerError, hint, quote
from trainers.history import VALIDATION
from trainers.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.gradients import Rows


class _Answers(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Answers that are known already; X is which of them."""

    def __init__(self, outputs: NDArray[np.float64]) -> None:
        self.outputs = outputs

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _Labels(ClassifierMixin, _Answers):  # type: ignore[misc]
    @property
    def classes_(self) -> NDArray[np.int64]:
        return np.arange(max(2, self.outputs.shape[1]))

    def predict_proba(self, X: object) -> NDArray[np.float64]:  # noqa: ARG002 -- the rows are known
        outputs = self.outputs if self.outputs.shape[1] > 1 else np.hstack([0 * self.outputs, self.outputs])
        raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: object) -> NDArray[np.int64]:
        return np.asarray(self.predict_proba(X).argmax(axis=1))


class _Several(_Labels):
    """Labels of which a row may have any: each is a column."""

    @property
    def classes_(self) -> list[NDArray[np.int64]]:  # type: ignore[override]  # as forests of scikit-learn have it
        return [np.arange(2)] * self.outputs.shape[1]

    def predict_proba(self, X: object) -> NDArray[np.float64]:  # noqa: ARG002 -- the rows are known
        return np.asarray(expit(self.outputs))

    def predict(self, X: object) -> NDArray[np.int64]:  # noqa: ARG002
        return (self.outputs > 0).astype(np.int64)


class _Numbers(RegressorMixin, _Answers):  # type: ignore[misc]
    def predict(self, X: object) -> NDArray[np.float64]:  # noqa: ARG002 -- the rows are known
        return self.outputs[:, 0] if self.outputs.shape[1] == 1 else self.outputs


def score_outputs(outputs: Tensor, rows: Rows, plan: Plan) -> dict[tuple[str, str], float]:
    """Score raw outputs on held-out rows; classes are numbered in sorted order, the second one is positive.

    Errors of regression are in standard deviations of the target.
    """
    values = outputs.cpu().double().numpy()
    truth = rows.targets.cpu().numpy()
    kinds = {"regression": _Numbers, "multilabel": _Several}
    kind = kinds.get(plan.objective, _Labels)
    truth = truth if plan.objective == "regression" else truth.astype(np.int64)
    return {(VALIDATION, f"score:{name}"): _score(name, kind(values), values, truth) for name in plan.scoring}


def _score(name: str, answers: _Answers, values: NDArray[np.float64], truth: NDArray[np.generic]) -> float:
    try:
        return float(get_scorer(name)(answers, values, truth))
    except ValueError as error:
        said = " ".join(str(error).split())[:150]
        raise TrainerError(f"scoring names {quote(name)}, which cannot be measured here: {said}") from error


def require_scorers(names: tuple[str, ...]) -> None:
    """Refuse a name that scikit-learn does not know.

    Raises
    ------
    TrainerError
        With the nearest name.

    Examples
    --------
    >>> require_scorers(("f1",))
    """
    known = get_scorer_names()
    for name in names:
        if name not in known:
            raise TrainerError(f"scoring names {quote(name)}; expected scorers of scikit-learn.{hint(name, known)}")
