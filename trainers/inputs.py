"""From what a user passes to arrays that a network reads: checks, shapes, standardization, weights, held-out rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import column_or_1d, validate_data

from trainers.errors import TrainerError, quote_all

Floats = NDArray[np.float64]
IMAGE_NETWORKS = frozenset({"cnn", "resnet"})
LEAST_HELD_OUT = 8
"""With fewer validation rows the held-out loss says next to nothing, so none are held out."""


PIXEL = 255.0
"""Largest value of a byte; ``standardize="pixels"`` divides by it."""


def numbers(
    estimator: object, X: object, *, reset: bool, shape: tuple[int, ...] | None = None
) -> tuple[NDArray[np.number], tuple[int, ...]]:
    """Check numbers of 2, 3 or 4 dimensions as scikit-learn does, and remember or compare their names and width.

    Parameters
    ----------
    estimator : object
    X : array-like
    reset : bool
        Whether to remember names and width.
    shape : tuple of int, optional
        Shape of the rows that the network was fitted on; rows that are flat are taken as such rows.

    Returns
    -------
    values : ndarray of shape (rows, values)
        Bytes stay bytes.
    seen : tuple of int
        Shape of one row as it was passed.

    Raises
    ------
    TrainerError
        If rows differ in length, or have another shape than those of the fit.
    """
    dimensions = getattr(X, "ndim", None)
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X, dimensions = list(X), None
    if dimensions is None and not hasattr(X, "columns") and isinstance(X, list | tuple):
        X = _stack(X)
        dimensions = getattr(X, "ndim", None)
    _refuse_times(X)
    seen: tuple[int, ...] | None = None
    if isinstance(X, np.ndarray) and dimensions is not None and dimensions > 2:
        seen = tuple(int(size) for size in X.shape[1:])
        if shape is not None and seen != shape:
            raise TrainerError(f"X holds rows of shape {seen}; the network was fitted on rows of {shape}")
        X = X.reshape(len(X), -1)
    checked: NDArray[np.number] = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32, np.uint8])
    return checked, seen if seen is not None else checked.shape[1:]


def _refuse_times(X: object) -> None:
    """Refuse columns of times, which stand for no number by themselves."""
    kinds = dict(getattr(X, "dtypes", {})) if hasattr(X, "iloc") else {}
    times = [name for name, kind in kinds.items() if getattr(kind, "kind", "") in "mM"]
    if times:
        raise TrainerError(
            f"X has times in {quote_all(times)}; expected numbers. Put TablePreparation() before the network: "
            "make_pipeline(TablePreparation(), NetworkClassifier())"
        )


def _stack(rows: list[object] | tuple[object, ...]) -> object:
    """Make an array of rows that are sequences or images themselves; rows of several lengths are named."""
    lengths = {len(row) for row in rows if hasattr(row, "__len__") and not isinstance(row, str | bytes)}
    if len(lengths) > 1 and all(hasattr(row, "__len__") for row in rows):
        raise TrainerError(
            f"X holds rows of {len(lengths)} lengths, from {min(lengths)} to {max(lengths)}; expected one. Pad "
            "sequences at the end to the longest (for numbers: np.pad with zeros; token ids: 0 is padding), or cut "
            "them; images are resized (image_folder(size=…))"
        )
    deep = any(
        hasattr(value, "__len__") and not isinstance(value, str | bytes) for row in rows[:1] for value in _of(row)
    )
    return np.asarray(rows) if deep else rows


def _of(row: object) -> list[object]:
    return list(row) if hasattr(row, "__iter__") and not isinstance(row, str | bytes) else []


def token_ids(estimator: object, X: object, *, reset: bool) -> NDArray[np.int64]:
    """Check rows of whole, non-negative token ids.

    Raises
    ------
    TrainerError
        If an id is negative or no whole number.
    """
    checked = validate_data(estimator, X, reset=reset, dtype=np.float64)
    if (checked < 0).any() or (checked != np.floor(checked)).any():
        raise TrainerError("X holds negative or broken token ids; expected whole numbers from 0, where 0 is padding")
    ids: NDArray[np.int64] = checked.astype(np.int64)
    return ids


def row_shape(seen: tuple[int, ...], network: object, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
    """Say in which shape the network reads one row.

    A table (2 dimensions) is read as it is by ``mlp``, and as a sequence of one channel by the others, unless
    `wanted` says otherwise.

    Raises
    ------
    TrainerError
        If the rows do not fill the wanted shape.

    Examples
    --------
    >>> row_shape((24,), "lstm", None), row_shape((64,), "cnn", (1, 8, 8))
    ((24, 1), (1, 8, 8))
    """
    if wanted is None and len(seen) == 3 and network in IMAGE_NETWORKS and seen[2] in {1, 3, 4} and min(seen[:2]) > 4:
        raise TrainerError(
            f"X holds rows of shape {seen}, which look like (height, width, channels); expected (channels, height, "
            "width). Pass np.moveaxis(X, -1, 1), or input_shape if the rows are meant as they are"
        )
    if wanted is not None:
        if int(np.prod(seen)) != int(np.prod(wanted)):
            raise TrainerError(
                f"input_shape is {tuple(wanted)}, which holds {int(np.prod(wanted))} numbers; a row of X holds "
                f"{int(np.prod(seen))}"
            )
        return tuple(int(size) for size in wanted)
    if len(seen) > 3:
        raise TrainerError(f"X has {len(seen) + 1} dimensions; expected 2, 3 or 4")
    if len(seen) == 1 and network != "mlp" and not callable(network):
        return (seen[0], 1)
    return tuple(int(size) for size in seen)


def moments(X: NDArray[np.number], weights: Floats | None) -> tuple[Floats, Floats]:
    """Weighted mean and standard deviation: by column of a table, by channel of sequences and images.

    Parameters
    ----------
    X : ndarray of shape (rows, columns), (rows, steps, channels) or (rows, channels, height, width)
    weights : ndarray of shape (rows,) or None

    Returns
    -------
    center, scale : ndarrays that broadcast against a row
        The scale of what is constant is 1.

    Examples
    --------
    >>> center, scale = moments(np.array([[0.0, 5.0], [2.0, 5.0]]), None)
    >>> center.tolist(), scale.tolist()
    ([1.0, 5.0], [1.0, 1.0])
    """
    if X.dtype == np.uint8:
        X = X.astype(np.float32)
    axes = {2: (0,), 3: (0, 1), 4: (0, 2, 3)}[X.ndim]
    shape = (-1,) + (1,) * (X.ndim - 1)
    share = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    share = share.reshape(shape) / (X[0].size / np.prod([X.shape[a] for a in range(X.ndim) if a not in axes]))
    center = (X * share).sum(axis=axes, keepdims=True, dtype=np.float64)
    variance = ((X - center) ** 2 * share).sum(axis=axes, keepdims=True, dtype=np.float64)
    scale = np.sqrt(variance)
    steady = scale <= 10 * np.finfo(np.float64).eps * np.maximum(np.abs(center), np.finfo(np.float64).tiny)
    scale[steady | (scale == 0)] = 1.0
    return center[0], scale[0]


def standardize(X: NDArray[np.number], center: Floats | None, scale: Floats | None, dtype: str) -> NDArray[np.floating]:
    """Subtract and divide in the precision of `X`, then turn into the network's own."""
    if center is not None and scale is not None:
        X = (X - center) / scale
    return np.ascontiguousarray(X, dtype=dtype)


