"""``[data] dask``: Parquet files that Dask counts give the record that DuckDB gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main

TOML = """
[data]
log = "logs/*.parquet"
labels = "later.parquet"
target = "y"
positive = 1
favorable = 1
prediction = "p"
score = "s"
sensitive = ["sex"]
time = "t"
id = "id"
{dask}
[report]
formats = ["json"]
[monitor]
reference = 1
"""
pytestmark = pytest.mark.filterwarnings("ignore")  # of what engines call in each other


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of decisions, and labels of most of them in another."""
    pytest.importorskip("dask.dataframe", reason="Dask is not installed; pip install 'modelassay[dask]'")
    pytest.importorskip("pyarrow", reason="Dask reads Parquet by pyarrow, which is not installed")
    generator, n = np.random.default_rng(5), 900
    y = generator.integers(0, 2, n)
    s = np.clip(generator.normal(0.3 + 0.4 * y, 0.2), 0.0, 1.0).astype("float32")
    frame = pd.DataFrame({"id": np.arange(n), "y": y, "p": (s >= 0.5).astype(int), "s": s})
    frame["sex"] = generator.choice(np.array(["f", "m", None], dtype=object), n)
    frame["t"] = pd.Timestamp("2025-01-06") + pd.to_timedelta(generator.integers(0, 28, n), unit="D")
    (tmp_path / "logs").mkdir()
    for place in range(3):
        frame[place::3].drop(columns="y").to_parquet(tmp_path / "logs" / f"{place}.parquet")
    frame.sample(frac=0.8, random_state=1)[["id", "y"]].to_parquet(tmp_path / "later.parquet")
    return tmp_path


def told(folder: Path, dask: str, *words: str) -> dict[str, str]:
    """Return what the records say, by file, without where Dask is."""
    out = folder / f"out{len(list(folder.glob('out*')))}"
    where = f'dask = "{dask}"' if dask else ""
    (folder / "audit.toml").write_text(TOML.format(dask=where).replace("[monitor]", f'[monitor]\nstate = "{out.name}"'))
    last = ("--out", str(out)) if words[0] == "run" else ()
    assert main([words[0], str(folder / "audit.toml"), *words[1:], *last]) in (0, 1, 3)
    texts = {file.name: file.read_text() for file in out.glob("*.json")}
    return {
        name: text.replace(f'"{dask}"' if dask else "null", "null").replace(f'"{out.name}"', '"out"')
        for name, text in texts.items()
    }


@pytest.mark.parametrize("words", [("run",), ("monitor", "--window", "week"), ("monitor", "--window", "200")])
def test_dask_gives_the_same_records(folder: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    expected = told(folder, "", *words)
    assert expected
    assert told(folder, "local", *words) == expected


SCHEDULED = """
import distributed, pathlib, sys
from audit.cli import main

folder = pathlib.Path(sys.argv[1])
where = {"protocol": "tcp", "host": "127.0.0.1", "processes": False, "dashboard_address": None}
with distributed.LocalCluster(n_workers=1, **where) as nodes:
    text = (folder / "audit.toml").read_text().replace("local", nodes.scheduler_address)
    (folder / "audit.toml").write_text(text)
    code = main(["run", str(folder / "audit.toml"), "--out", str(folder / "scheduled")])
text = (folder / "scheduled" / "audit.json").read_text().replace(nodes.scheduler_address, "local")
(folder / "scheduled" / "audit.json").write_text(text)
(folder / "audit.toml").write_text((folder / "audit.toml").read_text().replace(nodes.scheduler_address, "nowhere"))
refused = main(["run", str(folder / "audit.toml"), "--out", str(folder / "nowhere")])
sys.exit(0 if code in (0, 1, 3) and refused == 2 else 1)
"""


def test_a_scheduler_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: the scheduler's threads must not outlive it in one that other tests fork."""
    pytest.importorskip("distributed", reason="distributed is not installed; pip install 'modelassay[dask]'")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    expected = told(folder, "local", "run")["audit.json"]
    command = [sys.executable, "-c", SCHEDULED, str(folder)]
    end = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert end.returncode == 0, end.stderr
    assert "Dask scheduler 'nowhere' does not answer" in " ".join(end.stderr.split())
    assert not (folder / "nowhere" / "audit.json").exists()
    scheduled = (folder / "scheduled" / "audit.json").read_text()
    assert scheduled.replace('"dask": "local"', '"dask": null').replace('"out0"', '"out"') == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("table", "[data] dask counts the Parquet files of 'log'; leave 'table' and 'spark' out"),
        ("csv", "log file 'more.csv': of files, Dask reads Parquet"),
        ("column", "score column 's' is not in '3.parquet'"),
        ("type", "column 'id' has type"),
    ],
)
def test_what_dask_cannot_count(folder: Path, capsys: pytest.CaptureFixture[str], change: str, words: str) -> None:
    text = TOML.format(dask='dask = "local"')
    first = pd.read_parquet(folder / "logs" / "0.parquet")
    if change == "table":
        text = text.replace('dask = "local"', 'dask = "local"\ntable = "t"')
    elif change == "csv":
        first.to_csv(folder / "more.csv", index=False)
        text = text.replace("logs/*.parquet", "more.csv")
    elif change == "column":
        first.drop(columns="s").to_parquet(folder / "logs" / "3.parquet")
    elif change == "type":
        first.assign(id="a" + first["id"].astype(str)).to_parquet(folder / "logs" / "3.parquet")
    (folder / "audit.toml").write_text(text)
    assert main(["run", str(folder / "audit.toml"), "--out", str(folder / "out")]) == 2
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert not (folder / "out" / "audit.json").exists()
