"""Has the model become worse since the reference?"""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.monitoring import change, is_worse, span_of, together
from audit.estimate.shares import exact
from audit.estimate.watched import WATCHED, Watched, alpha_to_share, watched_series
from audit.evidence import Windows
from audit.exhibits import by_address_table
from audit.statistics.sequential import LOOKS, alpha_of_look
from reports.phrases import metric_words
from reports.record import Curve, Estimate, Measurement, Series


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

    Limits. Only rows with a label are looked at. A slow decline is found once three windows together show it. The
    reference's own uncertainty counts: a short reference hides small changes. Errors with long tails have wide limits.
    """
    current, reference = windows.current, windows.reference.labeled
    if not len(current.labeled) or not len(reference):
        raise NotApplicable("needs labels in the current window and in the reference; one of them has none")
    where = {"split": "test", "window": current.name}
    series = watched_series(reference)
    shared = alpha_to_share(reference, series, alpha=alpha, period=windows.period)
    estimates: list[Estimate] = []
    for number in series:
        estimates += _looks(windows, number, {**where, **number.group}, shared, margin)
    alarms = [estimate for estimate in estimates if estimate.metric == "performance_alarm" and estimate.value]
    text = ", ".join(f"{metric_words(alarm.where['metric'])} ({alarm.where['over']})" for alarm in alarms[:3])
    return Measurement(
        summary=f"{current.name}: {len(alarms)} alarms: {text}." if alarms else f"{current.name}: no alarm.",
        estimates=tuple(estimates),
        exhibits=(*_curves(windows), by_address_table("Changes since the reference", estimates, folded=True)),
    )


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
    return estimates


def _curves(windows: Windows) -> list[Curve]:
    """Draw each number over the windows, with the reference as a line."""
    drawn = []
    reference = windows.reference.labeled
    for name in WATCHED[reference.task]:
        level = reference.settings.level
        spans = [span_of(window.labeled, name, level) if len(window.labeled) else None for window in windows.recent]
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
        flat = Series(name="reference", x=ends, y=(old[0].value, old[0].value), style="dashed")
        caption = (
            f"0 is {windows.recent[0].name}, {len(spans) - 1} is {windows.current.name}; the band is each window's own."
        )
        title = f"{metric_words(name)} by window"
        drawn.append(
            Curve(title=title, x_label="window", y_label=metric_words(name), series=(line, flat), caption=caption)
        )
    return drawn
