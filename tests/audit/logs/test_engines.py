"""The same log through pandas, DuckDB, Dask and Spark gives the same record, byte for byte but for its name."""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import modelassay
from audit.errors import DataError
from audit.logs.cells import WINDOW, Cells
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.counting import count
from audit.logs.frames import open_frame
from audit.logs.label_times import doubts
from audit.logs.windows import NO_WINDOW
from reports.store import dumps

COLUMNS = LogColumns(
    target="y", prediction="p", score="s", sensitive=("sex", "age", "rate"), bins={"age": (30.0, 50.0)}, weight="w",
    time="t", id="id", cluster="person", label_time="known",
)  # fmt: skip
EDGES = [1 / (1 + math.exp(-place / 64)) for place in (-700, -64, -1, 0, 1, 64, 700)]
ODD = [0.0, 1.0, 0.5, float("nan"), float("inf"), -float("inf"), -0.1, 1.5, 1e-12, 1 - 1e-12, 0.1, 0.2, 0.7]
HOUSE = connect()


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session on this machine, or the reason why there is none."""
    if importlib.util.find_spec("py4j") is None:
        pytest.skip("pyspark is not installed, or only its client is; pip install pyspark")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
    for name, value in (("spark.ui.enabled", "false"), ("spark.sql.shuffle.partitions", "2")):
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def in_pandas(frame: pd.DataFrame) -> object:
    return frame


def in_duckdb(frame: pd.DataFrame) -> object:
    return HOUSE.from_df(frame)


def in_dask(frame: pd.DataFrame) -> object:
    dask = pytest.importorskip("dask.dataframe")
    config = pytest.importorskip("dask").config
    with warnings.catch_warnings(), config.set({"dataframe.convert-string": False}):  # which makes text of decimals
        warnings.simplefilter("ignore")
        return dask.from_pandas(frame, npartitions=3)


def in_spark(frame: pd.DataFrame, session: Any) -> object:  # noqa: ANN401 -- pyspark may be absent
    scores = "float" if frame["s"].dtype == np.float32 else "double"
    schema = (
        f"id long, person long, t timestamp_ntz, known timestamp_ntz, y long, p string, s {scores}, "
        "sex string, age double, rate decimal(6, 2), w double"
    )
    words = frame.assign(sex=frame["sex"].where(frame["sex"].notna(), None))
    plain = [tuple(_plain(one) for one in row) for row in words.itertuples(index=False)]
    return session.createDataFrame(plain, schema=schema)


def _plain(value: object) -> object:
    if isinstance(value, pd.Timestamp | type(pd.NaT)):
        return None if value is pd.NaT else value.to_pydatetime()
    return value.item() if isinstance(value, np.generic) else value


def odd_frame(rows: list[tuple[Any, ...]], width: str) -> pd.DataFrame:
    """Rows of a log, with two that are in order, so that there are two classes."""
    every = [*rows, (0, "0", 0.25, "f", 20.0, "0.10", 1.0), (1, "1", 0.75, "m", 60.0, "0.20", 1.0)]
    frame = pd.DataFrame(every, columns=["y", "p", "s", "sex", "age", "rate", "w"])
    number = np.arange(len(frame))
    frame["s"] = frame["s"].to_numpy().astype(width)
    frame["sex"] = frame["sex"].astype(object)
    frame["rate"] = pd.Series([Decimal(one) for one in frame["rate"]], dtype=object)
    frame.insert(0, "id", number)
    frame.insert(1, "person", number // 2)
    times = pd.Series(pd.Timestamp("2024-12-28") + pd.to_timedelta(number * 13, unit="h"))
    frame.insert(2, "t", times.where(number % 7 != 3))
    known = (times + pd.Timedelta(days=2)).where(number % 5 != 1, times - pd.Timedelta(hours=1))
    known = known.where(number % 11 != 2, pd.Timestamp("2999-01-01")).where(number % 13 != 4)
    frame.insert(3, "known", known.where(number < len(frame) - 2, times))
    return frame


def told(native: object, columns: LogColumns = COLUMNS, window: str = "week") -> str:
    """Return what was counted, byte for byte."""
    cells: Cells = count(open_frame(native, columns.parts(), name="log"), columns, window=window)
    return f"{doubts(cells, columns)} {cells.sha256()} {dict(cells.scales)} {cells.rows}"


pytestmark = pytest.mark.filterwarnings("ignore")  # of what engines call in each other
ROW = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["0", "1"]),
    st.one_of(st.floats(0, 1, width=32), st.sampled_from(ODD), st.sampled_from(EDGES)),
    st.sampled_from(["f", "m", None, "", "a b"]),
    st.sampled_from([17.0, 30.0, 49.999, 50.0, float("nan"), float("inf")]),
    st.sampled_from(["0.10", "0.20", "1234.50"]),
    st.sampled_from([0.0, 1e-9, 0.1, 1.0, 3.7]),
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ROW, min_size=2, max_size=30), st.sampled_from(["float32", "float64"]))
def test_pandas_duckdb_and_dask_count_alike(rows: list[tuple[Any, ...]], width: str) -> None:
    frame = odd_frame(rows, width)
    expected = told(in_pandas(frame))
    every, late, early = len(frame), (frame["known"] > "2900").sum(), (frame["known"] < frame["t"]).sum()
    assert expected.endswith(f" {every}"), "nothing is lost, nothing counted twice"
    assert (f"{late} label" in expected) == (late > 0)
    assert (f"{early} label" in expected) == (early > 0)
    assert told(in_duckdb(frame)) == expected
    assert told(in_dask(frame)) == expected


WITHOUT_ID = replace(COLUMNS, id=None, cluster=None)


def timeless(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows of few times, of which some have none."""
    frame = odd_frame(rows, "float32")
    return frame.assign(t=frame["t"].dt.to_period("M").dt.to_timestamp(), known=frame["known"].mask(frame["t"].isna()))


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ROW, min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_windows_of_rows_do_not_depend_on_engine_nor_order(rows: list[tuple[Any, ...]], chance: Random) -> None:
    frame = timeless(rows)
    shuffled = frame.sample(frac=1, random_state=chance.randrange(1000)).reset_index(drop=True)
    for columns in (COLUMNS, WITHOUT_ID):
        expected = told(in_pandas(frame), columns, "5")
        for native in (in_pandas(shuffled), in_duckdb(frame), in_duckdb(shuffled), in_dask(shuffled)):
            assert told(native, columns, "5") == expected
    cells = count(open_frame(frame, COLUMNS.parts()), COLUMNS, window="5")
    sizes = cells.sums["n"].groupby(cells.keys[WINDOW]).sum()
    assert sizes.drop(NO_WINDOW, errors="ignore").iloc[:-1].eq(5).all()
    assert sizes.get(NO_WINDOW, 0) == frame["t"].isna().sum()


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(ROW, min_size=2, max_size=30), st.sampled_from(["float32", "float64"]))
def test_spark_counts_alike(spark: Any, rows: list[tuple[Any, ...]], width: str) -> None:  # noqa: ANN401
    frame = odd_frame(rows, width)
    assert told(in_spark(frame, spark)) == told(in_pandas(frame))
    few = timeless(rows)
    assert told(in_spark(few, spark), WITHOUT_ID, "5") == told(in_pandas(few), WITHOUT_ID, "5")


