"""The ROC curves of the groups, on common axes."""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.curves import operating_point, roc_series
from audit.estimate.making import of_metrics
from audit.estimate.measure import by_group, groups
from audit.estimate.views import binary_view, with_weight
from audit.evidence import Predictions
from audit.exhibits import by_address_table, label
from audit.statistics.variance import Undefined
from reports.record import Curve, Estimate, Exhibit, Measurement, Series

METRICS = ("roc_auc", "true_positive_rate", "false_positive_rate")
MOST_CURVES = 8
MOST_BANDS = 3
"""Lines up to which each carries its interval; more would hide each other."""


@check(
    title="ROC curves by group",
    family="groups",
    tasks=("binary",),
    references=("DeLong et al. 1988", "Hardt, Price and Srebro 2016, Equality of opportunity in supervised learning"),
    requires=("scores", "sensitive"),
)
def roc_by_group(predictions: Predictions, *, points: int = 40) -> Measurement:
    """Draw the ROC curve of every group of a sensitive feature on the same axes.

    Reading. Where one group's line lies below another's, no threshold serves it as well: the scores rank its
    rows worse. Where the lines agree and the dots, which are the model's own decisions, lie apart, the
    scores are as good but one threshold treats the groups differently.

    Limits. A line of few rows is jagged, and two lines that cross are not distinguished by their areas. Groups of
    fewer rows than are needed to judge, or of too few rows of a class, have no line.
    """
    test = predictions.select(split="test")
    measured: list[Estimate] = []
    exhibits: list[Exhibit] = []
    notes: list[str] = []
    try:
        test = with_weight(test)
        for feature in test.sensitive:
            estimates = by_group(test, METRICS, (feature,))
            measured += estimates
            lines, names = _lines(test, feature, points)
            notes += names
            exhibits += [_draw(feature, lines)] if lines else []
            exhibits.append(by_address_table(f"ROC AUC and decisions by {feature}", estimates))
    except Undefined as reason:
        raise NotApplicable(str(reason)) from reason
    return Measurement(
        summary=_summary(measured), estimates=tuple(measured), exhibits=tuple(exhibits), notes=tuple(notes)
    )


def _lines(test: Predictions, feature: str, points: int) -> tuple[list[Series], list[str]]:
    """Return the lines of the largest groups, and a word on every group without one."""
    predictions = test.without_hidden_groups()
    parts = [
        (levels[0], replace(test.take(rows), where=test.where)) for levels, rows in groups(predictions, (feature,))
    ]
    drawn = sorted((part for part in parts if _enough(part[1])), key=lambda pair: -pair[1].total)
    short = [name for name, part in parts if not _enough(part)]
    chosen, rest = drawn[:MOST_CURVES], drawn[MOST_CURVES:]
    said = []
    if short:
        few = f"hidden, or fewer than {test.settings.min_n} rows, or than {_of_a_class(test)} of a class"
        said.append(f"{feature}: no line for {', '.join(short)}: {few}")
    if rest:
        names = ", ".join(name for name, _ in rest)
        said.append(f"{feature}: the {MOST_CURVES} largest groups have lines; not {names}")
    return [_line(name, part, points, band=len(chosen) <= MOST_BANDS) for name, part in chosen], said


def _enough(part: Predictions) -> bool:
    positives, rows = part.count(part.y_true == 1), part.total
    return rows >= max(part.settings.min_n, 1) and min(positives, rows - positives) >= _of_a_class(part)


def _of_a_class(part: Predictions) -> int:
    """Return how many rows of each class a line needs: its steps would tell a smaller number."""
    return max(part.settings.suppress_n, 1)


def _line(name: str, part: Predictions, points: int, *, band: bool) -> Series:
    truth, score = binary_view(part, None)
    line = roc_series(name, part, truth, score, points=points, band=band)
    return replace(line, mark=operating_point(part), mark_name="decisions as made", n=part.total)


def _draw(feature: str, lines: list[Series]) -> Curve:
    return Curve(
        title=f"ROC curves by {feature}",
        x_label="false positive rate",
        y_label="true positive rate",
        series=tuple(lines),
        diagonal=True,
        unit_square=True,
        caption="Up and to the left is better; the dot on each line stands where the model's own decisions are.",
    )


def _summary(estimates: list[Estimate]) -> str:
    known = [of_metric for of_metric in of_metrics(estimates, "roc_auc") if of_metric.value is not None]
    if not known:
        return "No group has rows enough of both classes for a ROC AUC."
    worst = min(known, key=lambda estimate: estimate.value or 0.0)
    group = label(worst.where)
    return f"Lowest ROC AUC by group: {group}, {worst}."
