"""Did mitigation narrow the gap, at what cost, and who gained and who lost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audit.check import check
from audit.costs import Costs
from audit.errors import quote, quote_all
from audit.estimate.changes import share
from audit.estimate.cost_changes import cost_change
from audit.estimate.gaps import Shift, gap, gap_change, shift, toward_favorable
from audit.estimate.influence import metric_of
from audit.estimate.making import absent
from audit.estimate.measure import by_group, estimate, groups
from audit.estimate.paired import align_predictions, churn, paired_by_group, paired_difference
from audit.evidence import Mitigated, Predictions
from audit.exhibits import by_address_table, forest, label
from reports.mitigation import sentence
from reports.record import Cell, Curve, Estimate, Exhibit, Measurement, Prose, Series, Table

CONFLICT = (
    "Measures of fairness conflict: where groups differ in how often the outcome comes true, equal rates, equal errors "
    "and equal calibration cannot all hold (Kleinberg et al. 2017; Chouldechova 2017). Which one is to hold is a "
    "decision for people, not for this tool."
)


@check(
    title="Mitigation",
    family="fairness",
    references=(
        "Mittelstadt, Wachter and Russell 2023, The unfairness of fair machine learning: levelling down",
        "Kleinberg, Mullainathan and Raghavan 2017, Inherent trade-offs in the fair determination of risk scores",
        "Tango 1998, Equivalence test and confidence interval for the difference in proportions",
    ),
)
def mitigation(mitigated: Mitigated) -> Measurement:
    """Compare a model with itself after mitigation, and with a control, row by row on test rows.

    Reading. The gap is the largest difference of the chosen rate between two groups. Its change says what
    mitigation did; the control, the old model with one threshold moved to the same selection rate, says what
    would have happened without it. A gap can close because the worse-off gain, or because the better-off
    lose (levelling down): both are shown. Gained and lost count people whose decision changed.

    Limits. Closing one gap may open another. Paired numbers describe these rows. Who gained depends on which
    outcome is favorable. Whether the sensitive feature may be read for a decision is a question of law.
    """
    pair = mitigated.before_and_after
    before, after, control = pair.before, pair.after, None if mitigated.control is None else mitigated.control.after
    estimates = _gaps(mitigated, before, after, control)
    moved = shift(before, after, mitigated.rates, mitigated.features, higher=mitigated.higher)
    closed = next(estimate for estimate in estimates if estimate.metric == "gap_change")
    if moved is not None:
        estimates += [moved.lost, moved.gained]
        if closed.value is not None and closed.value > 0:
            estimates.append(moved.excess)
    others = _others(mitigated, before, after)
    costs = [*_costs(before, after, control), *_decisions(mitigated.costs, before, after, control)]
    people = _people(mitigated, before, after)
    calibrated = _calibration(mitigated, before, after)
    rest = [*_front(mitigated), *_seeds(mitigated), *_proxies(mitigated)]
    exhibits: list[Exhibit] = [
        _arms_table(estimates, costs),
        by_address_table("Who gained and who lost", people, caption="Shares of the rows of each group and outcome."),
    ]
    if text := _in_words(mitigated.features, people):
        exhibits.insert(0, Prose(title="Who gained and who lost, in words", text=text))
    if others:
        exhibits.append(
            by_address_table(
                "Gaps of the other sensitive features", others, caption="The same rates; nobody tried to narrow these."
            )
        )
    if calibrated:
        exhibits.append(
            forest("Calibration by group, before and after", calibrated, x_label="mean score less share", reference=0.0)
        )
    exhibits += _front_curve(mitigated, rest)
    exhibits.append(Prose(title="For a person to decide and sign", text=_to_sign(mitigated)))
    return Measurement(
        summary=_summary(mitigated, estimates, moved),
        estimates=(*estimates, *others, *costs, *people, *calibrated, *rest),
        exhibits=tuple(exhibits),
        notes=(*mitigated.notes, CONFLICT),
    )


def _gaps(mitigated: Mitigated, before: Predictions, after: Predictions, control: Predictions | None) -> list[Estimate]:
    rates, features = mitigated.rates, mitigated.features
    estimates = [gap("gap_before", before, rates, features), gap("gap_after", after, rates, features)]
    estimates.append(gap_change("gap_change", before, after, rates, features))
    if control is not None:
        estimates.append(gap("gap_control", control, rates, features))
        estimates.append(gap_change("gap_beyond_control", control, after, rates, features))
    return estimates


def _others(mitigated: Mitigated, before: Predictions, after: Predictions) -> list[Estimate]:
    """Measure what happened to the gaps of the other sensitive features, which may have grown."""
    estimates: list[Estimate] = []
    rates = mitigated.rates
    for feature in before.sensitive:
        features = (feature,)
        if features == mitigated.features:
            continue
        estimates += [gap("other_gap_before", before, rates, features), gap("other_gap_after", after, rates, features)]
        estimates.append(gap_change("other_gap_change", before, after, rates, features))
    return estimates


def _headlines(before: Predictions) -> tuple[str, ...]:
    """Name the metrics that a cost is given in: of the answers, and of the scores where these are asked for."""
    if before.task == "regression":
        return ("r2_score",)
    return tuple(dict.fromkeys(("accuracy", before.headline)))


def _costs(before: Predictions, after: Predictions, control: Predictions | None) -> list[Estimate]:
    """Measure what mitigation costs: above 0 where the model was better before."""
    estimates = []
    for name in _headlines(before):
        without = before.y_score is None or after.y_score is None
        needs = metric_of(before, name).needs
        if needs in ("score", "probabilities") and without:
            continue
        estimates.append(_cost(f"{name}_cost", before, after, name))
        if control is not None and needs == "counts":
            estimates.append(_cost(f"{name}_cost_control", before, control, name))
    return estimates


def _decisions(
    costs: Costs | None, before: Predictions, after: Predictions, control: Predictions | None
) -> list[Estimate]:
    """Measure what decisions cost more, by the costs stated or those that the model's own threshold implies."""
    if costs is None or before.task != "binary":
        return []
    arms = {"expected_cost_change": after, "expected_cost_change_control": control}
    return [
        cost_change(name, *align_predictions(before, part), costs, method="paired, tango")
        for name, part in arms.items()
        if part is not None
    ]


