"""The ledger of a test set's uses loses none, whoever else writes into it, and nothing else is read as one."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from audit.errors import PolicyError
from audit.judging import ledger
from audit.policy.read import Terms
from reports import together
from reports.record import AuditRecord
from reports.store import OutputError, load

RECORD = Path(__file__).resolve().parents[1] / "golden" / "record.v2.json"


def of_model(number: int) -> AuditRecord:
    record = load(RECORD)
    return replace(record, model=replace(record.model, sha256=f"{number:064d}"))


def terms(folder: Path) -> Terms:
    return Terms(max_uses=100, ledger=folder / "uses.json")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forks")
def test_audits_at_once_are_all_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ledger.read

    def slowly(path: Path) -> ledger.Uses:
        uses = read(path)
        time.sleep(0.02)
        return uses

    monkeypatch.setattr(ledger, "read", slowly)
    records = [of_model(number) for number in range(6)]
    children = []
    for record in records:
        child = os.fork()
        if child == 0:
            try:
                ledger.spend(record, terms(tmp_path))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    (models,) = read(tmp_path / "uses.json").values()
    assert set(models) == {record.model.sha256 for record in records}
    assert [one.name for one in tmp_path.iterdir()] == ["uses.json"]


def test_a_folder_that_somebody_holds_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "PATIENCE", 0)
    with together.alone(tmp_path), pytest.raises(OutputError, match="another program has been writing"):
        ledger.spend(of_model(1), terms(tmp_path))
    ledger.spend(of_model(1), terms(tmp_path))
    assert len(ledger.read(tmp_path / "uses.json")) == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, '{"rows": {"model": 1}}', "[]", "\x00"])
def test_what_is_not_a_ledger_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "uses.json").write_text(text)
    with pytest.raises(PolicyError, match="is not a ledger"):
        ledger.spend(of_model(1), terms(tmp_path))
    assert (tmp_path / "uses.json").read_text() == text


def test_pipes_links_and_folders_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "uses.json"
    (tmp_path / "mine").write_text("{}")
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to(tmp_path / "mine")):
        make(place)
        with pytest.raises(OutputError):
            ledger.spend(of_model(1), terms(tmp_path))
        place.rmdir() if place.is_dir() else place.unlink()
    with pytest.raises(OutputError):
        ledger.spend(of_model(1), terms(tmp_path / "nowhere"))
