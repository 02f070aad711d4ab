"""Which groups leave no trace in the whole audit, decided once its rows are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.data.suppression import Address, suppressed
from audit.estimate.monitoring import everyone, together
from audit.evidence import Predictions, Settings, Window, Windows
from audit.gather import Context

Share = npt.NDArray[np.int64]


def protected(context: Context, predictions: Predictions) -> Context:
    """Return the context with the groups to be hidden in its settings, and in those of what was gathered so far.

    Parameters
    ----------
    context : Context
        Of which the predictions were gathered, and nothing else.
    predictions : Predictions
    """
    windows = context.collected.get("windows")
    known = windows if isinstance(windows, Windows) else None
    settings = replace(context.settings, suppressed=_hidden(context.dataset, predictions, known, context.settings))
    context.collected.update(predictions=replace(predictions, settings=_with(predictions, settings)), settings=settings)
    if known is not None:
        reference, recent = _told(known.reference, settings), tuple(_told(one, settings) for one in known.recent)
        context.collected["windows"] = replace(known, reference=reference, recent=recent)
    return replace(context, settings=settings)


def _with(predictions: Predictions, settings: Settings) -> Settings:
    return replace(predictions.settings, suppressed=settings.suppressed)


def _told(window: Window, settings: Settings) -> Window:
    labeled, unlabeled = (replace(part, settings=_with(part, settings)) for part in (window.labeled, window.unlabeled))
    return replace(window, labeled=labeled, unlabeled=unlabeled)


def _hidden(
    dataset: Dataset, predictions: Predictions, windows: Windows | None, settings: Settings
) -> frozenset[Address]:
    """Hide what any table of the record would tell: of rows, of answered and weighted rows, of windows."""
    found: set[Address] = set()
    if len(dataset):
        parts = [dataset.split.mask(name).astype(np.int64) for name in dataset.split.levels]
        found |= suppressed(dataset.sensitive, settings.suppress_n, settings.depth, parts)
    for part in (predictions, *_looks(windows)):
        factors = {name: part.keys[name] for name in part.sensitive}
        found |= suppressed(factors, settings.suppress_n, settings.depth, _shares(part))
    return frozenset(found)


def _shares(part: Predictions) -> Iterator[Share]:
    """Yield how many rows each row stands for, split by split."""
    rows = np.ones(len(part), dtype=np.int64) if part.repeats is None else part.repeats.n.astype(np.int64)
    rows = rows if part.weight is None else np.where(part.weight > 0, rows, 0)
    split = part.keys.get("split")
    for name in split.levels if split is not None else ():
        yield np.where(part.keys["split"].mask(name), rows, 0)


def _looks(windows: Windows | None) -> Iterator[Predictions]:
    """Yield what monitoring shows by group: the reference, the last window and the last three together."""
    if windows is None:
        return
    for some in ((windows.reference,), windows.recent[-1:], windows.recent[-3:]):
        yield together([one.labeled for one in some])
        yield together([everyone(one) for one in some])
