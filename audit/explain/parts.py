"""Rows made of parts that can be taken away: words of a text, patches of an image, steps of a series.

A part is present or absent, so a row is a vector of ones and its explanation that of a function of such
vectors. The same estimators serve: permutations for Shapley values, weighted regression for LIME.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audit.explain.encoding import FloatArray, Score
from audit.explain.exact import exact_shapley
from audit.explain.lime_tabular import local_model
from audit.explain.permutation import BATCH, permutation_shapley

FEW = 8


class PartsExplained(NamedTuple):
    """Two explanations of one row by its parts."""

    shap: FloatArray
    """Shape (parts,)."""
    lime: FloatArray
    """Shape (parts,)."""
    fit: float
    """Weighted R² of LIME's local model."""
    base: float
    """Output with every part taken away."""
    output: float


def explain_parts(
    score: Score,
    parts: int,
    *,
    generator: np.random.Generator,
    pairs: int = 20,
    samples: int = 1000,
    kernel: float = 0.25,
    coins: bool = False,
) -> PartsExplained:
    """Explain a row by which of its parts are present.

    Parameters
    ----------
    score : callable
        Maps presences of shape (m, parts), ones and zeros, to outputs of shape (m,).
    parts : int
        Number of parts, at least 1.
    generator : numpy.random.Generator
    pairs : int
        Effort, as in :func:`audit.explain.permutation.permutation_shapley`; up to 8 parts are enumerated instead.
    samples : int
        Samples of LIME.
    kernel : float
        Width of LIME's exponential kernel on the cosine distance (the package's defaults: 0.25 for images
        and, on distances times 100, 25 for texts).
    coins : bool
        Draw LIME's samples as the package does for images rather than for texts.

    References
    ----------
    Ribeiro, Singh and Guestrin 2016; Lundberg and Lee 2017.

    Examples
    --------
    >>> found = explain_parts(lambda Z: 2 * Z[:, 0] - Z[:, 1], 2, generator=np.random.default_rng(0))
    >>> found.shap.tolist(), found.base, found.output
    ([2.0, -1.0], 0.0, 1.0)
    """
    whole, empty = np.ones((1, parts)), np.zeros((1, parts))
    if parts <= FEW:
        attribution = exact_shapley(score, whole, empty)
    else:
        attribution = permutation_shapley(score, whole, empty, generator=generator, pairs=pairs)
    masks = sample_masks(parts, samples, generator, coins=coins)
    answers = np.concatenate([score(masks[start : start + BATCH]) for start in range(0, samples, BATCH)])
    near = 1 - np.sqrt(masks.sum(axis=1) / parts)
    lime, _, fit = local_model(masks, answers, np.sqrt(np.exp(-(near**2) / kernel**2)))
    return PartsExplained(attribution.values[0], lime, fit, attribution.base, float(attribution.output[0]))


def sample_masks(parts: int, samples: int, generator: np.random.Generator, *, coins: bool = False) -> FloatArray:
    """Draw presences as the ``lime`` package does: of texts how many to take away, then which; of images by coins.

    The first sample is the whole row.

    Examples
    --------
    >>> sample_masks(3, 4, np.random.default_rng(0))[0].tolist()
    [1.0, 1.0, 1.0]
    """
    if coins:
        return np.vstack([np.ones((1, parts)), generator.integers(0, 2, size=(samples - 1, parts))])
    gone = generator.integers(1, parts + 1, size=samples)
    gone[0] = 0
    ranks = np.argsort(np.argsort(generator.random((samples, parts)), axis=1), axis=1)
    return np.asarray(ranks >= gone[:, None], dtype=np.float64)
