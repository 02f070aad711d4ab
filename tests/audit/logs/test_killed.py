"""A run that is killed leaves nothing half written, and the next one goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from audit.logs.connection import connect
from audit.logs.stored import load
from reports.store import load as load_record

TOML = """
[data]
log = "log-*.parquet"
target = "y"
positive = 1
prediction = "p"
time = "t"
[report]
formats = ["json"]
[monitor]
reference = 1
"""
KILL = """
import os, signal, sys
from pathlib import Path
import audit.logs.cells, audit.monitoring.tallies, reports.together
from audit.cli import main

first = os.getpid()

def at(module, name, call):
    "End this process, and the one that it is a child of, without warning at the given call of a function."
    real, calls = getattr(module, name), [0]
    def patched(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call:
            os.kill(first, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(module, name, patched)

at({module}, {name!r}, {call})
main(["monitor", sys.argv[1]])
"""
POINTS = [
    ("audit.monitoring.tallies", "_keep", 3),  # before the third tally is written
    ("audit.logs.stored.os", "fsync", 2),  # while the second tally is written
    ("reports.together", "_write", 2),  # while records and reports are written
]


def log(folder: Path) -> None:
    (folder / "audit.toml").write_text(TOML)
    generator = np.random.default_rng(1)
    for month in range(1, 5):
        y = generator.integers(0, 2, 400)
        frame = pd.DataFrame({"y": y, "p": y ^ (generator.random(400) < 0.2), "t": pd.Timestamp(2025, month, 9)})
        frame.astype({"p": int}).to_parquet(folder / f"log-{month}.parquet")


def records(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (folder / "monitor").glob("*.json")}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("module", "name", "call"), POINTS)
def test_what_a_killed_run_counted_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, call: int
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folders = tmp_path / "whole", tmp_path / "killed"
    for folder in folders:
        folder.mkdir()
        log(folder)
    assert main(["monitor", str(folders[0] / "audit.toml")]) in (0, 1)
    code = KILL.format(module=module, name=name, call=call)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folders[1] / "audit.toml")], capture_output=True, env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    tallies = sorted((folders[1] / "monitor" / "tallies").glob("[!.]*"))
    assert len(tallies) == {"_keep": 2, "fsync": 1, "_write": 4}[name]
    with connect(*tallies) as store:
        assert all(load(one, store) is not None for one in tallies)
    for one in (folders[1] / "monitor").rglob("[!.]*.json"):
        load_record(one)
    before = [one.stat().st_mtime_ns for one in tallies]
    assert main(["monitor", str(folders[1] / "audit.toml")]) in (0, 1)
    assert [one.stat().st_mtime_ns for one in tallies] == before
    assert records(folders[1]) == records(folders[0])
    assert len(records(folders[0])) == 3
