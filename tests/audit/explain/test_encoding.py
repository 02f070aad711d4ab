"""Tables of every type become numbers and come back as they were."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.explain.encoding import Encoding

EVERY_TYPE = pd.DataFrame(
    {
        "number": [1.5, np.nan, 3.0],
        "whole": [1, 2, 3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": [True, False, True],
        "text": pd.Series(["a", None, "b"], dtype=object),
        "string": pd.Series(["a", None, "b"], dtype="str"),
        "category": pd.Series(["x", "y", None], dtype="category"),
        "date": pd.Series([pd.Timestamp("2020-01-01"), pd.NaT, pd.Timestamp("2021-01-01")]),
        "mixed": pd.Series([1, "one", None], dtype=object),
        "small": np.array([1, 2, 3], dtype=np.int8),
        "single": np.array([1, 2, 3], dtype=np.float32),
    }
)


def test_every_type_comes_back() -> None:
    encoding = Encoding.of(EVERY_TYPE)
    back = encoding.decode(encoding.encode(EVERY_TYPE))
    pd.testing.assert_frame_equal(back, EVERY_TYPE)


@given(order=st.permutations(range(3)))
def test_any_order_of_rows_comes_back(order: list[int]) -> None:
    encoding = Encoding.of(EVERY_TYPE)
    back = encoding.decode(encoding.encode(EVERY_TYPE)[order])
    pd.testing.assert_frame_equal(back, EVERY_TYPE.take(order).reset_index(drop=True))


def test_values_may_be_mixed_between_rows() -> None:
    encoding = Encoding.of(EVERY_TYPE)
    numbers = encoding.encode(EVERY_TYPE)
    numbers[0, 6] = numbers[1, 6]
    back = encoding.decode(numbers)
    assert back["category"].tolist()[:2] == ["y", "y"]
    assert list(back["category"].cat.categories) == ["x", "y"]


def test_fractions_in_a_whole_number_column_are_kept() -> None:
    encoding = Encoding.of(EVERY_TYPE[["whole"]])
    assert encoding.decode(np.array([[1.5]]))["whole"].tolist() == [1.5]
    assert encoding.decode(np.array([[2.0]]))["whole"].dtype == np.int64


def test_an_unseen_value_is_named() -> None:
    encoding = Encoding.of(pd.DataFrame({"city": ["Ulm"]}))
    with pytest.raises(KeyError, match="city"):
        encoding.encode(pd.DataFrame({"city": ["Bonn"]}))


def test_cells_are_told_in_words() -> None:
    encoding = Encoding.of(EVERY_TYPE)
    numbers = encoding.encode(EVERY_TYPE)
    assert encoding.text(0, numbers[1, 0]) == "missing"
    assert encoding.text(4, numbers[0, 4]) == "a"
    assert encoding.text(4, numbers[1, 4]) == "missing"
    assert encoding.text(7, numbers[0, 7]).startswith(str(datetime.date(2020, 1, 1)))


def test_a_table_without_columns_is_empty() -> None:
    frame = pd.DataFrame(index=range(3))
    assert Encoding.of(frame).encode(frame).shape == (3, 0)
