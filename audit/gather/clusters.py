"""Clusters of texts and images, so that slices can be searched where rows have no columns to name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import column_kind, label_texts
from audit.data.factor import Factor
from audit.errors import ConfigError, NotApplicable
from audit.gather.corrupted import form_of
from audit.models.threads import thread_limit

if TYPE_CHECKING:
    from audit.gather import Context

DIMENSIONS = 20


def gather(
    context: Context, *, clusters: int = 10, modality: str = "auto", shape: tuple[int, ...] = ()
) -> Mapping[str, Factor]:
    """Cluster the test rows' texts, and their images, by k-means in a few dimensions.

    Parameters
    ----------
    context : Context
    clusters : int
        Clusters of each column of texts, or of images.
    modality, shape
        As for ``corrupted``.

    Returns
    -------
    mapping of str to Factor
        Cluster of each test row: texts are named by the words that set them apart, images by number.

    Raises
    ------
    NotApplicable
        If there are neither texts nor images, or too few rows.
    """
    dataset = context.dataset
    rows = dataset.rows("test")
    if len(rows) < 10 * clusters:
        raise NotApplicable(f"{len(rows)} test rows are too few to form {clusters} clusters")
    seed = int(context.generator("clusters").integers(2**31))
    factors: dict[str, Factor] = {}
    for name in dataset.features:
        column = dataset.frame[name].take(rows)
        if column_kind(column) == "text":
            factors[f"{name} about"] = _texts(column, clusters, seed)
    if not factors and _are_images(context, modality, shape):
        factors["image cluster"] = _images(dataset.inputs(rows).to_numpy(dtype=np.float64), clusters, seed)
    if not factors:
        raise NotApplicable(
            'applies to texts and images only; state [data] modality = "image" and shape if the rows are images'
        )
    return factors


def _are_images(context: Context, modality: str, shape: tuple[int, ...]) -> bool:
    if context.model is None:
        return False
    try:
        return form_of(context, modality, tuple(shape)).modality == "image"
    except (NotApplicable, ConfigError):
        return False


def _texts(column: pd.Series, clusters: int, seed: int) -> Factor:
    """Cluster texts by their words, and name each cluster by the words that are commonest in it."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["" if text is None else str(text) for text in label_texts(column)]
    words = TfidfVectorizer(max_features=5000, min_df=2, max_df=0.5, sublinear_tf=True, stop_words="english")
    try:
        matrix = words.fit_transform(texts)
    except ValueError as error:
        raise NotApplicable(f"the texts have no words in common: {error}") from error
    size = min(DIMENSIONS, matrix.shape[1] - 1)
    if size < 1:
        raise NotApplicable("the texts have too few words in common")
    codes = _cluster(TruncatedSVD(size, random_state=seed).fit_transform(matrix), clusters, seed)
    known = words.get_feature_names_out()
    overall = np.asarray(matrix.mean(axis=0)).ravel()
    levels = []
    for code in range(int(codes.max()) + 1):
        apart = np.asarray(matrix[codes == code].mean(axis=0)).ravel() - overall
        levels.append(", ".join(str(known[place]) for place in np.argsort(-apart)[:3]))
    unique = [f"{level} ({code + 1})" if levels.count(level) > 1 else level for code, level in enumerate(levels)]
    return Factor(codes=codes, levels=tuple(unique))


def _images(pixels: npt.NDArray[np.float64], clusters: int, seed: int) -> Factor:
    from sklearn.decomposition import PCA

    pixels = np.nan_to_num(pixels)
    size = min(DIMENSIONS, *pixels.shape)
    codes = _cluster(PCA(size, random_state=seed).fit_transform(pixels), clusters, seed)
    return Factor(codes=codes, levels=tuple(f"{code + 1} of {codes.max() + 1}" for code in range(int(codes.max()) + 1)))


def _cluster(points: npt.NDArray[np.float64], clusters: int, seed: int) -> npt.NDArray[np.int32]:
    """Return k-means clusters, numbered from 0 by size, so that the largest comes first."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(points.round(9), axis=0))
    with thread_limit(1):
        codes = KMeans(min(clusters, distinct), n_init=1, random_state=seed).fit_predict(points)
    order = np.argsort(-np.bincount(codes), kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    numbered: npt.NDArray[np.int32] = place[codes]
    return numbered
