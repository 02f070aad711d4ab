"""Groups compared with each other: differences, ratios and extremes of estimates that are there already.

Each single comparison is made in :mod:`audit.estimate.comparing`, for checks and gates alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from audit.estimate.best import against_best
from audit.estimate.comparing import compare_estimates, span_of
from audit.estimate.making import absent, of_metrics, with_interval
from audit.statistics.intervals import at_level, difference, linear, ratio, scale_of
from reports.record import Estimate

Address = tuple[tuple[str, str], ...]


def differences(
    group_estimates: Iterable[Estimate], reference_where: Mapping[str, str], min_n: int = 0
) -> tuple[Estimate, ...]:
    """Return ``<metric>_difference`` of each group: group minus reference, at the group's address.

    Parameters
    ----------
    group_estimates : iterable of Estimate
        Of one or more metrics and classes; each is compared with the reference of its own metric and class.
    reference_where : mapping of str to str
        Levels of the crossed features that name the reference group.
    min_n : int
        A reference group of fewer rows gives values without intervals, and is named in the reason.

    Examples
    --------
    >>> rates = [Estimate(metric="recall", value=0.8, low=0.6958, high=0.8767, n=70, where={"sex": "f"}),
    ...          Estimate(metric="recall", value=0.6, low=0.4904, high=0.7004, n=80, where={"sex": "m"})]
    >>> [(one.metric, str(one)) for one in differences(rates, {"sex": "m"})]
    [('recall_difference', '0.200 [0.055, 0.334]')]
    """
    return _against(group_estimates, reference_where, "difference", min_n)


def ratios_to(
    group_estimates: Iterable[Estimate], reference_where: Mapping[str, str], min_n: int = 0
) -> tuple[Estimate, ...]:
    """Return ``<metric>_ratio`` of each group: group over reference, at the group's address; see :func:`differences`.

    Examples
    --------
    >>> rates = [Estimate(metric="selection_rate", value=0.3, low=0.2, high=0.42, n=70, where={"sex": "f"}),
    ...          Estimate(metric="selection_rate", value=0.6, low=0.5, high=0.7, n=80, where={"sex": "m"})]
    >>> [str(one) for one in ratios_to(rates, {"sex": "m"})]
    ['0.500 [0.325, 0.734]']
    """
    return _against(group_estimates, reference_where, "ratio", min_n)


def _against(
    group_estimates: Iterable[Estimate], reference: Mapping[str, str], kind: str, min_n: int
) -> tuple[Estimate, ...]:
    everyone = tuple(group_estimates)
    references = {_family(estimate, reference): estimate for estimate in everyone if _stands_at(estimate, reference)}
    estimates = []
    for estimate in everyone:
        if _stands_at(estimate, reference):
            continue
        other = references.get(_family(estimate, reference))
        estimates.append(compare_estimates(estimate, other, kind, min_n=min_n))
    return tuple(estimates)


def _stands_at(estimate: Estimate, where: Mapping[str, str]) -> bool:
    return all(estimate.where.get(name) == level for name, level in where.items())


def _family(estimate: Estimate, features: Iterable[str]) -> tuple[str, Address]:
    """Return what estimates must share to be compared: all but the levels of the features."""
    rest = sorted((name, level) for name, level in estimate.where.items() if name not in features)
    return estimate.metric, tuple(rest)


# --- extremes: the choice of the best is part of the interval --------------------------------------


def ratios_to_highest(group_estimates: Sequence[Estimate], min_n: int) -> tuple[Estimate, ...]:
    """Return ``<metric>_ratio`` of each group to the highest of all, with the choice of the highest allowed for.

    A group under `min_n` rows cannot be the reference: where it has the highest rate, no other group passes,
    and it is named in the reason. No ratio exceeds 1. See :func:`audit.estimate.best.against_best`.

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
    for group_estimate in group_estimates:
        families.setdefault((group_estimate.metric, group_estimate.where.get("class", "")), []).append(group_estimate)
    estimates = {
        id(estimate): ratio
        for family in families.values()
        for estimate, ratio in zip(family, against_best(family, family, "ratio", min_n=min_n), strict=True)
    }
    return tuple(estimates[id(group_estimate)] for group_estimate in group_estimates)


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
    kept = [
        (group_estimate, span_of(group_estimate))
        for group_estimate in group_estimates
        if (group_estimate.n or 0) >= min_n
    ]
    spans = [span for _, span in kept if span is not None]
    if len(spans) < 2:
        return None
    first = next(estimate for estimate, span in kept if span is not None)
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
        if all(group_estimate.where.get(name) == level for group_estimate in group_estimates)
    }
    return Estimate(
        metric=f"{first.metric}_difference",
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=first.level,
        method="mover over all pairs of groups",
        n=sum(estimate.n or 0 for estimate, span in kept if span is not None),
        where=shared,
        unit="difference",
    )


