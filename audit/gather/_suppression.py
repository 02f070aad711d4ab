"""Which groups leave no trace in the whole audit, decided once its rows are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.data.suppression import Address, groups_to_hide
from audit.estimate.monitoring import everyone
from audit.evidence import Guess, Mitigated, Perturbed, Predictions, Settings, Strength, Window, Windows
from audit.gather import Context

Share = npt.NDArray[np.int64]


def hide_small_groups(context: Context, predictions: Predictions) -> Context:
    """Return the context with the groups to be hidden in its settings, and in those of what was gathered so far.

    Parameters
    ----------
    context : Context
        Of which the predictions were gathered, and nothing else.
    predictions : Predictions
    """
    windows = context.collected.get("windows")
    known = windows if isinstance(windows, Windows) else None
    settings = replace(context.settings, suppressed=_hide(context.dataset, predictions, known, context.settings))
    context.collected.update(predictions=predictions, settings=settings)
    context.collected.update({name: _tell(value, settings) for name, value in context.collected.items()})
    return replace(context, settings=settings)


def _tell(evidence: Any, settings: Settings) -> Any:  # noqa: ANN401 -- evidence of any kind
    """Tell all answers in evidence, however deep, which groups are hidden."""
    if isinstance(evidence, Predictions):
        return replace(evidence, settings=replace(evidence.settings, suppressed=settings.suppressed))
    if type(evidence) is tuple:
        return tuple(_tell(value, settings) for value in evidence)
    if not isinstance(evidence, Windows | Window | Mitigated | Perturbed | Strength | Guess):
        return evidence
    parts = {field.name: getattr(evidence, field.name) for field in fields(evidence)}
    return replace(evidence, **{name: _tell(value, settings) for name, value in parts.items()})


def _hide(
    dataset: Dataset, predictions: Predictions, windows: Windows | None, settings: Settings
) -> frozenset[Address]:
    """Hide what any table of the record would tell: of rows, of answered and weighted rows, of windows."""
    hidden: set[Address] = set()
    if len(dataset):
        parts = [dataset.split.mask(name).astype(np.int64) for name in dataset.split.levels]
        hidden |= groups_to_hide(dataset.sensitive, settings.suppress_n, settings.depth, parts)
    for part in (predictions, *_looks(windows)):
        factors = {name: part.keys[name] for name in part.sensitive}
        hidden |= groups_to_hide(factors, settings.suppress_n, settings.depth, _shares(part))
    return frozenset(hidden)


def _shares(part: Predictions) -> Iterator[Share]:
    """Yield how many rows each row stands for, split by split."""
    rows = np.ones(len(part), dtype=np.int64) if part.repeats is None else part.repeats.n.astype(np.int64)
    rows = rows if part.weight is None else np.where(part.weight > 0, rows, 0)
    split = part.keys.get("split")
    for name in split.levels if split is not None else ():
        yield np.where(part.keys["split"].mask(name), rows, 0)


def _looks(windows: Windows | None) -> Iterator[Predictions]:
    """Yield what monitoring shows by group, and what follows from it: the reference and each of the last three windows.

    The last one and the last three together are shown. Each by itself follows from them and from the records of
    the windows before and after.
    """
    if windows is None:
        return
    for window in (windows.reference, *windows.recent[-3:]):
        yield window.labeled
        yield everyone(window)
