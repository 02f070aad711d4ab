"""Value labels in exhibits: groups named as the data's owner names them, the reference group marked."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from reports.addresses import address
from reports.lookup import Estimates
from reports.people import class_words, words_of
from reports.record import AuditRecord, Bars, Curve, Exhibit, Forest, Matrix


def relabel_exhibit(record: AuditRecord, exhibit: Exhibit, estimates: Estimates) -> Exhibit:
    """Write the labels of an exhibit with the value labels of the record; the numbers stay as they are."""
    names = record.data.names
    if isinstance(exhibit, Forest):
        return _forest(record, exhibit, estimates)
    if not names:
        return exhibit
    known = _known(record)
    match exhibit:
        case Bars():
            return replace(exhibit, bars=tuple(replace(b, label=known.get(b.label, b.label)) for b in exhibit.bars))
        case Curve():
            series = tuple(replace(series_, name=known.get(series_.name, series_.name)) for series_ in exhibit.series)
            return replace(exhibit, series=series)
        case Matrix():
            own = names.get(record.data.target, {})
            rows_, columns = (tuple(own.get(text, text) for text in part) for part in (exhibit.rows, exhibit.columns))
            return replace(exhibit, rows=rows_, columns=columns)
    return exhibit


def _forest(record: AuditRecord, forest: Forest, estimates: Estimates) -> Forest:
    """Write groups in words, the one that the others are compared with marked, and of which outcome a rate speaks."""
    known, metric = _known(record), forest.x_label.replace(" ", "_")
    reference = {
        address({feature: level})
        for feature in record.data.sensitive
        if forest.title.endswith(f" by {feature}") and (level := _reference_level(record, estimates, metric, feature))
    }
    rows = tuple(
        replace(row, label=known.get(row.label, row.label) + (" (reference)" if row.label in reference else ""))
        for row in forest.rows
    )
    outcome = record.data.favorable or record.data.positive
    rate = words_of(metric).of_decision and record.task == "binary" and outcome
    x_label = f"{forest.x_label}: called {class_words(record, outcome)}" if rate else forest.x_label
    return replace(forest, rows=rows, x_label=x_label)


def _reference_level(record: AuditRecord, estimates: Estimates, metric: str, feature: str) -> str:
    """Return the level that others are compared with: a ratio to itself is 1, a difference to itself is not made."""
    ratios = estimates.levels(f"{metric}_ratio", feature)
    if ratios:
        whole = [ratio.where[feature] for ratio in ratios if ratio.value == 1]
        return whole[0] if len(whole) == 1 else ""
    compared = {level.where[feature] for level in estimates.levels(f"{metric}_difference", feature)}
    rest = [group.level for group in record.data.groups if group.feature == feature and group.level not in compared]
    return rest[0] if compared and len(rest) == 1 else ""


def _known(record: AuditRecord) -> dict[str, str]:
    """Return the words of each labeled address."""
    names = record.data.names
    return _labels(tuple((feature, level, word) for feature, row in names.items() for level, word in row.items()))


@cache
def _labels(named: tuple[tuple[str, str, str], ...]) -> dict[str, str]:
    """Map the address of each labeled level, and of each pair of them, to its words."""
    names: dict[str, dict[str, str]] = {}
    for feature, level, word in named:
        names.setdefault(feature, {})[level] = word
    singles = [{feature: level} for feature, level, _ in named]
    pairs = [{**single, **other} for single in singles for other in singles if not single.keys() & other.keys()]
    return {address(where): address(where, names) for where in (*singles, *pairs)}
