"""Predictions kept as Parquet files: each appears whole under its name, and none is written twice."""

from __future__ import annotations

import datetime
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.deploy.batching import Answer
from audit.errors import quote

FIXED = ("time", "id", "prediction", "score", "model", "version")
ROW_BYTES = 1000
"""What a row takes in memory beside its texts."""
LOGGER = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class PredictionLog:
    """Rows wait in memory for at most `seconds` or `rows`, then become a file.

    Where a file cannot be written, its rows wait for the next attempt; of more than `memory` bytes the oldest are
    dropped and counted. What is dropped is said on standard error.

    Columns are ``time`` (UTC), ``id``, ``prediction``, ``score`` (of the second class in a binary task, of the
    predicted one among several; missing in regression), ``model``, ``version`` and the chosen inputs.

    Parameters
    ----------
    folder : Path
    model, version : str
    keep : sequence of str
        Inputs that are kept beside the answer.
    rows : int
        Rows to a file.
    seconds : float
        Longest time that a row waits for its file: what a killed process may lose. Also from a failed attempt to the
        next.
    memory : int
        Bytes of rows that wait at most; an eighth of it becomes a file at once.
    """

    folder: Path
    model: str
    version: str
    keep: Sequence[str] = ()
    rows: int = 10_000
    seconds: float = 10.0
    memory: int = 256 << 20
    written: int = 0
    """Rows that are in files."""
    failures: int = 0
    """Files that could not be written."""
    dropped: int = 0
    """Rows that are lost: what waited longest, or could not be written whatever the disk."""
    _open: deque[tuple[dict[str, Any], int]] = field(default_factory=deque, init=False)
    _size: int = field(default=0, init=False)
    _failing: bool = field(default=False, init=False)
    _reported: int = field(default=0, init=False)
    _since: float = field(default_factory=time.monotonic, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _number: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, ids: Sequence[str], answer: Answer, values: Mapping[str, Sequence[Any]]) -> None:
        """Take the rows of one request."""
        now = datetime.datetime.now(tz=datetime.UTC)
        scores = _scores(answer)
        rows = [
            {
                "time": now,
                "id": ids[row],
                "prediction": _plain(answer.label[row]),
                "score": None if scores is None else float(scores[row]),
                "model": self.model,
                "version": self.version,
                **{name: values[name][row] for name in self.keep},
            }
            for row in range(len(answer.label))
        ]
        self._wait(
            (row, ROW_BYTES + sum(len(value) for value in row.values() if isinstance(value, str))) for row in rows
        )

    @property
    def waiting(self) -> int:
        """Rows that are in no file yet."""
        return len(self._open)

    def _wait(self, rows: Iterable[tuple[dict[str, Any], int]]) -> None:
        """Put rows behind those that wait; drop the oldest of what is too much."""
        gone = 0
        with self._lock:
            for row, size in rows:
                self._open.append((row, size))
                self._size += size
            while self._size > self.memory:
                self._size -= self._open.popleft()[1]
                gone += 1
        if gone:
            self._drop(gone, f"more than {self.memory >> 20} MiB wait to be written")

    def _drop(self, rows: int, why: str) -> None:
        self.dropped += rows
        if self.dropped >= 2 * self._reported:  # not a line for every request while the disk is full
            self._reported = self.dropped
            LOGGER.warning("modelassay: %d answered rows were dropped from the log so far: %s", self.dropped, why)

    def due(self) -> bool:
        """Tell whether the open rows should become a file."""
        many = len(self._open) >= self.rows or 8 * self._size >= self.memory
        return bool(self._open) and ((many and not self._failing) or time.monotonic() - self._since >= self.seconds)

    def flush(self) -> None:
        """Write the open rows into a file of their own; rows that no file can hold are dropped."""
        with self._writing:
            with self._lock:
                rows, self._open, self._size = self._open, deque(), 0
                self._since = time.monotonic()
            if not rows:
                return
            try:
                self._write([row for row, _ in rows])
            except OSError as error:
                self._fail(error, "they wait for the next attempt")
                with self._lock:
                    later, self._open, self._size = self._open, deque(), 0
                self._wait([*rows, *later])
                return
            except Exception as error:  # a value that Parquet does not know
                self._fail(error, "they are dropped")
                self._drop(len(rows), "they hold what a Parquet file cannot")
                return
            self._failing = False
            self.written += len(rows)

    def _fail(self, error: Exception, then: str) -> None:
        self.failures += 1
        if not self._failing:
            said = quote(f"{type(error).__name__}: {error}", limit=200)
            LOGGER.warning("modelassay: predictions cannot be written into %s (%s); %s", quote(self.folder), said, then)
        self._failing = True

    def close(self) -> None:
        """Write what waits; say how many rows could not be written."""
        self.flush()
        if self._open:
            self._reported = 0
            self._drop(len(self._open), "the service ends, and they could not be written")
            self._open.clear()

    def _write(self, rows: list[dict[str, Any]]) -> None:
        import pandas as pd

        stamp = datetime.datetime.now(tz=datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
        self._number += 1
        file = self.folder / f"predictions-{stamp}-{os.getpid()}-{self._number:06d}.parquet"
        part = file.with_name(f".{file.name}.part")
        try:
            pd.DataFrame(rows, columns=[*FIXED, *self.keep]).to_parquet(part, index=False)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)


def _scores(answer: Answer) -> Any:  # noqa: ANN401 -- an array or None
    if answer.score is None:
        return None
    return answer.score[:, 1] if answer.score.shape[1] == 2 else answer.score.max(axis=1)


def _plain(value: Any) -> Any:  # noqa: ANN401 -- a label of any kind
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, float) else str(value)
