"""Where, in words, does the model err more than on average?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.errors import NotApplicable
from audit.estimate.comparing import span_of
from audit.estimate.making import absent, exact, with_interval
from audit.estimate.measure import estimate
from audit.estimate.split_half import halves
from audit.evidence import FloatArray, Predictions, Settings
from audit.exhibits import forest
from audit.slices.conditions import Column, Condition, columns_of, group_of, in_words, inside, resolutions
from audit.slices.refinement import Refinement
from audit.slices.slicing import search
from audit.statistics.intervals import Span, ratio
from reports.record import Cell, Estimate, Measurement, Table

Mask = npt.NDArray[np.bool_]
METRIC = {"binary": "error_rate", "multiclass": "error_rate", "regression": "mean_squared_error"}
NARROW = 2
"""Conditions up to which numbers are cut into all bands; a slice of more of these would hold hardly any rows."""
TOP = 0.995
"""Squared errors above this quantile count as it in the search, so that one row makes no slice."""


class _Found(NamedTuple):
    """A slice that a half of the test rows offers."""

    conditions: tuple[Condition, ...]
    rows: Mask
    score: float


class _Weak(NamedTuple):
    """A slice to confirm: rows that it was not found on, and those among them that it holds."""

    conditions: tuple[Condition, ...]
    seen: Mask
    rows: Mask
    score: float


@check(
    by_column=True,
    searches=True,
    title="Weak slices",
    family="slices",
    references=(
        "Sagadeeva and Boehm 2021, SliceLine",
        "Chung et al. 2019, Slice Finder",
        "Donner and Zou 2012",
    ),
)
def weak_slices(
    predictions: Predictions,
    dataset: Dataset,
    clusters: Mapping[str, Factor] | None = None,
    *,
    conditions: int = 3,
    times: float = 1.5,
    support: int = 30,
    share: float = 0.01,
    features: int = 25,
    bands: int = 8,
    most: int = 5,
) -> Measurement:
    """Search slices of large error on each half of the test rows, and measure them on the other.

    Reading. Each slice is a phrase of up to three conditions; the ratio says how many times the overall error
    its rows have, on rows that the search did not see. The search ranks slices by the evidence that their
    error exceeds `times` the overall one. What both halves find is measured on all test rows: those of each
    half by the slice that the other found. In regression the error is the mean squared one.

    Limits. Slices smaller than `support` rows or `share` of a half are not looked for; numbers are cut into
    bands. That no slice is found does not say that there is none. A slice says where errors are, not why:
    some kinds of rows are harder for every model. Texts and images are distinguished by clusters.
    """
    test = predictions.select(split="test")
    rows = test.row.astype(np.intp)
    first, second = halves(test, "weak_slices")
    error = _errors(test)
    if not error.any():
        raise NotApplicable("the model makes no errors on the test rows")
    least = max(support, int(share * first.sum()))
    if first.sum() < 2 * least:
        raise NotApplicable(
            f"needs at least {2 * least} rows in each half of the test rows to search slices of {least}; a half has "
            f"{int(first.sum())}"
        )
    columns, untold = columns_of(
        dataset,
        rows,
        np.arange(len(rows)),
        bands=bands,
        extra=_of_rows(clusters, dataset, rows),
        hidden=test.settings.suppressed,
    )
    by_half: list[list[_Found]] = []
    notes = [f"searched on each half of {len(rows)} test rows, confirmed on the other"]
    for half in (first, second):
        useful, lines = _promising(columns, error, half, features)
        by_half.append(_apart(_search(columns, useful, error, half, (conditions, times, least)), most))
        notes += [note for note in lines if note not in notes]
    kept = _match(by_half[0], by_half[1], first, most)
    secret = _secret(kept, columns, test.settings)
    entries = [
        _confirm(test, weak_slice, in_words(columns, weak_slice.conditions), secret=place in secret)
        for place, weak_slice in enumerate(kept)
    ]
    ratios = [estimate for _, estimate in entries] or [
        exact("slice_error_ratio", 1.0, _at(test, "all rows"), n=len(test), unit="ratio")
    ]
    notes.append(f"slices of at least {least} rows of a half, up to {conditions} conditions")
    if untold and not clusters:
        notes.append(f"{len(untold)} text columns have no levels to search")
    return Measurement(
        summary=_summary(ratios),
        estimates=(*ratios, *(estimate for estimate, _ in entries)),
        exhibits=(
            _table(kept, entries, columns, test),
            forest("Error of slices", ratios, x_label="times the overall error", reference=1.0, log_scale=True),
        ),
        notes=tuple(notes),
    )


def _of_rows(clusters: Mapping[str, Factor] | None, dataset: Dataset, rows: npt.NDArray[np.intp]) -> dict[str, Factor]:
    """Put clusters, which are given by test row, into the order of the answers."""
    place = np.searchsorted(dataset.rows("test"), rows)
    return {name: factor.take(place) for name, factor in (clusters or {}).items()}


def _errors(test: Predictions) -> FloatArray:
    if test.task == "regression":
        error = np.asarray((test.y_true.astype(np.float64) - test.y_pred.astype(np.float64)) ** 2)
        if not np.isfinite(error).all():
            raise NotApplicable("the error of some rows is not a finite number")
        return np.minimum(error, np.quantile(error, TOP)) if len(error) else error
    return np.asarray(test.y_true != test.y_pred).astype(np.float64)


def _at(test: Predictions, name: str) -> dict[str, str]:
    return {**test.where, "slice": name}


# --- search ---------------------------------------------------------------------------------------


def _promising(columns: list[Column], error: FloatArray, half: Mask, most: int) -> tuple[list[int], tuple[str, ...]]:
    """Keep the columns whose levels differ most in error, where there are many."""
    useful = [place for place, column in enumerate(columns) if len(np.unique(column.codes[half])) > 1]
    if len(useful) <= most:
        return useful, ()
    useful.sort(key=lambda place: -_between(columns[place].codes[half], error[half]))
    text = f"the {most} features whose levels differ most in error were searched, of {len(useful)}"
    return sorted(useful[:most]), (text,)


def _between(codes: npt.NDArray[np.int64], error: FloatArray) -> float:
    """Return the error's variance between levels, less what chance puts there."""
    size = np.bincount(codes + 1)
    total = np.bincount(codes + 1, error - error.mean())
    levels = size > 0
    return float((total[levels] ** 2 / size[levels]).sum() - levels.sum() * error.var())


