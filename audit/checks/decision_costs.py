"""What the decisions cost, and what the cheapest threshold would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from audit.check import check
from audit.costs import Costs
from audit.errors import NotApplicable
from audit.estimate.cost_changes import cost_change
from audit.estimate.making import absent, with_interval
from audit.estimate.measure import groups
from audit.estimate.thresholds import (
    Cuts,
    call_positive,
    cross_chosen,
    cut_in_use,
    cuts,
    mean_within,
    score_of,
    spread_cuts,
    threshold_words,
)
from audit.evidence import COUNTED, NO_ROWS, FloatArray, Predictions
from audit.evidence.requirements import require_evidence
from audit.exhibits import by_address_table
from audit.statistics.intervals import Span
from reports.record import Cell, Curve, Estimate, Exhibit, Measurement, Series, Table

POINTS = 40
TABLE_ROWS = 10
NONE_DECLARED = (
    "needs costs: state what a false_positive and a false_negative cost in [costs]; "
    "then the cheapest threshold is searched"
)


@check(
    title="Cost of decisions",
    family="performance",
    tasks=("binary",),
    references=("Elkan 2001, The foundations of cost-sensitive learning", "Tango 1998"),
)
def decision_costs(predictions: Predictions) -> Measurement:
    """Measure what a decision costs by the declared costs, and what it would cost at the cheapest threshold.

    Reading. Cost of a row on average, in the unit of the declared costs. The cheapest threshold is chosen on
    one half of the test rows and paid for on the other, and the other way round, so that its cost does not profit
    from the rows it was chosen on. The change is paired with the decisions as made: below zero is cheaper,
    and an interval that holds zero says that no difference is shown. Groups are decided by the same
    thresholds: the table says who would gain and who would pay.

    Limits. Only as right as the costs: they are the user's, the same for every row, and this is not advice on what a
    mistake done to a person is worth. The values by threshold are of all test rows, so the lowest of them
    looks a little lower than it is.
    """
    test = predictions.select(split="test")
    costs = test.settings.costs
    if costs is None:
        raise NotApplicable(NONE_DECLARED)
    test = test if test.weight is None else test.take(test.weight > 0)
    require_evidence("test", predictions=test)
    if test.y_score is None or test.repeats is not None:
        cost, why = _cost(test, costs), test.score_reason if test.y_score is None else f"no other thresholds: {COUNTED}"
        return Measurement(summary=f"A decision costs {cost}.", estimates=(cost,), notes=(why,))
    score_of(test)
    moved, chosen = cross_chosen(test, "decision_costs", lambda part: cheapest_threshold(part, costs))
    cost, change = _cost(test, costs), _change(test, moved, costs)
    paid = replace(_cost(moved, costs), metric="expected_cost_chosen")
    by_group = _by_group(test, moved, costs)
    curve, used = cuts(test), cut_in_use(test)
    drawn: list[Exhibit] = [_curve(test, curve, costs, used), _table(test, curve, costs, used)]
    for feature in test.sensitive:
        own = [estimate for estimate in by_group if feature in estimate.where]
        drawn.append(by_address_table(f"Costs by {feature}", own, caption="Everyone by the same thresholds."))
    return Measurement(
        summary=_summary(cost, paid, change, chosen),
        estimates=(cost, paid, change, *by_group),
        exhibits=tuple(drawn),
        notes=_notes(test, costs),
    )


def cheapest_threshold(part: Predictions, costs: Costs) -> float:
    """Return the threshold with the least cost on these rows; infinity where calling nobody positive is cheapest."""
    curve = cuts(part)
    cost = _cost_of_rates(curve.true_rate, curve.false_rate, curve.share, costs)
    return float(curve.threshold[int(np.argmin(cost))])


def _cost_of_rates(true_rate: FloatArray, false_rate: FloatArray, share: float, costs: Costs) -> FloatArray:
    positives = costs.true_positive * true_rate + costs.false_negative * (1 - true_rate)
    negatives = costs.false_positive * false_rate + costs.true_negative * (1 - false_rate)
    return share * positives + (1 - share) * negatives


# --- numbers --------------------------------------------------------------------------------------


def _cost(part: Predictions, costs: Costs) -> Estimate:
    low, high = costs.range
    level = part.settings.level
    if part.weight is None and part.cluster is None:
        kinds = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        cells = np.bincount(2 * part.y_true.astype(np.int64) + part.y_pred.astype(np.int64), minlength=4)
        whole = cells.astype(np.float64)
        span = mean_within(costs.by_row(*kinds), low, high, weight=whole, repeats=(cells, whole), level=level)
    else:
        paid = costs.by_row(part.y_true, part.y_pred)
        span = mean_within(paid, low, high, weight=part.weight, cluster=part.cluster, level=level, repeats=part.repeats)
    return _write("expected_cost", span, part, "score, effective n")


def _change(part: Predictions, moved: Predictions, costs: Costs) -> Estimate:
    method = "tango, chosen and measured on halves"
    return cost_change("expected_cost_change", part, moved, costs, method=method)


def _write(name: str, span: Span, part: Predictions, method: str) -> Estimate:
    return with_interval(
        name,
        span.value,
        (span.low, span.high),
        part.where,
        method=method,
        n=len(part),
        unit="cost",
        level=part.settings.level,
    )


def _by_group(test: Predictions, moved: Predictions, costs: Costs) -> list[Estimate]:
    estimates: list[Estimate] = []
    for feature in test.sensitive:
        for levels, rows in groups(test, (feature,)):
            where = {feature: levels[0]}
            if why := test.settings.why_hidden(where, len(rows)):
                estimates += _absent({**test.where, **where}, why)
                continue
            part, other = test.take(rows, where), moved.take(rows, where)
            estimates += [_cost(part, costs), _change(part, other, costs)]
    return estimates


def _absent(where: Mapping[str, str], reason: str) -> list[Estimate]:
    n = 0 if reason == NO_ROWS else None
    names = ("expected_cost", "expected_cost_change")
    return [absent(name, where, reason, n=n, unit="cost") for name in names]


# --- words and figures ----------------------------------------------------------------------------


def _summary(cost: Estimate, paid: Estimate, change: Estimate, chosen: tuple[float, float]) -> str:
    text = " and ".join(dict.fromkeys(threshold_words(value) for value in chosen))
    words = f"A decision costs {cost}; with the threshold that is cheapest on the other half ({text}) it costs {paid}: "
    low, high = change.low or 0.0, change.high or 0.0
    if high < 0:
        return f"{words}cheaper, by {change}."
    return f"{words}more expensive, by {change}." if low > 0 else f"{words}no difference is shown, {change}."


def _notes(test: Predictions, costs: Costs) -> tuple[str, ...]:
    stated = ", ".join(
        f"{name.replace('_', ' ')} {getattr(costs, name):g}"
        for name in ("false_positive", "false_negative", "true_positive", "true_negative")
    )
    calibrated = f"If the scores are calibrated, the cheapest threshold is {costs.threshold:.3g}."
    return (f"Costs of a row: {stated}.", *((calibrated,) if test.probabilities else ()))


def _curve(test: Predictions, cuts: Cuts, costs: Costs, used: float | None) -> Curve:
    kept = [float(cuts.threshold[k]) for k in spread_cuts(cuts, POINTS)[::-1]]
    paid = [_cost(call_positive(test, threshold), costs) for threshold in kept]
    line = Series(
        name="cost of a decision",
        x=tuple(kept),
        y=tuple(estimate.value or 0.0 for estimate in paid),
        low=tuple(estimate.low or 0.0 for estimate in paid),
        high=tuple(estimate.high or 0.0 for estimate in paid),
    )
    if used is not None:
        line = replace(line, mark=(used, _cost(test, costs).value or 0.0), mark_name="in use")
    return Curve(
        title="Cost of a decision by threshold",
        x_label="threshold",
        y_label="cost of a row",
        series=(line,),
        caption="Lower is better; the band is the interval of the cost at that threshold."
        + (" The dot is the threshold in use." if used is not None else ""),
    )


def _table(test: Predictions, cuts: Cuts, costs: Costs, used: float | None) -> Table:
    rows: list[tuple[Cell, ...]] = [_row("in use" if used is None else f"{used:.3g} (in use)", test, costs)]
    for place in (0, *spread_cuts(cuts, TABLE_ROWS)):
        threshold = float(cuts.threshold[place])
        rows.append(_row(threshold_words(threshold), call_positive(test, threshold), costs))
    return Table(
        title="What each threshold would cost",
        columns=("threshold", "called positive", "true positive rate", "false positive rate", "cost of a row"),
        rows=tuple(rows),
        caption="Rows scored at or above the threshold are called positive.",
    )


def _row(name: str, answers: Predictions, costs: Costs) -> tuple[Cell, ...]:
    weight = np.ones(len(answers)) if answers.weight is None else answers.weight
    positive, true = answers.y_pred == 1, answers.y_true == 1
    shares = [float(np.average(positive[mask], weights=weight[mask])) for mask in (np.ones_like(true), true, ~true)]
    return (name, *(f"{share:.3f}" for share in shares), str(_cost(answers, costs)))
