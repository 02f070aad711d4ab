"""The folder in which ``monitor`` keeps its state, where the world is unkind: one message, and nothing half written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from audit.data.user_key import VARIABLE
from audit.logs import stored
from audit.logs.cells import Cells
from audit.logs.connection import connect
from audit.monitoring import tallies
from reports.store import load

CONFIG = """
[data]
log = "{log}"
target = "y"
task = "binary"
positive = 1
prediction = "p"
time = "{time}"
[monitor]
window = "month"
reference = {reference}
state = "{state}"
[report]
formats = ["json"]
"""


def month(number: int, rows: int = 40) -> pd.DataFrame:
    generator = np.random.default_rng(number)
    frame = pd.DataFrame({"t": f"2025-{number:02d}-15", "y": generator.integers(0, 2, rows)})
    return frame.assign(p=np.where(generator.random(rows) < 0.8, frame["y"], 0))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").mkdir()
    for number in (1, 2, 3):
        month(number).to_parquet(tmp_path / "log" / f"{number}.parquet")
    return tmp_path


def monitor(
    *words: str, log: str = "log/*.parquet", time: str = "t", state: str = "state", reference: str = "1"
) -> int:
    Path("audit.toml").write_text(CONFIG.format(log=log, time=time, state=state, reference=reference))
    return main(["monitor", "audit.toml", *words])


def contents(folder: Path) -> dict[str, bytes]:
    """Return what stands in a folder, the configuration apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"\0folder"
        for path in folder.rglob("*")
        if path.name != "audit.toml"
    }


def rows(folder: Path) -> dict[str, int]:
    return {path.stem: load(path).data.splits[0].rows for path in (folder / "state").glob("*.json")}


def empty_file(folder: Path) -> None:
    (folder / "log" / "4.parquet").write_bytes(b"")


def other_columns(folder: Path) -> None:
    pd.DataFrame({"t": ["2025-04-01"]}).to_parquet(folder / "log" / "4.parquet")


@pytest.mark.parametrize("spoil", [empty_file, other_columns])
def test_a_run_that_is_refused_leaves_no_folder(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder)
    before = contents(folder)
    assert monitor() == 2
    assert contents(folder) == before
    assert monitor(time="no such column") == 2
    assert contents(folder) == before


def file(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")


def link(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to("nowhere/at/all")


def loop(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(place.name)


@pytest.mark.parametrize("spoil", [file, link, loop])
@pytest.mark.parametrize("place", ["state", "state/tallies", "state/earlier"])
def test_what_is_no_folder_is_named_before_anything_is_counted(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None], place: str
) -> None:
    spoil(folder / place)
    before = contents(folder)
    assert monitor() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert folder / place == Path(said.split("'")[1]) or f"{place}/latest'" in said
    assert "folder" in said
    assert contents(folder) == before


@pytest.mark.parametrize("spoil", [link, lambda place: place.mkdir(parents=True)])
def test_what_stands_in_a_records_place_is_named_before_a_window_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None]
) -> None:
    spoil(folder / "state" / "2025-03.json")
    assert monitor() == 2
    assert "2025-03.json" in capsys.readouterr().err
    assert {path.name for path in (folder / "state").iterdir()} == {"2025-03.json", "tallies"}


def test_reports_do_not_go_among_the_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor("--out", "state/latest") == 0
    (folder / "link").symlink_to("state")
    before = contents(folder)
    capsys.readouterr()
    for out in ("state", "state/tallies", "state/2025-03", "link"):
        assert monitor("--out", out) == 2
        assert "is in the folder of records" in capsys.readouterr().err
    assert contents(folder) == before


def test_a_disk_that_is_full_while_counts_are_kept_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert monitor() == 2
    said = capsys.readouterr().err
    assert "cannot write what was counted" in said
    assert "No space left on device" in said
    assert contents(folder / "state") == {"tallies": b"\0folder"}
    assert monitor() == 0
    assert rows(folder) == {"2025-02": 40, "2025-03": 40}


def test_what_duckdb_says_of_a_full_disk_is_what_the_system_says() -> None:
    text = f'IO Error: Async write failed: {{"exception_type":"IO","errno":"{errno.ENOSPC}"}}'
    assert stored._reason(RuntimeError(text)) == os.strerror(errno.ENOSPC)


def test_two_that_keep_the_same_counts_at_once_both_succeed(tmp_path: Path) -> None:
    known = Cells(keys=pd.DataFrame({"a": [1]}), sums=pd.DataFrame({"n": [2]}))
    with connect(folder=tmp_path) as store:

        def name(_: Path) -> str:
            stored.save(known, tmp_path / "x.parquet", store, lambda _: "same.parquet")
            return "same.parquet"

        stored.save(known, tmp_path / "x.parquet", store, name)
        assert [path.name for path in tmp_path.iterdir()] == ["same.parquet"]
        assert stored.load(tmp_path / "same.parquet", store) is not None


def before_step(monkeypatch: pytest.MonkeyPatch, step: str, happen: Callable[[], object]) -> None:
    """Let something happen once, just before a step of the count."""
    real, done = getattr(tallies, step), list[bool]()

    def stepped(*given: object, **more: object) -> object:
        if not done:
            done.append(True)
            happen()
        return real(*given, **more)

    monkeypatch.setattr(tallies, step, stepped)


