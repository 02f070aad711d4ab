"""Versions and models of a log over its windows: which came when, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from audit.estimate.monitoring import change, span_of, together
from audit.estimate.watched import WATCHED, Watched, alpha_to_share
from audit.evidence import Predictions, Window, Windows
from audit.statistics.intervals import Span
from audit.statistics.sequential import LONGEST, LOOKS, alpha_of_look
from reports.record import Estimate
from reports.turns import turns

OF_VERSIONS = 0.5
"""Share of drift's chance of a false alarm that versions have, where a log says which answered."""
MOST_DRAWN = 6
"""Versions that one figure draws."""
Address = tuple[tuple[str, str], ...]
"""A model, a version, or a version of a model: the level of each key."""


class Decider(NamedTuple):
    """A version, or a model, that answers in the current window and has something to be compared with."""

    address: Address
    before: Address
    """What it replaced, or runs beside."""
    windows: int
    """For how many windows since the reference it has been there."""
    decides: bool
    """Whether it decided; a model in the shadow did not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Labeled answers of a version in the latest windows, beside those of the one before."""

    decider: Decider
    look: int
    """Windows that are taken together."""
    new: Predictions
    old: Predictions
    against: str
    """Where the answers of the one before are from, in words."""


def rows_by_decider(window: Window) -> dict[Address, int]:
    """Return how many rows each model and version has that decided in a window, labeled or not.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> part = Predictions(task="regression", y_true=np.zeros(3), y_pred=np.zeros(3), deciders=("version",),
    ...                    keys={"version": Factor.of(["1", "2", "1"])})
    >>> rows_by_decider(Window(name="w", labeled=part, unlabeled=part.take(np.array([1]))))
    {(('version', '1'),): 2, (('version', '2'),): 2}
    """
    sizes: dict[Address, int] = {}
    for part in (window.labeled, window.unlabeled):
        for address, rows in _sizes(part).items():
            sizes[address] = sizes.get(address, 0) + rows
    return sizes


def _sizes(part: Predictions) -> dict[Address, int]:
    """Return the rows of each version, in order of its levels."""
    factors = [part.keys[key] for key in part.deciders]
    if not factors or not len(part):
        return {}
    shape = tuple(len(factor.levels) for factor in factors)
    place = np.ravel_multi_index([factor.codes for factor in factors], shape)
    sizes = np.bincount(place, None if part.repeats is None else part.repeats.n)
    names = {
        int(at): tuple(
            (key, factor.levels[code])
            for key, factor, code in zip(part.deciders, factors, np.unravel_index(at, shape), strict=True)
        )
        for at in np.flatnonzero(sizes)
    }
    return {name: int(sizes[at]) for at, name in names.items()}


def deciders(windows: Windows) -> tuple[Decider, ...]:
    """Return what answered in the current window and has something to be compared with.

    A version replaced what had most rows in the window before its first. Without one before, as in the reference, it is
    compared with what had most rows beside it. A model in the shadow is compared with what decided.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> def window(*versions):
    ...     part = Predictions(task="regression", y_true=np.zeros(len(versions)), y_pred=np.zeros(len(versions)),
    ...                        keys={"version": Factor.of(versions)}, deciders=("version",))
    ...     return Window(name="w", labeled=part, unlabeled=part.take(np.zeros(0, dtype=int)))
    >>> windows = Windows(reference=window("a", "a"), recent=(window("a", "b"), window("a", "b", "b")))
    >>> [(one.address, one.before, one.windows) for one in deciders(windows)]
    [((('version', 'b'),), (('version', 'a'),), 2)]
    """
    every = [rows_by_decider(window) for window in (windows.reference, *windows.recent)]
    current = every[-1]
    entries = []
    for address in current:
        first = next(place for place, sizes in enumerate(every) if address in sizes)
        earlier = next((sizes for sizes in reversed(every[:first]) if sizes), every[first])
        before = _largest(earlier)
        if before != address:
            entries.append(Decider(address, before, len(every) - max(first, 1), True))
    shadow = windows.current.shadow
    for address in _sizes(shadow) if shadow is not None and current else ():
        there = [window.shadow is not None and address in _sizes(window.shadow) for window in windows.recent]
        entries.append(Decider(address, _largest(current), len(there) - there.index(True), False))
    return tuple(entries)


def _largest(sizes: Mapping[Address, int]) -> Address:
    return max(sizes, key=lambda address: sizes[address])


def turning_points(windows: Windows) -> dict[int, str]:
    """Say at which windows that are shown a version first answers, another has most rows, or other rules judge.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> def window(*versions):
    ...     part = Predictions(task="regression", y_true=np.zeros(len(versions)), y_pred=np.zeros(len(versions)),
    ...                        keys={"version": Factor.of(versions)}, deciders=("version",))
    ...     return Window(name=f"{len(versions)}", labeled=part, unlabeled=part.take(np.zeros(0, dtype=int)))
    >>> recent = (window("a", "a", "b"), window("a", "b", "b", "b"))
    >>> turning_points(Windows(reference=window("a"), recent=recent, rules=("4",)))
    {0: 'b first answers', 1: 'b takes over, rules changed'}
    """
    every = (windows.reference, *windows.recent)
    rows = [{_name(address): n for address, n in rows_by_decider(window).items()} for window in every]
    first = len(windows_shown(windows)) - len(windows.recent) - 1  # the place of the reference
    words = {first + place: words for place, words in turns(rows, limit=14).items()}
    for place, window in enumerate(windows.recent, start=first + 1):
        if window.name in windows.rules:
            words[place] = [*words.get(place, []), "rules changed"]
    return {place: ", ".join(words[place]) for place in sorted(words) if place >= 0}


