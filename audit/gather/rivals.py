"""Two models of our own, fitted on the same training rows: a plain linear one and a stronger one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit.errors import ModelError, NotApplicable
from audit.evidence import Predictions, join
from audit.evidence.requirements import require_evidence
from audit.gather import LATE
from audit.gather._perturbed import Positions, share_classes
from audit.gather.predictions import predictions_of
from audit.models.answers import ask
from audit.models.load import Model, wrap
from audit.models.threads import thread_limit

if TYPE_CHECKING:
    from audit.gather import Context

LINEAR, STRONGER = "linear", "stronger"


def gather(context: Context, *, linear_rows: int = 50_000, rows: int = 20_000) -> Predictions:
    """Fit rivals of the model and ask them for the test rows.

    Parameters
    ----------
    context : Context
    linear_rows : int
        Training rows of the linear model at most.
    rows : int
        Training rows of the stronger model at most; the better of two kinds on a fifth of them held out.

    Returns
    -------
    Predictions
        With the key ``variant``: ``linear`` and ``stronger``.

    Raises
    ------
    NotApplicable
        If there are no training rows, or no rival could be fitted.
    """
    dataset = context.dataset
    require_evidence("train", "features", dataset=dataset)
    parts: list[Predictions] = []
    levels: list[str] = []
    notes: list[str] = []
    for step, (name, most) in enumerate(((LINEAR, linear_rows), (STRONGER, rows))):
        context.progress("fitting reference models", step, 2)
        if context.late():
            notes.append(f"the {name} model was left out: {LATE}")
            continue
        chosen, text = _training_rows(context, most, name)
        try:
            model, kind = _fit(context, name, chosen)
            parts.append(_answers(context, model))
        except (ModelError, ValueError, MemoryError) as error:
            notes.append(f"the {name} model could not be fitted: {' '.join(str(error).split())[:200]}")
            continue
        levels.append(name)
        notes.append(f"{name}: {kind} on {text}")
    context.progress("fitting reference models", 2, 2)
    if not parts:
        raise NotApplicable("; ".join(notes))
    return replace(join(share_classes(parts), "variant", levels), notes=tuple(notes))


def _training_rows(context: Context, most: int, name: str) -> tuple[Positions, str]:
    pool = context.dataset.rows("train")
    if len(pool) <= most:
        return pool, f"all {len(pool)} training rows"
    chosen = np.sort(context.generator(f"rivals {name}").choice(pool, size=most, replace=False))
    return chosen, f"{most} training rows drawn at random, of {len(pool)}"


def _fit(context: Context, name: str, rows: Positions) -> tuple[Model, str]:
    from audit.gather._reference_models import linear_rival, strong_rivals  # scikit-learn, where there is a rival

    dataset = context.dataset
    X, weight = dataset.inputs(rows), None if dataset.weight is None else dataset.weight[rows]
    y = dataset.y[rows]
    if dataset.task != "regression":
        y = np.array(dataset.classes, dtype=object)[y.astype(np.int64)]
    seed = int(context.generator("rivals seed").integers(2**31))
    with thread_limit(1 if len(rows) < 20_000 else None):
        if name == LINEAR:
            estimator, kind = linear_rival(X, y, dataset.task, weight)
        else:
            estimator, kind = strong_rivals(X, y, dataset.task, weight, seed)
    return wrap(estimator, name=name), kind


def _answers(context: Context, model: Model) -> Predictions:
    dataset = context.dataset
    test = dataset.rows("test")
    answers = ask(model, dataset.inputs(test), dataset, progress=context.progress, what="asking reference models")
    return predictions_of(answers, dataset, test, context.settings)
