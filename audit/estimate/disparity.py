"""Groups held against each other: differences, ratios and extremes of estimates that are there already.

Groups share no rows, so an interval of their difference or ratio follows in closed form from their own
(MOVER), whatever the metric. Where the best group is picked from the data, the choice is part of the
interval, by the logic of multiple comparisons with the best (Hsu 1984).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from audit.statistics.intervals import Span, at_level, difference, ratio, scale_of
from reports.record import Estimate

Address = tuple[tuple[str, str], ...]


def span_of(estimate: Estimate) -> Span | None:
    """Return value and limits of an estimate, or ``None`` where there is no interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return Span(estimate.value, estimate.low, estimate.high)


def differences(group_estimates: Iterable[Estimate], reference_where: Mapping[str, str]) -> tuple[Estimate, ...]:
    """Return ``<metric>_difference`` of each group: group minus reference, at the group's address.

    Parameters
    ----------
    group_estimates : iterable of Estimate
        Of one or more metrics and classes; each is held against the reference of its own metric and class.
    reference_where : mapping of str to str
        Levels of the crossed features that name the reference group.

    Examples
    --------
    >>> rates = [Estimate(metric="recall", value=0.8, low=0.6958, high=0.8767, n=70, where={"sex": "f"}),
    ...          Estimate(metric="recall", value=0.6, low=0.4904, high=0.7004, n=80, where={"sex": "m"})]
    >>> [(one.metric, str(one)) for one in differences(rates, {"sex": "m"})]
    [('recall_difference', '0.200 [0.055, 0.334]')]
    """
    return _against(group_estimates, reference_where, "difference")


def ratios_to(group_estimates: Iterable[Estimate], reference_where: Mapping[str, str]) -> tuple[Estimate, ...]:
    """Return ``<metric>_ratio`` of each group: group over reference, at the group's address.

    Examples
    --------
    >>> rates = [Estimate(metric="selection_rate", value=0.3, low=0.2, high=0.42, n=70, where={"sex": "f"}),
    ...          Estimate(metric="selection_rate", value=0.6, low=0.5, high=0.7, n=80, where={"sex": "m"})]
    >>> [str(one) for one in ratios_to(rates, {"sex": "m"})]
    ['0.500 [0.325, 0.734]']
    """
    return _against(group_estimates, reference_where, "ratio")


def _against(group_estimates: Iterable[Estimate], reference: Mapping[str, str], kind: str) -> tuple[Estimate, ...]:
    everyone = tuple(group_estimates)
    references = {_family(one, reference): one for one in everyone if _stands_at(one, reference)}
    found = []
    for one in everyone:
        if _stands_at(one, reference):
            continue
        other = references.get(_family(one, reference))
        found.append(_compared(one, other, kind))
    return tuple(found)


def _stands_at(estimate: Estimate, where: Mapping[str, str]) -> bool:
    return all(estimate.where.get(name) == level for name, level in where.items())


def _family(estimate: Estimate, features: Iterable[str]) -> tuple[str, Address]:
    """Return what estimates must share to be compared: all but the levels of the features."""
    rest = sorted((name, level) for name, level in estimate.where.items() if name not in features)
    return estimate.metric, tuple(rest)


def _compared(one: Estimate, other: Estimate | None, kind: str) -> Estimate:
    if one.value is None:
        return _derived(one, kind, None, reason=one.reason)
    if other is None:
        return _derived(one, kind, None, reason="the reference group was not measured")
    if other.value is None:
        return _derived(one, kind, None, reason=f"the reference group has no value: {other.reason}")
    a, b = span_of(one), span_of(other)
    if kind == "difference":
        if a is None or b is None:
            return _derived(one, kind, Span(one.value - other.value, 0, 0), reason=one.reason or other.reason)
        return _derived(one, kind, difference(a, b))
    if other.value <= 0 or one.value < 0:
        return _derived(one, kind, None, reason="a ratio needs a reference above 0")
    share = None if a is None or b is None else ratio(a, b)
    if share is None:
        reason = one.reason or other.reason or "the reference group is not told apart from 0, so the ratio has no limit"
        return _derived(one, kind, Span(one.value / other.value, 0, 0), reason=reason)
    return _derived(one, kind, share)


_METHODS = {"difference": "mover", "ratio": "mover ratio"}


def _derived(one: Estimate, kind: str, span: Span | None, *, reason: str = "", method: str = "") -> Estimate:
    """Write a comparison at the group's address; a reason with a value says why there is no interval."""
    unit = kind if kind == "ratio" or one.unit in ("proportion", "score", "difference", "") else one.unit
    bare = span is None or bool(reason)
    parts = one.method or "given"
    return Estimate(
        metric=f"{one.metric}_{kind}",
        value=None if span is None else span.value,
        low=None if bare or span is None else span.low,
        high=None if bare or span is None else span.high,
        level=one.level,
        method="" if bare else method or f"{_METHODS[kind]} of {parts}",
        n=one.n,
        where=one.where,
        unit=unit,
        reason=reason,
    )


# --- extremes: the choice of the best is part of the interval --------------------------------------


