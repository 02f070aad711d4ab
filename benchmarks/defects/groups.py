"""Gaps among groups that were formed by lot, so that what is found was planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks.defects.behavior import logits, of_positive, recalibrated
from benchmarks.defects.models import Array, Change, Subject, draw, until
from benchmarks.defects.plant import Defect, Rng, Strength, pick

LEAST = 60
"""Rows of a group, and of its positives and negatives, below which a gap cannot be told from chance."""
Measure = Callable[[Array, Array, Array], float]
"""From group, truth and decisions to the gap."""


def _group(X: pd.DataFrame) -> Array:
    return (X["cohort"] == "b").to_numpy()


def _told(subject: Subject) -> bool:
    rows = _group(subject.X)
    positive = subject.y[rows] == subject.positive
    return subject.binary and min(positive.sum(), (~positive).sum()) >= LEAST


def _lower(X: pd.DataFrame, score: Array, share: float) -> Array:
    """Turn a share of the group's positive decisions."""
    hit = _group(X) & (score >= 0.5) & (draw(X, "lower") < share)
    return np.where(hit, 0.49 * score, score)


def _raise(X: pd.DataFrame, score: Array, share: float) -> Array:
    """Turn a share of the group's negative decisions."""
    hit = _group(X) & (score < 0.5) & (draw(X, "raise") < share)
    return np.where(hit, 1 - 0.49 * score, score)


def _wrong(X: pd.DataFrame, score: Array, share: float) -> Array:
    """Turn a share of the group's decisions."""
    hit = _group(X) & (draw(X, "wrong") < share)
    return np.where(hit, 1 - score, score)


def _random(X: pd.DataFrame, score: Array, share: float) -> Array:
    """Give a share of the group scores by lot."""
    hit = _group(X) & (draw(X, "which") < share)
    return np.where(hit, draw(X, "score"), score)


def _gapped(
    subject: Subject, target: float, change: Callable[[pd.DataFrame, Array, float], Array], gap: Measure
) -> Subject | None:
    """Change more and more of the group's scores until the gap is as wanted."""
    if not _told(subject):
        return None
    X, group, truth = subject.X, _group(subject.X), subject.y == subject.positive
    scores = subject.answers()[:, subject.positive]
    size = until(lambda share: gap(group, truth, change(X, scores, share)), target)
    if size is None:
        return None
    return subject.altered(of_positive(subject, lambda X, s: change(X, s, size)))


def _rate(group: Array, rows: Array, hits: Array) -> float:
    """Return by how much the share of hits is higher in the group, among `rows`."""
    return float(hits[group & rows].mean() - hits[~group & rows].mean())


