"""A group compared with a reference group, or with the best of all: one implementation for checks and gates.

Groups share no rows, so an interval of their difference or ratio follows in closed form from their own
(MOVER), whatever the metric. Where a group is compared with the best of all, the choice of the best is part
of the interval (Hsu 1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from audit.statistics.intervals import Scale, Span, at_level, difference, ratio, scale_of
from reports.record import HOUSE_WORDS, Estimate


def span_of(estimate: Estimate) -> Span | None:
    """Return value and limits of an estimate, or ``None`` where there is no interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Span(estimate.value, estimate.low, estimate.high)


def compared(estimate: Estimate, reference: Estimate | None, kind: str, *, min_n: int = 0) -> Estimate:
    """Subtract or divide two estimates of disjoint groups, each with its own interval (MOVER).

    Compared with the whole, of which the group is a part, the interval is wider than it needs to be.

    Parameters
    ----------
    estimate : Estimate
    reference : Estimate or None
        ``None`` where the reference was not measured.
    kind : {"difference", "ratio"}
    min_n : int
        A reference of fewer rows gives a value without an interval, which no gate passes or fails.

    Returns
    -------
    Estimate
        ``<metric>_difference`` or ``<metric>_ratio`` at the group's address. Without an interval, and with the
        reason, where a part has none, or where the reference may be 0, so that a ratio has no limit.

    References
    ----------
    Newcombe 1998; Donner and Zou 2012.

    Examples
    --------
    >>> a = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=100, where={"sex": "f"})
    >>> b = Estimate(metric="recall", value=0.7, low=0.6, high=0.8, n=100, where={"sex": "m"})
    >>> str(compared(a, b, "difference"))
    '-0.200 [-0.341, -0.059]'
    >>> small = compared(a, b, "difference", min_n=200)
    >>> str(small), small.reason
    ('-0.200', "the reference group 'm' has 100 rows, fewer than 200")
    """
    if estimate.value is None:
        return _without(estimate, kind, estimate.reason)
    if reference is None:
        return _without(estimate, kind, "the reference group was not measured")
    if reference.value is None:
        return _without(estimate, kind, f"the reference group has no value: {reference.reason}")
    if kind == "ratio" and (reference.value <= 0 or estimate.value < 0):
        return _without(estimate, kind, "a ratio needs a reference above 0")
    bare = _bare(estimate.value, reference.value, kind)
    if reference.n is not None and reference.n < min_n:
        return _with(estimate, kind, bare, reason=f"the reference group {_few(reference, min_n)}")
    a, b = span_of(estimate), span_of(reference)
    if a is None or b is None:
        return _with(estimate, kind, bare, reason=estimate.reason or reference.reason or "no interval")
    made = difference(a, b) if kind == "difference" else ratio(a, b)
    if made is None:
        reason = "the rate of the reference group cannot be distinguished from 0, so the ratio has no limit"
        return _with(estimate, kind, bare, reason=reason)
    method = "mover" if kind == "difference" else "mover ratio"
    return _with(estimate, kind, made, method=f"{method} of {estimate.method or 'given'}")


def against_best(
    estimate: Estimate, peers: Sequence[Estimate], kind: str, *, highest: bool = True, min_n: float = 0
) -> Estimate:
    """Compare a group with the best of its peers, with the choice of the best allowed for.

    The true gap to the highest is the least of the gaps to any peer. So the lower limit is the least of
    the pairwise lower limits, and the upper limit the least of the pairwise upper limits at Bonferroni's
    level over the other groups; the group itself may be the best, so that a ratio is at most 1. For
    ``highest=False`` the best is the lowest, as of error rates, and the roles of the limits change.

    A group of fewer than `min_n` rows cannot show that another is worse. Where such a group has the best
    value, the others' gaps are measured from it, nothing passes by leaving it out, and it is named in the
    reason: the limit that speaks for a group allows for it, the limit that speaks against one does not.

    Parameters
    ----------
    estimate : Estimate
    peers : sequence of Estimate
        Groups of the same crossing, `estimate` among them.
    kind : {"difference", "ratio"}
    min_n : float
        Rows that a group needs to be the best.

    References
    ----------
    Hsu 1984, Constrained simultaneous confidence intervals for multiple comparisons with the best.

    Examples
    --------
    >>> f = Estimate(metric="selection_rate", value=0.3, low=0.22, high=0.4, n=100, unit="proportion",
    ...              where={"sex": "f"})
    >>> m = Estimate(metric="selection_rate", value=0.6, low=0.5, high=0.69, n=100, unit="proportion",
    ...              where={"sex": "m"})
    >>> str(against_best(f, (f, m), "ratio")), str(against_best(m, (f, m), "ratio"))
    ('0.500 [0.356, 0.704]', '1.000 [1.000, 1.000]')
    >>> str(against_best(m, (f, m), "difference", highest=False))
    '0.300 [0.159, 0.420]'
    >>> few = replace(m, low=0.4, high=0.77, n=24)
    >>> str(against_best(f, (f, few, replace(f, where={"sex": "x"})), "ratio", min_n=30))
    '0.500 [0.336, 1.000]'
    """
    own = span_of(estimate)
    if own is None:
        return _without(estimate, kind, estimate.reason or "no interval")
    others = [(one, span) for one in peers if one is not estimate and (span := span_of(one)) is not None]
    large = [span for one, span in others if (one.n or 0) >= min_n]
    sign = 1.0 if highest else -1.0
    leading = max((sign * span.value for span in [*large, own]), default=-math.inf)
    small = [(one, span) for one, span in others if (one.n or 0) < min_n and sign * span.value > leading]
    if not large and not small:
        return _without(estimate, kind, "no other group is large enough to be compared with")
    everyone = [*large, *(span for _, span in small)]
    best = sign * max(sign * span.value for span in [*everyone, own])
    if kind == "ratio" and (best <= 0 or own.value < 0):
        return _without(estimate, kind, "a ratio needs a best group above 0")
    for_it = [_pair(own, span, kind) for span in everyone]
    against_it = [_pair(*pair, kind) for pair in _stricter(own, large, estimate)]
    neutral = 1.0 if kind == "ratio" else 0.0
    if highest:
        limits = (min(one.low for one in for_it), min([one.high for one in against_it] + [neutral]))
    else:
        limits = (max([one.low for one in against_it] + [neutral]), max(one.high for one in for_it))
    value = _bare(own.value, best, kind).value
    if not all(map(math.isfinite, limits)):
        reason = "the rate of the best group cannot be distinguished from 0, so the ratio has no limit"
        return _with(estimate, kind, Span(value, value, value), reason=reason)
    made = Span(value, min(limits[0], value), max(limits[1], value))
    told = _with(estimate, kind, made, method=f"mover {kind} to the best of all groups")
    if not small:
        return told
    leader = max(small, key=lambda pair: sign * pair[1].value)[0]
    place = "highest" if highest else "lowest"
    return replace(told, reason=f"{place} group {_few(leader, min_n)}: too few to be the reference")


