"""Can a classifier tell training rows from test rows?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.evidence import Reading, Separation
from audit.evidence.requirements import require_evidence
from audit.models.threads import thread_limit
from audit.statistics.ranking import roc_auc
from audit.statistics.variance import Linear, cluster_codes, variance
from audit.tabular.single_feature import area_interval, folds_of, numbers

if TYPE_CHECKING:
    from audit.gather import Context

FloatArray = npt.NDArray[np.float64]
FOLDS = 3
READ = 300
"""Of wider tables the classifier reads so many features, chosen on the rows it is fitted on."""
LEAST = 10


def gather(context: Context, *, rows: int = 10_000, cells: int = 4_000_000, trees: int = 40) -> Separation:
    """Fit a small boosting classifier of the split on two thirds of the rows, and score the rest; three times.

    Parameters
    ----------
    context : Context
    rows : int
        Rows of each split at most, drawn at random.
    cells : int
        Rows times columns at most; wide tables are given fewer rows.
    trees : int
        Trees of the classifier.

    Raises
    ------
    NotApplicable
        If there is no training table, no feature, or fewer than ten rows in a split.
    """
    dataset = context.dataset
    require_evidence("train", "features", dataset=dataset)
    generator = context.generator("separation")
    chosen, notes = _sample(dataset, rows, cells, generator)
    is_test = dataset.split.mask("test")[chosen]
    if min(int(is_test.sum()), int((~is_test).sum())) < LEAST:
        raise NotApplicable(f"needs at least {LEAST} training rows and {LEAST} test rows")
    X = _matrix(dataset, chosen)
    cluster = None if dataset.cluster is None else dataset.cluster.take(chosen)
    weight = None if dataset.weight is None else dataset.weight[chosen]
    fold = folds_of(len(chosen), generator, FOLDS, cluster=cluster)
    areas, drops, spreads = [], [], []
    for k in range(FOLDS):
        context.progress("distinguishing test from training rows", k, FOLDS)
        held_out, drop = _fold(X, is_test, weight, fold != k, trees, generator)
        held = fold == k
        mass = None if weight is None else weight[held]
        areas.append(held_out.value)
        spreads.append(variance(held_out.influence, mass, None if cluster is None else cluster.take(held)))
        drops.append(drop)
    context.progress("distinguishing test from training rows", FOLDS, FOLDS)
    value = float(np.mean(areas))
    units = np.arange(len(chosen)) if cluster is None else cluster_codes(cluster)
    positives, negatives = (float(len(np.unique(units[side]))) for side in (is_test, ~is_test))
    spread, degrees = (
        sum(spread.value for spread in spreads) / FOLDS**2,
        max(sum(spread.degrees for spread in spreads), 1.0),
    )
    area = area_interval(value, spread, positives, negatives, context.settings.level, degrees=degrees)
    mean_drop = np.mean(drops, axis=0)
    order = [int(place) for place in np.argsort(-mean_drop, kind="stable")[:20] if mean_drop[place] > 0]
    return Separation(
        auc=Reading(value=area.value, low=area.low, high=area.high, n=len(chosen), method="delong, held out"),
        by_feature=tuple((dataset.features[place], float(mean_drop[place])) for place in order),
        notes=(*notes, *_tell(len(dataset.features))),
    )


def _tell(features: int) -> tuple[str, ...]:
    if features <= READ:
        return ()
    return (f"of {features:,} features the {READ} that differ most in the fitted rows were read",)


def _sample(
    dataset: Dataset, rows: int, cells: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    most = max(LEAST * 2, min(rows, cells // (2 * len(dataset.features))))
    parts, notes = [], []
    for split in ("train", "test"):
        own = dataset.rows(split)
        if len(own) > most:
            notes.append(f"{most:,} of {len(own):,} {split} rows were drawn at random")
            own = np.sort(generator.choice(own, most, replace=False))
        parts.append(own)
    return np.concatenate(parts), tuple(notes)


def _matrix(dataset: Dataset, rows: npt.NDArray[np.intp]) -> FloatArray:
    """Write numbers as they are and categories as ranks of their frequency; missing stays missing."""
    import pandas as pd

    columns = []
    for name, kind in dataset.kinds().items():
        column = dataset.frame[name].take(rows)
        if kind in ("numeric", "datetime"):
            values = numbers(column)
            columns.append(np.clip(values, -1e300, 1e300))
            continue
        texts = column.astype(object).map(repr).where(column.notna(), None)
        if kind == "text":
            columns.append(np.asarray(texts.str.len().to_numpy(dtype=np.float64, na_value=np.nan)))
            continue
        order = pd.Series(texts.value_counts().sort_index().sort_values(ascending=False, kind="stable").index)
        codes = pd.Index(order).get_indexer(pd.Index(texts)).astype(np.float64)
        columns.append(np.asarray(np.where(texts.isna().to_numpy(), np.nan, codes)))
    return np.stack([np.zeros(len(rows)) if np.isnan(column).all() else column for column in columns], axis=1)


def _fold(
    X: FloatArray,
    is_test: npt.NDArray[np.bool_],
    weight: FloatArray | None,
    fit: npt.NDArray[np.bool_],
    trees: int,
    generator: np.random.Generator,
) -> tuple[Linear, FloatArray]:
    """Return the held-out AUC, and how much it falls when a feature is shuffled."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    held = ~fit
    drop = np.zeros(X.shape[1])
    if len(np.unique(is_test[fit])) < 2 or len(np.unique(is_test[held])) < 2:
        return Linear(0.5, np.where(is_test[held], 1.0, -1.0) * math.sqrt(int(held.sum()) / 12)), drop
    classifier = HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=15, learning_rate=0.1, min_samples_leaf=20, random_state=0, early_stopping=False
    )
    read = _most_different(X[fit], is_test[fit])
    X = X[:, read]
    with thread_limit(1):
        classifier.fit(X[fit], is_test[fit], sample_weight=None if weight is None else weight[fit])
        mass = None if weight is None else weight[held]
        score = classifier.decision_function(X[held])
        linear = roc_auc(is_test[held], score, mass)
        for place in _used(classifier, X.shape[1])[:12]:
            shuffled = X[held].copy()
            shuffled[:, place] = generator.permutation(shuffled[:, place])
            drop[read[place]] = (
                linear.value - roc_auc(is_test[held], classifier.decision_function(shuffled), mass).value
            )
    return linear, drop