def _search(
    columns: list[Column], useful: list[int], error: FloatArray, half: Mask, how: tuple[int, float, int]
) -> list[_Found]:
    """Search at each depth apart, so that a plain slice is not lost among refinements of it; simplify, then rank."""
    conditions, times, least = how
    codes, runs, families, finest = [], [], [], []
    for feature in useful:
        for step, (own, named) in enumerate(entries := resolutions(columns[feature])):
            codes.append(own[half])
            runs.append(named)
            families.append(feature)
            finest.append(step == 0 and len(entries) > 1)
    if not codes:
        return []
    table = np.stack(codes, axis=1)
    look = Refinement(columns, half, error, times, sum(len(named) for named in runs))
    weak_slices: dict[tuple[Condition, ...], _Found] = {}
    for depth in range(1, conditions + 1):
        kept = [place for place, fine in enumerate(finest) if depth <= NARROW or not fine]
        kin = [families[place] for place in kept]
        offered = search(table[:, kept], error[half], k=20, support=least, conditions=depth, times=times, families=kin)
        for part in offered:
            phrase = tuple(Condition(kin[f], *runs[kept[f]][level]) for f, level in part.conditions)
            plain = look.refine(phrase)
            if plain not in weak_slices:
                weak_slices[plain] = _Found(plain, inside(columns, plain), look.surprise(plain))
    return sorted(weak_slices.values(), key=lambda weak_slice: -weak_slice.score)