def ratios_to_highest(group_estimates: Sequence[Estimate], min_n: int) -> tuple[Estimate, ...]:
    """Return ``<metric>_ratio`` of each group to the highest of all, with the choice of the highest allowed for.

    The true ratio to the best is the smallest ratio to any group. So the lower limit is the smallest
    of the pairwise lower limits, which needs no correction, and the upper limit the smallest of the
    pairwise upper limits at Bonferroni's level, at most 1. Groups under `min_n` rows are measured, but
    cannot be the best.

    Parameters
    ----------
    group_estimates : sequence of Estimate
        One or more metrics of the groups of one crossing; families that share neither metric nor the
        class are kept apart.
    min_n : int

    Examples
    --------
    >>> rates = [Estimate(metric="selection_rate", value=0.3, low=0.22, high=0.4, n=100, unit="proportion",
    ...                   where={"sex": "f"}),
    ...          Estimate(metric="selection_rate", value=0.6, low=0.5, high=0.69, n=100, unit="proportion",
    ...                   where={"sex": "m"})]
    >>> [str(one) for one in ratios_to_highest(rates, 30)]
    ['0.500 [0.356, 0.704]', '1.000 [1.000, 1.000]']
    """
    families: dict[tuple[str, str], list[Estimate]] = {}
    for one in group_estimates:
        families.setdefault((one.metric, one.where.get("class", "")), []).append(one)
    compared = {id(one): _to_highest(one, family, min_n) for family in families.values() for one in family}
    return tuple(compared[id(one)] for one in group_estimates)


def _to_highest(one: Estimate, family: Sequence[Estimate], min_n: int) -> Estimate:
    own = span_of(one)
    if own is None:
        return _derived(one, "ratio", None, reason=one.reason or "no interval")
    spans = [(other, span_of(other)) for other in family if other is not one and (other.n or 0) >= min_n]
    rivals = [span for _, span in spans if span is not None]
    if not rivals:
        return _derived(one, "ratio", None, reason="no other group is large enough to be compared with")
    eligible = [*rivals, own] if (one.n or 0) >= min_n else rivals
    best = max(span.value for span in eligible)
    if best <= 0:
        return _derived(one, "ratio", None, reason="no group has a rate above 0")
    scale = scale_of(one.unit)
    stricter = 1 - (1 - one.level) / len(rivals)
    wide = at_level(own, one.level, stricter, scale)
    lows, highs = [], [1.0] if eligible is not rivals else []
    for rival in rivals:
        plain, strict = ratio(own, rival), ratio(wide, at_level(rival, one.level, stricter, scale))
        lows.append(plain.low if plain is not None else 0.0)
        highs += [strict.high] if strict is not None else []
    value = own.value / best
    if not highs:
        reason = "the other groups are not told apart from 0, so the ratio has no limit"
        return _derived(one, "ratio", Span(value, 0, 0), reason=reason)
    limits = Span(value, min(*lows, value), max(min(highs), value))
    return _derived(one, "ratio", limits, method="mover ratio to the best of all groups")


def extreme_difference(group_estimates: Sequence[Estimate], min_n: int) -> Estimate | None:
    """Return ``<metric>_difference`` between the highest and the lowest of all groups of one metric.

    The upper limit is the largest of the pairwise ones; the lower limit the largest of the pairwise
    lower limits at Bonferroni's level over all ordered pairs, at least 0. Unlike a percentile bootstrap
    of max − min it reaches 0 where the groups do not differ. ``None`` for fewer than two groups of
    `min_n` rows.

    Examples
    --------
    >>> rates = [Estimate(metric="recall", value=value, low=value - 0.1, high=value + 0.1, n=100, unit="proportion",
    ...                   where={"race": name}) for name, value in [("a", 0.5), ("b", 0.55), ("c", 0.6)]]
    >>> str(extreme_difference(rates, 30))
    '0.100 [0.000, 0.241]'
    """
    kept = [(one, span_of(one)) for one in group_estimates if (one.n or 0) >= min_n]
    spans = [span for _, span in kept if span is not None]
    if len(spans) < 2:
        return None
    first = next(one for one, span in kept if span is not None)
    ordered = len(spans) * (len(spans) - 1)
    scale = scale_of(first.unit)
    stricter = 1 - (1 - first.level) / ordered
    wide = [at_level(span, first.level, stricter, scale) for span in spans]
    pairs = [(i, j) for i in range(len(spans)) for j in range(len(spans)) if i != j]
    value = max(span.value for span in spans) - min(span.value for span in spans)
    low = max(0.0, max(difference(wide[i], wide[j]).low for i, j in pairs))
    high = max(difference(spans[i], spans[j]).high for i, j in pairs)
    shared = {
        name: level
        for name, level in first.where.items()
        if all(one.where.get(name) == level for one in group_estimates)
    }
    return Estimate(
        metric=f"{first.metric}_difference",
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=first.level,
        method="mover over all pairs of groups",
        n=sum(one.n or 0 for one, span in kept if span is not None),
        where=shared,
        unit="difference",
    )
