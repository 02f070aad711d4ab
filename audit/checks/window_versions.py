"""Is a version worse than the one before?"""

from __future__ import annotations

from collections.abc import Iterable

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import of_metrics
from audit.estimate.monitoring import is_worse
from audit.estimate.shares import exact
from audit.estimate.versions import MOST_DRAWN, spans_by_decider, version_changes, windows_shown
from audit.estimate.watched import WATCHED
from audit.evidence import Windows
from audit.exhibits import by_address_table
from reports.phrases import list_names as few
from reports.phrases import metric_words, size_of_change, visible
from reports.record import Curve, Estimate, Measurement, Series


@check(
    title="Versions by window",
    family="monitoring",
    tasks=("binary", "multiclass", "regression"),
    references=(
        "Newcombe 1998", "Lan and DeMets 1983, Discrete sequential boundaries",
        "Westfall and Young 1993, Resampling-based multiple testing",
    ),
)  # fmt: skip
def window_versions(windows: Windows, *, alpha: float = 0.005, margin: float = 0.0) -> Measurement:
    """Subtract the numbers of the version before from those of each version, in the last window and the last three.

    Reading. ``version_alarm`` is 1 where a number of a version is shown to be worse than that of the version it
    replaced, or runs beside, by more than `margin`. Both are taken from the same windows where the earlier one has at
    least half as many labeled rows there, else the earlier one from the reference, or from the windows before. The
    chance of any false alarm in a whole period is at most `alpha`, however many versions come: it is shared out over
    the period's windows, the numbers that are watched and both looks, and within a window over its versions. So
    intervals here are wider than elsewhere. Models in the shadow are compared with what decided, without an alarm.

    Limits. Only rows with a label are looked at. A version that follows another in time also meets other rows: what
    moved with them is in the difference, too. Versions that get other rows by intent, such as one region first, are
    not comparable. Two models on the same requests are compared as if their rows were independent, which is cautious.
    """
    if not windows.current.labeled.deciders:
        raise NotApplicable('needs versions: name their column with [data] version = "release"')
    if not len((windows.start or windows.reference).labeled):
        raise NotApplicable("needs labels in the reference; none of its rows has one")
    estimates: list[Estimate] = []
    notes: dict[str, None] = {}
    for comparison, change in version_changes(windows, alpha):
        estimates.append(change)
        before = visible(change.where["against"], 60)
        notes[f"{_who(change)} is compared with {before} {comparison.against} (over {change.where['over']})"] = None
        if comparison.decider.decides:
            alarm = is_worse(change, change.where["metric"], margin)
            estimates.append(exact("version_alarm", alarm, change.where, n=change.n, unit="count"))
    tables = [by_address_table("Changes since the version before", estimates, folded=True)] if estimates else []
    every = (_curve(windows, name) for name in WATCHED[windows.current.labeled.task])
    curves = [curve for curve in every if curve.series]
    return Measurement(
        summary=f"{windows.current.name}: {_in_words(estimates)}.", estimates=tuple(estimates),
        exhibits=(*curves, *tables), notes=tuple(notes),
    )  # fmt: skip


def _curve(windows: Windows, name: str) -> Curve:
    """Draw a number of each version over the windows; without lines where there is one version alone."""
    lines = [
        Series(
            name=version, x=tuple(map(float, spans)), y=tuple(span.value for span in spans.values()),
            low=tuple(span.low for span in spans.values()), high=tuple(span.high for span in spans.values()),
        )
        for version, spans in spans_by_decider(windows, name).items()
    ]  # fmt: skip
    return Curve(
        title=f"{metric_words(name)} by window and version", x_label="window", y_label=metric_words(name),
        series=tuple(lines), x_names=tuple(window.name for window in windows_shown(windows)),
        caption=f"The band is each window's own. Windows in which a version has few rows are left out, and versions "
        f"beyond the {MOST_DRAWN} with most rows.",
    )  # fmt: skip


def _in_words(estimates: Iterable[Estimate]) -> str:
    """Say which versions are worse and by how much, the largest look of each number."""
    every = tuple(estimates)
    if not every:
        return "no version with labels has another to be compared with"
    where = [alarm.where for alarm in of_metrics(every, "version_alarm") if alarm.value]
    worse = [change for change in of_metrics(every, "version_change") if change.where in where]
    last = {(_who(change), change.where["metric"]): change for change in worse}
    texts = [f"{metric_words(name)} of {who} {_difference(change)}" for (who, name), change in last.items()]
    return f"alarm: {few(texts, limit=3)}" if texts else "no version is shown to be worse than the one before"


def _who(change: Estimate) -> str:
    return " ".join(f"{key} {visible(change.where[key], 60)}" for key in ("model", "version") if key in change.where)


def _difference(change: Estimate) -> str:
    size, side = size_of_change(change).lstrip("−"), "above" if (change.value or 0.0) > 0 else "below"
    return f"is {size} {side} that of {visible(change.where['against'], 60)} over {change.where['over']}"
