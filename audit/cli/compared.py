"""A comparison as tables for people: what to look at first, and what is folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.comparing.changes import Change, Turn
from audit.comparing.result import Comparison, per_thousand, signed_interval
from audit.estimate.metrics import twin
from reports.phrases import address, count_noun, estimate_text, metric_words, number, visible
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


def first(comparison: Comparison) -> list[Section]:
    """Return the tables to look at first, those without rows left out."""
    overall = [
        change for change in _once(comparison.changes) if _is_overall(comparison, change) and change.direction != "same"
    ]
    overall = [change for change in overall if twin(change.metric) not in {other.metric for other in overall}]
    overall.sort(key=lambda change: change.metric != comparison.headline)
    moved = [
        estimate
        for estimate in comparison.churn
        if len(set(estimate.where) - HOUSE_WORDS) <= 1 and comparison.churn[0].value
    ]
    sections = [
        Section(
            title=f"Models by {metric_words(comparison.headline)}",
            head=("model", "value", "against the best", "", "decisions unlike the first model's"),
            rows=tuple(
                (
                    visible(contender.name, 60),
                    _value(contender.value),
                    signed_interval(contender.behind),
                    contender.standing,
                    _churn(contender.churn),
                )
                for contender in comparison.contenders
            ),
        ),
        Section(title="Over all rows", head=_HEAD, rows=tuple(_row(comparison, change) for change in overall)),
        Section(
            title="Groups that are worse",
            head=_HEAD,
            rows=tuple(_row(comparison, change) for change in comparison.conclusion.groups_worse),
        ),
        _decisions(comparison, moved),
        _turn(comparison, [turn for turn in comparison.turns if turn.severity == "error"], "Criteria that turned"),
    ]
    return [section for section in sections if section.rows]


def rest(comparison: Comparison) -> list[Section]:
    """Return the tables that are folded, those without rows left out."""
    changes = _once(comparison.changes)
    moved = [change for change in changes if change.direction in _ORDER and not _is_overall(comparison, change)]
    moved = [change for change in moved if change not in comparison.conclusion.groups_worse]
    moved.sort(key=lambda change: _ORDER.index(change.direction))
    lone = [change for change in comparison.changes if change.direction.startswith("only")]
    crossed = [
        estimate
        for estimate in comparison.churn
        if len(set(estimate.where) - HOUSE_WORDS) > 1 and comparison.churn[0].value
    ]
    turns = [turn for turn in comparison.turns if turn.severity != "error"]
    sections = [
        _differing(comparison),
        Section(
            title="Other numbers that moved beyond their interval",
            head=_HEAD,
            rows=tuple(_row(comparison, change) for change in moved),
            short=count_noun(len(moved), "other number that moved", "other numbers that moved"),
        ),
        _decisions(comparison, crossed, "Decisions that changed, groups of several features"),
        _disagreement(comparison),
        _area_test(comparison),
        _turn(comparison, turns, "Concerns and notes that changed"),
        Section(
            title="Measured in one audit only",
            head=("check", "metric", "where", ""),
            rows=tuple(
                (change.check, metric_words(change.metric), address(change.where, comparison.names), change.direction)
                for change in lone
            ),
            short=count_noun(len(lone), "number in one audit only", "numbers in one audit only"),
        ),
    ]  # fmt: skip
    return [section for section in sections if section.rows]


def open_words(comparison: Comparison) -> str:
    """Say what the rest of the numbers tell, and how sure "worse" is."""
    alike = sum(1 for change in comparison.changes if change.direction in {"same", "no difference shown"})
    return (
        f"{count_noun(alike, 'other number shows', 'other numbers show')} no difference beyond chance and rounding. "
        "The first line is corrected for the number of metrics and groups; of the single intervals one in twenty "
        "misses its number by chance."
    )


_HEAD = ("metric", "where", "before", "after", "difference", "")


def _once(changes: Sequence[Change]) -> list[Change]:
    """Return each metric of each slice once; several checks may measure it."""
    return list({(change.metric, tuple(change.where.items())): change for change in reversed(changes)}.values())[::-1]


def _is_overall(comparison: Comparison, change: Change) -> bool:
    return set(change.where) <= {"split"} and (change.paired or change.metric in comparison.own)


def _row(comparison: Comparison, change: Change) -> tuple[str, ...]:
    exact = change.difference is None or change.difference.method == "count"
    paired = "" if change.paired or exact else ", not paired"
    return (
        metric_words(change.metric),
        address(change.where, comparison.names),
        _value(change.before),
        _value(change.after),
        signed_interval(change.difference),
        change.direction + paired,
    )


def _value(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    return number(estimate.value, estimate.unit or ("count" if estimate.method == "count" else ""))


def _churn(estimate: Estimate | None) -> str:
    return "" if estimate is None or estimate.value is None else per_thousand(estimate)


def _decisions(comparison: Comparison, shares: Sequence[Estimate], title: str = "Decisions that changed") -> Section:
    """Set one slice a row: all changes, then those to each outcome."""
    names = list(dict.fromkeys(share.metric for share in shares))
    slices = list(dict.fromkeys(tuple(share.where.items()) for share in shares))
    by_slice = {(share.metric, tuple(share.where.items())): share for share in shares}
    rows = tuple(
        (address(dict(where), comparison.names), *(_share(by_slice.get((name, where))) for name in names))
        for where in slices
    )
    head = ("where", *(_CHURN.get(name, metric_words(name)) for name in names))
    return Section(title=title, head=head, rows=rows, short=f"decisions of {count_noun(len(rows), 'crossed group')}")


_CHURN = {
    "churn": "share changed",
    "churn_to_unfavorable": "now unfavorable",
    "churn_to_favorable": "now favorable",
    "churn_to_negative": "now negative",
    "churn_to_positive": "now positive",
}


def _share(estimate: Estimate | None) -> str:
    return "–" if estimate is None else estimate_text(estimate)


def _turn(comparison: Comparison, turns: Sequence[Turn], title: str) -> Section:
    note = "" if comparison.same_policy else " (the rules differ too)"
    rows = tuple(
        (turn.gate, address(turn.where, comparison.names), *_tell(turn.before, turn.after), turn.severity)
        for turn in turns
    )
    gates = len(dict.fromkeys(turn.gate for turn in turns))
    return Section(
        title=title + note,
        head=("gate", "where", "before", "after", "severity"),
        rows=rows,
        short=f"verdicts of {count_noun(gates, 'catalogue rule or note', 'catalogue rules or notes')}",
    )


def _tell(*outcomes: str) -> tuple[str, ...]:
    return tuple(outcome.replace("_", " ") for outcome in outcomes)


def _differing(comparison: Comparison) -> Section:
    """Fold what is not the same of the two audits beside numbers."""
    parameters = sum(1 for entry in comparison.identity if entry[0].startswith(PARAMETER))
    versions = sum(1 for entry in comparison.identity if entry[0].startswith(VERSION))
    others = [entry[0] for entry in comparison.identity if not entry[0].startswith((PARAMETER, VERSION))]
    lines = [count_noun(parameters, "hyperparameter")] if parameters else []
    lines += [count_noun(versions, "version of a package", "versions of packages")] if versions else []
    lines += [visible(other, 40) for other in others]
    return Section(
        title="What differs besides the numbers",
        head=("", "before", "after"),
        rows=comparison.identity,
        short=f"what differs besides the numbers ({', '.join(lines[:5])})",
    )


def _disagreement(comparison: Comparison) -> Section:
    table = comparison.disagreement
    rows = () if table is None else tuple(tuple(str(cell) for cell in row) for row in table.rows)
    return Section(
        title="Rows that only one of the two answers correctly",
        head=() if table is None else table.columns,
        rows=rows,
        short="rows that only one answers correctly",
    )


def _area_test(comparison: Comparison) -> Section:
    test = comparison.area_test
    rows = () if test is None else ((str(test), test.method or "–", f"{test.n:,}" if test.n is not None else "–"),)
    return Section(
        title="Difference in ROC AUC", head=("p-value", "test", "rows"), rows=rows, short="DeLong's test of the ROC AUC"
    )