def _cost(label: str, before: Predictions, after: Predictions, name: str) -> Estimate:
    lower = metric_of(before, name).better == "lower"
    estimate = paired_difference(after, before, name) if lower else paired_difference(before, after, name)
    return replace(estimate, metric=label)


def _people(mitigated: Mitigated, before: Predictions, after: Predictions) -> list[Estimate]:
    """Measure who gained and who lost, by group and by what came true."""
    if before.task == "regression":
        return list(paired_by_group(after, before, ["mean_squared_error"], mitigated.features))
    predictions, other = toward_favorable(before), toward_favorable(after)
    estimates: list[Estimate] = []
    least = max(predictions.settings.suppress_n, 1)
    for levels, rows in groups(predictions, mitigated.features):
        where = {**predictions.where, **dict(zip(mitigated.features, levels, strict=True))}
        if predictions.settings.why_hidden(where, len(rows)):
            continue
        estimates.append(replace(churn(before.take(rows), after.take(rows)), where=where))
        for code, name in enumerate(predictions.classes):
            part = rows[predictions.y_true[rows] == code]
            if len(part) < least or 0 < len(rows) - len(part) < least:
                continue
            place = {**where, "class": name}
            rows_of = predictions.take(part)
            gained = (predictions.y_pred[part] == 0) & (other.y_pred[part] == 1)
            lost = (predictions.y_pred[part] == 1) & (other.y_pred[part] == 0)
            estimates += [share("gained", gained, rows_of, place), share("lost", lost, rows_of, place)]
    estimates.insert(0, churn(before, after))
    return estimates


def _in_words(features: Sequence[str], people: Sequence[Estimate]) -> str:
    """Say how many of 1,000 of each group and outcome gained or lost, most changes first."""
    gained, lost = (
        {_person(estimate, features): estimate.value or 0.0 for estimate in people if estimate.metric == name}
        for name in ("gained", "lost")
    )
    favorable = next((outcome for _, outcome in reversed(list(gained))), "")
    most = sorted(gained, key=lambda at: -(gained[at] + lost.get(at, 0.0)))
    lines = [sentence(*person, favorable, gained[person], lost.get(person, 0.0)) for person in most]
    return "\n\n".join(f"{text}." for text in lines)


def _person(estimate: Estimate, features: Sequence[str]) -> tuple[str, str]:
    """Return the group and the outcome that a share of people speaks of."""
    return ", ".join(f"{feature} {estimate.where[feature]}" for feature in features), estimate.where["class"]


def _calibration(mitigated: Mitigated, before: Predictions, after: Predictions) -> list[Estimate]:
    if before.task != "binary" or not (before.probabilities and after.probabilities):
        return []
    measured = []
    for variant, part in (("before", before), ("after", after)):
        estimates = by_group(part, ["mean_calibration_gap"], mitigated.features)
        measured += [replace(estimate, where={**estimate.where, "variant": variant}) for estimate in estimates]
    return measured


def _front(mitigated: Mitigated) -> list[Estimate]:
    """Measure gap and performance at each strength on test rows, none of which chose the strength."""
    estimates = []
    for strength in mitigated.front:
        name = _headlines(strength.predictions)[0]
        address = {"variant": strength.label}
        measured = gap("front_gap", strength.predictions, mitigated.rates, mitigated.features)
        estimates.append(replace(measured, where={**measured.where, **address}))
        estimates.append(
            replace(
                estimate(strength.predictions, name),
                metric=f"front_{name}",
                where={**strength.predictions.where, **address},
            )
        )
    return estimates


