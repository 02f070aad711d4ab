"""Event files of TensorBoard: the scalars of a training, read without TensorBoard.

A file is a chain of records (length, checksum, bytes, checksum); each record is a message of Protocol Buffers, of which
only step and scalars are read. Nothing in the file is run.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from audit.errors import DataError, quote

NAME = "tfevents"
MOST_EVENTS, MOST_BYTES = 1_000_000, 2**26
"""Events that are read, and bytes that one may have."""
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "eval": "val"}
"""Words for splits in tags and in names of folders."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FLOAT = 1
"""The type of a tensor of single precision."""


def is_event_log(path: Path) -> bool:
    """Tell whether a path is an event file, or a folder with some in it.

    Examples
    --------
    >>> is_event_log(Path("events.out.tfevents.1.host")), is_event_log(Path("log.csv"))
    (True, False)
    """
    return NAME in path.name or (path.is_dir() and bool(_files(path)))


def read_events(path: Path) -> list[dict[str, object]]:
    """Read the scalars of an event file, or of all files below a folder, as one row a step.

    Folders and ends of tags that name a split (Keras writes ``validation/``, others ``Loss/val``) become beginnings of
    the columns: ``val_loss``. Where the tag ``epoch`` is logged, as Lightning does, it numbers the rows; else steps do.

    Raises
    ------
    DataError
        If there is no such file, or it breaks off within an event.
    """
    files = _files(path) if path.is_dir() else [path]
    rows: dict[tuple[str, int], dict[str, object]] = {}
    for file in files:
        split = next((SPLITS[part] for part in reversed(file.parent.parts) if part in SPLITS), "")
        for step, tag, value in _scalars(file):
            row = rows.setdefault((split, step), {})
            row["epoch" if tag == "epoch" else _column(tag, split)] = value
    numbered = [(step, row["epoch"]) for (_, step), row in sorted(rows.items(), key=_by_step) if "epoch" in row]
    return [{"epoch": _epoch(step, numbered), **row} for (_, step), row in sorted(rows.items())]


def _by_step(entries: tuple[tuple[str, int], object]) -> int:
    return entries[0][1]


def _epoch(step: int, numbered: list[tuple[int, object]]) -> object:
    """Return the epoch of a step: the next one that is numbered, else the last; the step itself where none is."""
    later = next((epoch for place, epoch in numbered if place >= step), None)
    return later if later is not None else numbered[-1][1] if numbered else step


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{NAME}*") if path.is_file())


def _column(tag: str, split: str) -> str:
    """Write a tag as a column of a log: the split first.

    Examples
    --------
    >>> _column("Loss/train", ""), _column("epoch_loss", "val"), _column("val_loss", "")
    ('train_loss', 'val_loss', 'val_loss')
    """
    words = [word for word in re.split(r"[/_ .-]+", tag.lower()) if word]
    own = [SPLITS[word] for word in words if word in SPLITS]
    rest = [word for word in words if word not in SPLITS and word != "epoch"]
    chosen = own[-1] if own else split
    return "_".join([chosen, *rest] if chosen else rest)


def _scalars(path: Path) -> Iterator[tuple[int, str, float]]:
    for data in _records(path):
        try:
            step, entries = 0, []
            for field, kind, value in _fields(data):
                if field == 2 and kind == VARINT:
                    step = int(value)
                elif field == 5 and isinstance(value, bytes):
                    entries += [
                        _value(content) for number, shape, content in _fields(value) if (number, shape) == (1, BYTES)
                    ]
            yield from ((step, tag, scalar) for tag, scalar in entries if tag and scalar is not None)
        except (struct.error, IndexError, UnicodeDecodeError, TypeError) as error:
            raise DataError(f"{quote(path.name)} is not an event file of TensorBoard.") from error


def _records(path: Path) -> Iterator[bytes]:
    """Yield the bytes of each event."""
    try:
        with path.open("rb") as file:
            for _ in range(MOST_EVENTS):
                head = file.read(12)
                if not head:
                    return
                length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else MOST_BYTES + 1
                data = file.read(length) if length <= MOST_BYTES else b""
                if len(data) < length or len(file.read(4)) < 4:
                    raise DataError(f"{quote(path.name)} ends within an event; expected complete event files.")
                yield data
    except OSError as error:
        raise DataError(f"{quote(path.name)} cannot be read: {error.strerror}.") from error


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """Yield number, kind and value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == VARINT:
            number, place = _varint(data, place)
            yield key >> 3, kind, number
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == BYTES:
            size, place = _varint(data, place)
        if size is None or place + size > len(data):
            raise IndexError
        yield key >> 3, kind, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
        if shift > 63:
            raise IndexError


def _value(data: bytes | int) -> tuple[str, float | None]:
    """Return tag and number of one value: a plain one, or a tensor that holds a single number."""
    tag, number = "", None
    for field, kind, value in _fields(bytes(data) if isinstance(data, bytes) else b""):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8")
        elif field == 2 and kind == FIXED32 and isinstance(value, bytes):
            number = float(struct.unpack("<f", value)[0])
        elif field == 8 and isinstance(value, bytes):
            number = _tensor(value)
    return tag, number


def _tensor(data: bytes) -> float | None:
    kind, content = 0, b""
    for field, _, value in _fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field in {4, 5} and isinstance(value, bytes):
            content = value
    return float(struct.unpack("<f", content)[0]) if kind == FLOAT and len(content) == 4 else None
