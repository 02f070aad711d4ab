"""Groups of a data set's rows, compared with masks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.data.dataset import Dataset, Roles, build
from audit.data.groups import grouped_rows, groups, learned_from, splits


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
