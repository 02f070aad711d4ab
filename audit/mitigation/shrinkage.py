"""How much of what groups differ by on few rows is more than chance, so that a rule corrects that part alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from audit.data.factor import Factor
from audit.estimate.rates import RATES
from audit.mitigation.rules import Scored
from audit.statistics.variance import effective_n, variance

FloatArray = npt.NDArray[np.float64]
SHOWN = 0.95
"""Level at which differences count as shown."""


def beyond_chance(statistic: float, degrees: int) -> float:
    """Return which share of the differences behind a chi-square statistic is more than chance makes.

    Groups drawn toward their common value by this share are nearer to the truth on average (James and Stein 1961).
    It is 0 where no difference is shown at a level of 95 %: a rule that follows such differences widens gaps as often
    as it narrows them.

    Examples
    --------
    >>> beyond_chance(10.0, 1), beyond_chance(3.0, 1)
    (0.9, 0.0)
    """
    return 1.0 - degrees / statistic if degrees and statistic > float(chi2.isf(1 - SHOWN, degrees)) else 0.0


def differences(
    values: FloatArray, group: npt.NDArray[np.intp], weight: FloatArray, cluster: Factor | None
) -> tuple[float, int]:
    """Return the chi-square statistic of differences among the means of groups, and its degrees of freedom.

    Variances are those of all rows, or a group's own around the mean of all where that is larger: a few rows that agree
    by chance are not sure of their mean. Weights and clusters are counted.

    Parameters
    ----------
    values : ndarray of shape (n,)
    group : ndarray of shape (n,)
    weight : ndarray of shape (n,)
    cluster : Factor, optional

    Examples
    --------
    >>> values, group = np.repeat([0.0, 1.0, 0.0, 1.0], [60, 40, 40, 60]), np.repeat([0, 1], 100)
    >>> statistic, degrees = differences(values, group, np.ones(200), None)
    >>> round(statistic, 2), degrees
    (7.92, 1)
    """
    if len(values) == 0:
        return 0.0, 0
    rest = values - float(np.average(values, weights=weight))
    unit = variance(rest, weight, cluster).value * effective_n(weight)
    means, spreads = [], []
    for code in np.unique(group):
        rows = np.flatnonzero(group == code)
        own = variance(rest[rows], weight[rows], None if cluster is None else cluster.take(rows)).value
        means.append(float(np.average(values[rows], weights=weight[rows])))
        spreads.append(max(own, unit / effective_n(weight[rows])))
    if len(means) < 2 or min(spreads) <= 0:
        return 0.0, 0
    precision = 1 / np.array(spreads)
    center = float(np.average(means, weights=precision))
    return float(precision @ (np.array(means) - center) ** 2), len(means) - 1


def share_of_gap(rows: Scored, home: float, rates: Sequence[str], cluster: Factor | None) -> float:
    """Return which share of the differences of rates among groups is more than chance makes.

    Parameters
    ----------
    rows : Scored
        Validation rows.
    home : float
        The favorable answer is given from this score on.
    rates : sequence of str
    cluster : Factor, optional
        Of the same rows.

    Examples
    --------
    >>> rows = Scored(np.tile([0.2, 0.8], 40), np.ones(80, bool), np.repeat([0, 1], 40), np.ones(80))
    >>> share_of_gap(rows, 0.5, ["selection_rate"], None)
    0.0
    """
    cell = 2 * rows.earned + (rows.score >= home)
    statistic, degrees = 0.0, 0
    for name in rates:
        of = np.flatnonzero(np.array(RATES[name].of, dtype=np.bool_)[cell])
        hits = np.array(RATES[name].hits, dtype=np.float64)[cell[of]]
        added, more = differences(hits, rows.group[of], rows.weight[of], None if cluster is None else cluster.take(of))
        statistic, degrees = statistic + added, degrees + more
    return beyond_chance(statistic, degrees)
