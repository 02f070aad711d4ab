"""Windows of a log against their reference: changes with limits that hold for a whole period."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.factor import concatenate, unique_combinations
from audit.estimate.cells import Counts, count_rows, effective, proportion, rate_masks
from audit.estimate.drift import effective_counts
from audit.estimate.metrics import metric
from audit.estimate.rates import RATES
from audit.estimate.views import rows_of, with_weight
from audit.evidence import FloatArray, Predictions, Repeats, Window
from audit.statistics.binning import quantile_edges
from audit.statistics.intervals import Span, difference, z_value
from audit.statistics.psi import stability
from audit.statistics.variance import Undefined, effective_n, variance
from reports.record import Estimate

Column = TypeVar("Column", bound=np.generic)
WHOLE = {"split", "window", "metric"}
"""Address of a number of all rows of a window."""


def together(parts: Sequence[Predictions]) -> Predictions:
    """Stack the answers of several windows.

    Examples
    --------
    >>> one = Predictions(task="regression", y_true=np.array([1.0]), y_pred=np.array([2.0]))
    >>> len(together([one, one]))
    2
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    repeats = [part.repeats for part in parts if part.repeats is not None]
    clusters = [part.cluster for part in parts if part.cluster is not None]
    names = [name for name in first.keys if all(name in part.keys for part in parts)]
    whole = len(parts)
    return replace(
        first,
        y_true=np.concatenate([part.y_true for part in parts]),
        y_pred=np.concatenate([part.y_pred for part in parts]),
        y_score=_stack([part.y_score for part in parts]),
        weight=_stack([part.weight for part in parts]),
        cluster=concatenate(clusters) if len(clusters) == whole else None,
        repeats=Repeats(*map(np.concatenate, zip(*repeats, strict=True))) if len(repeats) == whole else None,
        ties=_stack([part.ties for part in parts]),
        keys={name: concatenate([part.keys[name] for part in parts]) for name in names},
        levels={},
    )


def _stack(columns: Sequence[npt.NDArray[Column] | None]) -> npt.NDArray[Column] | None:
    """Stack a column that all parts have."""
    known = [column for column in columns if column is not None]
    return np.concatenate(known) if len(known) == len(columns) else None


def merge_cells(part: Predictions, keys: Iterable[str] | None = None, *, scores: bool = True) -> Predictions:
    """Return a counted log with those cells taken together that differ in nothing that is kept.

    Rows that were not counted stay as they are, and so do amounts, of which each cell has its own.

    Parameters
    ----------
    part : Predictions
    keys : iterable of str, optional
        Keys that are kept, as far as they are there; all unless given.
    scores : bool
        Whether scores are kept.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> one = Predictions(task="binary", y_true=np.array([1, 1]), y_pred=np.array([1, 1]), weight=np.array([2.0, 3.0]),
    ...                   repeats=Repeats(np.array([2, 3]), np.array([2.0, 3.0])), keys={"k": Factor.of(["a", "b"])})
    >>> [merge_cells(one, keys).repeats.n.tolist() for keys in (None, ())]
    [[2, 3], [5]]
    """
    repeats, weight = part.repeats, part.weight
    if repeats is None or weight is None or part.task == "regression":
        return part
    kept = {name: factor for name, factor in part.keys.items() if keys is None or name in set(keys)}
    deciders = tuple(name for name in part.deciders if name in kept)
    part = replace(part, keys=kept, deciders=deciders, levels={}, y_score=part.y_score if scores else None)
    rows = rows_of(part)
    columns: list[npt.NDArray[np.integer]] = [rows.true, rows.predicted]
    columns += [factor.codes + 1 for factor in (*kept.values(), *([] if part.cluster is None else [part.cluster]))]
    columns += [] if part.y_score is None else [pd.factorize(score)[0] for score in np.atleast_2d(part.y_score.T)]
    example, place = unique_combinations(columns)
    n, total, squares = (np.bincount(place, sums).astype(np.float64) for sums in (repeats.n, weight, repeats.squares))
    return replace(part.take(example), weight=total, repeats=Repeats(n.astype(np.int64), squares))


