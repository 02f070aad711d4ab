"""Prepare a table for a network: fill, clip, scale, one-hot; one transformer, plain state, first step of a pipeline."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from trainers.errors import TrainerError, hint, quote_all

if TYPE_CHECKING:
    import pandas as pd

MISSING = "(missing)"
OTHER = "(other)"
LEARNED = ("fill", "low", "high", "center", "scale", "missing", "date")
"""What is known of a column of numbers; ``date`` says that it is days since 1970."""


@dataclass(kw_only=True, eq=False, repr=False)
class TablePreparation(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Impute, clip outliers, scale, and one-hot encode the columns of a table.

    Numbers, and times as days since 1970: a missing value becomes the median, with a column that says so where
    training missed any; values are clipped to quantiles of training; then standardized. Everything else is a
    category: one column each, most frequent first; missing is a category of its own, and what training never saw, or
    too rarely, is ``(other)``.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (columns,)
    numeric_ : tuple of str
    categories_ : dict of column to tuple of levels

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [20, 30, None, 40], "sex": ["f", "m", "f", "f"]})
    >>> TablePreparation().fit(table).get_feature_names_out().tolist()
    ['age', 'age=(missing)', 'sex=f', 'sex=m', 'sex=(other)']
    """

    clip: float = 0.005
    """Share of the training values at either end that is pulled to the quantile there; 0 clips nothing."""
    min_count: int = 1
    """Levels with fewer training rows are merged into ``(other)``."""
    max_levels: int = 100
    """Most levels of a column; rarer ones are merged."""

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ANN401, ARG002 -- frames of pandas have no common type here
        """Learn medians, quantiles, scales and levels from training rows.

        Raises
        ------
        TrainerError
            If the table is empty, has a column twice, or holds infinite numbers.
        """
        table = _frame(X)
        if not len(table) or not len(table.columns):
            raise TrainerError(f"the table has shape {table.shape}; expected at least one row and one column")
        names = [str(name) for name in table.columns]
        if len(set(names)) < len(names):
            raise TrainerError("the table has columns of the same name; expected every name once")
        self.feature_names_in_, self.n_features_in_ = np.array(names, dtype=object), len(names)
        self.numeric_ = tuple(
            name
            for name, column in zip(names, table.columns, strict=True)
            if _is_number(table[column]) or _is_date(table[column])
        )
        self.numbers_ = {name: self._learn_number(name, table) for name in self.numeric_}
        self.categories_ = {name: self._learn_levels(table[name]) for name in names if name not in self.numeric_}
        return self

    def _learn_number(self, name: str, table: pd.DataFrame) -> dict[str, float]:
        date = float(_is_date(table[name]))
        values = _days(table[name]) if date else table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise TrainerError(f"column {name!r} holds infinite numbers; expected finite or missing ones")
        present = values[~np.isnan(values)]
        if not len(present):
            return {"fill": 0.0, "low": 0.0, "high": 0.0, "center": 0.0, "scale": 1.0, "missing": 1.0, "date": 0.0}
        low, high = np.quantile(present, [self.clip, 1 - self.clip])
        fill = float(np.median(present))
        filled = np.where(np.isnan(values), fill, values).clip(low, high)
        spread = float(filled.std())
        if spread <= 1e-12 * max(1.0, abs(fill)):  # a rare spike would be clipped away with all there is to see
            low, high = present.min(), present.max()
            filled = np.where(np.isnan(values), fill, values)
            spread = float(filled.std())
        return {
            "fill": fill,
            "low": float(low),
            "high": float(high),
            "center": float(filled.mean()),
            "scale": spread if spread > 0 else 1.0,
            "missing": float(len(present) < len(values)),
            "date": date,
        }

    def _learn_levels(self, column: pd.Series[Any]) -> tuple[str, ...]:
        counts = _levels(column).value_counts()
        ranked = sorted(counts.index, key=lambda level: (-counts[level], level))
        return tuple(level for level in ranked[: self.max_levels] if counts[level] >= self.min_count)

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401
        """Turn a table into numbers of shape (rows, columns out).

        Raises
        ------
        TrainerError
            If a column of training is missing.
        """
        check_is_fitted(self, "numbers_")
        table = _frame(X)
        self._check_columns([str(name) for name in table.columns])
        table = table.set_axis([str(name) for name in table.columns], axis=1)
        parts: list[NDArray[np.float64]] = []
        for name in self.feature_names_in_:
            parts += self._numbers(name, table) if name in self.numbers_ else self._indicators(name, table)
        return np.stack(parts, axis=1) if parts else np.empty((len(table), 0))

    @property
    def training_(self) -> dict[str, str]:
        """Say in words how a table becomes numbers, for records and cards."""
        if not hasattr(self, "numbers_"):
            return {}
        levels = sum(len(pair) for pair in self.categories_.values())
        numbers = (
            f"{len(self.numbers_)} columns of numbers: median for missing values, clipped at {self.clip:.1%} of either"
        )
        words = f"{len(self.categories_)} of categories: {levels} levels, one-hot"
        return {"preparation": f"{numbers} end, standardized; {words}"}

    def _check_columns(self, names: list[str]) -> None:
        lacking = [name for name in self.feature_names_in_ if name not in names]
        if lacking:
            raise TrainerError(
                f"the table lacks the columns {quote_all(lacking)}; its columns are {quote_all(names)}."
                f"{hint(lacking[0], names)}"
            )

    def _numbers(self, name: str, table: pd.DataFrame) -> list[NDArray[np.float64]]:
        learned = self.numbers_[name]
        try:
            dated = bool(learned.get("date", 0.0))
            values = _days(table[name]) if dated else table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise TrainerError(f"column {name!r} held numbers in training and now holds text ({error})") from error
        gone = np.isnan(values)
        filled = np.where(gone, learned["fill"], values).clip(learned["low"], learned["high"])
        parts = [(filled - learned["center"]) / learned["scale"]]
        return [*parts, gone.astype(np.float64)] if learned["missing"] else parts

    def _indicators(self, name: str, table: pd.DataFrame) -> list[NDArray[np.float64]]:
        levels = self.categories_[name]
        codes = {level: number for number, level in enumerate(levels)}
        values = _levels(table[name]).map(codes).fillna(len(levels)).to_numpy(dtype=np.int64)
        return [(values == number).astype(np.float64) for number in range(len(levels) + 1)]

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Name the columns out: ``age``, ``age=(missing)``, ``sex=f`` …."""
        check_is_fitted(self, "numbers_")
        names: list[str] = []
        for name in self.feature_names_in_:
            if name in self.numbers_:
                names += [name, f"{name}={MISSING}"] if self.numbers_[name]["missing"] else [name]
            else:
                names += [f"{name}={level}" for level in (*self.categories_[name], OTHER)]
        return np.array(names, dtype=object)

    def to_plain(self) -> dict[str, object]:
        """Give all that was learned as JSON."""
        check_is_fitted(self, "numbers_")
        return {
            "parameters": self.get_params(),
            "columns": [str(name) for name in self.feature_names_in_],
            "numbers": self.numbers_,
            "categories": {name: list(levels) for name, levels in self.categories_.items()},
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Undo :meth:`to_plain`.

        Raises
        ------
        TrainerError
            If columns and what was learned of them do not fit each other.
        """
        preparation = cls(**plain["parameters"])
        columns = [str(name) for name in plain["columns"]]
        preparation.feature_names_in_, preparation.n_features_in_ = np.array(columns, dtype=object), len(columns)
        preparation.numbers_ = {
            str(name): {key: float(learned.get(key, 0.0) if key == "date" else learned[key]) for key in LEARNED}
            for name, learned in plain["numbers"].items()
        }
        preparation.categories_ = {
            str(name): tuple(str(level) for level in result) for name, result in plain["categories"].items()
        }
        preparation.numeric_ = tuple(name for name in columns if name in preparation.numbers_)
        if set(columns) != preparation.numbers_.keys() | preparation.categories_.keys():
            raise TrainerError("the preparation names columns that it does not have; the file is damaged")
        return preparation


