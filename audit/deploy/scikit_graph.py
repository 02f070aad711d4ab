"""Models and pipelines of scikit-learn as ONNX, by skl2onnx."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit.deploy.tree_graph import register_boosters, with_columns, with_trees
from audit.errors import ModelError
from audit.models.load import Model
from audit.optional import require

PURPOSE = "ONNX exports of scikit-learn models"
_ADVICE = {
    "input(s) is(are) supported": (
        "Put the preparation of columns first and everything else behind it: make_pipeline(columns, model)."
    ),
    "at the edges of bins": (
        "The graph cuts numbers in single precision: serve the model's own file, or cut the columns before the model."
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
    said, written = "", False
    options = _options(model.predictor, raw=raw)
    bare = hasattr(model.predictor, "classes_") and not hasattr(model.predictor, "predict_proba") and not raw
    for numbers in ("DoubleTensorType", "FloatTensorType"):
        for inputs, by_column in _inputs(model, train, numbers):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    result = skl2onnx.convert_sklearn(
                        model.predictor, name="estimator", initial_types=inputs, options=options
                    )  # without a name it draws one, and the same model gives other bytes
            except ModelError:
                raise
            except Exception as error:  # the converter raises what it likes
                said = said or f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                continue
            written = True
            result = with_trees(result)
            if bare:  # raw scores would be taken for probabilities
                del result.graph.output[1:]
            yield result if by_column or model.feature_names is None else with_columns(result, train)
    if said and not written:
        raise ModelError(f"{model.info.kind} could not be written as ONNX: {said.rstrip('.')}.{advice(said)}")


def last_step(predictor: object) -> Any:  # noqa: ANN401 -- any estimator
    """Return what a pipeline ends in, the estimator itself where it is none."""
    while isinstance(steps := getattr(predictor, "steps", None), list) and steps:
        predictor = steps[-1][1]
    return predictor


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
    types = require("skl2onnx.common.data_types", extra="onnx", purpose=PURPOSE)
    if all(pd.api.types.is_numeric_dtype(kind) for kind in train.dtypes):
        yield [("X", getattr(types, numbers)([None, train.shape[1]]))], False
    if model.feature_names is None:
        return
    entries = []
    for name in train.columns:
        column = train[name]
        if pd.api.types.is_bool_dtype(column.dtype):
            entries.append((name, types.BooleanTensorType([None, 1])))
        elif pd.api.types.is_numeric_dtype(column.dtype):
            entries.append((name, getattr(types, numbers)([None, 1])))
        else:
            entries.append((name, types.StringTensorType([None, 1])))
    yield entries, True
