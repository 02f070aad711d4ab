"""The log of predictions where files cannot be written: rows wait within a bound, and what is dropped is said."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.deploy.batching import Answer
from audit.deploy.prediction_log import ROW_BYTES, PredictionLog

pytest.importorskip("pyarrow")


def answer(labels: list[object]) -> Answer:
    return Answer(label=np.array(labels, dtype=object), score=None)


def add(log: PredictionLog, first: int, rows: int, text: str = "") -> None:
    log.add([str(first + row) for row in range(rows)], answer(["yes"] * rows), {"note": [text] * rows})


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(folder=tmp_path / "log", model="m", version="1", keep=("note",), memory=100 * (ROW_BYTES + 6))


def block(log: PredictionLog) -> None:
    log.folder.rmdir()
    log.folder.write_text("a file where the folder was")


def free(log: PredictionLog) -> None:
    log.folder.unlink()
    log.folder.mkdir()


def test_the_oldest_rows_are_dropped_and_said(log: PredictionLog, caplog: pytest.LogCaptureFixture) -> None:
    block(log)
    with caplog.at_level(logging.WARNING):
        for start in range(0, 400, 10):
            add(log, start, 10)
            log.flush()
    assert (log.written, log.failures) == (0, 40)
    assert log.waiting <= 100
    assert log.waiting + log.dropped == 400
    said = [line.getMessage() for line in caplog.records]
    assert "predictions cannot be written into" in said[0]
    assert "rows were dropped from the log so far" in said[1]
    assert len(said) < 10
    free(log)
    waiting = log.waiting
    log.close()
    kept = pd.concat([pd.read_parquet(file) for file in log.folder.glob("*.parquet")])
    assert log.written == len(kept) == waiting
    assert list(kept["id"]) == [str(number) for number in range(400 - waiting, 400)]
    assert log.waiting == 0


def test_long_texts_count_for_what_they_take(log: PredictionLog) -> None:
    add(log, 0, 3, "x" * 60_000)
    assert (log.waiting, log.dropped) == (1, 2)
    assert log.due()


def test_after_a_failure_the_next_attempt_waits(log: PredictionLog) -> None:
    block(log)
    log.rows = 5
    add(log, 0, 10)
    assert log.due()
    log.flush()
    assert not log.due()
    log.seconds = 0
    assert log.due()


def test_what_no_file_can_hold_does_not_keep_others_out(log: PredictionLog) -> None:
    add(log, 0, 2)
    log.add(["odd"], answer(["yes"]), {"note": [{1, 2}]})
    log.flush()
    add(log, 2, 2)
    log.flush()
    assert (log.written, log.dropped, log.waiting) == (2, 3, 0)


def test_what_cannot_be_written_at_the_end_is_said(log: PredictionLog, caplog: pytest.LogCaptureFixture) -> None:
    block(log)
    add(log, 0, 7)
    with caplog.at_level(logging.WARNING):
        log.close()
    assert "7 answered rows were dropped from the log so far: the service ends" in caplog.records[-1].getMessage()
    assert log.waiting == 0
