"""Clones of the model that learned from ever fewer of the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audit.data.dataset import Dataset
from audit.data.factor import Factor, concatenate
from audit.errors import NotApplicable
from audit.evidence import Predictions, join
from audit.evidence.requirements import require_evidence
from audit.gather import LATE
from audit.gather._perturbed import Positions, sample, share_classes
from audit.gather.folds import TEST_ROWS, refit, weight_notes
from audit.gather.predictions import labels_follow_scores, predictions_of
from audit.models.answers import ask
from audit.models.cost import counts_epochs

if TYPE_CHECKING:
    from audit.gather import Context

LEAST = 30
SLACK = 25
"""By how much the smallest plan may exceed what all refits together should learn from."""
LEAST_PLAN = 2.5
"""Rows that three sizes learn from, and the two smaller ones once more, by those of the largest."""


def gather(
    context: Context,
    *,
    rows: int = 10_000,
    sizes: int = 3,
    repeats: int = 8,
    fits: int = 12_000,
) -> Predictions:
    """Refit on a half of what the folds learned from, a quarter …, and ask every clone for the same test rows.

    The clones of the folds are the largest size. Where there are none, because they are too dear, all training
    rows are, as far as the budget goes.

    Parameters
    ----------
    context : Context
    rows : int
        Training rows of the refits at most; those of the folds may have more.
    sizes : int
        Sizes that are tried, each half of the one before.
    repeats : int
        Random parts of each size below the largest, at most.
    fits : int
        Rows that all refits together may learn from; repeats are fewer where that would be exceeded, and all
        sizes smaller for a network that would learn from 25 times as many.

    Returns
    -------
    Predictions
        With the keys ``rows`` (how many were learned from) and ``part`` (which random part, or fold).

    Raises
    ------
    NotApplicable
        If there are too few training rows, or the model cannot be refitted.
    """
    model, dataset = context.require_model(), context.dataset
    require_evidence("train", dataset=dataset)
    if obstacle := model.obstacle_to_refit():
        raise NotApplicable(f"needs to refit the model, but {obstacle}")
    folds = context("folds")
    refits = _of_folds(folds, len(dataset.rows("train"))) if isinstance(folds, Predictions) else []
    if refits and refits[0].rows >> (sizes - 1) < LEAST:  # all training rows leave more for the smallest size
        refits = []
    test, notes = sample(context, len(refits[0].answers) if refits else TEST_ROWS, "refits")
    plan = _plan(context, _largest(context, rows, fits), sizes, repeats, context.learnable(fits), refits)
    likeliest = labels_follow_scores(context)
    for done, (size, part, chosen) in enumerate(plan):
        context.progress("refitting on fewer rows", done, len(plan))
        if done > sizes and context.late():
            notes = (*notes, f"{len(plan) - done} of {len(plan)} refits left out: {LATE}")
            break
        seed = int(context.generator(f"subsets {size} {part}").integers(2**31))
        clone = refit(model, dataset, chosen, seed)
        answers = ask(clone, dataset.inputs(test), dataset, progress=_quiet, what="asking clones", likeliest=likeliest)
        refits.append(_Refit(size, str(part), predictions_of(answers, dataset, test, context.settings)))
    context.progress("refitting on fewer rows", len(plan), len(plan))
    sizes_of = Counter(done.rows for done in refits)
    notes = (
        *notes,
        *weight_notes(model, dataset),
        "refits: " + ", ".join(f"{times} on {size} rows" for size, times in sizes_of.items()),
    )
    joined = join(share_classes([done.answers for done in refits]), "part", [done.part for done in refits])
    by_rows = concatenate([Factor.constant(str(done.rows), len(done.answers)) for done in refits])
    return replace(joined, keys={**joined.keys, "rows": by_rows}, notes=notes)


class _Refit(NamedTuple):
    """A clone's answers about the test rows, and how many rows it learned from."""

    rows: int
    part: str
    answers: Predictions


def _of_folds(folds: Predictions, rows: int) -> list[_Refit]:
    """Return what the clones of cross-validation said about the test rows."""
    parts = {name: folds.select(fold=name) for name in folds.keys["fold"].levels}
    learned = round(rows - sum(len(part.select(split="train")) for part in parts.values()) / len(parts))
    return [_Refit(learned, name, _without(part.select(split="test"), "fold")) for name, part in parts.items()]


def _without(part: Predictions, key: str) -> Predictions:
    """Take a key out of answers and of their address."""
    return replace(
        part,
        keys={name: factor for name, factor in part.keys.items() if name != key},
        where={name: level for name, level in part.where.items() if name != key},
    )


def _largest(context: Context, rows: int, fits: int) -> int:
    """Return the rows of the largest refit: fewer of a network that went over its rows often."""
    if not counts_epochs(context.require_model().predictor):
        return rows
    return min(rows, max(4 * LEAST, int(context.learnable(SLACK * fits) / LEAST_PLAN)))


def _plan(
    context: Context, most: int, sizes: int, repeats: int, fits: int, done: Sequence[_Refit]
) -> list[tuple[int, int, Positions]]:
    """List size, number and rows of every refit that is left: each size once first, then further rounds."""
    dataset = context.dataset
    pool = context.generator("subsets").permutation(dataset.rows("train"))
    if not done:
        pool = pool[:most]
    top = min(done[0].rows, most) if done else len(pool)
    wanted = [top >> halved for halved in range(1 if done else 0, sizes)]
    wanted = [size for size in wanted if size >= LEAST]
    if len(wanted) + bool(done) < 3:
        raise NotApplicable(
            f"{len(pool)} training rows are too few for three sizes of at least {LEAST} rows; needs {4 * LEAST}"
        )
    plan, total = [], 0
    for part in range(1, repeats + 1):
        generator = context.generator(f"subsets part {part}")
        for size in wanted if part == 1 or done else wanted[1:]:
            if part > 2 and total + size > fits:
                continue
            plan.append((size, part, _draw(dataset, pool, size, generator)))
            total += size
    return plan


def _draw(dataset: Dataset, pool: Positions, size: int, generator: np.random.Generator) -> Positions:
    """Draw rows, class by class where there are classes, so that none is lost."""
    if size == len(pool):
        return np.sort(pool)
    order = generator.permutation(pool)
    if dataset.task == "regression":
        return np.sort(order[:size])
    codes = dataset.y[order].astype(np.int64)
    rank = np.empty(len(order))
    for code in np.unique(codes):
        inside = np.flatnonzero(codes == code)
        rank[inside] = (np.arange(len(inside)) + 0.5) / len(inside)
    return np.sort(order[np.argsort(rank, kind="stable")[:size]])


def _quiet(what: str, done: int, total: int) -> None:
    """Show nothing: the refits themselves are the steps."""
