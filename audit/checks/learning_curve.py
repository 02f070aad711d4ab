"""Would more training rows help?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.influence import linear_form, scaled_headline, smooth_headline
from audit.estimate.making import with_interval
from audit.estimate.metrics import metric
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.statistics.intervals import z_value
from audit.statistics.variance import Undefined, variance
from reports.phrases import metric_words
from reports.record import Curve, Estimate, Measurement, Series

EXPONENTS = np.linspace(0.025, 2.0, 40)
"""How fast learning curves flatten: scores near their limit as rows to the power of minus one of these.

Models with a fixed number of parameters flatten with one, trees that have found their splits faster.
"""
OWN_LUCK = 0.25
"""Share of a training set's luck that stays in the largest refit, where all sizes draw from the same rows."""


@dataclass(frozen=True, slots=True)
class _Points:
    """Mean scores by size, with what they vary by."""

    sizes: FloatArray
    scores: FloatArray
    covariance: FloatArray


@check(
    title="Learning curve",
    family="generalization",
    revision=2,
    references=("Viering and Loog 2023, The shape of learning curves: a review", "Cortes et al. 1993"),
)
def learning_curve(subsets: Predictions, predictions: Predictions | None = None) -> Measurement:
    """Refit on ever fewer training rows, and continue the curve of test scores to twice the rows there are.

    Reading. The gain in the headline metric that twice as many training rows would be expected to bring, if
    the score goes on as a power law does. A clear gain says that rows are what the model lacks.

    Limits. The law is an assumption, averaged over many exponents by how well they fit; new rows would have
    to be of the same kind. The interval holds the sampling of test rows and of the parts, and little of the
    luck of which training rows there are at all. Fixed hyperparameters may favor one size.
    """
    name = smooth_headline(subsets) if scaled_headline(subsets) == subsets.headline else subsets.task_headline
    held = len(predictions.select(split="train")) if predictions is not None else 0
    points = _points(subsets, name, held)
    if len(points.sizes) < 3:
        raise NotApplicable(
            f"{name} is defined at {len(points.sizes)} sizes of the training table; needs at least three: provide "
            "more training rows"
        )
    largest = int(points.sizes[-1])
    held = max(largest, held)
    sign = -1.0 if metric(name).better == "lower" else 1.0
    law = _fit(replace(points, scores=sign * points.scores))
    gain = _gain(law, held, subsets)
    note = () if held == largest else (f"continued from {largest} rows, the largest refit, to twice {held}",)
    return Measurement(
        summary=f"Twice the training rows would be expected to gain {gain} in {metric_words(name)}.",
        estimates=(gain,),
        exhibits=(_curve(points, law, gain, held, sign, name, subsets.settings.level),),
        notes=(*subsets.notes, *note),
    )


# --- points ---------------------------------------------------------------------------------------


def _points(subsets: Predictions, name: str, held: int) -> _Points:
    """Return the mean score of each size, with the covariance from shared test rows and from drawn parts."""
    by_size: dict[int, list[tuple[float, FloatArray]]] = {}
    part = subsets
    for level in subsets.keys["rows"].levels:
        for number in subsets.keys["part"].levels:
            if not subsets.has(rows=level, part=number):
                continue
            part = with_weight(subsets.select(rows=level, part=number))
            try:
                form = linear_form(part, name)
            except Undefined:
                continue
            by_size.setdefault(int(level), []).append((form.value, form.influence))
    sizes = sorted(by_size)
    scores = np.array([np.mean([value for value, _ in by_size[size]]) for size in sizes])
    influences = [np.mean([influence for _, influence in by_size[size]], axis=0) for size in sizes]
    drawn = _draw({size: [value for value, _ in by_size[size]] for size in sizes}, held)
    return _Points(np.array(sizes, dtype=np.float64), scores, _share(influences, part) + np.diag(drawn))


def _share(influences: list[FloatArray], part: Predictions) -> FloatArray:
    """Return the covariance of scores on the same test rows, from variances of sums (polarization)."""
    count = len(influences)
    values = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1):
            both = variance(influences[i] + influences[j], part.weight, part.cluster).value
            apart = variance(influences[i] - influences[j], part.weight, part.cluster).value
            values[i, j] = values[j, i] = (both - apart) / 4
    return values


