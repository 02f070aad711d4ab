"""How far the ROC curves of two groups lie apart, wherever they cross (ABROCA)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audit.estimate.curves import roc_points
from audit.estimate.making import absent, bare
from audit.estimate.measure import groups
from audit.estimate.views import binary_view, with_weight
from audit.evidence import FloatArray, Predictions
from audit.statistics.variance import Undefined
from reports.record import Estimate

NAME = "area_between_roc_curves"
Points = tuple[FloatArray, FloatArray]


def area_between(entries: Points, other: Points) -> float:
    """Return the area between two ROC curves, each of false and true positive rates from (0, 0) to (1, 1).

    Between two breakpoints both curves are straight, so the area is exact.

    References
    ----------
    Gardner, Brooks and Baker 2019, Evaluating the fairness of predictive student models through slicing analysis.

    Examples
    --------
    >>> chance, perfect = (np.array([0.0, 1.0]),) * 2, (np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    >>> area_between(chance, perfect)
    0.5
    """
    at = np.unique(np.concatenate([entries[0], other[0]]))
    width = np.diff(at)
    inner = [at[:-1] + width * share for share in (1 / 3, 2 / 3)]
    first, second = (np.interp(x, *entries) - np.interp(x, *other) for x in inner)
    begins, ends = np.abs(2 * first - second), np.abs(2 * second - first)
    crosses = (2 * first - second) * (2 * second - first) < 0
    both = np.where(crosses, (begins**2 + ends**2) / np.maximum(begins + ends, 1e-300), begins + ends)
    return float(width @ both) / 2


def between_curves(test: Predictions, feature: str, reference: Mapping[str, str]) -> tuple[Estimate, ...]:
    """Measure the area between the ROC curves of each group and of the reference group.

    A group of fewer than ``min_n`` rows, or with too few of a class to be shown, has none. By chance alone the
    area is above 0, so it is given without an interval.
    """
    if test.y_score is None or feature not in reference:
        return ()
    table: dict[str, Points] = {}
    sizes: dict[str, int] = {}
    try:
        test = with_weight(test).without_hidden_groups()
        for (level,), rows in groups(test, (feature,)):
            part = test.take(rows)
            sizes[level] = part.total
            if _enough(part):
                truth, score = binary_view(part, None)
                table[level] = roc_points(truth, score, part.weight)
    except Undefined:
        return ()
    other, settings = table.get(reference[feature]), test.settings
    estimates = []
    for level, size in sizes.items():
        where = {**test.where, feature: level}
        if level == reference[feature] or size < max(settings.suppress_n, 1):
            continue
        if other is None or level not in table:
            reason = f"fewer than {settings.min_n} rows, or too few of a class, in the group or in the reference group"
            estimates.append(absent(NAME, where, reason, unit="score", level=settings.level))
            continue
        area, reason = area_between(table[level], other), "chance alone puts this number above 0, so it has no interval"
        estimates.append(bare(NAME, area, where, reason, n=size, unit="score", level=settings.level))
    return tuple(estimates)


def _enough(part: Predictions) -> bool:
    positives, rows = part.count(part.y_true == 1), part.total
    return rows >= part.settings.min_n and min(positives, rows - positives) >= max(part.settings.suppress_n, 1)
