"""Write a model as ONNX, and prove on rows that nothing has changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_texts
from audit.deploy.calibrated_graph import calibrated_graphs, is_calibrated
from audit.deploy.combined_graph import combined_graphs, is_combined
from audit.deploy.description import DESCRIPTION, Description, describe, description_text
from audit.deploy.group_rules import decides_on_margins, has_rule, refuses, with_rule
from audit.deploy.network_graph import is_network, network_graph
from audit.deploy.schema import columns_of
from audit.deploy.scikit_graph import advice, scikit_graphs
from audit.deploy.shifted_graph import shifted_graphs
from audit.deploy.tree_ensembles import is_ensemble
from audit.deploy.tree_graph import tree_graph, with_columns
from audit.errors import AuditError, ModelError, quote
from audit.models.answers import as_model_input, call, score_method
from audit.models.load import Model, load, wrap
from audit.models.onnx import OnnxModel
from reports.together import write_together

TOLERANCE = 1e-5
"""Largest difference of a score, or of a prediction in standard deviations, that an export may have."""

NOT_RUN = "it does not run"
MADE_UP = 200
"""Rows that are made up to try an export on."""


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
        If the model cannot be converted, or the conversion changes a label or moves a score by more than 1e-5, on
        test rows or on rows made up within what ``model.json`` admits; nothing is written then.
    """
    ruled = model if has_rule(model.predictor) else None
    inner = _inside(model)
    model = ruled or inner
    names = features or model.feature_names
    if names is None:
        raise ModelError("the model does not name its inputs. Name the columns in their order: --features a,b,c.")
    columns_of(test, names)  # whatever is missing is named here
    rows = test.loc[:, list(names)].reset_index(drop=True)
    first = rows.iloc[:1]  # what the source itself refuses, such as two targets at once, is said in its own words
    call(model.predictor.predict, as_model_input(model, first), len(first), "predict")
    reason = ""
    for graph in _graphs(inner, train.loc[:, list(names)]) if ruled is None else _rule(ruled, inner, train):
        with tempfile.TemporaryDirectory(prefix="export-") as folder:
            part = Path(folder) / out.name
            part.write_bytes(graph.SerializeToString())
            try:
                converted = wrap(OnnxModel(part), format_="onnx", file=part)
                proof, said = parity(model, converted, rows)
                said = said or _differs_beyond(model, converted, train.loc[:, list(names)])
                if not said and ruled is not None:
                    said = _unrefused(ruled, converted, rows)
            except Exception as error:  # onnxruntime raises errors of its own, without a common class
                said = f"{NOT_RUN}: {' '.join(str(error).split())[:200]}"
            if said:
                runs_first = reason.startswith(NOT_RUN) and not said.startswith(NOT_RUN)
                reason = said if runs_first or not reason else reason  # of the most exact conversion that runs
                continue
            description = replace(
                describe(load(part), part, train, features=tuple(names), version=version),
                opset={opset.domain or "ai.onnx": int(opset.version) for opset in graph.opset_import},
                parity=proof,
            )
            contents = {out.name: part.read_bytes(), DESCRIPTION: description_text(description).encode()}
        write_together(out.parent, contents, contents)
        return description
    raise ModelError(
        f"the ONNX model does not answer as its source does: {reason.rstrip('.')}. Nothing was written.{advice(reason)}"
    )


def _inside(model: Model) -> Model:
    """Take the estimator out of a sealed one, and a booster out of its bytes."""
    inner = getattr(model.predictor, "estimator_", None) if hasattr(model.predictor, "without_rule") else None
    if inner is None:
        return model
    opened = wrap(inner.booster() if hasattr(inner, "booster") else inner, name=model.info.name)
    return replace(opened, info=replace(opened.info, sha256=model.info.sha256, file=model.info.file))


