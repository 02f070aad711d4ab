"""How well labels and scores fit the truth, over all test rows."""

from __future__ import annotations

from audit.check import check
from audit.estimate.influence import carries
from audit.estimate.measure import by_decider, estimate, estimates
from audit.estimate.metrics import metrics_for
from audit.evidence import Predictions
from audit.exhibits import by_decider_exhibits, estimates_table
from reports.phrases import metric_words
from reports.record import Measurement


@check(
    title="Classification metrics",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("Wilson 1927", "Newcombe 1998", "DeLong et al. 1988", "Takahashi et al. 2022"),
)
def classification(predictions: Predictions) -> Measurement:
    """Measure labels and scores against the truth on the test rows.

    Reading. Accuracy counts right decisions; balanced accuracy gives every class the same weight; precision,
    recall and F1 describe the positive class (binary) or of the mean over classes (macro). ROC AUC is the
    chance that a positive row is scored above a negative one. Log loss and Brier score penalize
    probabilities that are confident and wrong. Each number has its 95 % interval. Where a log says which model or
    version answered, each has its own numbers.

    Limits. The intervals hold for rows drawn as these were, not after a change in the
    population. Metrics of one test set are not independent of each other.
    """
    test = predictions.select(split="test")
    names = metrics_for("performance", test.task)
    there = [name for name in names if carries(test, name)]
    measured, apart = list(estimates(test, there)), by_decider(predictions, there)
    headline = test.headline
    first = next((estimate for estimate in measured if estimate.metric == headline), None) or estimate(test, headline)
    if first not in measured:
        measured.append(first)
    return Measurement(
        summary=f"{metric_words(headline)} is {first} on {test.total:,} test rows.",
        estimates=(*measured, *apart),
        exhibits=(
            estimates_table("Metrics on the test rows", measured),
            *by_decider_exhibits(predictions.deciders, apart, first),
        ),
        notes=(*predictions.notes, *(() if test.probabilities else (predictions.score_reason,))),
    )