def span_of(part: Predictions, name: str, level: float) -> tuple[Span, int] | None:
    """Return a rate, or a size of errors, with its limits and the rows behind it; ``None`` where it does not exist.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.array([0, 1, 1, 1]),
    ...                       y_pred=np.array([0, 1, 0, 1]))
    >>> span, n = span_of(answers, "recall", 0.95)
    >>> round(span.value, 3), n
    (0.667, 3)
    """
    try:
        part = with_weight(part)
        if name not in RATES:
            return _measured(part, name, level)
        rows = rows_of(part)
        counts: Counts = count_rows(rows, len(part.classes))
        hits, of = rate_masks(RATES[name], len(part.classes))
        value = proportion((hits, of), counts, level, None, "no rows")[0].value
        n = effective_n(counts.weight[of], counts.weight2[of])
        if rows.cluster is not None:
            inside = of[rows.true, rows.predicted]
            off = hits[rows.true[inside], rows.predicted[inside]].astype(np.float64) - value
            weight = None if rows.weight is None else rows.weight[inside]
            n = effective(value, variance(off, weight, rows.cluster.take(inside)), n, level)
        return jeffreys_span(value, n, level), int(counts.n[of].sum())
    except Undefined:
        return None


def _measured(part: Predictions, name: str, level: float) -> tuple[Span, int] | None:
    measure = metric(name).measured
    if measure is None or len(part) < 2:
        return None
    number = measure(replace(part, settings=replace(part.settings, level=level)), None)
    if number.value is None or number.low is None or number.high is None:
        return None
    return Span(number.value, number.low, number.high), part.total


def jeffreys_span(share: float, n: float, level: float) -> Span:
    """Return the limits of a proportion that are right on average at any level, far out too, where Wilson's are not.

    Quantiles of the beta distribution with half a row added to each side (Brown, Cai and DasGupta 2001, eq. 8). Exact
    limits would be wider than the promise asks for, and find one small change in twenty less.

    Examples
    --------
    >>> [round(limit, 3) for limit in jeffreys_span(0.9, 100, 0.999)[1:]]
    [0.773, 0.97]
    """
    from scipy.special import betaincinv

    hits, tail = share * n, (1 - level) / 2
    low = float(betaincinv(hits + 0.5, n - hits + 0.5, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 0.5, n - hits + 0.5, 1 - tail)) if hits < n else 1.0
    return Span(share, min(low, share), max(high, share))


def change(
    reference: Predictions, recent: Predictions, name: str, where: Mapping[str, str], tail: float
) -> Estimate | None:
    """Return how far a number has moved from the reference, with limits that are wrong on each side with chance `tail`.

    The two are independent: the difference of such limits, as Newcombe has it for Wilson's. Rates have Jeffreys'.

    Examples
    --------
    >>> old = Predictions(task="binary", classes=("no", "yes"), y_true=np.ones(400, int), y_pred=np.repeat([1, 0], 200))
    >>> new = replace(old, y_pred=np.repeat([1, 0, 0, 0], 100))
    >>> str(change(old, new, "recall", {}, 0.001))
    '-0.250 [-0.349, -0.146]'
    """
    level = 1 - 2 * tail
    new, old = span_of(recent, name, level), span_of(reference, name, level)
    if new is None or old is None:
        return None
    gap, n = difference(new[0], old[0]), new[1]
    limits = "Jeffreys" if name in RATES else "linearized"
    return Estimate(
        metric="performance_change", value=gap.value, low=gap.low, high=gap.high, level=level,
        method=f"mover of {limits} limits, level shared out over the period", n=n, where={**where, "metric": name},
        unit=_unit(name),
    )  # fmt: skip


def of_all_rows(estimate: Estimate) -> bool:
    """Tell whether a number of a window is of all its rows, not of a group.

    Examples
    --------
    >>> of_all_rows(Estimate(metric="detectable_change", value=0.1, where={"window": "1", "sex": "f"}))
    False
    """
    return estimate.where.keys() == WHOLE


def detectable_change(
    reference: Predictions, recent: Sequence[Predictions], name: str, where: Mapping[str, str], tail: float, look: int
) -> Estimate | None:
    """Return how large a change must be to alarm nine times of ten once `look` windows together show it.

    Normal approximation: what both sides of the comparison vary by, times the normal quantiles of the alarm's level and
    of nine in ten. Windows to come are taken to have as many rows as the recent ones; a proportion that fell varies as
    much as it does there.

    Examples
    --------
    >>> old = Predictions(task="binary", classes=("no", "yes"), y_true=np.ones(400, int), y_pred=np.repeat([1, 0], 200))
    >>> detectable_change(old, [old], "recall", {}, 0.001, 1).value.__round__(3)
    0.151
    """
    new, old = span_of(together(recent), name, 0.95), span_of(reference, name, 0.95)
    if new is None or old is None:
        return None
    errors = [span.standard_error() for span, _ in (new, old)]
    reach, wider, size = z_value(1 - 2 * tail) + z_value(0.8), 1.0, 0.0
    for _ in range(20):  # a few are enough: how much it varies changes slowly
        size = reach * math.hypot(errors[0] * math.sqrt(len(recent) / look) * wider, errors[1])
        wider = _spread(old[0].value - size) / _spread(new[0].value) if metric(name).unit == "proportion" else 1.0
    return Estimate(
        metric="detectable_change", value=size if size < _room(reference, name, old[0].value) else None, n=new[1],
        method="normal approximation, found nine times of ten", where={**where, "metric": name}, unit=_unit(name),
        reason="computed from limits, not measured; none where no change smaller than the number itself would be found",
    )  # fmt: skip


