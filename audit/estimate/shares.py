"""Shares of rows as estimates: exact counts, proportions, and differences of proportions."""

from __future__ import annotations

from audit.statistics.intervals import Span, difference, wilson
from reports.record import Estimate, Where


def exact(metric: str, value: float, where: Where, *, n: int | None = None, unit: str = "proportion") -> Estimate:
    """Make an estimate of a number that is known exactly.

    Examples
    --------
    >>> exact("rows", 3, {"split": "test"}, unit="count").high
    3.0
    """
    number = float(value)
    return Estimate(metric=metric, value=number, low=number, high=number, method="count", n=n, where=where, unit=unit)


def absent(metric: str, where: Where, reason: str, *, n: int | None = None, unit: str = "proportion") -> Estimate:
    """Make an estimate of a number that does not exist, with the reason.

    Examples
    --------
    >>> str(absent("rows", {}, "no table"))
    'undefined: no table'
    """
    return Estimate(metric=metric, value=None, reason=reason, n=n, where=where, unit=unit)


def share(metric: str, hits: float, n: int, where: Where, *, level: float = 0.95, least: int = 1) -> Estimate:
    """Make an estimate of a proportion, with Wilson's interval.

    Parameters
    ----------
    metric : str
    hits : float
        Rows that count, at most `n`.
    n : int
        Rows.
    where : mapping
    level : float
    least : int
        Fewer rows than this leave no trace.

    Examples
    --------
    >>> str(share("missing_share", 5, 10, {})), str(share("missing_share", 1, 9, {}, least=10))
    ('0.500 [0.237, 0.763]', 'undefined: fewer than 10 rows: suppressed')
    """
    if n < max(least, 1):
        return absent(metric, where, f"fewer than {least} rows: suppressed" if n else "no rows")
    low, high, method = wilson(hits, n, level)
    return Estimate(
        metric=metric,
        value=hits / n,
        low=low,
        high=high,
        level=level,
        method=method,
        n=n,
        where=where,
        unit="proportion",
    )


def share_difference(
    metric: str, one: tuple[float, int], other: tuple[float, int], where: Where, *, level: float = 0.95, least: int = 1
) -> Estimate:
    """Make an estimate of the difference of two independent proportions (Newcombe 1998, method 10).

    Parameters
    ----------
    one, other : tuple of hits and rows
    least : int
        Fewer rows than this, on the side of `one`, leave no trace.

    Examples
    --------
    >>> str(share_difference("gap", (56, 70), (48, 80), {}))
    '0.200 [0.052, 0.334]'
    """
    if one[1] < max(least, 1) or other[1] < 1:
        reason = "no rows" if not one[1] or not other[1] else f"fewer than {least} rows: suppressed"
        return absent(metric, where, reason, unit="difference")
    spans = [Span(hits / n, *wilson(hits, n, level)[:2]) for hits, n in (one, other)]
    gap = difference(*spans)
    return Estimate(
        metric=metric,
        value=gap.value,
        low=gap.low,
        high=gap.high,
        level=level,
        method="newcombe",
        n=one[1],
        where=where,
        unit="difference",
    )


def worst_first(estimates: list[Estimate], most: int) -> tuple[tuple[Estimate, ...], tuple[str, ...]]:
    """Keep the `most` greatest values, in the order they came, and say how many were left out.

    Examples
    --------
    >>> made = [exact("x", value, {"feature": str(value)}) for value in (1, 3, 2)]
    >>> kept, notes = worst_first(made, 2)
    >>> [one.value for one in kept], notes
    ([3.0, 2.0], ('the 2 greatest of 3 numbers are listed',))
    """
    if len(estimates) <= most:
        return tuple(estimates), ()
    ranked = sorted(estimates, key=lambda one: -abs(one.value) if one.value is not None else 1.0)
    kept = {id(one) for one in ranked[:most]}
    chosen = tuple(one for one in estimates if id(one) in kept)
    return chosen, (f"the {most} greatest of {len(estimates)} numbers are listed",)
