"""The one place where a number becomes an :class:`~reports.record.Estimate`.

A check measures and hands its numbers over here; what each kind of number must carry (an interval inside
what the number can be, a method, or the reason why there is none) is seen to once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from reports.record import Estimate, Where

if TYPE_CHECKING:  # judging a saved record makes estimates too, and needs no numbers library
    from audit.evidence import Reading

Bounds = tuple[float, float]
RANGE: dict[str, Bounds] = {
    "proportion": (0.0, 1.0),
    "p-value": (0.0, 1.0),
    "ratio": (0.0, math.inf),
    "count": (0.0, math.inf),
}
"""What numbers of a unit can be; other units have no bounds of their own."""
FREE: Bounds = (-math.inf, math.inf)


class Limits(Protocol):
    """Anything with two limits: an ``Interval``, a ``Span``, a ``Band`` of one number."""

    @property
    def low(self) -> float:
        """Return the lower limit."""

    @property
    def high(self) -> float:
        """Return the upper limit."""


def of_metrics(estimates: Iterable[Estimate], *names: str) -> list[Estimate]:
    """Keep the estimates of some metrics.

    Examples
    --------
    >>> of_metrics([exact("rows", 3, unit="count"), exact("columns", 2, unit="count")], "rows")[0].value
    3.0
    """
    return [estimate for estimate in estimates if estimate.metric in names]


def exact(
    metric: str,
    value: float,
    where: Where | None = None,
    *,
    n: int | None = None,
    unit: str = "proportion",
    reason: str = "",
) -> Estimate:
    """Make an estimate of a fact about the rows at hand, which has no interval.

    Examples
    --------
    >>> exact("rows", 3, {"split": "test"}, unit="count").high
    3.0
    """
    number = float(value)
    return Estimate(
        metric=metric, value=number, low=number, high=number, method="count", n=n, where=where or {}, unit=unit,
        reason=reason,
    )  # fmt: skip


def as_exact(estimate: Estimate, method: str = "count") -> Estimate:
    """Return an estimate as a fact about the rows at hand: its interval is the number itself.

    Examples
    --------
    >>> str(as_exact(Estimate(metric="churn", value=0.0, reason="nothing varies"), "equal on every row"))
    '0.000 [0.000, 0.000]'
    """
    reason = estimate.reason if estimate.low is not None else ""  # it said why there was no interval
    return replace(estimate, low=estimate.value, high=estimate.value, method=method, reason=reason)


def absent(
    metric: str, where: Where, reason: str, *, n: int | None = None, unit: str = "proportion", level: float = 0.95
) -> Estimate:
    """Make an estimate of a number that does not exist, with the reason.

    Examples
    --------
    >>> str(absent("rows", {}, "no table"))
    'undefined: no table'
    """
    return Estimate(
        metric=metric, value=None, reason=reason or "not measured", n=n, where=where, unit=unit, level=level
    )


def bare(
    metric: str,
    value: float,
    where: Where,
    reason: str,
    *,
    n: int | None = None,
    unit: str,
    method: str = "",
    level: float = 0.95,
) -> Estimate:
    """Make an estimate without an interval, with the reason why there is none.

    Examples
    --------
    >>> str(bare("distance", 0.2, {}, "biased upward by noise", unit="score"))
    '0.200'
    """
    return Estimate(
        metric=metric, value=float(value), where=where, reason=reason, n=n, unit=unit, method=method, level=level
    )


def with_interval(
    metric: str,
    value: float,
    limits: Limits | tuple[float, float] | None,
    where: Where,
    *,
    method: str,
    n: int | None,
    unit: str,
    level: float = 0.95,
    bounds: Bounds | None = None,
    reason: str = "the spread is not known",
) -> Estimate:
    """Make an estimate with an interval that holds its value and stays inside what the number can be.

    Parameters
    ----------
    metric : str
    value : float
    limits : Interval, Span or pair of float, optional
        ``None`` where there is no interval; `reason` then says why.
    where : mapping
    method : str
    n : int, optional
        Rows behind the number.
    unit : str
    level : float
    bounds : tuple of float, optional
        Least and greatest number there can be; those of the unit unless given. A value outside, as a
        difference of two noisy shares may have, becomes the nearest possible one, and its interval is as
        long on the other side as it was.
    reason : str

    Examples
    --------
    >>> str(with_interval("auc", 0.913, (0.821, 1.004), {}, method="t", n=90, unit="score", bounds=(0.0, 1.0)))
    '0.913 [0.821, 1.000]'
    >>> str(with_interval("label_error_share", -0.05, (-0.073, -0.026), {}, method="t", n=90, unit="proportion"))
    '0.000 [0.000, 0.024]'
    """
    low, high = (None, None) if limits is None else _ends(limits)
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return bare(metric, value, where, reason, n=n, unit=unit, level=level)
    least, most = bounds if bounds is not None else RANGE.get(unit, FREE)
    inside = min(max(value, least), most)
    low, high = min(low, value), max(high, value)
    if value < least:
        high += least - value
    elif value > most:
        low -= value - most
    return Estimate(
        metric=metric, value=inside, low=min(max(low, least), inside), high=max(min(high, most), inside), level=level,
        method=method, n=n, where=where, unit=unit,
    )  # fmt: skip


def p_value(metric: str, value: float, where: Where, *, method: str, n: int | None,
            limits: Limits | tuple[float, float] | None = None,
            level: float = 0.95) -> Estimate:  # fmt: skip
    """Make an estimate of a p-value; limits, where there are some, are its Monte-Carlo error.

    Examples
    --------
    >>> p_value("p_value", 0.03, {}, method="shuffles", n=100).unit
    'p-value'
    """
    if limits is None:
        return bare(metric, value, where, "", method=method, n=n, unit="p-value")
    return with_interval(metric, value, limits, where, method=method, n=n, unit="p-value", level=level)


def _ends(limits: Limits | tuple[float, float]) -> tuple[float, float]:
    return (limits[0], limits[1]) if type(limits) is tuple else (limits.low, limits.high)  # type: ignore[union-attr]


def from_reading(metric: str, reading: Reading, where: Where, *, unit: str, bounds: Bounds | None = None) -> Estimate:
    """Make an estimate of a number that came with its limits from a gatherer."""
    if reading.value is None:
        return absent(metric, where, reading.reason, n=reading.n, unit=unit)
    limits = None if reading.low is None or reading.high is None else (reading.low, reading.high)
    return with_interval(
        metric, reading.value, limits, where, method=reading.method, n=reading.n, unit=unit, bounds=bounds,
        reason=reading.reason or "the spread is not known",
    )  # fmt: skip
