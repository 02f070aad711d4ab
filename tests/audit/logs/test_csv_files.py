"""Logs of many CSV files, however each of them is written."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit.logs.agreement
from audit.cli import main
from audit.config.configuration import DataTable
from audit.data.reading import Reading
from audit.errors import DataError
from audit.logs.agreement import agreement_of
from audit.logs.columns import LogColumns
from audit.logs.connection import connect
from audit.logs.reading import CsvFile, look_at
from audit.logs.sources import open_files
from audit.monitoring.tallies import count_windows

COLUMNS = {"y": "target", "p": "prediction", "g": "sensitive"}
WORDS = ("#1", "a,b", 'q"q', "two\nlines", "NA", " x", "é", "'z'", "007", "true", "")


def rows_of(files: list[Path], columns: dict[str, str] = COLUMNS) -> Counter[tuple[object, ...]]:
    with connect(*files) as connection:
        relation = agreement_of(files, columns).read(connection, files)
        return Counter(relation.select(*(f'"{name}"' for name in columns)).fetchall())


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[bytes, list[dict[str, str]]]]:
    """Files of the same columns, each in an order, with line ends and a mark at its beginning of its own."""
    files = []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.permutations([*COLUMNS, *draw(st.sampled_from([(), ("other",)]))]))
        values = st.fixed_dictionaries({name: st.sampled_from(WORDS) for name in names})
        rows = [*draw(st.lists(values, min_size=1, max_size=6)), dict.fromkeys(names, "word")]
        file = io.StringIO()
        writer = csv.DictWriter(file, names, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
        writer.writeheader()
        writer.writerows(rows)
        files.append((draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + file.getvalue().encode(), rows))
    return files


@settings(max_examples=60, deadline=None)
@given(logs())
def test_every_row_is_read_as_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, log: list[tuple[bytes, list[dict[str, str]]]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    files = [folder / f"{place}.csv" for place in range(len(log))]
    for file, (content, _) in zip(files, log, strict=True):
        file.write_bytes(content)
    expected = Counter(tuple(row[name] or None for name in COLUMNS) for _, rows in log for row in rows)
    assert rows_of(files) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("1\n2\n", "NA\nnan\n"), [1, 2, None, None]),
        (("1\n", "0.5\n", "null\n"), [1.0, 0.5, None]),
        (("1\n", f"{2**63}\n"), [1, 2**63]),
        (("true\nfalse\n", "NA\n", '""\n'), ["True", "False", None, None]),
        (("True\nNA\nFALSE\n",), ["True", None, "False"]),
        (("yes\nNo\n", "NA\n"), ["yes", "No", "NA"]),
        (("true\n", "no\n"), ["true", "no"]),
        (("true\n", "perhaps\n"), ["true", "perhaps"]),
        (("NA\n", '""\n'), ["NA", None]),
    ],
)
def test_a_column_has_one_type_in_all_files(tmp_path: Path, texts: tuple[str, ...], expected: list[object]) -> None:
    files = [tmp_path / f"{place}.csv" for place in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(f"a\n{text}")
    assert rows_of(files, {"a": "feature"}) == Counter((value,) for value in expected)


def test_numbers_in_one_file_and_words_in_another_are_refused(tmp_path: Path) -> None:
    for name, text in {"1": "a\n1\n", "2": "a\nNA\nx\n"}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    with pytest.raises(DataError, match=r"column 'a' has type BIGINT in '1.csv' and VARCHAR in '2.csv'.*\[data\] text"):
        rows_of(sorted(tmp_path.glob("*.csv")), {"a": "feature"})


@pytest.mark.parametrize("name", ["n" * 200_000, '"' + "n" * 200_000 + '"', "n;m"])
def test_a_long_name_of_a_column_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.csv").write_text(f"a,{name}\n1,2\n3,4\n")
    assert rows_of([tmp_path / "log.csv"], {"a": "feature"}) == Counter([(1,), (3,)])


def test_identifiers_of_labels_are_read_as_they_are_written(tmp_path: Path) -> None:
    log, labels = tmp_path / "log.csv", tmp_path / "labels.csv"
    log.write_text("id,p\n1.10,1\n1.1,0\n")
    labels.write_text("id,y\n1.1,2.0\n1.10,1.5\n")
    parts = {"id": "id", "p": "prediction", "y": "target"}
    source = open_files([log], parts, labels=[labels], reading=Reading(text=("id", "y")))
    rows = source.frame.select("p", "y").collect("pyarrow").to_native().to_pylist()
    assert {row["p"]: row["y"] for row in rows} == {1: "1.5", 0: "2.0"}


def test_a_time_that_is_marked_as_missing_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{row % 2},{row % 3 % 2},2025-0{1 + row % 3}-07" for row in range(300)]
    (tmp_path / "log.csv").write_text("\n".join(["y,p,t", *lines, "1,1,NA", "0,0,"]) + "\n")
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log.csv"\ntarget = "y"\npositive = 1\nprediction = "p"\ntime = "t"\n'
        '[report]\nformats = ["json"]\n[monitor]\nreference = 1\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) in (0, 1)
    assert "2 of 302 rows of the log" in capsys.readouterr().err


def test_no_file_is_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def look(connection: object, file: Path, reading: object) -> CsvFile:
        seen.append(file.name)
        return look_at(connection, file, reading)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(audit.logs.agreement, "look_at", look)
    for month in (1, 2, 3):
        lines = [f"{month * 1000 + row},{row % 2},{row % 3 % 2},2025-0{month}-07" for row in range(300)]
        (tmp_path / f"log-{month}.csv").write_text("\n".join(["id,y,p,t", *lines]) + "\n")
    columns = LogColumns(target="y", prediction="p", time="t", id="id")
    (tmp_path / "kept").mkdir()
    data = DataTable(log="log-*.csv", target="y", prediction="p", time="t", id="id")
    cells = count_windows(data, tmp_path, columns, "month", tmp_path / "kept")
    assert (cells.rows, len(cells.windows())) == (900, 3)
    assert sorted(seen) == ["log-1.csv", "log-2.csv", "log-3.csv"]
