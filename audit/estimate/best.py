"""A group compared with the best of all groups, or a model with the best of all models.

The choice of the best is part of the interval (Hsu 1984). Of many groups only those are asked that can set a limit,
so that the work grows about as the number of groups does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from audit.estimate.comparing import bare, span_of, too_few, with_value, without_value
from audit.statistics.intervals import Scale, Span, at_level, difference, ratio, scale_of
from reports.record import Estimate

Rival = tuple[Estimate, Span]


def against_best(
    estimates: Sequence[Estimate], peers: Sequence[Estimate], kind: str, *, highest: bool = True, min_n: float = 0
) -> tuple[Estimate, ...]:
    """Compare groups with the best of their peers, with the choice of the best allowed for.

    The true gap to the highest is the least of the gaps to any peer. So the lower limit is the least of
    the pairwise lower limits, and the upper limit the least of the pairwise upper limits at Bonferroni's
    level over the other groups; the group itself may be the best, so that a ratio is at most 1. For
    ``highest=False`` the best is the lowest, as of error rates, and the roles of the limits change.

    A group of fewer than `min_n` rows cannot show that another is worse. Where such a group has the best
    value, the others' gaps are measured from it, nothing passes by leaving it out, and it is named in the
    reason: the limit that speaks for a group allows for it, the limit that speaks against one does not.

    Parameters
    ----------
    estimates : sequence of Estimate
        The groups to compare.
    peers : sequence of Estimate
        All groups of the same crossing.
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
    >>> [str(one) for one in against_best((f, m), (f, m), "ratio")]
    ['0.500 [0.356, 0.704]', '1.000 [1.000, 1.000]']
    >>> [str(one) for one in against_best([m], (f, m), "difference", highest=False)]
    ['0.300 [0.159, 0.420]']
    >>> few = replace(m, low=0.4, high=0.77, n=24)
    >>> [str(one) for one in against_best([f], (f, few, replace(f, where={"sex": "x"})), "ratio", min_n=30)]
    ['0.500 [0.336, 1.000]']
    """
    known = _Peers(peers, kind, highest, min_n)
    return tuple(known.compare(estimate) for estimate in estimates)


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
    spans = [span for gap in gaps if (span := span_of(gap)) is not None]
    if own.value is None or not spans:
        return without_value(own, "difference", own.reason or next((gap.reason for gap in gaps), "no other model"))
    level = 1 - (1 - own.level) / len(spans)
    wide = [at_level(span, own.level, level) for span in spans]
    if highest:
        interval = Span(*(min([*limits, 0.0]) for limits in _limits(spans, spans, wide)))
    else:
        interval = Span(*(max([*limits, 0.0]) for limits in _limits(spans, wide, spans)))
    return with_value(own, "difference", interval, method="paired difference to the best of all")


def _limits(values: Sequence[Span], lower: Sequence[Span], upper: Sequence[Span]) -> tuple[list[float], ...]:
    return [value.value for value in values], [span.low for span in lower], [span.high for span in upper]


class _Peers:
    """The groups of a crossing, and of them those that can set a limit whichever group is compared with them."""

    def __init__(self, peers: Sequence[Estimate], kind: str, highest: bool, min_n: float) -> None:
        self._kind, self._highest, self._min_n = kind, highest, min_n
        self._sign = 1.0 if highest else -1.0
        rivals = [(peer, span) for peer in peers if (span := span_of(peer)) is not None]
        self._large = [pair for pair in rivals if (pair[0].n or 0) >= min_n]
        small = [pair for pair in rivals if (pair[0].n or 0) < min_n]
        self._large_ids = {id(estimate) for estimate, _ in self._large}
        self._best = max((self._height(span) for _, span in rivals), default=-math.inf)
        self._best_large = max((self._height(span) for _, span in self._large), default=-math.inf)
        self._best_small = max(small, key=lambda pair: self._height(pair[1]))[0] if small else None
        self._near_large, self._near_small = self._most_uncertain(self._large), self._most_uncertain(small)
        self._near_surely: dict[tuple[float, Scale, int], list[Span]] = {}

    def compare(self, estimate: Estimate) -> Estimate:
        """Compare one group with the best of the others."""
        own, kind = span_of(estimate), self._kind
        if own is None:
            return without_value(estimate, kind, estimate.reason or "no interval")
        others = len(self._large) - (id(estimate) in self._large_ids)
        leading = max(self._best_large, self._height(own))
        small = [pair for pair in self._near_small if self._height(pair[1]) > leading]
        if not others and not small:
            return without_value(estimate, kind, "no other group is large enough to be compared with")
        best = self._sign * max(self._best, self._height(own))
        if kind == "ratio" and (best <= 0 or own.value < 0):
            return without_value(estimate, kind, "a ratio needs a best group with a rate above 0")
        for_it = [self._pair(own, span) for measured, span in (*self._near_large, *small) if measured is not estimate]
        low, high = self._limits(for_it, self._against(estimate, own, others))
        value = bare(own.value, best, kind).value
        if not (math.isfinite(low) and math.isfinite(high)):
            reason = "the rate of the best group cannot be distinguished from 0, so the ratio has no interval"
            return with_value(estimate, kind, Span(value, value, value), reason=reason)
        interval = Span(value, min(low, value), max(high, value))
        measured = with_value(estimate, kind, interval, method=f"mover {kind} to the best of all groups")
        if not small or self._best_small is None:
            return measured
        place = "highest" if self._highest else "lowest"
        few = too_few(self._best_small, self._min_n)
        return replace(measured, reason=f"{place} group {few}: too few to be the reference")

    def _limits(self, for_it: list[Span], against_it: list[Span]) -> tuple[float, float]:
        """Return both limits; the group itself may be the best."""
        neutral = 1.0 if self._kind == "ratio" else 0.0
        if self._highest:
            return min(span.low for span in for_it), min([span.high for span in against_it] + [neutral])
        return max([span.low for span in against_it] + [neutral]), max(span.high for span in for_it)

    def _against(self, estimate: Estimate, own: Span, others: int) -> list[Span]:
        """Compare with large rivals at Bonferroni's level; the gap of a group to itself is never beyond neutral."""
        level, scale = 1 - (1 - estimate.level) / max(others, 1), scale_of(estimate.unit)
        asked = (estimate.level, scale, others)
        if asked not in self._near_surely:
            wide = (at_level(span, estimate.level, level, scale) for _, span in self._large)
            self._near_surely[asked] = self._least_uncertain(wide)
        mine = at_level(own, estimate.level, level, scale)
        return [self._pair(mine, span) for span in self._near_surely[asked]]

    def _most_uncertain(self, rivals: Iterable[Rival]) -> list[Rival]:
        """Keep the rivals that can set the limit that speaks for a group.

        A rival that is no better than another one, and known no less surely, never sets it. Two such are asked for,
        since one of them may be the group itself.
        """

        def reach(span: Span) -> float:
            beyond = span.high - span.value if self._highest else span.value - span.low
            return beyond if self._kind == "difference" or ratio(span, span) is not None else math.inf

        kept, widest, second = [], -math.inf, -math.inf
        for estimate, span in sorted(rivals, key=lambda pair: (-self._height(pair[1]), -reach(pair[1]))):
            if reach(span) > second:
                kept.append((estimate, span))
                widest, second = max(widest, reach(span)), max(second, min(widest, reach(span)))
        return kept

    def _least_uncertain(self, spans: Iterable[Span]) -> list[Span]:
        """Keep the rivals that can set the limit that speaks against a group."""

        def reach(span: Span) -> float:
            return span.value - span.low if self._highest else span.high - span.value

        kept: list[Span] = []
        for span in sorted(spans, key=lambda span: (-self._height(span), reach(span))):
            has_limit = self._kind == "difference" or ratio(span, span) is not None
            if has_limit and (not kept or reach(span) < reach(kept[-1])):
                kept.append(span)
        return kept

    def _height(self, span: Span) -> float:
        return self._sign * span.value

    def _pair(self, own: Span, rival: Span) -> Span:
        """Compare with one rival; a ratio without a limit reaches from 0 to infinity."""
        span = difference(own, rival) if self._kind == "difference" else ratio(own, rival)
        return Span(0.0, 0.0, math.inf) if span is None else span
