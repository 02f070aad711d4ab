"""Have rows, scores, decisions, labels or groups moved since the reference?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.monitoring import change, everyone, level_counts, number_counts, number_edges, shift, together
from audit.estimate.shares import exact
from audit.evidence import Predictions, Windows
from audit.exhibits import by_address_table
from audit.statistics.sequential import LOOKS, alpha_of_look
from reports.record import Estimate, Measurement

Pair = tuple[Predictions, Predictions]
"""The reference's answers and those of the windows that are looked at."""


@check(
    title="Drift by window",
    family="monitoring",
    tasks=("binary", "multiclass", "regression"),
    references=("Yurdakul and Naranjo 2020, Statistical properties of the population stability index", "Newcombe 1998"),
)
def window_drift(
    windows: Windows, *, alpha: float = 0.01, index_limit: float = 0.1, share_limit: float = 0.05
) -> Measurement:
    """Compare the last window, and the last three together, with the reference.

    Reading. ``drift_alarm`` is 1 where the stability index of scores, of a feature or of the groups is shown to be
    over `index_limit`, or the share of positive decisions or labels to have moved by more than `share_limit`; in a
    regression predictions and labels are compared by their index. The chance of any false alarm in a whole period is at
    most `alpha`.

    Limits. Each distribution is looked at alone. Labels are those of rows that have one.
    """
    if not windows.recent or not len(windows.reference.labeled):
        raise NotApplicable("needs labels in the reference; none of its rows has one")
    old = everyone(windows.reference)
    keys = (*old.sensitive, *windows.features)
    binary = old.task == "binary"
    number = len(keys) + (old.y_score is not None) + 2 * (old.task != "multiclass")
    where = {"split": "test", "window": windows.current.name}
    estimates: list[Estimate] = []
    for look in LOOKS:
        if len(windows.recent) < look:
            continue
        tail = alpha_of_look(alpha, period=windows.period, series=number, look=look)
        at = {**where, "over": "1 window" if look == 1 else f"{look} windows"}
        new = together([everyone(window) for window in windows.recent[-look:]])
        labeled = together([window.labeled for window in windows.recent[-look:]])
        indices = [
            *_indices(old, new, keys, at, tail),
            *_of_numbers((old, new), (windows.reference.labeled, labeled), at, tail),
        ]
        for index in indices:
            alarm = index.low is not None and index.low > index_limit
            estimates += [index, exact("drift_alarm", alarm, index.where, n=index.n, unit="count")]
        for index in _shares((old, new), (windows.reference.labeled, labeled), at, tail) if binary else ():
            outside = (index.low or 0.0) > share_limit or (index.high or 0.0) < -share_limit
            estimates += [index, exact("drift_alarm", outside, index.where, n=index.n, unit="count")]
    alarms = [estimate for estimate in estimates if estimate.metric == "drift_alarm" and estimate.value]
    text = ", ".join(dict.fromkeys(alarm.where["of"] for alarm in alarms))
    return Measurement(
        summary=f"{windows.current.name}: {text} moved." if alarms else f"{windows.current.name}: no drift alarm.",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Drift since the reference", estimates, folded=True),),
    )


def _indices(
    old: Predictions, new: Predictions, keys: tuple[str, ...], at: dict[str, str], tail: float
) -> Iterator[Estimate]:
    for key in keys:
        levels = tuple(dict.fromkeys((*old.keys[key].levels, *new.keys[key].levels)))
        estimate = shift(level_counts(old, key, levels), level_counts(new, key, levels), {**at, "of": key}, tail)
        if estimate is not None:
            yield estimate


def _of_numbers(every: Pair, labeled: Pair, at: dict[str, str], tail: float) -> Iterator[Estimate]:
    """Compare scores; of a regression predictions and labels."""
    numbers = [("score", every, [part.y_score for part in every])]
    if every[0].task == "regression":
        numbers += [
            ("prediction", every, [part.y_pred.astype(np.float64) for part in every]),
            ("labels", labeled, [part.y_true.astype(np.float64) for part in labeled]),
        ]
    for of, (old, new), (before, after) in numbers:
        if before is None or after is None or not len(new):
            continue
        edges = number_edges(old, before)
        estimate = shift(number_counts(old, before, edges), number_counts(new, after, edges), {**at, "of": of}, tail)
        if estimate is not None:
            yield estimate


def _shares(every: Pair, labeled: Pair, at: dict[str, str], tail: float) -> Iterator[Estimate]:
    pairs = (("decisions", "selection_rate", *every), ("labels", "base_rate", *labeled))
    for of, name, before, after in pairs:
        estimate = change(before, after, name, {**at, "of": of}, tail)
        if estimate is not None:
            yield estimate
