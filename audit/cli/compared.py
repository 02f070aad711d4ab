"""A comparison as tables for people: what to look at first, and what is folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.comparing.changes import Change, Turn
from audit.comparing.result import Comparison, per_thousand, signed
from audit.estimate.metrics import METRICS
from reports.phrases import address, counted, estimate_text, metric_words, number, visible
from reports.record import HOUSE_WORDS, Estimate

PARAMETER, VERSION = "parameter ", "version of "
_ORDER = ("worse", "changed", "better")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    short: str = ""
    """What stands in its place where it is folded."""


def _copied(metric: str) -> str:
    return METRICS[metric].same_as if metric in METRICS else ""


def first(found: Comparison) -> list[Section]:
    """Return the tables to look at first, those without rows left out."""
    overall = [one for one in _once(found.changes) if _is_overall(found, one) and one.direction != "same"]
    overall = [one for one in overall if _copied(one.metric) not in {other.metric for other in overall}]
    overall.sort(key=lambda one: one.metric != found.headline)
    moved = [one for one in found.churn if len(set(one.where) - HOUSE_WORDS) <= 1 and found.churn[0].value]
    sections = [
        Section(
            title=f"Models by {metric_words(found.headline)}",
            head=("model", "value", "against the best", "", "decisions unlike the first model's"),
            rows=tuple(
                (visible(one.name, 60), _value(one.value), signed(one.behind), one.standing, _churn(one.churn))
                for one in found.contenders
            ),
        ),
        Section(title="Over all rows", head=_HEAD, rows=tuple(_row(found, one) for one in overall)),
        Section(
            title="Groups that are worse",
            head=_HEAD,
            rows=tuple(_row(found, one) for one in found.conclusion.groups_worse),
        ),
        _decisions(found, moved),
        _turned(found, [one for one in found.turns if one.severity == "error"], "Criteria that turned"),
    ]
    return [one for one in sections if one.rows]


def rest(found: Comparison) -> list[Section]:
    """Return the tables that are folded, those without rows left out."""
    changes = _once(found.changes)
    moved = [one for one in changes if one.direction in _ORDER and not _is_overall(found, one)]
    moved = [one for one in moved if one not in found.conclusion.groups_worse]
    moved.sort(key=lambda one: _ORDER.index(one.direction))
    lone = [one for one in found.changes if one.direction.startswith("only")]
    crossed = [one for one in found.churn if len(set(one.where) - HOUSE_WORDS) > 1 and found.churn[0].value]
    turns = [one for one in found.turns if one.severity != "error"]
    sections = [
        _differing(found),
        Section(
            title="Other numbers that moved beyond their interval",
            head=_HEAD,
            rows=tuple(_row(found, one) for one in moved),
            short=counted(len(moved), "other number that moved", "other numbers that moved"),
        ),
        _decisions(found, crossed, "Decisions that changed, groups of several features"),
        _disagreement(found),
        _area_test(found),
        _turned(found, turns, "Concerns and notes that turned"),
        Section(
            title="Measured in one audit only",
            head=("check", "metric", "where", ""),
            rows=tuple(
                (one.check, metric_words(one.metric), address(one.where, found.names), one.direction) for one in lone
            ),
            short=counted(len(lone), "number in one audit only", "numbers in one audit only"),
        ),
    ]  # fmt: skip
    return [one for one in sections if one.rows]


def open_words(found: Comparison) -> str:
    """Say what the rest of the numbers tell, and how sure "worse" is."""
    alike = sum(1 for one in found.changes if one.direction in {"same", "no difference shown"})
    return (
        f"{counted(alike, 'other number shows', 'other numbers show')} no difference beyond chance and rounding. "
        "The first line is corrected for the number of metrics and groups; of the single intervals one in twenty "
        "misses its number by chance."
    )


_HEAD = ("metric", "where", "before", "after", "difference", "")


def _once(changes: Sequence[Change]) -> list[Change]:
    """Return each metric of each slice once; several checks may measure it."""
    return list({(one.metric, tuple(one.where.items())): one for one in reversed(changes)}.values())[::-1]


def _is_overall(found: Comparison, one: Change) -> bool:
    return set(one.where) <= {"split"} and (one.paired or one.metric in found.own)


def _row(found: Comparison, one: Change) -> tuple[str, ...]:
    exact = one.difference is None or one.difference.method == "count"
    paired = "" if one.paired or exact else ", not paired"
    return (
        metric_words(one.metric),
        address(one.where, found.names),
        _value(one.before),
        _value(one.after),
        signed(one.difference),
        one.direction + paired,
    )


def _value(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    return number(estimate.value, estimate.unit or ("count" if estimate.method == "count" else ""))


def _churn(estimate: Estimate | None) -> str:
    return "" if estimate is None or estimate.value is None else per_thousand(estimate)


def _decisions(found: Comparison, shares: Sequence[Estimate], title: str = "Decisions that changed") -> Section:
    """Set one slice a row: all changes, then those to each outcome."""
    names = list(dict.fromkeys(one.metric for one in shares))
    slices = list(dict.fromkeys(tuple(one.where.items()) for one in shares))
    by_slice = {(one.metric, tuple(one.where.items())): one for one in shares}
    rows = tuple(
        (address(dict(where), found.names), *(_share(by_slice.get((name, where))) for name in names))
        for where in slices
    )
    head = ("where", *(_CHURN.get(name, metric_words(name)) for name in names))
    return Section(title=title, head=head, rows=rows, short=f"decisions of {counted(len(rows), 'crossed group')}")


_CHURN = {
    "churn": "share changed",
    "churn_to_unfavorable": "now unfavorable",
    "churn_to_favorable": "now favorable",
    "churn_to_negative": "now negative",
    "churn_to_positive": "now positive",
}


def _share(estimate: Estimate | None) -> str:
    return "–" if estimate is None else estimate_text(estimate)


def _turned(found: Comparison, turns: Sequence[Turn], title: str) -> Section:
    note = "" if found.same_policy else " (the rules differ too)"
    rows = tuple(
        (one.gate, address(one.where, found.names), *_told(one.before, one.after), one.severity) for one in turns
    )
    gates = len(dict.fromkeys(one.gate for one in turns))
    return Section(
        title=title + note,
        head=("gate", "where", "before", "after", "severity"),
        rows=rows,
        short=f"verdicts of {counted(gates, 'catalogue rule or note', 'catalogue rules or notes')}",
    )


def _told(*outcomes: str) -> tuple[str, ...]:
    return tuple(one.replace("_", " ") for one in outcomes)


def _differing(found: Comparison) -> Section:
    """Fold what is not the same of the two audits beside numbers."""
    parameters = sum(1 for one in found.identity if one[0].startswith(PARAMETER))
    versions = sum(1 for one in found.identity if one[0].startswith(VERSION))
    others = [one[0] for one in found.identity if not one[0].startswith((PARAMETER, VERSION))]
    told = [counted(parameters, "hyperparameter")] if parameters else []
    told += [counted(versions, "version of a package", "versions of packages")] if versions else []
    told += [visible(one, 40) for one in others]
    return Section(
        title="What differs beside the numbers",
        head=("", "before", "after"),
        rows=found.identity,
        short=f"what differs beside the numbers ({', '.join(told[:5])})",
    )


def _disagreement(found: Comparison) -> Section:
    table = found.disagreement
    rows = () if table is None else tuple(tuple(str(cell) for cell in row) for row in table.rows)
    return Section(
        title="Rows that only one of the two answers rightly",
        head=() if table is None else table.columns,
        rows=rows,
        short="rows that only one answers rightly",
    )


def _area_test(found: Comparison) -> Section:
    test = found.area_test
    told = () if test is None else ((str(test), test.method or "–", f"{test.n:,}" if test.n is not None else "–"),)
    return Section(
        title="Difference in ROC AUC", head=("p-value", "test", "rows"), rows=told, short="DeLong's test of the ROC AUC"
    )
