"""Would a plain linear model do as well?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.check import check
from audit.errors import DataError, NotApplicable
from audit.estimate.comparing import gain
from audit.estimate.influence import metric_of, scaled_headline
from audit.estimate.making import as_exact
from audit.estimate.measure import estimate
from audit.estimate.paired import paired_difference
from audit.evidence import Predictions
from audit.exhibits import estimates_table
from reports.phrases import metric_words
from reports.record import Measurement


@check(
    title="A simple model on the same rows",
    family="performance",
    references=("Hand 2006, Classifier technology and the illusion of progress", "DeLong et al. 1988"),
)
def simple_model(rivals: Predictions, predictions: Predictions) -> Measurement:
    """Compare the model with a plain linear one, fitted on the same training rows, on the same test rows.

    Reading. What the linear model gains over the audited one on the headline metric: above zero it is better.
    Its numbers are standardized, its categories one-hot, its penalty the default.

    Limits. The linear model is not tuned, and learns from a sample where there are very many rows. A model
    that is not better may still be wanted, for what the linear one cannot do.
    """
    if "linear" not in rivals.keys["variant"].levels:
        raise NotApplicable("; ".join(rivals.notes) or "no linear model could be fitted")
    ours = predictions.select(split="test")
    plain = rivals.select(split="test", variant="linear")
    ours, plain = ours.take(np.isin(ours.row, plain.row)), plain.take(np.isin(plain.row, ours.row))
    plain = replace(plain, where=ours.where)
    name = scaled_headline(ours)
    try:
        difference = paired_difference(plain, alike(ours, plain), name)
    except DataError as reason:
        raise NotApplicable(f"the two models cannot be paired: {reason}") from reason
    if difference.value == 0 and difference.low is None:  # two models that never part do not differ
        difference = as_exact(difference, "equal on every row")
    measured = gain(difference, metric_of(ours, name).better, "simple_model_gain")
    scores = tuple(
        replace(measured, metric=f"{who}_{name}")
        for who, measured in (("audited_model", estimate(ours, name)), ("linear_model", estimate(plain, name)))
    )
    return Measurement(
        summary=f"A plain linear model changes {metric_words(name)} by {measured}.",
        estimates=(measured, *scores),
        exhibits=(estimates_table("Audited and linear model", (*scores, measured)),),
        notes=tuple(note for note in rivals.notes if "linear" in note),
    )


def alike(ours: Predictions, other: Predictions) -> Predictions:
    """Give the model's answers the classes of the rival's, where it answers with more or fewer.

    Raises
    ------
    NotApplicable
        If the model answers with a class that the rival cannot.
    """
    if ours.classes == other.classes:
        return ours
    if not set(ours.classes) <= set(other.classes) or ours.classes != other.classes[: len(ours.classes)]:
        raise NotApplicable("the model returns labels that the target does not have")
    return replace(ours, classes=other.classes)
