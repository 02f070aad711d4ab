"""``model.json``: what a served or exported model is, what it reads and what it answers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from audit.data.columns import label_text
from audit.data.tables import file_sha256
from audit.deploy.schema import Column, columns_of
from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.models.answers import score_method
from audit.models.load import Model, load

FORMAT = "modelassay.model"
DESCRIPTION = "model.json"
MOST_BYTES = 64 << 20
"""Bytes of a description that are read: a longer one is cut off, and is not JSON."""
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
LONGEST = 200
"""Characters of a name and of a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that stands in ``model.json``."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 -- pydantic reads it

    name: str
    file: str
    """Model file, beside the description."""
    sha256: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    """In the order of the columns of scores; empty in regression, and where the model does not know."""
    scores: bool = False
    """Whether it answers probabilities."""
    version: str = "1"
    opset: dict[str, int] = field(default_factory=dict)
    """ONNX operator sets by domain."""
    parity: dict[str, float] = field(default_factory=dict)
    """How far an export agrees with its source: rows, changed labels, largest difference."""
    format: str = FORMAT


def describe(
    model: Model, path: Path, table: pd.DataFrame, *, features: tuple[str, ...] = (), version: str = "1"
) -> Description:
    """Describe a model file by itself and the rows it learned from.

    Raises
    ------
    DataError, ModelError
        If model and table do not belong together.
    """
    names = features or model.feature_names
    if names is None:
        raise ModelError(
            f"{quote(path.name)} does not name its inputs. Name the columns in their order: --features a,b,c."
        )
    if model.feature_count not in (None, len(names)):
        raise ModelError(f"the model reads {model.feature_count} columns; {len(names)} are named: {quote_all(names)}.")
    if len(version) > LONGEST or not re.fullmatch(VERSION, version):
        raise ConfigError(
            f"version {quote(version)} is part of addresses; expected letters, digits, points and dashes."
        )
    classes = () if model.classes is None else tuple(label_text(class_) for class_ in model.classes)
    return Description(
        name=path.stem,
        file=path.name,
        sha256=file_sha256(path),
        columns=columns_of(table, names),
        classes=classes,
        scores=bool(classes) and score_method(model) == "predict_proba",
        version=version,
    )


def description_text(description: Description) -> str:
    """Return the text of ``model.json``."""
    return json.dumps(asdict(description), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_description(path: Path, *, trust: bool = False) -> tuple[Description, Model]:
    """Read ``model.json`` and load the model beside it.

    Raises
    ------
    ModelError
        If the file is not a description, or the model is another one.
    """
    if not path.is_file():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(f"no file {quote(path)}.{hint(path.name, siblings)}")
    try:
        with path.open("rb") as content:
            description = TypeAdapter(Description).validate_json(content.read(MOST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ModelError(f"{quote(path.name)}: {where}: {first['msg']}. Write it with modelassay export.") from error
    file = path.parent / description.file
    if description.format != FORMAT or file.name != description.file:
        raise ModelError(
            f"{quote(path.name)} does not describe a model file beside it. Write it with modelassay export."
        )
    if file.is_file() and file_sha256(file) != description.sha256:
        raise ModelError(f"{quote(file.name)} is not the file that {quote(path.name)} describes: SHA-256 differs.")
    if said := _contradiction(description):
        raise ModelError(f"{quote(path.name)}: {said}. Write it with modelassay export.")
    model = load(file, trust=trust)
    if model.info.sha256 != description.sha256:
        raise ModelError(f"{quote(file.name)} keeps weights in other files. Save the model as one file, and export it.")
    if said := _difference(description, model):
        raise ModelError(f"{quote(path.name)} names {said} than {quote(file.name)}. Write it with modelassay export.")
    return description, model


def _difference(description: Description, model: Model) -> str:
    """Say in what a description and its model differ, if in anything."""
    names = [column.name for column in description.columns]
    if model.feature_count not in (None, len(names)):
        return f"{len(names)} columns, other"
    if model.feature_names is not None and names != list(model.feature_names):
        return "other columns, or another order,"
    if model.classes is not None and description.classes != tuple(map(label_text, model.classes)):
        return "other classes, or another order,"
    return ""


def _contradiction(description: Description) -> str:
    """Say what cannot be in a description, if anything is."""
    names = [column.name for column in description.columns]
    if not names or len(set(names)) < len(names):
        return "columns: none, or one is named twice"
    for column in description.columns:
        ends = [end for end in (column.low, column.high) if end is not None]
        if len(ends) == 1 or not all(map(math.isfinite, ends)) or ends != sorted(ends):
            return f"columns: the range of {quote(column.name)} is empty"
    if len(set(description.classes)) < len(description.classes) or (
        description.scores and len(description.classes) < 2
    ):
        return "classes: one is named twice, or too few for scores"
    if max(len(description.name), len(description.version)) > LONGEST or not re.fullmatch(VERSION, description.version):
        return f"version: expected letters, digits, points and dashes, at most {LONGEST}"
    return ""
