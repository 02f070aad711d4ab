"""Tables become data sets, or say plainly why they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.data.columns import group_factor, label_texts
from audit.data.dataset import Roles, build
from audit.data.factor import Factor, concatenate
from audit.data.reading import Reading
from audit.data.tables import read_table, read_tables
from audit.data.times import moments
from audit.errors import DataError


def _table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1], **columns})


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1, 0, 1], ("0", "1")),
        ([0.0, 1.0, 0.0, 1.0], ("0", "1")),
        ([False, True, False, True], ("False", "True")),
        (["0", "1", "0", "1"], ("0", "1")),
    ],
)
def test_binary_positive_is_certain_for_0_and_1(values: list[object], classes: tuple[str, str]) -> None:
    data = build({"test": _table(y=values)}, Roles(target="y"))
    assert data.task == "binary"
    assert data.classes == classes
    assert data.y.tolist() == [0, 1, 0, 1]


def test_nothing_is_guessed() -> None:
    with pytest.raises(DataError, match="which class is positive"):
        build({"test": _table(y=["a", "b", "a", "b"])}, Roles(target="y"))
    with pytest.raises(DataError, match="classes or amounts"):
        build({"test": _table(y=[1, 2, 3, 4])}, Roles(target="y"))
    with pytest.raises(DataError, match="3 classes"):
        build({"test": _table(y=list("abca"))}, Roles(target="y", task="binary"))


def test_regression_refuses_text() -> None:
    with pytest.raises(DataError, match="regression needs numbers"):
        build({"test": _table(y=list("abcd"))}, Roles(target="y", task="regression"))


def test_only_features_reach_the_model() -> None:
    frame = _table(w=[1, 1, 1, 2], g=list("fmfm"), when=[1, 2, 3, 4], p=[0, 1, 1, 1])
    roles = Roles(target="y", weight="w", time="when", prediction="p", sensitive=("g",), drop=("a",))
    data = build({"test": frame}, roles)
    assert data.features == ("g",)
    assert data.weight is not None


def test_a_model_narrows_the_features() -> None:
    data = build({"test": _table(b=[1, 2, 3, 4])}, Roles(target="y"))
    assert data.for_model(["b"], 1).features == ("b",)
    with pytest.raises(DataError, match="Did you mean 'b'"):
        data.for_model(["B"], 1)
    with pytest.raises(DataError, match="reads 3 features"):
        data.for_model(None, 3)


def test_groups_outside_the_table() -> None:
    apart = {"test": pd.DataFrame({"sex": ["f", None, "m", "m"]})}
    data = build({"train": _table(), "test": _table()}, Roles(target="y"), sensitive_frames=apart)
    assert data.sensitive["sex"].codes.tolist() == [-1, -1, -1, -1, 0, -1, 1, 1]


def test_a_column_named_like_a_word_of_the_house() -> None:
    frame = _table(split=list("abab"))
    data = build({"test": frame}, Roles(target="y", sensitive=("split",)))
    assert list(data.sensitive) == ["split (column)"]


@pytest.mark.parametrize("weights", [[1, 1, 1, -1], [0, 0, 0, 0], [1, 1, 1, np.nan], list("abcd")])
def test_weights_that_are_none(weights: list[object]) -> None:
    with pytest.raises(DataError, match="weight column"):
        build({"test": _table(w=weights)}, Roles(target="y", weight="w"))


def test_duplicate_columns_are_named() -> None:
    frame = pd.DataFrame([[1, 0, 2], [2, 1, 3]], columns=["a", "y", "a"])
    with pytest.raises(DataError, match="two columns"):
        build({"test": frame}, Roles(target="y"))


def test_bands() -> None:
    bands = group_factor(pd.Series([24.9, 25, 44.9, 45, np.nan]), (25, 45))
    assert bands.levels == ("under 25", "25 to under 45", "45 and over")
    assert bands.codes.tolist() == [0, 1, 1, 2, -1]
    with pytest.raises(DataError, match="increasing numbers"):
        group_factor(pd.Series([1.0, 2.0]), (45, 25))


@given(st.lists(st.one_of(st.none(), st.text(max_size=5), st.integers(-5, 5)), max_size=30))
def test_factors_count_every_row_once(values: list[object]) -> None:
    factor = Factor.of(values)
    assert factor.counts().sum() + (factor.codes < 0).sum() == len(values)
    joined = concatenate([factor, factor])
    assert joined.counts().tolist() == (2 * factor.counts()).tolist()


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_labels_read_the_same_as_integers_and_floats(values: list[int]) -> None:
    assert label_texts(np.array(values)).tolist() == label_texts(np.array(values, dtype=float)).tolist()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "parquet", "feather", "npz"])
def test_tables_of_every_format_are_the_same(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"x0": [1.5, 2.5], "x1": [3.0, 4.0], "y": [0, 1]})
    path = tmp_path / f"table.{suffix}"
    if suffix == "npz":
        np.savez(path, X=frame[["x0", "x1"]].to_numpy(), y=frame["y"].to_numpy())
    elif suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "feather":
        frame.to_feather(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    pd.testing.assert_frame_equal(read_table(path), frame, check_dtype=False)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "npz", "xlsx"])
def test_broken_tables_are_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    path.write_bytes(b"\x00\xff\xfe broken \x80")
    with pytest.raises(DataError, match=r"cannot read|is empty"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,a\n1,2,3\n", "two columns 'a'"),
        ("a,b\n1,2,3\n4,5,6\n", "more values than the header names"),
        ("a;b\n1;2\n", "separated by ';'"),
        ("a\tb\n1\t2\n", r"suffix \.tsv"),
    ],
)
def test_what_would_have_to_be_guessed_of_a_csv_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / "t.csv")


def test_one_column_with_a_separator_in_its_values_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\na;b\nc;d\n")
    assert read_table(tmp_path / "t.csv")["text"].tolist() == ["a;b", "c;d"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["2020-01-01"] * 50 + ["soon"] * 50, "'t' holds 'soon', which cannot be read"),
        (["3 Jan 2020"] * 50 + ["2020-01-01"] * 50, "'t' holds both '2020-01-01' and '3 Jan 2020'"),
    ],
)
def test_the_value_that_is_not_a_time_is_named(values: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        moments(pd.Series(values, name="t"))


@pytest.mark.parametrize(
    "values",
    [
        np.array([3, 1, 3]),
        np.array([True, False]),
        np.array([2**63 + 5], dtype=np.uint64),
        np.array(["nan", "b", ""]),
        np.array(["nan", "b", ""], dtype=object),
        np.array([], dtype=object),
    ],
)
def test_labels_without_missing_values_are_written_as_any_others(values: np.ndarray) -> None:
    assert label_texts(values).tolist() == label_texts(pd.Series(values)).tolist()
    assert {type(text) for text in label_texts(values)} <= {str}


# --- codes that a number cannot hold ------------------------------------------------------------------

CODE = 2**53 + 1


def _written(suffix: str, values: list[int | None], path: Path) -> Path:
    frame = pd.DataFrame({"code": pd.array(values, dtype="Int64"), "y": [0, 1, 0, 1]})
    file = path / f"table.{suffix}"
    if suffix == "csv":
        frame.to_csv(file, index=False)
    elif suffix == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(file) if suffix == "parquet" else frame.to_feather(file)
    return file


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "arrow", "duckdb"])
@pytest.mark.parametrize(
    ("values", "said"),
    [([CODE, None, 7, 8], True), ([CODE, 6, 7, 8], False), ([12, None, 7, 8], False), ([CODE - 2, None, 7, 8], False)],
)
def test_long_codes_beside_missing_values_are_named(
    suffix: str, values: list[int | None], said: bool, tmp_path: Path
) -> None:
    tables = read_tables({"test": _written(suffix, values, tmp_path)})
    data = build(tables.frames, Roles(target="y"), tables=tables)
    assert any("column 'code' holds whole numbers of more than 15 digits" in note for note in data.notes) == said
    assert said or data.frame["code"].iloc[0] == values[0]


def test_long_codes_of_one_split_are_named_where_another_misses_some() -> None:
    frames = {
        "train": pd.DataFrame({"code": [CODE, 5], "y": [0, 1]}),
        "test": pd.DataFrame({"code": [None, 5], "y": [0, 1]}),
    }
    assert any("'code'" in note for note in build(frames, Roles(target="y")).notes)


@pytest.mark.parametrize("value", [1e300, 0.5, float("inf"), -1e17])
def test_amounts_are_no_codes_unless_all_are_whole(value: float) -> None:
    notes = build({"test": pd.DataFrame({"a": [value, 0.25, None], "y": [0, 1, 1]})}, Roles(target="y")).notes
    assert notes == ()


def test_words_keep_every_digit_of_a_csv_file(tmp_path: Path) -> None:
    file = _written("csv", [CODE, None, 7, 8], tmp_path)
    tables = read_tables({"test": file}, Reading(text=("code",)))
    data = build(tables.frames, Roles(target="y", text=("code",)), tables=tables)
    assert data.frame["code"].iloc[0] == str(CODE)
    assert data.notes == ()