def _rule(sealed: Model, inner: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions of the estimator inside, with the rule of the sealed one behind each."""
    rule: Any = sealed.predictor
    if rule.shifts is not None:
        yield from shifted_graphs(rule, inner, train, _graphs)
        return
    own = train if rule.columns_ is None else train.loc[:, list(rule.columns_)]
    for graph in scikit_graphs(inner, own, raw=True) if decides_on_margins(rule) else _graphs(inner, own):
        whole = graph if inner.feature_names is not None or len(graph.graph.input) > 1 else with_columns(graph, own)
        yield with_rule(whole, rule, train)


def _unrefused(sealed: Model, converted: Model, rows: pd.DataFrame) -> str:
    """Say what is wrong where a graph answers a row whose group has no rule; a single rule for all refuses nobody."""
    rule: Any = sealed.predictor
    reads = set(rule.group_columns()) <= set(sealed.feature_names or ())
    if not reads or refuses(converted.predictor, rows, rule):
        return ""
    return "it answers rows of a group that has no rule"


def _graphs(model: Model, train: pd.DataFrame) -> Iterator[Any]:
    """Try conversions, the most exact first."""
    if is_network(model.predictor):
        yield network_graph(model.predictor)
        return
    if is_ensemble(model.predictor):
        try:
            graph = tree_graph(model.predictor, train, model.feature_names)
        except AuditError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
            raise ModelError(
                f"the trees of the model are inconsistent ({said}). Check that its file is complete."
            ) from error
        yield graph
        return
    if is_combined(model.predictor):
        yield from combined_graphs(model, train)
        return
    yield from (calibrated_graphs if is_calibrated(model.predictor) else scikit_graphs)(model, train)


def _differs_beyond(source: Model, converted: Model, train: pd.DataFrame) -> str:
    """Say what is wrong on rows that were made up; rows that the source does not answer are left out."""
    for what, rows in (*_made_up(train), *_at_edges(source.predictor, train)):
        try:
            call(source.predictor.predict, as_model_input(source, rows), len(rows), "predict")
        except AuditError:
            continue
        _, said = parity(source, converted, rows)
        if said:
            return f"{said}, on rows {what}"
    return ""


def _made_up(train: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Make rows up: of values drawn from each column alone, then with numbers as far outside as a server admits."""
    generator = np.random.default_rng(0)
    drawn = {name: train[name].iloc[generator.integers(len(train), size=MADE_UP)] for name in train.columns}
    mixed = pd.DataFrame({name: values.reset_index(drop=True) for name, values in drawn.items()})
    yield "whose columns were mixed", mixed
    far = mixed.copy()
    for column in columns_of(train, list(train.columns)):
        if column.kind == "number" and column.low is not None and column.high is not None:
            width = column.high - column.low
            numbers = generator.uniform(column.low - width, column.high + width, MADE_UP)
            drawn_values = mixed[column.name].to_numpy(dtype=np.float64, na_value=np.nan)
            far[column.name] = np.where(generator.random(MADE_UP) < 0.5, drawn_values, numbers)
    yield "with numbers outside of the training rows, which a server admits", far


def _at_edges(predictor: object, train: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Make rows up whose numbers lie at the edges of bins and next to them: single precision takes these for one."""
    edges = np.array(sorted({float(edge) for edge in _bin_edges(predictor)}))
    if not len(edges):
        return
    generator = np.random.default_rng(1)
    pool = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
    rows = pd.DataFrame({name: train[name].iloc[generator.integers(len(train), size=MADE_UP)].array for name in train})
    for name in train.columns:
        if pd.api.types.is_float_dtype(train[name].dtype):
            rows[name] = generator.choice(pool, MADE_UP)
    yield "with numbers at the edges of bins", rows


def _bin_edges(step: object) -> Iterator[float]:
    """Yield the edges at which steps of a pipeline cut numbers into bins."""
    if isinstance(every := getattr(step, "bin_edges_", None), np.ndarray):
        for edges in every:
            yield from np.asarray(edges, dtype=np.float64).ravel().tolist()
    for name in ("steps", "transformers_"):
        if isinstance(parts := getattr(step, name, None), list):
            for part in parts:
                yield from _bin_edges(part[1])


def parity(source: Model, converted: Model, rows: pd.DataFrame) -> tuple[dict[str, float], str]:
    """Compare two models on rows: what was found, and what is wrong with it (``""`` for nothing).

    Raises
    ------
    ModelError
        If one of them cannot answer the rows.
    """
    values, other = (
        call(part.predictor.predict, as_model_input(part, rows), len(rows), "predict") for part in (source, converted)
    )
    numbers: dict[str, float] = {"rows": float(len(rows))}
    if not _labels(source):
        values, other = (part.astype(np.float64) for part in (values, other))
        numbers["largest_difference"] = _largest(values, other) / max(1.0, float(np.std(values[np.isfinite(values)])))
    else:
        numbers["changed_labels"] = float((label_texts(values) != label_texts(other)).sum())
        numbers["largest_difference"] = _score_difference(source, converted, rows)
    changed, moved = int(numbers.get("changed_labels", 0)), numbers["largest_difference"]
    if changed:
        return numbers, f"{changed} of {len(rows)} labels change (largest difference of a score {moved:.2g})"
    if _labels(source) and (score_method(source) == "predict_proba") != (score_method(converted) == "predict_proba"):
        return (
            numbers,
            "its probabilities cannot be distinguished from raw scores. Take them from CalibratedClassifierCV instead",
        )
    if not moved <= TOLERANCE:
        return numbers, f"an answer of {len(rows)} rows differs by {moved:.2g}, more than {TOLERANCE:g}"
    return numbers, ""


def _labels(model: Model) -> bool:
    classes = getattr(model.predictor, "classes_", None)
    return classes is not None and len(classes) > 0  # a regression of CatBoost holds an empty list


def _score_difference(source: Model, converted: Model, rows: pd.DataFrame) -> float:
    method = score_method(source)
    if method is None or score_method(converted) != method:
        return 0.0
    values, other = (
        np.asarray(
            call(getattr(part.predictor, method), as_model_input(part, rows), len(rows), method), dtype=np.float64
        )
        for part in (source, converted)
    )
    if values.shape != other.shape:
        raise ModelError(
            f"the ONNX model's scores have shape {quote(other.shape)}; the source's have {quote(values.shape)}."
        )
    return _largest(values, other)


def _largest(values: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return the largest difference; what is infinite or missing on both sides agrees."""
    same = (values == other) | (np.isnan(values) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        return float(np.where(same, 0.0, np.abs(values - other)).max(initial=0.0))
