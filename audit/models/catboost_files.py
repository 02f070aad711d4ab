"""CatBoost's files, looked through before its library reads them, which reads foreign memory on damaged ones.

A ``.cbm`` file is four letters, a length, and that many bytes of FlatBuffers: tables whose fields are where offsets
say. The library verifies the offsets, and trusts what the numbers mean. Behind them are the counts by category, whose
offsets it does not verify, and the dictionaries of texts, which are not looked through.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.errors import ModelError, quote

MAGIC = b"CBM1"
MOST_OUTPUTS, MOST_FEATURES = 10_000, 10_000_000
DEEPEST = 16
"""Levels of a tree whose levels all ask the same question."""
BUCKET = 254
"""Borders of a feature that one byte tells; a feature of more has several bytes."""
COUNTS = b"static_provider_v1"
"""The part that counts the target by category."""
HASH = np.dtype([("hash", "<u8"), ("place", "<u4")])
PART = np.dtype([("place", "<i4"), ("at", "<i4")])
EMPTY = 2**64 - 1
MEANS = (2, 3)
"""Kinds of counts that hold a sum and a number for each category; the others hold whole numbers."""
TREES, FACTS, PARTS = 1, 2, 3
DIMENSION, SPLITS, SIZES, STARTS = 0, 1, 2, 3
CATEGORICAL, NUMERIC, ONE_HOT, COMBINED = 4, 5, 6, 7
LEAVES, STEPS, LEAF_OF_NODE, TEXTS, ESTIMATED, BIASES, PACKED, EMBEDDINGS = 8, 10, 11, 12, 13, 16, 17, 18
"""Places of fields in their tables."""


def require_sound(path: Path) -> None:
    r"""Refuse a file that is cut off, or whose trees point outside themselves or at features that do not exist.

    Raises
    ------
    ModelError
        Naming what is wrong.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.cbm"
    ...     done = path.write_bytes(b"CBM1\xff\xff\x00\x00")
    ...     require_sound(path)
    Traceback (most recent call last):
    audit.errors.ModelError: 'model.cbm' is not a complete CatBoost model: it should hold 65,535 bytes, and holds 0.
    """
    content = path.read_bytes()
    try:
        if content[:4] != MAGIC:
            raise ValueError("it does not begin with 'CBM1'")
        (size,) = struct.unpack_from("<I", content, 4)
        if size > len(content) - 8:
            raise ValueError(f"it should hold {size:,} bytes, and holds {len(content) - 8:,}")
        root = _Table(content[8 : 8 + size], 0).follow(0)
        _require_facts(root)
        _require_trees(root.table(TREES))
        if [part.text() for part in root.tables(PARTS)][:1] == [COUNTS]:
            _require_counts(content[8 + size :], root.table(TREES))
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        said = quote(str(error), limit=200)[1:-1]
        raise ModelError(f"{quote(path.name)} is not a complete CatBoost model: {said}.") from error


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of FlatBuffers: an offset back to a list of where its fields are."""

    data: bytes
    place: int

    def number(self, place: int, form: str) -> Any:  # noqa: ANN401 -- as the form says
        """Read a number; a negative place would be read from the end."""
        if place < 0:
            raise ValueError("an offset points before its beginning")
        return struct.unpack_from(f"<{form}", self.data, place)[0]

    def follow(self, place: int) -> _Table:
        """Return the table that an offset points at."""
        return _Table(self.data, place + self.number(place, "I"))

    def field(self, index: int) -> int:
        """Return where a field is, 0 where it is not."""
        fields = self.place - self.number(self.place, "i")
        length = self.number(fields, "H")
        at = self.number(fields + 4 + 2 * index, "H") if 4 + 2 * index < length else 0
        return self.place + at if at else 0

    def table(self, index: int) -> _Table:
        """Return the table in a field."""
        if not (place := self.field(index)):
            raise ValueError("its trees are missing")
        return self.follow(place)

    def array(self, index: int, form: str | np.dtype[Any]) -> npt.NDArray[Any]:
        """Return the numbers in a field; none where it is not there."""
        if not (place := self.field(index)):
            return np.zeros(0, dtype=form)
        start = place + self.number(place, "I")
        return np.frombuffer(self.data, dtype=form, count=self.number(start, "I"), offset=start + 4)

    def tables(self, index: int) -> Iterator[_Table]:
        """Yield the tables in a field."""
        if place := self.field(index):
            start = place + self.number(place, "I")
            for at in range(self.number(start, "I")):
                yield self.follow(start + 4 + 4 * at)

    def text(self) -> bytes:
        """Return the text that stands where a table could."""
        length = self.number(self.place, "I")
        return self.data[self.place + 4 : self.place + 4 + length]

    def whole(self, index: int) -> int:
        """Return a whole number, 0 where it is left out."""
        place = self.field(index)
        return int(self.number(place, "i")) if place else 0


