"""Logs with something wrong in them: one message with file and column; nothing is lost, nothing counted twice."""

from __future__ import annotations

import datetime
import os
import socket
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.errors import DataError
from audit.logs import label_times
from audit.logs.cells import TRUE, WINDOW, Cells
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.engines import open_spark
from audit.logs.label_times import doubts
from audit.logs.sources import log_files, open_files
from reports import store

COLUMNS = LogColumns(target="y", prediction="p", time="t")
MANY = "1,1,2025-01-01\n" * 30_000


def counted(folder: Path, files: dict[str, str | pd.DataFrame], columns: LogColumns = COLUMNS, late: str = "") -> Cells:
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
        else:
            content.to_parquet(path)
        paths.append(path)
    (folder / "late.csv").write_text(late)
    labels = [folder / "late.csv"] if late else []
    source = open_files(paths, columns.parts(), labels=labels)
    return count(source, columns, window="month" if columns.time else "")


JOINED = LogColumns(target="y", prediction="p", id="id")
TIMED = LogColumns(target="y", prediction="p", time="t", label_time="known")
TIMED_LATE = LogColumns(target="y", prediction="p", time="t", id="id", label_time="known")
NANOSECONDS = pd.Series(pd.to_datetime(["2025-01-01 09:00"])).dt.tz_localize("Europe/Berlin").dt.as_unit("ns")
"""As pandas writes times with a zone to Parquet."""