def selection(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Select fewer of the group."""

    def gap(group: Array, truth: Array, score: Array) -> float:
        chosen = score >= 0.5
        return 1 - float(chosen[group].mean() / chosen[~group].mean())

    return _gapped(subject, 1 - pick(strength, 0.4, 0.55), _lower, gap)


def true_positives(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Find fewer positives of the group."""
    return _gapped(subject, pick(strength, 0.35, 0.25), _lower, lambda g, t, s: -_rate(g, t, s >= 0.5))


def false_positives(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Raise more false alarms in the group."""
    return _gapped(subject, pick(strength, 0.35, 0.25), _raise, lambda g, t, s: _rate(g, ~t, s >= 0.5))


def precision(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Select more of the group who are not positive."""
    return _gapped(subject, pick(strength, 0.35, 0.25), _raise, lambda g, t, s: -_rate(g, s >= 0.5, t))


def errors(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Err more in the group."""
    return _gapped(subject, pick(strength, 0.25, 0.16), _wrong, lambda g, t, s: _rate(g, g | ~g, (s >= 0.5) != t))


def chance(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Make a gap of any size that chance does not make."""
    return _gapped(subject, pick(strength, 0.3, 0.2), _raise, lambda g, t, s: _rate(g, ~t, s >= 0.5))


def ranking(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Rank the group worse."""
    from sklearn.metrics import roc_auc_score

    def gap(group: Array, truth: Array, score: Array) -> float:
        return float(roc_auc_score(truth[~group], score[~group]) - roc_auc_score(truth[group], score[group]))

    return _gapped(subject, pick(strength, 0.25, 0.16), _random, gap)


def mean_scores(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Expect too much of the group."""
    base = recalibrated(subject)
    if base is None or not _told(subject):
        return None
    sign, group, scores = float(rng.choice([-1, 1])), _group(subject.X), base.answers()[:, subject.positive]
    if sign < 0 and scores[group].mean() < 0.25:
        sign = 1.0

    def reached(size: float) -> float:
        return abs(float((expit(logits(scores) + sign * size) - scores)[group].mean()))

    size = until(reached, pick(strength, 0.2, 0.13), 8.0)
    if size is None:
        return None
    return base.altered(of_positive(subject, lambda X, s: expit(logits(s) + sign * size * _group(X))))


def by_group_alone(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Let the group alone decide a share of the rows."""
    if not subject.classifies:
        return None
    share = pick(strength, 0.2, 0.11)

    def change(X: pd.DataFrame, scores: Array) -> Array:
        hit = _group(X) & (draw(X.drop(columns="cohort"), "alone") < share)
        return np.where(hit[:, None], np.roll(scores, 1, axis=1), scores)

    return subject.altered(change)


def slanted(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Promise the group too much or too little."""
    if subject.classifies:
        return None
    sign, spread = float(rng.choice([-1, 1])), float(np.std(subject.y))
    wanted, group = pick(strength, 0.4, 0.28), _group(subject.X)
    own = float((subject.answers() - subject.y)[group].mean())
    shift = sign * wanted * spread - own
    return subject.altered(lambda X, numbers: numbers + shift * _group(X))


def inexact(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Be less exact for the group."""
    if subject.classifies:
        return None
    X, y, group, numbers = subject.X, subject.y, _group(subject.X), subject.answers()

    def change(size: float) -> Change:
        return lambda X, numbers: numbers + size * _group(X) * np.sign(draw(X, "off") - 0.5)

    def reached(size: float) -> float:
        off = np.abs(change(size)(X, numbers) - y)
        return float(off[group].mean() / off[~group].mean())

    size = until(reached, pick(strength, 2.2, 1.7), 10 * float(np.std(y)))
    return None if size is None else subject.altered(change(size))


def class_rates(subject: Subject, strength: Strength, rng: Rng) -> Subject | None:
    """Answer a class less often in the group."""
    if subject.table.roles.task != "multiclass":
        return None
    X, y, group, scores = subject.X, subject.y, _group(subject.X), subject.answers()
    place = int(np.bincount(y[group]).argmax())

    def change(size: float) -> Change:
        def less(X: pd.DataFrame, scores: Array) -> Array:
            hit = _group(X) & (scores.argmax(axis=1) == place) & (draw(X, "less") < size)
            return np.where(hit[:, None], np.roll(scores, 1, axis=1), scores)

        return less

    def gap(size: float) -> float:
        return -_rate(group, y == place, change(size)(X, scores).argmax(axis=1) == place)

    size = until(gap, pick(strength, 0.35, 0.25))
    return None if size is None else subject.altered(change(size))


DEFECTS = (
    Defect(code="FAIR001", check="disparities", spoil=selection, what="fewer selected"),
    Defect(code="FAIR002", check="disparities", spoil=true_positives, what="fewer positives found"),
    Defect(code="FAIR003", check="disparities", spoil=false_positives, what="more false alarms"),
    Defect(code="FAIR004", check="disparities", spoil=precision, what="less precise"),
    Defect(code="FAIR005", check="disparities", spoil=errors, what="more errors"),
    Defect(code="FAIR006", check="disparities", spoil=ranking, what="ranked worse"),
    Defect(code="FAIR007", check="decision_flips", spoil=by_group_alone, what="the group decides"),
    Defect(code="FAIR008", check="residual_disparities", spoil=slanted, what="slanted"),
    Defect(code="FAIR008", check="residual_disparities", spoil=inexact, what="less exact"),
    Defect(code="FAIR009", check="class_disparities", spoil=class_rates, what="a class less often"),
    Defect(code="FAIR010", check="gap_against_chance", spoil=chance, what="gap beyond chance"),
    Defect(code="CAL003", check="group_calibration", spoil=mean_scores, what="group miscalibrated"),
)
