"""How well labels and scores fit the truth, over all test rows."""

from __future__ import annotations

from audit.check import check
from audit.estimate.measure import estimate, estimates
from audit.evidence import Predictions
from audit.exhibits import estimates_table
from reports.phrases import metric_words
from reports.record import Measurement

BINARY = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "matthews_corrcoef",
    "cohen_kappa",
)
MULTICLASS = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_weighted",
    "matthews_corrcoef",
    "cohen_kappa",
)
RANKING = {"binary": ("roc_auc", "average_precision"), "multiclass": ("roc_auc",)}
PROBABILITY = ("log_loss", "brier_score")


@check(
    title="Classification metrics",
    family="performance",
    tasks=("binary", "multiclass"),
    references=("Wilson 1927", "Newcombe 1998", "DeLong et al. 1988", "Takahashi et al. 2022"),
)
def classification(predictions: Predictions) -> Measurement:
    """Measure labels and scores against the truth on the test rows.

    Reading. Accuracy counts right decisions; balanced accuracy gives every class the same say; precision,
    recall and F1 speak of the positive class (binary) or of the mean over classes (macro). ROC AUC is the
    chance that a positive row is scored above a negative one. Log loss and Brier score punish
    probabilities that are wrong and sure. Each number stands with its 95 % interval.

    Limits. The intervals speak of rows drawn as these were; they know nothing of a change in the
    population. Metrics of one test set are not independent of each other.
    """
    test = predictions.select(split="test")
    names = BINARY if test.task == "binary" else MULTICLASS
    measured = list(estimates(test, names))
    if test.y_score is not None:
        measured += estimates(test, RANKING[test.task])
    if test.probabilities:
        measured += estimates(test, PROBABILITY)
    headline = test.headline
    first = next((one for one in measured if one.metric == headline), None) or estimate(test, headline)
    if first not in measured:
        measured.append(first)
    return Measurement(
        summary=f"{metric_words(headline)} is {first} on {test.total:,} test rows.",
        estimates=tuple(measured),
        exhibits=(estimates_table("Metrics on the test rows", measured),),
        notes=(*predictions.notes, *(() if test.probabilities else (predictions.score_reason,))),
    )
