"""What a fitted model tells of the columns it was taught."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audit.data.columns import label_text
from audit.models.load import Model


def taught_words(model: Model, target: str) -> set[str]:
    """Name columns that the model knows as words, though they may look like numbers in a file.

    Encoders of scikit-learn keep the categories that they saw: where all are words, so must the values be. A target
    whose classes are words such as ``"01"`` is one of words, too.

    Parameters
    ----------
    model : Model
    target : str
        Name of the target column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from audit.models.load import wrap
    >>> frame = pd.DataFrame({"zip": ["01", "02"], "n": [1, 2]})
    >>> sorted(taught_words(wrap(make_pipeline(OneHotEncoder(), DecisionTreeClassifier()).fit(frame, [0, 1])), "y"))
    ['zip']
    """
    names = {name for name, levels in _encode(model.predictor, model.feature_names) if _are_words(levels)}
    classes = model.classes
    if classes is not None and classes.ndim == 1 and any(_is_padded(class_) for class_ in classes.tolist()):
        names.add(target)
    return names


def _is_padded(label: object) -> bool:
    """Tell whether a word would read otherwise as a number, such as ``"01"`` or ``"1.0"``."""
    if not isinstance(label, str):
        return False
    try:
        return label_text(float(label)) != label
    except ValueError:
        return False


def _are_words(levels: object) -> bool:
    present = [
        value for value in np.asarray(levels, dtype=object).ravel().tolist() if value is not None and value == value
    ]
    return bool(present) and all(isinstance(value, str) for value in present)


def _encode(estimator: object, names: object) -> Iterator[tuple[str, object]]:
    """Yield the columns that are encoded as they come from the table, with their categories."""
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list) and steps:
        yield from _encode(steps[0][1], getattr(steps[0][1], "feature_names_in_", names))
        return
    parts = getattr(estimator, "transformers_", None)
    if isinstance(parts, list):
        whole = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
        for part in parts:
            if len(part) == 3 and not isinstance(part[1], str):
                yield from _encode(part[1], _choose(part[2], whole))
        return
    levels = getattr(estimator, "categories_", None)
    columns = [str(name) for name in names] if isinstance(names, list | tuple | np.ndarray) else []
    if isinstance(levels, list) and len(levels) == len(columns):
        yield from zip(columns, levels, strict=True)


def _choose(columns: object, whole: list[str]) -> list[str]:
    """Return names of columns that a ColumnTransformer chose, by name, position or mask."""
    if isinstance(columns, str):
        return [columns]
    if not isinstance(columns, list | tuple | np.ndarray):
        return []
    chosen = list(columns)
    if all(isinstance(value, bool | np.bool_) for value in chosen) and len(chosen) == len(whole):
        return [name for name, kept in zip(whole, chosen, strict=True) if kept]
    if all(isinstance(value, str) for value in chosen):
        return [str(value) for value in chosen]
    if whole and all(isinstance(value, int | np.integer) and -len(whole) <= value < len(whole) for value in chosen):
        return [whole[int(value)] for value in chosen]
    return []
