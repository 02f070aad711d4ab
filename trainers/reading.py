"""Turn what a user passes into rows in the shape that the network reads: numbers, token ids or texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers import inputs, text
from trainers.errors import TrainerError
from trainers.parameters import Parameters


def rows(estimator: Parameters, X: object, *, reset: bool) -> NDArray[Any]:
    """Check rows and give them their shape; with `reset` learn the shape, the vocabulary and the names.

    Raises
    ------
    TrainerError
        If the rows are not those that the network was fitted on.
    """
    if estimator.tokens in {"word", "character"}:
        return _texts(estimator, X, reset=reset)
    if estimator.tokens == "ids":
        return _ids(estimator, X, reset=reset)
    known = None if reset else estimator.input_shape_
    values, seen = inputs.numbers(estimator, X, reset=reset, shape=known if estimator.input_shape is None else None)
    if known is not None and values.shape[1] == int(np.prod(known)):
        return values.reshape(len(values), *known)
    shape = inputs.row_shape(seen, estimator.network, estimator.input_shape)
    if reset:
        learn(estimator, shape, None, 0)
    elif shape != estimator.input_shape_:
        raise TrainerError(f"X holds rows of shape {shape}; the network was fitted on rows of {estimator.input_shape_}")
    return values.reshape(len(values), *shape)


def learn(estimator: Parameters, shape: tuple[int, ...], words: tuple[str, ...] | None, tokens: int) -> None:
    """Keep how rows are read."""
    estimator.input_shape_, estimator.vocabulary_, estimator.token_count_ = shape, words, tokens


def _ids(estimator: Parameters, X: object, *, reset: bool) -> NDArray[np.int64]:
    ids = inputs.token_ids(estimator, X, reset=reset)
    if reset:
        borrowed = getattr(estimator, "_borrowed", None)
        count = max(int(ids.max()) + 1, text.FIRST) if borrowed is None else borrowed.token_count
        learn(estimator, (ids.shape[1],), None, count)
    return np.where(ids < estimator.token_count_, ids, text.UNKNOWN)


def _texts(estimator: Parameters, X: object, *, reset: bool) -> NDArray[np.int64]:
    texts, name = text.values(X)
    level = str(estimator.tokens)
    if reset:
        borrowed = getattr(estimator, "_borrowed", None)
        words = borrowed.vocabulary if borrowed is not None else None
        words = text.vocabulary(texts, level, int(estimator.vocabulary_size)) if words is None else words
        learn(estimator, (int(estimator.max_length),), words, len(words) + text.FIRST)
        estimator.n_features_in_ = 1
        if name is None:
            estimator.__dict__.pop("feature_names_in_", None)
        else:
            estimator.feature_names_in_ = np.array([name], dtype=object)
    elif name is not None and hasattr(estimator, "feature_names_in_") and name != estimator.feature_names_in_[0]:
        raise TrainerError(f"X has the column {name!r}; the network was fitted on {estimator.feature_names_in_[0]!r}")
    return text.encode(texts, estimator.vocabulary_ or (), level, estimator.input_shape_[0])