def whole_log(odd: bool) -> pd.DataFrame:
    generator = np.random.default_rng(11)
    scores = [*EDGES, 0.1, 0.2, 0.7, *(ODD if odd else [])]
    rows = [
        (
            int(generator.integers(0, 2)), str(generator.integers(0, 2)), float(generator.choice(scores)),
            generator.choice(np.array(["f", "m", None], dtype=object)), float(generator.integers(18, 80)),
            ("0.10", "0.20")[int(generator.integers(0, 2))], float(generator.choice([0.1, 1.0, 3.7])),
        )
        for _ in range(400)
    ]  # fmt: skip
    return odd_frame(rows, "float32")


STATED: dict[str, Any] = {
    "target": "y", "prediction": "p", "score": "s", "time": "t", "id": "id", "weight": "w", "cluster": "person",
    "label_time": "known", "positive": 1, "favorable": 1, "sensitive": ["sex", "age", "rate"],
    "bins": {"age": (30.0, 50.0)},
}  # fmt: skip


def record_of(native: object, engine: str, checks: tuple[str, ...]) -> str:
    return dumps(modelassay.run(log=native, checks=checks, **STATED)).replace(f"{engine} frame", "frame")


SOME = ("classification", "group_performance", "output_validity", "calibration", "label_rate")


