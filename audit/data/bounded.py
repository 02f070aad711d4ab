"""How much a file may unfold to, so that a small hostile one cannot fill the memory.

A compressed file may decompress to 256 MiB, or to a hundred times its size where that is more, and to 8 GiB at
most; a table may hold 1,000,000,000 values in 100,000 columns. Whoever has more unpacks it, or takes a sample.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from audit.errors import DataError, quote
from audit.optional import require

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
LEAST_BYTES = 256 << 20
MOST_BYTES = 8 << 30
MOST_RATIO = 100
MOST_VALUES = 1_000_000_000
MOST_COLUMNS = 100_000
BLOCK = 1 << 20


def allowed_bytes(size: int) -> int:
    """Return how many bytes a compressed file of `size` bytes may unfold to.

    Examples
    --------
    >>> allowed_bytes(1000) == 256 << 20, allowed_bytes(10 << 20) == 1000 << 20
    (True, True)
    """
    return min(max(LEAST_BYTES, MOST_RATIO * size), MOST_BYTES)


def require_size(rows: int, columns: int, name: str) -> None:
    """Refuse a table before it is read that nobody's memory would hold.

    Raises
    ------
    DataError
        If it has over 100,000 columns or 1,000,000,000 values.

    Examples
    --------
    >>> require_size(1000, 20, "t.csv")
    """
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{quote(name)} has {columns:,} columns; at most {MOST_COLUMNS:,} are read. "
            "Keep those that the model needs."
        )
    if rows * columns > MOST_VALUES:
        raise DataError(
            f"{quote(name)} declares {rows:,} rows of {columns:,} columns; at most {MOST_VALUES:,} values are read. "
            "Take a sample of its rows."
        )
    require_memory(8 * rows * columns, name)


def require_memory(size: int, name: str) -> None:
    """Refuse a table that this machine cannot hold, before any of it is read.

    Raises
    ------
    DataError
        If it takes more than half of the memory, as a table is copied while it is audited.
    """
    memory = machine_memory()
    if memory and size > memory // 2:
        raise DataError(
            f"{quote(name)} takes {size / 2**30:,.1f} GiB, more than half of this machine's memory "
            f"({memory / 2**30:,.1f} GiB). Have it counted without loading it: write the model's answers beside its "
            f"rows and name it as [data] log = {quote(name)}; or take a sample of its rows."
        )


@cache
def machine_memory() -> int:
    """Return the bytes of memory that this machine, or the container it stands in, has; 0 where that is not known."""
    numbers = []
    with suppress(ValueError, OSError, AttributeError):
        numbers.append(int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    with suppress(ValueError, OSError):
        numbers.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min((number for number in numbers if number > 0), default=0)


@contextmanager
def open_bounded(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that may be compressed; what unfolds beyond the bound is refused while it is read.

    Raises
    ------
    DataError
        If it decompresses to more than `allowed_bytes`, or a ``.zip`` holds more than one file.
    """
    suffix = path.suffix.lower()
    if suffix not in COMPRESSED:
        require_memory(path.stat().st_size, path.name)
        with path.open("rb") as plain:
            yield plain
        return
    yield io.BytesIO(_take(_blocks(path, suffix), path))


def _take(blocks: Iterator[bytes], path: Path) -> bytes:
    most = allowed_bytes(path.stat().st_size)
    kept, size = [], 0
    for block in blocks:
        size += len(block)
        if size > most:
            raise DataError(
                f"{quote(path.name)} decompresses to more than {most >> 20:,} MiB, over {MOST_RATIO} times its size; "
                "if it is meant to, unpack it first."
            )
        kept.append(block)
    return b"".join(kept)


def _blocks(path: Path, suffix: str) -> Iterator[bytes]:
    if suffix == ".zst":
        yield from _zstandard_blocks(path)
        return
    with _unfolding(path, suffix) as stream:
        while block := stream.read(BLOCK):
            yield block


@contextmanager
def _unfolding(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    if suffix != ".zip":
        readers: dict[str, Callable[[Path, str], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
        reader = readers[suffix]
        with reader(path, "rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive:
        names = [text for text in archive.namelist() if not text.endswith("/") and not text.startswith("__MACOSX")]
        if len(names) != 1:
            raise DataError(f"{quote(path.name)} holds {len(names)} files; expected one table.")
        with archive.open(names[0]) as member:
            yield member


def _zstandard_blocks(path: Path) -> Iterator[bytes]:
    """Unfold frame by frame; a frame that does not end is reported, which the library's own stream passes over."""
    zstandard = require("zstandard", extra="tables", purpose="tables that end in .zst")
    frame = zstandard.ZstdDecompressor().decompressobj()
    with path.open("rb") as raw:
        while block := raw.read(1024):  # a KiB may unfold to 32 MiB
            while block:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(block)
                block = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise DataError(f"{quote(path.name)} ends in the middle of its data; it is cut off.")
