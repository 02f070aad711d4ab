"""A counted log divided into its windows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from audit.errors import DataError
from audit.estimate.monitoring import merge_cells
from audit.evidence import Predictions, Window
from audit.logs.cells import Counted
from audit.logs.versions import SHADOW
from audit.statistics.sequential import LONGEST


def divide_by_window(counted: Counted) -> list[Window]:
    """Return the windows of a counted log, in order of time.

    Raises
    ------
    DataError
        If labeled and unlabeled rows have different windows.
    """
    names = counted.predictions.keys["window"].levels
    if counted.unlabeled.keys["window"].levels != names:
        raise DataError("windows of labeled and unlabeled rows differ.")
    has_shadow = SHADOW in counted.predictions.keys["split"].levels
    shadows = _parts(counted.predictions, SHADOW) if has_shadow else (None for _ in names)
    every = zip(names, _parts(counted.predictions), _parts(counted.unlabeled), shadows, strict=True)
    return [
        Window(
            name=name, labeled=labeled, unlabeled=unlabeled, shadow=shadow,
            sha256=digest_of([part for part in (labeled, unlabeled, shadow) if part is not None]),
        )
        for name, labeled, unlabeled, shadow in every
    ]  # fmt: skip


def _parts(predictions: Predictions, split: str = "test") -> Iterator[Predictions]:
    """Yield the rows of each window, in their order, without its key."""
    window = predictions.keys["window"]
    place: npt.NDArray[np.int64] = np.where(predictions.keys["split"].mask(split), window.codes, -1).astype(np.int64)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(len(window.levels) + 1))
    keys = {name: factor for name, factor in predictions.keys.items() if name != "window"}
    for start, end in pairwise(bounds):
        yield replace(predictions, keys=keys).take(order[start:end])


def windows_until(end: int, first: int, windows: Sequence[Window], answers: Sequence[Window]) -> tuple[Window, ...]:
    """Return the windows from `first` to `end`: the last ones whole, of those before their answers alone.

    Parameters
    ----------
    end, first : int
        Places in `windows`.
    windows : sequence of Window
    answers : sequence of Window
        What :func:`answers_alone` returns of each.
    """
    whole = max(end + 1 - LONGEST, first)
    return (*answers[first:whole], *windows[whole : end + 1])


def answers_alone(window: Window) -> Window:
    """Return a window with truth, answer and who answered, without groups and scores."""
    keys = ("split", *window.labeled.deciders)
    labeled, unlabeled = (merge_cells(part, keys, scores=False) for part in (window.labeled, window.unlabeled))
    shadow = None if window.shadow is None else merge_cells(window.shadow, keys, scores=False)
    return replace(window, labeled=labeled, unlabeled=unlabeled, shadow=shadow)


def digest_of(parts: Sequence[Predictions]) -> str:
    """Return a fingerprint of counts with all that they are counted by.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> part = Predictions(task="regression", y_true=np.zeros(2), y_pred=np.zeros(2), keys={"k": Factor.of(["a", "b"])})
    >>> digest_of([part]) == digest_of([part.take(np.array([0, 1]))]) != digest_of([part.take(np.array([1, 0]))])
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        columns = {"true": part.y_true, "predicted": part.y_pred, "weight": part.weight, "score": part.y_score}
        texts = [*part.classes]
        for name, factor in part.keys.items():
            used = np.unique(factor.codes) if name in part.deciders else np.arange(len(factor.levels))
            texts += [name, *((*factor.levels, "")[code] for code in used)]
            columns[name] = np.searchsorted(used, factor.codes) if name in part.deciders else factor.codes
        shapes = {name: None if column is None else column.shape for name, column in columns.items()}
        digest.update(repr((texts, shapes)).encode())
        for column in columns.values():
            digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
