"""Is the threshold where it serves both classes?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.errors import NotApplicable
from audit.evidence import FloatArray, Predictions
from audit.exhibits import estimates_table
from audit.intervals import on_scale
from audit.measure import estimates
from audit.slices.halves import halves
from audit.statistics.linear_forms import linear_form
from audit.statistics.variance import Undefined, variance
from reports.record import Curve, Estimate, Measurement, Series

METRIC = "balanced_accuracy"
POINTS = 200


@check(title="Choice of threshold", family="performance", tasks=("binary",), references=("Youden 1950",))
def threshold_choice(predictions: Predictions) -> Measurement:
    """Choose another threshold on one half of the test rows, measure it on the other, and the other way round.

    Reading. How much balanced accuracy a threshold gains that was chosen for it. A clear gain says that
    decisions lean to one class: often a threshold of one half where positives are rare.

    Limits. Balanced accuracy holds both kinds of error equally dear; where costs differ, so does the best
    threshold, and this gain is no fault.
    """
    test = predictions.select(split="test")
    if test.y_score is None:
        raise NotApplicable(test.score_reason)
    if not np.isfinite(test.y_score).all():
        raise NotApplicable("some scores are not finite")
    masks = halves(test, "threshold_choice")
    try:
        chosen = [best_threshold(test.take(mask)) for mask in masks]
        parts = [_gain(test.take(mask), threshold) for mask, threshold in zip(masks[::-1], chosen, strict=True)]
    except Undefined as reason:
        raise NotApplicable(f"a half of the test rows has {reason}") from reason
    gain = _estimate(parts, test)
    told = " and ".join(f"{threshold:.3g}" for threshold in chosen)
    shown = (gain, *estimates(test, (METRIC,)))
    return Measurement(
        summary=f"Thresholds of {told}, chosen on halves, change balanced accuracy by {gain}.",
        estimates=shown,
        exhibits=(_curve(test), estimates_table("Another threshold", shown)),
    )


def best_threshold(part: Predictions) -> float:
    """Return the score from which on calling rows positive has the highest balanced accuracy."""
    true_rate, false_rate, thresholds = _rates(part)
    return float(thresholds[int(np.argmax(true_rate - false_rate))])


def _rates(part: Predictions) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return true and false positive rates when rows of at least each distinct score are called positive."""
    assert part.y_score is not None  # noqa: S101 -- asked for by the caller
    weight = np.ones(len(part)) if part.weight is None else part.weight
    positive = part.y_true == 1
    if not (weight[positive].sum() > 0 and weight[~positive].sum() > 0):
        raise Undefined("rows of one class only")
    order = np.argsort(-part.y_score, kind="stable")
    score = part.y_score[order]
    last = np.append(score[1:] != score[:-1], True)
    hit, miss = (np.cumsum(np.where(side, weight, 0.0)[order])[last] for side in (positive, ~positive))
    return hit / hit[-1], miss / miss[-1], score[last]


def _gain(part: Predictions, threshold: float) -> tuple[float, float, float]:
    """Return gain, its variance and degrees of freedom on rows that the threshold was not chosen on."""
    assert part.y_score is not None  # noqa: S101
    kept = part if part.weight is None else part.take(part.weight > 0)
    assert kept.y_score is not None  # noqa: S101
    moved: npt.NDArray[np.int64] = (kept.y_score >= threshold).astype(np.int64)
    after, before = linear_form(replace(kept, y_pred=moved), METRIC), linear_form(kept, METRIC)
    spread = variance(after.influence - before.influence, kept.weight, kept.cluster)
    return after.value - before.value, spread.value, spread.degrees


def _estimate(parts: list[tuple[float, float, float]], test: Predictions) -> Estimate:
    value = sum(gain for gain, _, _ in parts) / 2
    error = math.sqrt(sum(spread for _, spread, _ in parts)) / 2
    degrees = max(1.0, sum(freedom for _, _, freedom in parts))
    low, high, _ = on_scale(value, error, level=test.settings.level, degrees=degrees)
    return Estimate(
        metric="threshold_gain",
        value=value,
        low=low,
        high=high,
        level=test.settings.level,
        method="paired, chosen and measured on halves",
        n=len(test),
        where=test.where,
        unit="difference",
    )


def _curve(test: Predictions) -> Curve:
    true_rate, false_rate, thresholds = _rates(test)
    kept = np.unique(np.linspace(0, len(thresholds) - 1, min(POINTS, len(thresholds))).astype(np.int64))
    balanced = (1 + true_rate - false_rate)[kept] / 2
    line = Series(name=METRIC, x=tuple(thresholds[kept].tolist()), y=tuple(balanced.tolist()))
    return Curve(
        title="Balanced accuracy by threshold", x_label="threshold", y_label="balanced accuracy", series=(line,)
    )