@pytest.mark.parametrize(
    ("files", "columns", "late", "said"),
    [
        (
            {f"l{place:03d}.csv": "y,p,t\n1,1,2025-01-01\n" if place != 70 else "y,t\n1,2025-01-01\n"
             for place in range(200)},
            COLUMNS, "", "prediction column 'p' is not in 'l070.csv' (1 of 200 files lack it); columns are 'y', 't'.",
        ),
        ({"a/l.csv": "y,p,t\n1,1,2025-01-01\n", "b/l.csv": "y,t\n1,2025-01-01\n"}, COLUMNS, "",
         "prediction column 'p' is not in 'l.csv' (1 of 2 files lack it)"),
        ({"a.csv": "y,p,t\n1,1,2025-01-01\n", "b.csv": "y,p,t\ntrue,1,2025-01-01\n"}, COLUMNS, "",
         "column 'y' has type BIGINT in 'a.csv' and VARCHAR in 'b.csv'"),
        ({"a.csv": "y,p,t\n1,1,2025-01-01\n", "b.csv": f"y,p,t\n{MANY}x,1,2025-01-01\n"}, COLUMNS, "",
         "column 'y' holds 'x' in 'b.csv', where other rows hold BIGINT; write it in one type"),
        ({"a.csv": "y,p,t\n1,1,2025-01-01\n", "b.csv": f"y,p,t\n{MANY}1,1,soon\n"}, COLUMNS, "",
         "time column 't' holds 1 values that are not times, such as 'soon' in 'b.csv'; expected ISO dates"),
        ({"a.csv": "y,p,t\n1,1,01/02/2025\n"}, COLUMNS, "",
         "values that are not times, such as '01/02/2025' in 'a.csv'"),
        ({"a.csv": "y,p,t\n1,1,2025-01-01\n", "b.csv": "y,p,t\n1,1,2999-01-01\n0,1,2025-01-02\n"}, COLUMNS, "",
         "time column 't' has 1 values that lie in the future, such as '2999-01-01 00:00:00' in 'b.csv'"),
        ({"a.csv": "y,p,t,known\n1,1,2025-01-05,soon\n"}, TIMED, "",
         "label time column 'known' holds 1 values that are not times, such as 'soon' in 'a.csv'"),
        ({"a.csv": "id,p,t\n1,1,2025-01-05\n"}, TIMED_LATE, "id,y,known\n1,1,later\n",
         "label time column 'known' holds 1 values that are not times, such as 'later' in 'late.csv'"),
        ({"a.csv": "id,p,y\n1,1,0\n2,1,0\n", "b.csv": "id,p,y\n2,1,0\n"}, JOINED, "",
         "id column 'id' does not distinguish rows: 1 values belong to 2 rows, such as '2' in 'a.csv' and 'b.csv'"),
        ({"a.csv": "id,p,y\n1,1,0\n", "b.csv": "id,p,y\n,1,0\n2,1,0\n"}, JOINED, "",
         "id column 'id' has no value in 1 row in 'b.csv'; give each row an identifier of its own"),
        ({"a.csv": "id,p,y\n1,1,0\n", "b.csv": ""}, JOINED, "",
         "log file 'b.csv' is empty, without even a header; remove it."),
        ({"a.csv": "id,p\nx7,1\n"}, JOINED, "id,y\n7,1\n",
         "id column 'id' has type VARCHAR in the log and BIGINT in 'late.csv'; write it in one type in both"),
        ({"a.parquet": pd.DataFrame({"y": [1], "p": [1], "t": ["2025-01-01"]}),
          "b.parquet": pd.DataFrame({"y": [1], "p": [1], "t": pd.to_datetime(["2025-01-01"])})}, COLUMNS, "",
         "column 't' has type VARCHAR in 'a.parquet' and TIMESTAMP"),
    ],
)  # fmt: skip
def test_one_message_names_file_and_column(
    tmp_path: Path, files: dict[str, str | pd.DataFrame], columns: LogColumns, late: str, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        counted(tmp_path, files, columns, late)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": "y,p,t\n1,1,2025-01-01\n", "b.csv": "y,p,t\n,1,2025-01-01\n"},  # no label yet in all of a file
        {"a.csv": "y,p,t\n1,1,2025-01-01\n0,1,2025-01-01\n", "b.csv": "y,p,t\n"},
        {"a.csv": "filename,y,p,t\nx,1,1,2025-01-01\n", "b.csv": "filename,y,p,t\nx,1,1,2025-01-01\n"},
        {
            "a.parquet": pd.DataFrame(
                {"y": [1, 0], "p": [1, 0], "filename": "x", "t": pd.to_datetime(["2025-01-01"] * 2)}
            )
        },
        *(
            {
                f"{name}.parquet": pd.DataFrame({"y": [1], "p": [1], "t": times})
                for name, times in {"a": NANOSECONDS, "b": other}.items()
            }
            for other in (NANOSECONDS, NANOSECONDS.dt.as_unit("us"), NANOSECONDS.dt.tz_localize(None))
        ),
        {
            "a.parquet": pd.DataFrame({"y": [1.0], "p": [1], "t": pd.to_datetime(["2025-01-01"], utc=True)}),
            "b.parquet": pd.DataFrame({"y": [300], "p": [True], "t": pd.to_datetime(["2025-01-01"])}),
        },
    ],
)
def test_what_can_be_read_loses_nothing(tmp_path: Path, files: dict[str, str | pd.DataFrame]) -> None:
    if any(isinstance(one, pd.DataFrame) and one["p"].dtype == bool for one in files.values()):
        with pytest.raises(DataError, match=r"column 'p' has type BIGINT in 'a.parquet' and BOOLEAN in 'b.parquet'"):
            counted(tmp_path, files)
        files["b.parquet"] = files["b.parquet"].astype({"p": "int8"})  # type: ignore[union-attr]
    assert counted(tmp_path, files).rows == 2


