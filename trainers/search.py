"""Search architecture and hyperparameters by cross-validation: Bayesian (TPE, Gaussian process) or evolutionary.

The loop asks, trains, tells, in plain sight. What was tried, the seed and what was chosen are kept on the model as
``search_`` and are in its file. The chosen configuration's cross-validated score is the best of many, so it flatters;
rows that took no part in the search say how good the model is.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer

from trainers.errors import TrainerError, hint, need, quote, quote_all
from trainers.space import Space, check_space
from trainers.threads import torch_threads
from trainers.trials import Task, Trial, cut_folds, run_trial

if TYPE_CHECKING:
    import optuna

METHODS = ("tpe", "gp", "cmaes", "nsga2")
GAPS = ("error_rate", "selection_rate")
STARTUP = 5
"""Trials before any is pruned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What came of a search."""

    model: Any
    """Fitted on all rows with the chosen parameters; carries ``search_``."""
    trials: tuple[Trial, ...]
    chosen: Trial
    front: tuple[Trial, ...]
    """Trials that none beats in every objective."""


def search(
    model: Any,  # noqa: ANN401 -- estimator, or a pipeline that ends in one
    space: Space,
    X: Any,  # noqa: ANN401 -- arrays, frames and lists of texts have no common type
    y: ArrayLike,
    *,
    method: str = "tpe",
    trials: int = 30,
    folds: int = 5,
    scoring: str | None = None,
    sensitive: ArrayLike | None = None,
    gap: str = "error_rate",
    tolerance: float = 0.01,
    clusters: ArrayLike | None = None,
    prune: bool = True,
    seed: int = 0,
    journal: str | os.PathLike[str] | None = None,
    on_trial: Callable[[Trial, int], object] | None = None,
) -> Search:
    """Try configurations, choose one, and fit it on all rows.

    Parameters
    ----------
    model : NetworkClassifier, NetworkRegressor or pipeline
    space : mapping of parameter name to Choice, Whole, Real or Stack
        In a pipeline as scikit-learn writes them: ``network__dropout``.
    X, y : rows and target
    method : ``tpe``, ``gp``, ``cmaes`` (numbers only) or ``nsga2``
    trials : int
        Configurations in all, those of a resumed journal included.
    folds : int
    scoring : str, optional
        Name of a scikit-learn scorer; balanced accuracy, micro F1 of labels, or R² unless set.
    sensitive : array-like of shape (rows,), optional
        Turns on the second objective: the largest difference between these groups, to be small.
    gap : ``error_rate`` (mean absolute error by standard deviation of the target in regression) or ``selection_rate``
    tolerance : float
        Of several objectives, the smallest gap is chosen among trials whose score is this near the best.
    clusters : array-like of shape (rows,), optional
        Rows of one cluster stay in one fold.
    prune : bool
        Give a trial up when its folds so far are under the median of the others; with one objective only.
    seed : int
    journal : path, optional
        A file that keeps every trial, so that a search that was stopped goes on.
    on_trial : callable, optional
        Called with each trial and the number in all.

    Returns
    -------
    Search

    Raises
    ------
    TrainerError
        If a name or a number does not fit, the journal belongs to another search, or no trial completed.

    References
    ----------
    Bergstra et al. 2011 (TPE); Rasmussen and Williams 2006 (Gaussian processes); Hansen 2016 (CMA-ES); Deb et al.
    2002 (NSGA-II); Akiba et al. 2019 (Optuna).
    """
    _check(model, space, method, trials, folds, gap)
    two = sensitive is not None
    groups = None if sensitive is None else np.asarray(sensitive)
    target = np.asarray(y)
    if two and target.ndim > 1:
        raise TrainerError(f"sensitive compares groups of one target, and y has {target.shape[1]} columns; pass one")
    task = Task(
        model=model,
        X=X,
        y=target,
        parts=cut_folds(model, target, folds, clusters, seed),
        scorer=get_scorer(scoring or _default_scoring(model, target)),
        groups=groups,
        gap=gap,
        prunes=prune and not two,
    )
    about = {"method": method, "folds": folds, "seed": seed, "scoring": scoring or "", "gap": gap if two else ""}
    mark = about | {
        "space": {name: asdict(choice) for name, choice in space.items()},
        "data": joblib.hash((X, y, groups)),
    }
    with _quiet(), torch_threads(1):
        study = _study(method, journal, seed, trials, objectives=2 if two else 1, mark=json.dumps(mark))
        done = _run(study, task, space, trials, on_trial)
    front = _front(done, two=two)
    chosen = _choose(front, tolerance if two else 0.0)
    return Search(model=_refit(task, y, chosen, done, about), trials=done, chosen=chosen, front=front)


def _default_scoring(model: Any, target: NDArray[Any]) -> str:  # noqa: ANN401
    if not is_classifier(model):
        return "r2"
    return "f1_micro" if target.ndim > 1 else "balanced_accuracy"


def _check(model: Any, space: Space, method: str, trials: int, folds: int, gap: str) -> None:  # noqa: ANN401
    for name, value, known in (("method", method, METHODS), ("gap", gap, GAPS)):
        if value not in known:
            raise TrainerError(f"{name} is {quote(value)}; expected one of {quote_all(known)}.{hint(value, known)}")
    if trials < 1 or folds < 2:
        raise TrainerError(f"{trials} trials in {folds} folds were asked for; expected at least 1 and at least 2")
    check_space(space, model.get_params(), method)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's own lines and its notes on experimental parts off the terminal."""
    need("optuna", extra="search", purpose="a search")
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _study(
    method: str, journal: str | os.PathLike[str] | None, seed: int, trials: int, *, objectives: int, mark: str
) -> optuna.Study:
    """Open the study, from its journal where there is one; a resumed sampler starts from a seed of its own."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = None if journal is None else optuna.storages.JournalStorage(JournalFileBackend(os.fspath(journal)))
    both = [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]
    study = optuna.create_study(
        storage=storage, study_name="search", load_if_exists=True, directions=both[:objectives], pruner=_pruner()
    )
    known = study.user_attrs.get("mark")
    if known is not None and known != mark:
        raise TrainerError(
            f"the journal {quote(journal)} belongs to another search (method, space, folds, seed or data differ); "
            "name another file"
        )
    study.set_user_attr("mark", mark)
    study.sampler = _sampler(method, seed + len(study.trials), trials)
    return study


def _pruner() -> optuna.pruners.BasePruner:
    import optuna

    return optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=1)


def _sampler(method: str, seed: int, trials: int) -> optuna.samplers.BaseSampler:
    import optuna

    startup = min(10, max(3, trials // 4))
    if method == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=False)
    if method == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if method == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=min(50, max(6, trials // 4)))
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=startup)


def _run(
    study: optuna.Study, task: Task, space: Space, trials: int, on_trial: Callable[[Trial, int], object] | None
) -> tuple[Trial, ...]:
    """Ask, train, tell, until there are enough trials or a person stops."""
    import optuna

    states = {"complete": optuna.trial.TrialState.COMPLETE, "pruned": optuna.trial.TrialState.PRUNED}
    done = [_known(trial) for trial in study.trials if "trial" in trial.user_attrs]
    while len(done) < trials:
        asked = study.ask()
        parameters = {name: dimension.suggest(asked, name) for name, dimension in space.items()}
        try:
            trial = run_trial(task, asked, parameters, len(done))
        except KeyboardInterrupt:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
            if not any(trial.state == "complete" for trial in done):
                raise
            warnings.warn(f"interrupted after {len(done)} of {trials} trials; the best so far is fitted", stacklevel=3)
            break
        asked.set_user_attr("trial", json.loads(json.dumps(asdict(trial))))
        values = [value for value in (trial.score, trial.gap) if value is not None and trial.state == "complete"]
        study.tell(asked, values or None, state=states.get(trial.state, optuna.trial.TrialState.FAIL))
        done.append(trial)
        if on_trial is not None:
            on_trial(trial, trials)
    return tuple(done)


def _known(frozen: optuna.trial.FrozenTrial) -> Trial:
    kept = dict(frozen.user_attrs["trial"])
    kept["folds"] = tuple(kept["folds"])
    kept["parameters"] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept["parameters"].items()
    }
    return Trial(**kept)


def _front(trials: tuple[Trial, ...], *, two: bool) -> tuple[Trial, ...]:
    """Trials that no other beats in every objective."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    if not complete:
        reasons = quote_all({trial.reason for trial in trials}, limit=3)
        raise TrainerError(f"none of {len(trials)} trials completed: {reasons}. Correct the space or the data")
    points = [(trial.score or 0.0, -(trial.gap or 0.0) if two else 0.0) for trial in complete]
    return tuple(
        trial
        for trial, point in zip(complete, points, strict=True)
        if not any(other[0] >= point[0] and other[1] >= point[1] and other != point for other in points)
    )


def _choose(front: tuple[Trial, ...], tolerance: float) -> Trial:
    best = max(trial.score or 0.0 for trial in front)
    near = [trial for trial in front if (trial.score or 0.0) >= best - tolerance]
    return min(near, key=lambda trial: (trial.gap or 0.0, -(trial.score or 0.0), trial.number))


def _refit(task: Task, y: ArrayLike, chosen: Trial, trials: tuple[Trial, ...], about: Mapping[str, object]) -> Any:  # noqa: ANN401
    """Fit the chosen configuration on all rows and note on it how it was found."""
    import optuna

    model = clone(task.model).set_params(**chosen.parameters).fit(task.X, y)
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    table = {
        **about,
        "program": f"optuna {optuna.__version__}",
        "chosen": asdict(chosen),
        "trials": [asdict(trial) for trial in trials],
        "note": "The chosen score is the best of many on the same rows, so it flatters.",
    }
    last.search_ = json.loads(json.dumps(table))
    return model
