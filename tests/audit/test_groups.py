"""Groups of a data set's rows, compared with masks."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from audit.data.columns import group_factor, require_distinct, sorted_labels
from audit.data.dataset import Dataset, Roles, build
from audit.data.groups import grouped_rows, groups, learned_from, splits
from audit.errors import DataError


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "sex": rng.choice(np.array(["f", "m", None], dtype=object), 300),
            "race": rng.choice(list("abc"), 300),
            "old": rng.choice(["y", "n"], 300),
            "y": rng.integers(0, 2, 300),
        }
    )
    roles = Roles(target="y", task="binary", sensitive=("sex", "race", "old"))
    return build({"train": frame.head(200), "test": frame.tail(100)}, roles)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_groups_are_what_masks_say(data: Dataset, depth: int) -> None:
    rows = data.rows("train")
    made = list(groups(data, rows, depth=depth))
    assert max(len(one.where) for one in made) == depth
    for one in made:
        mask = np.ones(len(rows), dtype=bool)
        for name, level in one.where.items():
            mask &= (data.frame[name].iloc[rows] == level).to_numpy()
        assert one.rows.tolist() == rows[mask].tolist()


def test_a_declared_level_without_rows_is_told_and_an_empty_crossing_is_not(data: Dataset) -> None:
    rows = data.rows("test")[:0]
    assert [(dict(one.where), len(one.rows)) for one in groups(data, rows)][:1] == [({"sex": "f"}, 0)]
    assert all(len(one.where) == 1 for one in groups(data, rows))


def test_splits_and_what_was_learned_from(data: Dataset) -> None:
    assert [(name, len(rows)) for name, rows in splits(data)] == [("train", 200), ("test", 100)]
    assert learned_from(data)[0] == grouped_rows(data)[0] == "train"


@pytest.mark.parametrize("names", [("1", "1.0", "01"), ("3", "nan", "1", "2"), ("inf", "1", "-inf"), ("b", "10", "9")])
def test_groups_stand_in_one_order_whatever_order_they_came_in(names: tuple[str, ...]) -> None:
    assert len({sorted_labels(order) for order in itertools.permutations(names)}) == 1


def test_names_that_could_be_numbers_or_nothing_stay_the_groups_they_are() -> None:
    names = ("1", "1.0", "True", "nan", "None", "null", "=cmd()", "::error::", "</script>", "f, m", "sex=f")
    assert set(group_factor(pd.Series(names * 2, dtype=object)).levels) == set(names)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("\u202eabc", "\u200eabc"),
        ("ab\u200b", "ab\ufeff"),
        ("caf\u00e9", "cafe\u0301"),
        ("a\nb", "a b"),
        ("L" * 200 + "1", "L" * 200 + "2"),
    ],
)
def test_groups_that_would_look_alike_are_refused(word: str, other: str) -> None:
    with pytest.raises(DataError, match="which look alike in a report; write them alike"):
        require_distinct((word, "b", other), "sensitive feature 'g'")
