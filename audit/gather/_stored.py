"""Evidence as a file of plain data: arrays, and a tree of what they belong to. Nothing in it can run.

Only classes of this package are written and read, each as its name and its fields; a file that names anything
else, does not hold what it should, or does not carry the user's seal, counts as not there.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import secrets
import sys
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.data.user_key import with_seal, without_seal

Array = npt.NDArray[Any]
VERSION = 2
ROOMS = ("audit.", "reports.")
MOST_BYTES = 256 << 20
"""Bytes of one kind of evidence that are kept."""
PLAIN = (type(None), bool, int, float, str)


_BROKEN = (
    OSError, ValueError, KeyError, ImportError, AttributeError, TypeError, EOFError, RecursionError,
    zipfile.BadZipFile,
)  # fmt: skip
"""What a foreign or damaged file makes its reader raise."""


class NotPlainError(Exception):
    """Evidence that is more than data, such as a model: it is gathered again."""


def write(path: Path, value: object) -> bool:
    """Write evidence, whole or not at all; tell whether it could be.

    Examples
    --------
    >>> import tempfile
    >>> from audit.evidence import HistoryRow
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "history"
    ...     done = write(path, (HistoryRow(epoch=1, split="train", quantity="loss", value=0.5),))
    ...     done, read(path)[0].value
    (True, 0.5)
    """
    arrays: dict[str, Array] = {}
    try:
        text = json.dumps({"version": VERSION, "value": _tree(value, arrays)})
    except (NotPlainError, RecursionError, ValueError):
        return False
    if sum(array.nbytes for array in arrays.values()) + len(text) > MOST_BYTES:
        return False
    content = io.BytesIO()
    np.savez(content, tree=np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8), **arrays)  # type: ignore[arg-type]
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(with_seal(_purpose(path), content.getvalue()))
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        return False
    return True


def read(path: Path) -> Any:  # noqa: ANN401 -- what was written
    """Return what was written.

    Raises
    ------
    NotPlainError
        If there is no file, or it is not one of ours.
    """
    try:
        if path.stat().st_size > 2 * MOST_BYTES:
            raise NotPlainError("too large")
        content = without_seal(_purpose(path), path.read_bytes())
        if content is None:
            raise NotPlainError("another seal")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        data = json.loads(arrays.pop("tree").tobytes().decode("utf-8", "surrogatepass"))
        if data["version"] != VERSION:
            raise NotPlainError("another version")
        return _value(data["value"], arrays)
    except NotPlainError:
        raise
    except _BROKEN as error:
        raise NotPlainError(str(error)) from error


def _purpose(path: Path) -> str:
    """Name what is kept, of which audit."""
    return f"evidence {path.parent.name} {path.name}"


def _tree(value: object, arrays: dict[str, Array]) -> object:
    if type(value) in PLAIN:
        return {"f": repr(value)} if isinstance(value, float) else value
    if isinstance(value, np.ndarray | np.generic):
        return _array(value, arrays)
    if isinstance(value, Mapping):
        return {"d": [[_tree(key, arrays), _tree(item, arrays)] for key, item in value.items()]}
    if type(value) is list or type(value) is tuple:
        return {type(value).__name__: [_tree(item, arrays) for item in value]}
    if isinstance(value, frozenset):  # in the order of its texts, so that the same evidence is the same file
        return {"frozenset": [_tree(item, arrays) for item in sorted(value, key=repr)]}
    kind = type(value)
    names = _fields(kind) if kind.__module__.startswith(ROOMS) else None
    if names is None:
        raise NotPlainError(f"a {kind.__name__} is not plain data")
    return {"c": [kind.__module__, kind.__qualname__], "v": {n: _tree(getattr(value, n), arrays) for n in names}}


def _array(value: Array | np.generic, arrays: dict[str, Array]) -> object:
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return {"o": [_tree(item, arrays) for item in value.tolist()]}
    if value.dtype.kind not in "biufUM":
        raise NotPlainError(f"an array of {value.dtype} is not plain data")
    name = f"a{len(arrays)}"
    arrays[name] = np.asarray(value)
    return {"a" if isinstance(value, np.ndarray) else "s": name}


def _fields(kind: type) -> tuple[str, ...] | None:
    """Name what an object of a class is made from; ``None`` where the class is more than data."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind) if field.init)
    named = getattr(kind, "_fields", None)
    return tuple(named) if issubclass(kind, tuple) and named is not None else None


def _value(tree: Any, arrays: Mapping[str, Array]) -> object:  # noqa: ANN401 -- parsed JSON
    if not isinstance(tree, dict):
        return tree
    if "c" in tree:
        return _class(*tree["c"])(**{name: _value(value, arrays) for name, value in tree["v"].items()})
    ((mark, held),) = tree.items()
    return _READ[mark](held, arrays)


def _all(held: list[Any], arrays: Mapping[str, Array]) -> list[object]:
    return [_value(value, arrays) for value in held]


_READ: dict[str, Callable[[Any, Mapping[str, Array]], object]] = {
    "f": lambda held, _: float(held),
    "a": lambda held, arrays: arrays[held],
    "s": lambda held, arrays: arrays[held][()],
    "o": lambda held, arrays: np.array([*_all(held, arrays), None], dtype=object)[:-1],
    "d": lambda held, arrays: {_value(key, arrays): _value(value, arrays) for key, value in held},
    "list": _all,
    "tuple": lambda held, arrays: tuple(_all(held, arrays)),
    "frozenset": lambda held, arrays: frozenset(_all(held, arrays)),
}


def _class(module: str, name: str) -> type:
    """Return one of our own classes of data; nothing else is looked up, and nothing is run."""
    if not module.startswith(ROOMS) or module.endswith("__main__") or not name.isidentifier():
        raise NotPlainError(f"{module}.{name} is not a class of evidence")
    result = getattr(sys.modules.get(module) or importlib.import_module(module), name, None)
    if not isinstance(result, type) or result.__module__ != module or _fields(result) is None:
        raise NotPlainError(f"{module}.{name} is not a class of evidence")
    return result
