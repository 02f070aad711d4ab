"""Have rows, scores, decisions, labels or groups moved since the reference?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.monitoring import change, everyone, level_counts, score_counts, score_edges, shift, together
from audit.estimate.shares import exact
from audit.evidence import Predictions, Windows
from audit.exhibits import by_address_table
from audit.statistics.sequential import LOOKS, spent
from reports.record import Estimate, Measurement


@check(
    title="Drift by window",
    family="monitoring",
    tasks=("binary", "multiclass"),
    references=("Yurdakul and Naranjo 2020, Statistical properties of the population stability index", "Newcombe 1998"),
)
def window_drift(
    windows: Windows, *, alpha: float = 0.01, index_limit: float = 0.1, share_limit: float = 0.05
) -> Measurement:
    """Compare the last window, and the last three together, with the reference.

    Reading. ``drift_alarm`` is 1 where the stability index of scores, of a feature or of the groups is shown to be
    over `index_limit`, or the share of positive decisions or labels to have moved by more than `share_limit`. The
    chance of any false alarm in a whole period is at most `alpha`.

    Limits. Each distribution is looked at alone. Labels are those of rows that have one.
    """
    if not windows.recent or not len(windows.reference.labeled):
        raise NotApplicable("the reference has no rows with a label")
    old = everyone(windows.reference)
    keys = (*old.sensitive, *windows.features)
    binary = old.task == "binary"
    number = len(keys) + (old.y_score is not None) + 2 * binary
    where = {"split": "test", "window": windows.current.name}
    made: list[Estimate] = []
    for look in LOOKS:
        if len(windows.recent) < look:
            continue
        tail = spent(alpha, period=windows.period, series=number, look=look)
        at = {**where, "over": "1 window" if look == 1 else f"{look} windows"}
        new = together([everyone(one) for one in windows.recent[-look:]])
        labeled = together([one.labeled for one in windows.recent[-look:]])
        for found in _indices(old, new, keys, at, tail):
            alarm = found.low is not None and found.low > index_limit
            made += [found, exact("drift_alarm", alarm, found.where, n=found.n, unit="count")]
        for found in _shares((old, new), (windows.reference.labeled, labeled), at, tail) if binary else ():
            outside = (found.low or 0.0) > share_limit or (found.high or 0.0) < -share_limit
            made += [found, exact("drift_alarm", outside, found.where, n=found.n, unit="count")]
    alarms = [one for one in made if one.metric == "drift_alarm" and one.value]
    told = ", ".join(dict.fromkeys(one.where["of"] for one in alarms))
    return Measurement(
        summary=f"{windows.current.name}: {told} moved." if alarms else f"{windows.current.name}: no drift alarm.",
        estimates=tuple(made),
        exhibits=(by_address_table("Drift since the reference", made, folded=True),),
    )


def _indices(
    old: Predictions, new: Predictions, keys: tuple[str, ...], at: dict[str, str], tail: float
) -> Iterator[Estimate]:
    for key in keys:
        levels = tuple(dict.fromkeys((*old.keys[key].levels, *new.keys[key].levels)))
        found = shift(level_counts(old, key, levels), level_counts(new, key, levels), {**at, "of": key}, tail)
        if found is not None:
            yield replace(found, n=None) if old.settings.hides_missing(key) else found
    if old.y_score is not None and new.y_score is not None and len(new):
        edges = score_edges(old)
        found = shift(score_counts(old, edges), score_counts(new, edges), {**at, "of": "score"}, tail)
        if found is not None:
            yield found


def _shares(
    every: tuple[Predictions, Predictions], labeled: tuple[Predictions, Predictions], at: dict[str, str], tail: float
) -> Iterator[Estimate]:
    pairs = (("decisions", "selection_rate", *every), ("labels", "base_rate", *labeled))
    for of, name, before, after in pairs:
        found = change(before, after, name, {**at, "of": of}, tail)
        if found is not None:
            yield found
