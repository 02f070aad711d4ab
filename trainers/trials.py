"""One trial of a search: cross-validate a configuration, measure score and group gap, stop where it is not worth it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import _safe_indexing

from trainers.errors import TrainerError
from trainers.space import Plain

if TYPE_CHECKING:
    import optuna

LEAST_ROWS = 30
"""Groups with fewer rows do not count in the gap: their rates are noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration that was tried."""

    number: int
    state: str
    """``complete``, ``pruned`` or ``failed``."""
    parameters: Mapping[str, Plain]
    score: float | None = None
    """Mean over the folds, of those run."""
    gap: float | None = None
    """Largest difference between groups, on held-out rows of all folds together."""
    folds: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that a trial needs beside its parameters."""

    model: Any
    X: Any
    y: NDArray[Any]
    parts: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    scorer: Callable[[Any, Any, Any], float]
    groups: NDArray[Any] | None
    gap: str
    prunes: bool


def cut_folds(
    model: Any,  # noqa: ANN401
    y: NDArray[Any],
    folds: int,
    clusters: ArrayLike | None,
    seed: int,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    """Cut the rows into folds that respect classes and clusters."""
    strata = is_classifier(model) and y.ndim == 1
    if strata and np.unique(y, return_counts=True)[1].min() < folds:
        raise TrainerError(f"the rarest class has fewer rows than the {folds} folds; use fewer folds or more rows")
    if clusters is not None:
        kind = StratifiedGroupKFold if strata else GroupKFold
    else:
        kind = StratifiedKFold if strata else KFold
    cut = kind(folds, shuffle=True, random_state=seed)
    return tuple(cut.split(np.zeros(len(y)), y, None if clusters is None else np.asarray(clusters)))


def run_trial(task: Task, asked: optuna.Trial, parameters: Mapping[str, Plain], number: int) -> Trial:
    """Cross-validate one configuration; stop early where it is not worth its time."""
    scores: list[float] = []
    answers = np.empty(len(task.y), dtype=task.y.dtype if is_classifier(task.model) else np.float64)
    try:
        model = clone(task.model).set_params(**parameters)
        for fold, (train, test) in enumerate(task.parts):
            fitted = _fit(model, task, train)
            held = _safe_indexing(task.X, test)
            scores.append(float(task.scorer(fitted, held, task.y[test])))
            if task.groups is not None:
                answers[test] = fitted.predict(held)
            if task.prunes and fold + 1 < len(task.parts):
                asked.report(float(np.mean(scores)), fold)
                if asked.should_prune():
                    return _trial(
                        number, "pruned", parameters, scores, reason=f"under the median after {fold + 1} folds"
                    )
    except ValueError as error:
        return _trial(number, "failed", parameters, scores, reason=f"{type(error).__name__}: {error}"[:500])
    if not np.isfinite(scores).all():
        return _trial(number, "failed", parameters, [], reason="the score is not a finite number")
    return _trial(number, "complete", parameters, scores, gap=None if task.groups is None else _gap(task, answers))


def _trial(
    number: int,
    state: str,
    parameters: Mapping[str, Plain],
    scores: list[float],
    *,
    gap: float | None = None,
    reason: str = "",
) -> Trial:
    score = float(np.mean(scores)) if scores else None
    return Trial(
        number=number,
        state=state,
        parameters=dict(parameters),
        score=score,
        gap=gap,
        folds=tuple(scores),
        reason=reason,
    )


def _fit(model: Any, task: Task, rows: NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Fit a fresh clone; an interrupt, which the network survives, still stops the search."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        fitted = clone(model).fit(_safe_indexing(task.X, rows), task.y[rows])
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    if getattr(last, "stopped_", "") == "interrupted":
        raise KeyboardInterrupt
    return fitted


def _gap(task: Task, answers: NDArray[Any]) -> float:
    """Largest difference between groups of 30 rows or more."""
    if task.groups is None:
        return 0.0
    if not is_classifier(task.model):
        values = np.abs(answers - task.y) / max(float(np.std(task.y)), 1e-12)
    elif task.gap == "error_rate":
        values = (answers != task.y).astype(np.float64)
    else:
        values = (answers == np.unique(task.y)[-1]).astype(np.float64)
    names, codes = np.unique(task.groups.astype(str), return_inverse=True)
    counts = np.bincount(codes, minlength=len(names))
    if (counts >= LEAST_ROWS).sum() < 2:
        raise TrainerError(f"fewer than two groups hold {LEAST_ROWS} rows; there is no gap to search for")
    means = (
        np.bincount(codes, weights=values, minlength=len(names))[counts >= LEAST_ROWS] / counts[counts >= LEAST_ROWS]
    )
    return float(means.max() - means.min())