@pytest.mark.parametrize("step", ["_kept", "count_files", "_keep"])
def test_what_was_counted_of_a_file_that_changes_meanwhile_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = folder / "log" / "3.parquet"
    with monkeypatch.context() as patch:
        before_step(patch, step, lambda: month(3, rows=55).to_parquet(file))
        assert monitor() == 0
    assert monitor() == 0
    assert rows(folder) == {"2025-02": 40, "2025-03": 55}
    month(3).to_parquet(file)
    assert monitor() == 0
    assert rows(folder) == {"2025-02": 40, "2025-03": 40}


@pytest.mark.parametrize("step", ["agreement_of", "files_sha256", "count_files"])
def test_a_file_that_is_removed_while_the_log_is_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    with monkeypatch.context() as patch:
        before_step(patch, step, (folder / "log" / "2.parquet").unlink)
        assert monitor() == 2
    assert "log file '2.parquet' was removed while the log was read; run again." in capsys.readouterr().err
    assert monitor() == 0
    assert rows(folder) == {"2025-03": 40}


@pytest.mark.parametrize(("log", "state"), [("**/*.parquet", "state"), ("log/**/*.parquet", "log/state")])
def test_a_pattern_that_names_what_was_counted_counts_it_once(folder: Path, log: str, state: str) -> None:
    for _ in range(2):
        assert monitor(log=log, state=state) == 0
        if state != "state":
            shutil.copytree(folder / state, folder / "state", dirs_exist_ok=True)
        assert rows(folder) == {"2025-02": 40, "2025-03": 40}


def test_rows_of_a_late_file_that_are_in_no_window_are_said_in_each_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert monitor() == 0
    month(1).assign(t=None).to_parquet(folder / "log" / "4.parquet")
    for _ in range(2):
        capsys.readouterr()
        assert monitor() == 0
        assert "40 of 160 rows of the log, in '4.parquet', have no time" in capsys.readouterr().err
    assert rows(folder) == {"2025-02": 40, "2025-03": 40}
    assert not (folder / "state" / "earlier").exists()


def test_a_copy_of_a_file_is_said_in_each_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(folder / "log" / "2.parquet", folder / "log" / "9.parquet")
    month(1, rows=0).to_parquet(folder / "log" / "empty.parquet")
    month(1, rows=0).to_parquet(folder / "log" / "empty too.parquet")
    for _ in range(2):
        capsys.readouterr()
        assert monitor() == 0
        assert (
            "'9.parquet': same bytes as in an earlier file of the log; their rows count twice."
            in capsys.readouterr().err
        )


@pytest.mark.parametrize(("gone", "left"), [("1", "2025-02"), ("2", "2025-02"), ("3", "2025-03")])
def test_records_of_windows_that_the_log_has_no_longer_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], gone: str, left: str
) -> None:
    month(4).to_parquet(folder / "log" / "4.parquet")
    assert monitor() == 0
    assert "folder of records" not in capsys.readouterr().err
    before = (folder / "state" / f"{left}.json").read_bytes()
    (folder / "log" / f"{gone}.parquet").unlink()
    (folder / "state" / "mine.json").write_text("{}")
    assert monitor() == 0
    said = capsys.readouterr().err
    assert f"holds '{left}', and the log has no such window" in said
    assert (folder / "state" / f"{left}.json").read_bytes() == before


def test_a_key_that_seals_nothing_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "short")
    assert monitor() == 0
    assert "Each run counts the whole log again and makes all records again: the key" in capsys.readouterr().err
    assert list((folder / "state" / "tallies").glob("*.parquet")) == []


def test_the_exit_code_on_the_screen_is_that_of_the_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An alarm of a window that is not the last one counts, too."""
    month(2).assign(p=lambda rows: 1 - rows["y"]).to_parquet(folder / "log" / "2.parquet")
    for number in (4, 5):
        month(number).to_parquet(folder / "log" / f"{number}.parquet")
    assert monitor("--strict") == 1
    assert "(exit 1" in capsys.readouterr().out
    assert monitor("--strict") == 0
    assert "(exit 0" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["n" * 300, "nul\\u0000"])
def test_what_can_be_no_folder_is_said(folder: Path, capsys: pytest.CaptureFixture[str], state: str) -> None:
    assert monitor(state=state) == 2
    assert "cannot be a folder" in capsys.readouterr().err


def broken_record(folder: Path) -> str:
    (folder / "old.json").write_text("{}")
    return "old.json"


def file_of_the_log(_: Path) -> str:
    return "log/1.parquet"


@pytest.mark.parametrize(
    "spoil", [lambda _: "nowhere/*.parquet", lambda _: "none.json", broken_record, file_of_the_log]
)
def test_a_reference_that_cannot_be_is_said_before_anything_is_counted(
    folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], str]
) -> None:
    reference = spoil(folder)
    before = contents(folder)
    assert monitor(reference=f'"{reference}"') == 2
    assert "reference" in capsys.readouterr().err
    assert contents(folder) == before


def test_a_reference_that_is_a_copy_of_a_file_of_the_log_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(folder / "log" / "1.parquet", folder / "old.parquet")
    assert monitor(reference='"old.parquet"') == 0
    assert "'old.parquet': same bytes as in an earlier file of the log" in capsys.readouterr().err