def _require_facts(root: _Table) -> None:
    """Refuse a file that does not say its loss function, by which its answers are read."""
    facts = {entry.array(0, "u1").tobytes(): entry.array(1, "u1").tobytes() for entry in root.tables(FACTS)}
    options = json.loads(facts.get(b"params") or b"{}")
    loss = options.get("loss_function") if isinstance(options, dict) else None
    if not isinstance(loss, dict) or not isinstance(loss.get("type"), str):
        raise ValueError("it does not say its loss function")


def _require_trees(trees: _Table) -> None:
    outputs, sizes = trees.whole(DIMENSION), trees.array(SIZES, "<i4").astype(np.int64)
    splits, leaves = trees.array(SPLITS, "<i4").astype(np.int64), trees.array(LEAVES, "<f8")
    _require(0 < outputs <= MOST_OUTPUTS, f"it has {outputs} outputs")
    _require(bool((sizes >= 0).all()) and int(sizes.sum()) == len(splits), "its trees have other sizes than they say")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else sizes
    _require(np.array_equal(trees.array(STARTS, "<i4"), starts), "its trees do not begin where they should")
    _require(bool(np.isfinite(leaves).all()), "its leaves hold numbers that are not finite")
    _require(len(trees.array(BIASES, "<f8")) in (0, outputs), "its biases are not one for each output")
    _require(bool(np.isfinite(trees.array(BIASES, "<f8")).all()), "its biases are not finite")
    _require_features(trees, splits)
    if len(pairs := trees.array(STEPS, "<u4").astype(np.int64)):
        steps = np.column_stack([pairs & 0xFFFF, pairs >> 16])
        _require_steps(trees, steps, starts + sizes, (outputs, len(leaves)))
        return
    _require(int(sizes.max(initial=0)) <= DEEPEST, "a tree is deeper than 16 levels")
    _require(int((2**sizes).sum()) * outputs == len(leaves), "its trees have other leaves than their levels make")


def _require_steps(
    trees: _Table, steps: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], shape: tuple[int, int]
) -> None:
    """Refuse nodes whose children are outside of their tree, or whose leaf does not exist."""
    outputs, leaves = shape
    leaf = trees.array(LEAF_OF_NODE, "<u4").astype(np.int64)
    _require(len(steps) == len(leaf) == (int(ends[-1]) if len(ends) else 0), "its trees have other nodes than they say")
    here = np.arange(len(steps))
    end = ends[np.searchsorted(ends, here, side="right")]
    _require(bool((here[:, None] + steps < end[:, None]).all()), "a node's child is outside of its tree")
    final = leaf[(steps == 0).any(axis=1)]
    _require(bool((final + outputs <= leaves).all()), "a node's leaf does not exist")