def scale_ratio(X: NDArray[np.floating]) -> float | None:
    """Largest by smallest standard deviation of the inputs as the network sees them; constants left out.

    Examples
    --------
    >>> scale_ratio(np.array([[0.0, 0.0, 1.0], [1.0, 100.0, 1.0]]))
    100.0
    """
    if X.ndim != 2:
        return None
    spread = X.std(axis=0, dtype=np.float64)
    spread = spread[spread > 1e-12]
    return float(spread.max() / spread.min()) if len(spread) else None


def row_weights(sample_weight: ArrayLike | None, rows: int) -> Floats | None:
    """Check weights: one a row, finite, not negative, not all zero.

    Raises
    ------
    TrainerError
        Says what was seen.

    Examples
    --------
    >>> row_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(rows, float(weights))
    if weights.shape != (rows,):
        raise TrainerError(f"sample_weight has shape {weights.shape}; expected ({rows},), one weight a row")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise TrainerError("sample_weight holds negative, missing or infinite weights; expected numbers of at least 0")
    if not weights.any():
        raise TrainerError("sample_weight is zero for every row; expected at least one weight above 0")
    return weights


def class_weights(class_weight: object, classes: NDArray[np.generic], codes: NDArray[np.int64]) -> Floats | None:
    """One weight a row from ``None``, ``"balanced"`` or a mapping of class to weight.

    Raises
    ------
    TrainerError
        If a class is unknown or a weight is not a number of at least 0.

    Examples
    --------
    >>> class_weights("balanced", np.array(["a", "b"]), np.array([0, 0, 0, 1]))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, minlength=len(classes))
        by_class = len(codes) / (len(classes) * np.maximum(counts, 1))
    elif isinstance(class_weight, Mapping):
        known = list(classes.tolist())
        strange = [name for name in class_weight if name not in known]
        if strange:
            raise TrainerError(f"class_weight names {quote_all(strange)}; the classes are {quote_all(known)}")
        by_class = np.array([float(class_weight.get(name, 1.0)) for name in known])
        if not np.isfinite(by_class).all() or (by_class < 0).any():
            raise TrainerError(f"class_weight is {dict(class_weight)}; expected numbers of at least 0")
    else:
        raise TrainerError(
            f"class_weight is {class_weight!r}; expected None, 'balanced' or a mapping of class to weight"
        )
    weights: Floats = by_class[codes].astype(np.float64)
    return weights


def target(y: object) -> NDArray[np.generic]:
    """Check a target column: one value a row, none missing."""
    if y is None:
        raise TrainerError("requires y to be passed, but the target y is None")
    column: NDArray[np.generic] = column_or_1d(y, warn=True)
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        raise TrainerError("Input y contains NaN or infinity; expected a finite target in every row. Drop those rows")
    if column.dtype.kind == "O" and any(value is None or value != value for value in column):
        raise TrainerError("Input y contains missing values (NaN); expected a target in every row. Drop those rows")
    return column


def held_out(
    rows: int, fraction: float, rng: np.random.Generator, codes: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw validation rows; with `codes`, the same share of every class. Fewer than 8 would say nothing: then none.

    Examples
    --------
    >>> train, validation = held_out(100, 0.2, np.random.default_rng(0), None)
    >>> len(train), len(validation)
    (80, 20)
    """
    everything = np.arange(rows)
    if fraction <= 0 or int(rows * fraction) < LEAST_HELD_OUT:
        return everything, everything[:0]
    chosen = np.zeros(rows, dtype=bool)
    groups = [everything] if codes is None else [np.flatnonzero(codes == code) for code in np.unique(codes)]
    for group in groups:
        count = min(round(len(group) * fraction), len(group) - 1)
        chosen[rng.permutation(group)[:count]] = True
    return everything[~chosen], everything[chosen]
