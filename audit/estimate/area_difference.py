"""DeLong's test of two models on the same rows: is the difference of their areas under the ROC curve chance?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from audit.estimate.influence import linear_form
from audit.estimate.making import absent, p_value
from audit.estimate.paired import align_predictions
from audit.estimate.views import position_of, with_weight
from audit.evidence import Predictions
from audit.statistics.variance import STILL, Undefined, variance
from reports.record import Estimate

AREA = "roc_auc"


def area_p_value(first: Predictions, second: Predictions, *, class_: str | None = None) -> Estimate:
    """Test whether two models rank the same rows equally well: the two-sided p-value of their difference in ROC AUC.

    With clusters, whole ones are added up before they are squared, and Student's t takes the place of the normal
    distribution, on the degrees of freedom that clusters and weights leave.

    Parameters
    ----------
    first, second : Predictions
        The same rows by number; weights and clusters are the first's.
    class_ : str, optional
        Take this class against the rest; of several classes, the mean of their areas is tested.

    Returns
    -------
    Estimate
        ``roc_auc_difference_p_value``; without a value, and with the reason, where there is no test.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Comparing the areas under two or more correlated ROC curves; Sun and Xu
    2014, Fast implementation of DeLong's algorithm.

    Examples
    --------
    >>> y, rows = np.repeat([0, 1], 5), np.arange(10)
    >>> old = Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=y, row=rows,
    ...                   y_score=np.array([0.1, 0.2, 0.6, 0.7, 0.3, 0.4, 0.5, 0.65, 0.8, 0.9]))
    >>> new = replace(old, y_score=np.array([0.1, 0.2, 0.3, 0.35, 0.45, 0.4, 0.5, 0.65, 0.8, 0.9]))
    >>> str(area_p_value(new, old))
    '0.332'
    """
    predictions, other = align_predictions(first, second)
    where = {**predictions.where, **({} if class_ is None else {"class": class_})}
    try:
        kept = with_weight(predictions)
        if predictions.weight is not None and len(kept) < len(predictions):
            other = other.take(predictions.weight > 0)
        other = replace(other, weight=kept.weight, cluster=kept.cluster)
        a, b = linear_form(kept, AREA, class_), linear_form(other, AREA, class_)
    except Undefined as reason:
        return absent(f"{AREA}_difference_p_value", where, str(reason), n=len(predictions), unit="p-value")
    gap, spread = a.value - b.value, variance(a.influence - b.influence, kept.weight, kept.cluster)
    plain = kept.weight is None and kept.cluster is None
    why = STILL if spread.value <= 0 and gap else _too_few(kept, position_of(kept, class_))
    if why:
        return absent(f"{AREA}_difference_p_value", where, why, n=len(kept), unit="p-value")
    p = 1.0 if spread.value <= 0 else _two_sided(gap / math.sqrt(spread.value), math.inf if plain else spread.degrees)
    method = "delong" if plain else "delong, clusters or weights counted"
    return p_value(f"{AREA}_difference_p_value", p, where, method=method, n=len(kept))


def _too_few(part: Predictions, position: int | None) -> str:
    """Say that a class has too few rows for its spread to be known."""
    codes = part.y_true.astype(np.int64) if position is None else (part.y_true == position).astype(np.int64)
    counts = np.bincount(codes)
    return "a class has only one row, so the spread is not known" if counts[counts > 0].min() < 2 else ""


def _two_sided(distance: float, degrees: float) -> float:
    """Return the chance of a distance as large, of Student's or of the normal distribution.

    Examples
    --------
    >>> round(_two_sided(1.959964, math.inf), 4), round(_two_sided(2.228139, 10), 4)
    (0.05, 0.05)
    """
    from scipy.special import stdtr

    if math.isinf(degrees):
        return math.erfc(abs(distance) / math.sqrt(2))
    return min(1.0, 2 * float(stdtr(max(degrees, 1e-9), -abs(distance))))
