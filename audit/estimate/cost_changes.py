"""What other decisions on the same rows cost more or less."""

from __future__ import annotations

import numpy as np

from audit.costs import Costs
from audit.estimate.making import with_interval
from audit.estimate.thresholds import mean_of_changes
from audit.evidence import Predictions
from reports.record import Estimate


def cost_change(metric: str, before: Predictions, after: Predictions, costs: Costs, *, method: str) -> Estimate:
    """Estimate by how much a decision costs more after than before, on the same rows in the same order.

    Parameters
    ----------
    metric : str
    before, after : Predictions
        Of a binary task.
    costs : Costs
    method : str

    Examples
    --------
    >>> y = np.tile([0, 1], 50)
    >>> before = Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=y)
    >>> after = Predictions(task="binary", classes=("no", "yes"), y_true=y, y_pred=np.where(np.arange(100) < 10, 1, y))
    >>> str(cost_change("change", before, after, Costs(false_positive=2, false_negative=1), method="tango"))
    '0.100 [0.014, 0.229]'
    """
    first, second = (costs.by_row(part.y_true, part.y_pred) for part in (before, after))
    change, positive = second - first, before.y_true == 1
    kinds = ((np.where(positive, 0.0, change), costs.of_alarm), (np.where(positive, change, 0.0), costs.of_miss))
    span = mean_of_changes(kinds, weight=before.weight, cluster=before.cluster, level=before.settings.level)
    return with_interval(
        metric, span.value, (span.low, span.high), before.where, method=method, n=len(before), unit="cost",
        level=before.settings.level,
    )  # fmt: skip
