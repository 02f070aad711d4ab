"""How a table is asked about, and how the answer is read: Open Inference Protocol, MLflow, TensorFlow Serving."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text
from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.models.exchange import EndpointError

FLOATS = ("FP16", "FP32", "FP64", "BF16")
INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
DATATYPES = (*FLOATS, *INTEGERS, "BOOL", "BYTES")
PROTOCOLS = ("oip", "mlflow", "tensorflow")
Array = npt.NDArray[Any]


class Tensor(NamedTuple):
    """An input or output as metadata or the user states it; `width` is None for one value a row."""

    name: str
    datatype: str
    width: int | None = None
    classes: tuple[str, ...] = ()


def protocol_of(url: str) -> str:
    """Tell the protocol by the shape of an address; ``""`` where it does not tell.

    Examples
    --------
    >>> protocol_of("http://h/v2/models/m"), protocol_of("http://h/invocations"), protocol_of("http://h/v1/models/m:predict")
    ('oip', 'mlflow', 'tensorflow')
    """
    if re.search(r"/v2/models/[^/]+(/versions/[^/]+)?/?$", url):
        return "oip"
    if url.endswith("/invocations"):
        return "mlflow"
    return "tensorflow" if url.endswith(":predict") else ""


def read_tensor(name: str, text: str) -> Tensor:
    """Read an input that the user states, such as ``FP64`` (a column) or ``FP32[-1,8]`` (a matrix).

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> read_tensor("x", "FP32[-1,8]").width
    8
    """
    match = re.fullmatch(r"([A-Z0-9]+)(?:\[\s*-1\s*(?:,\s*(\d+)\s*)?\])?", text.strip())
    if match is None or match[1] not in DATATYPES:
        raise ConfigError(
            f"[model.inputs] {quote(name)} is {quote(text)}; expected a datatype such as FP64, INT64, BOOL or BYTES, "
            "with the shape of a matrix behind it: FP32[-1,8]." + hint(text, DATATYPES)
        )
    return Tensor(name, match[1], int(match[2]) if match[2] else None)


def read_metadata(document: object, part: str) -> tuple[Tensor, ...]:
    """Read ``inputs`` or ``outputs`` of the metadata of a model; many servers leave them empty.

    Raises
    ------
    EndpointError
        If they are there and are not tensors.
    """
    listed_tensors = document.get(part) if isinstance(document, dict) else None
    if not listed_tensors:
        return ()
    try:
        return tuple(_tensor(listed_tensor) for listed_tensor in listed_tensors)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise EndpointError(
            f"the endpoint's metadata lists {part} that are not tensors with name, datatype and shape. "
            "State them in [model.inputs] and [model.outputs]."
        ) from error


def _tensor(plain: Mapping[str, Any]) -> Tensor:
    shape = [int(side) for side in plain["shape"]]
    if not isinstance(plain["name"], str) or plain["datatype"] not in DATATYPES or len(shape) > 2:
        raise ValueError("not a column or matrix")
    width = shape[1] if len(shape) == 2 and shape[1] != 1 else None
    classes = (plain.get("parameters") or {}).get("classes") or ()
    return Tensor(plain["name"], plain["datatype"], width, tuple(label_text(class_) for class_ in classes))


# --- requests -------------------------------------------------------------------------------------


def oip_request(frame: pd.DataFrame, inputs: Sequence[Tensor]) -> dict[str, Any]:
    """Write rows as tensors: one of all features, or one a column."""
    if len(inputs) == 1 and inputs[0].name not in frame.columns:
        only = inputs[0]
        if only.width not in (None, -1, frame.shape[1]):
            raise ModelError(
                f"input {quote(only.name)} takes {only.width} values a row; the table has {frame.shape[1]} features."
            )
        columns = [json_values(frame[name], only.datatype) for name in frame.columns]
        data = [value for row in zip(*columns, strict=True) for value in row]
        return {"inputs": [{"name": only.name, "shape": list(frame.shape), "datatype": only.datatype, "data": data}]}
    return {
        "inputs": [
            {"name": tensor.name, "shape": [len(frame)], "datatype": tensor.datatype, "data": _column(frame, tensor)}
            for tensor in inputs
        ]
    }


def mlflow_request(frame: pd.DataFrame, inputs: Sequence[Tensor]) -> dict[str, Any]:
    """Write rows as a split data frame."""
    columns = [_column(frame, tensor) for tensor in _all(frame, inputs)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"dataframe_split": {"columns": [tensor.name for tensor in _all(frame, inputs)], "data": rows}}


def tensorflow_request(frame: pd.DataFrame, inputs: Sequence[Tensor]) -> dict[str, Any]:
    """Write rows as instances: lists where no input is stated, else objects by input."""
    if not inputs or (len(inputs) == 1 and inputs[0].name not in frame.columns):
        datatype = inputs[0].datatype if inputs else "FP64"
        columns = [json_values(frame[name], datatype) for name in frame.columns]
        rows: list[Any] = [list(row) for row in zip(*columns, strict=True)]
        return {"instances": rows if not inputs else [{inputs[0].name: row} for row in rows]}
    columns = [_column(frame, tensor) for tensor in inputs]
    names = [tensor.name for tensor in inputs]
    return {"instances": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]}


REQUESTS: Mapping[str, Callable[[pd.DataFrame, Sequence[Tensor]], dict[str, Any]]] = {
    "oip": oip_request,
    "mlflow": mlflow_request,
    "tensorflow": tensorflow_request,
}


def _all(frame: pd.DataFrame, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    return inputs or [Tensor(str(name), natural_datatype(frame[name])) for name in frame.columns]


def natural_datatype(column: pd.Series) -> str:
    """Name the datatype that a column has by itself."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return "BOOL"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "INT64"
    return "FP64" if pd.api.types.is_numeric_dtype(column.dtype) else "BYTES"