def _room(reference: Predictions, name: str, value: float) -> float:
    """Return the size of a number, beyond which a change needs no telling: a share falls to 0, an error doubles.

    A mean error has no size of its own; that of the errors stands for it.
    """
    size = span_of(reference, "mean_absolute_error", 0.95) if metric(name).better == "neither" else None
    return abs(value) if size is None else size[0].value


def _spread(share: float) -> float:
    """Return what single rows of a share vary by; never none."""
    share = min(max(share, 0.01), 0.99)
    return math.sqrt(share * (1 - share))


def _unit(name: str) -> str:
    """Return the unit of a difference: points of proportions, the target's own, or a score's."""
    return {"proportion": "difference", "target": "target"}.get(metric(name).unit, "score")


def is_worse(estimate: Estimate, name: str, margin: float) -> bool:
    """Tell whether a change is shown to be for the worse by more than `margin`; of a mean error, either way is."""
    if estimate.low is None or estimate.high is None:
        return False
    is_higher, is_lower = estimate.low > margin, estimate.high < -margin
    return {"lower": is_higher, "higher": is_lower, "neither": is_higher or is_lower}[metric(name).better]


def shift(reference: FloatArray, recent: FloatArray, where: Mapping[str, str], tail: float) -> Estimate | None:
    """Return the stability index of two distributions, with limits that are wrong on each side with chance `tail`."""
    index = stability(reference, recent, 1 - 2 * tail)
    if index is None:
        return None
    return Estimate(
        metric="window_stability_index", value=max(index.value, index.low, 0.0), low=max(index.low, 0.0),
        high=index.high, level=1 - 2 * tail, method="delta method, level shared out over the period",
        n=int(recent.sum()), where=where, unit="score",
    )  # fmt: skip


def level_counts(part: Predictions, key: str, levels: Sequence[str]) -> FloatArray:
    """Count rows by level of a key, levels that leave no trace together; clustered, as many rows as tell the same.

    Rows without a value are counted with those levels where their number may not be shown.

    Examples
    --------
    >>> from audit.data.factor import Factor
    >>> part = Predictions(task="regression", y_true=np.zeros(2), y_pred=np.zeros(2), keys={"k": Factor.of(["a", "b"])})
    >>> level_counts(part, "k", ("a", "b", "c")).tolist()
    [1.0, 1.0, 0.0]
    """
    factor, settings = part.keys[key], part.settings
    facts = {level: "" if settings.why_hidden({key: level}, settings.suppress_n) else level for level in levels}
    places = {name: position for position, name in enumerate(dict.fromkeys(facts.values()))}
    codes = [places[facts[level]] if level in facts else -1 for level in factor.levels]
    without = places.get("", -1) if settings.hides_missing(key) else -1
    place = np.array([*codes, without], dtype=np.int64)[factor.codes]
    return effective_counts(place, len(places), cluster=part.cluster, rows=_rows_behind(part))


def _rows_behind(part: Predictions) -> FloatArray | None:
    return None if part.repeats is None else part.repeats.n.astype(np.float64)


def number_counts(part: Predictions, values: FloatArray, edges: FloatArray) -> FloatArray:
    """Count rows by bin of a number; where they are clustered, as many rows as tell the same."""
    place = np.searchsorted(edges, values, side="left")
    return effective_counts(place.astype(np.int64), len(edges) + 1, cluster=part.cluster, rows=_rows_behind(part))


def number_edges(part: Predictions, values: FloatArray, bins: int = 10) -> FloatArray:
    """Return the numbers at which the reference is cut into bins of equal mass."""
    return quantile_edges(values, bins, None if part.repeats is None else part.repeats.n)


def groups_of(part: Predictions, least: int) -> Iterator[tuple[dict[str, str], npt.NDArray[np.bool_]]]:
    """Yield each group of each sensitive feature with at least `least` rows, and which rows it has."""
    for feature in part.sensitive:
        for level in part.keys[feature].levels:
            mask = part.keys[feature].mask(level)
            rows = part.count(mask)
            if rows >= max(least, 1) and not part.settings.why_hidden({feature: level}, rows):
                yield {feature: level}, mask


def everyone(window: Window) -> Predictions:
    """Return all answers of a window, labeled or not."""
    return together([window.labeled, window.unlabeled])
