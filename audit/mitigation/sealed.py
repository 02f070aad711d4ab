"""Estimators as mitigation writes them: no coins, the same answer alone and in any batch, no group taken for another.

A rule of decision (thresholds, calibration or offsets by group) stands around a fitted estimator. Within a group it
never turns the order of two scores around. Rows without a group, or of a group that the rule does not know, are
refused by name rather than decided by chance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from audit.data.columns import MOST_LEVELS, group_factor
from audit.data.factor import cross_factors
from audit.errors import quote, quote_all
from audit.mitigation.pipelines import numbers_of, parts
from audit.models.fit_arguments import WEIGHTS, fit_arguments

Array = npt.NDArray[Any]
DIGITS = 12
"""Scores are rounded to so many digits, so that a row has the same score alone and in a batch."""


class _Sealed(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What sealed estimators share: which columns they hand on, and each row's group."""

    estimator: Any
    sensitive: str | Sequence[str] | None
    edges: Sequence[float] | Mapping[str, Sequence[float]] | None
    shifts: Mapping[str, Sequence[float]] | None
    columns_: list[str] | None
    """Columns that the estimator inside reads; ``None`` for all, as they come."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 -- scikit-learn's own class
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self._inner()).input_tags.sparse
        return tags

    def _inner(self) -> Any:  # noqa: ANN401
        """Return the estimator inside, the default one where none was given."""
        return self._default() if self.estimator is None else self.estimator

    @abstractmethod
    def _default(self) -> Any:  # noqa: ANN401
        """Return the estimator where none was given, not fitted."""

    def seal(self, features: Sequence[str], *, bare: bool) -> Self:
        """Take the estimator as it is, fitted, in place of fitting it.

        Parameters
        ----------
        features : sequence of str
            Columns that the estimator reads, in its order.
        bare : bool
            Whether it was fitted on numbers without names.

        Returns
        -------
        self
        """
        self.estimator_ = self.estimator
        names = [str(name) for name in features]
        self.columns_ = list(names)
        self.bare_ = bare
        if self._reads_group():
            names += [column for column in self.group_columns() if column not in names]
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self._learn()
        return self

    def without_rule(self) -> Any:  # noqa: ANN401 -- any estimator
        """Return the estimator inside where it decides alone, ``None`` where a rule decides."""
        rules = [getattr(self, name, None) for name in ("thresholds", "calibration", "shifts", "offsets")]
        return None if any(rule is not None and rule != 0.0 for rule in rules) else self.estimator_

    def group_columns(self) -> dict[str, Sequence[float] | None]:
        """Return the columns that tell the group, each with the edges of its bands where it is a number.

        Examples
        --------
        >>> MitigatedClassifier(sensitive=["sex", "age"], edges={"age": [25, 60]}).group_columns()
        {'sex': None, 'age': [25, 60]}
        """
        names = [self.sensitive] if isinstance(self.sensitive, str) else list(self.sensitive or ())
        edges = self.edges if isinstance(self.edges, Mapping) else dict.fromkeys(names, self.edges)
        return {name: edges.get(name) for name in names}

    def steps(self) -> tuple[Any, Any]:
        """Return the steps that stand before the shifts by group, ``None`` where there are none, and the last step."""
        return parts(self.estimator_)

    def _reads_group(self) -> bool:
        return self.sensitive is not None

    def _learn(self) -> None:
        """Take over what callers expect of an estimator after it was fitted."""

    @available_if(lambda self: _trains(self))  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401 -- arrays and frames
        """Fit the estimator; thresholds, constants and shifts stay.

        Parameters
        ----------
        X : array-like of shape (n, features)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self
        """
        y = _target(y)
        if is_classifier(self) and y is not None:
            check_classification_targets(y)
        X = self._looked_at(X, reset=True)
        self.columns_, self.bare_ = None, False
        own = clone(self._inner())
        arguments = {} if sample_weight is None else fit_arguments(own, WEIGHTS, sample_weight)
        self.estimator_ = own.fit(self._own(X), y, **arguments)
        self._learn()
        return self

    def _check(self, X: Any) -> Any:  # noqa: ANN401
        if not hasattr(self, "estimator_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit first.")
        return self._looked_at(X, reset=False)

    def _looked_at(self, X: Any, *, reset: bool) -> Any:  # noqa: ANN401
        """Compare names and number of columns; what they hold is the estimator's own to judge."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, accept_sparse=True, dtype=None, ensure_all_finite=False)

    def _own(self, X: Any) -> Any:  # noqa: ANN401
        """Return what the estimator itself reads."""
        if self.columns_ is None:
            return X
        part = _frame(X, self.columns_).loc[:, self.columns_]
        return part.to_numpy() if self.bare_ else part

    def last_inputs(self, X: Any) -> Any:  # noqa: ANN401
        """Return what the last step reads: after the steps before it, and after shifts by group where there are some.

        Parameters
        ----------
        X : array-like of shape (n, features)
        """
        own = self._own(X)
        if self.shifts is None:
            return own
        before, _ = self.steps()
        table = numbers_of(own if before is None else before.transform(own))
        moved = table - self._of_group(X, self.shifts)
        if before is None and isinstance(own, pd.DataFrame):
            return pd.DataFrame(moved, columns=own.columns, index=own.index)
        return moved

    def _ask(self, method: str, X: Any) -> Any:  # noqa: ANN401
        """Ask the estimator inside, or its last step where the rows are shifted before it."""
        asked = self.estimator_ if self.shifts is None else self.steps()[1]
        return getattr(asked, method)(self.last_inputs(X))

    def predict(self, X: Any) -> Array:  # noqa: ANN401
        """Return the answer to each row: a label, or a number in the unit of the target.

        Parameters
        ----------
        X : array-like of shape (n, features)

        Raises
        ------
        ValueError
            For a row without a group, or of a group without a rule, by name.
        """
        return self._decide(self._check(X))

    @abstractmethod
    def _decide(self, X: Any) -> Array:  # noqa: ANN401
        """Return the answer to each row of a table that was looked at."""

    def _of_group(self, X: Any, rule: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        """Return the numbers of a rule for each row: by its group, or the same for all."""
        if not isinstance(rule, Mapping):
            return np.asarray(rule, dtype=np.float64)
        return np.array([rule[name] for name in rule], dtype=np.float64)[self._codes(X, list(rule))]

    def _codes(self, X: Any, known: Sequence[str]) -> npt.NDArray[np.intp]:  # noqa: ANN401
        """Return each row's place among the known groups."""
        columns = self.group_columns()
        table = _frame(X, list(columns))
        factors = []
        for name, edges in columns.items():
            column = table[name] if edges is None else _numbers(table[name])
            factor = group_factor(column, None if edges is None else tuple(edges), most=MOST_LEVELS)
            if (missing := int((factor.codes < 0).sum())) > 0:
                raise ValueError(
                    f"{missing} of {len(table)} rows have no value of {quote(name)}, by which this model decides. "
                    "Fill it in, or decide on these rows by hand."
                )
            factors.append(factor)
        factor = cross_factors(factors)
        places = {level: place for place, level in enumerate(known)}
        there = {factor.levels[code] for code in np.unique(factor.codes)}
        unseen = [level for level in factor.levels if level in there and level not in places]
        if unseen:
            raise ValueError(
                f"{quote(' × '.join(columns))} is {quote_all(unseen)}; this model has rules for {quote_all(known)} "
                "alone. Mitigate again on rows of that group, or decide on these rows by hand."
            )
        return np.array([places.get(level, 0) for level in factor.levels], dtype=np.intp)[factor.codes]


class MitigatedClassifier(ClassifierMixin, _Sealed):  # type: ignore[misc]
    """A classifier that decides by thresholds of its own, one for all rows or one for each group.

    Fitting again keeps the rule of decision, not the weights that the estimator was trained with.

    Parameters
    ----------
    estimator : classifier, optional
        Gives the scores; a logistic regression without one.
    sensitive : str or sequence of str, optional
        Column of the group; needed where a rule differs by group. Several are crossed: rules then stand by
        :func:`audit.data.factor.crossed_name`, such as ``"f, Black"``.
    edges : sequence of float or mapping of str to sequence of float, optional
        Where bands of a numeric column begin; by column where several are crossed.
    thresholds : float or mapping of group to float, optional
        From which score on the positive class is answered; without one, what the estimator answers.
    calibration : mapping of group to (slope, intercept), optional
        Of the log odds of a score; slopes are above 0. Thresholds then speak of calibrated scores; 0.5 without one.
    shifts : mapping of group to sequence of float, optional
        What is taken from each column that the last step reads.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0] * 5, "sex": ["f", "f", "m", "m"] * 5})
    >>> base = LogisticRegression().fit(frame[["x"]], [0, 0, 1, 1] * 5)
    >>> rule = MitigatedClassifier(base, sensitive="sex", thresholds={"f": 0.1, "m": 0.9}).seal(["x"], bare=False)
    >>> rule.predict(pd.DataFrame({"x": [1.0, 1.0], "sex": ["f", "m"]})).tolist()
    [1, 0]
    >>> rule.predict(pd.DataFrame({"x": [1.0], "sex": ["d"]}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: 'sex' is 'd'; this model has rules for 'f', 'm' alone. ...
    """

    def __init__(
        self,
        estimator: Any = None,  # noqa: ANN401 -- any classifier
        *,
        sensitive: str | Sequence[str] | None = None,
        edges: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
        thresholds: float | Mapping[str, float] | None = None,
        calibration: Mapping[str, Sequence[float]] | None = None,
        shifts: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.estimator = estimator
        self.sensitive = sensitive
        self.edges = edges
        self.thresholds = thresholds
        self.calibration = calibration
        self.shifts = shifts

    def _default(self) -> Any:  # noqa: ANN401
        return LogisticRegression()

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.thresholds is None and self.calibration is None
        return tags

    def _reads_group(self) -> bool:
        by_group = isinstance(self.thresholds, Mapping) or self.calibration is not None or self.shifts is not None
        return self.sensitive is not None and by_group

    def _learn(self) -> None:
        self.classes_ = np.asarray(self.estimator_.classes_)
        if (self.thresholds is not None or self.calibration is not None) and len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported with thresholds; the target has {len(self.classes_)} classes."
            )

    def _decide(self, X: Any) -> Array:  # noqa: ANN401
        if self.thresholds is None and self.calibration is None:
            return np.asarray(self._ask("predict", X))
        score = self._calibrate(X) if self.calibration is not None else self.raw_scores(X)
        limits = self._of_group(X, 0.5 if self.thresholds is None else self.thresholds)
        return np.asarray(self.classes_[(score >= limits).astype(np.intp)])

    @available_if(lambda self: self.calibration is not None or _answers(self, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        """Return the probability of each class, shape (n, classes): the estimator's own, calibrated where so asked."""
        X = self._check(X)
        if self.calibration is not None:
            score = self._calibrate(X)
            return np.asarray(np.column_stack([1.0 - score, score]), dtype=np.float64)
        own = np.asarray(self._ask("predict_proba", X), dtype=np.float64)
        return np.asarray(np.round(own, DIGITS), dtype=np.float64)

    @available_if(lambda self: self.calibration is None and _answers(self, "decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        """Return the estimator's own margins."""
        X = self._check(X)
        return np.asarray(self._ask("decision_function", X), dtype=np.float64)

    def raw_scores(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        """Return the estimator's score of the last class: a probability, else a margin; thresholds speak of it."""
        if hasattr(self.estimator_, "predict_proba"):
            score = np.asarray(self._ask("predict_proba", X), dtype=np.float64)[:, 1]
        else:
            score = np.asarray(self._ask("decision_function", X), dtype=np.float64)
        return np.round(score, DIGITS)

    def _calibrate(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        lines = self._of_group(X, self.calibration)
        odds = self.raw_scores(X)
        if hasattr(self.estimator_, "predict_proba"):
            odds = log_odds(odds)
        share = 1.0 / (1.0 + np.exp(-np.clip(lines[:, 0] * odds + lines[:, 1], -500, 500)))
        return np.asarray(np.round(share, DIGITS), dtype=np.float64)


class MitigatedRegressor(RegressorMixin, _Sealed):  # type: ignore[misc]
    """A regressor whose answers are moved by a constant, the same for all rows or one for each group.

    Parameters
    ----------
    estimator : regressor, optional
        A linear regression without one.
    sensitive : str or sequence of str, optional
        Column of the group; needed where the constant differs by group. Several are crossed.
    edges : sequence of float or mapping of str to sequence of float, optional
        Where bands of a numeric column begin; by column where several are crossed.
    offsets : float or mapping of group to float
        What is added to an answer, in the unit of the target.
    shifts : mapping of group to sequence of float, optional
        What is taken from each column that the last step reads.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "sex": ["f", "m", "m"]})
    >>> base = LinearRegression().fit(frame[["x"]], [0.0, 1.0, 2.0])
    >>> rule = MitigatedRegressor(base, sensitive="sex", offsets={"f": 1.0, "m": 0.0}).seal(["x"], bare=False)
    >>> rule.predict(frame).round(6).tolist()
    [1.0, 1.0, 2.0]
    """

    def __init__(
        self,
        estimator: Any = None,  # noqa: ANN401 -- any regressor
        *,
        sensitive: str | Sequence[str] | None = None,
        edges: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
        offsets: float | Mapping[str, float] = 0.0,
        shifts: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.estimator = estimator
        self.sensitive = sensitive
        self.edges = edges
        self.offsets = offsets
        self.shifts = shifts

    def _default(self) -> Any:  # noqa: ANN401
        return LinearRegression()

    def _reads_group(self) -> bool:
        return self.sensitive is not None and (isinstance(self.offsets, Mapping) or self.shifts is not None)

    def _decide(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        answer = np.asarray(self._ask("predict", X), dtype=np.float64)
        return np.asarray(answer + self._of_group(X, self.offsets))


def log_odds(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the log odds of probabilities, finite at 0 and 1.

    Examples
    --------
    >>> log_odds(np.array([0.5, 1.0])).round(2).tolist()
    [0.0, 27.63]
    """
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _target(y: Any) -> Any:  # noqa: ANN401
    """Return a target as one column of values that are there."""
    if y is None:
        return None
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    return y


def _numbers(column: pd.Series) -> pd.Series:
    """Return a column whose bands tell the group as numbers, whatever type it came in."""
    values = pd.to_numeric(column, errors="coerce")
    if (strange := values.isna() & column.notna()).any():
        raise ValueError(
            f"{quote(column.name)} is {quote_all(column[strange].unique())}; this model decides by bands of a number. "
            "Give the number, or decide on these rows by hand."
        )
    return values.astype(np.float64)


def _trains(sealed: _Sealed) -> bool:
    """Tell whether the estimator inside can be trained anew, which boosters held as bytes cannot."""
    return type(parts(sealed._inner())[1]).__name__ != "HeldBooster"


def _answers(sealed: _Sealed, method: str) -> bool:
    """Tell whether the estimator inside has a method, fitted or not."""
    return hasattr(getattr(sealed, "estimator_", None) or sealed._inner(), method)


def _frame(X: Any, names: Sequence[str]) -> pd.DataFrame:  # noqa: ANN401
    """Return rows with named columns, among them those that are needed."""
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"the rows have no column names; this model reads {quote_all(names)}. Give a table.")
    if missing := [name for name in names if name not in X.columns]:
        raise ValueError(f"the table lacks {quote_all(missing)}; columns are {quote_all(X.columns)}.")
    return X
