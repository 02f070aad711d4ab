"""Universal Binary JSON, as xgboost writes it, read within the bounds of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

DEEPEST = 50
NUMBERS: Mapping[bytes, str] = {
    b"i": ">i1",
    b"U": ">u1",
    b"I": ">i2",
    b"u": ">u2",
    b"l": ">i4",
    b"m": ">u4",
    b"L": ">i8",
    b"M": ">u8",
    b"d": ">f4",
    b"D": ">f8",
}
WORDS: Mapping[bytes, object] = {b"T": True, b"F": False, b"Z": None}


def parse(content: bytes) -> object:
    r"""Return what a file holds; arrays of one type of number as arrays of NumPy.

    Raises
    ------
    ValueError
        If it ends too early, goes on after its end, or holds something other than this format.

    Examples
    --------
    >>> parse(b"{U\x01a[$d#U\x01\x3f\x80\x00\x00U\x01b[TZ]}")
    {'a': array([1.], dtype=float32), 'b': [True, None]}
    >>> parse(b"[$d#l\x7f\xff\xff\xff")
    Traceback (most recent call last):
    ValueError: it ends too early
    """
    reader = _Reader(content=content)
    value = reader.value(reader.take(1), 0)
    if reader.place != len(content):
        raise ValueError("it goes on after its end")
    return value


def table_of(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return keys and values as a mapping.

    Raises
    ------
    ValueError
        If a key stands twice, as two readers may take two of its values.

    Examples
    --------
    >>> table_of([("a", 1)])
    {'a': 1}
    """
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"it holds {key[:80]!r} twice")
        result[key] = value
    return result


@dataclass(slots=True)
class _Reader:
    content: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= count <= len(self.content) - self.place:
            raise ValueError("it ends too early")
        self.place += count
        return self.content[self.place - count : self.place]

    def value(self, kind: bytes, depth: int) -> object:
        """Return the value whose type was just read."""
        if depth > DEEPEST:
            raise ValueError(f"it is nested over {DEEPEST} levels deep")
        if kind in NUMBERS:
            return self.numbers(kind, 1)[0].item()
        if kind in WORDS:
            return WORDS[kind]
        if kind == b"S":
            return self.text()
        if kind == b"{":
            return self.table(depth)
        if kind == b"[":
            return self.array(depth)
        raise ValueError(f"it holds a value of the unknown type {kind!r}")

    def numbers(self, kind: bytes, count: int) -> np.ndarray:
        """Return numbers of one type."""
        dtype = np.dtype(NUMBERS[kind])
        return np.frombuffer(self.take(count * dtype.itemsize), dtype).astype(dtype.newbyteorder("="))

    def size(self) -> int:
        """Return a count."""
        kind = self.take(1)
        if kind not in NUMBERS or kind in b"dD":
            raise ValueError("it holds a count that is not a whole number")
        return int(self.numbers(kind, 1)[0])

    def text(self) -> str:
        """Return a text."""
        return self.take(self.size()).decode("utf-8")

    def table(self, depth: int) -> dict[str, object]:
        """Return keys and values."""
        pairs = []
        while self.content[self.place : self.place + 1] != b"}":
            key = self.text()
            pairs.append((key, self.value(self.take(1), depth + 1)))
        self.take(1)
        return table_of(pairs)

    def array(self, depth: int) -> object:
        """Return a list, or an array of numbers of one type."""
        kind = self.take(1)
        if kind == b"$":
            of = self.take(1)
            if of not in NUMBERS or self.take(1) != b"#":
                raise ValueError("it holds an array of an unknown type")
            return self.numbers(of, self.size())
        if kind == b"#":
            count = self.size()
            if not 0 <= count <= len(self.content) - self.place:
                raise ValueError("it ends too early")
            return [self.value(self.take(1), depth + 1) for _ in range(count)]
        result = []
        while kind != b"]":
            result.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return result
