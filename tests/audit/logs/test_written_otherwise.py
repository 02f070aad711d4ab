"""A log is read as `[data]` and `[data.csv]` say, as a table of the same rows is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.data.reading import Reading
from audit.errors import ConfigError, DataError
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.sources import open_files
from reports.record import AuditRecord, Estimate
from reports.store import load

DATA = """
[data]
{how} = "{file}"
target = "y"
positive = "yes"
prediction = "p"
score = "s"
sensitive = ["g", "k"]
rows = "keep"
{more}
[data.csv]
{written}
[report]
formats = ["json"]
"""


def frame_of(rows: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(8)
    score = generator.random(rows).round(3)
    answers = np.array(["no", "yes"])
    frame = pd.DataFrame({"y": answers[(generator.random(rows) < score).astype(int)], "s": score})
    frame["p"] = answers[(score > 0.5).astype(int)]
    frame["g"] = generator.choice(["é", "ü"], rows)
    return frame.assign(k=generator.choice([1500, 22000, 750], rows))


def points(number: object) -> str:
    return f"{number:,}".replace(",", ".")


def plain(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(file, sep=";", decimal=",", index=False)


def grouped(frame: pd.DataFrame, file: Path) -> None:
    frame.assign(k=frame["k"].map(points)).to_csv(file, sep=";", decimal=",", index=False)


def latin(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(file, sep="|", index=False, encoding="latin-1")


def wide(frame: pd.DataFrame, file: Path) -> None:
    frame.to_csv(file, index=False, encoding="utf-16")


def with_words(frame: pd.DataFrame, file: Path) -> None:
    holes = frame.astype(object)
    holes.loc[3:9, "g"], holes.loc[20:40, "k"], holes.loc[50:55, "y"] = "?", -9, "unknown"
    holes.to_csv(file, index=False)


WAYS: list[tuple[Callable[[pd.DataFrame, Path], None], str, str]] = [
    (plain, "", 'separator = ";"\ndecimal = ","'),
    (grouped, "", 'separator = ";"\ndecimal = ","\nthousands = "."'),
    (latin, "", 'separator = "|"\nencoding = "latin-1"'),
    (wide, "", 'encoding = "utf-16"'),
    (with_words, 'missing = ["?", "-9", "unknown"]\ndrop_missing_target = true', ""),
]


def run(folder: Path, how: str, more: str, written: str) -> AuditRecord:
    (folder / "audit.toml").write_text(DATA.format(how=how, file="log.csv", more=more, written=written))
    assert main(["run", str(folder / "audit.toml"), "--out", str(folder / how)]) in (0, 1)
    return load(folder / how / "audit.json")


def numbers(record: AuditRecord) -> dict[tuple[str, ...], float | None]:
    kept = ("classification", "group_performance", "disparities")
    return {
        (finding.check, estimate.metric, *map(str, sorted(estimate.where.items()))): estimate.value
        for finding in record.findings
        if finding.check in kept and finding.measurement is not None
        for estimate in finding.measurement.estimates
    }


@pytest.mark.parametrize(("write", "more", "written"), WAYS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_log_is_read_as_a_table_is(
    tmp_path: Path, write: Callable[[pd.DataFrame, Path], None], more: str, written: str
) -> None:
    write(frame_of(), tmp_path / "log.csv")
    rows, counted = (numbers(run(tmp_path, how, more, written)) for how in ("test", "log"))
    assert set(rows) == set(counted)
    assert len(rows) > 40
    for address, value in rows.items():
        assert counted[address] == (None if value is None else pytest.approx(value, abs=5e-3)), address


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (plain, r"looks separated by ';'; expected ','\. State \[data.csv\] separator = \";\", and decimal"),
        (wide, r"written in UTF-16, expected UTF-8; state \[data.csv\] encoding"),
        (
            lambda frame, file: frame.to_csv(file, index=False, encoding="latin-1"),
            r"'log.csv' cannot be read: it is not UTF-8.*state \[data.csv\] encoding",
        ),
    ],
)
def test_what_is_written_otherwise_says_what_to_state(
    tmp_path: Path, write: Callable[[pd.DataFrame, Path], None], reason: str
) -> None:
    write(frame_of(), tmp_path / "log.csv")
    with pytest.raises(DataError, match=reason):
        modelassay.run(log=str(tmp_path / "log.csv"), target="y", prediction="p", positive="yes")


@pytest.mark.parametrize("engine", ["pandas", "parquet", "arrow", "dask"])
def test_words_that_stand_for_no_value_do_so_on_every_engine(tmp_path: Path, engine: str) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install 'modelassay[tables]'")
    frame = frame_of()
    frame["w"] = np.where(frame.index % 50 == 0, "?", frame["g"])
    frame["n"] = np.where(frame.index % 40 == 0, -9, frame["k"])
    reading = Reading(missing=("?", "-9"))
    columns = LogColumns(target="y", prediction="p", sensitive=("w", "n"), reading=reading)
    if engine == "parquet":
        frame.to_parquet(tmp_path / "log.parquet")
        source = open_files([tmp_path / "log.parquet"], columns.parts(), reading=reading)
    else:
        native: object = frame
        if engine == "arrow":
            native = pytest.importorskip("pyarrow").Table.from_pandas(frame)
        if engine == "dask":
            native = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)
        source = open_frame(native, columns.parts(), missing=reading.missing)
    holes = frame.assign(w=frame["w"].where(frame["w"] != "?"), n=frame["n"].where(frame["n"] != -9).astype("Int64"))
    expected = count(open_frame(holes, columns.parts()), columns)
    assert count(source, columns).sha256() == expected.sha256()


def test_a_column_of_numbers_holds_nothing_else(tmp_path: Path) -> None:
    frame = frame_of().astype({"s": object})
    frame.loc[7, "s"] = "much"
    frame.to_csv(tmp_path / "log.csv", index=False)
    reading = Reading(number=("s",))
    parts = LogColumns(target="y", prediction="p", score="s").parts()
    with pytest.raises(DataError, match=r"column 's' must hold numbers and holds 'much'; name in \[data\] missing"):
        open_files([tmp_path / "log.csv"], parts, reading=reading)
    assert open_files([tmp_path / "log.csv"], parts, reading=Reading(number=("s",), missing=("much",))).files


def test_what_counting_cannot_read_is_kept_as_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.config.logs.MANY_ROWS", 100)
    frame_of().to_csv(tmp_path / "log.csv", index=False, encoding="cp1252")
    given = DATA.format(how="test", file="log.csv", more="", written='encoding = "cp1252"').replace('rows = "keep"', "")
    (tmp_path / "audit.toml").write_text(given)
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1)
    (tmp_path / "audit.toml").write_text(given.replace("test =", "log ="))
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) == 2


def test_numbers_as_words_are_for_csv_files(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install 'modelassay[tables]'")
    frame_of().astype({"s": str}).to_parquet(tmp_path / "log.parquet")
    with pytest.raises(ConfigError, match=r"\[data\] number is for CSV files"):
        modelassay.run(log=str(tmp_path / "log.parquet"), target="y", prediction="p", score="s", number=["s"])


def test_python_says_what_stands_for_no_value() -> None:
    frame = frame_of().assign(t=pd.date_range("2025-01-01", periods=400, freq="9h"))
    frame.loc[frame.index % 9 == 0, "g"] = "?"
    record = modelassay.run(log=frame, target="y", prediction="p", positive="yes", sensitive="g", missing=["?"])
    (last, *_) = modelassay.monitor(
        frame, time="t", target="y", prediction="p", positive="yes", sensitive="g", missing=["?"], reference=2
    )
    for one in (record, last):
        groups = {estimate.where.get("g") for estimate in estimates_of(one)}
        assert "é" in groups
        assert "?" not in groups


def estimates_of(record: AuditRecord) -> list[Estimate]:
    return [
        estimate for finding in record.findings if finding.measurement for estimate in finding.measurement.estimates
    ]
