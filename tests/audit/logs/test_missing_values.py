"""Values that are missing, whichever way a file says so: NaN, null, and columns without any value and type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.errors import DataError
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.engines import open_dask
from audit.logs.frames import open_frame
from audit.logs.sources import open_files
from reports.store import load

arrow: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install 'modelassay[tables]'")
parquet: Any = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("pyarrow.compute")
COLUMNS = LogColumns(
    target="y", prediction="p", score="s", sensitive=("size", "age"), bins={"age": (30.0,)}, weight="w"
)


def with_nan(width: str = "float64") -> pd.DataFrame:
    """Numbers of which every range is inside the limits, if NaN is left out, as files state it."""
    generator = np.random.default_rng(2)
    frame = pd.DataFrame({"y": generator.integers(0, 2, 90).astype(width), "p": generator.integers(0, 2, 90)})
    frame["s"] = generator.choice([0.1, 0.5, 0.9], 90).astype(width)
    frame["size"] = generator.choice([1.5, 2.0], 90)
    frame["age"] = generator.choice([20.0, 40.0], 90)
    for place, name in enumerate(("y", "s", "size", "age")):
        frame.loc[place * 7 : place * 7 + 4, name] = np.nan
    return frame.assign(w=generator.choice([0.5, 2.0], 90))


def written(frame: pd.DataFrame, path: Path) -> Path:
    """Write NaN as NaN, and not as null, as Spark, Polars and Arrow do."""
    columns = {name: arrow.array(frame[name].to_numpy(), from_pandas=False) for name in frame}
    parquet.write_table(arrow.table(columns), path)
    return path


@pytest.mark.parametrize("width", ["float32", "float64"])
def test_nan_in_a_file_is_missing(tmp_path: Path, width: str) -> None:
    frame = with_nan(width)
    file = written(frame, tmp_path / "log.parquet")
    expected = count(open_frame(frame, COLUMNS.parts()), COLUMNS).sha256()
    assert count(open_files([file], COLUMNS.parts()), COLUMNS).sha256() == expected
    relation = connect(file).sql(f"FROM '{file}'")  # of the user's own, which trusts what files state, too
    assert count(open_frame(relation, COLUMNS.parts()), COLUMNS).sha256() == expected


def test_nan_among_amounts_is_a_label_that_has_not_come(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    frame = pd.DataFrame({"y": generator.random(60), "p": generator.random(60)})
    frame.loc[:9, "y"] = np.nan
    file = written(frame, tmp_path / "log.parquet")
    columns = LogColumns(target="y", prediction="p", amounts=True)
    expected = count(open_frame(frame, columns.parts()), columns)
    assert count(open_files([file], columns.parts()), columns).sha256() == expected.sha256()


def test_a_label_of_nan_is_not_early(tmp_path: Path) -> None:
    frame = with_nan().assign(t=pd.Timestamp("2025-01-02"), known=pd.Timestamp("2025-01-01"))
    frame.loc[:4, "y"] = np.nan
    columns = LogColumns(target="y", prediction="p", time="t", label_time="known")
    parquet.write_table(arrow.Table.from_pandas(frame, preserve_index=False), tmp_path / "null.parquet")
    plain = {name: arrow.array(frame[name].to_numpy(), from_pandas=False) for name in ("y", "p")}
    times = {name: arrow.array(frame[name]) for name in ("t", "known")}
    parquet.write_table(arrow.table(plain | times), tmp_path / "nan.parquet")
    cells = [count(open_files([tmp_path / f"{name}.parquet"], columns.parts()), columns) for name in ("null", "nan")]
    assert cells[0].sums["early_sum"].sum() == cells[1].sums["early_sum"].sum() == 85


def months(folder: Path, *, last: dict[str, object]) -> pd.DataFrame:
    """Write three weeks as pandas does; in the last, some columns have no value."""
    generator, parts = np.random.default_rng(0), []
    for week in range(3):
        y = generator.integers(0, 2, 300)
        part = pd.DataFrame({"t": pd.Timestamp("2025-01-06") + pd.Timedelta(days=7 * week), "y": y}, index=range(300))
        part["y"] = np.where(y == 1, "yes", "no")
        part["p"] = np.where((generator.random(300) < 0.9) == (y == 1), "yes", "no")
        part["s"] = generator.random(300)
        part["sex"] = generator.choice(["f", "m"], 300)
        if week == 2:
            part = part.assign(**{name: pd.Series([value] * 300, dtype=object) for name, value in last.items()})
        part.to_parquet(folder / f"{2 - week}.parquet")  # the one without values comes first
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


STATED: dict[str, Any] = {"target": "y", "positive": "yes", "prediction": "p", "sensitive": ["sex"], "time": "t"}


@pytest.mark.parametrize("empty", [("y",), ("sex",), ("y", "sex"), ("s",), ("t",)])
def test_a_column_without_values_has_no_type_of_its_own(tmp_path: Path, empty: tuple[str, ...]) -> None:
    """The newest file of a log whose labels have not come holds a column of nothing."""
    log = months(tmp_path, last=dict.fromkeys(empty))
    columns = LogColumns(target="y", prediction="p", score="s", sensitive=("sex",), time="t")
    files = sorted(tmp_path.glob("*.parquet"))
    expected = count(open_frame(log, columns.parts()), columns, window="week")
    for order in (files, files[::-1]):
        assert count(open_files(order, columns.parts()), columns, window="week").sha256() == expected.sha256()
    assert expected.rows == 900


@pytest.mark.filterwarnings("ignore")  # of what engines call in each other
def test_windows_whose_labels_have_not_come_are_counted(tmp_path: Path) -> None:
    months(tmp_path, last={"y": None})
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "*.parquet"\ntarget = "y"\npositive = "yes"\nprediction = "p"\ntime = "t"\n'
        'drop_missing_target = true\n[monitor]\nreference = 1\nstate = "state"\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml"), "--window", "week"]) in (0, 1, 3)
    record = load(tmp_path / "state" / "2025-W04.json")
    assert record.metric("missing_label_share", window="2025-W04").value == 1.0
    pytest.importorskip("dask.dataframe")
    both = [
        modelassay.run(log=tmp_path / "*.parquet", dask=dask, drop_missing_target=True, **STATED)
        for dask in (None, "local")
    ]
    assert both[0].metric("accuracy") == both[1].metric("accuracy")
    assert both[0].data.splits[0].dropped_rows == both[1].data.splits[0].dropped_rows == 300


def test_a_frame_whose_column_has_no_type_is_counted() -> None:
    frame = with_nan().assign(size=pd.Series([None] * 90, dtype=object))
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    assert arrow.types.is_null(table.schema.field("size").type)
    expected = count(open_frame(frame, COLUMNS.parts()), COLUMNS).sha256()
    natives = [table, connect().from_arrow(table)]
    assert [count(open_frame(native, COLUMNS.parts()), COLUMNS).sha256() for native in natives] == [expected] * 2


def test_a_later_label_of_nothing_says_nothing(tmp_path: Path) -> None:
    """Neither a second row without a label, nor one without an identifier, contradicts a label or makes it early."""
    start = pd.Timestamp("2025-01-01")
    log = pd.DataFrame({"id": np.arange(4.0), "p": [0, 1, 0, 1], "t": [start] * 4})
    entries = [(0.0, 1.0, 3), (0.0, np.nan, -9), (1.0, np.nan, 1), (2.0, 0.0, 2), (np.nan, 1.0, 1), (np.nan, 0.0, 1)]
    later = pd.DataFrame(entries, columns=["id", "y", "day"])
    later["known"] = start + pd.to_timedelta(later.pop("day"), unit="D")
    columns = LogColumns(target="y", prediction="p", time="t", id="id", label_time="known")
    expected = count(open_frame(log, columns.parts(), labels=later), columns)
    assert expected.sums["early_sum"].sum() == 0
    assert expected.keys["\ttrue"].notna().sum() == 2
    nan = {name: arrow.array(later[name].to_numpy(), from_pandas=False) for name in ("id", "y")}
    nan["id"] = arrow.array(later["id"])
    table = arrow.table(nan | {"known": arrow.array(later["known"])})
    parquet.write_table(arrow.Table.from_pandas(log, preserve_index=False), tmp_path / "log.parquet")
    parquet.write_table(table, tmp_path / "later.parquet")
    source = open_files([tmp_path / "log.parquet"], columns.parts(), labels=[tmp_path / "later.parquet"])
    assert count(source, columns).sha256() == expected.sha256()
    native = arrow.Table.from_pandas(log, preserve_index=False)
    assert count(open_frame(native, columns.parts(), labels=table), columns).sha256() == expected.sha256()


@pytest.mark.parametrize("endless", ["inf", "-Infinity", "+INF"])
def test_infinite_scores_of_a_csv_file_are_numbers(tmp_path: Path, endless: str) -> None:
    frame = pd.DataFrame({"y": [0, 1] * 20, "p": [0, 1] * 20, "s": [endless, "0.5", "", "0.25"] * 10})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(s=0.5).to_csv(tmp_path / "b.csv", index=False)
    both = pd.concat([frame.assign(s=pd.to_numeric(frame["s"])), frame.assign(s=0.5)])
    columns = LogColumns(target="y", prediction="p", score="s")
    expected = count(open_frame(both, columns.parts()), columns).sha256()
    files = sorted(tmp_path.glob("*.csv"))
    assert count(open_files(files, columns.parts()), columns).sha256() == expected
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text().replace(f",{endless}", ",high", 1))
    with pytest.raises(DataError, match=r"column 's' has type VARCHAR in 'a.csv' and DOUBLE in 'b.csv'"):
        open_files(files, columns.parts())


@pytest.mark.filterwarnings("ignore")  # of what engines call in each other
def test_dask_reads_what_is_missing_as_duckdb_does(tmp_path: Path) -> None:
    """Files that say nothing of pandas: whole numbers and truth values of which some are missing, and both zeros."""
    pytest.importorskip("dask.dataframe")
    generator = np.random.default_rng(6)
    for place in range(2):
        there = generator.random(80) < 0.8
        columns = {
            "y": arrow.array([int(one) if known else None for one, known in zip(range(80), there, strict=True)]),
            "p": arrow.array(generator.integers(0, 2, 80)),
            "flag": arrow.array([bool(one % 3) if known else None for one, known in enumerate(there)]),
            "zero": arrow.array(generator.choice([0.0, -0.0, 1.5, np.nan, np.inf], 80)),
            "t": arrow.array(
                pd.Series(pd.date_range("2025-01-01", periods=80, freq="D")).sample(frac=1, random_state=1)
            ),
        }
        columns["y"] = arrow.compute.bit_wise_and(columns["y"], 1)
        parquet.write_table(arrow.table(columns), tmp_path / f"{place}.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    named = LogColumns(target="y", prediction="p", sensitive=("flag", "zero"), time="t")
    table = arrow.concat_tables([parquet.read_table(file) for file in files])
    for window in ("week", "9"):
        expected = count(open_files(files, named.parts()), named, window=window)
        for source in (open_dask("local", files, named.parts()), open_frame(table, named.parts())):
            assert count(source, named, window=window).sha256() == expected.sha256()
        zeros = set(np.signbit(expected.keys["zero"][expected.keys["zero"] == 0.0]))
        assert zeros == {False}