def _column(frame: pd.DataFrame, tensor: Tensor) -> list[Any]:
    if tensor.name not in frame.columns:
        raise ModelError(
            f"the endpoint asks for input {quote(tensor.name)}, which is not among the features "
            f"{quote_all(frame.columns)}." + hint(tensor.name, frame.columns)
        )
    return json_values(frame[tensor.name], tensor.datatype)


def json_values(column: pd.Series, datatype: str) -> list[Any]:
    """Write a column as JSON can: missing values are null; what does not fit the datatype is refused.

    Raises
    ------
    ModelError

    Examples
    --------
    >>> json_values(pd.Series([1.0, None]), "FP64"), json_values(pd.Series(["a", None]), "BYTES")
    ([1.0, None], ['a', None])
    """
    if datatype == "BYTES":
        return [None if gone else label_text(v) for v, gone in zip(column, column.isna(), strict=True)]
    if datatype == "BOOL" and not pd.api.types.is_bool_dtype(column.dtype):
        raise ModelError(f"feature {quote(column.name)} holds {column.dtype} values; the endpoint asks for {datatype}.")
    try:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ModelError(f"feature {quote(column.name)} holds text; the endpoint asks for {datatype}.") from error
    if np.isinf(numbers).any():
        raise ModelError(f"feature {quote(column.name)} holds infinite numbers, which JSON cannot carry.")
    if datatype in FLOATS:
        return [None if math.isnan(value) else value for value in numbers.tolist()]
    whole = numbers[~np.isnan(numbers)]
    if (whole != np.round(whole)).any():
        raise ModelError(f"feature {quote(column.name)} holds fractions; the endpoint asks for {datatype}.")
    kind = bool if datatype == "BOOL" else int
    return [None if gone else kind(value) for value, gone in zip(column, column.isna(), strict=True)]


# --- answers --------------------------------------------------------------------------------------


