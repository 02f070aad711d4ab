"""Look through a pipeline whose preparation works column by column, and ask its last estimator directly.

An explanation asks a model about many rows that mix the values of a few. A pipeline of scikit-learn scales and encodes
each of these values anew, through a table, which costs many times what its last estimator does. Where each column
is prepared by itself, every value is prepared once and looked up from then on. Only preparations that are
column by column by construction are looked through, and only after mixed rows got the very same answers both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from audit.errors import AuditError
from audit.explain.encoding import Encoding, FloatArray
from audit.models.answers import as_model_input, call
from audit.models.containment import guard_call

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    from audit.models.load import Model

PREPARED = 2_000_000
"""Numbers that are prepared for a lookup at most: the distinct values of all columns, a row for each."""
PROVEN = 256
"""Mixed rows on which both ways must answer the same."""
BY_COLUMN = {
    "Binarizer",
    "KBinsDiscretizer",
    "MaxAbsScaler",
    "MinMaxScaler",
    "MissingIndicator",
    "OneHotEncoder",
    "OrdinalEncoder",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "SelectKBest",
    "SelectPercentile",
    "SimpleImputer",
    "SplineTransformer",
    "StandardScaler",
    "TargetEncoder",
    "VarianceThreshold",
}
"""Preparations of scikit-learn in which what comes out for a value does not depend on the row's other values."""


def splits_by_column(predictor: object) -> tuple[Any, Any] | None:
    """Return the preparation and the last estimator of a pipeline that prepares column by column, else ``None``.

    Parameters
    ----------
    predictor : object
        A fitted model.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> splits_by_column(make_pipeline(StandardScaler(), LogisticRegression()))
    (Pipeline(steps=[('standardscaler', StandardScaler())]), LogisticRegression())
    >>> splits_by_column(make_pipeline(PCA(), LogisticRegression())) is None
    True
    """
    steps = _steps(predictor)
    if steps is None or len(steps) < 2 or not all(_by_column(step) for _, step in steps[:-1]):
        return None
    return predictor[:-1], steps[-1][1]  # type: ignore[index]


def _steps(value: object) -> list[tuple[str, object]] | None:
    """Return the steps of scikit-learn's own pipeline; a class derived from it may do anything."""
    return list(value.steps) if _is_of_sklearn(value, "Pipeline") else None  # type: ignore[attr-defined]


def _is_of_sklearn(value: object, name: str) -> bool:
    return type(value).__name__ == name and type(value).__module__.partition(".")[0] == "sklearn"


