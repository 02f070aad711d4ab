"""Save a record, load it, bring old files up to date, and describe the file as a JSON Schema.

Reading is strict: no value is turned into another type, no key is unknown, no number is NaN, and a
file of a schema this program does not know is refused by name. Writing is deterministic (sorted
keys, one estimate a line) and atomic: a reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, NoReturn, get_args

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from reports import record as vocabulary
from reports.migrations import UPGRADES
from reports.nearest import nearest
from reports.printable import UNPRINTABLE, visible
from reports.record import SCHEMA_VERSION, AuditRecord, Exhibit

SCHEMA_FILE = Path(__file__).parent / "schema" / "audit-record.v2.json"

Data = None | bool | int | float | str | list["Data"] | dict[str, "Data"]
MOST_BYTES = 512 << 20
"""Bytes of a record that are read: a file without end is refused there."""
MOST_DIGITS = 300
"""Digits of a whole number that are read."""
_EXHIBITS = frozenset(kind.__name__ for kind in get_args(Exhibit))


class RecordError(ValueError):
    """A file is not an audit record; the text says where, what was seen and what was expected."""


class OutputError(OSError):
    """A report cannot be written where it should stand."""


@cache
def _adapter() -> TypeAdapter[AuditRecord | None]:
    """Build the reader once; the optional type is what lets one strict configuration reach every part."""
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
    adapter: TypeAdapter[AuditRecord | None] = TypeAdapter(AuditRecord | None, config=config)
    adapter.rebuild(_types_namespace={"Json": JsonValue})  # the alias names itself, which a union cannot
    return adapter


# --- writing --------------------------------------------------------------------------------------


def dumps(record: AuditRecord) -> str:
    """Write a record as JSON text: sorted keys, a newline at the end, the same bytes for the same record.

    Raises
    ------
    RecordError
        If the record holds what a record cannot hold, such as NaN in its configuration.
    """
    text = _json(_as_data(record), _laid_out) + "\n"
    loads(text)  # what is written can be read: a check that returned a foreign type is named here, not later
    return text


render = dumps


def compact(record: AuditRecord) -> str:
    """Write the same content as :func:`dumps` on one line of ASCII, for embedding."""
    return json.dumps(_as_data(record), sort_keys=True, allow_nan=False, separators=(",", ":"))


def save(record: AuditRecord, path: str | Path) -> None:
    """Write a record to a file, whole or not at all.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    RecordError
        If the record holds what a record cannot hold.
    """
    write_text_atomically(path, dumps(record))


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write a text file so that nobody ever sees half of it.

    Raises
    ------
    OutputError
        If the folder is missing, is not a folder, or cannot be written to; or if a link, a device or anything
        else but a file stands at `path`.
    """
    write_bytes_atomically(path, text.encode("utf-8", "replace"))


