"""Which features are distributed differently in test than in training?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.check import check
from audit.data.dataset import Dataset
from audit.data.factor import Factor
from audit.estimate.drift import effective_counts, stability_index
from audit.estimate.making import absent
from audit.estimate.shares import worst_first
from audit.evidence import FloatArray, Predictions, Settings
from audit.statistics.psi import Bins, counts, level_bins, numeric_bins
from audit.tabular.single_feature import levels_of, numbers
from reports.record import Bar, Bars, Estimate, Measurement, Table


class Moved(NamedTuple):
    """A feature's shift and what it does to the mean score."""

    feature: str
    shift: Estimate
    score: float | None
    most: str
    """The bin whose share changes most, in words."""


@check(
    by_column=True,
    title="Feature drift",
    family="drift",
    references=(
        "Siddiqi 2006, Credit risk scorecards",
        "Yurdakul and Naranjo 2020, Statistical properties of the population stability index",
        "Rao and Scott 1981, The analysis of categorical data from complex sample surveys",
    ),
    requires=("train", "features"),
)
def feature_drift(
    dataset: Dataset,
    predictions: Predictions | None = None,
    settings: Settings | None = None,
    *,
    bins: int = 10,
    most: int = 1000,
) -> Measurement:
    """Measure how far each feature's present values moved from training to test.

    Reading. ``stability_index`` is the population stability index over ten quantiles of training (levels of
    categories), less what it would be on average without any drift. 0 means no drift; 0.1 to 0.2 a moderate
    one; a shift of a bell-shaped feature by half a standard deviation gives about 0.24. The table says by
    how much each feature's shift alone would move the mean score.

    Limits. Each feature is looked at alone; missing values are left out, new categories are counted with
    rare ones. Levels that hold under 1 % of training are taken together.
    """
    chosen = settings or Settings()
    score = _scores(dataset, predictions)
    kinds = dataset.kinds()
    names = [name for name in dataset.features if kinds[name] != "text"]
    moved = [_move(dataset, name, kinds[name], bins, score, chosen) for name in names]
    kept, notes = worst_first([shift.shift for shift in moved], most)
    skipped = len(dataset.features) - len(names)
    left_out = (f"{skipped} features of free text are left out",) if skipped else ()
    return Measurement(summary=_summary(moved), estimates=kept, exhibits=_exhibits(moved), notes=(*notes, *left_out))


def _move(dataset: Dataset, name: str, kind: str, bins: int, score: FloatArray | None, settings: Settings) -> Moved:
    if kind in ("numeric", "datetime") and (why := settings.hides_missing(name)):
        return Moved(name, absent("stability_index", {"split": "test", "feature": name}, why, unit="score"), None, "")
    cut = _cut(dataset, name, kind, bins, settings)
    size = len(cut.labels)
    index = stability_index(
        "stability_index",
        effective_counts(cut.reference, size, *_masses(dataset, "train")),
        effective_counts(cut.new, size, *_masses(dataset, "test")),
        {"split": "test", "feature": name},
        level=settings.level,
        n=int((cut.new >= 0).sum()),
        reason="fewer than two different present values, or none in a split",
    )
    if index.value is None:
        return Moved(name, index, None, "")
    old, new = counts(cut.reference, size), counts(cut.new, size)
    p, q = old / old.sum(), new / new.sum()
    widest = int(np.argmax(np.abs(q - p)))
    hidden = settings.hides_levels(name) or settings.hides_missing(name)
    text = "" if hidden else f"{cut.labels[widest]}: {p[widest]:.1%} to {q[widest]:.1%}"
    return Moved(name, index, _effect(dataset, cut, p, q, score), text)


def _masses(dataset: Dataset, split: str) -> tuple[FloatArray | None, Factor | None]:
    """Return weights and clusters of a split's rows."""
    rows = dataset.rows(split)
    weight = None if dataset.weight is None else dataset.weight[rows]
    return weight, None if dataset.cluster is None else dataset.cluster.take(rows)


def _cut(dataset: Dataset, name: str, kind: str, bins: int, settings: Settings) -> Bins:
    column = dataset.frame[name]
    train, test = dataset.rows("train"), dataset.rows("test")
    if kind in ("numeric", "datetime"):
        values = numbers(column)
        return numeric_bins(values[train], values[test], bins)
    codes, names = levels_of(column)
    if settings.hides_levels(name):  # taken together, so that no small count follows from the index
        hidden = [at for at, level in enumerate(names) if settings.why_hidden({name: level}, settings.suppress_n)]
        hidden += [-1] if settings.hides_missing(name) else []  # so that the rows with a value are not counted
        codes = np.where(np.isin(codes, hidden), hidden[0] if hidden else -1, codes)
    return level_bins(codes[train], codes[test], names)


def _scores(dataset: Dataset, predictions: Predictions | None) -> FloatArray | None:
    """Return one score a row of the data set, NaN where the model gave none."""
    if predictions is None or not len(predictions.row):
        return None
    if predictions.task == "regression":
        own = predictions.y_pred.astype(np.float64)
    elif predictions.y_score is not None and predictions.y_score.ndim == 1:
        own = predictions.y_score
    else:
        return None
    score = np.full(len(dataset), np.nan)
    score[predictions.row] = own
    return score


def _effect(
    dataset: Dataset, cut: Bins, p: npt.NDArray[np.float64], q: npt.NDArray[np.float64], score: FloatArray | None
) -> float | None:
    """Return how far the mean score moves if only this feature's shares change, scores within bins staying."""
    if score is None:
        return None
    codes = np.concatenate([cut.reference, cut.new])
    own = score[np.concatenate([dataset.rows("train"), dataset.rows("test")])]
    known = (codes >= 0) & np.isfinite(own)
    if not known.any():
        return None
    sizes = np.bincount(codes[known], minlength=len(p))
    sums = np.bincount(codes[known], own[known], minlength=len(p))
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), sums.sum() / max(sizes.sum(), 1))
    return float(((q - p) * means).sum())


def _rank(moved: list[Moved]) -> list[tuple[Moved, float]]:
    shifts = [(shift, shift.shift.value) for shift in moved if shift.shift.value is not None]
    return sorted(shifts, key=lambda pair: -pair[1])


def _summary(moved: list[Moved]) -> str:
    ranked = _rank(moved)
    if not ranked:
        return "No feature has enough different values to be compared."
    shift, index = ranked[0]
    return f"{shift.feature!r} moved most from train to test: stability index {index:.3f} ({shift.most})."


def _exhibits(moved: list[Moved]) -> tuple[Bars | Table, ...]:
    ranked = _rank(moved)
    if not ranked:
        return ()
    bars = tuple(
        Bar(label=shift.feature, value=index, low=shift.shift.low, high=shift.shift.high)
        for shift, index in ranked[:15]
    )
    rows = tuple(
        (shift.feature, round(index, 4), shift.most, None if shift.score is None else round(shift.score, 5))
        for shift, index in ranked[:30]
    )
    return (
        Bars(title="Features that moved most", x_label="stability index", bars=bars),
        Table(
            title="What moved, and what it does to the score",
            columns=("feature", "stability index", "share that changed most", "moves the mean score by"),
            rows=rows,
            caption="The last column changes this feature's shares alone and keeps the scores within each bin.",
            folded=True,
        ),
    )