def _require_features(trees: _Table, splits: npt.NDArray[np.int64]) -> None:
    """Refuse questions about features or borders that do not exist."""
    numeric = [feature.array(3, "<f4") for feature in trees.tables(NUMERIC)]
    _require(
        all(bool((borders[1:] > borders[:-1]).all()) for borders in numeric), "a feature's borders are not in order"
    )
    places = [feature.whole(2) for feature in trees.tables(NUMERIC)]
    categorical = [feature.whole(1) for feature in trees.tables(CATEGORICAL)]
    places += categorical
    learned = sum(1 for index in (TEXTS, EMBEDDINGS) for _ in trees.tables(index))
    _require(learned > 0 or not any(trees.tables(ESTIMATED)), "a feature is made of texts that it does not have")
    most = MOST_FEATURES if learned else len(places)
    _require(all(0 <= place < most for place in places), "a feature's place is beyond the last")
    _require(len(set(places)) == len(places), "two features have one place")
    by_value = [feature.whole(0) for feature in trees.tables(ONE_HOT)]
    _require(all(0 <= place < len(categorical) for place in by_value), "a value is of a category that does not exist")
    if learned:
        return
    questions = [*map(len, numeric), *(len(feature.array(1, "<i4")) for feature in trees.tables(ONE_HOT))]
    questions += [len(feature.array(1, "<f4")) for feature in trees.tables(COMBINED)]
    _require(
        bool(((splits >= 0) & (splits < max(sum(questions), 1))).all()), "a tree asks for a border that does not exist"
    )
    packed = trees.array(PACKED, np.dtype([("feature", "<u2"), ("mask", "u1"), ("border", "u1")]))
    bytes_ = sum(-(-count // BUCKET) for count in questions)
    _require(len(packed) in (0, len(splits)), "its packed questions are not one for each split")
    _require(bool((packed["feature"] < max(bytes_, 1)).all()), "a tree asks for a feature that does not exist")


def _require_counts(content: bytes, trees: _Table) -> None:
    """Refuse counts by category whose places point outside them, or a hash without an end."""
    (tables,) = struct.unpack_from("<I", content, 0)
    at, classes_of = 4, {}
    for _ in range(tables):
        (size,) = struct.unpack_from("<I", content, at)
        _require(at + 4 + size <= len(content), "its counts by category are cut off")
        table = _Table(content[at + 4 : at + 4 + size], 0).follow(0)
        at += 4 + size
        kind, classes = _kind_of(table.table(0)), table.whole(4)
        _require(0 <= classes <= MOST_OUTPUTS, f"its counts have {classes} classes")
        _require_hash(table, 8 if kind[0] in MEANS else 4 * max(classes, 1))
        classes_of[kind] = max(classes, 1)
    for feature in trees.tables(COMBINED):
        count = feature.table(0)
        kind = _kind_of(count.table(0))
        _require(kind in classes_of, "a count by category is not there")
        _require(0 <= count.whole(1) < classes_of[kind], "a count is of a class that does not exist")
        _require_places(kind, trees)


def _kind_of(base: _Table) -> tuple[int, int, bytes, bytes, bytes]:
    """Return what is counted: how, of which classes, and by which categories, borders and values."""
    group = base.table(0)
    kind = int(base.number(place, "b")) if (place := base.field(1)) else 0
    categories, borders, values = group.array(0, "<i4"), group.array(1, PART), group.array(2, PART)
    return kind, base.whole(2), categories.tobytes(), borders.tobytes(), values.tobytes()


def _require_places(kind: tuple[int, int, bytes, bytes, bytes], trees: _Table) -> None:
    """Refuse counts by features that do not exist."""
    numeric, categorical = (sum(1 for _ in trees.tables(index)) for index in (NUMERIC, CATEGORICAL))
    by_category, by_border, by_value = kind[2:]
    used = [
        (np.frombuffer(by_category, dtype="<i4"), categorical),
        (np.frombuffer(by_border, dtype=PART)["place"], numeric),
        (np.frombuffer(by_value, dtype=PART)["place"], categorical),
    ]
    exist = all(bool(((places >= 0) & (places < most)).all()) for places, most in used)
    _require(exist, "a count is by a feature that does not exist")


def _require_hash(table: _Table, width: int) -> None:
    raw, values = table.array(1, "u1"), table.array(2, "u1")
    buckets = len(raw) // HASH.itemsize
    whole = len(raw) == buckets * HASH.itemsize and buckets > 0 and buckets & (buckets - 1) == 0
    _require(whole, "its categories have a broken hash")
    entries = np.frombuffer(raw.tobytes(), dtype=HASH)
    used = entries["hash"] != EMPTY
    _require(not used.all(), "its categories have a hash without an end")  # looked up until an empty place comes
    places = entries["place"][used].astype(np.int64)
    _require(bool(((places + 1) * width <= len(values)).all()), "a category's count does not exist")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