def paired_with_best(own: Estimate, gaps: Sequence[Estimate], *, highest: bool = True) -> Estimate:
    """Compare one of several models with the best of them, from paired differences, with the choice allowed for.

    The lower limit is the least of the pairwise lower limits, the upper one the least of the pairwise upper
    limits at Bonferroni's level over the rivals; the model itself may be the best, so that the gap is at most
    0 (at least 0 where the lowest is the best).

    Parameters
    ----------
    own : Estimate
        The metric of the model itself.
    gaps : sequence of Estimate
        The model less each rival, on the same rows.
    highest : bool
        Whether the highest value is the best one.

    References
    ----------
    Hsu 1984, Constrained simultaneous confidence intervals for multiple comparisons with the best.

    Examples
    --------
    >>> gaps = [Estimate(metric="recall_difference", value=gap, low=gap - 0.02, high=gap + 0.02, unit="difference")
    ...         for gap in (-0.05, 0.01)]
    >>> own = Estimate(metric="recall", value=0.8, low=0.7, high=0.9, unit="proportion")
    >>> str(paired_with_best(own, gaps))
    '-0.050 [-0.070, -0.027]'
    """
    spans = [span for one in gaps if (span := span_of(one)) is not None]
    if own.value is None or not spans:
        return _without(own, "difference", own.reason or next((one.reason for one in gaps), "no other model"))
    level = 1 - (1 - own.level) / len(spans)
    wide = [at_level(span, own.level, level) for span in spans]
    if highest:
        made = Span(*(min([*limits, 0.0]) for limits in _limits(spans, spans, wide)))
    else:
        made = Span(*(max([*limits, 0.0]) for limits in _limits(spans, wide, spans)))
    return _with(own, "difference", made, method="paired difference to the best of all")


def _limits(values: Sequence[Span], lower: Sequence[Span], upper: Sequence[Span]) -> tuple[list[float], ...]:
    return [one.value for one in values], [one.low for one in lower], [one.high for one in upper]


def _stricter(own: Span, rivals: Sequence[Span], estimate: Estimate) -> list[tuple[Span, Span]]:
    """Pair a span with its rivals, all at Bonferroni's level over the rivals."""
    level, scale = 1 - (1 - estimate.level) / max(len(rivals), 1), scale_of(estimate.unit)
    wide = _at_level(own, estimate.level, level, scale)
    return [(wide, _at_level(rival, estimate.level, level, scale)) for rival in rivals]


@lru_cache(maxsize=16_384)
def _at_level(span: Span, level: float, wanted: float, scale: Scale) -> Span:
    """Return a span at another level, once for all groups that are compared with it."""
    return at_level(span, level, wanted, scale)


def _few(estimate: Estimate, min_n: float) -> str:
    features = {key: level for key, level in estimate.where.items() if key not in HOUSE_WORDS}
    named = ", ".join(f"{level!r}" for level in features.values()) or estimate.address
    return f"{named} has {estimate.n} rows, fewer than {math.ceil(min_n)}"


def _pair(own: Span, rival: Span, kind: str) -> Span:
    """Compare with one rival; a ratio without a limit reaches from 0 to infinity."""
    made = difference(own, rival) if kind == "difference" else ratio(own, rival)
    return Span(0.0, 0.0, math.inf) if made is None else made


def _bare(value: float, reference: float, kind: str) -> Span:
    made = value - reference if kind == "difference" else value / reference
    return Span(made, made, made)


def _with(estimate: Estimate, kind: str, made: Span, *, method: str = "", reason: str = "") -> Estimate:
    """Write a comparison at the group's address; without a method it has no interval, and the reason says why."""
    low, high = (made.low, made.high) if method else (None, None)
    return replace(_without(estimate, kind, ""), value=made.value, low=low, high=high, method=method, reason=reason)


def _without(estimate: Estimate, kind: str, reason: str) -> Estimate:
    own = kind == "difference" and estimate.unit not in {"proportion", "score", "difference", ""}
    return Estimate(
        metric=f"{estimate.metric}_{kind}",
        value=None,
        level=estimate.level,
        n=estimate.n,
        where=estimate.where,
        unit=estimate.unit if own else kind,
        reason=reason or "not measured",
    )