def _apart(weak_slices: list[_Found], most: int) -> list[_Found]:
    """Keep the best of slices that share more than half of their rows."""
    kept: list[_Found] = []
    for weak_slice in weak_slices:
        if (weak_slice.score > 0 or not kept) and all(_overlap(weak_slice.rows, other.rows) <= 0.5 for other in kept):
            kept.append(weak_slice)
        if len(kept) == most:
            break
    return kept


def _overlap(mask: Mask, other: Mask) -> float:
    """Return the rows in both over the rows of the smaller."""
    return float((mask & other).sum() / max(1, min(mask.sum(), other.sum())))


def _match(weak_slices: list[_Found], other: list[_Found], first: Mask, most: int) -> list[_Weak]:
    """Join slices that both halves found, so that all rows confirm them; the others have one half to do so."""
    free = list(other)
    merged: list[_Weak] = []
    for weak_slice in weak_slices:
        twin = max(free, key=lambda candidate: _share(weak_slice.rows, candidate.rows), default=None)
        if twin is not None and _share(weak_slice.rows, twin.rows) >= 0.5:
            free = [candidate for candidate in free if candidate is not twin]
            rows = np.where(first, twin.rows, weak_slice.rows)
            stronger = max(weak_slice, twin, key=lambda candidate: candidate.score)
            merged.append(_Weak(stronger.conditions, np.ones_like(first), rows, weak_slice.score + twin.score))
        else:
            merged.append(_Weak(weak_slice.conditions, ~first, weak_slice.rows & ~first, weak_slice.score))
    merged += [_Weak(left.conditions, first, left.rows & first, left.score) for left in free]
    return _distinct(sorted(merged, key=lambda weak: -weak.score), most)


def _distinct(weak_slices: list[_Weak], most: int) -> list[_Weak]:
    """Keep the best slices, each phrase once; slices that no half holds for weak only where there are no others."""
    phrases: dict[tuple[Condition, ...], _Weak] = {}
    for weak_slice in weak_slices:
        phrases.setdefault(weak_slice.conditions, weak_slice)
    weak = [phrase for phrase in phrases.values() if phrase.score > 0]
    return (weak or list(phrases.values())[:1])[:most]


def _share(mask: Mask, other: Mask) -> float:
    """Return the rows in both over the rows in either."""
    return float((mask & other).sum() / max(1, (mask | other).sum()))


# --- confirmation ---------------------------------------------------------------------------------


def _secret(kept: list[_Weak], columns: list[Column], settings: Settings) -> set[int]:
    """Return the places of slices that lie in a hidden crossing, or tell of few rows when taken from another."""
    places: set[int] = set()
    shown: list[_Weak] = []
    least = settings.suppress_n
    for place, weak_slice in enumerate(kept):
        group = group_of(columns, weak_slice.conditions)
        if least > 1 and (len(group) > settings.depth or settings.why_hidden(group, least)):
            places.add(place)
            continue
        parts = [weak_slice.rows & weak_slice.seen, weak_slice.seen]
        for size in range(1, len(weak_slice.conditions)):
            parts += [inside(columns, some) & weak_slice.seen for some in combinations(weak_slice.conditions, size)]
        parts += [other.rows & other.seen for other in shown if (other.seen == weak_slice.seen).all()]
        if any(_few_between(*pair, least) for pair in combinations(parts, 2)):
            places.add(place)
        else:
            shown.append(weak_slice)
    return places


def _few_between(mask: Mask, other: Mask, least: int) -> bool:
    """Tell whether one holds the other and fewer than `least` rows beside it."""
    beside = int((mask & ~other).sum()), int((other & ~mask).sum())
    return 0 in beside and 0 < max(beside) < least