def write_bytes_atomically(path: str | Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it; see :func:`write_text_atomically`.

    Raises
    ------
    OutputError
    """
    require_plain(Path(path))
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {str(path)!r}: {reason}. Name a folder that exists and that you may write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def require_plain(path: Path) -> None:
    """Refuse to write where something other than a file of one's own stands.

    Raises
    ------
    OutputError
        For symbolic links, folders, devices, pipes and sockets.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # nothing stands there; what else is wrong is said when the file is written
    if stat.S_ISREG(mode):
        return
    kind = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    raise OutputError(f"cannot write {str(path)!r}: it is {kind}. Name a new file, or an output of an earlier run.")


def _as_data(value: object, *, real: bool = False) -> Data:
    """Turn records into dicts and lists; whole numbers in fields of real numbers become 1.0, as when read back."""
    if isinstance(value, str):
        return _encodable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if real or isinstance(value, float) else int(value)
    if is_dataclass(value) and not isinstance(value, type):
        kinds = _real_fields(type(value))
        return {name: _as_data(getattr(value, name), real=is_real) for name, is_real in kinds}
    if isinstance(value, Mapping):
        return {_encodable(str(key)): _as_data(item, real=real) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_as_data(item, real=real) for item in value]
    if callable(item := getattr(value, "item", None)):  # a scalar of numpy that a check left in a table
        return _as_data(item(), real=real)
    raise RecordError(
        f"a record cannot hold a {type(value).__name__}: {visible(value)!r}; expected text, a number or None"
    )


@cache
def _real_fields(kind: type) -> tuple[tuple[str, bool], ...]:
    """Name the fields of a record type, and whether each holds real numbers."""
    return tuple((field.name, "float" in str(field.type)) for field in fields(kind))


def _encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
"""Kept: `json.dumps` makes a new one for every value."""


def _json(value: object, write: Callable[[object], str] = _ENCODER.encode) -> str:
    """Write data as JSON that shows every character it holds."""
    try:
        text = write(value)
    except ValueError as error:
        raise RecordError(f"a record cannot hold NaN or infinity: {error}; write None with a reason") from error
    return UNPRINTABLE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _laid_out(value: object) -> str:
    """Lay JSON out for people and diffs, in one pass: what holds only plain values stays on one line."""
    pieces: list[str] = []
    _lay_out(value, "\n", pieces.append)
    return "".join(pieces)


def _lay_out(value: object, margin: str, put: Callable[[str], None]) -> None:
    """Put the pieces of `value`, whose lines begin with `margin`; an encoder is not set up for every scalar."""
    deeper = margin + " "
    if isinstance(value, dict) and _branches(value.values()):
        for place, key in enumerate(sorted(value)):
            put(f"{',' if place else '{'}{deeper}{encode_basestring(key)}: ")
            _lay_out(value[key], deeper, put)
        put(margin + "}")
    elif isinstance(value, list) and _branches(value):
        for place, item in enumerate(value):
            put(f"{',' if place else '['}{deeper}")
            _lay_out(item, deeper, put)
        put(margin + "]")
    elif isinstance(value, str):
        put(encode_basestring(value))
    elif value is None:
        put("null")
    else:
        put(_ENCODER.encode(value))


def _branches(items: Iterable[object]) -> bool:
    """Tell whether any item holds items of its own."""
    return any(item and isinstance(item, dict | list) for item in items)


# --- reading --------------------------------------------------------------------------------------


def load(path: str | Path) -> AuditRecord:
    """Read a record from a file.

    Raises
    ------
    RecordError
        If the file cannot be read, is not JSON, is not a record, or is of a schema this program does not know.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordError(f"cannot read {str(path)!r}: {reason}; expected the audit.json of a run") from error
    if len(content) > MOST_BYTES:
        raise RecordError(f"{str(path)!r} is longer than {MOST_BYTES >> 20} MiB; expected the audit.json of a run")
    try:
        return loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(
            f"{str(path)!r} is not text in UTF-8 (byte {error.start}); expected the audit.json of a run"
        ) from error
    except RecordError as error:
        raise RecordError(f"{str(path)!r}: {error}") from error


def loads(text: str) -> AuditRecord:
    """Read a record from JSON text.

    Raises
    ------
    RecordError
        As :func:`load` does.
    """
    data = _parse(text)
    version = data["schema_version"]
    if version < SCHEMA_VERSION:
        for upgrade in UPGRADES[version - 1 :]:
            data = upgrade(data)
        text = _json(data)
    try:
        record = _adapter().validate_json(text)
    except ValidationError as error:
        raise RecordError(_explained(error)) from error
    if record is None:
        raise RecordError("not an audit record: found null; expected an object")
    return record


def _parse(text: str) -> dict[str, Any]:
    """Parse JSON strictly and settle which schema it follows."""
    try:
        data = json.loads(text, parse_constant=_no_constant, parse_int=_integer, object_pairs_hook=_no_twins)
    except _LongNumberError as error:
        place = text.find(str(error))
        line = text.count("\n", 0, place) + 1
        column = place - text.rfind("\n", 0, place)
        raise RecordError(
            f"a number of {len(str(error))} digits at line {line}, column {column}; at most {MOST_DIGITS} are read"
        ) from error
    except json.JSONDecodeError as error:
        raise RecordError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}; expected the audit.json of a run"
        ) from error
    except RecursionError as error:
        raise RecordError("not an audit record: nested too deeply") from error
    if not isinstance(data, dict):
        raise RecordError(f"not an audit record: found a {type(data).__name__}; expected an object")
    version = data.get("schema_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RecordError(
            f"not an audit record: schema_version is {visible(repr(version))}; "
            f"expected a whole number up to {SCHEMA_VERSION}"
        )
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"schema_version is {version}; this program reads up to {SCHEMA_VERSION}. Install a newer modelassay."
        )
    return data


class _LongNumberError(Exception):
    """A whole number of more digits than are read; its text is the message."""


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _LongNumberError(text)
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise RecordError(f"the file holds {name}; expected a finite number, or null with a reason")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise RecordError(f"the key {visible(twin)!r} occurs twice in one object; expected each key once")
    return fields


def _explained(error: ValidationError) -> str:
    """Say the first few things that are wrong: where, what was seen, what was expected."""
    problems = [(problem["loc"], problem) for problem in error.errors(include_url=False)]
    wrong_kinds = {
        steps[:-1] for steps, problem in problems if problem["type"] == "literal_error" and steps[-1:] == ("kind",)
    }
    shown: list[str] = []
    for steps, problem in problems:
        if any(steps[: len(branch)] == branch for branch in wrong_kinds):
            continue  # the exhibit is of another kind: what that branch misses says nothing
        if problem["type"] == "unexpected_keyword_argument":
            shown.append(f"{_path(steps)}: unknown key{_nearest(steps)}")
            continue
        seen = visible(repr(problem["input"]), 60)
        shown.append(f"{_path(steps)}: {problem['msg'].removeprefix('Value error, ')} (found {seen})")
    if not shown:
        places = sorted({_path(branch) for branch in wrong_kinds})
        shown = [
            f"{place}: kind of exhibit is not known; expected one of {', '.join(sorted(_EXHIBITS)).lower()}"
            for place in places
        ]
    rest = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
    return "not a valid audit record: " + "; ".join(shown[:3]) + rest


def _nearest(steps: tuple[int | str, ...]) -> str:
    """Name the known key that an unknown one is nearest to."""
    kinds = (vars(vocabulary)[name] for name in dir(vocabulary))
    known = {field.name for kind in kinds if isinstance(kind, type) and is_dataclass(kind) for field in fields(kind)}
    near = nearest(steps[-1], sorted(known))
    return f"; did you mean {near[0]!r}?" if near else ""


def _path(steps: tuple[int | str, ...]) -> str:
    """Write a place in the file the way jq does, without the names of branches of a union."""
    parts = [
        f"[{step}]" if isinstance(step, int) else f".{visible(step, 40)}" for step in steps if step not in _EXHIBITS
    ]
    return "".join(parts).lstrip(".") or "the record"


# --- schema ---------------------------------------------------------------------------------------


def schema() -> str:
    """Describe the file as a JSON Schema (draft 2020-12), as checked in under ``reports/schema``."""
    fields = _adapter().json_schema()
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Audit record",
        "description": f"The record of one audit by modelassay, schema version {SCHEMA_VERSION}.",
        "$ref": "#/$defs/AuditRecord",
        "$defs": fields["$defs"],
    }
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text_atomically(SCHEMA_FILE, schema())
