"""A log from Python gives the record that the command line gives, whatever library the frame is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from audit.errors import AuditError
from audit.logs.connection import connect
from reports.record import AuditRecord, Estimate
from reports.store import dumps, load

QUICK = ("classification", "group_performance", "label_rate", "score_histogram")
SETTINGS: dict[str, Any] = {
    "target": "y", "prediction": "p", "score": "s", "time": "t", "id": "id", "positive": 1, "favorable": 1,
    "sensitive": ["sex"],
}  # fmt: skip
TOML = """
[data]
log = "log-*.parquet"
target = "y"
positive = 1
favorable = 1
prediction = "p"
score = "s"
time = "t"
id = "id"
sensitive = ["sex"]
{more}
[report]
formats = ["json"]
"""


def rows(n: int = 1600) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    score = generator.beta(2, 2, n)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "t": pd.Timestamp("2025-01-01") + pd.to_timedelta(generator.integers(0, 119, n), unit="D"),
            "y": (generator.random(n) < score).astype(int),
            "p": (score > 0.5).astype(int),
            "s": score.astype("float32"),
            "sex": generator.choice(np.array(["f", "m", None], dtype=object), n),
        }
    )


HOUSE = connect()


def native(frame: pd.DataFrame, library: str) -> object:
    if library == "pandas":
        return frame
    if library == "duckdb":
        return HOUSE.from_df(frame)
    module = pytest.importorskip({"polars": "polars", "pyarrow": "pyarrow", "dask": "dask.dataframe"}[library])
    if library == "dask":
        return module.from_pandas(frame, npartitions=3)
    return module.from_pandas(frame) if library == "polars" else module.Table.from_pandas(frame)


def told(record: AuditRecord) -> str:
    """Return the record without what names its source and its configuration."""
    splits = tuple(replace(split, file="", sha256="") for split in record.data.splits)
    bare = replace(
        record,
        config={},
        data=replace(record.data, splits=splits),
        policy=replace(record.policy, file="", lines={}),
        verdicts=tuple(replace(one, source=None) for one in record.verdicts),
    )
    return dumps(bare)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.mark.parametrize("library", ["pandas", "duckdb", "pyarrow", "polars", "dask"])
@pytest.mark.filterwarnings("ignore")
def test_frames_of_every_library_give_the_record_of_the_files(tmp_path: Path, library: str) -> None:
    frame = rows()
    frame.to_parquet(tmp_path / "log-1.parquet")
    kept = modelassay.run(log=tmp_path / "log-*.parquet", checks=QUICK, **SETTINGS)
    given = modelassay.run(log=native(frame, library), checks=QUICK, **SETTINGS)
    assert told(given) == told(kept)
    assert given.data.splits[0].file == f"{library} frame"


def test_run_and_monitor_say_what_the_command_line_says(tmp_path: Path) -> None:
    frame = rows()
    (tmp_path / "audit.toml").write_text(TOML.format(more='[monitor]\nreference = 2\nwindow = "month"'))
    frame.to_parquet(tmp_path / "log-1.parquet")
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 1)
    record = modelassay.run(log=tmp_path / "log-*.parquet", **SETTINGS)
    assert told(record) == told(load(tmp_path / "out" / "audit.json"))
    assert main(["monitor", str(tmp_path / "audit.toml")]) in (0, 1)
    made = modelassay.monitor(tmp_path / "log-*.parquet", reference=2, features=(), **SETTINGS)
    assert [one.data.splits[0].file for one in made] == ["window 2025-03", "window 2025-04"]
    for one, name in zip(made, ("2025-03", "2025-04"), strict=True):
        assert told(one) == told(load(tmp_path / "monitor" / f"{name}.json"))
    again = modelassay.monitor(frame, reference=2, window=400, **SETTINGS)
    assert [one.data.splits[0].rows for one in again] == [400, 400]


@pytest.mark.parametrize("library", ["pandas", "duckdb", "dask"])
@pytest.mark.filterwarnings("ignore")
def test_labels_that_come_later_are_a_frame_beside_a_frame(library: str) -> None:
    frame = rows()
    late = frame.loc[frame["id"] < 1200, ["id", "y"]]
    whole = frame.assign(y=frame["y"].where(frame["id"] < 1200))
    log, labels = native(frame.drop(columns="y"), library), native(late, library)
    record = modelassay.run(log=log, labels=labels, checks=QUICK, **SETTINGS)
    kept = modelassay.run(log=whole, checks=QUICK, **SETTINGS)
    assert (record.data.splits[0].rows, record.data.splits[0].dropped_rows) == (1200, 400)
    assert record.metric("accuracy") == kept.metric("accuracy")


def test_a_reference_may_be_a_log_of_its_own(tmp_path: Path) -> None:
    frame = rows()
    old, new = frame[frame["t"] < "2025-03-01"], frame[frame["t"] >= "2025-03-01"]
    old.to_parquet(tmp_path / "old.parquet")
    new.to_parquet(tmp_path / "log-1.parquet")
    (tmp_path / "audit.toml").write_text(TOML.format(more='[monitor]\nreference = "old.parquet"'))
    assert main(["monitor", str(tmp_path / "audit.toml")]) in (0, 1)
    by_log = load(tmp_path / "monitor" / "2025-03.json")
    by_windows = modelassay.monitor(frame, reference=2, **SETTINGS)[0]
    for one in (finding for finding in by_windows.findings if finding.family == "monitoring" and finding.measurement):
        other = next(finding for finding in by_log.findings if finding.check == one.check)
        assert other.measurement is not None
        assert one.measurement is not None
        for made, kept in zip(one.measurement.estimates, other.measurement.estimates, strict=True):
            assert (made.metric, made.where, made.n) == (kept.metric, kept.where, kept.n)
            numbers = [[one.value, one.low or 0.0] for one in (made, kept)]
            assert numbers[0] == pytest.approx(numbers[1], rel=1e-9, abs=1e-12)
    frames = modelassay.monitor(new, reference=old, **SETTINGS)
    assert frames[0].metric("accuracy") == by_log.metric("accuracy")
    (tmp_path / "audit.toml").write_text(TOML.format(more='[monitor]\nreference = "log-1.parquet"'))
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 2


def test_a_reference_may_be_a_record(tmp_path: Path) -> None:
    frame = rows()
    old, new = frame[frame["t"] < "2025-03-01"], frame[frame["t"] >= "2025-03-01"]
    modelassay.save(modelassay.run(log=old, checks=("confusion",), **SETTINGS), tmp_path / "audit.json")
    by_record = modelassay.monitor(new, reference=tmp_path / "audit.json", **SETTINGS)
    by_log = modelassay.monitor(new, reference=old, **SETTINGS)
    assert len(by_record) == len(by_log) == 2
    for one, other in zip(by_record, by_log, strict=True):
        for metric in ("accuracy", "recall"):
            at = {"metric": metric, "over": "1 window"}
            assert _changes(one, at)[0].value == pytest.approx(_changes(other, at)[0].value)
    other_classes = replace(by_log[0], data=replace(by_log[0].data, classes=("no", "yes")))
    for record, said in (
        (other_classes, "has no confusion matrix of all its classes"),
        (replace(by_log[0], data=replace(by_log[0].data, weight="w")), "counts weights or clusters"),
    ):
        modelassay.save(record, tmp_path / "other.json")
        with pytest.raises(AuditError, match=said):
            modelassay.monitor(new, reference=tmp_path / "other.json", **SETTINGS)
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(AuditError, match="cannot be read as a record"):
        modelassay.monitor(new, reference=tmp_path / "none.json", **SETTINGS)


def _changes(record: AuditRecord, where: dict[str, str]) -> list[Estimate]:
    return [
        one
        for finding in record.findings
        for one in (finding.measurement.estimates if finding.measurement else ())
        if one.metric == "performance_change" and where.items() <= dict(one.where).items() and "sex" not in one.where
    ]


def test_alarms_of_clusters_count_each_person_once() -> None:
    """Every row four times is no more evidence than once: intervals and indices say what they said."""
    frame = rows(2400).assign(person=lambda rows: rows["id"])
    stated = {**SETTINGS, "reference": 2, "id": None, "cluster": "person"}
    once, often = modelassay.monitor(frame, **stated)[0], modelassay.monitor(pd.concat([frame] * 4), **stated)[0]
    blind = modelassay.monitor(pd.concat([frame] * 4), **{**stated, "cluster": None})[0]
    for metric, of in (("performance_change", "metric"), ("window_stability_index", "of")):
        name = {"metric": "recall", "of": "score"}[of]
        found = [_wide(record, metric, {of: name, "over": "1 window"}) for record in (once, often, blind)]
        assert found[1] == pytest.approx(found[0], rel=0.05), metric
        assert found[2] < 0.8 * found[0], metric


def _wide(record: AuditRecord, metric: str, where: dict[str, str]) -> float:
    """Return how wide the one interval at an address is."""
    found = [
        one
        for finding in record.findings
        for one in (finding.measurement.estimates if finding.measurement else ())
        if one.metric == metric and where.items() <= dict(one.where).items() and "sex" not in one.where
    ]
    assert len(found) == 1
    return (found[0].high or 0.0) - (found[0].low or 0.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"log": 7}, "log is a 'int'; expected a path, or a frame that Narwhals knows"),
        ({"log": None, "table": "x"}, "table is given without a log"),
        ({"X": [[1.0]]}, "rows are given beside a log"),
        ({"model": "nowhere.skops"}, "model column 'nowhere.skops' is not in"),
        ({"model": object()}, "a model is given beside a log"),
        ({"sensitive": pd.DataFrame({"sex": ["f"]})}, "sensitive features of a log are columns of it"),
        ({"labels": "late.csv"}, "labels are files and the log is a frame"),
        ({"labels": pd.DataFrame({"id": [1], "y": [1]}), "id": None}, "labels need id"),
        ({"time": "sex"}, "time column 'sex' in 'pandas frame' has type String; expected dates or times"),
        ({"id": "p"}, "id column 'p' does not distinguish rows: 2 values belong to 1600 rows"),
        (
            {"labels": pd.DataFrame({"id": [1, 1], "y": [0, 1]})},
            "labels contradict each other: 1 values of 'id' have more than one, such as '1'; keep the correct one.",
        ),
        (
            {"labels": pd.DataFrame({"id": ["1"], "y": [0]})},
            "id column 'id' has type Int64 in the log and String in the labels; write it in one type in both.",
        ),
        ({"labels": pd.DataFrame({"id": [1], "x": [0]})}, "target column 'y' is not in 'labels'"),
        ({"prediction": "q"}, "prediction column 'q' is not in 'pandas frame'"),
        ({"spark": "local[1]"}, "spark needs table"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AuditError) as caught:
        modelassay.run(**{"log": rows(), **SETTINGS, **change})
    assert said in str(caught.value)


def test_times_are_in_utc_wherever_the_machine_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after midnight in UTC on the first of the month is the month before in New York."""
    frame = rows(400).assign(t=pd.to_datetime(["2025-01-15", "2025-03-01 01:00"] * 200, format="ISO8601", utc=True))
    frame.to_parquet(tmp_path / "log.parquet")
    monkeypatch.setenv("TZ", "America/New_York")
    found = [
        [one.data.splits[0].file for one in modelassay.monitor(log, reference=1, **SETTINGS)]
        for log in (tmp_path / "log.parquet", frame)
    ]
    assert found == [["window 2025-03"], ["window 2025-03"]]
