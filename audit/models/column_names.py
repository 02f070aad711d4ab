"""Which columns of a table a model reads: its names for them, and the table's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from audit.data.dataset import Dataset
from audit.errors import DataError, hint, quote_all

NAMES = ("feature_names_in_", "feature_names_", "feature_name_", "feature_name", "feature_names")
"""Where scikit-learn, CatBoost, LightGBM (two ways) and xgboost keep the names of the columns they were fitted on."""
INSIDE = ("estimator_", "best_estimator_", "estimator", "base_estimator")
PLACE = re.compile(r"(?:Column_|feature_|f|x|V|)(\d+)")
FAITH = "the model does not know its columns by name: their order in the table is assumed to be right"


def known_names(predictor: object) -> tuple[str, ...] | None:
    """Return the names that a model, its first step or the model within it gives its columns.

    Examples
    --------
    >>> class Booster:
    ...     def feature_name(self):
    ...         return ["age", "pay"]
    >>> known_names(Booster())
    ('age', 'pay')
    """
    for layer in _layers(predictor):
        for attribute in NAMES:
            names = _read(layer, attribute)
            if names:
                return names
    return None


def known_count(predictor: object) -> int | None:
    """Return how many columns a model was fitted on; 0 stands for unknown."""
    for layer in _layers(predictor):
        count = _count(layer)
        if count > 0:
            return count
    return None


def _count(value: object) -> int:
    try:
        return int(getattr(value, "n_features_in_", 0) or 0)
    except Exception:  # a property of a stranger's model may raise anything
        return 0


def _layers(predictor: object) -> Iterable[object]:
    """Yield a model, then what reads its rows first: the first step of a pipeline, the estimator within."""
    value: object | None = predictor
    for _ in range(8):
        if value is None:
            return
        yield value
        held = getattr(value, "__dict__", {})
        steps = held.get("steps") if isinstance(held, dict) else None
        if isinstance(steps, list) and steps:
            value = steps[0][1]
            continue
        value = next((held[name] for name in INSIDE if held.get(name) is not None), None)


def _read(value: object, attribute: str) -> tuple[str, ...]:
    if hasattr(value, "vocabulary_") and hasattr(value, "get_feature_names_out"):  # a vectorizer names its outputs
        return ()
    try:
        names = getattr(value, attribute, None)
        if callable(names):
            names = names()
    except Exception:  # not fitted, or a stranger's property
        return ()
    if not isinstance(names, list | tuple | np.ndarray) or not len(names) or np.ndim(np.asarray(names, object)) != 1:
        return ()
    return tuple(str(name) for name in names)


def match(names: Sequence[str] | None, count: int | None, dataset: Dataset) -> tuple[tuple[str, ...] | None, str]:
    """Return the table's columns in the model's order, and what was taken on faith.

    Parameters
    ----------
    names : sequence of str, optional
        The model's own names.
    count : int, optional
        How many columns it reads, where it has no names.
    dataset : Dataset

    Returns
    -------
    tuple of str or None
        ``None`` where nothing is known.
    str
        A note for the record, or ``""``.

    Raises
    ------
    DataError
        If the model's names and the table's do not match one to one.
    """
    if names is None:
        return None, "" if count is None else FAITH
    columns = [str(name) for name in dataset.frame.columns]
    if len(set(names)) == len(names) and not [name for name in names if name not in columns]:
        return tuple(names), ""
    if _are_places(names):
        if len(names) != len(dataset.features):
            raise DataError(
                f"the model reads {len(names)} columns that it calls {quote_all(names, limit=3)}; the table offers "
                f"{len(dataset.features)}: {quote_all(dataset.features)}. Name them in [data] features, in its order."
            )
        return tuple(dataset.features), f"{FAITH} (it calls them {quote_all(names, limit=2)})"
    return _rewrite(names, columns, dataset)


def _are_places(names: Sequence[str]) -> bool:
    """Tell whether names are made from places: Column_0, Column_1 … or f0, f1 …"""
    matches = [PLACE.fullmatch(name) for name in names]
    places = [int(match.group(1)) for match in matches if match is not None]
    return len(places) == len(names) and places in (list(range(len(names))), list(range(1, len(names) + 1)))


def _rewrite(names: Sequence[str], columns: Sequence[str], dataset: Dataset) -> tuple[tuple[str, ...], str]:
    """Match names whose blanks and signs a library replaced, where only one column can be meant."""
    candidates = [column for column in columns if column != dataset.roles.target]
    chosen = []
    for name in names:
        like = [candidate for candidate in candidates if candidate == name] or [
            candidate for candidate in candidates if plain(candidate) == plain(name)
        ]
        if len(like) != 1:
            lacks = (
                f"the table lacks {quote_all([name])}"
                if not like
                else f"{quote_all([name])} may be any of {quote_all(like)}"
            )
            raise DataError(
                f"the model was fitted on {len(names)} features, {quote_all(names)}; {lacks}. "
                f"The table has {quote_all(columns)}." + hint(name, columns)
            )
        chosen += like
    if len(set(chosen)) != len(chosen):
        raise DataError(
            f"the model was fitted on {quote_all(names)}, several of which could be one column of the table: "
            f"{quote_all(sorted({text for text in chosen if chosen.count(text) > 1}))}. Rename the columns alike."
        )
    changed = [f"{name} = {text}" for name, text in zip(names, chosen, strict=True) if name != text]
    return tuple(chosen), f"columns matched although the model spells them differently: {quote_all(changed)}"


def plain(name: str) -> str:
    """Write a name as libraries do that allow letters, digits and underscores alone.

    Examples
    --------
    >>> plain("A cm"), plain("a_cm")
    ('a_cm', 'a_cm')
    """
    return re.sub(r"\W+", "_", name).strip("_").casefold()
