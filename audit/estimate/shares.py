"""Shares of rows as estimates: exact counts, proportions, and differences of proportions."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.estimate.cells import proportion_of
from audit.estimate.comparing import compare_estimates
from audit.estimate.making import absent, exact
from audit.evidence import Predictions, Repeats
from reports.record import Estimate, Where

__all__ = [
    "ROWS",
    "Masses",
    "absent",
    "exact",
    "masses",
    "proportion",
    "proportion_difference",
    "rows_behind",
    "worst_first",
]

Array = npt.NDArray[np.float64]


class Masses(NamedTuple):
    """What rows count for: sample weights, and clusters whose rows vary together."""

    weight: Array | None = None
    cluster: Factor | None = None
    repeats: Repeats | None = None
    """Of a counted log: rows and squared weights behind each row, whose weight is the sum of theirs."""

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Masses:
        """Return those of some rows, by position or mask."""
        return Masses(
            None if self.weight is None else self.weight[rows],
            None if self.cluster is None else self.cluster.take(rows),
            None if self.repeats is None else Repeats(self.repeats.n[rows], self.repeats.squares[rows]),
        )


ROWS = Masses()
"""Rows that count alike, each for itself."""


def rows_behind(predictions: Predictions) -> Masses:
    """Return the rows of a counted log, without their weights, and their clusters."""
    assert predictions.repeats is not None  # noqa: S101 -- for counted logs only
    n = predictions.repeats.n.astype(np.float64)
    return Masses(n, predictions.cluster, Repeats(predictions.repeats.n, n))


def masses(dataset: Dataset, rows: npt.NDArray[np.intp]) -> Masses:
    """Return weights and clusters of rows of a data set."""
    return Masses(dataset.weight, dataset.cluster).take(rows)


def proportion(
    metric: str,
    hits: npt.NDArray[np.bool_] | Array,
    where: Where,
    of: Masses = ROWS,
    *,
    level: float = 0.95,
    least: int = 1,
) -> Estimate:
    """Estimate a share of the population behind some rows, with their weights and clusters.

    Parameters
    ----------
    metric : str
    hits : ndarray of shape (n,)
        Which rows count; numbers in [0, 1] where a row may count in part.
    where : mapping
    of : Masses
        Weights and clusters of the rows. Rows of weight 0 are left out.
    level : float
    least : int
        Fewer rows than this leave no trace.

    Returns
    -------
    Estimate
        Wilson's interval, on the effective number of rows where they are weighted or clustered.

    Examples
    --------
    >>> hits = np.arange(10) < 5
    >>> str(proportion("missing_share", hits, {})), str(proportion("missing_share", hits[:9], {}, least=10))
    ('0.500 [0.237, 0.763]', 'undefined: fewer than 10 rows: suppressed')
    >>> pairs = Masses(cluster=Factor.of(list("aabbccddee")))
    >>> str(proportion("missing_share", hits, {}, pairs))
    '0.500 [0.111, 0.889]'
    """
    kept = np.ones(len(hits), dtype=np.bool_) if of.weight is None else of.weight > 0
    n = int(kept.sum() if of.repeats is None else of.repeats.n[kept].sum())
    if n < max(least, 1):
        return absent(metric, where, f"fewer than {least} rows: suppressed" if n else "no rows")
    share = proportion_of(hits, of.weight, of.cluster, level, of.repeats)
    return replace(
        exact(metric, share.value, where, n=n),
        low=share.low, high=share.high, level=level, method=share.method,
    )  # fmt: skip


def proportion_difference(metric: str, estimate: Estimate, other: Estimate) -> Estimate:
    """Subtract two proportions, at the address of the first (Newcombe 1998, method 10).

    Proportions of rows that share clusters are taken as independent, which is rather too wide.

    Examples
    --------
    >>> one, other = (proportion("share", np.arange(n) < hits, {}) for hits, n in ((56, 70), (48, 80)))
    >>> str(proportion_difference("gap", one, other))
    '0.200 [0.052, 0.334]'
    """
    gap = replace(compare_estimates(estimate, other, "difference"), metric=metric)
    return replace(gap, method="newcombe") if gap.method == "mover of wilson" else gap


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
    ranked = sorted(estimates, key=lambda estimate: -abs(estimate.value) if estimate.value is not None else 1.0)
    kept = {id(estimate) for estimate in ranked[:most]}
    chosen = tuple(estimate for estimate in estimates if id(estimate) in kept)
    return chosen, (f"the {most} greatest of {len(estimates)} numbers are listed",)