def extreme_ratio(group_estimates: Sequence[Estimate], min_n: int) -> Estimate | None:
    """Return ``<metric>_ratio`` of the lowest to the highest of all groups of one metric, at most 1.

    The lower limit is the least of the pairwise ones; the upper limit the least of the pairwise upper limits at
    Bonferroni's level over all ordered pairs. ``None`` for fewer than two groups of `min_n` rows, or where all
    are 0.

    Examples
    --------
    >>> rates = [Estimate(metric="selection_rate", value=value, low=value - 0.1, high=value + 0.1, n=100,
    ...                   unit="proportion", where={"race": name}) for name, value in [("a", 0.4), ("b", 0.5)]]
    >>> str(extreme_ratio(rates, 30))
    '0.800 [0.570, 1.000]'
    """
    kept = [
        (group_estimate, span)
        for group_estimate in group_estimates
        if (group_estimate.n or 0) >= min_n and (span := span_of(group_estimate)) is not None
    ]
    highest = max((span.value for _, span in kept), default=0.0)
    if len(kept) < 2 or highest <= 0:
        return None
    first, spans = kept[0][0], [span for _, span in kept]
    stricter = 1 - (1 - first.level) / (len(spans) * (len(spans) - 1))
    wide = [at_level(span, first.level, stricter, scale_of(first.unit)) for span in spans]
    pairs = [(i, j) for i in range(len(spans)) for j in range(len(spans)) if i != j]
    near = [span for i, j in pairs if (span := ratio(spans[i], spans[j])) is not None]
    far = [span for i, j in pairs if (span := ratio(wide[i], wide[j])) is not None]
    value = min(span.value for span in spans) / highest
    low = min(span.low for span in near) if len(near) == len(pairs) else 0.0
    return with_interval(
        f"{first.metric}_ratio", value, (low, min([span.high for span in far] + [1.0])), _share(group_estimates),
        method="mover ratio over all pairs of groups", n=sum(estimate.n or 0 for estimate, _ in kept), unit="ratio",
        level=first.level, bounds=(0.0, 1.0),
    )  # fmt: skip


def _share(estimates: Sequence[Estimate]) -> dict[str, str]:
    """Return the part of the address that all estimates have."""
    rest = estimates[1:]
    return {
        name: level
        for name, level in estimates[0].where.items()
        if all(estimate.where.get(name) == level for estimate in rest)
    }


