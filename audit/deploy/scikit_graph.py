"""Models and pipelines of scikit-learn as ONNX, by skl2onnx."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from audit.deploy.graph import MISSING_WORD, labels_of, name_inputs, state_property
from audit.deploy.operator_writer import PURPOSE, data_types
from audit.deploy.scikit_steps import register_steps
from audit.deploy.tree_graph import register_boosters, with_columns, with_trees
from audit.errors import ModelError
from audit.models.load import Model
from audit.models.onnx import MISSING_TEXT, PROBABILITIES_OF, classes_text
from audit.optional import require

_ADVICE = {
    "input(s) is(are) supported": (
        "Put the preparation of columns first and everything else behind it: make_pipeline(columns, model)."
    ),
    "StringNormalizer": (
        "Capitals need the locale en_US.UTF-8, which this machine lacks: install it here and where the model is "
        "served, or write CountVectorizer(lowercase=False) (TfidfVectorizer likewise) over texts in small letters."
    ),
    "HashingVectorizer": "Take CountVectorizer or TfidfVectorizer in its place, or serve the model's own file.",
}
"""What to do, by a sign in what was raised."""


def scikit_graphs(model: Model, train: pd.DataFrame, *, raw: bool = False) -> Iterator[Any]:
    """Try conversions, the most exact first: double precision before single, one matrix before columns.

    Parameters
    ----------
    model : Model
    train : DataFrame
        The columns that the model reads, in their order.
    raw : bool
        Whether a classifier answers its decision function in place of probabilities.

    Yields
    ------
    ModelProto
        A classifier answers its label; probabilities stand beside it where the model has some (or ``raw`` asks).

    Raises
    ------
    ModelError
        If no conversion is possible.
    """
    skl2onnx = require("skl2onnx", extra="onnx", purpose=PURPOSE)
    register_boosters()
    register_steps()
    predictor = _as_known(model.predictor)
    said, written = "", False
    options = _options(predictor, raw=raw)
    for numbers in ("DoubleTensorType", "FloatTensorType"):
        for inputs, by_column in _inputs(model, train, numbers):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = skl2onnx.convert_sklearn(
                        predictor, name="estimator", initial_types=inputs, options=options
                    )  # without a name it draws one, and the same model gives other bytes
            except ModelError:
                raise
            except Exception as error:  # the converter raises what it likes
                said = said or f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                continue
            written = True
            result = with_trees(result)
            _state_properties(result, predictor, train, raw=raw)
            if by_column:
                name_inputs(result.graph, train.columns)
            yield result if by_column or model.feature_names is None else with_columns(result, train)
    if said and not written:
        raise ModelError(f"{model.info.kind} could not be written as ONNX: {said.rstrip('.')}.{advice(said)}")


def _state_properties(graph: Any, predictor: Any, train: pd.DataFrame, *, raw: bool) -> None:  # noqa: ANN401
    """State whose probabilities a graph gives, and what stands for a missing text.

    Without probabilities its scores are left out: they would be taken for such.
    """
    if not raw and hasattr(predictor, "predict_proba"):
        state_property(graph, PROBABILITIES_OF, classes_text(labels_of(predictor.classes_)))
    elif not raw and hasattr(predictor, "classes_"):
        del graph.graph.output[1:]
    if any(train[name].isna().any() and not _is_numeric(train[name]) for name in train.columns):
        state_property(graph, MISSING_TEXT, MISSING_WORD)


def last_step(predictor: object) -> Any:  # noqa: ANN401 -- any estimator
    """Return what a pipeline ends in, the estimator itself where it is none."""
    while isinstance(steps := getattr(predictor, "steps", None), list) and steps:
        predictor = steps[-1][1]
    return predictor


def _as_known(predictor: Any) -> Any:  # noqa: ANN401 -- an estimator
    """Return a logistic regression of the same coefficients for a discriminant analysis of two classes.

    The converter takes the exponentials of one score for the shares of both classes.
    """
    last = last_step(predictor)
    if type(last).__name__ != "LinearDiscriminantAnalysis" or len(last.classes_) != 2:
        return predictor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    known = LogisticRegression()
    known.coef_, known.intercept_, known.classes_ = last.coef_, last.intercept_, last.classes_
    known.n_features_in_, known.n_iter_ = last.n_features_in_, np.array([0])
    return Pipeline([*predictor.steps[:-1], ("last", known)]) if hasattr(predictor, "steps") else known


def _options(predictor: object, *, raw: bool) -> dict[int, dict[str, bool]]:
    """Ask for a matrix of scores rather than dictionaries, of the kinds of models that know the question."""
    last = last_step(predictor)
    registered = require("skl2onnx.common._registration", extra="onnx", purpose=PURPOSE)
    operators = require("skl2onnx._supported_operators", extra="onnx", purpose=PURPOSE)
    converter = registered._converter_pool.get(operators.sklearn_operator_name_map.get(type(last)))
    known = (converter.get_allowed_options() if converter is not None else None) or {}
    asked = {"zipmap": False, "raw_scores": True} if raw else {"zipmap": False}
    return {id(last): {name: value for name, value in asked.items() if name in known}}


def advice(said: str) -> str:
    """Say what to do about what the converter, or the runtime of its graph, raised.

    Examples
    --------
    >>> advice("no shape calculator for type HashingVectorizer")
    " Take CountVectorizer or TfidfVectorizer in its place, or serve the model's own file."
    """
    for sign, what in _ADVICE.items():
        if sign in said:
            return f" {what}"
    return " Serve the model's own file (modelassay serve MODEL --data train.csv), or take another kind of step."


def _inputs(model: Model, train: pd.DataFrame, numbers: str) -> Iterator[tuple[list[tuple[str, Any]], bool]]:
    """Yield inputs to try, and whether there is one a column; one matrix of numbers comes first: it keeps precision."""
    types = data_types()
    if all(pd.api.types.is_numeric_dtype(kind) for kind in train.dtypes):
        yield [("X", getattr(types, numbers)([None, train.shape[1]]))], False
    if model.feature_names is None:
        return
    entries = []
    for name in train.columns:
        column = train[name]
        if pd.api.types.is_bool_dtype(column.dtype):
            entries.append((name, types.BooleanTensorType([None, 1])))
        elif _is_numeric(column):
            entries.append((name, getattr(types, numbers)([None, 1])))
        else:
            entries.append((name, types.StringTensorType([None, 1])))
    yield entries, True


def _is_numeric(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)
