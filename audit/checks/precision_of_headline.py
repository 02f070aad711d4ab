"""How precisely the test rows pin down the headline metric."""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.influence import scaled_headline
from audit.estimate.making import exact
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from reports.phrases import metric_words
from reports.record import Measurement


@check(title="Precision of the headline", family="performance")
def precision_of_headline(predictions: Predictions) -> Measurement:
    """Measure half the width of the headline metric's interval.

    Reading. Half the width of the 95 % interval: how far the number may be off by chance alone.

    Limits. It says nothing about rows that are unlike those to come.
    """
    test = predictions.select(split="test")
    name = scaled_headline(test)
    headline = estimate(test, name)
    if headline.value is None or headline.low is None or headline.high is None:
        raise NotApplicable(f"{name} has no interval here: {headline.reason}")
    half = (headline.high - headline.low) / 2
    measured = exact("headline_half_width", half, test.where, n=test.total, unit="difference")
    return Measurement(summary=f"{metric_words(name)} is known to ±{half:.3f}: {headline}.", estimates=(measured,))
