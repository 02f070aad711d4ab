"""What a coverage simulation is made of: scenarios, and data of known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audit.data.factor import Factor
from audit.evidence import Predictions
from audit.statistics.intervals import Span
from reports.record import Estimate

OVERLAP = "few rows of the two classes overlap: wider than needed, never narrower"
Draw = Callable[[np.random.Generator], "Estimate | Span | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One cell of the grid: what is measured, its truth, and how to draw one sample of it."""

    method: str
    setting: str
    truth: float
    draw: Draw
    corner: str = ""
    """Why 93–97 % is not promised here; empty where it is."""


def binary(y_true: np.ndarray, y_pred: np.ndarray, **rest: object) -> Predictions:
    return Predictions(task="binary", classes=("no", "yes"), y_true=y_true, y_pred=y_pred, **rest)  # type: ignore[arg-type]


def hits(hit: np.ndarray, **rest: object) -> Predictions:
    """Return predictions whose selection rate is the share of hits."""
    codes = hit.astype(np.int64)
    return binary(np.zeros_like(codes), codes, **rest)


def clusters(sizes: np.ndarray) -> Factor:
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return Factor(codes=codes, levels=tuple(str(number) for number in range(len(sizes))))


def cells(rng: np.random.Generator, p: np.ndarray, n: int) -> Predictions:
    """Draw rows of a joint distribution of true and predicted class."""
    size = len(p)
    counts = rng.multinomial(n, p.reshape(-1))
    cell = np.repeat(np.arange(size * size), counts)
    if size == 2:
        return binary(cell // 2, cell % 2)
    names = tuple(str(number) for number in range(size))
    return Predictions(task="multiclass", classes=names, y_true=cell // size, y_pred=cell % size)


def expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