def needs_preparation(table: pd.DataFrame) -> bool:
    """Say whether a table holds anything but present numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> needs_preparation(pd.DataFrame({"a": [1.0]})), needs_preparation(pd.DataFrame({"a": ["x"]}))
    (False, True)
    """
    return any(not _is_number(table[name]) for name in table.columns) or bool(table.isna().to_numpy().any())


def _frame(X: Any) -> pd.DataFrame:  # noqa: ANN401
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        return X
    array = np.asarray(X)
    if array.ndim != 2:
        raise TrainerError(f"the table has {array.ndim} dimensions; expected 2")
    return pd.DataFrame(array, columns=[f"x{number}" for number in range(array.shape[1])])


def _is_number(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _is_date(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds times, dates, durations, or words that are all ISO dates, such as 2024-05-31."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return True
    words = column.dropna()
    if len(words) and all(isinstance(word, datetime.date) for word in words):
        return True
    if not len(words) or not all(isinstance(word, str) and len(word) >= 10 for word in words):
        return False
    return bool(words.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|$)").all()) and not bool(
        np.isnan(_days(words)).any()
    )


def _days(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Turn times into days since 1970, and durations into days; what is neither is missing."""
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(column):
        return np.asarray(column.dt.total_seconds() / 86_400, dtype=np.float64)
    stated = pd.api.types.is_datetime64_any_dtype(column)
    if not stated:
        column = column.map(str, na_action="ignore")
    times = pd.to_datetime(column, errors="coerce", utc=True, format=None if stated else "ISO8601")
    since = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds() / 86_400
    return np.asarray(since, dtype=np.float64)


def _levels(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read a column as text levels; missing is a level of its own."""
    return column.astype(object).map(lambda value: MISSING if value is None or value != value else str(value))
