"""Where the scores lie: their distribution by true class and by group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.measure import groups
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.statistics.variance import Undefined
from reports.record import Curve, Measurement, Series

BINS = 20
"""Bins of equal width before those with few rows are merged."""
MOST_LINES = 6


@check(title="Distribution of scores", family="performance", tasks=("binary",), requires=("scores",))
def score_histogram(predictions: Predictions) -> Measurement:
    """Draw how the scores are distributed, by true class and by the groups of each sensitive feature.

    Reading. Two classes whose lines lie apart are distinguished well; where they overlap, mistakes are made at
    any threshold. Groups whose lines lie apart get different decisions from one threshold.

    Limits. Heights are shares of the rows of that line in a twentieth of the range of scores; neighboring bins
    that hold too few rows to be shown are drawn as one, at their mean height.
    """
    test = predictions.select(split="test")
    try:
        test = with_weight(test)
    except Undefined as reason:
        raise NotApplicable(str(reason)) from reason
    edges = _edges(test)
    by_class = [(test.classes[code], test.take(test.y_true == code)) for code in (0, 1)]
    exhibits = [_draw("Scores by class", by_class, edges)]
    answers = test.without_hidden_groups()
    for feature in test.sensitive:
        parts = [(levels[0], test.take(rows)) for levels, rows in groups(answers, (feature,))]
        exhibits.append(_draw(f"Scores by {feature}", parts, edges))
    drawn = tuple(exhibit for exhibit in exhibits if exhibit is not None)
    if not drawn:
        raise NotApplicable(f"needs a class or group with at least {test.settings.min_n} scored rows; none has so many")
    return Measurement(summary=_summary(by_class), exhibits=drawn)


def _edges(test: Predictions) -> FloatArray:
    """Lay bins over 0 to 1 for probabilities, else over the range of the scores."""
    low, high = (0.0, 1.0) if test.probabilities else (_scores(test).min(), _scores(test).max())
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


def _median(part: Predictions) -> float:
    if part.repeats is None:
        return float(np.median(_scores(part)))
    return float(np.quantile(_scores(part), 0.5, weights=part.repeats.n, method="inverted_cdf"))


def _scores(part: Predictions) -> FloatArray:
    return np.empty(0) if part.y_score is None else part.y_score.astype(np.float64, copy=False)


def _draw(title: str, parts: list[tuple[str, Predictions]], edges: FloatArray) -> Curve | None:
    """Draw the largest parts that have rows enough to judge; nothing where there are none."""
    enough = [part for part in parts if part[1].total >= max(part[1].settings.min_n, part[1].settings.suppress_n, 1)]
    largest = sorted(enough, key=lambda pair: -pair[1].total)[:MOST_LINES]
    if not largest:
        return None
    return Curve(
        title=title,
        x_label="score of the positive class",
        y_label="share of rows",
        series=tuple(_line(name, part, edges) for name, part in largest),
        caption="Each line adds up to all rows of its kind.",
    )


def _line(name: str, part: Predictions, edges: FloatArray) -> Series:
    xs: list[float] = []
    ys: list[float] = []
    for low, high, height in _steps(part, edges):
        xs += [low, high]
        ys += [height, height]
    return Series(name=name, x=tuple(xs), y=tuple(ys), n=part.total)


def _steps(part: Predictions, edges: FloatArray) -> Iterator[tuple[float, float, float]]:
    """Yield merged bins with their mean height, each of at least the rows that may be shown."""
    score, least = _scores(part), max(part.settings.suppress_n, 1)
    counts, _ = np.histogram(score, edges, weights=None if part.repeats is None else part.repeats.n)
    shares, _ = np.histogram(score, edges, weights=part.weight)
    starts = _starts(counts.tolist(), least)
    total = float(shares.sum()) or 1.0
    for first, last in zip(starts, [*starts[1:], len(counts)], strict=True):
        height = float(shares[first:last].sum()) / total / (last - first)
        yield float(edges[first]), float(edges[last]), height


def _starts(counts: list[int], least: int) -> list[int]:
    """Return the first bin of each merged one; a last one of too few rows joins the one before.

    Examples
    --------
    >>> _starts([20, 3, 4, 9, 30, 2], 10)
    [0, 1, 4]
    """
    starts, held = [0], 0
    for place, count in enumerate(counts):
        if held >= least:
            starts.append(place)
            held = 0
        held += count
    return starts[:-1] if held < least and len(starts) > 1 else starts


def _summary(by_class: list[tuple[str, Predictions]]) -> str:
    lines = [f"{_median(part):.3g} for class {name}" for name, part in by_class if len(part)]
    return f"Median scores: {' and '.join(lines)}."
