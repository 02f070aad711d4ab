"""How much the score depends on which rows the model was given."""

from __future__ import annotations

import math
import statistics

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.influence import metric_of, scaled_headline
from audit.estimate.making import exact, with_interval
from audit.estimate.measure import estimate
from audit.estimate.metric import Metric
from audit.evidence import Predictions
from audit.statistics.intervals import corrected_resampled, t_value, z_value
from reports.phrases import metric_words
from reports.record import Bar, Bars, Estimate, Measurement


@check(
    title="Cross-validation",
    family="generalization",
    references=("Nadeau and Bengio 2003, Inference for the generalization error",),
)
def cross_validation(folds: Predictions, predictions: Predictions | None = None) -> Measurement:
    """Refit the model on parts of the training rows and score what each left out.

    Reading. The mean over folds says what this recipe of a model reaches; its corrected standard error says
    how much that moves with the rows. A test score far outside what the folds predict hints at
    a lucky or unlucky split, a leak, or rows of another kind.

    Limits. Folds share training rows; the variance is corrected for that (Nadeau and Bengio), which is an
    approximation. Each fold learns from fewer rows than the audited model did.
    """
    folds = folds.select(split="train")
    headline = predictions.headline if predictions is not None else folds.headline
    metric = scaled_headline(predictions if predictions is not None else folds)
    factor = folds.keys["fold"]
    parts = [estimate(folds.select(fold=level), metric) for level in factor.levels]
    scores = [part.value for part in parts if part.value is not None]
    if len(scores) < 3:
        raise NotApplicable(
            f"{metric} is defined on {len(scores)} folds; needs at least three: provide more training rows"
        )
    share = 1.0 / len(scores)
    span = corrected_resampled(scores, share, folds.settings.level)
    if span is None:
        raise NotApplicable("all folds have the same score, so there is no spread to measure")
    estimates = [
        _mean(metric_of(folds, metric), span.value, span.low, span.high, len(folds)),
        _standard_error(scores, share, len(folds), folds.settings.level),
    ]
    if headline != metric:
        estimates += _mean_of(folds, headline, share)
    text = f"{metric_words(metric)} over {len(scores)} folds: {estimates[0]}."
    if predictions is not None:
        test = estimate(predictions.select(split="test"), metric)
        estimates += _excess(parts, test, folds.settings.level)
    bars = Bars(
        title=f"{metric_words(metric)} by fold",
        x_label=metric_words(metric),
        bars=tuple(
            Bar(label=f"fold {part.where['fold']}", value=part.value, low=part.low, high=part.high)
            for part in parts
            if part.value is not None
        ),
    )
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=(bars,), notes=folds.notes)


def _mean_of(folds: Predictions, metric: str, share: float) -> list[Estimate]:
    """Return the mean of a headline metric in a unit of its own, for which rules have no limits."""
    scores = [estimate(folds.select(fold=level), metric).value for level in folds.keys["fold"].levels]
    span = corrected_resampled([score for score in scores if score is not None], share, folds.settings.level)
    return [] if span is None else [_mean(metric_of(folds, metric), span.value, span.low, span.high, len(folds))]


def _mean(metric: Metric, value: float, low: float, high: float, n: int) -> Estimate:
    return with_interval(
        f"cross_validated_{metric.name}",
        value,
        (low, high),
        {"split": "train"},
        method="corrected resampled t",
        n=n,
        unit="score",
        bounds=metric.bounds,
    )


def _standard_error(scores: list[float], share: float, n: int, level: float) -> Estimate:
    """Return the corrected standard error of the mean with a chi-square interval for its spread."""
    from scipy.stats import chi2

    folds = len(scores)
    error = statistics.stdev(scores) * math.sqrt(1 / folds + share / (1 - share))
    tail = (1 - level) / 2
    low = error * math.sqrt((folds - 1) / float(chi2.isf(tail, folds - 1)))
    high = error * math.sqrt((folds - 1) / float(chi2.isf(1 - tail, folds - 1)))
    return with_interval(
        "cross_validation_standard_error",
        error,
        (low, high),
        {"split": "train"},
        method="chi-square",
        n=n,
        unit="difference",
        bounds=(0.0, math.inf),
    )


def _excess(parts: list[Estimate], test: Estimate, level: float) -> list[Estimate]:
    """Return how far the test score lies outside the folds' 99 % prediction interval, widened by its own error."""
    if test.value is None or test.low is None or test.high is None:
        return []
    scores = [part.value for part in parts if part.value is not None]
    errors = [_error(part, level) for part in parts if part.value is not None]
    half = _prediction_half_width(scores, errors)
    own = _error(test, level) * z_value(0.99)
    excess = max(0.0, abs(test.value - statistics.fmean(scores)) - math.hypot(half, own))
    return [exact("test_score_outside_folds", excess, test.where, n=test.n, unit="difference")]


def _error(estimate: Estimate, level: float) -> float:
    """Return the standard error that an interval stands for; infinite where there is none."""
    if estimate.low is None or estimate.high is None:
        return math.inf
    return (estimate.high - estimate.low) / 2 / z_value(level)


def _prediction_half_width(scores: list[float], errors: list[float]) -> float:
    """Return half the 99 % prediction interval of another score, apart from that score's own sampling error.

    What folds differ by is the sampling of the rows each was scored on, which their own intervals tell, and
    what fits differ by, which only the folds tell, on few degrees of freedom. Where an interval is missing
    all of the spread counts as of the second kind.

    Examples
    --------
    >>> round(_prediction_half_width([0.80, 0.82, 0.81, 0.79, 0.78], [0.02] * 5), 4)
    0.023
    >>> round(_prediction_half_width([0.80, 0.82, 0.81, 0.79, 0.78], [math.inf] * 5), 4)
    0.0797
    """
    folds, spread = len(scores), statistics.variance(scores)
    sampled = statistics.fmean(error**2 for error in errors)
    if not math.isfinite(sampled):
        sampled = 0.0
    fitted = max(0.0, spread - sampled)
    return math.hypot(
        z_value(0.99) * math.sqrt(sampled / folds), t_value(0.99, folds - 1) * math.sqrt(fitted * (1 + 1 / folds))
    )