def _by_column(step: object) -> bool:
    if step is None or (isinstance(step, str) and step in ("passthrough", "drop")):
        return True
    steps = _steps(step)
    if steps is not None:
        return all(_by_column(inner) for _, inner in steps)
    if _is_of_sklearn(step, "ColumnTransformer"):
        return all(_by_column(part[1]) for part in step.transformers_)  # type: ignore[attr-defined]
    if _is_of_sklearn(step, "FeatureUnion"):
        return all(_by_column(part[1]) for part in step.transformer_list)  # type: ignore[attr-defined]
    if _is_of_sklearn(step, "FunctionTransformer"):  # what "passthrough" becomes when it is fitted
        return step.func is None  # type: ignore[attr-defined]
    return any(_is_of_sklearn(step, name) for name in BY_COLUMN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lookup:
    """What the last estimator of a pipeline is given, by value of each column."""

    estimator: Any
    values: tuple[FloatArray, ...]
    """Known values of each encoded column, ascending; a missing one last."""
    prepared: tuple[FloatArray, ...]
    """What each value is prepared to, shape (values, outputs of the column)."""
    places: tuple[npt.NDArray[np.intp], ...]
    """Which columns of the prepared table these outputs are."""
    constant: FloatArray
    """A prepared row, for outputs that no column moves."""
    sparse: bool
    by_columns: bool
    """Whether the prepared table lies in memory column by column: sums are rounded in the order in which they lie."""
    placed: bool = False
    """Whether rows are given as the places of their values among the known ones, so that none is searched for."""

    def places_of(self, numbers: FloatArray) -> npt.NDArray[np.intp] | None:
        """Return where each value stands among the known ones of its column, ``None`` where one is not known.

        Parameters
        ----------
        numbers : ndarray of shape (n, features)
        """
        at = np.empty(numbers.shape, dtype=np.intp)
        for column, values in enumerate(self.values):
            wanted = numbers[:, column]
            at[:, column] = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
            known = values[at[:, column]]
            if len(self.places[column]) and not ((known == wanted) | (np.isnan(known) & np.isnan(wanted))).all():
                return None
        return at

    def rows(self, numbers: FloatArray) -> FloatArray | csr_matrix | None:
        """Return encoded rows as the estimator is given them, ``None`` where a value is not known.

        Parameters
        ----------
        numbers : ndarray of shape (n, features)
            Rows, or, where `placed`, what :meth:`places_of` says of them.
        """
        at = numbers.astype(np.intp) if self.placed else self.places_of(numbers)
        if at is None:
            return None
        shape = (len(numbers), len(self.constant))
        array = np.empty(shape, order="F" if self.by_columns else "C")
        array[:] = self.constant
        for column, (prepared, places) in enumerate(zip(self.prepared, self.places, strict=True)):
            array[:, places] = prepared[at[:, column]]
        if not self.sparse:
            return array
        from scipy.sparse import csr_matrix

        return csr_matrix(array)

    def ask(self, method: str, numbers: FloatArray) -> npt.NDArray[np.generic] | None:
        """Call a method of the estimator on encoded rows, ``None`` where a value is not known.

        Raises
        ------
        ModelError
            If it raises or answers another number of rows.
        """
        given = self.rows(numbers)
        return None if given is None else call(getattr(self.estimator, method), given, len(numbers), method)


def lookup(model: Model, encoding: Encoding, rows: FloatArray, method: str) -> Lookup | None:
    """Prepare the values of some rows, and prove on mixed rows that nothing is changed by looking them up.

    Parameters
    ----------
    model : Model
    encoding : Encoding
    rows : ndarray of shape (n, features)
        Encoded rows, of whose values all rows consist that will be asked for.
    method : str
        Method of the model that is asked.

    Returns
    -------
    Lookup or None
        ``None`` where the model is not such a pipeline, or answers otherwise in any bit.
    """
    parts = splits_by_column(model.predictor)
    if parts is None or model.reads_texts or not rows.size:
        return None
    values = tuple(np.unique(column) for column in rows.T)
    if sum(len(value) for value in values) * len(values) > PREPARED:
        return None
    try:
        answers = _looked_up(model, encoding, rows, values, parts)
        return answers if answers is not None and _same(answers, model, encoding, rows, method) else None
    except (AuditError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # whatever goes wrong on this way, the whole pipeline is asked, and its errors are shown


def _looked_up(
    model: Model, encoding: Encoding, rows: FloatArray, values: tuple[FloatArray, ...], parts: tuple[Any, Any]
) -> Lookup | None:
    """Put each value of each column into the first row, and see what it is prepared to."""
    preparation, estimator = parts
    ends = np.cumsum([1, *(len(value) for value in values)])
    stacked = np.tile(rows[0], (ends[-1], 1))
    for column, known in enumerate(values):
        stacked[ends[column] : ends[column + 1], column] = known
    given = _prepare(preparation, model, encoding.decode(stacked))
    sparse = hasattr(given, "tocsr")
    if not sparse and (type(given) is not np.ndarray or given.dtype != np.float64):
        return None
    table = given.toarray() if sparse else given
    first = table[0]
    prepared, places = [], []
    for column in range(len(values)):
        here = table[ends[column] : ends[column + 1]]
        moved = np.flatnonzero(((here != first) & ~(np.isnan(here) & np.isnan(first))).any(axis=0))
        places.append(moved)
        prepared.append(np.ascontiguousarray(here[:, moved]))
    return Lookup(
        estimator=estimator,
        values=values,
        prepared=tuple(prepared),
        places=tuple(places),
        constant=first.copy(),
        sparse=sparse,
        by_columns=bool(not sparse and given.flags.f_contiguous and not given.flags.c_contiguous),
    )


def _prepare(preparation: Any, model: Model, frame: pd.DataFrame) -> Any:  # noqa: ANN401 -- an array of some kind
    with guard_call(f"transform on {len(frame)} rows"):
        return preparation.transform(as_model_input(model, frame))


def _same(lookup: Lookup, model: Model, encoding: Encoding, rows: FloatArray, method: str) -> bool:
    """Compare both ways on rows that mix the values of others, drawn by a seed of their own."""
    generator = np.random.default_rng(0)
    picked = generator.integers(len(rows), size=(PROVEN, rows.shape[1]))
    mixed = rows[picked, np.arange(rows.shape[1])]
    answer = lookup.ask(method, mixed)
    whole = call(getattr(model.predictor, method), as_model_input(model, encoding.decode(mixed)), len(mixed), method)
    return answer is not None and bool(np.array_equal(answer, whole, equal_nan=answer.dtype.kind == "f"))
