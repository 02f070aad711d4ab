"""Is the model better than the best constant answer?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from audit.check import check
from audit.estimate.making import exact, with_interval
from audit.estimate.measure import estimate
from audit.estimate.metrics import metric as metric_of
from audit.evidence import Predictions
from audit.explain.importance import rank_correlation
from audit.statistics.intervals import z_value
from reports.phrases import metric_words
from reports.record import Estimate, Measurement, Prose

ALMOST = 1 - 1e-12


@check(
    title="Skill over a constant",
    family="performance",
    references=("Hand 2006", "Bonett and Wright 2000"),
    requires=("test",),
)
def skill(predictions: Predictions) -> Measurement:
    """Compare the model with the best answer that ignores its input.

    Reading. A constant score has ROC AUC 0.5, a constant label balanced accuracy 1/k over k classes, the
    mean an R² of 0. The skill is what the model has above that. A model whose answers are all the same
    has none.

    Where numbers are predicted worse than the mean would do, the rank correlation of answers and true values
    is shown with it: a high one says that the answers may be on another scale.

    Limits. Beating a constant is the least one can ask; it does not make a model useful.
    """
    test = predictions.select(split="test")
    metric, chance = _chance(test)
    if _constant(test, metric):
        measured = exact("skill_over_constant", 0.0, test.where, n=test.total, unit="difference")
        return Measurement(summary="All answers are the same: no skill over a constant answer.", estimates=(measured,))
    raw = estimate(test, metric)
    measured = replace(raw.affine(1.0, -chance), metric="skill_over_constant", unit="difference")
    text = f"{metric_words(metric)} is {raw}; the best constant answer has {chance:.3g}."
    estimates = (measured, *_rank_correlation(test)) if measured.high is not None and measured.high < 0 else (measured,)
    return Measurement(summary=text, estimates=estimates, exhibits=(Prose(title="Compared with", text=text),))


def _rank_correlation(test: Predictions) -> tuple[Estimate, ...]:
    if test.task != "regression" or test.repeats is not None:
        return ()
    answers, truth = (values.astype(np.float64) for values in (test.y_pred, test.y_true))
    value = float(rank_correlation(answers, truth))
    if not math.isfinite(value) or len(test) < 4:
        return ()
    level = test.settings.level
    half = z_value(level) * math.sqrt((1 + value**2 / 2) / (len(test) - 3))  # Bonett and Wright 2000
    center = math.atanh(max(-ALMOST, min(ALMOST, value)))
    limits = tuple(math.tanh(center + side) for side in (-half, half))
    return (
        with_interval(
            "rank_correlation_with_truth", value, (min(limits[0], value), max(limits[1], value)), test.where,
            method="Fisher's z of ranks", n=len(test), unit="score", level=level,
        ),
    )  # fmt: skip


def _chance(test: Predictions) -> tuple[str, float]:
    if test.task == "regression":
        return "r2_score", 0.0
    if test.task == "binary" and test.y_score is not None:
        return "roc_auc", 0.5
    present = len(np.unique(test.y_true))
    return "balanced_accuracy", 1.0 / max(present, 1)


def _constant(test: Predictions, metric: str) -> bool:
    answers = test.y_score if metric_of(metric).needs == "score" and test.y_score is not None else test.y_pred
    return bool((answers == answers[0]).all())
