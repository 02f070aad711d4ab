"""Weights and amounts of many files are added up together as if each file was counted alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import audit.monitoring.tallies
from audit.cli import main
from audit.config.configuration import DataTable
from audit.errors import DataError
from audit.logs.adding import add
from audit.logs.columns import LogColumns
from audit.logs.counting import count, count_files
from audit.logs.sources import open_files
from audit.logs.units import units_of
from audit.monitoring.tallies import count_windows
from reports.store import load

pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install 'modelassay[tables]'")
CLASSES = LogColumns(target="y", prediction="p", score="s", weight="w", time="t")
AMOUNTS = LogColumns(target="a", prediction="b", weight="w", time="t", amounts=True)
SIZES = (50, 50, 700, 0, 50, 3, 50)


def write_log(folder: Path, kind: str) -> list[Path]:
    """Files whose weights and amounts differ widely; of one all weights are 0, and one of Parquet is empty."""
    generator = np.random.default_rng(3)
    files = []
    for place, n in enumerate(size for size in SIZES if size or kind == "parquet"):
        frame = pd.DataFrame({"y": generator.integers(0, 2, n), "s": generator.random(n).round(3)})
        frame["p"] = (frame["s"] > 0.5).astype(int)
        frame["a"] = generator.lognormal(0, 1 + place % 3, n)
        frame["b"] = frame["a"] * generator.normal(1, 0.1, n)
        frame["w"] = generator.random(n) * 10.0 ** (place % 3) * (place != 5)
        frame["t"] = pd.Timestamp(2025, 1 + place, 7)
        files.append(folder / f"log-{place}.{kind}")
        if kind == "csv":
            frame.to_csv(files[-1], index=False)
        else:
            frame.to_parquet(files[-1], index=False)
    return files


@pytest.mark.parametrize("columns", [CLASSES, AMOUNTS], ids=["classes", "amounts"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_counted_together_are_those_counted_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, columns: LogColumns
) -> None:
    files = write_log(tmp_path, kind)
    alone = [count(open_files([file], columns.parts()), columns, window="month") for file in files]
    passes: list[int] = []

    def count_some(*args: object, **kwargs: object) -> object:
        passes.append(1)
        return count_files(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(audit.monitoring.tallies, "count_files", count_some)
    data = DataTable(log=f"log-*.{kind}", target=columns.target, prediction=columns.prediction, weight="w", time="t")
    together = count_windows(data, tmp_path, columns, "month", None)
    expected = add(alone)
    assert (together.sha256(), together.scales) == (expected.sha256(), expected.scales)
    assert 1 < len(passes) < len(files) - 1


def test_units_of_a_file_do_not_depend_on_other_files(tmp_path: Path) -> None:
    files = write_log(tmp_path, "parquet")
    source = open_files(files, CLASSES.parts())
    together = units_of(source.frame, CLASSES, source.frame.collect_schema(), by_file=True)
    assert len(together) == len(files) - 1  # one has no rows
    for file in files:
        own = open_files([file], CLASSES.parts()).frame
        assert together.get(str(file)) in (None, units_of(own, CLASSES, own.collect_schema())[""])


def test_a_bad_weight_is_said_with_its_file(tmp_path: Path) -> None:
    files = write_log(tmp_path, "parquet")
    frame = pd.read_parquet(files[2])
    frame.loc[5, "w"] = -1.0
    frame.to_parquet(files[2], index=False)
    data = DataTable(log="log-*.parquet", target="y", prediction="p", score="s", weight="w", time="t")
    with pytest.raises(
        DataError, match=r"weight column 'w' has 1 missing, negative or infinite weights in 'log-2.parquet'"
    ):
        count_windows(data, tmp_path, CLASSES, "month", None)


def test_a_window_without_weight_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path, "parquet")
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log-*.parquet"\ntarget = "y"\npositive = 1\nprediction = "p"\ntime = "t"\nweight = "w"\n'
        '[report]\nformats = ["json"]\n[monitor]\nreference = 2\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) in (0, 1)
    assert "2025-06: no alarm" not in capsys.readouterr().err
    record = load(tmp_path / "monitor" / "2025-06.json")
    assert record.data.splits[0].rows == 3
    assert main(["monitor", str(tmp_path / "audit.toml")]) in (0, 1)  # with what was kept
    for file in tmp_path.glob("log-*.parquet"):
        pd.read_parquet(file).assign(w=0.0).to_parquet(file, index=False)
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 2
    assert "weight column 'w' is 0 in every row" in " ".join(capsys.readouterr().err.split())
