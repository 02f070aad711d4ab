"""Write a model as ONNX, and prove on rows that nothing has changed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.data.columns import label_texts
from audit.deploy.description import DESCRIPTION, Description, describe, description_text
from audit.deploy.group_rules import has_rule, refuses, require_writable, with_rule
from audit.deploy.network_graph import is_network, network_graph
from audit.deploy.schema import columns_of
from audit.deploy.tree_ensembles import is_ensemble
from audit.deploy.tree_graph import register_boosters, tree_graph, with_columns, with_trees
from audit.errors import ModelError, shown
from audit.models.answers import as_model_input, call, score_method
from audit.models.load import Model, load, wrap
from audit.models.onnx import OnnxModel
from audit.optional import require
from reports.together import write_together

TOLERANCE = 1e-5
"""Largest difference of a score, or of a prediction in standard deviations, that an export may have."""


def export(
    model: Model,
    train: pd.DataFrame,
    test: pd.DataFrame,
    out: Path,
    *,
    features: tuple[str, ...] = (),
    version: str = "1",
) -> Description:
    """Write ``out`` (.onnx) and ``model.json`` beside it, if both models answer the test rows alike.

    Parameters
    ----------
    model : Model
    train : DataFrame
        Rows that the schema of the input is learned from.
    test : DataFrame
        Rows that parity is proven on.
    out : Path
    features : tuple of str
        Names of the inputs in their order, for a model that knows none.
    version : str

    Raises
    ------
    ModelError
        If the model cannot be converted, or the conversion changes a label or moves a score by more than 1e-5;
        nothing is written then.
    """
    ruled = model if has_rule(model.predictor) else None
    inner = _inside(model)
    model = ruled or inner
    names = features or model.feature_names
    if names is None:
        raise ModelError("the model knows no names of its inputs. Name the columns in their order: --features a,b,c.")
    columns_of(test, names)  # whatever is missing is named here
    rows = test.loc[:, list(names)].reset_index(drop=True)
    said = ""
    for graph in _graphs(inner, train.loc[:, list(names)]) if ruled is None else _ruled(ruled, inner, train):
        with tempfile.TemporaryDirectory(prefix="export-") as folder:
            part = Path(folder) / out.name
            part.write_bytes(graph.SerializeToString())
            try:
                converted = wrap(OnnxModel(part), format_="onnx", file=part)
                proof, said = parity(model, converted, rows)
                if not said and ruled is not None:
                    said = _unrefused(ruled, converted, rows)
            except Exception as error:  # onnxruntime raises errors of its own, without a common class
                said = f"it does not run: {' '.join(str(error).split())[:200]}"
            if said:
                continue
            description = replace(
                describe(load(part), part, train, features=tuple(names), version=version),
                opset={one.domain or "ai.onnx": int(one.version) for one in graph.opset_import},
                parity=proof,
            )
            contents = {out.name: part.read_bytes(), DESCRIPTION: description_text(description).encode()}
        write_together(out.parent, contents, contents)
        return description
    raise ModelError(f"the ONNX model is not the same: {said}. Nothing was written.")


def _inside(model: Model) -> Model:
    """Take the estimator out of a sealed one, and a booster out of its bytes."""
    inner = getattr(model.predictor, "estimator_", None) if hasattr(model.predictor, "without_rule") else None
    if inner is None:
        return model
    made = wrap(inner.opened() if hasattr(inner, "opened") else inner, name=model.info.name)
    return replace(made, info=replace(made.info, sha256=model.info.sha256, file=model.info.file))


def _ruled(sealed: Model, inner: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions of the estimator inside, with the rule of the sealed one behind each."""
    rule: Any = sealed.predictor
    require_writable(rule)
    own = train if rule.columns_ is None else train.loc[:, list(rule.columns_)]
    for graph in _graphs(inner, own):
        whole = graph if inner.feature_names is not None or len(graph.graph.input) > 1 else with_columns(graph, own)
        yield with_rule(whole, rule, train)


def _unrefused(sealed: Model, converted: Model, rows: pd.DataFrame) -> str:
    """Say what is wrong where a graph answers a row whose group has no rule; a single rule for all refuses nobody."""
    rule: Any = sealed.predictor
    if rule.sensitive not in (sealed.feature_names or ()) or refuses(converted.predictor, rows, rule):
        return ""
    return "it answers rows of a group that has no rule"


