"""Numbers that engines and files treat each in their own way: NaN, whole numbers beyond doubles, weights of 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.logs.cells import Cells
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.sources import open_files
from audit.logs.stored import load, save

pytestmark = pytest.mark.filterwarnings("ignore")  # of what engines call in each other
BANDED = LogColumns(target="y", prediction="p", score="s", sensitive=("age",), bins={"age": (30.0, 50.0)})
AMOUNTS = LogColumns(target="s", prediction="p", amounts=True)


@pytest.mark.parametrize("columns", [BANDED, AMOUNTS])
@pytest.mark.parametrize("width", ["float32", "float64"])
def test_a_nan_in_parquet_is_no_number_though_its_statistics_leave_it_out(
    tmp_path: Path, columns: LogColumns, width: str
) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    nan = float("nan")
    frame = pd.DataFrame(
        {"y": [0, 1, 0, 1], "p": [0, 1, 1, 1], "s": [0.2, nan, 0.8, 0.6], "age": [17.0, nan, 80.0, 40.0]}
    )
    frame = frame.astype({"s": width})
    parquet.write_table(pa.table({name: frame[name].to_numpy() for name in frame}), tmp_path / "log.parquet")
    expected = count(open_frame(frame, columns.parts()), columns).sha256()
    assert count(open_files([tmp_path / "log.parquet"], columns.parts()), columns).sha256() == expected
    with connect(tmp_path / "log.parquet") as house:
        relation = house.read_parquet(str(tmp_path / "log.parquet"))
        assert count(open_frame(relation, columns.parts()), columns).sha256() == expected


BIG = 2**53
TYPED = LogColumns(target="y", prediction="p", sensitive=("big", "flag"))


def big_frame(missing: bool) -> pd.DataFrame:
    values = [BIG, BIG + 1, None if missing else 3, -BIG - 1]
    return pd.DataFrame(
        {
            "y": pd.Series([0, 1, None, 1], dtype="Int64"),
            "p": pd.Series([0, 1, 1, 1], dtype="int8"),
            "big": pd.Series(values, dtype="Int64"),
            "flag": pd.Series([True, None, False, True], dtype="boolean"),
        }
    )


def _of_files(folder: Path) -> Cells:
    return count(open_files([folder / "log.parquet"], TYPED.parts()), TYPED)


def _of_dask(folder: Path) -> Cells:
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed; pip install 'modelassay[dask]'")
    frame = dask.read_parquet(folder / "log.parquet", dtype_backend="pyarrow")
    return count(open_frame(frame, TYPED.parts()), TYPED)


@pytest.mark.parametrize("engine", [_of_files, _of_dask])
@pytest.mark.parametrize("missing", [False, True])
def test_whole_numbers_stay_apart_beyond_doubles_also_where_some_are_missing(
    tmp_path: Path,
    engine: Callable[[Path], Cells],
    *,
    missing: bool,
) -> None:
    frame = big_frame(missing)
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)  # as others write it
    parquet.write_table(table, tmp_path / "log.parquet")
    expected = count(open_frame(frame, TYPED.parts()), TYPED)
    texts = {str(value) for value in frame["big"].dropna()}
    assert set(expected.keys["big"].dropna().astype(str)) == texts
    assert engine(tmp_path).sha256() == expected.sha256()
    with connect(folder=tmp_path) as store:
        save(expected, tmp_path / "tally.parquet", store)
        kept = load(tmp_path / "tally.parquet", store)
    assert kept is not None
    assert kept.sha256() == expected.sha256()


def test_rows_without_weight_count_as_in_a_table() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"y": generator.integers(0, 2, 300), "p": generator.integers(0, 2, 300)})
    frame["sex"], frame["w"] = generator.choice(["f", "m"], 300), generator.choice([0.0, 1.0, 2.0], 300)
    stated: dict[str, Any] = {
        "target": "y", "prediction": "p", "weight": "w", "sensitive": ["sex"], "positive": 1, "favorable": 1,
        "checks": ("classification", "group_performance"),
    }  # fmt: skip
    table, log = modelassay.run(test=frame, **stated), modelassay.run(log=frame, **stated)
    assert table.metric("accuracy").n == log.metric("accuracy").n == (frame["w"] > 0).sum()
    assert log.data.splits[0].rows == len(frame)
    for sex in ("f", "m"):
        assert log.metric("selection_rate", sex=sex).n == table.metric("selection_rate", sex=sex).n
