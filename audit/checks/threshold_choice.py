"""Is the threshold where it serves both classes?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from audit.check import check
from audit.estimate.influence import linear_form
from audit.estimate.making import with_interval
from audit.estimate.measure import estimates
from audit.estimate.thresholds import (
    Cuts,
    call_positive,
    cross_chosen,
    cut_in_use,
    cuts,
    score_of,
    spread_cuts,
    threshold_words,
)
from audit.evidence import Predictions
from audit.exhibits import estimates_table
from audit.statistics.intervals import on_scale
from audit.statistics.variance import variance
from reports.record import Cell, Curve, Estimate, Measurement, Series, Table

METRIC = "balanced_accuracy"
BY_THRESHOLD = ("balanced_accuracy", "selection_rate", "true_positive_rate", "false_positive_rate")
POINTS = 60
TABLE_ROWS = 10


@check(title="Choice of threshold", family="performance", tasks=("binary",), references=("Youden 1950",), revision=2)
def threshold_choice(predictions: Predictions) -> Measurement:
    """Choose another threshold on one half of the test rows, measure it on the other, and the other way round.

    Reading. How much balanced accuracy a threshold gains that was chosen for it. A clear gain says that
    decisions lean to one class: often a threshold of one half where positives are rare. The table says what
    each threshold would do: how many rows it selects, and which share of the positive and the negative ones.

    Limits. Balanced accuracy counts both kinds of error equally; where costs differ, so does the best
    threshold, and this gain is not a fault. The values by threshold are of all test rows: the best of them was
    chosen on the same rows and looks a little better than it is.
    """
    test = predictions.select(split="test")
    test = test if test.weight is None else test.take(test.weight > 0)
    score_of(test)
    moved, chosen = cross_chosen(test, "threshold_choice", best_threshold)
    gain = _gain(test, moved)
    text = " and ".join(threshold_words(value) for value in chosen)
    shown = (gain, *estimates(test, (METRIC,)))
    curve, used = cuts(test), cut_in_use(test)
    costs = "Costs are declared: the cost of decisions, not this gain, says which threshold is best."
    return Measurement(
        summary=f"Thresholds of {text}, each chosen on one half of the test rows, change balanced accuracy on the "
        f"other by {gain}.",
        estimates=shown,
        exhibits=(_curve(curve, used), _table(test, curve, used), estimates_table("Another threshold", shown)),
        notes=(costs,) if test.settings.costs is not None else (),
    )


def best_threshold(part: Predictions) -> float:
    """Return the score from which on calling rows positive has the highest balanced accuracy."""
    curve = cuts(part)
    return float(curve.threshold[1:][int(np.argmax((curve.true_rate - curve.false_rate)[1:]))])


def _gain(test: Predictions, moved: Predictions) -> Estimate:
    """Return what rows gain that were decided by the other half's threshold."""
    after, before = linear_form(moved, METRIC), linear_form(test, METRIC)
    spread = variance(after.influence - before.influence, test.weight, test.cluster)
    value, level = after.value - before.value, test.settings.level
    low, high, _ = on_scale(value, math.sqrt(spread.value), level=level, degrees=max(1.0, spread.degrees))
    return with_interval(
        "threshold_gain",
        value,
        (low, high),
        test.where,
        method="paired, chosen and measured on halves",
        n=len(test),
        unit="difference",
        level=level,
    )


def _curve(cuts: Cuts, used: float | None) -> Curve:
    kept = spread_cuts(cuts, POINTS)[::-1]
    selected = cuts.share * cuts.true_rate + (1 - cuts.share) * cuts.false_rate
    lines = {
        "balanced accuracy": (1 + cuts.true_rate - cuts.false_rate) / 2,
        "selection rate": selected,
        "true positive rate": cuts.true_rate,
        "false positive rate": cuts.false_rate,
    }
    x = tuple(float(cuts.threshold[k]) for k in kept)
    series = [Series(name=name, x=x, y=tuple(float(line[k]) for k in kept)) for name, line in lines.items()]
    if used is not None:
        place = int(np.searchsorted(-cuts.threshold, -used, side="right")) - 1  # the last threshold not below it
        series[0] = replace(series[0], mark=(used, float(lines["balanced accuracy"][place])), mark_name="in use")
    return Curve(
        title="Rates by threshold",
        x_label="threshold",
        y_label="rate",
        series=tuple(series),
        caption="Rows scored at or above the threshold are called positive."
        + (" The dot is the threshold in use." if used is not None else ""),
    )


def _table(test: Predictions, cuts: Cuts, used: float | None) -> Table:
    """Tell what a few thresholds along the curve would do, and what the decisions do now."""
    rows = [("in use" if used is None else f"{used:.3g} (in use)", *_tell(test))]
    rows += [
        (threshold_words(float(cuts.threshold[k])), *_tell(call_positive(test, float(cuts.threshold[k]))))
        for k in spread_cuts(cuts, TABLE_ROWS)[::-1]
    ]
    names = [name.replace("_", " ") for name in BY_THRESHOLD]
    return Table(title="What each threshold would do", columns=("threshold", *names), rows=tuple(rows))


def _tell(answers: Predictions) -> tuple[Cell, ...]:
    positive = replace(answers, settings=replace(answers.settings, favorable=""))  # what a threshold calls positive
    return tuple(str(estimate) for estimate in estimates(positive, BY_THRESHOLD))