def _graphs(model: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions, the most exact first."""
    if is_network(model.predictor):
        yield network_graph(model.predictor)
        return
    if is_ensemble(model.predictor):
        yield tree_graph(model.predictor, train, model.feature_names)
        return
    yield from _converted(model, train)


def _converted(model: Model, train: pd.DataFrame) -> Iterator[Any]:
    skl2onnx = require("skl2onnx", extra="onnx", purpose="ONNX exports of scikit-learn models")
    register_boosters()
    said, written = "", False
    classes = getattr(model.predictor, "classes_", None)
    options = {id(model.predictor): {"zipmap": False}} if classes is not None else None
    for numbers in ("DoubleTensorType", "FloatTensorType"):
        for inputs, by_column in _inputs(model, train, numbers):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    made = skl2onnx.convert_sklearn(model.predictor, initial_types=inputs, options=options)
            except ModelError:
                raise
            except Exception as error:  # the converter raises what it likes
                said = said or f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                continue
            written = True
            made = with_trees(made)
            yield made if by_column or model.feature_names is None else with_columns(made, train)
    if said and not written:
        advice = ""
        if "input(s) is(are) supported" in said:
            advice = (
                " Put the preparation of columns first and everything else behind it: make_pipeline(columns, model)."
            )
        raise ModelError(f"{model.info.kind} could not be written as ONNX: {said}.{advice}")


def _inputs(model: Model, train: pd.DataFrame, numbers: str) -> Iterator[tuple[list[tuple[str, Any]], bool]]:
    """Yield inputs to try, and whether there is one a column; one matrix of numbers comes first: it keeps precision."""
    types = require("skl2onnx.common.data_types", extra="onnx", purpose="ONNX exports of scikit-learn models")
    if all(pd.api.types.is_numeric_dtype(kind) for kind in train.dtypes):
        yield [("X", getattr(types, numbers)([None, train.shape[1]]))], False
    if model.feature_names is None:
        return
    made = []
    for name in train.columns:
        column = train[name]
        if pd.api.types.is_bool_dtype(column.dtype):
            made.append((name, types.BooleanTensorType([None, 1])))
        elif pd.api.types.is_numeric_dtype(column.dtype):
            made.append((name, getattr(types, numbers)([None, 1])))
        else:
            made.append((name, types.StringTensorType([None, 1])))
    yield made, True


def parity(source: Model, converted: Model, rows: pd.DataFrame) -> tuple[dict[str, float], str]:
    """Compare two models on rows: what was found, and what is wrong with it (``""`` for nothing).

    Raises
    ------
    ModelError
        If one of them cannot answer the rows.
    """
    one, other = (
        call(part.predictor.predict, as_model_input(part, rows), len(rows), "predict") for part in (source, converted)
    )
    found: dict[str, float] = {"rows": float(len(rows))}
    if not _labels(source):
        spread = max(1.0, float(np.std(one.astype(np.float64))))
        found["largest_difference"] = float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max() / spread)
    else:
        found["changed_labels"] = float((label_texts(one) != label_texts(other)).sum())
        found["largest_difference"] = _score_difference(source, converted, rows)
    changed, moved = int(found.get("changed_labels", 0)), found["largest_difference"]
    if changed:
        return found, f"{changed} of {len(rows)} labels change (largest difference of a score {moved:.2g})"
    if _labels(source) and score_method(source) == "predict_proba" != score_method(converted):
        return found, "its probabilities cannot be told from raw scores"
    if not moved <= TOLERANCE:
        return found, f"an answer of {len(rows)} rows differs by {moved:.2g}, more than {TOLERANCE:g}"
    return found, ""


def _labels(model: Model) -> bool:
    classes = getattr(model.predictor, "classes_", None)
    return classes is not None and len(classes) > 0  # a regression of CatBoost holds an empty list


def _score_difference(source: Model, converted: Model, rows: pd.DataFrame) -> float:
    method = score_method(source)
    if method is None or score_method(converted) != method:
        return 0.0
    one, other = (
        np.asarray(
            call(getattr(part.predictor, method), as_model_input(part, rows), len(rows), method), dtype=np.float64
        )
        for part in (source, converted)
    )
    if one.shape != other.shape:
        raise ModelError(
            f"the ONNX model's scores have shape {shown(other.shape)}; the source's have {shown(one.shape)}."
        )
    return float(np.abs(one - other).max(initial=0.0))
