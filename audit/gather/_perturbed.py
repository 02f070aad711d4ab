"""Ask a model for the same rows in several variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import ModelError
from audit.evidence import NONE, Perturbed, Predictions, join
from audit.gather import LATE
from audit.gather.predictions import labels_follow_scores, predictions_of
from audit.models.answers import ask
from audit.models.column_names import NAMES
from audit.models.load import Model, Predictor
from audit.models.threads import thread_limit

if TYPE_CHECKING:
    from audit.gather import Context

Positions = npt.NDArray[np.intp]
EVALUATIONS = 1_500_000
"""Rows that a model is asked for at most by one kind of perturbation."""


class Variant(NamedTuple):
    """Rows of the data set, and how their features are changed."""

    name: str
    make: Callable[[], pd.DataFrame]
    """Called when the variant's turn has come, so that one changed table is held at a time."""
    rows: Positions
    batch: int = 8192


def sample(context: Context, rows: int, name: str, *, split: str = "test") -> tuple[Positions, tuple[str, ...]]:
    """Draw at most `rows` rows of a split, without replacement, in the order of the table."""
    pool = context.dataset.rows(split)
    if len(pool) <= rows:
        return pool, ()
    chosen = np.sort(context.generator(name).choice(pool, size=rows, replace=False))
    return chosen, (f"{rows} {split} rows drawn at random, of {len(pool)}",)


def ask_variants(
    context: Context,
    base: Positions,
    variants: Iterable[Variant],
    *,
    what: str,
    evaluations: int = EVALUATIONS,
    notes: tuple[str, ...] = (),
    scores: bool = True,
) -> Perturbed:
    """Ask for `base` as it is, then for every variant that the budget pays for.

    Parameters
    ----------
    context : Context
    base : ndarray of positions
        Rows that the variants are made of.
    variants : iterable of Variant
    what : str
        Words for the progress bar.
    evaluations : int
        Rows that the model may be asked for, fewer where it is large; what was left out is in the notes.
    notes : tuple of str
        What was sampled.
    scores : bool
        Whether scores are wanted beside labels; without them the model is called half as often.
    """
    with thread_limit(1):  # batches are small: threads would wait for each other
        return _ask(context, base, list(variants), what, evaluations, notes, scores)


def _ask(
    context: Context,
    base: Positions,
    waiting: list[Variant],
    what: str,
    evaluations: int,
    notes: tuple[str, ...],
    scores: bool,
) -> Perturbed:
    dataset = context.dataset
    model = context.require_model() if scores or dataset.task == "regression" else labels_only(context.require_model())
    likeliest = scores and labels_follow_scores(context)
    left = context.affordable(evaluations) - len(base)
    plain = ask(model, dataset.inputs(base), dataset, progress=_quiet, what=what, likeliest=likeliest)
    parts, levels, failed = [predictions_of(plain, dataset, base, context.settings)], [NONE], {}
    for done, variant in enumerate(waiting):
        context.progress(what, done, len(waiting))
        if done and (left < len(variant.rows) or context.late()):
            names = ", ".join(variant.name for variant in waiting[done : done + 5])
            why = LATE if context.late() else f"{evaluations:,} rows are predicted at most"
            notes = (*notes, f"{len(waiting) - done} of {len(waiting)} variants left out: {names} ({why})")
            break
        left -= len(variant.rows)
        try:
            changed = variant.make()
            answers = ask(model, changed, dataset, progress=_quiet, what=what, batch=variant.batch, likeliest=likeliest)
        except ModelError as error:
            failed[variant.name] = str(error)
            continue
        parts.append(predictions_of(answers, dataset, variant.rows, context.settings))
        levels.append(variant.name)
    context.progress(what, len(waiting), len(waiting))
    return Perturbed(
        predictions=join(share_classes(parts), "variant", levels),
        failed=failed,
        notes=notes,
        spread=target_spread(context),
    )


class _Labels:
    """A predictor of which only ``predict`` is called."""

    def __init__(self, predictor: Predictor) -> None:
        self.predict = predictor.predict
        for name in ("classes_", *NAMES, "n_features_in_", "steps", "inner", "build_analyzer", "reads_texts_"):
            if hasattr(predictor, name):
                setattr(self, name, getattr(predictor, name))


def labels_only(model: Model) -> Model:
    """Hide a model's scores, so that it is called for labels alone."""
    return replace(model, predictor=_Labels(model.predictor))


def share_classes(parts: list[Predictions]) -> list[Predictions]:
    """Give all parts the same classes: a changed row may be answered with a class not seen before."""
    classes = tuple(dict.fromkeys(name for part in parts for name in part.classes))
    return [part if part.classes == classes else _recode(part, classes) for part in parts]


def _recode(part: Predictions, classes: tuple[str, ...]) -> Predictions:
    place = np.array([classes.index(name) for name in part.classes], dtype=np.int64)
    score = part.y_score
    if score is not None and score.ndim == 2:
        score = np.zeros((len(part), len(classes)))
        score[:, place] = part.y_score
    true, predicted = (place[codes.astype(np.int64)] for codes in (part.y_true, part.y_pred))
    return replace(part, classes=classes, y_true=true, y_pred=predicted, y_score=score)


def target_spread(context: Context) -> float:
    """Return the standard deviation of the target over the training rows, else the test rows; 1 for classes."""
    dataset = context.dataset
    if dataset.task != "regression":
        return 1.0
    rows = dataset.rows("train" if dataset.has("train") else "test")
    spread = float(np.std(dataset.y[rows].astype(np.float64)))
    return spread if spread > 0 else 1.0


def _quiet(what: str, done: int, total: int) -> None:
    """Show nothing: the variants themselves are the steps."""
