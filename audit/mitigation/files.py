"""A sealed estimator as the bytes of a ``.skops`` file: the same estimator gives the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import PurePath
from typing import Any

from audit.errors import ModelError
from audit.models.load import import_skops

SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold, in place of the time of writing."""


def as_file(estimator: object) -> bytes:
    """Return an estimator as the bytes of a ``.skops`` file.

    Raises
    ------
    ModelError
        If what stands inside cannot be written without code.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> one, other = (as_file(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])) for _ in range(2))
    >>> one == other
    True
    """
    try:
        content: bytes = import_skops().dumps(estimator)
    except Exception as error:  # skops raises what its writers raise
        said = " ".join(str(error).split())[:200]
        raise ModelError(f"the mitigated model cannot be written as .skops: {type(error).__name__}: {said}") from error
    return _canonical(content)


def _canonical(content: bytes) -> bytes:
    """Give objects numbers by their order, not their place in memory, and leave out when the file was written."""
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        schema = json.loads(given.read(SCHEMA))
        numbers: dict[str, int] = {}
        schema = _renumber(schema, numbers)
        parts = {_rename(name, numbers): given.read(name) for name in given.namelist() if name != SCHEMA}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
        for name in sorted(parts):
            written.writestr(zipfile.ZipInfo(name, EPOCH), parts[name])
        written.writestr(zipfile.ZipInfo(SCHEMA, EPOCH), json.dumps(schema, indent=1))
    return out.getvalue()


def _renumber(node: Any, numbers: dict[str, int]) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(node, list):
        return [_renumber(value, numbers) for value in node]
    if not isinstance(node, dict):
        return node
    fields: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__" and isinstance(value, int):
            fields[key] = numbers.setdefault(str(value), len(numbers) + 1)
        elif key == "file" and isinstance(value, str) and "__loader__" in node:
            fields[key] = _rename(value, numbers)
        else:
            fields[key] = _renumber(value, numbers)
    return fields


def _rename(name: str, numbers: dict[str, int]) -> str:
    """Give a member the number of the object it holds."""
    path = PurePath(name)
    if not path.stem.isdigit():
        return name
    return f"{numbers.setdefault(path.stem, len(numbers) + 1)}{path.suffix}"
