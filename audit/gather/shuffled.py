"""Answers to test rows in which one feature is shuffled among the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit.evidence import Predictions
from audit.gather import LATE
from audit.gather._explained import require_narrow
from audit.gather.attributions import LEAST_ROWS
from audit.gather.predictions import predictions_of
from audit.models.answers import ask, decides_for_likeliest

if TYPE_CHECKING:
    from audit.gather import Context


def gather(
    context: Context, *, rows: int = 5000, repeats: int = 3, evaluations: int = 1_000_000
) -> Mapping[str, tuple[Predictions, ...]]:
    """Shuffle each feature in turn and ask the model again.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    repeats : int
        Shuffles of each feature.
    evaluations : int
        Rows that the model may be asked for; test rows are fewer where features are many or the model is large.

    Returns
    -------
    mapping of str to tuple of Predictions
        By feature, in the order of the model: the same test rows once a shuffle. The answers to the rows as
        they are stand in the evidence ``predictions``.
    """
    model, dataset = context.fitted(), context.dataset
    require_narrow(dataset)
    plain = context.need("predictions", Predictions)
    test = dataset.rows("test")
    generator = context.generator("shuffled")
    most = context.affordable(evaluations) // (len(dataset.features) * max(repeats, 1))
    kept = np.sort(generator.permutation(test)[: min(rows, max(most, LEAST_ROWS))])
    X = dataset.inputs(kept)
    likeliest = decides_for_likeliest(model, plain.y_pred, plain.y_score if plain.probabilities else None)
    found: dict[str, tuple[Predictions, ...]] = {}
    notes = () if len(kept) == len(test) else (f"{len(kept)} of {len(test)} test rows, drawn at random",)
    for number, name in enumerate(dataset.features):
        if number and context.late():
            break
        context.progress("shuffling features", number, len(dataset.features))
        parts = []
        for _ in range(max(repeats, 1)):
            order = generator.permutation(len(kept))
            changed = X.assign(**{name: X[name].take(order).set_axis(X.index)})
            answers = ask(model, changed, dataset, progress=lambda *_: None, what="", likeliest=likeliest)
            parts.append(replace(predictions_of(answers, dataset, kept, plain.settings), notes=notes))
        found[name] = tuple(parts)
    context.progress("shuffling features", len(dataset.features), len(dataset.features))
    if len(found) < len(dataset.features):
        short = f"{len(found)} of {len(dataset.features)} features shuffled: {LATE}"
        found = {name: tuple(replace(one, notes=(*one.notes, short)) for one in parts) for name, parts in found.items()}
    return found
