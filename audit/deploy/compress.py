"""Make a model smaller, and say at once for whom its answers change."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import group_factor, label_texts
from audit.data.suppression import groups_to_hide, shown_levels
from audit.deploy import quantize
from audit.deploy.network_graph import is_network, network_graph
from audit.deploy.schema import columns_of
from audit.deploy.shrinking import shrink
from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.models.answers import as_model_input, call, score_method
from audit.models.load import Model, load
from audit.statistics.intervals import wilson

CALIBRATION_ROWS = 512
SMALLEST_GROUP = 10
"""Groups of fewer rows are left out, and those from which they would follow."""
PRECISIONS = ("static", "weights")
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Changed decisions of a group."""

    group: str
    rows: int
    changed: float
    """Share of rows whose label changed; in regression, mean move in standard deviations of the source's answers."""
    low: float | None
    high: float | None
    score_shift: float | None
    """Mean score after less mean score before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What compression did."""

    method: tuple[str, ...]
    bytes_before: int
    bytes_after: int
    p50_ratio: float
    """Median time of a row after, to that before, in turns in one run."""
    p95_ratio: float
    batch_dependent_rows: int
    changes: tuple[GroupChange, ...]


def compress(
    source: Path,
    out: Path,
    *,
    model: Model,
    precision: str,
    prune: float,
    table: pd.DataFrame,
    groups: tuple[str, ...] = (),
    rows: int = CALIBRATION_ROWS,
    features: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Write a compressed ONNX model.

    Parameters
    ----------
    source : Path
        File of the model: .onnx, or networks of trainers.
    out : Path
    model : Model
        The loaded source; a network that was pruned and trained on already.
    precision : {"static", "weights", ""}
        int8 for weights and activations, for the weights alone, or neither.
    prune : float
        Share of each layer's weights that become zero in an ONNX file; 0 for none.
    table : DataFrame
        Calibration rows.
    groups : tuple of str
        Columns whose groups give equally many calibration rows.
    rows : int
        Calibration rows.
    features : tuple of str
        Names of the inputs in their order, for a model that knows none.

    Returns
    -------
    tuple of str
        What was done, in words.

    Raises
    ------
    ModelError, ConfigError
        If the model cannot be compressed as asked; nothing is written then.
    """
    if precision not in (*PRECISIONS, ""):
        raise ConfigError(
            f"--int8 is {quote(precision)}; expected {quote_all(PRECISIONS)}.{hint(precision, PRECISIONS)}"
        )
    if not 0 <= prune < 1:
        raise ConfigError(f"--prune is {prune:g}; expected a share from 0 to under 1.")
    done: list[str] = []
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".compress-") as folder:
        current, taken_out = _as_onnx(source, model, Path(folder) / "source.onnx")
        if taken_out:
            done.append(f"{taken_out} units without weights taken out of the file")
        if prune:
            zero = quantize.prune(current, Path(folder) / "pruned.onnx", prune)
            current = Path(folder) / "pruned.onnx"
            done.append(f"{zero:.0%} of the weights zero, the smallest of each layer, not trained on")
        if precision == "static":
            chosen = _inputs(model, table.iloc[quantize.stratified_rows(table, groups, rows)], features)
            said = quantize.static(current, Path(folder) / "int8.onnx", chosen)
            done.append(said + (f" drawn equally by {quote_all(groups)}" if groups else " drawn at random"))
            current = Path(folder) / "int8.onnx"
        elif precision == "weights":
            count = quantize.weights_only(current, Path(folder) / "int8.onnx")
            done.append(f"{count} weight tensors int8 with a scale a channel, activations as they were")
            current = Path(folder) / "int8.onnx"
        current.replace(out)
    return tuple(done)


def _as_onnx(source: Path, model: Model, path: Path) -> tuple[Path, int]:
    """Write a network without the units that no longer listen; return the file and their number."""
    taken_out = 0
    if is_network(model.predictor):
        graph = network_graph(model.predictor)
        taken_out = shrink(graph)
        path.write_bytes(graph.SerializeToString())
    elif source.suffix == ".onnx":
        path.write_bytes(source.read_bytes())
    else:
        raise ModelError(
            f"{quote(source.name)} is neither a network of trainers nor ONNX. First run: modelassay export."
        )
    return path, taken_out


def _inputs(model: Model, table: pd.DataFrame, features: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns that a model reads, in its order.

    Raises
    ------
    ConfigError
        If neither the model nor the user names them, and the table has more than it reads.
    """
    names = features or model.feature_names
    if names is not None:
        columns_of(table, names)  # whatever is missing is named here
        return table.loc[:, list(names)]
    if model.feature_count not in (None, table.shape[1]):
        raise ConfigError(
            f"the model reads {model.feature_count} columns without names, and the table has {table.shape[1]}. "
            "Name them in their order: --features a,b,c."
        )
    return table


def compare(
    before: Path | Model,
    after: Path,
    table: pd.DataFrame,
    groups: Sequence[str],
    done: tuple[str, ...],
    features: tuple[str, ...] = (),
) -> Compressed:
    """Measure size, time, batch invariance, and changed decisions by group.

    Parameters
    ----------
    before : Path or Model
    after : Path
    table : DataFrame
        Rows that both answer.
    groups : sequence of str
    done : tuple of str
        What was done, in words.
    features : tuple of str
        Names of the inputs in their order, for a model that knows none.
    """
    first, second = before if isinstance(before, Model) else load(before), load(after)
    X = _inputs(second if first.feature_names is None else first, table, features).reset_index(drop=True)
    entries, other = _answers(first, X), _answers(second, X)
    ratios = _time_ratios(first, second, X)
    return Compressed(
        method=done,
        bytes_before=first.info.size_bytes or 0,
        bytes_after=after.stat().st_size,
        p50_ratio=ratios[0],
        p95_ratio=ratios[1],
        batch_dependent_rows=_batch_dependent(second, X),
        changes=tuple(_changes(entries, other, table, groups)),
    )


def _answers(model: Model, X: pd.DataFrame) -> tuple[Array, Array | None]:
    given = as_model_input(model, X)
    label = call(model.predictor.predict, given, len(X), "predict")
    method = score_method(model)
    if method != "predict_proba":
        return label, None
    return label, np.asarray(call(getattr(model.predictor, method), given, len(X), method), dtype=np.float64)


def _changes(
    entries: tuple[Array, Array | None], other: tuple[Array, Array | None], table: pd.DataFrame, groups: Sequence[str]
) -> list[GroupChange]:
    if entries[0].dtype.kind == "f":
        moved = np.abs(entries[0] - other[0]) / (float(np.std(entries[0])) or 1.0)
    else:
        moved = (label_texts(entries[0]) != label_texts(other[0])).astype(np.float64)
    shift = None if entries[1] is None or other[1] is None else (other[1] - entries[1])[:, -1]
    group_changes = [_change("all", moved, shift, counts=entries[0].dtype.kind != "f")]
    everyone = [np.ones(len(moved), dtype=np.int64)]
    for name in groups:
        factor = group_factor(table[name])
        factor = shown_levels(name, factor, groups_to_hide({name: factor}, SMALLEST_GROUP, 1, everyone))
        for code, level in enumerate(factor.levels):
            mask = factor.codes == code
            if mask.any():
                part = None if shift is None else shift[mask]
                group_changes.append(
                    _change(f"{name} = {level}", moved[mask], part, counts=entries[0].dtype.kind != "f")
                )
    return group_changes


def _change(group: str, moved: Array, shift: Array | None, *, counts: bool) -> GroupChange:
    interval = wilson(float(moved.sum()), len(moved)) if counts else None
    return GroupChange(
        group=group,
        rows=len(moved),
        changed=float(moved.mean()),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        score_shift=None if shift is None else float(shift.mean()),
    )


def _batch_dependent(model: Model, X: pd.DataFrame, rows: int = 50) -> int:
    part = X.iloc[:rows]
    label, score = _answers(model, part)
    numbers = label.dtype.kind == "f"
    least = 1e-6 * max(1.0, float(np.std(label))) if numbers else 0.0
    count = 0
    for row in range(len(part)):
        alone, alone_score = _answers(model, part.iloc[row : row + 1])
        if numbers:
            same = bool(abs(alone[0] - label[row]) <= least)
        else:
            same = bool(np.all(label_texts(alone) == label_texts(label[row : row + 1])))
        if score is not None and alone_score is not None:
            same = same and bool(np.abs(alone_score[0] - score[row]).max() <= 1e-6)
        count += not same
    return count


def _time_ratios(first: Model, second: Model, X: pd.DataFrame, calls: int = 100) -> tuple[float, float]:
    """Time single rows of both models in turns, so that a busy machine slows both alike."""
    row = X.iloc[:1]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        for model, times in zip((first, second), taken, strict=True):
            started = time.perf_counter()
            call(model.predictor.predict, as_model_input(model, row), 1, "predict")
            times.append(time.perf_counter() - started)
    return tuple(float(np.quantile(taken[1], q) / np.quantile(taken[0], q)) for q in (0.5, 0.95))  # type: ignore[return-value]


def report_text(compressed: Compressed) -> str:
    """Return what compression did as JSON."""
    return json.dumps(asdict(compressed), indent=1, ensure_ascii=False) + "\n"
