"""What a coverage simulation is made of: scenarios, and data of known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from audit.data.factor import Factor
from audit.evidence import Predictions, Settings
from audit.statistics.intervals import Span
from reports.record import Estimate

OVERLAP = "few rows of the two classes overlap: wider than needed, never narrower"
SHARED = 0.2
"""Share of the variance that rows of one cluster have in common."""
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


def some_clusters(rng: np.random.Generator, count: int) -> Factor:
    """Draw clusters of five rows on average, most of them smaller."""
    return clusters(rng.geometric(0.2, count))


def few_clusters(count: int) -> str:
    return "fewer than 30 clusters" if count < 30 else ""


def normal(rng: np.random.Generator, cluster: Factor) -> np.ndarray:
    """Draw standard normal numbers that share a part within each cluster."""
    common = rng.normal(size=len(cluster.levels))[cluster.codes]
    return np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.normal(size=len(common))


def uniform(rng: np.random.Generator, cluster: Factor) -> np.ndarray:
    """Draw uniform numbers whose normal scores share a part within each cluster."""
    return np.asarray(ndtr(normal(rng, cluster)))


def classified(cell: np.ndarray, size: int, **rest: object) -> Predictions:
    """Return rows of cells of a table of `size` true by `size` predicted classes, which are in order."""
    if size == 2:
        return binary(cell // 2, cell % 2, **rest)
    return Predictions(
        task="multiclass", classes=tuple(str(number) for number in range(size)), y_true=cell // size,
        y_pred=cell % size, settings=Settings(ordered=True), **rest,  # type: ignore[arg-type]
    )  # fmt: skip


def cells(rng: np.random.Generator, p: np.ndarray, n: int) -> Predictions:
    """Draw rows of a joint distribution of true and predicted class."""
    return classified(np.repeat(np.arange(p.size), rng.multinomial(n, p.reshape(-1))), len(p))


def expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
