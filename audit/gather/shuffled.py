"""Answers to test rows in which one feature is shuffled among the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.evidence import Attributions, Predictions
from audit.gather import LATE
from audit.gather._explained import MOST_COLUMNS, require_table
from audit.gather.attributions import LEAST_ROWS
from audit.gather.predictions import labels_follow_scores, predictions_of
from audit.models.answers import ask

if TYPE_CHECKING:
    from audit.gather import Context

TOGETHER = 8192
"""Rows that the model is asked for at once: a call costs as much as many rows where columns are many."""
CELLS = 4_000_000
"""Numbers that it is handed at once."""


def gather(
    context: Context,
    *,
    rows: int = 5000,
    repeats: int = 3,
    features: int = MOST_COLUMNS,
    evaluations: int = 1_000_000,
    cells: int = 1_000_000_000,
) -> Mapping[str, tuple[Predictions, ...]]:
    """Shuffle each feature in turn and ask the model again.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    repeats : int
        Shuffles of each feature.
    features : int
        Features at most: of more, those of the largest attributions.
    evaluations : int
        Rows that the model may be asked for; test rows are fewer where features are many or the model is large.
    cells : int
        Numbers that the model may be handed: rows are fewer where they are very long.

    Returns
    -------
    mapping of str to tuple of Predictions
        By feature, in the order of the model: the same test rows once a shuffle. The answers to the rows as
        they are stand in the evidence ``predictions``.
    """
    model, dataset = context.require_model(), context.dataset
    require_table(context)
    names, notes = _strongest(context, max(features, 1))
    plain = context.need("predictions", Predictions)
    test = dataset.rows("test")
    generator = context.generator("shuffled")
    shuffles = len(names) * max(repeats, 1)
    most = min(context.affordable(evaluations) // shuffles, cells // (shuffles * len(dataset.features)))
    kept = np.sort(generator.permutation(test)[: min(rows, max(most, LEAST_ROWS))])
    X = dataset.inputs(kept)
    likeliest = labels_follow_scores(context)
    entries: dict[str, tuple[Predictions, ...]] = {}
    notes += () if len(kept) == len(test) else (f"{len(kept)} of {len(test)} test rows, drawn at random",)
    share = max(1, min(TOGETHER // len(kept), CELLS // (len(kept) * len(dataset.features))) // max(repeats, 1))
    for start in range(0, len(names), share):
        if start and context.late():
            break
        context.progress("shuffling features", start, len(names))
        some = [name for name in names[start : start + share] for _ in range(max(repeats, 1))]
        table = _shuffle(X, some, generator)
        answers = ask(model, table, dataset, progress=lambda *_: None, what="", likeliest=likeliest)
        predictions = replace(predictions_of(answers, dataset, np.tile(kept, len(some)), plain.settings), notes=notes)
        for place, name in enumerate(some):
            part = predictions.take(np.arange(place * len(kept), (place + 1) * len(kept)))
            entries[name] = (*entries.get(name, ()), part)
    context.progress("shuffling features", len(names), len(names))
    if len(entries) < len(names):
        short = f"{len(entries)} of {len(names)} features shuffled: {LATE}"
        entries = {
            name: tuple(replace(part, notes=(*part.notes, short)) for part in parts) for name, parts in entries.items()
        }
    return entries


def _shuffle(X: pd.DataFrame, names: Sequence[str], generator: np.random.Generator) -> pd.DataFrame:
    """Return the rows once for each name, below each other, each time with one column shuffled."""
    table = X.take(np.tile(np.arange(len(X)), len(names))).reset_index(drop=True)
    places = {name: place for place, name in enumerate(X.columns)}
    for number, name in enumerate(names):
        order = generator.permutation(len(X))
        table.iloc[number * len(X) : (number + 1) * len(X), places[name]] = X[name].array.take(order)
    return table


def _strongest(context: Context, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the features to shuffle, in the order of the model, and a note where they are not all."""
    names = context.dataset.features
    if len(names) <= most:
        return names, ()
    first: Attributions = context.need("attributions", tuple)[0]
    strength = np.abs(first.values).mean(axis=0)
    place = {name: float(value) for name, value in zip(first.features, strength, strict=True)}
    kept = set(sorted(names, key=lambda name: -place.get(name, 0.0))[:most])
    note = f"the {most} features of the largest attributions, of {len(names)}"
    return tuple(name for name in names if name in kept), (note,)
