"""Numbers measured a little otherwise: the same rows with noise on all numeric features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit.errors import NotApplicable
from audit.evidence import Perturbed
from audit.gather._perturbed import EVALUATIONS, Positions, Variant, ask_variants, sample

if TYPE_CHECKING:
    from audit.gather import Context

WIDE = 1000
"""Of more columns, all numbers, none is looked at by itself: an image stays one array."""
MOST_SORTED = 1000
"""Rows on which the distinct values of so many columns are counted."""


def gather(
    context: Context,
    *,
    rows: int = 10_000,
    sizes: Sequence[float] = (0.05, 0.1, 0.3),
    distinct: int = 12,
    evaluations: int = EVALUATIONS,
) -> Perturbed:
    """Add normal noise to every numeric feature that has more than a few values.

    Parameters
    ----------
    context : Context
    rows : int
        Test rows at most.
    sizes : sequence of float
        Standard deviations of the noise, in those of the feature over the training rows.
    distinct : int
        Features with no more distinct values than this are codes or counts, and stay as they are.
    evaluations : int
        Rows that the model may be asked for; fewer where it is large.

    Raises
    ------
    NotApplicable
        If no numeric feature has enough values.
    """
    context.require_model()
    dataset = context.dataset
    spreads = spreads_of(context, distinct)
    if not spreads:
        raise NotApplicable(f"needs a numeric feature with more than {distinct} distinct values; none has so many")
    base, notes = sample(context, rows, "noise")
    X = dataset.inputs(base)
    notes = (*notes, f"noise on {len(spreads)} of {len(dataset.features)} features")
    return ask_variants(
        context,
        base,
        _variants(context, X, base, spreads, sizes),
        what="adding noise",
        evaluations=evaluations,
        notes=notes,
    )


def spreads_of(context: Context, distinct: int = 12) -> dict[str, float]:
    """Return the standard deviation of every numeric feature with more than a few values, over the training rows."""
    dataset = context.dataset
    known = dataset.rows("train" if dataset.has("train") else "test")
    if len(dataset.features) > WIDE and set(dataset.kinds().values()) == {"numeric"}:
        return _spreads_at_once(dataset.inputs(known), distinct)
    return {
        name: spread
        for name, kind in dataset.kinds().items()
        if kind == "numeric" and (spread := spread_of(dataset.frame[name].take(known), distinct)) > 0
    }


def _spreads_at_once(X: pd.DataFrame, distinct: int) -> dict[str, float]:
    """Do the same for very many columns, as an image has."""
    values = X.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    ordered = np.sort(values[:MOST_SORTED], axis=0)  # what is missing stands last
    steps = (np.diff(ordered, axis=0) > 0).sum(axis=0) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a number has no spread
        spread = np.where(steps > distinct, np.nanstd(values, axis=0), 0.0)
    return {str(name): float(value) for name, value in zip(X.columns, spread, strict=True) if value > 0}


def spread_of(column: pd.Series, distinct: int) -> float:
    """Return the standard deviation of the finite values, or 0 where there are few distinct ones."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    if len(np.unique(values[:10_000])) <= distinct and len(np.unique(values)) <= distinct:
        return 0.0
    return float(values.std())


def _variants(
    context: Context, X: pd.DataFrame, base: Positions, spreads: dict[str, float], sizes: Sequence[float]
) -> Iterator[Variant]:
    for size in sizes:
        yield Variant(f"noise of {size:g} sd", partial(_noisy, context, X, spreads, size), base)


def _noisy(context: Context, X: pd.DataFrame, spreads: dict[str, float], size: float) -> pd.DataFrame:
    generator = context.generator(f"noise {size:g}")
    if len(spreads) > WIDE:
        plain = X.to_numpy(dtype=np.float64, na_value=np.nan)
        width = np.array([size * spreads.get(str(name), 0.0) for name in X.columns])
        return pd.DataFrame(plain + width * generator.standard_normal(plain.shape), columns=X.columns)
    changed = {}
    for name, spread in spreads.items():
        values = X[name].to_numpy(dtype=np.float64, na_value=np.nan)
        noisy = values + generator.normal(0.0, size * spread, len(values))
        single = X[name].dtype == np.float32
        changed[name] = noisy.astype(np.float32) if single else noisy
    return X.assign(**changed)
