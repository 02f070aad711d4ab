"""Tables of text: typed over all splits, words left alone, ways of writing stated and never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.data.dialect import suggest_dialect
from audit.data.reading import MISSING_NUMBERS, Reading, Tables
from audit.data.tables import read_tables
from audit.errors import DataError


def read(folder: Path, texts: Mapping[str, str], **said: object) -> Tables:
    files = {}
    for split, text in texts.items():
        files[split] = folder / f"{split}.csv"
        files[split].write_text(text, encoding="utf-8")
    return read_tables(files, Reading(**said))  # type: ignore[arg-type]


@pytest.mark.parametrize("word", sorted(MISSING_NUMBERS - {""}))
def test_words_are_words_and_numbers_take_them_for_missing(word: str, tmp_path: Path) -> None:
    tables = read(tmp_path, {"test": f"k,n,b\n{word},1,True\nEU,{word},{word}\n,2,False\n"})
    frame = tables.frames["test"]
    assert frame["k"].iloc[:2].tolist() == [word, "EU"]
    assert frame["k"].isna().tolist() == [False, False, True]
    assert frame["n"].tolist()[0::2] == [1, 2]
    assert frame["n"].isna().tolist() == [False, True, False]
    assert tables.read_as_missing == {"n": {word: 1}, "b": {word: 1}}


def test_stated_words_are_missing_everywhere_and_counted(tmp_path: Path) -> None:
    tables = read(tmp_path, {"test": "k,n\n?,1\nNA,-999\nEU,?\n"}, missing=("?", "NA", "-999"))
    assert tables.read_as_missing == {"k": {"?": 1, "NA": 1}, "n": {"?": 1, "-999": 1}}
    assert tables.frames["test"]["n"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("train", "test"),
    [(["1", "2", "A"], ["1", "2"]), (["True", "unknown"], ["True", "False"]), (["007", "012"], ["A12", "008"])],
)
@pytest.mark.parametrize("turned", [False, True])
def test_splits_are_typed_together(train: list[str], test: list[str], turned: bool, tmp_path: Path) -> None:
    texts = {"train": train, "test": test} if not turned else {"train": test, "test": train}
    tables = read(tmp_path, {name: "k,y\n" + "".join(f"{word},1\n" for word in words) for name, words in texts.items()})
    assert {name: frame["k"].tolist() for name, frame in tables.frames.items()} == texts


@pytest.mark.parametrize(("train", "test"), [("1", "red"), ("True", "1"), ("red", "False")])
def test_splits_that_disagree_in_kind_are_refused_by_column(train: str, test: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'k' holds .* in one table"):
        read(tmp_path, {"train": f"k,y\n{train},1\n", "test": f"k,y\n{test},1\n"})
    tables = read(tmp_path, {"train": f"k,y\n{train},1\n", "test": f"k,y\n{test},1\n"}, text=("k",))
    assert [frame["k"].tolist() for frame in tables.frames.values()] == [[train], [test]]


def test_what_a_column_holds_can_be_stated(tmp_path: Path) -> None:
    tables = read(tmp_path, {"test": "zip,n\n01,NA\n10,2\n"}, text=("zip",), number=("n",))
    assert tables.frames["test"]["zip"].tolist() == ["01", "10"]
    with pytest.raises(DataError, match=r"'n' must hold numbers and holds 'x'"):
        read(tmp_path, {"test": "zip,n\n01,x\n10,2\n"}, number=("n",))
    with pytest.raises(DataError, match=r"'zap', which is not a column.*'zip'"):
        read(tmp_path, {"test": "zip,n\n01,x\n"}, text=("zap",), stated=("zap",))


def test_a_decimal_comma_is_stated_and_never_taken_for_words(tmp_path: Path) -> None:
    text = "a;b\n1,5;x\n2;y\nNA;z\n"
    with pytest.raises(DataError, match=r"decimal = \","):
        read(tmp_path, {"test": text}, separator=";")
    frame = read(tmp_path, {"test": text}, separator=";", decimal=",").frames["test"]
    assert frame["a"].tolist()[:2] == [1.5, 2.0]
    assert frame["a"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("words", "said", "lines"),
    [
        (["1.234", "234"], {"decimal": ","}, r'decimal = "\." or decimal = "," with thousands = "\."'),
        (["1.234,5", "2,5"], {"decimal": ","}, r'decimal = "," with thousands = "\."'),
        (["0.189", "2"], {"decimal": ","}, r'decimal = "\." for'),
        (["1,234", "234"], {}, r'thousands = "," or decimal = ","'),
        (["1,234.5", "2"], {"decimal": "."}, r'thousands = "," for'),
        (["0,189", "2"], {}, r'state \[data.csv\] decimal = "," for'),
    ],
)
def test_signs_of_numbers_that_read_otherwise_are_refused(
    words: list[str], said: dict[str, str], lines: str, tmp_path: Path
) -> None:
    text = "a;b\n" + "".join(f"{word};x\n" for word in words)
    with pytest.raises(DataError, match=rf"column 'a' holds '.*{lines}"):
        read(tmp_path, {"test": text}, separator=";", **said)
    assert read(tmp_path, {"test": text}, separator=";", text=("a",), **said).frames["test"]["a"].tolist() == words
    with pytest.raises(DataError, match="'a' must hold numbers and holds"):
        read(tmp_path, {"test": text}, separator=";", number=("a",), **said)


@pytest.mark.parametrize(
    ("decimal", "thousands", "words"),
    [
        (",", ".", ["1.234,5", "-1.000.000", "2,25", "7", "NA"]),
        ("", ",", ["1,234.5", "-1,000,000", "2.25", "7", "NA"]),
        ("", " ", ["1 234.5", "-1 000 000", "2.25", "7", "NA"]),
    ],
)
def test_thousands_are_read_as_stated(decimal: str, thousands: str, words: list[str], tmp_path: Path) -> None:
    text = "a;b\n" + "".join(f"{word};x\n" for word in words)
    frame = read(tmp_path, {"test": text}, separator=";", decimal=decimal, thousands=thousands).frames["test"]
    assert frame["a"].tolist()[:4] == [1234.5, -1000000, 2.25, 7]
    if thousands != " ":
        found = suggest_dialect(tmp_path / "test.csv")
        assert (found.decimal, found.thousands) == (decimal, thousands)


@pytest.mark.parametrize("words", [["01.02.2020", "03.04.2020"], ["1.2.3", "2.0"], ["10.0.0.1", "x"]])
def test_dates_and_versions_stay_words(words: list[str], tmp_path: Path) -> None:
    text = "a;b\n" + "".join(f"{word};1,5\n" for word in words)
    assert read(tmp_path, {"test": text}, separator=";", decimal=",").frames["test"]["a"].tolist() == words


@pytest.mark.parametrize("separator", ["", ";"])
def test_the_first_line_of_excel_is_named(separator: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"begins with a line of Excel's, 'sep=.?', .* remove"):
        read(tmp_path, {"test": "sep=;\na;b\n1;2\n"}, separator=separator)


def test_rows_that_end_early_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3 holds 1 values"):
        read(tmp_path, {"test": "a,b\n1,2\n3\n"})
    assert read(tmp_path, {"test": "a,b\n1,2\n3,\n"}).frames["test"]["b"].isna().tolist() == [False, True]


@pytest.mark.parametrize(("encoding", "said"), [("latin-1", "latin-1"), ("cp1252", "cp1252"), ("utf-16", "UTF-16")])
def test_other_encodings_are_named(encoding: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\ncafé,1\n".encode(encoding))
    with pytest.raises(DataError, match=said):
        read_tables({"test": path})
    assert read_tables({"test": path}, Reading(encoding=encoding)).frames["test"]["a"].tolist() == ["café"]
    found = suggest_dialect(path)
    assert read_tables({"test": path}, found).frames["test"]["a"].tolist() == ["café"]


@pytest.mark.parametrize(("sign", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")])
def test_the_way_of_writing_is_suggested(sign: str, decimal: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.25], "k": ["x", "y"], "n": [1, 2]})
    frame.to_csv(tmp_path / "t.csv", index=False, sep=sign, decimal=decimal)
    found = read_tables({"test": tmp_path / "t.csv"}, suggest_dialect(tmp_path / "t.csv")).frames["test"]
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_a_few_words_among_numbers_are_noted(tmp_path: Path) -> None:
    rows = "".join(f"{k}\n" for k in range(30))
    tables = read(tmp_path, {"test": "a\n" + rows + "?\n"})
    assert "'?'" in tables.notes[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from(["", "1", "2.5", "-3", "NA", "A", "007", "True", "nan"]), min_size=2, max_size=12),
    cut=st.integers(1, 11),
)
def test_where_the_table_is_cut_changes_no_value(words: list[str], cut: int, tmp_path: Path) -> None:
    cut = min(cut, len(words) - 1)
    texts = {"train": words[:cut], "test": words[cut:]}
    try:
        parts = read(tmp_path, {name: "k,y\n" + "".join(f"{w},1\n" for w in some) for name, some in texts.items()})
    except DataError as error:
        assert "column 'k'" in str(error)  # noqa: PT017 -- a refusal names the column
        return
    whole = read(tmp_path, {"test": "k,y\n" + "".join(f"{w},1\n" for w in words)}).frames["test"]["k"]
    joined = [*parts.frames["train"]["k"], *parts.frames["test"]["k"]]
    same = [a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(joined, whole, strict=True)]
    assert np.all(same)
