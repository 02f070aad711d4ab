"""Models that are audited, and wrappers that change what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.defects.tables import Table

Array = np.ndarray
Change = Callable[[pd.DataFrame, Array], Array]
"""From rows and answers (scores of all classes, or numbers) to other answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A table and the model that is audited on it."""

    table: Table
    model: Any

    @property
    def X(self) -> pd.DataFrame:  # noqa: N802 -- the field's own name
        """Features of the test rows."""
        return self.table.test[self.table.features]

    @property
    def binary(self) -> bool:
        """Tell whether the task has two classes."""
        return self.table.roles.task == "binary"

    @property
    def classifies(self) -> bool:
        """Tell whether the model answers with classes."""
        return self.table.roles.task != "regression"

    @property
    def y(self) -> Array:
        """Targets of the test rows: places in the model's classes, or numbers."""
        y = self.table.test[self.table.target].to_numpy()
        return np.searchsorted(self.model.classes_, y) if self.classifies else y.astype(np.float64)

    @property
    def positive(self) -> int:
        """Place of the positive class."""
        named = self.table.roles.positive
        return 1 if named is None else int(np.flatnonzero(self.model.classes_ == named)[0])

    def answers(self) -> Array:
        """Return the scores of all classes, or the numbers, for the test rows."""
        return np.asarray(self.model.predict_proba(self.X) if self.classifies else self.model.predict(self.X))

    def altered(self, change: Change, **how: object) -> Subject:
        """Change what the model answers."""
        kind = AlteredClassifier if self.classifies else AlteredRegressor
        return replace(self, model=kind(self.model, change, **how))


class AlteredClassifier:
    """A fitted classifier whose scores are changed, and its labels with them."""

    def __init__(self, fitted: Any, change: Change, labels: Change | None = None) -> None:
        self.fitted, self.change, self.labels = fitted, change, labels
        self.classes_ = fitted.classes_
        self.feature_names_in_ = np.asarray(fitted.feature_names_in_)

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return the changed scores."""
        return self.change(X, np.asarray(self.fitted.predict_proba(X)))

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the class of the highest changed score, or what `labels` makes of it."""
        label = self.classes_[np.nan_to_num(self.predict_proba(X), nan=0.5).argmax(axis=1)]
        return label if self.labels is None else self.labels(X, label)


class AlteredRegressor:
    """A fitted regressor whose numbers are changed."""

    def __init__(self, fitted: Any, change: Change) -> None:
        self.fitted, self.change = fitted, change
        self.feature_names_in_ = np.asarray(fitted.feature_names_in_)

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the changed numbers."""
        return self.change(X, np.asarray(self.fitted.predict(X)))


class Oracle:
    """Memorizes the answers of both splits, and errs on a share of all rows alike."""

    def __init__(self, table: Table, error: float) -> None:
        self.error, self.names, self.number = error, table.features, table.roles.task == "regression"
        rows = pd.concat([table.train, table.test])
        codes, y = codes_of(rows[self.names]), rows[table.target].to_numpy()
        self.known, first = np.unique(codes, return_index=True)
        if self.number:
            self.truth, self.spread = y[first].astype(np.float64), float(np.std(y.astype(np.float64)))
        else:
            self.classes_, places = np.unique(y, return_inverse=True)
            self.truth = places[first]
        self.feature_names_in_ = np.asarray(self.names)

    def _truth(self, X: pd.DataFrame) -> Array:
        return self.truth[np.searchsorted(self.known, codes_of(X[self.names])).clip(0, len(self.known) - 1)]

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return 0.9 for the class it answers."""
        k = len(self.classes_)
        wrong = draw(X, "oracle") < self.error
        label = np.where(wrong, (self._truth(X) + 1) % k, self._truth(X))
        return np.where(np.arange(k) == label[:, None], 0.9, 0.1 / (k - 1))

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the label, or the number give or take `error` standard deviations."""
        if self.number:
            noise = np.sqrt(-2 * np.log(draw(X, "a") + 1e-12)) * np.cos(2 * np.pi * draw(X, "b"))
            return self._truth(X) + self.error * self.spread * noise
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def codes_of(X: pd.DataFrame) -> Array:
    """Return a number for each row that depends on what stands in it alone."""
    kept = {
        str(name): X[name].to_numpy(dtype=np.float64, na_value=np.nan)
        if pd.api.types.is_numeric_dtype(X[name].dtype)
        else X[name].astype(str).to_numpy()
        for name in X.columns
    }
    return pd.util.hash_pandas_object(pd.DataFrame(kept), index=False).to_numpy()


def draw(X: pd.DataFrame, salt: str) -> Array:
    """Return a number in [0, 1) for each row, as good as random, the same whenever the row is asked for."""
    own = np.uint64(pd.util.hash_array(np.array([salt], dtype=object))[0])
    mixed = codes_of(X) ^ own
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def until(measure: Callable[[float], float], target: float, high: float = 1.0) -> float | None:
    """Return the strength at which a measure that grows reaches `target`; ``None`` if it never does."""
    if measure(high) < target:
        return None
    low = 0.0
    for _ in range(25):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(middle) < target else (low, middle)
    return high


def words(table: Table) -> list[str]:
    """Name the features that are not numbers."""
    return [name for name in table.features if not pd.api.types.is_numeric_dtype(table.train[name])]


def boosting(table: Table) -> Pipeline:
    """Fit small boosting over ordinal codes."""
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), words(table)),
        remainder="passthrough",
    )
    kind = HistGradientBoostingRegressor if table.roles.task == "regression" else HistGradientBoostingClassifier
    return fitted(make_pipeline(encode, kind(max_iter=40, random_state=0)), table)


def linear(table: Table) -> Pipeline:
    """Fit a linear model over standardized numbers and one-hot categories; texts as weighted words."""
    if table.modality == "image":
        encode = make_pipeline(PCA(40, random_state=0))
    elif table.modality == "text":
        encode = make_column_transformer((TfidfVectorizer(), table.features[0]))
    else:
        numbers = [name for name in table.features if name not in words(table)]
        encode = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore", min_frequency=10), words(table)),
        )
    last = Ridge() if table.roles.task == "regression" else LogisticRegression(C=0.1, max_iter=300)
    return fitted(make_pipeline(encode, last), table)


def fitted(model: Any, table: Table) -> Any:
    """Fit on the training rows."""
    return model.fit(table.train[table.features], table.train[table.target])
