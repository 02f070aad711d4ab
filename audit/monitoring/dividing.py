"""A counted log divided into its windows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.data.factor import Factor
from audit.estimate.monitoring import merge_cells
from audit.evidence import Predictions, Window
from audit.logs.cells import Counted
from audit.logs.versions import SHADOW
from audit.statistics.sequential import LONGEST


def divide_by_window(counted: Counted) -> list[Window]:
    """Return the windows of a counted log, in order of time, without its key."""
    window, split = (counted.every.keys[name] for name in ("window", "split"))
    keys = {name: factor for name, factor in counted.every.keys.items() if name != "window"}
    counted = counted._replace(every=replace(counted.every, keys=keys))
    order = np.argsort(window.codes, kind="stable")
    bounds = np.searchsorted(window.codes[order], np.arange(len(window.levels) + 1))
    places = (order[start:end] for start, end in pairwise(bounds))
    return [_window(counted, name, rows, split.take(rows)) for name, rows in zip(window.levels, places, strict=True)]


def _window(counted: Counted, name: str, rows: npt.NDArray[np.intp], split: Factor) -> Window:
    known, decided = counted.known[rows], split.mask("test")
    labeled, unlabeled = counted.part(rows[decided & known]), counted.part(rows[decided & ~known])
    shadow = counted.part(rows[split.mask(SHADOW) & known]) if SHADOW in split.levels else None
    invalid, invalid_rows = labeled.invalid, labeled.invalid_rows
    if counted.faults.any() and invalid_rows is not None:
        every = counted.part(rows)
        invalid, left_out = every.invalid, invalid_rows.left_out
        invalid_rows = None if every.invalid_rows is None else replace(every.invalid_rows, left_out=left_out)
    digest = digest_of([part for part in (labeled, unlabeled, shadow) if part is not None])
    said = f"{digest}{dict(invalid)}{invalid_rows}" if invalid else digest
    return Window(
        name=name, labeled=labeled, unlabeled=unlabeled, shadow=shadow, invalid=invalid, invalid_rows=invalid_rows,
        sha256=hashlib.sha256(said.encode()).hexdigest(),
    )  # fmt: skip


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
        amounts = {"true": part.y_true, "predicted": part.y_pred, "weight": part.weight}
        columns = {name: None if column is None else _rounded(column) for name, column in amounts.items()}
        columns["score"] = part.y_score
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


def _rounded(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Round numbers that are not whole to 32 bits: the units that sums are counted in change with the largest file."""
    if column.dtype.kind != "f" or np.array_equal(column, np.rint(column)):
        return column
    share, power = np.frexp(column)
    return np.asarray(np.ldexp(np.rint(share * 2.0**32), power - 32))