def _name(address: Address) -> str:
    return " ".join(level for _, level in address)


def windows_shown(windows: Windows) -> tuple[Window, ...]:
    """Return the recent windows that curves show: those of a period."""
    return windows.recent[-max(windows.period, LONGEST) :]


def spans_by_decider(windows: Windows, name: str) -> dict[str, dict[int, Span]]:
    """Return a number with its limits by version and place of the window, where enough of its rows have a label.

    Of many versions those with most rows; nothing where a single one answers.

    Parameters
    ----------
    windows : Windows
    name : str
        A number that :func:`~audit.estimate.monitoring.span_of` knows.
    """
    shown = windows_shown(windows)
    sizes: dict[Address, int] = {}
    for window in shown:
        for address, rows in _sizes(window.labeled).items():
            sizes[address] = sizes.get(address, 0) + rows
    drawn = sorted(sizes, key=lambda address: -sizes[address])[:MOST_DRAWN]
    spans: dict[str, dict[int, Span]] = {}
    for address in sorted(drawn, key=list(sizes).index) if len(sizes) > 1 else ():
        for place, part in enumerate(_rows([window.labeled], address) for window in shown):
            known = span_of(part, name, part.settings.level) if part.total >= max(part.settings.min_n, 1) else None
            if known is not None:
                spans.setdefault(_name(address), {})[place] = known[0]
    return spans


def comparisons(windows: Windows) -> Iterator[Comparison]:
    """Yield each version beside the one before, for each look, where both have labels.

    The one before is taken from the same windows where it has at least half as many labeled rows there, else from the
    reference where it has no fewer rows there, else from wherever it has most. So rows are counted for this choice, and
    never how they were answered.
    """
    every = deciders(windows)
    for look in LOOKS:
        latest, earlier = windows.recent[-look:], windows.recent[:-look]
        for decider in every:
            if decider.windows < look:
                continue
            new = _rows([window.labeled if decider.decides else window.shadow for window in latest], decider.address)
            places = {"in the same windows": latest, "in the reference": (windows.reference,)}
            places |= {"in the windows before": earlier} if earlier else {}
            olds = {
                where: _rows([window.labeled for window in group], decider.before) for where, group in places.items()
            }
            against = _chosen({where: old.total for where, old in olds.items()}, new.total, decider)
            if new.total and olds[against].total:
                yield Comparison(decider=decider, look=look, new=new, old=olds[against], against=against)


def _chosen(rows: Mapping[str, int], new: int, decider: Decider) -> str:
    """Choose where the answers of the one before are taken from, by its labeled rows at each place."""
    beside, reference = list(rows)[:2]
    if not decider.decides or 2 * rows[beside] >= new:
        return beside
    return reference if rows[reference] >= new else max(rows, key=lambda where: rows[where])


def _rows(parts: Sequence[Predictions | None], address: Address) -> Predictions:
    """Return the answers of a version in all parts together."""
    kept = []
    for part in (part for part in parts if part is not None):
        inside = np.ones(len(part), dtype=np.bool_)
        for key, level in address:
            inside &= part.keys[key].mask(level) if key in part.keys else False
        kept.append(part.take(inside))
    return together(kept)


def version_changes(windows: Windows, alpha: float) -> Iterator[tuple[Comparison, Estimate]]:
    """Yield how far each version is from the one before, in each number that is watched.

    The chance of a false alarm that a window has is shared out in advance over numbers and looks, as that of
    performance is, and within the window over the versions that are compared.

    Parameters
    ----------
    windows : Windows
    alpha : float
        Chance of any false alarm in a period without change.
    """
    start = (windows.start or windows.reference).labeled
    names = WATCHED[start.task]
    series = [Watched(name, 1 / len(names)) for name in names]
    shared = alpha_to_share(start, series, alpha=alpha, period=windows.period)
    at_once = max(sum(decider.decides for decider in deciders(windows)), 1)
    for comparison in comparisons(windows):
        look = comparison.look
        where = {"split": "test" if comparison.decider.decides else "shadow", "window": windows.current.name}
        where |= {**dict(comparison.decider.address), "over": "1 window" if look == 1 else f"{look} windows"}
        where["against"] = ", ".join(level for _, level in comparison.decider.before)
        for watched in series:
            share = shared * watched.share / watched.sides / at_once
            tail = alpha_of_look(share, period=windows.period, series=1, look=look)
            estimate = change(comparison.old, comparison.new, watched.name, where, tail)
            if estimate is not None:
                yield comparison, replace(estimate, metric="version_change")
