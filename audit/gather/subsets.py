"""Clones of the model that learned from ever fewer of the training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.evidence import Predictions, join
from audit.evidence.requirements import require_evidence
from audit.gather import LATE
from audit.gather._perturbed import Positions, sample, share_classes
from audit.gather.folds import refit, weight_notes
from audit.gather.predictions import labels_follow_scores, predictions_of
from audit.models.answers import ask
from audit.models.cost import counts_epochs

if TYPE_CHECKING:
    from audit.gather import Context

LEAST = 30
SLACK = 10
"""By how much the smallest plan may exceed what all refits together should learn from."""
LEAST_PLAN = 2.5
"""Rows that three sizes learn from, and the two smaller ones once more, by those of the largest."""


def gather(
    context: Context,
    *,
    rows: int = 10_000,
    sizes: int = 3,
    repeats: int = 8,
    fits: int = 30_000,
    test_rows: int = 10_000,
) -> Predictions:
    """Refit on all training rows, a half, a quarter … and ask every clone for the same test rows.

    Parameters
    ----------
    context : Context
    rows : int
        Training rows of the largest refit at most.
    sizes : int
        Sizes that are tried, each half of the one before.
    repeats : int
        Random parts of each size below the largest, at most.
    fits : int
        Rows that all refits together may learn from; repeats are fewer where that would be exceeded, and all
        sizes smaller for a network that would learn from ten times as many.
    test_rows : int
        Test rows at most.

    Returns
    -------
    Predictions
        With the keys ``rows`` (how many were learned from) and ``part`` (which random part).

    Raises
    ------
    NotApplicable
        If there are too few training rows, or the model cannot be refitted.
    """
    model, dataset = context.require_model(), context.dataset
    require_evidence("train", dataset=dataset)
    if not model.refittable():
        raise NotApplicable(f"refits the model; {type(model.predictor).__name__} has no fit or get_params")
    test, notes = sample(context, test_rows, "subsets test")
    plan = _plan(context, _largest(context, rows, fits), sizes, repeats, context.learnable(fits))
    likeliest = labels_follow_scores(context)
    parts, counts, names = [], [], []
    for done, (size, part, chosen) in enumerate(plan):
        context.progress("refitting on fewer rows", done, len(plan))
        if done > sizes and context.late():
            notes = (*notes, f"{len(plan) - done} of {len(plan)} refits left out: {LATE}")
            break
        seed = int(context.generator(f"subsets {size} {part}").integers(2**31))
        clone = refit(model, dataset, chosen, seed)
        answers = ask(clone, dataset.inputs(test), dataset, progress=_quiet, what="asking clones", likeliest=likeliest)
        parts.append(predictions_of(answers, dataset, test, context.settings))
        counts.append(str(size))
        names.append(str(part))
    context.progress("refitting on fewer rows", len(plan), len(plan))
    numbers = {size: counts.count(size) for size in dict.fromkeys(counts)}
    notes = (
        *notes,
        *weight_notes(model, dataset),
        "refits: " + ", ".join(f"{times} on {size} rows" for size, times in numbers.items()),
    )
    joined = join(share_classes(parts), "part", names)
    lengths = [len(part) for part in parts]
    levels = tuple(dict.fromkeys(counts))
    codes = np.repeat([levels.index(size) for size in counts], lengths).astype(np.int32)
    return replace(joined, keys={**joined.keys, "rows": Factor(codes=codes, levels=levels)}, notes=notes)


def _largest(context: Context, rows: int, fits: int) -> int:
    """Return the rows of the largest refit: fewer of a network that went over its rows often."""
    if not counts_epochs(context.require_model().predictor):
        return rows
    return min(rows, max(4 * LEAST, int(context.learnable(SLACK * fits) / LEAST_PLAN)))


def _plan(context: Context, most: int, sizes: int, repeats: int, fits: int) -> list[tuple[int, int, Positions]]:
    """List size, number and rows of every refit: each size once first, then further rounds."""
    dataset = context.dataset
    pool = context.generator("subsets").permutation(dataset.rows("train"))[:most]
    wanted = [len(pool) >> halved for halved in range(sizes)]
    wanted = [size for size in wanted if size >= LEAST]
    if len(wanted) < 3:
        raise NotApplicable(f"{len(pool)} training rows; three sizes from {LEAST} rows on need {4 * LEAST}")
    plan, total = [], 0
    for part in range(1, repeats + 1):
        generator = context.generator(f"subsets part {part}")
        for size in wanted if part == 1 else wanted[1:]:
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