def _draw(scores: dict[int, list[float]], held: int) -> FloatArray:
    """Return the variance of each mean from which parts were drawn, as if it fell with one over the size.

    Parts are drawn without replacement, so a part of all rows there are has none of it; the largest refit
    keeps a share of it for the luck of those rows themselves.
    """
    sizes = sorted(scores)
    largest = sizes[-1]
    pool = (
        max(held, largest) if len(scores[largest]) > 1 else largest
    )  # one part of many rows is all that was drawn from
    several = [size for size in sizes if len(scores[size]) > 1 and size < pool]
    freedom = sum(len(scores[size]) - 1 for size in several)
    unit = 0.0
    if freedom:
        squares = (
            (len(scores[size]) - 1) * float(np.var(scores[size], ddof=1)) * size / (1 - size / pool) for size in several
        )
        unit = math.fsum(squares) / freedom
    own = [OWN_LUCK if size == largest else 0.0 for size in sizes]
    left = [(1 - size / pool) / len(scores[size]) + luck for size, luck in zip(sizes, own, strict=True)]
    return np.array([unit / size * share for size, share in zip(sizes, left, strict=True)])


# --- the law --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Law:
    """Power laws, one an exponent: score = a + b · (rows / largest)^-exponent."""

    largest: float
    slopes: FloatArray
    errors: FloatArray
    weights: FloatArray
    """How well each law fits, adding up to one."""

    def gain(self, rows: float, more: float) -> tuple[FloatArray, FloatArray]:
        """Return by how much each law's score grows from so many rows to more, with its standard error."""
        ahead = (more / self.largest) ** -EXPONENTS - (rows / self.largest) ** -EXPONENTS
        return self.slopes * ahead, np.abs(ahead) * self.errors


def _fit(points: _Points) -> _Law:
    """Fit a law for every exponent by generalized least squares."""
    scale = max(float(np.trace(points.covariance)), 1e-12)
    precision = np.linalg.pinv(points.covariance + 1e-6 * scale * np.eye(len(points.sizes)))
    slopes, errors, fits = [], [], []
    for exponent in EXPONENTS:
        power = (points.sizes / points.sizes[-1]) ** -exponent
        design = np.column_stack([np.ones(len(power)), power])
        covariance = np.linalg.pinv(design.T @ precision @ design)
        result = covariance @ design.T @ precision @ points.scores
        residual = points.scores - design @ result
        slopes.append(float(result[1]))
        errors.append(math.sqrt(max(float(covariance[1, 1]), 0.0)))
        fits.append(-0.5 * float(residual @ precision @ residual))
    weights = np.exp(np.array(fits) - max(fits))
    return _Law(float(points.sizes[-1]), np.array(slopes), np.array(errors), weights / weights.sum())


def _gain(law: _Law, held: int, subsets: Predictions) -> Estimate:
    means, errors = law.gain(held, 2 * held)
    level = subsets.settings.level
    low, high = (_quantile(means, errors, law.weights, p) for p in ((1 - level) / 2, (1 + level) / 2))
    return with_interval(
        "gain_from_twice_the_rows",
        float(law.weights @ means),
        (low, high),
        {**subsets.where, "split": "test"},
        method="power laws averaged by fit",
        n=len(subsets) // max(1, _refits(subsets)),
        unit="difference",
        level=level,
    )


def _refits(subsets: Predictions) -> int:
    pairs = subsets.keys["rows"].codes.astype(np.int64) * 10_000 + subsets.keys["part"].codes
    return len(np.unique(pairs))


def _quantile(means: FloatArray, errors: FloatArray, weights: FloatArray, p: float) -> float:
    """Return a quantile of a mixture of normal distributions."""
    spread = np.maximum(errors, 1e-12)
    low, high = float((means - 9 * spread).min()), float((means + 9 * spread).max())
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float(weights @ ndtr((middle - means) / spread)) < p else (low, middle)
    return high


def _curve(points: _Points, law: _Law, gain: Estimate, held: int, sign: float, name: str, level: float) -> Curve:
    half = z_value(level) * np.sqrt(np.maximum(np.diag(points.covariance), 0.0))
    series = [
        Series(
            name="refits",
            x=tuple(points.sizes.tolist()),
            y=tuple(points.scores.tolist()),
            low=tuple((points.scores - half).tolist()),
            high=tuple((points.scores + half).tolist()),
        )
    ]
    if gain.value is not None and gain.low is not None and gain.high is not None:
        last = float(points.scores[-1])
        now = last + sign * float(law.weights @ law.gain(law.largest, held)[0])
        ends = [now + sign * number for number in (gain.value, gain.low, gain.high)]
        rows = (law.largest, float(held)) if held > law.largest else (law.largest,)
        scores = (last, now)[: len(rows)]
        series.append(
            Series(
                name="expected",
                x=(*rows, 2.0 * held),
                y=(*scores, ends[0]),
                low=(*scores, min(ends)),
                high=(*scores, max(ends)),
                style="dashed",
            )
        )
    return Curve(
        title="Learning curve",
        x_label="training rows",
        y_label=f"{metric_words(name)} on test rows",
        series=tuple(series),
        caption="The dashed line goes on to twice the training rows, with its interval.",
    )
