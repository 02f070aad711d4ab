"""How well the model does for each group and for groups that cross."""

from __future__ import annotations

from audit.check import check
from audit.estimate.influence import carries
from audit.estimate.measure import by_group, estimates
from audit.estimate.metrics import metrics_for
from audit.evidence import Predictions
from audit.exhibits import by_address_table, forest
from reports.phrases import metric_words
from reports.record import Estimate, Exhibit, Measurement

LEAD = {"binary": ("selection_rate", "true_positive_rate"), "multiclass": ("accuracy",), "regression": ("mean_error",)}


@check(
    title="Performance by group",
    family="groups",
    references=("Mitchell et al. 2019", "Wilson 1927"),
    requires=("sensitive",),
)
def group_performance(predictions: Predictions) -> Measurement:
    """Measure every declared group, and every crossing of two, on the test rows.

    Reading. Each group has its own row with its own interval; a hollow mark means fewer rows than are needed
    to judge. Wide intervals mean that little is known about that group, not that all is well there.

    Limits. Rows without a value of a sensitive feature belong to no group. Groups of fewer than ten rows
    are named and not shown, nor are those by which they could be worked out. What differs between groups is
    measured apart, with its own interval.
    """
    test = predictions.select(split="test")
    names = [name for name in metrics_for("groups", test.task) if carries(test, name)]
    overall = {estimate.metric: estimate for estimate in estimates(test, names)}
    measured: list[Estimate] = list(overall.values())
    exhibits: list[Exhibit] = []
    for features in test.crossings():
        groups = by_group(test, names, features)
        measured += groups
        exhibits += _exhibits(groups, features, overall, test)
    return Measurement(
        summary=_summary(measured, test), estimates=tuple(measured), exhibits=tuple(exhibits), notes=_missing(test)
    )


def _exhibits(
    groups: tuple[Estimate, ...], features: tuple[str, ...], overall: dict[str, Estimate], test: Predictions
) -> list[Exhibit]:
    by = " × ".join(features)
    drawn: list[Exhibit] = [
        forest(
            f"{metric_words(metric)} by {by}",
            [group for group in groups if group.metric == metric],
            x_label=metric_words(metric),
            reference=overall[metric].value,
            min_n=test.settings.min_n,
            caption="The line is the value over all test rows.",
        )
        for metric in LEAD[test.task]
    ]
    return [*drawn, by_address_table(f"Every metric by {by}", groups, folded=len(features) > 1)]


def _summary(estimates: list[Estimate], test: Predictions) -> str:
    groups = {tuple(estimate.where.items()) for estimate in estimates if len(estimate.where) == 2}
    hidden = {
        tuple(estimate.where.items()) for estimate in estimates if len(estimate.where) == 2 and estimate.n is None
    }
    text = f"{len(groups)} groups of {', '.join(test.sensitive)}"
    return f"{text}; {len(hidden)} have too few rows to be shown." if hidden else f"{text} were measured."


def _missing(test: Predictions) -> tuple[str, ...]:
    notes = []
    for feature in test.sensitive:
        missing = test.count(test.keys[feature].codes < 0)
        if missing:
            shown_count = test.settings.count_of_missing(feature, missing)
            count = "some" if shown_count is None else f"{shown_count}"
            notes.append(f"{count} test rows have no value of {feature} and belong to no group")
    return tuple(notes)
