"""What a change of the model does to a group beyond what it does to the others, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audit.estimate.measure import groups
from audit.estimate.paired import align_predictions, paired_difference
from audit.evidence import Predictions
from audit.statistics.intervals import Span, difference
from reports.record import Estimate


def excess_losses(
    before: Predictions, after: Predictions, name: str, features: Sequence[str], *, positive: bool
) -> tuple[Estimate, ...]:
    """Measure how much more each group loses than the rest: paired differences, and MOVER between the two.

    Parameters
    ----------
    before, after : Predictions
        The same rows by number.
    name : str
        Metric.
    features : sequence of str
        Sensitive features to cross.
    positive : bool
        Whether more of the metric is better.

    Returns
    -------
    tuple of Estimate
        ``excess_loss`` by group, above 0 where the group loses more than all other rows.

    References
    ----------
    Zou and Donner 2008, Construction of confidence limits about effect measures.
    """
    predictions, other = align_predictions(before, after)
    everyone = np.arange(len(predictions))
    estimates = []
    for levels, rows in groups(predictions, features):
        where = {**predictions.where, **dict(zip(features, levels, strict=True))}
        rest = np.setdiff1d(everyone, rows)
        if predictions.settings.why_hidden(where, len(rows)) or len(rest) < max(predictions.settings.suppress_n, 1):
            reason = (
                f"fewer than {predictions.settings.suppress_n} rows in the group, the rest or another group: suppressed"
            )
            estimates.append(
                Estimate(metric="excess_loss", value=None, n=None, where=where, unit="difference", reason=reason)
            )
            continue
        parts = [paired_difference(predictions.take(part), other.take(part), name) for part in (rows, rest)]
        estimates.append(_gap(parts[0], parts[1], where, len(rows), sign=1 if positive else -1))
    return tuple(estimates)


def _gap(group: Estimate, rest: Estimate, where: dict[str, str], n: int, *, sign: int) -> Estimate:
    spans = []
    for part in (group, rest):
        if part.value is None or part.low is None or part.high is None:
            reason = part.reason or "no interval"
            return Estimate(metric="excess_loss", value=None, n=n, where=where, unit="difference", reason=reason)
        low, high = sorted((sign * part.low, sign * part.high))
        spans.append(Span(sign * part.value, low, high))
    span = difference(spans[0], spans[1])
    return Estimate(
        metric="excess_loss",
        value=span.value,
        low=span.low,
        high=span.high,
        level=group.level,
        method=f"mover of {group.method}",
        n=n,
        where=where,
        unit="difference",
    )
