"""Estimates of what a change to the rows does to a model's predictions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.estimate.making import as_exact
from audit.estimate.measure import estimate
from audit.estimate.shares import Masses, proportion
from audit.evidence import Pair, Predictions
from audit.statistics.intervals import t_value, wilson
from audit.statistics.variance import effective_n, variance
from reports.record import Estimate, Where


def share(metric: str, hits: npt.NDArray[np.bool_], rows: Predictions, where: Where) -> Estimate:
    """Estimate the share of `rows` that are `hits`, with the weights and clusters of the rows.

    Parameters
    ----------
    metric : str
        Name of the estimate.
    hits : ndarray of shape (n,), bool
    rows : Predictions
        Brings weights, clusters and the level of the interval.
    where : mapping
        The address.

    Examples
    --------
    >>> rows = Predictions(task="regression", y_true=np.zeros(4), y_pred=np.zeros(4))
    >>> str(share("flips", np.array([True, False, False, False]), rows, {}))
    '0.250 [0.046, 0.699]'
    """
    return proportion(metric, hits, dict(where), Masses(rows.weight, rows.cluster), level=rows.settings.level)


def move(metric: str, pair: Pair, where: Where) -> Estimate:
    """Estimate the mean absolute move of a prediction, in standard deviations of the target."""
    moved = replace(pair.after, y_true=np.zeros(len(pair.after)), y_pred=pair.score_moves())
    measured = estimate(moved, "mean_absolute_error")
    if measured.value is None and not len(pair.after):
        return replace(measured, metric=metric, where=dict(where), unit="standard deviations")
    if measured.value is not None and (
        measured.low is None or measured.high is None
    ):  # nothing varies: every row moved alike
        measured = as_exact(measured)
    return replace(measured, metric=metric, where=dict(where), unit="standard deviations")


def paired_ratio(
    metric: str, mask: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], rows: Predictions, where: Where
) -> Estimate:
    """Estimate the ratio of two shares of the same rows, by the delta method on the log scale.

    Parameters
    ----------
    metric : str
    mask, other : ndarray of shape (n,), bool
        What is divided, and what it is divided by.
    rows : Predictions
        Brings weights, clusters and the level of the interval.
    where : mapping

    Examples
    --------
    >>> rows = Predictions(task="regression", y_true=np.zeros(100), y_pred=np.zeros(100))
    >>> one, other = np.arange(100) < 20, np.arange(100) < 40
    >>> str(paired_ratio("kept", one, other, rows, {}))
    '0.500 [0.365, 0.685]'
    """
    level, weight, cluster = rows.settings.level, rows.weight, rows.cluster
    blank = Estimate(
        metric=metric, value=None, reason="nothing to divide by", where=dict(where), unit="ratio", n=len(rows)
    )
    if not len(rows):
        return blank
    first, second = (float(np.average(hits, weights=weight)) for hits in (mask, other))
    if second == 0:
        return blank
    n = float(len(rows)) if weight is None else effective_n(weight)
    if first == 0:
        low, high = 0.0, wilson(0, n, level).high / second
    else:
        spread = variance(mask / first - other / second, weight, cluster)
        reach = t_value(level, max(spread.degrees, 1.0)) * math.sqrt(spread.value)
        low, high = (first / second * math.exp(sign * min(reach, 700.0)) for sign in (-1, 1))
    return replace(
        blank, value=first / second, low=min(low, first / second), high=max(high, first / second), level=level,
        method="paired log ratio", reason="",
    )  # fmt: skip
