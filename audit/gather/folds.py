"""Cross-validation: clones of the model refitted on parts of the training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.data.columns import label_texts
from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.evidence import Predictions, join
from audit.evidence.requirements import require_evidence
from audit.gather import LATE
from audit.gather._perturbed import sample, share_classes
from audit.gather.predictions import labels_follow_scores, predictions_of
from audit.models.answers import ask
from audit.models.cost import counts_epochs
from audit.models.exchange import BudgetSpent
from audit.models.fit_arguments import WEIGHTS, fit_arguments
from audit.models.load import Model, Predictor
from audit.models.threads import thread_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit.gather import Context


SMALL = 200_000
TEST_ROWS = 10_000
"""Test rows that a refitted clone is asked for, at most."""


def gather(context: Context, *, folds: int = 5, fits: int = 600_000, test_rows: int = TEST_ROWS) -> Predictions:
    """Refit clones on the training rows; ask each for the rows that it left out and for test rows.

    Parameters
    ----------
    context : Context
    folds : int
        Number of folds, at least 3; strata and clusters are respected.
    fits : int
        Training rows that all refits together may learn from, fewer where the model is large or went over them
        often; three folds are refitted in any case, except for networks that would learn from twice as many.
    test_rows : int
        Test rows that each clone is asked for, at most.

    Returns
    -------
    Predictions
        With the keys ``fold`` and ``split``: ``train`` for rows that were left out, ``test`` for test rows.

    Raises
    ------
    NotApplicable
        If there are no training rows, too few of them, or the model cannot be refitted.
    BudgetSpent
        If three refits of a network are too dear.
    """
    model = context.require_model()
    dataset = context.dataset
    require_evidence("train", dataset=dataset)
    if obstacle := model.obstacle_to_refit():
        raise NotApplicable(f"needs to refit the model, but {obstacle}")
    rows = dataset.rows("train")
    parts, levels = [], []
    asked, paid = max(folds, 3), context.learnable(fits)
    require_paid(model, len(rows), paid, f"[gather.folds] fits = {fits * 2 * len(rows) // paid + 1}")
    folds = max(3, min(asked, 1 + paid // max(len(rows), 1)))
    notes: tuple[str, ...] = (
        () if folds == asked else (f"{folds} folds of {asked}, for refits on {fits:,} rows at most",)
    )
    likeliest = labels_follow_scores(context)
    test, _ = sample(context, test_rows, "refits")
    for number, (fit, held) in enumerate(_splits(dataset, rows, folds, context.generator("folds")), start=1):
        if number > 3 and context.late():
            notes = (*notes, f"{number - 1} of {folds} folds: {LATE}")
            break
        context.progress("cross-validating", number - 1, folds)
        clone = refit(model, dataset, rows[fit], int(context.generator(f"fold {number}").integers(2**31)))
        for asked_rows in (rows[held], test):
            X = dataset.inputs(asked_rows)
            answers = ask(clone, X, dataset, progress=lambda *_: None, what="", likeliest=likeliest)
            parts.append(predictions_of(answers, dataset, asked_rows, context.settings))
            levels.append(str(number))
    context.progress("cross-validating", folds, folds)
    joined = join(share_classes(parts), "fold", levels)
    return replace(joined, notes=(*notes, *weight_notes(model, dataset)))


def require_paid(model: Model, rows: int, paid: int, option: str) -> None:
    """Refuse three refits of a network on two thirds of the rows where the budget pays for less than half of them.

    Raises
    ------
    BudgetSpent
        With the option that raises the budget.
    """
    if counts_epochs(model.predictor) and rows > paid:
        raise BudgetSpent(
            f"three refits of this network would learn from {2 * rows:,} rows in all; the budget allows "
            f"{paid:,}. To allow more, set {option}"
        )


def weight_notes(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """Say whether refits use the sample weights."""
    if dataset.weight is None or _weight_arguments(model.predictor, dataset.weight):
        return ()
    return ("the model takes no sample weights: refits give all rows the same weight",)


def _splits(
    dataset: Dataset, rows: npt.NDArray[np.intp], folds: int, generator: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    y = dataset.y[rows]
    seed = int(generator.integers(2**31))
    stratified = dataset.task != "regression"
    rarest = int(np.bincount(y.astype(np.int64))[np.unique(y.astype(np.int64))].min()) if stratified else len(rows)
    if rarest < folds or len(rows) < 2 * folds:
        raise NotApplicable(f"{folds} folds need {folds} training rows of every class; the rarest has {rarest}")
    if dataset.cluster is not None:
        groups = dataset.cluster.codes[rows]
        if len(np.unique(groups)) < folds:
            raise NotApplicable(f"{folds} folds need {folds} clusters; there are {len(np.unique(groups))}")
        kind = StratifiedGroupKFold if stratified else GroupKFold
        yield from kind(n_splits=folds, shuffle=True, random_state=seed).split(rows, y, groups)
        return
    kind = StratifiedKFold if stratified else KFold
    yield from kind(n_splits=folds, shuffle=True, random_state=seed).split(rows, y)


def refit(model: Model, dataset: Dataset, rows: npt.NDArray[np.intp], seed: int) -> Model:
    """Fit a clone on `rows`, with every open random state set.

    Sample weights of the data set take part where the model takes them.

    Raises
    ------
    NotApplicable
        If cloning or fitting raises; the text says what.
    """
    from audit.models.answers import as_model_input
    from audit.models.containment import guard_call

    y = _labels_as_taught(model, dataset, rows)
    weight = None if dataset.weight is None else dataset.weight[rows]
    try:
        X = as_model_input(model, dataset.inputs(rows))
        # OpenMP's spinning barriers make small fits many times slower on a busy machine.
        with thread_limit(1 if len(rows) < SMALL else None), guard_call(f"fit on {len(rows)} rows", fit=True):
            copy = _fitted_clone(model.predictor, X, y, weight, seed)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise NotApplicable(f"a clone of the model could not be refitted: {type(error).__name__}: {said}") from error
    return replace(model, predictor=copy)


def _fitted_clone(
    predictor: Predictor, X: object, y: npt.NDArray[np.generic], weight: npt.NDArray[np.float64] | None, seed: int
) -> Predictor:
    """Clone and fit, with weights where the estimator takes them all the way down."""
    from sklearn.base import clone

    copy = clone(predictor)
    copy.set_params(**_shape_of_rows(predictor, copy.get_params()))
    open_states = [name for name, value in copy.get_params().items() if name.endswith("random_state") and value is None]
    copy.set_params(**dict.fromkeys(open_states, seed))
    fitted: Predictor = copy.fit(X, y, **({} if weight is None else _weight_arguments(copy, weight)))
    return fitted


def _weight_arguments(predictor: object, weight: npt.NDArray[np.float64]) -> dict[str, object]:
    try:
        return fit_arguments(predictor, WEIGHTS, weight)
    except ValueError:
        return {}


def _shape_of_rows(predictor: Predictor, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the shape that a network saw its rows in, which a table of pixels has lost."""
    shape = getattr(predictor, "input_shape_", None)
    return {"input_shape": shape} if shape and "input_shape" in parameters and parameters["input_shape"] is None else {}


def _labels_as_taught(model: Model, dataset: Dataset, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.generic]:
    """Return targets in the type the model was fitted on: 1 where it learned 1, "1" where it learned "1"."""
    if dataset.task == "regression" or model.classes is None:
        return dataset.frame[dataset.roles.target].to_numpy()[rows]
    place = {text: position for position, text in enumerate(label_texts(model.classes))}
    wanted = [dataset.classes[int(code)] for code in dataset.y[rows]]
    if not set(wanted) <= set(place):
        return dataset.frame[dataset.roles.target].to_numpy()[rows]
    return np.asarray(model.classes[[place[text] for text in wanted]])