MONITORED = (
    '[data]\nlog = "l*.csv"\ntarget = "y"\npositive = 1\nprediction = "p"\nscore = "s"\ntime = "t"\n'
    '[report]\nformats = ["json"]\n[monitor]\nreference = 1\n'
)
HEAD = "y,p,s,t\n"
FIRST = "1,1,0.9,2025-01-05\n0,0,0.2,2025-01-06\n"
SECOND = "1,0,0.4,2025-02-05\n0,1,0.7,2025-02-06\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"l1.csv": HEAD + FIRST + SECOND, "l2.csv": HEAD}, ""),  # nothing yet
        ({"l1.csv": HEAD, "l2.csv": HEAD}, "log file 'l1.csv' and the others: no rows below the header."),
        ({"l1.csv": HEAD + FIRST, "l2.csv": HEAD + "yes,0,0.4,2025-02-05\n"},
         "has type BIGINT in 'l1.csv' and VARCHAR in 'l2.csv'; write it in one type in every file, or"),
        ({"l1.csv": HEAD + FIRST, "l2.csv": None}, "'l2.csv' is a folder; name its files, such as 'l*.csv/*'"),
        ({"l1.csv": HEAD + FIRST, "l2.csv": Path("gone.csv")}, "'l2.csv' is a link to no file; remove or renew it."),
    ],
)  # fmt: skip
def test_files_that_are_counted_one_by_one_agree_and_none_is_passed_over(
    tmp_path: Path, files: dict[str, str | Path | None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit.toml").write_text(MONITORED)
    for name, content in files.items():
        path = tmp_path / name
        if content is None:
            path.mkdir()
        elif isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_text(content)
    assert main(["monitor", str(tmp_path / "audit.toml")]) == (2 if said else 0)
    assert said in capsys.readouterr().err


def test_answers_that_cannot_be_are_told_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit.toml").write_text(MONITORED)
    (tmp_path / "l1.csv").write_text(HEAD + FIRST + SECOND + "1,7,40,2025-02-07\n")
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 1
    said = "2025-02: no alarm; Invalid outputs: 1 labels that the target does not have ('7' 1), 1 scores outside [0, 1]"
    assert said in capsys.readouterr().err


def test_a_window_with_a_score_that_cannot_be_used_leaves_those_of_others_alone() -> None:
    months = [f"2025-{month:02d}-{day:02d}" for month in (1, 2, 3, 4) for day in range(1, 29) for _ in (0, 1)]
    frame = pd.DataFrame({"t": pd.to_datetime(months), "y": [0, 1] * 112, "p": [0, 1, 1, 1] * 56})
    frame["s"] = [0.2, 0.9, 0.6, 0.7] * 56
    frame.loc[[0, 120], "s"] = float("nan")  # of the first month and of the third
    third, fourth = modelassay.monitor(
        frame, target="y", prediction="p", score="s", time="t", positive=1, window="month", reference=2
    )
    outcomes = [next(one.outcome for one in record.verdicts if one.gate == "ROB007") for record in (third, fourth)]
    assert outcomes == ["fail", "pass"]
    assert fourth.metric("roc_auc").value == 1.0
    with pytest.raises(LookupError):
        third.metric("roc_auc")
    moved = [
        {estimate.where["of"] for finding in record.findings if finding.check == "window_drift" and finding.measurement
         for estimate in finding.measurement.estimates} for record in (third, fourth)
    ]  # fmt: skip
    assert ["score" in of for of in moved] == [False, True]  # the second month is the reference of scores
    assert "the reference, 2025-01 to 2025-02, holds answers that a model cannot give: 1 scores" in fourth.warnings[-1]


FRAME = pd.DataFrame(
    {"id": range(40), "y": [0, 1] * 20, "p": [0, 1, 1, 1] * 10, "t": pd.date_range("2025-01-10", periods=40)}
)
STATED: dict[str, Any] = {"target": "y", "prediction": "p", "time": "t", "positive": 1}


@pytest.mark.parametrize(
    ("log", "late", "said"),
    [
        ("id,y,p,t,known\n1,1,1,2025-01-05,2025-01-06\n2,0,1,2025-01-05,2025-01-04\n", "",
         "1 label comes before its decision;"),
        ("id,y,p,t,known\n1,1,1,2025-01-05,2999-01-06\n2,0,1,2025-01-05,\n", "", "1 label lies in the future;"),
        ("id,p,t\n1,1,2025-01-05\n2,1,2025-01-05\n", "id,y,known\n1,1,2025-01-04\n2,1,2025-02-01\n",
         "1 label comes before its decision;"),
    ],
)  # fmt: skip
def test_a_label_of_an_impossible_time_is_not_believed_and_its_row_is_counted(
    tmp_path: Path, log: str, late: str, said: str
) -> None:
    cells = counted(tmp_path, {"a.csv": log}, TIMED_LATE, late)
    (warning,) = doubts(cells, TIMED_LATE)
    assert warning.startswith(f"label time column 'known' in 'a.csv': {said}")
    assert cells.rows == 2
    assert cells.sums["n"][cells.keys[TRUE].isna()].sum() == 1


def test_frames_of_the_future_are_refused_and_labels_of_it_are_told() -> None:
    late = FRAME.assign(known=FRAME["t"] + pd.Timedelta(days=3))
    assert modelassay.run(log=late, label_time="known", checks=["classification"], **STATED).metric("accuracy").n == 40
    for known, said in (("2999-01-01", "lies in the future"), ("2024-01-01", "comes before its decision")):
        wrong = late.assign(known=late["known"].where(late["id"] != 7, pd.Timestamp(known)))
        record = modelassay.run(log=wrong, label_time="known", checks=["classification"], **STATED)
        assert record.metric("accuracy").n == 39
        assert f"label time column 'known' in 'pandas frame': 1 label {said}" in " ".join(record.warnings)
    labels = late[["id", "y", "known"]]
    stated = {**STATED, "id": "id", "label_time": "known", "checks": ["classification"]}
    assert modelassay.run(log=FRAME.drop(columns="y"), labels=labels, **stated).metric("accuracy").n == 40
    with pytest.raises(DataError, match="time column 't' has 40 values that lie in the future"):
        modelassay.run(log=FRAME.assign(t=pd.Timestamp("2999-01-01")), checks=["classification"], **STATED)


def test_a_label_of_the_future_counts_when_its_time_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = FRAME.assign(known=FRAME["t"] + pd.Timedelta(days=3))
    late.to_parquet(tmp_path / "log.parquet")
    stated = {**STATED, "label_time": "known", "reference": 1, "state": tmp_path / "state"}
    monkeypatch.setattr(label_times, "latest_time", lambda: datetime.datetime(2025, 2, 20))
    (record,) = modelassay.monitor(tmp_path / "log.parquet", **stated)
    assert "in 'log.parquet': 1 label lies in the future" in record.warnings[0]
    assert (record.data.splits[0].rows, record.data.splits[0].dropped_rows) == (17, 1)
    monkeypatch.undo()
    (record,) = modelassay.monitor(tmp_path / "log.parquet", **stated)
    assert not record.warnings
    assert record.data.splits[0].rows == 18


def test_a_folder_is_refused_with_a_pattern_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(DataError, match=r"log 'logs' is a folder; name its files, such as 'logs/\*\*/\*.parquet'"):
        log_files(tmp_path, "logs")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes, and links need a right")
def test_one_file_under_two_names_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a1.csv").write_text("y,p\n1,1\n")
    for name, link in (("a2.csv", Path.symlink_to), ("a3.csv", Path.hardlink_to)):
        link(tmp_path / name, tmp_path / "a1.csv")
        with pytest.raises(
            DataError, match=rf"log 'a\*.csv': 'a1.csv' and '{name}' are one file, as a link makes them"
        ):
            log_files(tmp_path, "a*.csv")
        (tmp_path / name).unlink()
    assert log_files(tmp_path, "a*.csv") == (tmp_path / "a1.csv",)
    os.mkfifo(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"log 'b\*.csv' names no file, but 'b.csv', which cannot be read as one"):
        log_files(tmp_path, "b*.csv")


def test_a_link_that_leads_back_is_named_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.csv").write_text("y\n1\n")
    (tmp_path / "log" / "loop").symlink_to(".")
    with pytest.raises(DataError, match=r"'log/a\.csv' and 'log/loop/a\.csv' are one file"):
        log_files(tmp_path, "log/**/a.csv")


def test_a_spark_server_that_does_not_answer_is_said_at_once() -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed; pip install 'modelassay[spark]'")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]  # bound, and nobody listens
        with pytest.raises(
            DataError, match=f"Spark server 'sc://127.0.0.1:{port}/' does not answer: .*refused"
        ) as caught:
            open_spark(f"sc://127.0.0.1:{port}/;token=secret", "decisions", {"y": "target"})
    assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="Spark server 'sc://host:many' does not answer"):
        open_spark("sc://host:many", "decisions", {"y": "target"})


def test_nanoseconds_with_a_zone_are_times_of_decisions_and_of_labels(tmp_path: Path) -> None:
    """One decision is of the year before in UTC; one label came before its decision."""
    times = pd.to_datetime(["2025-01-01 00:30", "2025-01-05 00:30"]).tz_localize("Europe/Berlin").as_unit("ns")
    decided = pd.DataFrame({"id": ["a", "b"], "p": [1, 1], "t": times})
    later = pd.DataFrame({"id": ["a", "b"], "y": [1, 0], "known": times[[1, 0]]})
    decided.to_parquet(tmp_path / "log.parquet")
    later.to_parquet(tmp_path / "late.parquet")
    cells = count(
        open_files([tmp_path / "log.parquet"], TIMED_LATE.parts(), labels=[tmp_path / "late.parquet"]), TIMED_LATE,
        window="month",
    )  # fmt: skip
    assert (cells.rows, set(cells.keys[WINDOW])) == (2, {2024 * 12 + 11, 2025 * 12})
    assert "1 label comes before its decision" in doubts(cells, TIMED_LATE)[0]


def test_decisions_in_other_words_than_labels_that_came_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = pd.DataFrame({"id": range(60), "p": ["approve", "decline"] * 30})
    late = pd.DataFrame({"id": range(60), "y": ["paid", "lost", "paid"] * 20})
    log.to_csv(tmp_path / "log.csv", index=False)
    late.to_csv(tmp_path / "late.csv", index=False)
    file, start = tmp_path / "audit.toml", '[data]\nlog = "log.csv"\nid = "id"\ntarget = "y"\nprediction = "p"\n'
    words = {"approve": "paid", "decline": "lost"}
    start += 'positive = "paid"\n'
    file.write_text(start + 'labels = "late.csv"\n')
    assert main(["run", str(file)]) == 2
    assert "(a word = the word that it means), name files of later labels in label_files" in _error(capsys)
    file.write_text(f'{start}label_files = "late.csv"\nlabels = {{ approve = "paid", decline = "lost" }}\n')
    assert main(["run", str(file), "--format", "json"]) == 3
    stated: dict[str, Any] = {"id": "id", "target": "y", "prediction": "p", "positive": "paid", "labels": words}
    kept = store.load(tmp_path / "audit-report" / "audit.json").metric("accuracy")
    for frame, files in ((log, late), (tmp_path / "log.csv", tmp_path / "late.csv")):
        assert modelassay.run(log=frame, label_files=files, **stated).metric("accuracy") == kept
    assert kept.value == 0.5
    with pytest.raises(modelassay.AuditError, match="labels and label_files both hold later labels"):
        modelassay.run(log=log, label_files=late, **{**stated, "labels": late})
    for wrong in ('label_files = "late.csv"\nlabels = "late.csv"\n', 'label_files = "late.csv"\n'):
        file.write_text(start.replace('id = "id"\n', "") + wrong)
        assert main(["run", str(file)]) == 2
        assert "label_files" in _error(capsys)


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_labels_that_meet_no_row_are_said_to_be_written_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.csv").write_text("id,p\nk1,1\nk2,0\n")
    (tmp_path / "late.csv").write_text("id,y\n k1,1\n k2,0\n")
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log.csv"\nlabels = "late.csv"\nid = "id"\ntarget = "y"\nprediction = "p"\n'
    )
    assert main(["run", str(tmp_path / "audit.toml")]) == 2
    said = (
        "no row of the log has a target 'y'; name labels that arrive later in [data] labels, whose 'id' must be written"
    )
    assert said in " ".join(capsys.readouterr().err.split())