def _confirm(test: Predictions, weak: _Weak, words: str, *, secret: bool) -> tuple[Estimate, Estimate]:
    """Return the slice's error and its ratio to the overall error, on rows that the search did not see."""
    half, rows = test.take(weak.seen), weak.rows[weak.seen]
    metric, where = METRIC[half.task], _at(half, words)
    n, least = int(rows.sum()), half.settings.suppress_n
    if n < least or secret:
        reason = f"suppressed: fewer than {least} rows, or so few could be worked out from it"
        reason = reason if n else "no rows in the confirming half"
        return absent(metric, where, reason), absent("slice_error_ratio", where, reason, unit="ratio")
    own = replace(estimate(half.take(rows), metric), where=where)
    rest = estimate(half.take(~rows), metric)
    weight = np.ones(len(half)) if half.weight is None else half.weight
    a, b = span_of(own), span_of(rest)
    if a is None or b is None:
        reason = own.reason or rest.reason or "no interval"
        return own, absent("slice_error_ratio", where, reason, unit="ratio")
    span = to_overall(a, b, float(weight[rows].sum() / weight.sum()))
    return own, with_interval(
        "slice_error_ratio",
        span.value,
        (span.low, span.high),
        where,
        method=f"MOVER of {own.method}",
        n=n,
        unit="ratio",
        level=own.level,
    )


def to_overall(own: Span, rest: Span, share: float) -> Span:
    """Return a slice's error over the overall error, which contains it: r / (share · r + 1 − share).

    Parameters
    ----------
    own, rest : Span
        Errors in the slice and outside of it, which are independent.
    share : float
        Of the rows that are in the slice.

    Examples
    --------
    >>> span = to_overall(Span(0.4, 0.3, 0.5), Span(0.1, 0.08, 0.12), 0.1)
    >>> round(span.value, 3), 2.0 < span.low < 3.1 < span.high < 5.0
    (3.077, True)
    """

    def mapped(times: float) -> float:
        return times / (share * times + 1 - share)

    against = ratio(own, rest)
    if against is not None:
        return Span(*(mapped(number) for number in against))
    overall = share * own.value + (1 - share) * rest.value
    value = own.value / overall if overall > 0 else 1.0
    low = mapped(own.low / rest.high) if rest.high > 0 else 0.0
    return Span(value, min(low, value), max(1 / share, value))


# --- words ----------------------------------------------------------------------------------------


def _summary(ratios: list[Estimate]) -> str:
    known = [ratio for ratio in ratios if ratio.value is not None and ratio.where["slice"] != "all rows"]
    if not known:
        return "No slice of the search half has clearly more errors than all rows."
    worst = max(known, key=lambda estimate: estimate.low or 0.0)
    return f"Weakest slice: {worst.where['slice']}, with {worst} times the overall error."


def _table(
    kept: list[_Weak], entries: list[tuple[Estimate, Estimate]], columns: list[Column], test: Predictions
) -> Table:
    """Say of each slice what its error is, and what it would be without each of its conditions."""
    rows: list[tuple[Cell, ...]] = []
    overall = estimate(test, METRIC[test.task])
    for weak_slice, (own, against) in zip(kept, entries, strict=True):
        without = []
        for place, gone in enumerate(weak_slice.conditions if own.value is not None else ()):
            rest = weak_slice.conditions[:place] + weak_slice.conditions[place + 1 :]
            wider = estimate(test.take(inside(columns, rest) & weak_slice.seen), METRIC[test.task]) if rest else overall
            without.append(f"without “{in_words(columns, (gone,))}”: {_short(wider)}")
        rows.append((own.where["slice"], against.n, _short(own), _short(against), "; ".join(without)))
    return Table(
        title="Weak slices",
        columns=("slice", "n", METRIC[test.task], "times overall", "what separates it"),
        rows=tuple(rows),
        caption=f"On rows that the search did not see; overall {METRIC[test.task]}: {_short(overall)}.",
    )


def _short(estimate: Estimate) -> str:
    return str(estimate) if estimate.value is not None else f"– ({estimate.reason})"
