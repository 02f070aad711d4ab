"""Estimates as one table, and which exhibits it makes superfluous.

A check returns its estimates and may show the same numbers again in a table or a figure. A card that
prints each number three times is read by nobody: what the table of estimates tells already is not
shown again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from functools import lru_cache

from reports.addresses import Names
from reports.exhibits import View
from reports.phrases import address, interval, metric_words, number, visible
from reports.record import Estimate

MOST_METRICS = 12
"""Columns that a table of metrics by slice may have."""
NARROW = ",\u00a0"
"""Between the ends of an interval: a cell breaks before or after an interval, not within."""
_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)( ?%)?")


def estimates_view(estimates: Sequence[Estimate], names: Names | None = None) -> View:
    """Set estimates as one table: metrics across where several slices share them, else one a row."""
    slices = list(dict.fromkeys(address(estimate.where, names) for estimate in estimates))
    metrics = list(dict.fromkeys(estimate.metric for estimate in estimates))
    if len(slices) > 1 and 1 < len(metrics) <= MOST_METRICS and 3 * len(estimates) >= len(slices) * len(metrics):
        return _pivot(estimates, slices, metrics, names)
    return _list(estimates, slices, metrics, names)


def estimate_line(estimate: Estimate) -> str:
    """Write one estimate as a line, with all that a table would say of it.

    Examples
    --------
    >>> estimate_line(Estimate(metric="recall", value=0.8, low=0.7, high=0.87, n=100, method="wilson"))
    'recall for all rows: 0.800 [0.700, 0.870], n 100 (95% interval: wilson)'
    """
    value, span, n = _numbers(estimate)
    head = f"{metric_words(estimate.metric)} for {address(estimate.where)}: {value} {span}".rstrip()
    method = method_words(estimate)
    level = f"{_level_words([estimate])}: " if span else ""
    return f"{head}{f', n {n}' if n else ''}{f' ({level}{method})' if method else ''}"


def method_words(estimate: Estimate) -> str:
    """Name the method of an interval, or say why there is no value or no interval."""
    method = visible(estimate.method).replace("_", " ")
    reason = visible(estimate.reason, 200)
    return f"{method}: {reason}" if method and reason else method or reason


def is_told_by(view: View, by: Sequence[View]) -> bool:
    """Return whether every number of a table stands in the others, up to three decimals.

    Examples
    --------
    >>> table = View(title="t", columns=("class", "recall"), rows=(("a", "91%"),))
    >>> numbers = View(title="e", columns=("Rows of", "recall"), rows=(("class=a", "0.910 [0.8, 0.95], n 7"),))
    >>> is_told_by(table, [numbers])
    True
    """
    return bool(view.rows) and Told(by).without(None) >= figures(view)


class Told:
    """The numbers that some views tell, so that each view is read once however many are compared with them."""

    def __init__(self, views: Sequence[View]) -> None:
        self.own = {id(view): _all_numbers(view) for view in views}
        self._views = tuple(views)
        self._times = Counter(number for numbers in self.own.values() for number in numbers)

    def without(self, view: View | None) -> Set[float]:
        """Return the numbers that stand in the views, one of them left out."""
        if view is None or id(view) not in self.own:
            return self._times.keys()
        return self._times.keys() - {value for value in self.own[id(view)] if self._times[value] == 1}


def _all_numbers(view: View) -> set[float]:
    return figures(view) | {value for text in (*view.columns, *view.notes) for value in _read(text)}


def figures(view: View) -> set[float]:
    """Return the numbers in the cells of a table, without its first column."""
    return {value for row in view.rows for cell in row[1:] for value in _read(cell)}


@lru_cache(maxsize=16384)
def _read(text: str) -> tuple[float, ...]:
    """Return the numbers in a cell; the same cells are read for every size in which a card is tried."""
    numbers = ((float(value.replace(",", "")), sign) for value, sign in _NUMBER.findall(text))
    return tuple(round(value / 100 if sign else value, 3) for value, sign in numbers)


def _numbers(estimate: Estimate) -> tuple[str, str, str]:
    unit = estimate.unit or ("count" if estimate.method == "count" else "")
    n = "" if estimate.n is None else f"{estimate.n:,}"
    return number(estimate.value, unit), interval(estimate), n


def _level_words(estimates: Sequence[Estimate]) -> str:
    levels = sorted({estimate.level for estimate in estimates})
    return " / ".join(f"{level * 100:g}%" for level in levels[:3]) + " interval"


def _list(estimates: Sequence[Estimate], slices: list[str], metrics: list[str], names: Names | None) -> View:
    """Set one estimate a row; what all rows share is said once, above or below."""
    rows = [
        (metric_words(estimate.metric), address(estimate.where, names), *_numbers(estimate), method_words(estimate))
        for estimate in estimates
    ]
    columns = ("Metric", "Rows of", "Value", _level_words(estimates), "n", "Method")
    kept = [k for k in range(6) if k == 2 or (k == 3 and any(row[3] for row in rows)) or not _share(rows, k)]
    if not {0, 1} & set(kept):
        kept = [0, *kept]
    title = metric_words(metrics[0]).capitalize() if 0 not in kept else "Estimates"
    title += f" on {slices[0]}" if 1 not in kept and slices[0] != "all rows" else ""
    notes = (f"n {rows[0][4]} throughout.",) if 4 not in kept and rows[0][4] else ()
    if 5 not in kept and rows[0][5]:
        notes = (*notes, f"Method: {rows[0][5]}.")
    return View(
        title=title,
        columns=tuple(columns[k] for k in kept),
        rows=tuple(tuple(row[k] for k in kept) for row in rows),
        numeric=tuple(k in (2, 3, 4) for k in kept),
        notes=notes,
    )


def _share(rows: Sequence[tuple[str, ...]], column: int) -> bool:
    """Return whether a column says the same in every row, or nothing at all."""
    return len({row[column] for row in rows}) == 1 and (len(rows) > 1 or not rows[0][column])


def _pivot(estimates: Sequence[Estimate], slices: list[str], metrics: list[str], names: Names | None) -> View:
    cells: dict[tuple[str, str], str] = {}
    for estimate in estimates:
        value, span, n = _numbers(estimate)
        text = f"{value} {span.replace(', ', NARROW)}".rstrip()
        cells[address(estimate.where, names), estimate.metric] = f"{text}, n\u00a0{n}" if n else text
    rows = tuple((where, *(cells.get((where, metric), "") for metric in metrics)) for where in slices)
    columns = ("Rows of", *(metric_words(metric) for metric in metrics))
    numeric = (False,) * len(columns)  # flush left: values line up, whatever n follows them
    return View(title="Estimates", columns=columns, rows=rows, numeric=numeric, notes=method_notes(estimates))


def method_notes(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Name the methods, by metric where they differ, and say why numbers are missing."""
    methods: dict[str, list[str]] = {}
    for estimate in estimates:
        if estimate.value is not None and estimate.method:
            methods.setdefault(visible(estimate.method).replace("_", " "), []).append(metric_words(estimate.metric))
    said = [
        method if len(methods) == 1 else f"{method} for {', '.join(dict.fromkeys(names))}"
        for method, names in methods.items()
    ]
    undefined = dict.fromkeys(visible(estimate.reason, 120) for estimate in estimates if estimate.value is None)
    exact = all(estimate.low == estimate.high for estimate in estimates)
    notes = [f"{'Method' if exact else f'{_level_words(estimates)}s'}: {'; '.join(said)}."] if said else []
    if undefined:
        notes.append(f"“–” marks a number that does not exist: {'; '.join(list(undefined)[:4])}.")
    return tuple(notes)
