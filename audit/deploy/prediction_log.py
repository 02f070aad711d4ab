"""Predictions kept as Parquet files: each appears whole under its name, and none is written twice."""

from __future__ import annotations

import datetime
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.deploy.batching import Answer

FIXED = ("time", "id", "prediction", "score", "model", "version")


@dataclass(slots=True, kw_only=True, eq=False)
class PredictionLog:
    """Rows wait in memory for at most `seconds` or `rows`, then become a file.

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
        Longest time that a row waits for its file: what a killed process may lose.
    """

    folder: Path
    model: str
    version: str
    keep: Sequence[str] = ()
    rows: int = 10_000
    seconds: float = 10.0
    written: int = 0
    """Rows that are in files."""
    failures: int = 0
    """Files that could not be written; their rows wait for the next attempt."""
    _open: list[dict[str, Any]] = field(default_factory=list, init=False)
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
        with self._lock:
            self._open += rows

    def due(self) -> bool:
        """Tell whether the open rows should become a file."""
        return bool(self._open) and (len(self._open) >= self.rows or time.monotonic() - self._since >= self.seconds)

    def flush(self) -> None:
        """Write the open rows into a file of their own."""
        with self._writing:
            with self._lock:
                rows, self._open = self._open, []
                self._since = time.monotonic()
            if not rows:
                return
            try:
                self._write(rows)
            except (OSError, ValueError, TypeError):
                self.failures += 1
                with self._lock:
                    self._open = rows + self._open
                return
            self.written += len(rows)

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
