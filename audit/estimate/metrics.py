"""The table of metrics, and those of them that are functions of counts.

Names are scikit-learn's and fairlearn's. Counts are arrays of shape (..., K, K), true classes in rows
and predicted classes in columns; every function takes any number of leading axes, so that one call
serves a whole bootstrap. A number that does not exist is NaN in here and ``None`` with a reason
outside: never 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audit.errors import ConfigError, hint, shown
from audit.estimate.rates import RATES as RATES
from reports.record import Task

Array = npt.NDArray[np.float64]
Needs = Literal["counts", "score", "probabilities", "residuals", "rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a metric is called, what it is made of, and which way is better.

    Examples
    --------
    >>> metric("recall").unit
    'proportion'
    """

    name: str
    needs: Needs
    """What it is made of; ``rows``: a function of the user's own, of which nothing more is known."""
    tasks: tuple[Task, ...]
    """Tasks in which the metric speaks of all rows; with a class named, every binary metric does."""
    unit: str = "proportion"
    """``proportion`` in [0, 1], ``score``, or ``target`` for the unit of the target."""
    better: Literal["higher", "lower", "neither"] = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    """Least and greatest number there can be."""


_POSITIVE, _ANY = (0.0, math.inf), (-math.inf, math.inf)
BOUNDS: Mapping[str, tuple[float, float]] = {
    "matthews_corrcoef": (-1.0, 1.0),
    "cohen_kappa": (-1.0, 1.0),
    "log_loss": _POSITIVE,
    "brier_score": (0.0, 2.0),
    "calibration_slope": _ANY,
    "calibration_intercept": _ANY,
    "mean_calibration_gap": (-1.0, 1.0),
    "mean_absolute_error": _POSITIVE,
    "root_mean_squared_error": _POSITIVE,
    "mean_squared_error": _POSITIVE,
    "median_absolute_error": _POSITIVE,
    "mean_error": _ANY,
    "r2_score": (-math.inf, 1.0),
}
"""What metrics can be that do not lie between 0 and 1."""


def _metrics() -> dict[str, Metric]:
    both: tuple[Task, ...] = ("binary", "multiclass")
    binary: tuple[Task, ...] = ("binary",)
    number: tuple[Task, ...] = ("regression",)
    lower = {
        "error_rate",
        "false_negative_rate",
        "false_positive_rate",
        "false_discovery_rate",
        "false_omission_rate",
    }
    neither = {"selection_rate", "base_rate"}
    table = [
        Metric(
            name=name,
            needs="counts",
            tasks=both if name in ("accuracy", "error_rate") else binary,
            better="lower" if name in lower else "neither" if name in neither else "higher",
        )
        for name in RATES
    ]
    table += [
        Metric(name="f1", needs="counts", tasks=binary),
        Metric(name="balanced_accuracy", needs="counts", tasks=both),
    ]
    averages = ("recall_macro", "precision_macro", "f1_macro", "recall_weighted", "precision_weighted", "f1_weighted")
    table += [Metric(name=name, needs="counts", tasks=both) for name in averages]
    table += [Metric(name=f"{name}_micro", needs="counts", tasks=both) for name in ("recall", "precision", "f1")]
    table += [
        Metric(name="matthews_corrcoef", needs="counts", tasks=both, unit="score"),
        Metric(name="cohen_kappa", needs="counts", tasks=both, unit="score"),
        Metric(name="roc_auc", needs="score", tasks=both, unit="score"),
        Metric(name="average_precision", needs="score", tasks=both, unit="score"),
        Metric(name="log_loss", needs="probabilities", tasks=both, unit="score", better="lower"),
        Metric(name="brier_score", needs="probabilities", tasks=both, unit="score", better="lower"),
        Metric(name="calibration_error", needs="probabilities", tasks=both, unit="score", better="lower"),
        Metric(name="calibration_slope", needs="probabilities", tasks=both, unit="score", better="neither"),
        Metric(name="calibration_intercept", needs="probabilities", tasks=binary, unit="score", better="neither"),
        Metric(name="mean_calibration_gap", needs="probabilities", tasks=binary, unit="difference", better="neither"),
        Metric(name="mean_absolute_error", needs="residuals", tasks=number, unit="target", better="lower"),
        Metric(name="root_mean_squared_error", needs="residuals", tasks=number, unit="target", better="lower"),
        Metric(name="mean_squared_error", needs="residuals", tasks=number, unit="squared target", better="lower"),
        Metric(name="median_absolute_error", needs="residuals", tasks=number, unit="target", better="lower"),
        Metric(name="mean_error", needs="residuals", tasks=number, unit="target", better="neither"),
        Metric(name="r2_score", needs="residuals", tasks=number, unit="score"),
    ]
    return {one.name: replace(one, bounds=BOUNDS.get(one.name, one.bounds)) for one in table}


