"""Does the model's confidence give away the rows that it learned from?"""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.factor import concatenate
from audit.errors import NotApplicable
from audit.estimate.making import with_interval
from audit.evidence import FloatArray, Predictions
from audit.exhibits import estimates_table
from audit.statistics.ranking import auc_interval, roc_auc
from audit.statistics.variance import Undefined, cluster_codes, effective_n, variance
from reports.record import Estimate, Measurement

CLIP = 1e-12


@check(
    title="Membership inference",
    family="generalization",
    references=("Yeom et al. 2018, Privacy risk in machine learning", "Shokri et al. 2017"),
    requires=("train_answers",),
)
def membership(predictions: Predictions) -> Measurement:
    """Distinguish training rows from test rows by the model's loss on each, at equal class shares.

    Reading. The area under the curve of guessing that rows of low loss were learned from: 0.5 is a coin toss,
    1.0 identifies every member. A model far above one half has stored single rows; that is overfitting, and where
    rows are people, a leak of who was in the data.

    Limits. The simplest attack there is: stronger ones, with models of their own, find more. Test rows of
    another kind than the training rows are distinguished by their kind. Without probabilities the margin of the
    true class stands for the loss, without scores the error.
    """
    train, test = predictions.select(split="train"), predictions.select(split="test")
    loss, kind = _losses(train, test)
    if not all(np.isfinite(values).all() for values in loss):
        raise NotApplicable("the loss of some rows is not a finite number")
    estimate = _attack(loss, train, test)
    return Measurement(
        summary=f"The {kind} distinguishes training rows from test rows with ROC AUC {estimate}.",
        estimates=(estimate,),
        exhibits=(estimates_table("Membership inference", (estimate,)),),
        notes=(f"attack on the {kind} of each row",),
    )


def _attack(loss: tuple[FloatArray, FloatArray], train: Predictions, test: Predictions) -> Estimate:
    member = np.repeat([True, False], [len(train), len(test)])
    weight = np.concatenate(_equal_shares(train, test))
    kept = weight > 0
    cluster = None
    if train.cluster is not None and test.cluster is not None:
        cluster = concatenate([train.cluster, test.cluster]).take(kept)
    score, y, w = -np.concatenate(loss)[kept], member[kept], weight[kept]
    plain = None if not len(w) or bool((w == w[0]).all()) else w
    try:
        area = roc_auc(y, score, plain)
    except Undefined as reason:
        raise NotApplicable(f"training and test rows have no class in common: {reason}") from reason
    spread = variance(area.influence, plain, cluster)
    units = len(y) if cluster is None else len(np.unique(cluster_codes(cluster)))
    rows = len(y) if plain is None else effective_n(plain)
    low, high, method = auc_interval(
        area.value, spread, y, plain, test.settings.level, min(1.0, units / max(rows, 1.0))
    )
    return with_interval(
        "membership_auc",
        area.value,
        (low, high),
        test.where,
        method=method,
        n=int(min(y.sum(), (~y).sum())),
        unit="score",
        level=test.settings.level,
    )


def _losses(train: Predictions, test: Predictions) -> tuple[tuple[FloatArray, FloatArray], str]:
    if train.task == "regression":
        return (_square(train), _square(test)), "squared error"
    if train.y_score is None:
        return (_wrong(train), _wrong(test)), "error"
    own, other = _of_true_class(train), _of_true_class(test)
    if train.probabilities:
        return (-np.log(np.clip(own, CLIP, 1.0)), -np.log(np.clip(other, CLIP, 1.0))), "log loss"
    return (-own, -other), "negative margin of the true class"


def _square(part: Predictions) -> FloatArray:
    return np.asarray((part.y_true.astype(np.float64) - part.y_pred.astype(np.float64)) ** 2)


def _wrong(part: Predictions) -> FloatArray:
    return np.asarray(part.y_true != part.y_pred).astype(np.float64)


def _of_true_class(part: Predictions) -> FloatArray:
    """Return the score of each row's true class; of margins, what it is above the best other one."""
    assert part.y_score is not None  # noqa: S101 -- asked for by the caller
    codes = part.y_true.astype(np.int64)
    if part.y_score.ndim == 1:
        rest = 1 - part.y_score if part.probabilities else -part.y_score
        return np.where(codes == 1, part.y_score, rest)
    own = np.take_along_axis(part.y_score, codes[:, None], axis=1)[:, 0]
    if part.probabilities:
        return own
    others = part.y_score.copy()
    np.put_along_axis(others, codes[:, None], -np.inf, axis=1)
    return np.asarray(own - others.max(axis=1))


def _equal_shares(train: Predictions, test: Predictions) -> tuple[FloatArray, FloatArray]:
    """Return weights under which classes have the same shares in both, those of the test rows."""
    weights = [np.ones(len(part)) if part.weight is None else part.weight for part in (train, test)]
    if train.task == "regression":
        return weights[0], weights[1]
    codes = [part.y_true.astype(np.int64) for part in (train, test)]
    sums = [np.bincount(values, w, minlength=len(train.classes)) for values, w in zip(codes, weights, strict=True)]
    both = (sums[0] > 0) & (sums[1] > 0)
    factor = np.divide(sums[1], sums[0], out=np.zeros(len(both)), where=both)
    return weights[0] * factor[codes[0]], weights[1] * both[codes[1]]