def test_rows_without_a_time_are_told_and_in_no_window() -> None:
    frame = FRAME.assign(t=FRAME["t"].where(FRAME["id"] % 10 > 0))
    records = modelassay.monitor(frame, reference=1, **STATED)
    text = (
        "4 of 40 rows of the log, in 'pandas frame', have no time, or one before the year 1; they belong to no window."
    )
    assert [record.warnings for record in records] == [(text,)]
    assert records[0].data.splits[0].rows == 17


def test_an_identifier_of_the_reference_does_not_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FRAME.to_parquet(tmp_path / "old.parquet")
    FRAME.assign(id=FRAME["id"] + 39).to_parquet(tmp_path / "new.parquet")
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "new.parquet"\ntarget = "y"\npositive = 1\nprediction = "p"\ntime = "t"\nid = "id"\n'
        '[monitor]\nreference = "old.parquet"\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 2
    assert "1 values belong to 2 rows, such as '39' in 'new.parquet' and 'old.parquet'" in capsys.readouterr().err


MIXED = [1, 0, "1", "0"]


@pytest.mark.parametrize("kind", ["pandas", "dask", "duckdb", "csv", "table"])
@pytest.mark.parametrize("labels", [MIXED, [*MIXED, None], [1, 0, "yes"], [1.0, 0.0, "1"], [1, 0, 1.0, 0.0]])
def test_labels_of_several_types_are_those_of_rows_or_refused(kind: str, labels: list[object], tmp_path: Path) -> None:
    """Frames of some libraries hold 1.0 as a text: then 1 and 1.0 are one label twice, and never two."""
    values = pd.Series((labels * 60)[:60], dtype=object)
    frame = pd.DataFrame({"y": values, "p": values})
    log: object = frame
    if kind == "dask":
        log = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)
    elif kind == "duckdb":
        log = duckdb.from_df(frame)
    elif kind == "csv":
        frame.to_csv(tmp_path / "a.csv", index=False)
        log = tmp_path / "a.csv"
    elif kind == "table":
        with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
            connection.from_df(frame).create("log")
        log = tmp_path / "a.duckdb"
    stated: dict[str, Any] = {"target": "y", "prediction": "p", "drop_missing_target": True}
    stated |= {} if "yes" in labels else {"positive": 1}
    by_rows = modelassay.run(test=frame, checks=["classification"], **stated)
    stated |= {"table": "log"} if kind == "table" else {}
    as_texts = kind == "dask" or (kind in ("duckdb", "table") and "1" in labels)
    if as_texts and any(isinstance(label, float) for label in labels):
        with pytest.raises(DataError, match=r"target 'y' holds both .* which are the same number; write them alike"):
            modelassay.run(log=log, checks=["classification"], **stated)
        return
    counted = modelassay.run(log=log, checks=["classification"], **stated)
    assert counted.data.classes == by_rows.data.classes
    assert counted.metric("accuracy") == by_rows.metric("accuracy")
    assert counted.metric("accuracy").n == values.notna().sum()


