"""The shape of ``train.toml``, read strictly: an unknown key or a wrong type is an error that names the place."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from trainers.errors import TrainerError, hint, quote, quote_all
from trainers.space import Choice, Dimension, Real, Stack, Whole

Share = Annotated[float, Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(_Part):
    """``[data]``: where the rows are and what they are."""

    train: str = ""
    """Table: CSV or Parquet. Paths are relative to the configuration."""
    images: str = ""
    """Folder of folders of images, one for each label; instead of `train`."""
    target: str | list[str] = ""
    """A column; several numbers, or several labels of 0 and 1, are predicted together."""
    task: Literal["", "binary", "multiclass", "multilabel", "regression"] = ""
    """What is predicted; the folders of `images` say so themselves."""
    text: str = ""
    """Column of texts; then nothing else is read."""
    features: list[str] | None = None
    drop: list[str] = []
    weight: str = ""
    cluster: str = ""
    time: str = ""
    size: tuple[int, int] | None = None
    channels: int = 1
    validation: Share = 0.15
    """Share that is held out for early stopping; by class, by cluster, or the latest rows."""

    @property
    def targets(self) -> list[str]:
        """Columns of the target."""
        return self.target if isinstance(self.target, list) else [self.target] if self.target else []


class PreparationPart(_Part):
    """``[preparation]``: how a table is made numbers."""

    use: bool | None = None
    """None: where there are categories or missing values."""
    clip: Annotated[float, Field(ge=0, lt=0.5)] = 0.005
    min_count: Annotated[int, Field(ge=1)] = 1
    max_levels: Annotated[int, Field(ge=1)] = 100


class DimensionPart(_Part):
    """``[search.space.NAME]``."""

    kind: Literal["choice", "whole", "real", "stack"]
    values: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    depth: tuple[int, int] | None = None
    width: tuple[int, int] | None = None


class SearchPart(_Part):
    """``[search]``: used with ``--search``."""

    method: str = "tpe"
    trials: Annotated[int, Field(ge=1)] = 30
    folds: Annotated[int, Field(ge=2)] = 5
    scoring: str | None = None
    gap: str = "error_rate"
    sensitive: str = ""
    """Column of groups; turns on the second objective."""
    tolerance: Annotated[float, Field(ge=0)] = 0.01
    prune: bool = True
    journal: str = ""
    space: dict[str, DimensionPart] = {}


class StagePart(_Part):
    """``[[transfer.stage]]``."""

    unfreeze: int | Literal["all"] = 0
    epochs: Annotated[int, Field(ge=1)] = 30
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3


class TransferPart(_Part):
    """``[transfer]``: start from a backbone."""

    backbone: str
    stage: list[StagePart] = []


class ModelPart(_Part):
    """``[model]``: where the model file goes."""

    path: str = ""


class Recipe(_Part):
    """A whole ``train.toml``."""

    seed: int = 0
    data: DataPart
    network: dict[str, Any] = {}
    """Parameters of the estimator."""
    preparation: PreparationPart = PreparationPart()
    search: SearchPart | None = None
    transfer: TransferPart | None = None
    model: ModelPart = ModelPart()


MOST_FAULTS = 3
"""Faults of a configuration that one message lists."""
MOST_BYTES = 1 << 20
"""Bytes of a configuration that are read."""
DEEP = re.compile(r"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){30}""")
"""A key of more than thirty parts."""


def read(path: str | os.PathLike[str]) -> Recipe:
    """Read a configuration.

    Raises
    ------
    TrainerError
        If the file is missing, is not TOML, or holds an unknown key or a wrong value; the text names the place.
    """
    source = Path(path)
    try:
        with source.open("rb") as file:
            content = file.read(MOST_BYTES + 1).decode("utf-8")
        if len(content) > MOST_BYTES or DEEP.search(content):  # the parser takes the square of a key's depth
            raise ValueError("it is longer, or nested deeper, than a configuration can be")
        plain = tomllib.loads(content)
    except FileNotFoundError as error:
        raise TrainerError(f"there is no file {quote(source)}; expected a train.toml") from error
    except (OSError, ValueError, RecursionError) as error:
        raise TrainerError(f"{quote(source)} cannot be read as TOML: {error}") from error
    try:
        return Recipe.model_validate(plain)
    except ValidationError as error:
        raise TrainerError(f"{source.name}: {_tell(error, content)}") from error


def _tell(error: ValidationError, content: str) -> str:
    """Tell the first faults, unknown keys before others: place, what was seen, what was expected, the nearest name."""
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    return "; ".join(_tell_fault(fault, content) for fault in faults[:MOST_FAULTS])


def _tell_fault(fault: ErrorDetails, content: str) -> str:
    place = ".".join(str(step) for step in fault["loc"])
    key = str(fault["loc"][-1])
    line = next((n for n, text in enumerate(content.splitlines(), 1) if text.strip(" [").startswith(key)), 0)
    where = f"{quote(place)}{f' (line {line})' if line else ''}"
    if fault["type"] == "missing":
        table = f"[{place}]" if len(fault["loc"]) == 1 else f"{key} = …"
        return f"{where} is missing; write {table}"
    if fault["type"] != "extra_forbidden":
        return f"{where} is {quote(fault['input'])}: {fault['msg']}"
    known = _keys(fault["loc"][:-1])
    return f"{where} is not a key here; expected {quote_all(known, limit=30)}.{hint(key, known)}"


def _keys(place: tuple[int | str, ...]) -> list[str]:
    """Name the keys that a place of the file may have."""
    parts: dict[str, type[_Part]] = {
        "data": DataPart,
        "preparation": PreparationPart,
        "search": SearchPart,
        "space": DimensionPart,
        "transfer": TransferPart,
        "stage": StagePart,
        "model": ModelPart,
    }
    named = [parts[str(step)] for step in place if str(step) in parts]
    return list((named[-1] if named else Recipe).model_fields)


def dimension(name: str, part: DimensionPart) -> Dimension:
    """Make a dimension of a search space.

    Raises
    ------
    TrainerError
        If what its kind needs is missing.

    Examples
    --------
    >>> dimension("dropout", DimensionPart(kind="real", low=0.0, high=0.5))
    Real(low=0.0, high=0.5, log=False, kind='real')
    """
    if part.kind == "choice":
        if part.values is None:
            raise TrainerError(f"search.space.{name} is a choice without values; give values = [...]")
        return Choice(tuple(tuple(value) if isinstance(value, list) else value for value in part.values))
    if part.kind == "stack":
        if part.depth is None or part.width is None:
            raise TrainerError(f"search.space.{name} is a stack; give depth = [least, most] and width = [least, most]")
        return Stack(part.depth, part.width)
    if part.low is None or part.high is None:
        raise TrainerError(f"search.space.{name} is a range; give low and high")
    if part.kind == "whole":
        if part.low != int(part.low) or part.high != int(part.high):
            raise TrainerError(f"search.space.{name} goes from {part.low} to {part.high}; expected whole numbers")
        return Whole(int(part.low), int(part.high), part.log)
    return Real(part.low, part.high, part.log)