@pytest.mark.parametrize("odd", [False, True])
def test_records_of_pandas_duckdb_and_dask_are_the_same(monkeypatch: pytest.MonkeyPatch, *, odd: bool) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frame = whole_log(odd)
    expected = record_of(in_pandas(frame), "pandas", SOME)
    assert '"log_loss"' in expected or odd
    assert record_of(in_duckdb(frame), "duckdb", SOME) == expected
    assert record_of(in_dask(frame), "dask", SOME) == expected


@pytest.mark.parametrize("odd", [False, True])
def test_the_record_of_spark_is_the_same(spark: Any, monkeypatch: pytest.MonkeyPatch, *, odd: bool) -> None:  # noqa: ANN401
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frame = whole_log(odd)
    native = in_spark(frame, spark)
    assert record_of(native, "pyspark", SOME) == record_of(in_pandas(frame), "pandas", SOME)
    native.createOrReplaceTempView("decisions")  # type: ignore[attr-defined]  # a Spark frame
    with_late = modelassay.run(
        log=native.drop("y", "known"), labels=native.select("id", "y", "known"), checks=("classification",), **STATED  # type: ignore[attr-defined]
    )  # fmt: skip
    assert with_late.metric("accuracy") == modelassay.run(log=frame, checks=("classification",), **STATED).metric(
        "accuracy"
    )
    named = modelassay.run(spark="local[2]", table="decisions", checks=("classification",), **STATED)
    assert named.metric("accuracy") == with_late.metric("accuracy")
    assert named.data.splits[0].file == "decisions"
    with pytest.raises(DataError, match=r"table 'decision' cannot be opened on Spark: .*TABLE_OR_VIEW_NOT_FOUND"):
        modelassay.run(spark="local[2]", table="decision", checks=("classification",), **STATED)


AMOUNTS = LogColumns(target="y", prediction="p", weight="w", amounts=True)
AMOUNT = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 8.0, 0.125, 1e-310, -1e12, 1 / 3]))


def amounts_told(native: object) -> str:
    cells = count(open_frame(native, AMOUNTS.parts()), AMOUNTS)
    return f"{cells.sha256()} {dict(cells.scales)} {cells.rows}"


def amounts_frame(rows: list[tuple[float | None, float, float]]) -> pd.DataFrame:
    return pd.DataFrame([*rows, (1.5, 2.0, 1.0)], columns=["y", "p", "w"]).astype("float64")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.one_of(st.none(), AMOUNT), AMOUNT, st.sampled_from([0.0, 0.5, 3.0])), max_size=30))
def test_amounts_are_counted_alike(rows: list[tuple[float | None, float, float]]) -> None:
    frame = amounts_frame(rows)
    expected = amounts_told(frame)
    assert amounts_told(HOUSE.from_df(frame)) == expected
    dask = pytest.importorskip("dask.dataframe")
    assert amounts_told(dask.from_pandas(frame, npartitions=2)) == expected


