"""Plain scikit-learn recipes that a model is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from audit.data.columns import column_kind, label_texts
from reports.record import Task

Array = npt.NDArray[np.generic]
MOST_LEVELS = 50
WIDE, WIDER = 1000, 2
"""Beyond so many columns, and so many by rows, a linear model learns from coordinates of the rows."""
BOOSTED_CELLS = 4e6
"""Rows × columns × classes up to which boosting is tried; beyond, trees grown at random are far quicker."""


def numbers_of(X: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return numbers, dates and flags as float64; infinite values count as missing."""
    if _same_numbers(X):
        values = X.to_numpy(dtype=np.float64, copy=True)
    else:
        values = np.column_stack([as_numbers(X.iloc[:, place]) for place in range(X.shape[1])])
    values[~np.isfinite(values)] = np.nan
    return values


def _same_numbers(X: pd.DataFrame) -> bool:
    """Tell whether all columns are plain numbers of one type, as the pixels of images are."""
    types = set(X.dtypes)
    return len(types) == 1 and isinstance(only := types.pop(), np.dtype) and only.kind in "iuf"


def words_of(X: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return any values as text, missing ones as a level of their own."""
    values = np.stack([label_texts(X.iloc[:, place]) for place in range(X.shape[1])], axis=1)
    return np.where(pd.isna(values), "(missing)", values).astype(object)


def texts_of(X: pd.DataFrame) -> list[str]:
    """Return one column of texts as a list."""
    return ["" if text is None else str(text) for text in label_texts(X.iloc[:, 0])]


def as_numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return a numeric, boolean or date column as float64.

    Examples
    --------
    >>> as_numbers(pd.Series([True, False])).tolist()
    [1.0, 0.0]
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        numbers = column.to_numpy(dtype="datetime64[s]").astype(np.int64).astype(np.float64)
        numbers[column.isna().to_numpy()] = np.nan
        return numbers
    return np.asarray(column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))


def kinds(X: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Sort columns into numbers, categories and texts; columns without any value are in none."""
    numbers: list[str] = []
    categories: list[str] = []
    texts: list[str] = []
    if _same_numbers(X):
        return [str(name) for name in X.columns[np.flatnonzero(X.notna().to_numpy().any(axis=0))]], [], []
    for name in X.columns:
        if not X[name].notna().any():
            continue
        kind = column_kind(X[name])
        (categories if kind == "categorical" else texts if kind == "text" else numbers).append(name)
    return numbers, categories, texts


def _columns(X: pd.DataFrame, *, linear: bool) -> ColumnTransformer:
    numbers, categories, texts = kinds(X)
    steps: list[tuple[str, Pipeline | TfidfVectorizer, Sequence[str] | slice]] = []
    if numbers:
        scaled: tuple[BaseEstimator, ...] = (SimpleImputer(), StandardScaler()) if linear else ()
        if linear and len(numbers) > max(WIDE, WIDER * len(X)):
            # A ridge penalty does not see a rotation, and there are no more directions than rows.
            scaled = (*scaled, PCA(svd_solver="full"))
        # Every name is looked for among all of them, which takes minutes where they are tens of thousands.
        chosen = slice(0, len(numbers)) if len(numbers) == X.shape[1] else numbers
        steps.append(("numbers", make_pipeline(FunctionTransformer(numbers_of), *scaled), chosen))
    if categories:
        steps.append(("categories", make_pipeline(FunctionTransformer(words_of), _encoder(linear)), categories))
    for place, name in enumerate(texts):
        vectors = TfidfVectorizer(max_features=20_000 if linear else 300, sublinear_tf=True)
        steps.append((f"text {place}", make_pipeline(FunctionTransformer(texts_of), vectors), [name]))
    if not steps:
        raise ValueError("no column holds any value")
    return ColumnTransformer(steps, sparse_threshold=1.0 if linear else 0.0)


def _encoder(linear: bool) -> OneHotEncoder | OrdinalEncoder:
    if linear:
        return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS)
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, max_categories=MOST_LEVELS)


def linear_rival(X: pd.DataFrame, y: Array, task: Task, weight: npt.NDArray[np.float64] | None) -> tuple[Pipeline, str]:
    """Fit a linear model: standardized numbers, one-hot categories, default ridge penalty."""
    last = Ridge() if task == "regression" else LogisticRegression(max_iter=300)
    model = Pipeline([("columns", _columns(X, linear=True)), ("last", last)])
    return _fit(model, X, y, weight), f"{type(last).__name__} with default penalty"


def strong_rivals(
    X: pd.DataFrame, y: Array, task: Task, weight: npt.NDArray[np.float64] | None, seed: int
) -> tuple[Pipeline, str]:
    """Fit the strongest of a few common models, chosen on a fifth of the rows."""
    options = _strong(X, y, task, seed)
    if len(options) == 1 or len(y) < 50:
        name, model = next(iter(options.items()))
        return _fit(model, X, y, weight), name
    strata = y if task != "regression" and np.unique(y, return_counts=True)[1].min() >= 5 else None
    kept, held = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed, stratify=strata)
    losses = {}
    for name, model in options.items():
        _fit(model, X.take(kept), y[kept], None if weight is None else weight[kept])
        losses[name] = _loss(model, X.take(held), y[held], task)
    best = min(losses, key=losses.__getitem__)
    return _fit(options[best], X, y, weight), f"{best}, the better of {', '.join(options)} on a fifth of the rows"


def _strong(X: pd.DataFrame, y: Array, task: Task, seed: int) -> dict[str, Pipeline]:
    """Return the recipes that these rows can afford."""
    numbers, categories, texts = kinds(X)
    regression = task == "regression"
    if texts:
        linear = Ridge() if regression else LogisticRegression(C=10.0, max_iter=300)
        return {"linear model on words": Pipeline([("columns", _columns(X, linear=True)), ("last", linear)])}
    classes = 1 if regression else max(1, len(np.unique(y)) - 1)
    cells = len(y) * (len(numbers) + len(categories)) * classes
    fields: dict[str, BaseEstimator] = {}
    if cells <= BOOSTED_CELLS:
        boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        fields["gradient boosting"] = boosting(random_state=seed)
    if len(y) <= 5000 or not fields:
        trees = ExtraTreesRegressor if regression else ExtraTreesClassifier
        fields["extra trees"] = make_pipeline(SimpleImputer(), trees(100, min_samples_leaf=2, random_state=seed))
    return {name: Pipeline([("columns", _columns(X, linear=False)), ("last", last)]) for name, last in fields.items()}


def _fit(model: Pipeline, X: pd.DataFrame, y: Array, weight: npt.NDArray[np.float64] | None) -> Pipeline:
    import warnings

    given = {}
    if weight is not None:
        last = model.steps[-1][1]
        inner = f"{last.steps[-1][0]}__" if isinstance(last, Pipeline) else ""
        given = {f"last__{inner}sample_weight": weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rival that has not converged is a weaker rival, no fault of the model's
        return model.fit(X, y, **given)


def _loss(model: Pipeline, X: pd.DataFrame, y: Array, task: Task) -> float:
    if task == "regression":
        return float(mean_squared_error(y.astype(np.float64), model.predict(X)))
    present = np.isin(y, model.classes_)
    return float(log_loss(y[present], model.predict_proba(X)[present], labels=model.classes_))
