"""Logs of trainings, as other programs write them, become the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.errors import DataError
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