def read_json(body: bytes, what: str) -> Any:  # noqa: ANN401 -- any JSON document
    """Read JSON strictly: NaN and Infinity are not JSON, and a key that stands twice says nothing.

    Raises
    ------
    EndpointError
    """

    def refuse(word: str) -> float:
        raise ValueError(f"it holds {word}")

    def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
            raise ValueError(f"it holds the key {quote(twice, limit=40)} twice")
        return table

    try:
        return json.loads(body, parse_constant=refuse, object_pairs_hook=single)
    except (ValueError, RecursionError) as error:
        begin = quote(" ".join(body[:120].decode("utf-8", "replace").split()))
        reason = " ".join(str(error).split())[:120]
        raise EndpointError(f"{what} is not JSON ({reason}); it begins with {begin}.") from error


def oip_answer(document: Any, rows: int) -> dict[str, Array]:  # noqa: ANN401
    """Read output tensors by name.

    Raises
    ------
    EndpointError
        If an output has another shape, another number of rows, or values that are not of its datatype.
    """
    outputs = document.get("outputs") if isinstance(document, dict) else None
    if not isinstance(outputs, list) or not outputs:
        raise EndpointError("the endpoint's answer holds no outputs; expected those of the Open Inference Protocol.")
    table = {}
    for output in outputs:
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise EndpointError("the endpoint's answer holds an output without a name.")
        if output["name"] in table:
            raise EndpointError(f"the endpoint's answer holds output {quote(output['name'])} twice.")
        table[output["name"]] = _read_output(output, rows)
    return table


def _read_output(table: Mapping[str, Any], rows: int) -> Array:
    name, shape, data = quote(table["name"]), table.get("shape"), table.get("data")
    sides = shape if isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape) else []
    if not sides or sides[0] != rows or len(sides) > 2:
        raise EndpointError(f"output {name} has shape {quote(shape)} for {rows} rows; expected one row for each.")
    values = _array(data, f"output {name}")
    if values.size != math.prod(sides):
        raise EndpointError(f"output {name} holds {values.size} values; its shape {sides} says {math.prod(sides)}.")
    text = values.dtype == object
    if text != (table.get("datatype") == "BYTES"):
        raise EndpointError(
            f"output {name} is stated as {quote(table.get('datatype'))} and holds {'text' if text else 'numbers'}."
        )
    return values.reshape(sides)


def predictions_answer(document: Any, rows: int) -> dict[str, Array]:  # noqa: ANN401
    """Read ``predictions`` of MLflow and TensorFlow Serving: a value, a list or an object a row.

    Raises
    ------
    EndpointError
    """
    given = document.get("predictions") if isinstance(document, dict) else None
    if not isinstance(given, list) or len(given) != rows:
        seen = f"{len(given)} predictions" if isinstance(given, list) else "no list of predictions"
        raise EndpointError(f"the endpoint's answer holds {seen} for {rows} rows.")
    if given and all(isinstance(row, dict) for row in given):
        names = list(given[0])
        if any(list(row) != names for row in given):
            raise EndpointError("the endpoint's predictions do not have the same names in all rows.")
        return {str(name): _array([row[name] for row in given], f"prediction {quote(name)}") for name in names}
    return {"predictions": _array(given, "the list of predictions")}


ANSWERS: Mapping[str, Callable[[Any, int], dict[str, Array]]] = {
    "oip": oip_answer,
    "mlflow": predictions_answer,
    "tensorflow": predictions_answer,
}


def _array(data: object, what: str) -> Array:
    """Turn (nested) lists into finite numbers, or text as objects."""
    try:
        values = np.asarray(data)
    except ValueError as error:
        raise EndpointError(f"{what} has rows of different lengths.") from error
    if values.dtype.kind == "U" and all(isinstance(value, str) for value in _flat(data)):
        return values.astype(object)
    if values.dtype.kind not in "biuf" or not np.isfinite(values.astype(np.float64)).all():
        kinds = quote_all(sorted({type(value).__name__ for value in _flat(data)}), limit=4)
        raise EndpointError(f"{what} holds values of {kinds}; expected finite numbers, or text alone.")
    return values


def _flat(data: object) -> list[object]:
    if not isinstance(data, list):
        return [data]
    return [leaf for value in data for leaf in (_flat(value) if isinstance(value, list) else [value])]
