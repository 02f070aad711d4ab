"""Times of a log: zones, however they are written."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from audit.logs.cells import WINDOW
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.sources import open_files
from audit.logs.windows import window_name

COLUMNS = LogColumns(target="y", prediction="p", time="t")
EPOCH = pd.Timestamp("1970-01-01")


def days(folder: Path, times: list[str], kind: str) -> dict[str, int]:
    """Return how many rows each day has, of a file of texts."""
    frame = pd.DataFrame({"t": times, "y": 0, "p": 1})
    file = folder / f"log.{kind}"
    frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
    cells = count(open_files([file], COLUMNS.parts()), COLUMNS, window="day")
    dates = [str((EPOCH + pd.Timedelta(days=int(number))).date()) for number in cells.keys[WINDOW]]
    return dict(zip(dates, cells.sums["n"].tolist(), strict=True))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("zone", ["+01:00", "+0100", "+01", " Europe/Berlin", "Z", ""])
def test_times_with_a_zone_are_those_of_utc(tmp_path: Path, zone: str, kind: str) -> None:
    times = [f"2025-01-02 00:30:00{zone}", "2025-01-02 00:30:00", "2025-01-02T00:30:00-05:30"]
    expected = {"2025-01-02": 3} if zone in ("Z", "") else {"2025-01-01": 1, "2025-01-02": 2}
    assert days(tmp_path, times, kind) == expected


def test_the_hour_that_comes_twice_in_autumn_is_two(tmp_path: Path) -> None:
    hours = pd.date_range("2025-10-25T22:00", periods=26, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    assert days(tmp_path, [str(hour) for hour in hours], "csv") == {"2025-10-25": 2, "2025-10-26": 24}


@pytest.mark.parametrize("window", ["day", "week", "month", "10"])
@pytest.mark.parametrize("time", ["0000-05-05", "-0044-03-15", "0001-12-31 (BC)", "-infinity", None])
def test_a_time_before_the_year_1_is_in_no_window(tmp_path: Path, window: str, time: str | None) -> None:
    frame = pd.DataFrame({"t": [time, "0001-01-01", "2025-01-01"], "y": 0, "p": 1})
    frame.to_csv(tmp_path / "log.csv", index=False)
    cells = count(open_files([tmp_path / "log.csv"], COLUMNS.parts()), COLUMNS, window=window)
    assert (cells.rows, cells.lost, cells.timeless) == (3, 1, ("log.csv",))
    names = [window_name(number, window) for number in cells.windows()]
    first = {"day": "0001-01-01", "week": "0001-W01", "month": "0001-01", "10": "rows 1 to 10"}[window]
    assert names[0] == first
    assert names == sorted(names)


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow"])
def test_the_first_year_of_windows_is_that_of_every_engine(engine: str) -> None:
    times = [datetime.datetime(1, 1, 1), datetime.datetime(2025, 1, 1), None]
    if engine == "pandas":
        frame: object = pd.DataFrame({"t": np.array(times, dtype="datetime64[us]"), "y": 0, "p": 1})
    elif engine == "polars":
        frame = pytest.importorskip("polars").DataFrame({"t": times, "y": [0] * 3, "p": [1] * 3})
    else:
        frame = pytest.importorskip("pyarrow").table({"t": times, "y": [0] * 3, "p": [1] * 3})
    cells = count(open_frame(frame, COLUMNS.parts()), COLUMNS, window="week")
    assert [window_name(number, "week") for number in cells.windows()] == ["0001-W01", "2025-W01"]
    assert cells.lost == 1


def test_a_zone_that_does_not_exist_is_no_time(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 1 values that are not times, such as '2025-01-02 00:30:00 noon'"):
        days(tmp_path, ["2025-01-02 00:30:00 noon"], "parquet")