METRICS: Mapping[str, Metric] = _metrics()
"""Every metric by its name."""


def metric(name: str) -> Metric:
    """Look a metric up.

    Raises
    ------
    ConfigError
        If there is none of that name; the message names the nearest.

    Examples
    --------
    >>> metric("acuracy")
    Traceback (most recent call last):
    audit.errors.ConfigError: No metric is called 'acuracy'. Did you mean 'accuracy'?
    """
    if name not in METRICS:
        raise ConfigError(f"No metric is called {shown(name)}.{hint(name, METRICS)}")
    return METRICS[name]


# --- counts ---------------------------------------------------------------------------------------


class Margins(NamedTuple):
    """What all count metrics are made of, each of shape (..., K)."""

    hit: npt.NDArray[np.inexact]
    """Rows of each class that were predicted as it."""
    true: npt.NDArray[np.inexact]
    predicted: npt.NDArray[np.inexact]


def margins(counts: npt.NDArray[np.number]) -> Margins:
    """Reduce counts of shape (..., K, K) to hits, true totals and predicted totals.

    Examples
    --------
    >>> margins(np.array([[5, 1], [2, 4]])).hit.tolist()
    [5.0, 4.0]
    """
    table = np.asarray(counts, dtype=np.float64)
    return Margins(np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table.sum(-2))


def one_vs_rest(counts: npt.NDArray[np.number], position: int) -> npt.NDArray[np.number]:
    """Collapse counts of shape (..., K, K) to (..., 2, 2) with the class at `position` as positive.

    Examples
    --------
    >>> one_vs_rest(np.array([[3, 1, 0], [0, 2, 2], [1, 0, 4]]), 2).tolist()
    [[6, 2], [1, 4]]
    """
    hit = counts[..., position, position]
    missed = counts[..., position, :].sum(-1) - hit
    false = counts[..., :, position].sum(-1) - hit
    rest = counts.sum((-2, -1)) - hit - missed - false
    return np.stack([np.stack([rest, false], -1), np.stack([missed, hit], -1)], -2)


_Inexact = npt.NDArray[np.inexact]


def _balanced_accuracy(m: Margins) -> _Inexact:
    """Mean recall over the classes that have rows (scikit-learn's definition)."""
    present = m.true != 0
    recall = np.where(present, m.hit / np.where(present, m.true, 1), 0)
    classes = present.sum(-1)
    return np.where(classes >= 2, recall.sum(-1) / np.where(classes >= 2, classes, 1), np.nan)


def _f1_by_class(m: Margins) -> _Inexact:
    return 2 * m.hit / (m.true + m.predicted)


def _f1_macro(m: Margins) -> _Inexact:
    """Mean F1 over the classes that occur, true or predicted."""
    both = m.true + m.predicted
    present = both != 0
    f1 = np.where(present, 2 * m.hit / np.where(present, both, 1), 0)
    classes = present.sum(-1)
    return np.where(classes >= 1, f1.sum(-1) / np.where(classes >= 1, classes, 1), np.nan)


def _weighted(values: _Inexact, m: Margins) -> _Inexact:
    """Mean over classes weighted by their true rows; classes without rows have no say."""
    parts = np.where(m.true == 0, 0, m.true * values)
    return np.asarray(parts.sum(-1) / m.true.sum(-1))


def _matthews_corrcoef(m: Margins) -> _Inexact:
    """Correlation of true and predicted class (Gorodkin 2004 for more than two)."""
    total = m.true.sum(-1)
    cross = total * m.hit.sum(-1) - (m.true * m.predicted).sum(-1)
    spread = (total**2 - (m.true**2).sum(-1)) * (total**2 - (m.predicted**2).sum(-1))
    return np.asarray(cross / np.sqrt(np.where(np.real(spread) > 0, spread, np.nan)))


def _cohen_kappa(m: Margins) -> _Inexact:
    total = m.true.sum(-1)
    chance = (m.true * m.predicted).sum(-1)
    return np.asarray((total * m.hit.sum(-1) - chance) / (total**2 - chance))


