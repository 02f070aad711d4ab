"""How far predictions are from the truth, in the target's own unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import of_metrics
from audit.estimate.measure import estimates
from audit.estimate.metrics import reported
from audit.evidence import FloatArray, Predictions
from audit.exhibits import estimates_table
from audit.statistics.intervals import Span
from audit.statistics.variance import mean
from reports.record import Curve, Measurement, Series


@check(title="Regression metrics and residuals", family="performance", tasks=("regression",), requires=("test",))
def regression(predictions: Predictions, *, bins: int = 12) -> Measurement:
    """Measure errors and show where along the prediction they lie.

    Reading. R² is the share of the target's variance that is explained; mean absolute error is in the
    target's own unit; the mean error (prediction minus truth) should be near zero everywhere along the
    curve of residuals.

    Limits. Means hide rare large errors; compare with the median. The curve shows means of bins, no rows.
    """
    test = predictions.select(split="test")
    if not np.isfinite(test.y_pred.astype(np.float64)).all():
        raise NotApplicable("; ".join(f"{n} {what}" for what, n in predictions.invalid.items()))
    measured = estimates(test, tuple(dict.fromkeys((*reported("performance", test.task), test.headline))))
    explained, miss = (of_metrics(measured, name)[0] for name in ("r2_score", "mean_absolute_error"))
    return Measurement(
        summary=f"R² is {explained}, mean absolute error {miss}.",
        estimates=measured,
        exhibits=(estimates_table("Metrics on the test rows", measured), _residuals(test, bins)),
    )


def _residuals(test: Predictions, bins: int) -> Curve:
    y_pred = test.y_pred.astype(np.float64)
    error = y_pred - test.y_true.astype(np.float64)
    order = np.argsort(y_pred, kind="stable")
    fewest = max(test.settings.suppress_n, 2)
    parts = np.array_split(order, max(1, min(bins, len(order) // fewest)))
    spans = [_mean(test, error, part) for part in parts]
    return Curve(
        title="Mean error along the prediction",
        x_label="prediction (mean of the bin)",
        y_label="prediction minus truth",
        series=(
            Series(
                name="mean error",
                x=tuple(float(y_pred[part].mean()) for part in parts),
                y=tuple(one.value for one in spans),
                low=tuple(one.low for one in spans),
                high=tuple(one.high for one in spans),
                style="points",
            ),
        ),
        caption=f"{len(parts)} bins of equal size with 95 % intervals.",
    )


def _mean(test: Predictions, error: FloatArray, part: npt.NDArray[np.intp]) -> Span:
    """Return the mean error of a bin with its interval; weights and clusters count in it."""
    weight = None if test.weight is None else test.weight[part]
    found = mean(error[part], weight, None if test.cluster is None else test.cluster.take(part), test.settings.level)
    if found is not None:
        return found
    alone = float(error[part].mean())
    return Span(alone, alone, alone)
