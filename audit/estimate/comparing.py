"""Two estimates made into a difference or a ratio, when a gate asks for one that no check measured.

Groups share no rows, so intervals follow from the groups' own (MOVER). Where a group is held against the
best of all, the choice of the best is part of the interval (Hsu 1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from audit.estimate.disparity import span_of
from audit.statistics.intervals import Span, at_level, difference, ratio, scale_of
from reports.record import Estimate


def compared(estimate: Estimate, reference: Estimate, kind: str) -> Estimate:
    """Subtract or divide two estimates of disjoint groups, each with its own interval (MOVER).

    Held against the whole, of which the group is a part, the interval is wider than it needs to be.

    Parameters
    ----------
    estimate, reference : Estimate
    kind : {"difference", "ratio"}

    Returns
    -------
    Estimate
        ``<metric>_difference`` or ``<metric>_ratio`` at the group's address.

    References
    ----------
    Newcombe 1998; Donner and Zou 2012.

    Examples
    --------
    >>> a = Estimate(metric="recall", value=0.5, low=0.4, high=0.6, n=100, where={"sex": "f"})
    >>> b = Estimate(metric="recall", value=0.7, low=0.6, high=0.8, n=100, where={"sex": "m"})
    >>> str(compared(a, b, "difference"))
    '-0.200 [-0.341, -0.059]'
    """
    for one in (estimate, reference):
        if span_of(one) is None:
            return _without(estimate, kind, one.reason or "no interval")
    a, b = _span(estimate), _span(reference)
    if kind == "ratio" and (b.value <= 0 or a.value < 0):
        return _without(estimate, kind, "a ratio needs a reference above 0")
    made = difference(a, b) if kind == "difference" else ratio(a, b)
    if made is None:
        return _without(estimate, kind, "the reference is not told apart from 0, so the ratio has no limit")
    return _with(estimate, kind, made, f"mover {kind} of {estimate.method or 'given'}")


def against_best(estimate: Estimate, peers: Sequence[Estimate], kind: str, *, highest: bool = True) -> Estimate:
    """Hold a group against the best of its peers, with the choice of the best allowed for.

    The true gap to the highest is the least of the gaps to any peer. So the lower limit is the least of
    the pairwise lower limits, and the upper limit the least of the pairwise upper limits at Bonferroni's
    level over the other groups; the group itself may be the best. For ``highest=False`` the best is the
    lowest, as of error rates, and the roles of the limits change.

    Parameters
    ----------
    estimate : Estimate
    peers : sequence of Estimate
        Groups of the same crossing that may be the best; `estimate` among them if it may be.
    kind : {"difference", "ratio"}

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
    """
    if span_of(estimate) is None:
        return _without(estimate, kind, estimate.reason or "no interval")
    own = _span(estimate)
    rivals = [_span(one) for one in peers if one is not estimate and span_of(one) is not None]
    if not rivals:
        return _without(estimate, kind, "no other group is large enough to be compared with")
    may_win = any(one is estimate for one in peers)
    pick = max if highest else min
    best = pick([one.value for one in rivals] + ([own.value] if may_win else []))
    if kind == "ratio" and (best <= 0 or own.value < 0):
        return _without(estimate, kind, "a ratio needs a best group above 0")
    value = own.value / best if kind == "ratio" else own.value - best
    plain = [_pair(own, rival, kind) for rival in rivals]
    stricter, scale = 1 - (1 - estimate.level) / len(rivals), scale_of(estimate.unit)
    wide = at_level(own, estimate.level, stricter, scale)
    strict = [_pair(wide, at_level(rival, estimate.level, stricter, scale), kind) for rival in rivals]
    neutral = [1.0 if kind == "ratio" else 0.0] if may_win else []
    if highest:
        limits = (min(one.low for one in plain), min([one.high for one in strict] + neutral))
    else:
        limits = (max([one.low for one in strict] + neutral), max(one.high for one in plain))
    if not all(map(math.isfinite, limits)):
        return _without(estimate, kind, "the best group is not told apart from 0, so the ratio has no limit")
    made = Span(value, min(limits[0], value), max(limits[1], value))
    return _with(estimate, kind, made, f"mover {kind} to the best of {len(rivals) + 1} groups")


def _pair(own: Span, rival: Span, kind: str) -> Span:
    """Compare with one rival; a ratio without a limit reaches from 0 to infinity."""
    made = difference(own, rival) if kind == "difference" else ratio(own, rival)
    return Span(0.0, 0.0, math.inf) if made is None else made


def _span(estimate: Estimate) -> Span:
    span = span_of(estimate)
    assert span is not None  # noqa: S101 -- the caller asked
    return span


def _with(estimate: Estimate, kind: str, made: Span, method: str) -> Estimate:
    blank = _without(estimate, kind, "")
    return replace(blank, value=made.value, low=made.low, high=made.high, method=method, reason="")


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
