"""Has the model become worse since the reference?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import of_metrics
from audit.estimate.monitoring import (
    WHOLE,
    change,
    detectable_change,
    is_worse,
    merge_cells,
    of_all_rows,
    span_of,
    together,
)
from audit.estimate.shares import exact
from audit.estimate.versions import turning_points, windows_shown
from audit.estimate.watched import WATCHED, Watched, alpha_to_share, watched_series
from audit.evidence import Window, Windows
from audit.exhibits import by_address_table, label
from audit.statistics.sequential import LONGEST, LOOKS, alpha_of_look
from reports.phrases import list_names as few
from reports.phrases import metric_words, signed_change, size_of_change
from reports.record import Curve, Estimate, Mark, Measurement, Series


@check(
    title="Performance by window",
    family="monitoring",
    tasks=("binary", "multiclass", "regression"),
    references=(
        "Newcombe 1998", "Brown, Cai and DasGupta 2001", "Lan and DeMets 1983, Discrete sequential boundaries",
        "Westfall and Young 1993, Resampling-based multiple testing",
    ),
)  # fmt: skip
def window_performance(windows: Windows, *, alpha: float = 0.035, margin: float = 0.0) -> Measurement:
    """Subtract the reference's rates or errors from those of the last window, and of the last three together.

    Reading. ``performance_alarm`` is 1 where a number is shown to be worse than the reference by more than `margin`;
    of a mean error a change in either direction is one for the worse. The chance of any false alarm in a whole period
    is at most `alpha`: it is shared out over the period's windows, the numbers that are watched and both looks, a
    quarter of it for groups, considering how these move together. So intervals here are wider than elsewhere.

    ``detectable_change`` is how large a change must be for three windows together to show it nine times in ten; none
    where that is as large as the number itself, as where a few large errors decide it.

    Limits. Only rows with a label are looked at. A slow decline is found once three windows together show it. The
    reference's own uncertainty counts: a short reference hides small changes. Errors with long tails have wide limits.
    """
    windows = _by_group(windows)
    current, reference = windows.current, windows.reference.labeled
    start = reference if windows.start is None else windows.start.labeled
    if not len(current.labeled) or not len(start):
        raise NotApplicable("needs labels in the current window and in the reference; one of them has none")
    if not all(part.weight is None or part.weight.any() for part in (current.labeled, start)):
        raise NotApplicable("needs rows that weigh something in the current window and in the reference")
    where = {"split": "test", "window": current.name}
    series = watched_series(start)
    shared = alpha_to_share(start, series, alpha=alpha, period=windows.period)
    estimates: list[Estimate] = []
    for watched in series:
        estimates += _looks(windows, watched, {**where, **watched.group}, shared, margin)
    return Measurement(
        summary=f"{current.name}: {_alarms_in_words(estimates)}.",
        estimates=tuple(estimates),
        exhibits=(
            *_curves(windows, of_metrics(estimates, "detectable_change")),
            by_address_table("Changes since the reference", estimates, folded=True),
        ),
    )


def _by_group(windows: Windows) -> Windows:
    """Return the windows with labeled answers by group and version alone: scores and features are not looked at."""

    def by_group(window: Window) -> Window:
        keys = (*window.labeled.sensitive, *window.labeled.deciders)
        return replace(window, labeled=merge_cells(window.labeled, keys, scores=False))

    start = None if windows.start is None else by_group(windows.start)
    recent = (*windows.recent[:-LONGEST], *map(by_group, windows.recent[-LONGEST:]))
    return replace(windows, reference=by_group(windows.reference), start=start, recent=recent)


def _alarms_in_words(estimates: list[Estimate]) -> str:
    """Say by how much each number that alarms has changed, the largest look first."""
    where = [estimate.where for estimate in of_metrics(estimates, "performance_alarm") if estimate.value]
    changed = [change for change in of_metrics(estimates, "performance_change") if change.where in where]
    by_number = {_number_in_words(change): change for change in changed}
    texts = [f"{name} {signed_change(change)} over {change.where['over']}" for name, change in by_number.items()]
    return f"alarm: {few(texts, limit=3)}" if texts else "no performance alarm"


def _number_in_words(estimate: Estimate) -> str:
    group = {key: level for key, level in estimate.where.items() if key not in (*WHOLE, "over")}
    return metric_words(estimate.where["metric"]) + (f" of {label(group)}" if group else "")


def _looks(windows: Windows, series: Watched, where: dict[str, str], alpha: float, margin: float) -> list[Estimate]:
    estimates = []
    old = series.of(windows.reference.labeled)
    for look in LOOKS:
        parts = [series.of(window.labeled) for window in windows.recent[-look:]]
        if len(parts) < look:
            continue
        at = {**where, "over": "1 window" if look == 1 else f"{look} windows"}
        tail = alpha_of_look(alpha * series.share / series.sides, period=windows.period, series=1, look=look)
        estimate = change(old, together(parts), series.name, at, tail)
        if estimate is not None:
            alarm = is_worse(estimate, series.name, margin)
            estimates += [
                estimate,
                exact("performance_alarm", alarm, estimate.where, n=estimate.n, unit="count"),
            ]
    recent = [series.of(window.labeled) for window in windows.recent[-LONGEST:]]
    tail = alpha_of_look(alpha * series.share / series.sides, period=windows.period, series=1, look=LONGEST)
    smallest = detectable_change(old, recent, series.name, where, tail, LONGEST)
    return estimates if smallest is None else [*estimates, smallest]


def _curves(windows: Windows, detectable: list[Estimate]) -> list[Curve]:
    """Draw each number over the windows of a period, with the reference as a line."""
    drawn, recent = [], windows_shown(windows)
    reference = windows.reference.labeled
    marks = tuple(Mark(x=float(place), label=label) for place, label in turning_points(windows).items())
    for name in WATCHED[reference.task]:
        level = reference.settings.level
        spans = [span_of(window.labeled, name, level) if len(window.labeled) else None for window in recent]
        old = span_of(reference, name, level)
        there = [(float(place), span[0]) for place, span in enumerate(spans) if span is not None]
        if not there or old is None:
            continue
        line = Series(
            name=metric_words(name),
            x=tuple(place for place, _ in there),
            y=tuple(span.value for _, span in there),
            low=tuple(span.low for _, span in there),
            high=tuple(span.high for _, span in there),
        )
        ends = (0.0, max(float(len(spans) - 1), 1.0))
        flat = Series(name=windows.reference.name, x=ends, y=(old[0].value, old[0].value), style="dashed")
        drawn.append(
            Curve(
                title=f"{metric_words(name)} by window",
                x_label="window",
                y_label=metric_words(name),
                x_names=tuple(window.name for window in recent),
                series=(line, flat),
                marks=marks,
                caption=(
                    f"The band is each window's own; dashed is the reference, {windows.reference.name}."
                    f"{_detectable_in_words(name, detectable)}"
                ),
            )
        )
    return drawn


def _detectable_in_words(name: str, detectable: list[Estimate]) -> str:
    """Say how large a change of a number of all rows would be found."""
    own = [change for change in detectable if change.where["metric"] == name and of_all_rows(change)]
    return "".join(
        " No change smaller than the number itself would be found."
        if change.value is None
        else f" A change by {size_of_change(change)} is found within {LONGEST} windows nine times in ten."
        for change in own
    )