def test_a_label_of_another_type_in_one_of_many_files_is_not_another_label(tmp_path: Path) -> None:
    first = pd.DataFrame({"y": ["1", "0"] * 30, "p": ["1", "0"] * 30})
    first.to_parquet(tmp_path / "a.parquet")
    (first + ".0").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"target 'y' holds both '0' and '0.0', which are the same number"):
        modelassay.run(log=f"{tmp_path}/*.parquet", target="y", prediction="p")
    first.assign(y="0").to_parquet(tmp_path / "b.parquet")
    (first[["p"]] + ".0").assign(y="0").to_parquet(tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"prediction 'p' holds '0', '0.0', '1', '1.0', the target holds '0', '1'"):
        modelassay.run(log=f"{tmp_path}/*.parquet", target="y", prediction="p", positive=1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "target 'y' holds amounts, not classes; state [data] task = \"regression\"."),
        ('target = "team"\n[data.score]\na = "s"\n', "[data.score] names no column for class 'b'."),
        ('log = "log.duckdb"\n', "A DuckDB file needs [data] table, the table to count."),
    ],
)
def test_what_a_configuration_leaves_out_is_named(
    tmp_path: Path, more: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Amounts without the task, scores of some classes, and a database without its table."""
    team = ["a", "b", "c"] * 20
    frame = pd.DataFrame({"y": [place / 8 for place in range(60)], "team": team, "s": 0.5, "t": "2025-01-01"})
    frame.assign(p=team if "team" in more else frame["y"] + 1).to_csv(tmp_path / "log.csv", index=False)
    duckdb.connect(str(tmp_path / "log.duckdb")).close()
    stated = {"log": "log.csv", "target": "y", "prediction": "p", "time": "t"}
    lines = [f'{name} = "{value}"\n' for name, value in stated.items() if f"{name} =" not in more]
    (tmp_path / "audit.toml").write_text(f"[data]\n{''.join(lines)}{more}")
    for verb in ("run", "monitor"):
        assert main([verb, str(tmp_path / "audit.toml")]) == 2
        assert said in _error(capsys)
