"""Tell labels that are wrong from classes that honestly overlap.

Overlap fades as the score goes up; mislabeling does not. So the share of a label at score s is taken to be
``λ₀ + (1 − λ₀ − λ₁) σ(a + b s)``: logistic except for a floor and a ceiling, the shares of labels that are
wrong either way (Copas 1988, binary regression models for contaminated data). σ(a + b s) is then the
chance of the class itself, with the mislabeling taken out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.statistics.binning import quantile_edges

FloatArray = npt.NDArray[np.float64]

SURE = 0.9
"""Chance of a class from which on a row is taken to have it."""
BINS = 200
MOST_WRONG = 0.45


class Binned(NamedTuple):
    """Labels along a score, in quantile bins."""

    score: FloatArray
    """Mean score by bin."""
    rows: FloatArray
    hits: FloatArray
    """Rows that carry the label."""


class Curve(NamedTuple):
    """The fitted share of a label along the score."""

    floor: float
    ceiling: float
    """Distance of the ceiling from 1."""
    intercept: float
    slope: float


class Contradicted(NamedTuple):
    """Rows all but sure to have a class, and how their labels contradict it."""

    sure: float
    against: float
    """Sure rows labeled otherwise."""
    expected: float
    """Of them, those that honest overlap explains."""

    def plus(self, other: Contradicted) -> Contradicted:
        """Add up the rows of two classes."""
        return Contradicted(self.sure + other.sure, self.against + other.against, self.expected + other.expected)


def quantile_bins(score: FloatArray, label: npt.NDArray[np.bool_]) -> Binned:
    """Sort rows into quantile bins of their score.

    Examples
    --------
    >>> quantile_bins(np.array([0.0, 1.0]), np.array([False, True])).hits.tolist()
    [0.0, 1.0]
    """
    edges = quantile_edges(score, BINS, interpolated=True)
    place = np.searchsorted(edges, score, side="left")
    rows = np.bincount(place, minlength=len(edges) + 1).astype(np.float64)
    used = rows > 0
    hits = np.bincount(place, label, minlength=len(edges) + 1).astype(np.float64)
    sums = np.bincount(place, score, minlength=len(edges) + 1)
    return Binned(sums[used] / rows[used], rows[used], hits[used])


def chance(curve: Curve, score: FloatArray) -> FloatArray:
    """Return the chance of the class itself, with mislabeling taken out."""
    return np.asarray(1 / (1 + np.exp(-np.clip(curve.intercept + curve.slope * score, -500, 500))))


def misfit(data: Binned, curve: Curve) -> float:
    """Return minus the log-likelihood of a curve."""
    share = curve.floor + (1 - curve.floor - curve.ceiling) * chance(curve, data.score)
    share = np.clip(share, 1e-9, 1 - 1e-9)
    return -float((data.hits * np.log(share) + (data.rows - data.hits) * np.log(1 - share)).sum())


def fit(data: Binned, start: Curve | None = None, most: float = MOST_WRONG) -> Curve:
    """Fit floor, ceiling and logistic curve by maximum likelihood.

    Parameters
    ----------
    data : Binned
    start : Curve, optional
        Where to begin; several places are tried without one.
    most : float
        Greatest floor, and greatest distance of the ceiling from 1, that is allowed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = rng.normal(size=20000) * 4
    >>> truth = rng.random(20000) < 1 / (1 + np.exp(-score))
    >>> label = truth ^ (rng.random(20000) < 0.1)
    >>> curve = fit(quantile_bins(score, label))
    >>> round(curve.floor, 1), round(curve.ceiling, 1)
    (0.1, 0.1)
    """
    from scipy.optimize import minimize

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        floor, ceiling, intercept, slope = theta
        own = chance(Curve(floor, ceiling, intercept, slope), data.score)
        share = np.clip(floor + (1 - floor - ceiling) * own, 1e-9, 1 - 1e-9)
        value = -(data.hits * np.log(share) + (data.rows - data.hits) * np.log(1 - share)).sum()
        pull = -(data.hits / share - (data.rows - data.hits) / (1 - share))
        inner = pull * (1 - floor - ceiling) * own * (1 - own)
        slopes = [(pull * (1 - own)).sum(), -(pull * own).sum(), inner.sum(), (inner * data.score).sum()]
        return float(value), np.array(slopes)

    limits = [(0.0, most), (0.0, most), (-20.0, 20.0), (0.05, 30.0)]
    starts = [start] if start else [Curve(0.01, 0.01, 0.0, 1.0), Curve(0.1, 0.1, 0.0, 2.0), Curve(0.2, 0.2, 0.0, 4.0)]
    starts = [start._replace(floor=min(start.floor, most), ceiling=min(start.ceiling, most)) for start in starts]
    tried = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits) for start in starts]
    return Curve(*(float(value) for value in min(tried, key=lambda fit: float(fit.fun)).x))


def count_contradictions(data: Binned, curve: Curve, *, both: bool) -> Contradicted:
    """Count labels that contradict a class of which a row is sure.

    Parameters
    ----------
    data : Binned
    curve : Curve
    both : bool
        Also count rows that are sure not to have the class: right where there are two.

    Examples
    --------
    >>> data = Binned(np.array([-9.0, 9.0]), np.array([50.0, 50.0]), np.array([5.0, 45.0]))
    >>> count_contradictions(data, Curve(0.1, 0.1, 0.0, 1.0), both=True)[:2]
    (100.0, 10.0)
    """
    own = chance(curve, data.score)
    high, low = own >= SURE, own <= 1 - SURE
    doubt = Contradicted(
        float(data.rows[high].sum()),
        float((data.rows - data.hits)[high].sum()),
        float((data.rows * (1 - own))[high].sum()),
    )
    if not both:
        return doubt
    return doubt.plus(
        Contradicted(float(data.rows[low].sum()), float(data.hits[low].sum()), float((data.rows * own)[low].sum()))
    )


def redrawn(data: Binned, generator: np.random.Generator) -> Binned:
    """Draw the rows again, with replacement, from the bins."""
    rows = generator.multinomial(int(data.rows.sum()), data.rows / data.rows.sum()).astype(np.float64)
    hits = generator.binomial(rows.astype(np.int64), data.hits / data.rows).astype(np.float64)
    return Binned(data.score, rows, hits)
