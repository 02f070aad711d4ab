"""Value labels in exhibits: groups named as the data's owner names them, the reference group marked."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from reports.addresses import address
from reports.record import AuditRecord, Bars, Curve, Exhibit, Forest, Matrix


def relabeled(record: AuditRecord, exhibit: Exhibit) -> Exhibit:
    """Write the labels of an exhibit with the value labels of the record; the numbers stay as they are."""
    names = record.data.names
    if not names:
        return exhibit
    known = _labels(tuple((feature, level, word) for feature, row in names.items() for level, word in row.items()))
    match exhibit:
        case Forest():
            rows = tuple(replace(row, label=known.get(row.label, row.label)) for row in exhibit.rows)
            return replace(exhibit, rows=rows)
        case Bars():
            return replace(exhibit, bars=tuple(replace(b, label=known.get(b.label, b.label)) for b in exhibit.bars))
        case Curve():
            series = tuple(replace(one, name=known.get(one.name, one.name)) for one in exhibit.series)
            return replace(exhibit, series=series)
        case Matrix():
            own = names.get(record.data.target, {})
            rows_, columns = (tuple(own.get(one, one) for one in part) for part in (exhibit.rows, exhibit.columns))
            return replace(exhibit, rows=rows_, columns=columns)
    return exhibit


@cache
def _labels(named: tuple[tuple[str, str, str], ...]) -> dict[str, str]:
    """Map the address of each labeled level, and of each pair of them, to its words."""
    names: dict[str, dict[str, str]] = {}
    for feature, level, word in named:
        names.setdefault(feature, {})[level] = word
    singles = [{feature: level} for feature, level, _ in named]
    pairs = [{**one, **other} for one in singles for other in singles if not one.keys() & other.keys()]
    return {address(where): address(where, names) for where in (*singles, *pairs)}
