"""Requests and answers of the Open Inference Protocol, for a model with a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from audit.deploy.batching import Answer
from audit.deploy.description import Description
from audit.deploy.schema import Column, InputError, read_values
from audit.errors import quote, quote_all

HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape that may be half of a character."""
WHOLE = {f"{sign}INT{bits}": (-(2 ** (bits - 1)) * (not sign), 2 ** (bits - bool(not sign)) - 1)
         for sign in ("", "U") for bits in (8, 16, 32, 64)}  # fmt: skip
"""Datatypes of whole numbers, with the least and the largest of each."""
NUMBERS = ("FP16", "FP32", "FP64", "BF16", *WHOLE)


class BadRequest(Exception):  # noqa: N818 -- the protocol's own word
    """A body that is not an inference request."""


def metadata(description: Description) -> dict[str, Any]:
    """Describe the model: every input and output with datatype and shape."""
    inputs = [_input(column) for column in description.columns]
    return {
        "name": description.name,
        "versions": [description.version],
        "platform": "modelassay",
        "inputs": inputs,
        "outputs": _outputs(description),
        "parameters": {"sha256": description.sha256},
    }


def _input(column: Column) -> dict[str, Any]:
    parameters: dict[str, Any] = {"kind": column.kind, "missing": column.missing}
    if column.categories:
        parameters["categories"] = list(column.categories)
    if column.low is not None:
        parameters |= {"low": column.low, "high": column.high}
    return {"name": column.name, "datatype": column.datatype, "shape": [-1], "parameters": parameters}


def _outputs(description: Description) -> list[dict[str, Any]]:
    if not description.classes:
        return [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    outputs: list[dict[str, Any]] = [{"name": "label", "datatype": "BYTES", "shape": [-1]}]
    if description.scores:
        classes = list(description.classes)
        outputs.append(
            {
                "name": "probabilities",
                "datatype": "FP64",
                "shape": [-1, len(classes)],
                "parameters": {"classes": classes},
            }
        )
    return outputs


class Request(NamedTuple):
    """A request of the protocol."""

    id: str
    values: dict[str, list[Any]]
    """Values by column."""
    rows: int
    outputs: frozenset[str]
    """Which outputs are asked for."""


def read_request(body: bytes, description: Description, *, most_rows: int, strict: bool) -> Request:
    """Read a request; without a word about outputs it asks for all of them.

    Raises
    ------
    BadRequest
        If it is not a request of the protocol.
    InputError
        If values do not fit the schema.
    """
    document, columns = _document(body), description.columns
    given = document.get("inputs")
    if not isinstance(given, list) or not all(isinstance(value, dict) for value in given):
        raise BadRequest("'inputs' is not a list of tensors")
    tensors = {str(value.get("name")): value for value in given}
    known = {column.name for column in columns}
    if len(tensors) != len(given):
        raise BadRequest("an input is given twice")
    if unknown := sorted(set(tensors) - known):
        raise InputError(
            f"unknown column {quote_all(unknown, limit=5)}; the model reads {quote_all(sorted(known), limit=40)}"
        )
    if missing := [column.name for column in columns if column.name not in tensors]:
        raise InputError(f"column {quote_all(missing)} is missing")
    rows = _rows(tensors[columns[0].name])
    if not 0 < rows <= most_rows:
        raise BadRequest(f"{rows} rows; expected 1 to {most_rows}")
    values = {
        column.name: read_values(column, _data(tensors[column.name], column, rows), strict=strict) for column in columns
    }
    name = document.get("id")
    short = name if isinstance(name, str) and len(name) <= 200 else ""
    return Request(short, values, rows, _asked_outputs(document, description))


def _asked_outputs(document: Mapping[str, Any], description: Description) -> frozenset[str]:
    known, asked = frozenset(output["name"] for output in _outputs(description)), document.get("outputs") or []
    if not isinstance(asked, list) or not all(isinstance(output, dict) for output in asked):
        raise BadRequest("'outputs' is not a list of tensors")
    names = frozenset(str(output.get("name")) for output in asked)
    if unknown := sorted(names - known):
        raise BadRequest(f"unknown output {quote_all(unknown, limit=5)}; the model gives {quote_all(sorted(known))}")
    return names or known


def _document(body: bytes) -> dict[str, Any]:
    def refuse(word: str) -> float:
        raise ValueError(f"{word} is not JSON")

    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, parse_constant=refuse, object_pairs_hook=_no_twins)
        if HALF.search(text):
            json.dumps(document, ensure_ascii=False).encode()  # raises for half of a pair, which no file can hold
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(document, dict):
        raise BadRequest("the body is not an object")
    return document


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of which no key stands twice: one reader takes the first, another the last."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands twice")
    return result


def _rows(tensor: Mapping[str, Any]) -> int:
    shape = tensor.get("shape")
    sides = shape if isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape) else []
    if len(sides) not in (1, 2) or sides[1:] not in ([], [1]):
        raise BadRequest(f"input {quote(tensor.get('name'))} has shape {quote(shape)}; expected [rows] or [rows, 1]")
    return int(sides[0])


def _data(tensor: Mapping[str, Any], column: Column, rows: int) -> list[Any]:
    datatype = tensor.get("datatype")
    if datatype != column.datatype and not (column.kind == "number" and datatype in NUMBERS):
        raise InputError(f"column {quote(column.name)} has datatype {quote(datatype)}; expected {column.datatype}")
    data = tensor.get("data")
    if not isinstance(data, list):
        raise BadRequest(f"input {quote(column.name)} has no list of data")
    if len(data) == rows and all(isinstance(value, list) and len(value) == 1 for value in data):
        data = [value[0] for value in data]
    if _rows(tensor) != rows or len(data) != rows:
        raise InputError(f"column {quote(column.name)} has {len(data)} values for {rows} rows")
    if datatype in WHOLE:
        _require_whole(column, data, datatype)
    return data


def _require_whole(column: Column, data: list[Any], datatype: str) -> None:
    """Refuse numbers that a datatype of whole numbers does not hold."""
    low, high = WHOLE[datatype]
    for row, value in enumerate(data):
        if type(value) in (int, float) and not (value == value // 1 and low <= value <= high):
            raise InputError(f"column {quote(column.name)}, row {row}: {quote(value)} is not a number of {datatype}")


def write_answer(description: Description, answer: Answer, request: Request) -> bytes:
    """Write what a request asks for as the protocol has it."""
    rows = len(answer.label)
    if not description.classes:
        data: list[Any] = [float(value) for value in answer.label]
        outputs: list[dict[str, Any]] = [{"name": "prediction", "datatype": "FP64", "shape": [rows], "data": data}]
    else:
        data = label_values(answer.label)
        outputs = [{"name": "label", "datatype": "BYTES", "shape": [rows], "data": data}]
        if answer.score is not None:
            scores = answer.score
            outputs.append(
                {
                    "name": "probabilities",
                    "datatype": "FP64",
                    "shape": list(scores.shape),
                    "data": scores.ravel().tolist(),
                }
            )
    wanted = [output for output in outputs if output["name"] in request.outputs]
    document = {"model_name": description.name, "model_version": description.version, "outputs": wanted}
    return json.dumps(document | ({"id": request.id} if request.id else {}), allow_nan=False).encode()


def label_values(label: Any) -> list[str]:  # noqa: ANN401 -- labels of any kind
    """Write labels as the data does."""
    from audit.data.columns import label_text

    return [label_text(value) for value in np.asarray(label)]
