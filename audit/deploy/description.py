"""``model.json``: what a served or exported model is, what it reads and what it answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from audit.data.columns import label_text
from audit.data.tables import file_sha256
from audit.deploy.schema import Column, columns_of
from audit.errors import ModelError, hint, quote, quote_all
from audit.models.answers import score_method
from audit.models.load import Model, load

FORMAT = "modelassay.model"
DESCRIPTION = "model.json"


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
            f"{quote(path.name)} knows no names of its inputs. Name the columns in their order: --features a,b,c."
        )
    if model.feature_count not in (None, len(names)):
        raise ModelError(f"the model reads {model.feature_count} columns; {len(names)} are named: {quote_all(names)}.")
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
        description = TypeAdapter(Description).validate_json(path.read_bytes())
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
    return description, load(file, trust=trust)
