"""Add up what was counted of several files, in units in which no sum overflows and nothing is rounded away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.errors import DataError, quote
from audit.logs.amounts import FARTHEST, PER_DOUBLING
from audit.logs.cells import PREDICTED, TRUE, WINDOW, Cells, Mask

MOST_BITS = 62
"""Bits of the largest sum of a window."""
LEAST_UNITS = 8
"""Units that a row's weight or error must have: rounding then changes it by a sixteenth at most."""
NOISE = 2.0**-40
"""An error that is so small beside its amount comes from rounding."""


def add(parts: Iterable[Cells]) -> Cells:
    """Add up cells of several logs, or of several parts of one.

    Raises
    ------
    DataError
        If there are none, or weights or amounts of one are so large that those of another would be rounded away.
    """
    every = _alike([part for part in parts if len(part)])
    keys = pd.concat([cells.keys for cells in every], ignore_index=True)
    windows = _windows(keys)
    scales = {name: _common_scale(name, every, windows) for name in every[0].scales}
    sums = []
    for cells in every:
        own = cells.sums.copy()
        for name, scale in scales.items():
            if cells.scales[name] != scale:
                own[name] = np.rint(own[name].to_numpy() * (scale / cells.scales[name])).astype(np.int64)
        sums.append(own)
    whole = Cells(
        keys=keys, sums=pd.concat(sums, ignore_index=True), scales=scales, file=_largest(every),
        doubted=_distinct(cells.doubted for cells in every), timeless=_distinct(cells.timeless for cells in every),
        repeated=_distinct(cells.repeated for cells in every),
        shadowed=any(cells.shadowed for cells in every),
    ).merge()  # fmt: skip
    require_kept(whole)
    return whole


def _distinct(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def _alike(parts: list[Cells]) -> list[Cells]:
    """Return the parts with the keys that all of them have: scores of many classes may be too many in some."""
    if not parts:
        raise DataError("the log has no rows.")
    keys = [name for name in parts[0].keys if all(name in part.keys for part in parts)]
    sums = [name for name in parts[0].sums if all(name in part.sums for part in parts)]
    return [replace(part, keys=part.keys[keys], sums=part.sums[sums]) for part in parts]


def _common_scale(name: str, every: Sequence[Cells], windows: npt.NDArray[np.int64]) -> float:
    """Return the largest power of two up to the smallest scale at which the sums of no window overflow."""
    scale = min(cells.scales[name] for cells in every)
    sizes = [np.abs(cells.sums[name].to_numpy()) * (scale / cells.scales[name]) for cells in every]
    most = float(np.bincount(windows, np.concatenate(sizes)).max())
    return scale * 2.0 ** min(MOST_BITS - math.frexp(most)[1], 0)


def _largest(every: Sequence[Cells]) -> str:
    """Return the file whose weights or amounts are largest; of those alike, the first."""
    return min(every, key=lambda cells: min(cells.scales.values(), default=1.0) * cells.rows).file


def require_kept(cells: Cells) -> None:
    """Refuse weights and amounts beside which most others of a window are rounded away.

    Raises
    ------
    DataError
        Naming the file that holds the largest.
    """
    for what, are_lost in (("weights", _lost_weights(cells)), ("amounts", _lost_errors(cells))):
        rows = cells.sums["n"].to_numpy()
        windows = _windows(cells.keys)
        if (2 * np.bincount(windows, rows * are_lost) > np.bincount(windows, rows)).any():
            raise DataError(
                f"{what} in {quote(cells.file)} are so large that others would be rounded away beside them; correct "
                "the largest, or leave their rows out."
            )


def _windows(keys: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the place of each cell's window; all are one where there are none."""
    return pd.factorize(keys[WINDOW])[0] if WINDOW in keys else np.zeros(len(keys), dtype=np.int64)


def _lost_weights(cells: Cells) -> Mask:
    """Tell which cells have weights, or squares of them, that are smaller than what sums are rounded to."""
    if "weight_sum" not in cells.sums:
        return np.zeros(len(cells), dtype=np.bool_)
    least = np.minimum(cells.sums["weight_sum"].to_numpy(), cells.sums["square_sum"].to_numpy())
    counts = np.asarray(cells.keys["\tweightless"] == 0)
    return np.asarray(counts & (least < LEAST_UNITS * cells.sums["n"].to_numpy()), dtype=np.bool_)


def _lost_errors(cells: Cells) -> Mask:
    """Tell which cells have errors that are smaller than what sums are rounded to, and no mere noise."""
    if "true_sum" not in cells.sums:
        return np.zeros(len(cells), dtype=np.bool_)
    true, error = (_bin_size(cells.keys[name]) for name in (TRUE, PREDICTED))
    is_lost: Mask = (error < LEAST_UNITS / cells.scales["true_sum"]) & (error > true * NOISE)
    return is_lost


def _bin_size(codes: pd.Series) -> npt.NDArray[np.float64]:
    """Return the least size of the amounts of each bin; 0 where it is unknown or holds 0."""
    code = codes.fillna(0).to_numpy(dtype=np.float64)
    size = 2.0 ** ((np.abs(code) - FARTHEST) / PER_DOUBLING)
    return np.where(code == 0, 0.0, size)