def _most_different(X: FloatArray, is_test: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return all features of a usual table, of a wide one those whose means or missing shares differ most."""
    if X.shape[1] <= READ:
        return np.arange(X.shape[1])
    known = ~np.isnan(X)
    values = np.where(known, X, 0.0)
    center = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    values = np.where(known, np.clip(X, -1e100, 1e100) - np.clip(center, -1e100, 1e100), 0.0)
    spread = np.sqrt((values**2).mean(axis=0))
    means = values[is_test].mean(axis=0) - values[~is_test].mean(axis=0)
    holes = known[is_test].mean(axis=0) - known[~is_test].mean(axis=0)
    distance = np.abs(means) / np.where(spread > 0, spread, np.inf) + np.abs(holes)
    return np.sort(np.argsort(-distance, kind="stable")[:READ])


def _used(classifier: object, features: int) -> list[int]:
    """Return features by the gain of their splits, those without any left out."""
    gain = np.zeros(features)
    for iteration in classifier._predictors:  # type: ignore[attr-defined]
        for tree in iteration:
            inner = tree.nodes[~tree.nodes["is_leaf"].astype(bool)]
            np.add.at(gain, inner["feature_idx"].astype(int), np.maximum(inner["gain"], 0))
    return [int(place) for place in np.argsort(-gain, kind="stable") if gain[place] > 0]
