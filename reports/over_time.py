"""The first screen of a window of a log: how its numbers went, and what has changed since the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.answer import Answer, Tick, worst_of
from reports.exhibit import Curve
from reports.lookup import Estimates, value_of
from reports.people import group_words, groups_in
from reports.phrases import (
    estimate_text,
    list_names,
    metric_words,
    percent,
    signed_change,
    significant,
    size_of_change,
    span_words,
    visible,
)
from reports.record import AuditRecord, Estimate, VerdictOutcome
from reports.results import GateResult, summary_of
from reports.strips import Strip, StripRow, Trend, bars, points

_LOOKED_AT = (
    ("rows, scores and decisions", "window_drift"),
    ("missing labels", "label_coverage"),
    ("usable answers", "output_validity"),
)
_SHAPE = {"split", "window", "metric", "over"}
"""What the address of a change of all rows holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the numbers of a log went over its windows."""

    trends: dict[str, Trend]
    """By the words of the metric."""
    first: str
    last: str
    reference: str
    marks: tuple[str, ...] = ()
    """What changed on the way, such as the version that answers, in order of time."""


def course_of(record: AuditRecord) -> Course | None:
    """Return how the numbers went up to the window of a record; nothing for other records."""
    curves = [
        exhibit
        for finding in record.findings
        if finding.check == "window_performance" and finding.measurement is not None
        for exhibit in finding.measurement.exhibits
        if isinstance(exhibit, Curve) and exhibit.x_names and len(exhibit.series) > 1
    ]
    if not curves:
        return None
    names = curves[0].x_names
    trends = {curve.y_label: trend for curve in curves if (trend := _trend(curve)) is not None}
    return Course(
        trends=trends, first=names[0], last=names[-1], reference=curves[0].series[1].name,
        marks=tuple(mark.label for mark in curves[0].marks),
    )  # fmt: skip


def _trend(curve: Curve) -> Trend | None:
    line, reference = curve.series[:2]
    if line.low is None or line.high is None or len(line.x) < 2:
        return None
    end = max(len(curve.x_names) - 1, 1)
    return Trend(
        places=tuple(round(100 * x / end, 1) for x in line.x),
        values=line.y, lows=line.low, highs=line.high, reference=reference.y[0],
        windows=tuple(curve.x_names[round(x)] for x in line.x),
        marks=tuple(round(100 * mark.x / end, 1) for mark in curve.marks),
    )  # fmt: skip


def with_course(chart: Strip | None, record: AuditRecord, metrics: Sequence[str]) -> Strip | None:
    """Draw how numbers went in place of their bars, where the record is that of a window.

    Parameters
    ----------
    chart : Strip, optional
    record : AuditRecord
    metrics : sequence of str
        What the rows of the chart are; of a regression, whose errors have no bars, rows are made of those there are.
    """
    course = course_of(record)
    if course is None or not course.trends:
        return chart
    if record.task == "regression":
        amounts = _amounts(course, metrics)
        rows, metrics = list(amounts.values()), list(amounts)
    else:
        rows, metrics = list(chart.rows if chart else ()), metrics[: len(chart.rows) if chart else 0]
    drawn = [
        replace(row, trend=course.trends.get(metric_words(name))) for row, name in zip(rows, metrics, strict=False)
    ]
    upright = f"; upright: {list_names(course.marks, limit=2)}" if course.marks else ""
    note = f"{span_words(course.first, course.last)}; dashed: the reference, {course.reference}{upright}"
    return bars([*drawn, *rows[len(drawn) :]], end=1.0, note=visible(note, 200))


def _amounts(course: Course, metrics: Sequence[str]) -> dict[str, StripRow]:
    """Make a row of each size of errors that the last window has."""
    trends = {name: course.trends.get(metric_words(name)) for name in metrics}
    return {
        name: StripRow(label=metric_words(name), value=trend.values[-1], text=significant(trend.values[-1]))
        for name, trend in trends.items()
        if trend is not None and trend.windows[-1] == course.last
    }


def trust_in(record: AuditRecord, known: Estimates, results: Sequence[GateResult]) -> Answer:
    """Say which labels are missing, and what of rows and answers has moved from the reference."""
    ticks = tuple(Tick(words=words, outcome=_outcome(results, check)) for words, check in _LOOKED_AT)
    drift, labels, answers = (tick.outcome for tick in ticks)
    doubts = [_missing(record, known, results)] if labels == "fail" else []
    if drift == "fail":
        doubts.append(f"{list_names(_moved(known), limit=3)} moved from the reference")
    if answers == "fail":
        doubts.append("some answers cannot be used")
    tested = any(tick.outcome != "not_assessed" for tick in ticks)
    calm = "No test gives a reason to doubt the numbers." if tested else "Not known: nothing here was tested."
    expected = [estimate for estimate in known.of("expected_accuracy") if estimate.value is not None]
    return Answer(
        id="trusted",
        short="Trust",
        question="Can the numbers be trusted?",
        sentence=f"Read the numbers with care: {'; '.join(doubts)}." if doubts else calm,
        details=(
            *((summary_of(record, "output_validity"),) if answers == "fail" else ()),
            *(
                f"Accuracy of all rows, if the scores are right: {estimate_text(estimate)} (expected, not measured)."
                for estimate in expected[:1]
                if labels == "fail"
            ),
        ),
        ticks=ticks,
    )


def _missing(record: AuditRecord, known: Estimates, results: Sequence[GateResult]) -> str:
    """Say of how many rows the label is missing, or of which group it is missing more often."""
    beyond = [
        verdict.estimate
        for result in results
        if result.gate is not None and result.gate.check == "label_coverage"
        for verdict in result.verdicts
        if verdict.outcome == "fail" and verdict.estimate is not None
    ]
    if any(estimate.metric == "missing_label_share" for estimate in beyond) or not beyond:
        share = next((estimate.value for estimate in known.of("missing_label_share")), None)
        return f"{percent(share or 0.0)} of the rows have no label"
    most = max(beyond, key=value_of)
    side = "more" if value_of(most) > 0 else "less"
    size = size_of_change(most).lstrip("−")
    return f"labels of {group_words(record, _groups(most))} are missing {side} often than others, by {size}"


def _outcome(results: Sequence[GateResult], check: str) -> VerdictOutcome:
    return worst_of([result.worst.outcome for result in results if result.gate and result.gate.check == check])


def _moved(known: Estimates) -> tuple[str, ...]:
    """Name what drift alarms speak of."""
    return tuple(dict.fromkeys(visible(alarm.where["of"], 40) for alarm in known.of("drift_alarm") if alarm.value))


def _with_sizes(known: Estimates) -> list[str]:
    """Name what drift alarms speak of, and how far it moved in the alarm over most windows."""
    alarms = {alarm.where["of"]: alarm.where for alarm in known.of("drift_alarm") if alarm.value}
    texts = []
    for what, where in alarms.items():
        change = known.get("performance_change", where)
        index = known.get("window_stability_index", where)
        size = f" ({signed_change(change)})" if change is not None else ""
        size = f" (index {significant(value_of(index))})" if index is not None else size
        texts.append(f"{visible(what, 40)}{size}")
    return texts


def _alarming(known: Estimates, what: str) -> list[Estimate]:
    """Return the changes of performance, or of versions, that raise an alarm."""
    alarms = [alarm.where for alarm in known.of(f"{what}_alarm") if alarm.value]
    return [change for change in known.of(f"{what}_change") if change.where in alarms]


def change_since(record: AuditRecord, known: Estimates) -> Answer:
    """Say which numbers are worse than in the reference, since when, and draw all changes of all rows."""
    course = course_of(record)
    worse, moved = _alarming(known, "performance"), _moved(known)
    whole = [change for change in known.of("performance_change") if set(change.where) == _SHAPE]
    shown = [change for change in worse if not _groups(change)] or worse  # groups stand where they are compared
    longest = {_number_in_words(record, change): change for change in shown}  # the look at most windows comes last
    texts = [f"{name} {signed_change(change)}" for name, change in longest.items()]
    if texts:
        texts[0] += _since(course, next(iter(longest.values())))
    before = visible(course.reference, 60) if course is not None else "the reference"
    parts = [list_names(texts, limit=2)] if texts else []
    parts += [f"{list_names(moved if texts else _with_sizes(known), limit=2)} moved"] if moved else []
    parts += _worse_versions(known)[:1]
    calm = f"No alarm, compared with {before}." if whole else "Not known: no row here has a label."
    looks = {visible(change.where["over"], 40) for change in longest.values()}
    over = f", over {next(iter(looks))}" if len(looks) == 1 else ""
    sentence = f"Compared with {before}{over}: {'; '.join(parts)}." if parts else calm
    return Answer(
        id="breaks", short="Changed", question="What has changed?", sentence=sentence, strip=_changes(whole, worse)
    )


def _since(course: Course | None, change: Estimate) -> str:
    """Say since which window the number of all rows lies beyond the reference, interval and all, without a break."""
    trend = course.trends.get(metric_words(change.where["metric"])) if course is not None else None
    if course is None or trend is None or set(change.where) != _SHAPE or trend.windows[-1] != course.last:
        return ""
    lower = value_of(change) < 0
    limits = trend.highs if lower else trend.lows
    beyond = [limit < trend.reference if lower else limit > trend.reference for limit in limits]
    run = len(beyond) if all(beyond) else beyond[::-1].index(False)
    return f" ({'lower' if lower else 'higher'} since {visible(trend.windows[-run], 40)})" if run else ""


def groups_that_alarm(record: AuditRecord, known: Estimates) -> str:
    """Say which groups have an alarm of performance, the largest change of each number first; ``""`` for none."""
    by_number = {
        _number_in_words(record, change): change for change in _alarming(known, "performance") if _groups(change)
    }
    ranked = sorted(by_number, key=lambda words: -abs(value_of(by_number[words])))
    texts = [f"{words} {signed_change(by_number[words])}" for words in ranked]
    return f"Alarms by group: {list_names(texts, limit=2)}." if texts else ""


def _worse_versions(known: Estimates) -> list[str]:
    """Say which versions are worse than the one before, the largest look of each number."""
    texts = {}
    for change in _alarming(known, "version"):
        who = " ".join(visible(change.where[key], 40) for key in ("model", "version") if key in change.where)
        beside = visible(change.where["against"], 40)
        texts[who, change.where["metric"]] = (
            f"{metric_words(change.where['metric'])} of {who} {signed_change(change)} against {beside}"
        )
    return list(texts.values())


def _number_in_words(record: AuditRecord, change: Estimate) -> str:
    groups = _groups(change)
    return metric_words(change.where["metric"]) + (f" of {group_words(record, groups)}" if groups else "")


def _groups(estimate: Estimate) -> dict[str, str]:
    return groups_in({key: level for key, level in estimate.where.items() if key not in _SHAPE})


def _changes(whole: Sequence[Estimate], worse: Sequence[Estimate]) -> Strip | None:
    """Draw the changes over as many windows as there are together, of one unit; amounts on axes of their own."""
    longest = max((change.where["over"] for change in whole), default="")
    shown = [change for change in whole if change.where["over"] == longest and change.unit == whole[0].unit]
    share = bool(shown) and shown[0].unit == "difference"
    rows = [
        _change_row(change, 1.0 if share else _reach(change), strong=change in worse)
        for change in shown
        if change.value is not None
    ]
    note = f"change over {visible(longest, 40)}; lines: limits that alarms go by"
    if share or not rows:
        return points(rows, share=share, note=note)
    return Strip(rows=tuple(rows), low=-1.0, high=1.0, points=True, note=f"{note}, each on an axis of its own")


def _reach(change: Estimate) -> float:
    """Return how far a change and its limits lie from none."""
    return max(abs(number) for number in (change.value, change.low, change.high) if number is not None) or 1.0


def _change_row(change: Estimate, scale: float, *, strong: bool) -> StripRow:
    low, high = (None if limit is None else limit / scale for limit in (change.low, change.high))
    return StripRow(
        label=metric_words(change.where["metric"]), value=value_of(change) / scale, low=low, high=high,
        text=signed_change(change), strong=strong, mark=0.0,
    )  # fmt: skip