def average_odds_differences(
    group_estimates: Iterable[Estimate], reference_where: Mapping[str, str], min_n: int = 0
) -> tuple[Estimate, ...]:
    """Return ``average_odds_difference`` of each group: the mean of its gaps in true and in false positive rate.

    The two rates are of different rows, positive and negative ones, so the interval is MOVER's.

    Parameters
    ----------
    group_estimates : iterable of Estimate
        True and false positive rates of the groups; other metrics are passed over.
    reference_where : mapping of str to str
    min_n : int
        A reference group of fewer rows gives no interval.

    References
    ----------
    Bellamy et al. 2018, AI Fairness 360.

    Examples
    --------
    >>> def rate(metric, value, sex):
    ...     return Estimate(metric=metric, value=value, low=value - 0.1, high=value + 0.1, n=100, where={"sex": sex})
    >>> rates = [rate("true_positive_rate", 0.5, "f"), rate("false_positive_rate", 0.2, "f"),
    ...          rate("true_positive_rate", 0.7, "m"), rate("false_positive_rate", 0.3, "m")]
    >>> [str(one) for one in average_odds_differences(rates, {"sex": "m"})]
    ['-0.150 [-0.250, -0.050]']
    """
    name = "average_odds_difference"
    odds = of_metrics(group_estimates, "true_positive_rate", "false_positive_rate")
    gaps: dict[Address, list[Estimate]] = {}
    for gap in differences(odds, reference_where, min_n):
        gaps.setdefault(tuple(sorted(gap.where.items())), []).append(gap)
    estimates = []
    for pair in gaps.values():
        first, without = pair[0], [estimate for estimate in pair if span_of(estimate) is None]
        if len(pair) < 2 or without:
            reason = without[0].reason if without else "one of the two rates was not measured"
            estimates.append(absent(name, first.where, reason, unit="difference", level=first.level))
            continue
        span = linear([0.5, 0.5], [span for estimate in pair if (span := span_of(estimate)) is not None])
        estimates.append(
            with_interval(
                name, span.value, span, first.where, method="mover of two differences",
                n=max(estimate.n or 0 for estimate in pair), unit="difference", level=first.level,
            )
        )  # fmt: skip
    return tuple(estimates)


def extremes(group_estimates: Sequence[Estimate], feature: str, min_n: int) -> tuple[Estimate, ...]:
    """Return what fairlearn calls demographic parity difference and ratio, and equalized odds difference.

    The former are the highest less the lowest selection rate of all groups, and the lowest over the highest;
    the latter the larger of such differences of true and of false positive rate. Groups under `min_n` rows are
    left out.

    Examples
    --------
    >>> rates = [Estimate(metric="selection_rate", value=value, low=value - 0.1, high=value + 0.1, n=100,
    ...                   unit="proportion", where={"race": name}) for name, value in [("a", 0.5), ("b", 0.6)]]
    >>> for one in extremes(rates, "race", 30):
    ...     print(one.metric, dict(one.where), one)
    demographic_parity_difference {'feature': 'race'} 0.100 [0.000, 0.241]
    demographic_parity_ratio {'feature': 'race'} 0.833 [0.636, 1.000]
    """
    estimates: dict[str, Estimate] = {}
    for name in ("selection_rate", "true_positive_rate", "false_positive_rate"):
        estimate = extreme_difference(of_metrics(group_estimates, name), min_n)
        if estimate is not None:
            estimates[name] = replace(estimate, where={**estimate.where, "feature": feature})
    kept = []
    if (parity := estimates.get("selection_rate")) is not None:
        kept.append(replace(parity, metric="demographic_parity_difference"))
    lowest = extreme_ratio(of_metrics(group_estimates, "selection_rate"), min_n)
    if lowest is not None:
        at = {**lowest.where, "feature": feature}
        kept.append(replace(lowest, metric="demographic_parity_ratio", where=at))
    odds = [estimates[name] for name in ("true_positive_rate", "false_positive_rate") if name in estimates]
    if len(odds) == 2:
        wider = max(odds, key=lambda estimate: estimate.value or 0.0)
        low, high = (max(getattr(odd, end) or 0.0 for odd in odds) for end in ("low", "high"))
        method = "larger of two, mover over all pairs of groups"
        kept.append(replace(wider, metric="equalized_odds_difference", low=low, high=high, method=method))
    return tuple(kept)
