"""How far predictions are from the truth, in the target's own unit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import of_metrics
from audit.estimate.measure import by_decider, estimates
from audit.estimate.metrics import metrics_for
from audit.estimate.views import variance_of
from audit.evidence import FloatArray, Predictions
from audit.exhibits import by_decider_exhibits, estimates_table
from audit.statistics.intervals import Span, on_scale
from reports.record import Curve, Measurement, Series


@check(title="Regression metrics and residuals", family="performance", tasks=("regression",), requires=("test",))
def regression(predictions: Predictions, *, bins: int = 12) -> Measurement:
    """Measure errors and show where along the prediction they lie.

    Reading. R² is the share of the target's variance that is explained; mean absolute error is in the
    target's own unit; the mean error (prediction minus truth) should be near zero everywhere along the
    curve of residuals.

    Limits. Means hide rare large errors; compare with the median. The curve shows means of bins, not rows.
    """
    test = predictions.select(split="test")
    if not np.isfinite(test.y_pred.astype(np.float64)).all():
        raise NotApplicable("; ".join(f"{n} {what}" for what, n in predictions.invalid.items()))
    names = tuple(dict.fromkeys((*metrics_for("performance", test.task), test.headline)))
    measured, apart = estimates(test, names), by_decider(predictions, names)
    explained, miss = (of_metrics(measured, name)[0] for name in ("r2_score", "mean_absolute_error"))
    return Measurement(
        summary=f"R² is {explained}, mean absolute error {miss}.",
        estimates=(*measured, *apart),
        exhibits=(
            estimates_table("Metrics on the test rows", measured),
            *by_decider_exhibits(predictions.deciders, apart, miss),
            _residuals(test, bins),
        ),
    )


def _residuals(test: Predictions, bins: int) -> Curve:
    y_pred = test.y_pred.astype(np.float64)
    error = y_pred - test.y_true.astype(np.float64)
    parts = _bins(test, np.argsort(y_pred, kind="stable"), bins)
    spans = [_mean(test, error, part) for part in parts]
    return Curve(
        title="Mean error along the prediction",
        x_label="prediction (mean of the bin)",
        y_label="prediction minus truth",
        series=(
            Series(
                name="mean error",
                x=tuple(_center(test, y_pred, part) for part in parts),
                y=tuple(span.value for span in spans),
                low=tuple(span.low for span in spans),
                high=tuple(span.high for span in spans),
                style="points",
            ),
        ),
        caption=f"{len(parts)} bins of equal size with 95 % intervals.",
    )


def _bins(test: Predictions, order: npt.NDArray[np.intp], bins: int) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each bin of equal size; a cell of a counted log goes where its middle row goes."""
    number = max(1, min(bins, test.total // max(test.settings.suppress_n, 2)))
    if test.repeats is None:
        return np.array_split(order, number)
    rows = test.repeats.n[order]
    cuts = np.searchsorted(np.cumsum(rows) - rows / 2, test.total * np.arange(1, number) / number)
    return [part for part in np.split(order, cuts) if len(part)]


def _center(test: Predictions, values: FloatArray, part: npt.NDArray[np.intp]) -> float:
    return float(np.average(values[part], weights=None if test.repeats is None else test.repeats.n[part]))


def _mean(test: Predictions, error: FloatArray, part: npt.NDArray[np.intp]) -> Span:
    """Return the mean error of a bin with its interval; weights and clusters count in it."""
    predictions = test.take(part)
    center = float(np.average(error[part], weights=predictions.weight))
    spread, degrees = variance_of(predictions, error[part] - center)
    if degrees <= 0 or spread <= 0:
        alone = _center(test, error, part)
        return Span(alone, alone, alone)
    low, high, _ = on_scale(center, math.sqrt(spread), level=test.settings.level, degrees=degrees)
    return Span(center, low, high)
