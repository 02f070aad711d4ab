"""Whether a regression errs in one direction, or more, for some groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import of_metrics
from audit.estimate.measure import by_group, ratios_to, reference_group
from audit.estimate.views import squares_of
from audit.evidence import Predictions
from audit.exhibits import by_address_table, forest, label
from audit.statistics.variance import effective_n
from reports.record import Estimate, Exhibit, Measurement


@check(
    title="Residuals by group",
    family="fairness",
    tasks=("regression",),
    references=("Agarwal, Dudík and Wu 2019",),
    requires=("sensitive",),
)
def residual_disparities(predictions: Predictions) -> Measurement:
    """Measure the mean error of each group, and its mean absolute error against the reference group's.

    Reading. The mean error is in standard deviations of the target: above zero the model promises the group
    too much, below too little. A ratio of mean absolute errors over one says that the model is less exact
    for the group than for the reference group.

    Limits. A target that was itself measured with a bias shows no gap here.
    """
    test = predictions.select(split="test")
    spread = _spread(test)
    if not spread > 0:
        raise NotApplicable("the target does not vary on the test rows")
    estimates: list[Estimate] = []
    exhibits: list[Exhibit] = []
    for features in test.crossings():
        groups = by_group(test, ("mean_error", "mean_absolute_error"), features)
        errors = [_scale(of_metric, spread) for of_metric in of_metrics(groups, "mean_error")]
        exact = of_metrics(groups, "mean_absolute_error")
        ratios = list(ratios_to(exact, reference_group(test, features), test.settings.min_n))
        by = " × ".join(features)
        exhibits.append(
            forest(
                f"Mean error by {by}",
                errors,
                x_label="mean error, in standard deviations of the target",
                reference=0.0,
                min_n=test.settings.min_n,
            )
        )
        exhibits.append(by_address_table(f"Residuals by {by}", [*errors, *ratios], folded=len(features) > 1))
        estimates += [*errors, *ratios]
    known = [
        estimate
        for estimate in estimates
        if estimate.metric == "standardized_mean_error" and estimate.value is not None
    ]
    widest = max(known, key=lambda estimate: abs(estimate.value or 0.0), default=None)
    text = "No group could be measured." if widest is None else f"Largest mean error: {label(widest.where)}, {widest}."
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=tuple(exhibits))


def _spread(test: Predictions) -> float:
    """Return the standard deviation of the target; the scale of weights does not matter."""
    y = test.y_true.astype(np.float64)
    weight = np.ones(len(y)) if test.weight is None else test.weight
    effective = effective_n(weight, squares_of(test))
    if not effective > 1:
        return 0.0
    around = y - np.average(y, weights=weight)
    return float(np.sqrt(np.average(around**2, weights=weight) * effective / (effective - 1)))


def _scale(estimate: Estimate, spread: float) -> Estimate:
    return replace(estimate.affine(1 / spread), metric="standardized_mean_error", unit="difference")