def test_amounts_of_spark_are_counted_alike(spark: Any) -> None:  # noqa: ANN401
    rows = [(None if place % 5 == 0 else 8.0 * place - 40, 3.0 * place - 7, 0.5) for place in range(30)]
    frame = amounts_frame(rows)
    plain = [tuple(None if pd.isna(one) else float(one) for one in row) for row in frame.itertuples(index=False)]
    native = spark.createDataFrame(plain, schema="y double, p double, w double")
    assert amounts_told(native) == amounts_told(frame)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(np.arange(6).astype(np.uint64) % 2 + np.uint64(2**63)),
        pd.Series(pd.date_range("2025-03-29", periods=6, freq="13h", tz="Europe/Berlin")),
        pd.Series(pd.date_range("2025-03-29", periods=6, freq="13h")),
    ],
)
def test_large_numbers_and_zones_are_counted_alike(column: pd.Series) -> None:
    columns = LogColumns(target="y", prediction="y", sensitive=("group",), time="t")
    is_time = column.dtype.kind == "M"
    times = column if is_time else pd.Series(pd.date_range("2025-01-01", periods=6))
    groups = pd.Series(list("ababab"), dtype=object) if is_time else column
    frame = pd.DataFrame({"y": [0, 1] * 3, "group": groups, "t": times})
    frames = (
        in_pandas(frame),
        in_duckdb(frame),
        pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2),
    )
    cells = [count(open_frame(native, columns.parts()), columns, window="day") for native in frames]
    assert len({one.sha256() for one in cells}) == 1
    texts = set(cells[0].keys["group"].astype(str))
    assert texts == set(groups.astype(str))


KINDS: dict[str, Any] = {
    "whole": lambda codes: pd.Series(codes, dtype="Int64").mask(pd.Series(codes == 2)),
    "small": lambda codes: pd.Series(codes.astype("int8")),
    "truth": lambda codes: pd.Series(codes > 0, dtype="boolean").mask(pd.Series(codes == 2)),
    "arrow": lambda codes: pd.Series(codes, dtype="int64[pyarrow]").mask(pd.Series(codes == 2)),
    "float": lambda codes: pd.Series(np.where(codes == 2, np.nan, codes / 2)),
    "category": lambda codes: pd.Series(pd.Categorical(codes)),
    "decimal": lambda codes: pd.Series([Decimal(int(code)) / 10 for code in codes], dtype=object),
    "date": lambda codes: pd.Series([dt.date(2024, 2, 27 + int(code)) for code in codes], dtype=object).mask(
        codes == 2
    ),
}
TEXTS = (['q"x', "it's", "b"], ["a\nb", "c", "a\x00b"], ["", " a", "é"], ["1", "01", "1.0"], ["nan", "None", "NULL"])
TYPED = LogColumns(target="y", prediction="p", score="s", sensitive=("text", "kind"), time="t")


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 1000), st.sampled_from(sorted(KINDS)), st.sampled_from(TEXTS),
    st.sampled_from(["object", "category", "string"]), st.sampled_from([None, "UTC", "Europe/Berlin"]),
    st.permutations(["y", "p", "s", "text", "kind", "t"]),
)  # fmt: skip
def test_how_a_frame_holds_its_columns_does_not_matter(
    seed: int, kind: str, texts: list[str], text_type: str, zone: str | None, order: list[str]
) -> None:
    """Numbers and texts that miss some, categories, decimals, zones, quotes, columns in any order."""
    pyarrow, dask, config = (pytest.importorskip(name) for name in ("pyarrow", "dask.dataframe", "dask"))
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "y": KINDS["whole"](generator.integers(0, 3, 30)),
            "p": generator.integers(0, 2, 30),
            "s": generator.choice([0.1, 0.5, 0.9, float("nan")], 30).astype("float32"),
            "text": pd.Series(generator.choice(np.array([*texts, None], dtype=object), 30), dtype=object),
            "kind": KINDS[kind](generator.integers(0, 3, 30)),
            "t": pd.date_range("2025-01-01", periods=30, freq="7h", tz=zone),
        }
    ).astype({"text": text_type})[order]
    with config.config.set({"dataframe.convert-string": False}):
        frames = (frame, in_duckdb(frame), dask.from_pandas(frame, npartitions=2), pyarrow.Table.from_pandas(frame))
    counts = [count(open_frame(native, TYPED.parts(), name="log"), TYPED, window="week").sha256() for native in frames]
    assert len(set(counts)) == 1
