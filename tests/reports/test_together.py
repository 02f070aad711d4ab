"""A set of files is the old one or the new one, whenever its writer is killed and whoever else writes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reports import together
from reports.store import OutputError
from reports.together import write_together

NAMES = ("a.json", "b.html", "c.md", "d.sarif")
WRITER = """
import sys
from pathlib import Path
from reports.together import write_together
names = sys.argv[3:]
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    number += 2
    write_together(Path(sys.argv[1]), {name: str(number).encode() * 2000 for name in names}, names)
"""


def contents(word: str) -> dict[str, bytes]:
    return {name: word.encode() for name in NAMES}


def seen(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def writer(folder: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(first), *NAMES]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_new_folder_is_made_whole(tmp_path: Path) -> None:
    write_together(tmp_path / "deep" / "out", contents("one"), NAMES)
    assert seen(tmp_path / "deep" / "out") == contents("one")
    assert [one.name for one in (tmp_path / "deep").iterdir()] == ["out"]


def test_what_is_not_written_anew_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_together(out, contents("one"), NAMES)
    out.chmod(0o750)
    write_together(out, {"a.json": b"two"}, NAMES)
    assert seen(out) == {**contents("one"), "a.json": b"two"}
    assert out.stat().st_mode & 0o777 == 0o750
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_things_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("x")
    (tmp_path / "sub").mkdir()
    before = tmp_path.stat().st_ino
    write_together(tmp_path, contents("one"), NAMES)
    write_together(tmp_path, contents("two"), NAMES)
    assert seen(tmp_path) == {**contents("two"), "mine.csv": b"x"}
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "sub").is_dir()


def test_the_folder_that_a_shell_stands_in_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    write_together(Path(), contents("one"), NAMES)
    write_together(Path(), contents("two"), NAMES)
    assert tmp_path.stat().st_ino == before
    assert seen(tmp_path) == contents("two")


def test_a_system_that_cannot_swap_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_swap", lambda one, other: False)
    for word in ("one", "two"):
        write_together(tmp_path / "out", contents(word), NAMES)
    assert seen(tmp_path / "out") == contents("two")
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_together(out, contents("one"), NAMES)
    (out / "a.json").unlink()
    (out / "a.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="symbolic link"):
        write_together(out, contents("two"), NAMES)
    assert (out / "b.html").read_bytes() == b"one"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        write_together(tmp_path / "file", contents("one"), NAMES)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places in one step on Linux only")
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_one_set(tmp_path: Path, kills: int) -> None:
    generator = np.random.default_rng(kills)
    out = tmp_path / "out"
    for number in range(kills):
        process = writer(out, 100 * number)
        time.sleep(float(generator.uniform(0.0, 0.2)))
        ended(process)
        if out.exists():
            found = seen(out)
            assert set(found) == set(NAMES)
            assert len(set(found.values())) == 1, "never some of the old and some of the new"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places in one step on Linux only")
def test_two_writers_at_once_leave_one_set(tmp_path: Path) -> None:
    out = tmp_path / "out"
    processes = [writer(out, first) for first in (0, 1)]
    time.sleep(0.7)
    for process in processes:
        ended(process)
    assert len(set(seen(out).values())) == 1
    assert {one.name for one in out.iterdir()} == set(NAMES)
