"""Have rows, scores, decisions, labels or groups moved since the reference?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.monitoring import change, everyone, level_counts, number_counts, number_edges, shift, together
from audit.estimate.shares import exact
from audit.estimate.versions import OF_VERSIONS
from audit.evidence import FloatArray, Predictions, Window, Windows
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
    over `index_limit`, or the share of positive decisions or labels to have moved by more than `share_limit`; with
    several classes, and in a regression, predictions and labels are compared by their index. The chance of any false
    alarm in a whole period is at most `alpha`; half of it where the log says which version answered, whose comparison
    has the other half.

    Limits. Each distribution is looked at alone. Labels are those of rows that have one.
    """
    if not windows.recent or not len(windows.reference.labeled):
        raise NotApplicable("needs labels in the reference; none of its rows has one")
    old = everyone(windows.reference)
    old_scores = old if windows.reference.with_scores is None else windows.reference.with_scores
    keys = (*old.sensitive, *windows.features)
    binary = old.task == "binary"
    alpha = alpha * (1 - OF_VERSIONS) if windows.current.labeled.deciders else alpha
    number = len(keys) + len(_scores(old_scores)) + 2
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
            *_of_numbers((old, new), (windows.reference.labeled, labeled), old_scores, at, tail),
        ]
        for index in indices:
            alarm = index.low is not None and index.low > index_limit
            estimates += [index, exact("drift_alarm", alarm, index.where, n=index.n, unit="count")]
        for index in _shares((old, new), (windows.reference.labeled, labeled), at, tail) if binary else ():
            outside = (index.low or 0.0) > share_limit or (index.high or 0.0) < -share_limit
            estimates += [index, exact("drift_alarm", outside, index.where, n=index.n, unit="count")]
    alarms = [estimate for estimate in estimates if estimate.metric == "drift_alarm" and estimate.value]
    text = ", ".join(dict.fromkeys(alarm.where["of"] for alarm in alarms))
    now = everyone(windows.current)
    without = now.y_score is None and old_scores.y_score is not None
    return Measurement(
        summary=f"{windows.current.name}: {f'drift alarm: {text}' if alarms else 'no drift alarm'}.",
        estimates=tuple(estimates),
        exhibits=(by_address_table("Drift since the reference", estimates, folded=True),),
        notes=(f"Scores are not compared: {_why_no_scores(windows.current)}.",) if without else (),
    )


def _why_no_scores(window: Window) -> str:
    return next(part.score_reason for part in (window.labeled, window.unlabeled) if part.y_score is None)


def _indices(
    old: Predictions, new: Predictions, keys: tuple[str, ...], at: dict[str, str], tail: float
) -> Iterator[Estimate]:
    for key in keys:
        levels = tuple(dict.fromkeys((*old.keys[key].levels, *new.keys[key].levels)))
        estimate = shift(level_counts(old, key, levels), level_counts(new, key, levels), {**at, "of": key}, tail)
        if estimate is not None:
            yield estimate


def _of_numbers(
    every: Pair, labeled: Pair, old_scores: Predictions, at: dict[str, str], tail: float
) -> Iterator[Estimate]:
    """Compare scores; of several classes, and of amounts, predictions and labels too."""
    before, after = _scores(old_scores), _scores(every[1])
    numbers = [(of, (old_scores, every[1]), (before[of], after[of])) for of in before if of in after]
    if every[0].task != "binary":
        numbers += [
            ("prediction", every, (every[0].y_pred.astype(np.float64), every[1].y_pred.astype(np.float64))),
            ("labels", labeled, (labeled[0].y_true.astype(np.float64), labeled[1].y_true.astype(np.float64))),
        ]
    for of, (old, new), (earlier, later) in numbers:
        if not len(new):
            continue
        classes = np.arange(len(old.classes) - 1.0)  # codes of classes are bins of their own
        edges = classes if old.task == "multiclass" and of not in before else number_edges(old, earlier)
        estimate = shift(number_counts(old, earlier, edges), number_counts(new, later, edges), {**at, "of": of}, tail)
        if estimate is not None:
            yield estimate


def _scores(part: Predictions) -> dict[str, FloatArray]:
    """Return the scores by name; with several classes, one a class."""
    if part.y_score is None:
        return {}
    if part.y_score.ndim == 1:
        return {"score": part.y_score}
    return {f"score of {name}": part.y_score[:, place] for place, name in enumerate(part.classes)}


def _shares(every: Pair, labeled: Pair, at: dict[str, str], tail: float) -> Iterator[Estimate]:
    pairs = (("decisions", "selection_rate", *every), ("labels", "base_rate", *labeled))
    for of, name, before, after in pairs:
        estimate = change(before, after, name, {**at, "of": of}, tail)
        if estimate is not None:
            yield estimate
