"""The parts of a pipeline: what stands before its last step, what that reads, and how it is given arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.utils.validation import has_fit_parameter

ENSEMBLES = (VotingClassifier, VotingRegressor, StackingClassifier, StackingRegressor)
"""Hand weights on to their members, though their ``fit`` does not name them."""
HANDS_ON = {GridSearchCV: "estimator", RandomizedSearchCV: "estimator", TransformedTargetRegressor: "regressor"}
"""Whose ``fit`` hands all arguments on to the estimator that they hold, and under which name they hold it."""


def parts(estimator: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the steps before the last one as a pipeline, ``None`` where there are none, and the last step."""
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list) or len(steps) < 2:
        return None, estimator if not steps else steps[-1][1]
    return estimator[:-1], steps[-1][1]


def numbers_of(table: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401 -- a frame, an array, a sparse matrix
    """Return a table of numbers as float64.

    Raises
    ------
    ValueError
        If it holds words.
    """
    dense = table.toarray() if hasattr(table, "toarray") else table
    try:
        return np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("columns that are shifted by group hold text; expected numbers") from error


def fit_arguments(estimator: Any, name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the arguments of ``fit`` that bring a value to the last step of a (nested) pipeline.

    Raises
    ------
    ValueError
        If the last step takes none of that name.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> list(fit_arguments(make_pipeline(LogisticRegression()), "sample_weight", [1.0]))
    ['logisticregression__sample_weight']
    """
    prefix, last = "", estimator
    while True:
        if isinstance(steps := getattr(last, "steps", None), list) and steps:
            prefix, last = f"{prefix}{steps[-1][0]}__", steps[-1][1]
        elif held := HANDS_ON.get(type(last)):
            last = getattr(last, held)
        else:
            break
    if not has_fit_parameter(last, name) and not (name == "sample_weight" and isinstance(last, ENSEMBLES)):
        raise ValueError(f"{type(last).__name__} takes no {name.replace('sample_weight', 'sample weights')}")
    return {f"{prefix}{name}": value}