def _front_curve(mitigated: Mitigated, estimates: Sequence[Estimate]) -> list[Exhibit]:
    gaps = {estimate.where["variant"]: estimate for estimate in estimates if estimate.metric == "front_gap"}
    worth = {
        estimate.where["variant"]: estimate
        for estimate in estimates
        if estimate.metric.startswith("front_") and estimate.metric != "front_gap"
    }
    known = [
        strength
        for strength in mitigated.front
        if gaps[strength.label].value is not None and worth[strength.label].value is not None
    ]
    if not known:
        return []
    known.sort(key=lambda strength: gaps[strength.label].value or 0.0)
    name = next(iter(worth.values())).metric.removeprefix("front_").replace("_", " ")
    x = tuple(gaps[strength.label].value or 0.0 for strength in known)
    y = tuple(worth[strength.label].value or 0.0 for strength in known)
    low, high = (tuple(_end(worth[strength.label], end) for strength in known) for end in ("low", "high"))
    chosen = next((place for place, strength in enumerate(known) if strength.chosen), 0)
    line = Series(
        name="strengths", x=x, y=y, low=low, high=high, style="points" if len(known) == 1 else "line",
        mark=(x[chosen], y[chosen]), mark_name=f"chosen: {known[chosen].label}",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            strength.label,
            "chosen" if strength.chosen else "",
            strength.tuning_gap,
            str(gaps[strength.label]),
            str(worth[strength.label]),
        )
        for strength in known
    ]
    columns = ("strength", "", "gap where it was chosen", "gap on test rows", name)
    return [
        Curve(title="Gap against performance", x_label="gap on test rows", y_label=name, series=(line,)),
        Table(title="Strengths", columns=columns, rows=tuple(rows), folded=True),
    ]


def _end(estimate: Estimate, end: str) -> float:
    result = getattr(estimate, end)
    return float(estimate.value or 0.0) if result is None else float(result)


def _seeds(mitigated: Mitigated) -> list[Estimate]:
    """Measure how much of the outcome hangs on which rows it was fitted and chosen on."""
    if not mitigated.seeds:
        return []
    after = mitigated.before_and_after.after
    estimates = []
    turned = np.zeros(len(after), dtype=np.bool_)
    for place, predictions in enumerate(mitigated.seeds, start=1):
        estimate = gap("seed_gap", predictions, mitigated.rates, mitigated.features)
        estimates.append(replace(estimate, where={**estimate.where, "variant": f"drawn anew {place}"}))
        turned |= predictions.y_pred != after.y_pred
    if after.task != "regression":
        estimates.append(share("seed_flip_share", turned, after, after.where))
    return estimates


def _proxies(mitigated: Mitigated) -> list[Estimate]:
    """Measure how well the group can still be guessed from what the model reads."""
    estimates = []
    for proxy in mitigated.proxies:
        hidden = map(proxy.predictions.settings.hides_levels, mitigated.features)
        why = next(filter(None, hidden), "")
        measured = absent("roc_auc", {}, why, unit="score") if why else estimate(proxy.predictions, "roc_auc")
        where = {
            "split": "test",
            "feature": mitigated.feature,
            "variant": f"{proxy.model}, {'after' if proxy.after else 'before'}",
        }
        estimates.append(replace(measured, metric="proxy_auc", where=where))
    return estimates


def _arms_table(gaps: Sequence[Estimate], costs: Sequence[Estimate]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (estimate.metric.replace("_", " "), str(estimate), estimate.n) for estimate in (*gaps, *costs)
    ]
    return Table(title="Before, after, and the control", columns=("measure", "value", "n"), rows=tuple(rows))


def _summary(mitigated: Mitigated, estimates: Sequence[Estimate], moved: Shift | None) -> str:
    known = {estimate.metric: estimate for estimate in estimates}
    text = f"The gap among groups of {quote(mitigated.feature)} was {known['gap_before']} and is {known['gap_after']}"
    if "gap_control" in known:
        text += f"; one moved threshold would leave {known['gap_control']}"
    excess = known.get("levelling_down")
    if moved is not None and excess is not None and excess.low is not None and excess.low > 0:
        text += f"; over half of the change is a loss of {label(moved.better)} (levelling down)"
    return f"{text}."


def _to_sign(mitigated: Mitigated) -> str:
    features = quote_all(mitigated.features)
    if mitigated.reads_group:
        reads = (
            f"Each decision reads {features}: two people who are alike in everything else may get different "
            "decisions. In many places "
            "the law forbids this, or asks for a reason (disparate treatment)."
        )
    elif mitigated.read_before:
        reads = f"The model reads {quote_all(mitigated.read_before)} among its features, before and after."
    else:
        reads = f"No decision reads {features}: groups were used only in training or in choosing."
    return (
        f"{reads} Is this acceptable? Name, date and reason: ____________. {CONFLICT} "
        f"Chosen here: {mitigated.constraint} ({mitigated.words})."
    )
