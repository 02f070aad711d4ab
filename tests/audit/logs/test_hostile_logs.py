"""A log reads the files it names and nothing else, and no row of it otherwise than it is written."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from audit.errors import DataError
from audit.logs.connection import connect
from audit.logs.sources import log_files, open_files, open_table

COLUMNS = {"y": "target", "p": "prediction"}
ROWS = "".join(f"{k},{k % 2},{k // 2 % 2}\n" for k in range(200))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT y, y AS p FROM read_csv('{secret}')",
        "SELECT 1 AS y, content AS p FROM read_text('{secret}')",
        "SELECT secret(1) AS y, 1 AS p",
        "SELECT 1 AS y, count(*) AS p FROM glob('{folder}/*')",
    ],
)
def test_a_view_reaches_no_other_file(tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("y\nhunter2\n")
    connection = duckdb.connect(str(tmp_path / "log.duckdb"))
    connection.execute(f"CREATE MACRO secret(x) AS (SELECT max(y) FROM read_csv('{secret}'))")  # noqa: S608 -- a macro of the attacker
    connection.execute(f"CREATE VIEW log AS {query.format(secret=secret, folder=tmp_path)}")
    connection.close()
    with pytest.raises((DataError, duckdb.Error)) as caught:
        open_table(tmp_path / "log.duckdb", "log", COLUMNS).frame.collect()
    assert "hunter2" not in str(caught.value)


def test_views_of_the_database_itself_are_read(tmp_path: Path) -> None:
    connection = duckdb.connect(str(tmp_path / "it's.duckdb"))
    connection.execute("CREATE TABLE own AS SELECT 1 AS y, 0 AS p")
    connection.execute("CREATE VIEW log AS SELECT * FROM own")
    connection.close()
    frame = open_table(tmp_path / "it's.duckdb", "log", COLUMNS).frame.collect().to_native()
    assert frame.num_rows == 1


def test_a_connection_is_locked(tmp_path: Path) -> None:
    with connect(tmp_path / "a.csv") as connection:
        for text in ("SET enable_external_access = true", f"COPY (SELECT 1) TO '{tmp_path / 'b.csv'}'", "LOAD httpfs"):
            with pytest.raises(duckdb.Error):
                connection.execute(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["a[1]*", "a?", "it's", "a{b,c}", "-a", "a b"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str, kind: str) -> None:
    table = pd.DataFrame({"y": [0, 1], "p": [0, 1]})
    other = pd.concat([table] * 4)
    folder = tmp_path / "in [1]*"
    folder.mkdir()
    for part, rows in ((name, table), ("a1x", other), ("ab", other)):
        path = folder / f"{part}.{kind}"
        rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path, index=False)
    (file,) = log_files(folder, f"{name}.{kind}")
    assert open_files([file], COLUMNS).frame.collect().to_native().num_rows == 2


@pytest.mark.parametrize(
    "text",
    [
        'a,y,p\n"' + ROWS,
        "a,y,p\n" + ROWS + '"7,1,0\n' + ROWS,
        'a,y,p\n"7"",1,0\n' + ROWS.replace(",", '","').replace("\n", '"\n"'),
        "a,y,p\n" + "".join(f"'{k},{k}',{k % 2},1\n" for k in range(200)),
        "a,y,p\n" + "".join(f'"{k}\\"",{k % 2},1\n' for k in range(200)),
        "a,y,p\n" + ROWS + "# 1,1\n" + ROWS,
        "a,y,p\n" + ROWS + "1,0\n" + ROWS,
        "a title\n\na,y,p\n" + ROWS,
    ],
)
def test_rows_that_could_be_read_in_two_ways_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=r"its rows do not fit its header. Expected UTF-8"):
        open_files([tmp_path / "log.csv"], COLUMNS)


def test_single_quotation_marks_are_characters(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("y,p\n" + "'0','1'\n'1','1'\n" * 50)
    frame = open_files([tmp_path / "log.csv"], COLUMNS).frame.collect().to_native()
    assert set(frame.column("y").to_pylist()) == {"'0'", "'1'"}


@pytest.mark.parametrize("names", [("y", "y", "p"), ("y", "Y", "p"), ("y", "p", "P")])
def test_a_column_that_stands_twice_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    table = pd.DataFrame([[0, 1, 1], [1, 0, 0]], columns=list(names))
    table.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(DataError, match="has 2 columns"):
        open_files([tmp_path / "log.csv"], COLUMNS)
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = [arrow.array(table.iloc[:, place]) for place in range(3)]
    parquet.write_table(arrow.Table.from_arrays(columns, names=list(names)), tmp_path / "log.parquet")
    with pytest.raises(DataError, match="has 2 columns"):
        open_files([tmp_path / "log.parquet"], COLUMNS)


def test_a_column_whose_name_looks_renamed_is_read(tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1], "y_1": [1, 1], "p": [0, 1]}).to_csv(tmp_path / "log.csv", index=False)
    assert open_files([tmp_path / "log.csv"], COLUMNS).frame.collect().to_native().num_rows == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a metric is asked in a fork")
@pytest.mark.parametrize("code", ["import os; os._exit(0)", "import sys; sys.exit(0)", "print('::error::x')"])
def test_no_metric_ends_monitoring_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    log = pd.DataFrame({"t": pd.date_range("2025-01-01", periods=400, freq="6h"), "y": generator.integers(0, 2, 400)})
    log.assign(p=log["y"]).to_csv("log.csv", index=False)
    name = f"own_{len(code)}"
    Path(f"{name}.py").write_text(f"{code}\n\ndef metric(y_true, y_pred):\n    return 1.0\n")
    Path("audit.toml").write_text(
        '[data]\nlog = "log.csv"\ntarget = "y"\ntask = "binary"\npositive = 1\nprediction = "p"\ntime = "t"\n'
        f'[metrics]\nown = "{name}:metric"\n[monitor]\nwindow = "month"\nreference = 1\n'
    )
    code_of_exit = main(["monitor", "audit.toml"])
    said = capfd.readouterr()
    assert "::error" not in said.out
    assert (code_of_exit == 2) == ("exit" in code)
