"""Is there more to learn from these rows than the model has learned?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.comparing import compare_estimates, gain
from audit.estimate.influence import metric_of, scaled_headline
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.exhibits import estimates_table
from reports.phrases import metric_words
from reports.record import Measurement


@check(
    title="A stronger model on the same rows",
    family="generalization",
    references=("Zou and Donner 2008",),
    requires=("train_answers",),
)
def stronger_model(rivals: Predictions, predictions: Predictions) -> Measurement:
    """Compare the model's score on its own training rows with what a stronger model reaches on test rows.

    Reading. Above zero, another model predicts new rows better than the audited one predicts those it learned
    from: it underfits. The score is the headline metric. The stronger model is boosting or extra
    trees, whichever is better on held-out training rows, with default settings.

    Limits. The stronger model is not tuned and learns from a sample where there are many rows: no gap is not
    proof that nothing is left to learn.
    """
    if "stronger" not in rivals.keys["variant"].levels:
        raise NotApplicable("; ".join(rivals.notes) or "no stronger model could be fitted")
    train, test = predictions.select(split="train"), predictions.select(split="test")
    name = scaled_headline(test)
    rival = replace(rivals.select(split="test", variant="stronger"), where=test.where)
    reached, own, on_test = estimate(rival, name), estimate(train, name), estimate(test, name)
    measured = gain(compare_estimates(reached, own, "difference"), metric_of(test, name).better, "underfitting_gap")
    shown = (
        measured,
        replace(reached, metric=f"stronger_model_{name}"),
        replace(own, metric=f"audited_model_{name}"),
        replace(on_test, metric=f"audited_model_{name}"),
    )
    return Measurement(
        summary=f"A stronger model's {metric_words(name)} on test rows is above this model's in training by "
        f"{measured}.",
        estimates=shown,
        exhibits=(
            estimates_table(
                "Stronger and audited model",
                (replace(own, metric=f"audited, on training rows: {name}"), *shown[:2], shown[3]),
            ),
        ),
        notes=tuple(note for note in rivals.notes if "stronger" in note),
    )
