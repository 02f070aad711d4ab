"""What one run keeps for the next is taken up where nobody but the user can have written it, else made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.data import user_key
from audit.data.user_key import VARIABLE
from audit.gather import _stored
from audit.logs import stored
from audit.logs.connection import connect
from audit.models import exchange
from audit.monitoring import watching
from reports.record import AuditRecord
from reports.store import load

MONTHS = ("2025-01", "2025-02", "2025-03")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for month in MONTHS:
        frame = pd.DataFrame({"t": f"{month}-15", "y": generator.integers(0, 2, 400)})
        frame["p"] = np.where(generator.random(400) < 0.9, frame["y"], 1 - frame["y"])
        frame.to_csv(tmp_path / f"log-{month}.csv", index=False)
    return tmp_path


def watched(folder: Path) -> tuple[AuditRecord, ...]:
    return modelassay.monitor(
        str(folder / "log-*.csv"), time="t", target="y", prediction="p", positive=1, reference=1,
        state=folder / "state",
    )  # fmt: skip


def said(records: tuple[AuditRecord, ...]) -> list[Any]:
    return [[one.measurement for one in record.findings] for record in records]


def test_what_is_sealed_is_neither_counted_nor_made_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = watched(log)
    count, make = Mock(), Mock()
    monkeypatch.setattr("audit.monitoring.tallies.open_files", count)
    monkeypatch.setattr("audit.integrations.monitoring.execute", make)
    assert said(watched(log)) == said(first)
    assert not count.called
    assert not make.called


def forged_counts(folder: Path) -> None:
    """Turn the counts of one month around, under the name of the true ones and under that of another month."""
    one, other, *_ = sorted((folder / "state" / "tallies").glob("*.parquet"))
    with connect(folder=one.parent) as store:
        known = stored.load(one, store)
        assert known is not None
        known.sums["n"] = known.sums["n"].to_numpy()[::-1]
        stored.save(known, one, store)
    shutil.copy(other, other.with_name(other.name.replace("-", "-0")))


def forged_records(folder: Path) -> None:
    for file in sorted((folder / "state").glob("2025-*.json")):
        file.write_text(file.read_text().replace("no alarm", "all is well"))


def moved_records(folder: Path) -> None:
    one, other = sorted((folder / "state").glob("2025-*.json"))
    shutil.copy(one, other)
    shutil.copy(folder / "state" / "tallies" / f"{one.name}.seal", folder / "state" / "tallies" / f"{other.name}.seal")


@pytest.mark.parametrize("forge", [forged_counts, forged_records, moved_records])
def test_a_forged_state_makes_no_other_number(log: Path, forge: Callable[[Path], None]) -> None:
    first = watched(log)
    forge(log)
    assert said(watched(log)) == said(first)
    records = tuple(load(file) for file in sorted((log / "state").glob("2025-*.json")))
    assert said(records) == said(first)


def test_another_computer_goes_on_and_tells_nothing_twice(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = watched(log)
    monkeypatch.setenv(VARIABLE, "the secret of another computer")
    new = []

    def watch(*given: Any) -> Iterator[watching.Watched]:  # noqa: ANN401
        for one in watching.watch(*given):
            new.append(one.is_new)
            yield one

    monkeypatch.setattr("audit.integrations.monitoring.watch", watch)
    assert said(watched(log)) == said(first)
    assert new == [False, False]


def test_evidence_of_another_audit_or_another_kind_is_not_taken(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    _stored.write(tmp_path / "one" / "predictions", (1, 2))
    assert _stored.read(tmp_path / "one" / "predictions") == (1, 2)
    for name in ("one/noise", "other/predictions"):
        shutil.copy(tmp_path / "one" / "predictions", tmp_path / name)
        with pytest.raises(_stored.NotPlainError):
            _stored.read(tmp_path / name)


def test_a_planted_answer_of_an_endpoint_is_not_taken(tmp_path: Path) -> None:
    line = exchange.Exchange(url="http://127.0.0.1:9", budget=exchange.Budget(retries=0), cache=tmp_path)
    line._spend(1)
    file = line._file("u", b"rows")
    assert file is not None
    file.parent.mkdir()
    file.write_bytes(b'{"outputs": []}')
    assert exchange._known(file) is None
    line.keep("u", b"rows", b"true")
    assert exchange._known(file) == b"true"


def test_without_a_key_nothing_is_taken_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "short")
    assert user_key.seal("a", b"1") == b""
    assert user_key.without_seal("a", user_key.with_seal("a", b"1")) is None
    assert _stored.write(tmp_path / "kept", 1)
    with pytest.raises(_stored.NotPlainError):
        _stored.read(tmp_path / "kept")


def test_without_a_key_no_count_of_a_log_is_kept_or_taken_up(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = watched(log)
    tallies = log / "state" / "tallies"
    forged_counts(log)
    monkeypatch.setenv(VARIABLE, "short")
    for file in list(tallies.glob("*.parquet")):
        for seal in ("none", ""):
            shutil.copy(file, tallies / f"{file.name.partition('-')[0]}-{seal}.parquet")
    before = sorted(tallies.glob("*.parquet"))
    assert said(watched(log)) == said(first)
    assert sorted(tallies.glob("*.parquet")) == before


def test_a_record_that_says_the_same_replaces_another_without_a_trace(log: Path) -> None:
    """As where two monitors write one window: nothing is said twice."""
    record = watched(log)[-1]
    state, name = log / "state", record.data.splits[0].file.removeprefix("window ")

    def keep(record: AuditRecord) -> None:
        entry = watching.Watched(
            name, record, is_new=True, is_kept=False, reference="", warnings=(), has_other_rules=False
        )
        watching.keep([entry], state)

    keep(replace(record, findings=tuple(replace(finding, seconds=9.0) for finding in record.findings)))
    assert not (state / "earlier").exists()
    keep(replace(record, warnings=("something else",)))
    assert len(list((state / "earlier").glob(f"{name}-*.json"))) == 1
