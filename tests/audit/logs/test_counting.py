"""Counting a log: the same whole numbers on every engine, and the same numbers as from rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.errors import DataError
from audit.estimate.measure import estimate
from audit.evidence import Predictions
from audit.logs.adding import add
from audit.logs.cells import Cells, Counted, answers
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.sources import log_files, open_files
from audit.logs.stored import load, save
from audit.statistics.ranking import roc_auc

COLUMNS = LogColumns(target="y", prediction="p", score="s", sensitive=("sex",), weight="w")


def frame_of(rows: int, base_rate: float, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    y = generator.random(rows) < base_rate
    logit = np.log(base_rate / (1 - base_rate)) + 1.2 * y + generator.normal(size=rows)
    score = 1 / (1 + np.exp(-logit))
    sex = np.where(generator.random(rows) < 0.4, "f", "m").astype(object)
    return pd.DataFrame({"y": y.astype(int), "p": (score >= 0.5).astype(int), "s": score, "sex": sex})


def told(frame: pd.DataFrame, columns: LogColumns) -> Counted:
    return answers(count(open_frame(frame, columns.parts()), columns), columns, Roles(target=columns.target))


def same(one: Cells, other: Cells) -> None:
    pd.testing.assert_frame_equal(one.keys, other.keys, check_dtype=False)
    pd.testing.assert_frame_equal(one.sums, other.sums)


@pytest.mark.parametrize("base_rate", [0.001, 0.02, 0.5])
def test_the_area_from_bins_is_that_of_the_rows(base_rate: float) -> None:
    frame = frame_of(200_000, base_rate)
    columns = LogColumns(target="y", prediction="p", score="s")
    binned = told(frame, columns).predictions
    exact = Predictions(
        task="binary", classes=("0", "1"), y_true=frame["y"].to_numpy(), y_pred=frame["p"].to_numpy(),
        y_score=frame["s"].to_numpy(), probabilities=True, keys={"split": Factor.constant("test", len(frame))},
    )  # fmt: skip
    form = roc_auc(frame["y"].to_numpy() == 1, frame["s"].to_numpy())
    error = float(form.influence.std()) / np.sqrt(len(frame))
    for metric, slack in (("roc_auc", 0.05), ("average_precision", 0.3), ("brier_score", 0.05), ("log_loss", 0.05)):
        rows, cells = estimate(exact, metric), estimate(binned, metric)
        assert rows.value is not None
        assert rows.low is not None
        assert rows.high is not None
        width = rows.high - rows.low
        assert cells.value == pytest.approx(rows.value, abs=slack * (error if metric == "roc_auc" else width / 4))
        limits = width * (0.15 if metric == "average_precision" else 0.05)
        assert cells.low == pytest.approx(rows.low, abs=limits)
        assert cells.high == pytest.approx(rows.high, abs=limits)
        assert cells.n == rows.n


def odd_frame(rows: list[tuple[Any, ...]], width: str) -> pd.DataFrame:
    frame = pd.DataFrame([*rows, (1, "1", 0.5, "f", 1.0)], columns=["y", "p", "s", "sex", "w"])
    frame["s"] = frame["s"].to_numpy().astype(np.dtype(width))
    return frame


def counted(native: object) -> Cells:
    return count(open_frame(native, COLUMNS.parts()), COLUMNS)


EDGES = [float(1 / (1 + np.exp(-place / 64))) for place in range(-700, 701)]
SCORES = [0.0, 1.0, 0.5, float("nan"), float("inf"), -0.1, 1.5, 1e-12, 1 - 1e-12]
ROW = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["0", "1"]),
    st.one_of(st.floats(0, 1, width=32), st.sampled_from(SCORES), st.sampled_from(EDGES)),
    st.sampled_from(["f", "m", None, ""]),
    st.sampled_from([0.0, 1e-9, 0.1, 1.0, 3.7]),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=3, max_size=40), st.sampled_from(["float32", "float64"]))
def test_pandas_and_duckdb_count_alike(rows: list[tuple[Any, ...]], width: str) -> None:
    frame = odd_frame(rows, width)
    cells = counted(frame)
    assert cells.rows == len(frame)
    same(cells, counted(connect().from_df(frame)))


def edge_rows() -> list[tuple[Any, ...]]:
    levels = ["f", "m", None, ""]
    return [(i % 2, str(i % 3 // 2), score, levels[i % 4], 0.1 + i % 5) for i, score in enumerate(EDGES + SCORES)]


@pytest.mark.parametrize("width", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore")
def test_dask_and_arrow_count_alike(width: str) -> None:
    dask = pytest.importorskip("dask.dataframe")
    frame = odd_frame(edge_rows(), width)
    cells = counted(frame)
    assert len(cells.keys) > 100
    same(cells, counted(dask.from_pandas(frame, npartitions=3)))
    same(cells, counted(connect().from_df(frame)))


def test_parts_add_up_in_any_order_and_come_back_from_disk(tmp_path: Path) -> None:
    frame = frame_of(4000, 0.3)
    columns = LogColumns(target="y", prediction="p", score="s", sensitive=("sex",))
    parts = [
        count(open_frame(part, columns.parts()), columns) for part in (frame[:1000], frame[1000:1500], frame[1500:])
    ]
    whole = count(open_frame(frame, columns.parts()), columns)
    same(add(parts), whole)
    same(add(parts[::-1]), whole)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 half")
    with connect(folder=tmp_path) as store:
        save(whole, tmp_path / "cells.parquet", store)
        again = load(tmp_path / "cells.parquet", store)
        assert load(tmp_path / "broken.parquet", store) is None
    assert again is not None
    same(again, whole)
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_labels_are_written_as_everywhere() -> None:
    frame = pd.DataFrame({"y": [1.0, 0.0, 1.0, 0.0], "p": [True, False, True, True], "sex": [1, 2, None, 2]})
    columns = LogColumns(target="y", prediction="p", sensitive=("sex",))
    counted = told(frame, columns)
    assert counted.target.classes == ("0", "1")
    assert counted.predictions.keys["sex"].levels == ("1", "2")
    assert estimate(counted.predictions, "accuracy").value == 0.75
    assert counted.predictions.invalid == {}


def test_columns_may_be_called_as_anything() -> None:
    """Names that counting itself might use change nothing."""
    names = {"y": "n", "p": "true", "s": "predicted", "sex": "bin"}
    plain = count(open_frame(frame_of(500, 0.4), {"y": "target", "s": "score", "sex": "sensitive"}),
                  LogColumns(target="y", score="s", sensitive=("sex",)))  # fmt: skip
    columns = LogColumns(target="n", score="predicted", sensitive=("bin",))
    odd = count(open_frame(frame_of(500, 0.4).rename(columns=names), columns.parts()), columns)
    pd.testing.assert_frame_equal(odd.sums, plain.sums)
    assert odd.keys.to_numpy().tolist() == plain.keys.to_numpy().tolist()


def test_scores_that_cannot_be_used_are_counted_and_not_dropped() -> None:
    frame = frame_of(400, 0.4)
    frame.loc[:4, "s"] = np.nan
    columns = LogColumns(target="y", prediction="p", score="s")
    predictions = told(frame, columns).predictions
    assert predictions.total == 400
    assert predictions.y_score is None
    assert predictions.score_reason == "5 of 400 scores are not finite numbers"
    bare = LogColumns(target="y", score="s")
    with pytest.raises(DataError, match=r"no prediction follows from 's'.*Add \[data\] prediction"):
        told(frame, bare)


def test_rows_without_a_label_are_told_apart() -> None:
    frame = frame_of(300, 0.4).astype({"y": "float64"})
    frame.loc[:99, "y"] = None
    columns = LogColumns(target="y", prediction="p", score="s")
    counted = told(frame, columns)
    assert (counted.predictions.total, counted.unlabeled.total) == (200, 100)


# --- what users get wrong -------------------------------------------------------------------------


def test_a_column_that_misses_in_one_file_is_named_with_it(tmp_path: Path) -> None:
    frame_of(50, 0.5).to_csv(tmp_path / "a.csv", index=False)
    frame_of(50, 0.5).drop(columns="s").to_csv(tmp_path / "b.csv", index=False)
    columns = LogColumns(target="y", prediction="p", score="s")
    with pytest.raises(DataError, match=r"score column 's' is not in 'b.csv' \(1 of 2 files lack it\)"):
        open_files(log_files(tmp_path, "*.csv"), columns.parts())


def test_types_that_differ_between_files_are_named(tmp_path: Path) -> None:
    frame = frame_of(50, 0.5)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(s="high").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"column 's' has type DOUBLE in 'a.csv' and VARCHAR in 'b.csv'"):
        open_files(log_files(tmp_path, "*.csv"), {"s": "score"})


@pytest.mark.parametrize("weight", [-1.0, float("inf"), None])
def test_weights_that_are_none_are_refused(weight: float | None) -> None:
    frame = frame_of(50, 0.5).assign(w=1.0)
    frame.loc[3, "w"] = weight
    with pytest.raises(DataError, match=r"weight column 'w' has 1 missing, negative or infinite weights"):
        count(open_frame(frame, COLUMNS.parts()), COLUMNS)


def test_files_that_are_no_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"log 'x\*\.parquet': no such file"):
        log_files(tmp_path, "x*.parquet")
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"log file 'x.parquet' cannot be read"):
        open_files(log_files(tmp_path, "x*.parquet"), {"y": "target"})
    (tmp_path / "x.xlsx").write_text("no table")
    with pytest.raises(DataError, match=r"files end in '.xlsx'; expected .parquet"):
        open_files(log_files(tmp_path, "x*.xlsx"), {"y": "target"})


# --- tables that nobody expects ---------------------------------------------------------------------


def test_a_csv_log_of_very_many_columns_is_refused_before_it_is_read_and_parquet_is_not(tmp_path: Path) -> None:
    wide = pd.concat([frame_of(40, 0.5), pd.DataFrame(np.zeros((40, 2_100)))], axis=1)
    wide.columns = wide.columns.astype(str)
    wide.to_parquet(tmp_path / "wide.parquet")
    columns = LogColumns(target="y", prediction="p", score="s", sensitive=("sex",))
    for name in ("wide.csv", "wide.csv.gz"):
        wide.head(2).to_csv(tmp_path / name, index=False)
        with pytest.raises(DataError, match=rf"{name}' has about 2,104 columns; .* Write it as Parquet"):
            open_files([tmp_path / name], columns.parts())
    counted = count(open_files([tmp_path / "wide.parquet"], columns.parts()), columns)
    same(counted, count(open_frame(wide, columns.parts()), columns))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["filename", "file_row_number", "rowid", "s" * 10_000, "a\"b'c", "select"])
def test_a_column_may_be_called_anything(tmp_path: Path, kind: str, name: str) -> None:
    frame = frame_of(60, 0.5).rename(columns={"sex": name})
    path = tmp_path / f"log.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    columns = LogColumns(target="y", prediction="p", score="s", sensitive=(name,))
    cells = count(open_files([path], columns.parts()), columns)
    assert set(cells.keys[name]) == {"f", "m"}
    same(cells, count(open_frame(frame, columns.parts()), columns))


def test_what_does_not_fit_into_memory_is_written_where_the_user_alone_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect() as connection:
        place = Path(connection.sql("SELECT current_setting('temp_directory')").fetchall()[0][0])
    assert not place.resolve().is_relative_to(tmp_path)
    assert place.stat().st_mode & 0o077 == 0
