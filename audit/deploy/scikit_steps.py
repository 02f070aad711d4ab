"""Steps before a model that the converter of others rounds, or refuses: fills, bins, levels, functions of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.deploy.graph import MISSING_WORD
from audit.deploy.operator_writer import PURPOSE, OperatorWriter, data_types
from audit.errors import ModelError, quote
from audit.optional import require

FUNCTIONS: dict[str, tuple[tuple[str, float], ...]] = {
    "absolute": (("Abs", 0.0),),
    "exp": (("Exp", 0.0),),
    "expm1": (("Exp", 0.0), ("Sub", 1.0)),
    "log": (("Log", 0.0),),
    "log10": (("Log", 0.0), ("Div", float(np.log(10)))),
    "log1p": (("Add", 1.0), ("Log", 0.0)),
    "log2": (("Log", 0.0), ("Div", float(np.log(2)))),
    "sqrt": (("Sqrt", 0.0),),
    "square": (("Pow", 2.0),),
}
"""Functions of NumPy as operators, each with its second operand where it has one."""
BINARY = ("Add", "Div", "Pow", "Sub")


def register_steps() -> None:
    """Tell skl2onnx to write these steps with the operators of this module, wherever they stand."""
    skl2onnx = require("skl2onnx", extra="onnx", purpose=PURPOSE)
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder

    writers: dict[type, tuple[Callable[[Any], int], Callable[[OperatorWriter], None]]] = {
        SimpleImputer: (_filled_width, _fill),
        KBinsDiscretizer: (_bins_width, _cut),
        OneHotEncoder: (_levels_width, _encode),
        OrdinalEncoder: (lambda step: len(step.categories_), _number),
        FunctionTransformer: (lambda _: -1, _apply),
    }
    for kind, (width, write) in writers.items():
        skl2onnx.update_registered_converter(
            kind, f"Modelassay{kind.__name__}", _shape(width), _converter(write), overwrite=True
        )


def _shape(width: Callable[[Any], int]) -> Callable[[Any], None]:
    def shape(operator: Any) -> None:  # noqa: ANN401 -- an operator of skl2onnx
        types = data_types()
        given = [value.type for value in operator.inputs]
        columns = width(operator.raw_operator)
        sides = [given[0].shape[0], sum(kind.shape[1] for kind in given) if columns < 0 else columns]
        words = all(isinstance(kind, types.StringTensorType) for kind in given)
        if words and type(operator.raw_operator).__name__ in ("SimpleImputer", "FunctionTransformer"):
            operator.outputs[0].type = types.StringTensorType(sides)
        elif any(isinstance(kind, types.DoubleTensorType) for kind in given):
            operator.outputs[0].type = types.DoubleTensorType(sides)
        else:
            operator.outputs[0].type = types.FloatTensorType(sides)

    return shape


def _converter(write: Callable[[OperatorWriter], None]) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401 -- of skl2onnx
        write(OperatorWriter(scope, operator, container))

    return convert


def _kind(writer: OperatorWriter) -> int:
    """Return the element type that a step gives: texts, double or single precision."""
    name = type(writer.operator.outputs[0].type).__name__
    return {"StringTensorType": 8, "DoubleTensorType": 11}.get(name, 1)


def _finish(writer: OperatorWriter, columns: Sequence[str]) -> None:
    """Put the columns that a step gives side by side, in its precision."""
    out = writer.operator.outputs[0].full_name
    kind = _kind(writer)
    casted = [column if kind == 8 else writer.node("Cast", column, to=kind) for column in columns]
    writer.node("Concat", *casted, axis=1, out=out)


def _double(writer: OperatorWriter, column: str) -> str:
    return writer.node("Cast", column, to=11)


# --- fills ----------------------------------------------------------------------------------------


def _filled_width(step: Any) -> int:  # noqa: ANN401
    return len(_kept(step)) + (0 if step.indicator_ is None else len(step.indicator_.features_))


def _kept(step: Any) -> list[int]:  # noqa: ANN401
    """Return the columns that a fill keeps: all that had a value."""
    empty = [isinstance(value, float) and np.isnan(value) for value in step.statistics_]
    return [place for place, flag in enumerate(empty) if step.keep_empty_features or not flag]


def _fill(writer: OperatorWriter) -> None:
    step = writer.operator.raw_operator
    columns = list(writer.columns())
    missing = [_missing(writer, name, words, step.missing_values) for name, words in columns]
    kept = []
    for place in _kept(step):
        name, words = columns[place]
        value = step.statistics_[place]
        fill = np.array([[str(value)]], dtype=object) if words else np.array([[float(value)]])
        present = name if words else _double(writer, name)
        kept.append(writer.node("Where", missing[place], writer.constant(fill), present))
    flags = [] if step.indicator_ is None else [missing[int(place)] for place in step.indicator_.features_]
    if flags and _kind(writer) == 8:
        raise ModelError("a fill of texts with add_indicator=True mixes texts and numbers; flag them in another step.")
    _finish(writer, [*kept, *flags])


def _missing(writer: OperatorWriter, name: str, words: bool, sign: object) -> str:
    """Tell missing values: of texts, the word that stands for them."""
    if words:
        word = MISSING_WORD if _is_missing(sign) else str(sign)
        return writer.node("Cast", _places(writer, name, [word], first=1), to=9)
    if _is_missing(sign):
        return writer.node("IsNaN", _double(writer, name))
    return writer.node("Equal", _double(writer, name), writer.constant(np.array([[float(str(sign))]])))


def _is_missing(value: object) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and np.isnan(value))


def _places(writer: OperatorWriter, name: str, words: Sequence[str], first: int = 0) -> str:
    """Return the place of each word, counted from `first`; one less for any other word."""
    numbers = list(range(first, first + len(words)))
    return writer.node(
        "LabelEncoder", name, domain="ai.onnx.ml", keys_strings=list(words), values_int64s=numbers,
        default_int64=first - 1,
    )  # fmt: skip


# --- bins -----------------------------------------------------------------------------------------


def _bins_width(step: Any) -> int:  # noqa: ANN401
    return len(step.n_bins_) if step.encode == "ordinal" else int(sum(step.n_bins_))


def _cut(writer: OperatorWriter) -> None:
    """Write bins in double precision: a number at an edge belongs to the bin above it."""
    step = writer.operator.raw_operator
    parts = []
    for (name, _), edges, bins in zip(writer.columns(), step.bin_edges_, step.n_bins_, strict=True):
        inner = np.asarray(edges, dtype=np.float64)[1:-1][None]
        reached = writer.node("GreaterOrEqual", _double(writer, name), writer.constant(inner))
        ones = writer.constant(np.ones((inner.shape[1], 1)))
        place = writer.node("MatMul", _double(writer, reached), ones)
        if step.encode != "ordinal":
            place = writer.node("Equal", place, writer.constant(np.arange(bins, dtype=np.float64)[None]))
        parts.append(place)
    _finish(writer, parts)


# --- levels ---------------------------------------------------------------------------------------


def _levels_width(step: Any) -> int:  # noqa: ANN401
    return int(sum(step._n_features_outs))


def _encode(writer: OperatorWriter) -> None:
    step = writer.operator.raw_operator
    parts = []
    for at, (name, words) in enumerate(writer.columns()):
        hits = writer.node("Cast", _hits(writer, name, step.categories_[at], words), to=11)
        kept = _kept_levels(step, at)
        parts.append(writer.node("MatMul", hits, writer.constant(kept)))
        if step.handle_unknown in ("infrequent_if_exist", "warn") and _rare(step, at) is not None:
            unknown = _none(writer, hits, len(step.categories_[at]))
            rare = np.zeros((1, kept.shape[1]))
            rare[0, -1] = 1.0 if kept.shape[1] else 0.0
            parts[-1] = writer.node("Add", parts[-1], writer.node("MatMul", unknown, writer.constant(rare)))
    _finish(writer, parts)


def _rare(step: Any, at: int) -> npt.NDArray[Any] | None:  # noqa: ANN401
    """Return, of levels of which rare ones are put together, the number that each has then."""
    mapping = step._default_to_infrequent_mappings[at] if getattr(step, "_infrequent_enabled", False) else None
    return None if mapping is None else np.asarray(mapping)


def _kept_levels(step: Any, at: int) -> npt.NDArray[np.float64]:  # noqa: ANN401
    """Return which level is which column of the answer: rare ones share a column, a dropped one has none."""
    levels = len(step.categories_[at])
    mapping = _rare(step, at)
    numbers = np.arange(levels) if mapping is None else mapping
    kept = np.eye(int(numbers.max(initial=-1)) + 1)[numbers]
    dropped = None if step.drop_idx_ is None else step.drop_idx_[at]
    if dropped is not None:
        kept = np.delete(kept, int(numbers[int(dropped)]), axis=1)
    return np.asarray(kept, dtype=np.float64)


def _hits(writer: OperatorWriter, name: str, levels: Sequence[object], words: bool) -> str:
    """Tell which level each row has."""
    if words:
        texts = [MISSING_WORD if _is_missing(level) else str(level) for level in levels]
        if len(set(texts)) < len(texts):
            raise ModelError(f"levels {quote(texts[-1])} of an encoder look alike as texts; encode one kind of value.")
        return writer.node("Equal", _places(writer, name, texts), writer.constant(np.arange(len(texts))[None]))
    numbers = np.array([np.nan if _is_missing(level) else float(str(level)) for level in levels])
    given = _double(writer, name)
    same = writer.node("Equal", given, writer.constant(numbers[None]))
    if not np.isnan(numbers).any():
        return same
    lacking = writer.node("And", writer.node("IsNaN", given), writer.constant(np.isnan(numbers)[None]))
    return writer.node("Or", same, lacking)


def _none(writer: OperatorWriter, hits: str, levels: int) -> str:
    """Tell rows that have none of the levels."""
    total = writer.node("MatMul", hits, writer.constant(np.ones((levels, 1))))
    return writer.node("Sub", writer.constant(np.float64(1)), total)


def _number(writer: OperatorWriter) -> None:
    step = writer.operator.raw_operator
    parts = []
    for at, (name, words) in enumerate(writer.columns()):
        levels = step.categories_[at]
        hits = writer.node("Cast", _hits(writer, name, levels, words), to=11)
        mapping = _rare(step, at)
        codes = np.arange(len(levels), dtype=np.float64) if mapping is None else mapping.astype(np.float64)
        missing = np.array([_is_missing(level) for level in levels])
        place = writer.node("MatMul", hits, writer.constant(np.where(missing, 0.0, codes)[:, None]))
        if missing.any():
            lacking = writer.node("MatMul", hits, writer.constant(missing.astype(np.float64)[:, None]))
            place = _chosen(writer, lacking, float(step.encoded_missing_value), place)
        if step.handle_unknown == "use_encoded_value":
            place = _chosen(writer, _none(writer, hits, len(levels)), float(step.unknown_value), place)
        parts.append(place)
    _finish(writer, parts)


def _chosen(writer: OperatorWriter, flag: str, value: float, other: str) -> str:
    return writer.node("Where", writer.node("Cast", flag, to=9), writer.constant(np.array([[value]])), other)


# --- functions ------------------------------------------------------------------------------------


def _apply(writer: OperatorWriter) -> None:
    step = writer.operator.raw_operator
    columns = [name for name, _ in writer.columns()]
    if step.func is None:
        _finish(writer, columns)
        return
    name = step.func.__name__ if isinstance(step.func, np.ufunc) else ""
    if name not in FUNCTIONS or step.kw_args:
        raise ModelError(
            f"FunctionTransformer applies {quote(name or str(step.func))}; written as ONNX are NumPy's "
            f"{', '.join(sorted(FUNCTIONS))}. Take one of these, or serve the model's own file "
            "(modelassay serve MODEL --data train.csv)."
        )
    given = writer.node("Concat", *[_double(writer, column) for column in columns], axis=1)
    for kind, operand in FUNCTIONS[name]:
        more = [writer.constant(np.float64(operand))] if kind in BINARY else []
        given = writer.node(kind, given, *more)
    _finish(writer, [given])
