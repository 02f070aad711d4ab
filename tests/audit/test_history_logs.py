"""Logs of trainings, as other programs write them, become the same rows."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.errors import DataError
from audit.evidence import HistoryRow
from audit.evidence.history import read_history

LIGHTNING = (
    "epoch,lr-Adam,step,train_loss_epoch,train_loss_step,val_acc,val_loss\n0,,9,,0.9,,\n0,,9,,,0.5,0.7\n0,,9,0.8,,,\n"
)
KERAS = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,0.8,0.5,0.7\n"
FASTAI = "epoch,train_loss,valid_loss,accuracy,time\n0,0.8,0.7,0.5,00:01\n"
OURS = "epoch,split,quantity,value\n1,train,loss,0.8\n1,validation,loss,0.7\n"


@pytest.mark.parametrize("text", [LIGHTNING, KERAS, FASTAI, OURS])
def test_losses_are_found(text: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    rows = {(row.epoch, row.split, row.quantity): row.value for row in read_history(path)}
    assert rows[1, "train", "loss"] == 0.8
    assert rows[1, "validation", "loss"] == 0.7


def test_a_loss_that_is_no_number_stays_a_fact() -> None:
    rows = read_history([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": "nan"}])
    assert [row.value for row in rows] == [1.0, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no rows"),
        ("a,b\n1,2\n", "no column of losses.*'a', 'b'"),
        ("epoch,split,quantity,value\nx,a,b,1\n", "whole number"),
    ],
)
def test_what_is_no_log_is_told(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_history(path)


# --- event files of TensorBoard, written by hand as its format says ----------------------------------


def _varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _event(step: int, tag: str, value: float, *, tensor: bool = False) -> bytes:
    plain = _varint(2 << 3 | 5) + struct.pack("<f", value)
    whole = _field(8, _varint(1 << 3) + _varint(1) + _field(4, struct.pack("<f", value)))
    summary = _field(1, _field(1, tag.encode()) + (whole if tensor else plain))
    data = _varint(1 << 3 | 1) + struct.pack("<d", 0.0) + _varint(2 << 3) + _varint(step) + _field(5, summary)
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


def _loss(rows: tuple[HistoryRow, ...]) -> dict[tuple[int, str], float | None]:
    return {(row.epoch, row.split): row.value for row in rows if row.quantity == "loss"}


LOSSES = {(1, "train"): 1.0, (2, "train"): 0.5, (1, "validation"): 2.0, (2, "validation"): 1.5}


def test_events_of_lightning_are_numbered_by_its_epochs(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.17.host.1.0"
    parts = []
    for epoch, (train, held) in enumerate([(1.0, 2.0), (0.5, 1.5)]):
        step = 49 + 50 * epoch
        for tag, value in (("epoch", epoch), ("train_loss", train), ("val_loss", held), ("val_acc", 0.5)):
            parts.append(_event(step, tag, value))
    path.write_bytes(b"".join(parts))
    parts.insert(3, _event(20, "train_loss", 1.0))
    path.write_bytes(b"".join(parts))
    for log in (path, tmp_path, str(path)):
        rows = read_history(log)
        assert _loss(rows) == LOSSES
        assert [row.value for row in rows if row.quantity == "score"] == [0.5, 0.5]


def test_events_of_keras_take_their_split_from_the_folder(tmp_path: Path) -> None:
    for folder, values in (("train", (1.0, 0.5)), ("validation", (2.0, 1.5))):
        (tmp_path / folder).mkdir()
        events = [_event(epoch, "epoch_loss", value, tensor=True) for epoch, value in enumerate(values)]
        (tmp_path / folder / "events.out.tfevents.1.v2").write_bytes(b"".join(events))
    assert _loss(read_history(tmp_path)) == LOSSES


def test_events_of_a_writer_of_torch_take_it_from_the_tag(tmp_path: Path) -> None:
    events = [_event(step, "Loss/train", value) for step, value in ((1, 1.0), (2, 0.5))]
    events += [_event(step, "Loss/val", value) for step, value in ((1, 2.0), (2, 1.5))]
    (tmp_path / "events.out.tfevents.1").write_bytes(b"".join(events))
    assert _loss(read_history(tmp_path)) == LOSSES


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-3],
        lambda _: b"\xff" * 40,
        lambda data: data[:12] + b"\x0f" * (len(data) - 12),
    ],
)
def test_event_files_that_are_broken_are_told(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(damage(_event(1, "train_loss", 1.0)))
    with pytest.raises(DataError, match=r"ends within an event|not an event file of TensorBoard"):
        read_history(path)


def test_a_log_that_is_not_there_names_both_kinds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a CSV with a row an epoch, or TensorBoard's event files"):
        read_history(tmp_path / "events.out.tfevents.1")
