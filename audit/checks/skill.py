"""Is the model better than the best constant answer?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.check import check
from audit.estimate.making import exact
from audit.estimate.measure import estimate
from audit.estimate.metrics import metric as metric_of
from audit.evidence import Predictions
from reports.phrases import metric_words
from reports.record import Measurement, Prose


@check(title="Skill over a constant", family="performance", references=("Hand 2006",), requires=("test",))
def skill(predictions: Predictions) -> Measurement:
    """Compare the model with the best answer that ignores its input.

    Reading. A constant score has ROC AUC 0.5, a constant label balanced accuracy 1/k over k classes, the
    mean an R² of 0. The skill is what the model has above that. A model whose answers are all alike is
    taken to have none.

    Limits. Beating a constant is the least one can ask; it does not make a model useful.
    """
    test = predictions.select(split="test")
    metric, chance = _chance(test)
    if _constant(test, metric):
        measured = exact("skill_over_constant", 0.0, test.where, n=test.total, unit="difference")
        return Measurement(summary="All answers are alike: no skill over a constant.", estimates=(measured,))
    raw = estimate(test, metric)
    measured = replace(raw.affine(1.0, -chance), metric="skill_over_constant", unit="difference")
    text = f"{metric_words(metric)} is {raw}; the best constant answer has {chance:.3g}."
    return Measurement(summary=text, estimates=(measured,), exhibits=(Prose(title="Compared with", text=text),))


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