def _binary_f1(m: Margins) -> _Inexact:
    return _f1_by_class(m)[..., 1]


COMPOSITES: Mapping[str, Callable[[Margins], _Inexact]] = {
    "f1": _binary_f1,
    "balanced_accuracy": _balanced_accuracy,
    "recall_macro": _balanced_accuracy,
    "precision_macro": lambda m: (m.hit / m.predicted).mean(-1),
    "f1_macro": _f1_macro,
    "recall_weighted": lambda m: m.hit.sum(-1) / m.true.sum(-1),
    "precision_weighted": lambda m: _weighted(m.hit / m.predicted, m),
    "f1_weighted": lambda m: _weighted(_f1_by_class(m), m),
    "recall_micro": lambda m: m.hit.sum(-1) / m.true.sum(-1),
    "precision_micro": lambda m: m.hit.sum(-1) / m.true.sum(-1),
    "f1_micro": lambda m: m.hit.sum(-1) / m.true.sum(-1),
    "matthews_corrcoef": _matthews_corrcoef,
    "cohen_kappa": _cohen_kappa,
}
"""Count metrics that are not one proportion, as functions of the margins."""


def rate_masks(name: str, classes: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which cells of a (K, K) table are hits, and which are counted at all.

    Examples
    --------
    >>> hits, of = rate_masks("recall", 2)
    >>> hits.astype(int).tolist(), of.astype(int).tolist()
    ([[0, 0], [0, 1]], [[0, 0], [1, 1]])
    """
    if classes == 2:
        rate = RATES[name]
        hits, of = (np.array(cells, dtype=np.bool_).reshape(2, 2) for cells in (rate.hits, rate.of))
        return hits, of
    diagonal = np.eye(classes, dtype=np.bool_)
    return (diagonal if name == "accuracy" else ~diagonal), np.ones((classes, classes), dtype=np.bool_)


def from_counts(name: str, counts: npt.NDArray[np.number]) -> Array:
    """Compute a count metric for each (K, K) table of `counts`; NaN where it does not exist.

    Parameters
    ----------
    name : str
        A metric with ``needs == "counts"``. For K > 2, metrics of a positive class do not exist: collapse
        the table with :func:`one_vs_rest` first.
    counts : ndarray of shape (..., K, K)
        Counts or sums of weights.

    Examples
    --------
    >>> from_counts("precision", np.array([[[50, 10], [5, 35]], [[9, 0], [1, 0]]])).round(3).tolist()
    [0.778, nan]
    """
    table = np.asarray(counts, dtype=np.float64)
    classes = table.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if name in COMPOSITES and not (name == "f1" and classes != 2):
            return np.asarray(COMPOSITES[name](margins(table)), dtype=np.float64)
        if name in RATES and (classes == 2 or name in ("accuracy", "error_rate")):
            hits, of = rate_masks(name, classes)
            return np.asarray(table[..., hits].sum(-1) / table[..., of].sum(-1), dtype=np.float64)
    if metric(name).needs != "counts":
        raise ConfigError(f"{shown(name)} is not a function of counts; it needs {metric(name).needs}")
    raise ConfigError(f"{shown(name)} speaks of one class; collapse the {classes} classes by one_vs_rest first")


def gradient(name: str, counts: npt.NDArray[np.number]) -> Array:
    """Return the derivative of a composite metric by each cell, times the total: its influence per row.

    By complex steps on the margins (Squire and Trapp 1998): exact to rounding, 3K evaluations.

    Parameters
    ----------
    counts : ndarray of shape (K, K)

    Examples
    --------
    >>> table = np.array([[50.0, 10.0], [5.0, 35.0]])
    >>> influence = gradient("cohen_kappa", table)
    >>> abs(float((influence * table).sum())) < 1e-9
    True
    """
    at = margins(counts)
    size = len(at.hit)
    total = float(at.true.sum())
    step = 1e-20 * max(total, 1.0)
    steps = np.eye(size) * (1j * step)
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for moved in (0, 1, 2):
            shifted = [
                np.broadcast_to(part, (size, size)) + (steps if place == moved else 0) for place, part in enumerate(at)
            ]
            parts.append(np.imag(COMPOSITES[name](Margins(*shifted))) / step * total)
    by_hit, by_true, by_predicted = parts
    return np.asarray(np.diag(by_hit) + by_true[:, None] + by_predicted[None, :], dtype=np.float64)
