"""Rows that repeat, compared with pandas, and what chance explains, compared with simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.tabular.rows import (
    column_hash,
    column_hashes,
    conflicts,
    contradictions,
    extra_copies,
    first_ones,
    natural_partners,
    overlap,
    strangers,
    total,
    twins,
)

CELLS = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["a", "b", ""]), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40))
def test_first_of_a_kind_is_what_pandas_says(rows: list[tuple[object, object]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"]).astype(object)
    frame = frame.where(frame.notna(), None)
    key = total(column_hashes(frame), len(frame))
    assert first_ones(key).tolist() == (~frame.duplicated()).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=64), min_size=1, max_size=40))
def test_floats_hash_by_value(values: list[float]) -> None:
    column = pd.Series(values, dtype="float64")
    assert first_ones(column_hash(column)).tolist() == (~column.duplicated()).tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=60))
def test_partners_are_counted_as_by_hand(rows: list[tuple[int, int]]) -> None:
    key = np.array([row[0] for row in rows], dtype=np.uint64)
    y = np.array([row[1] for row in rows], dtype=np.int64)
    same = key[:, None] == key[None, :]
    assert twins()(key).tolist() == (same.sum(axis=1) - 1).tolist()
    assert contradictions(y)(key).tolist() == (same & (y[:, None] != y[None, :])).sum(axis=1).tolist()
    half = len(rows) // 2
    asking, asked = np.arange(half), np.arange(half, len(rows))
    assert strangers(asking, asked)(key).tolist() == same[:half, half:].sum(axis=1).tolist()


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "category", "Int64", "string", "datetime64[ns]"])
def test_every_kind_of_column_has_a_hash(kind: str) -> None:
    column = pd.Series([1, 0, 1, 1]).astype(kind)  # type: ignore[call-overload]
    hashes = column_hash(column)
    assert hashes[0] == hashes[2] == hashes[3]
    assert hashes[0] != hashes[1]


def test_things_that_cannot_be_hashed_are_compared_by_their_text() -> None:
    hashes = column_hash(pd.Series([[1], [2], [1], None], dtype=object))
    assert hashes[0] == hashes[2]
    assert len(set(hashes.tolist())) == 3


def test_columns_do_not_trade_places() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [2, 1]})
    key = total(column_hashes(frame), 2)
    assert key[0] != key[1]


def coarse(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    return pd.DataFrame({f"c{k}": (kind + rng.geometric(0.3, rows)) % 9 for k in range(6)})


@pytest.mark.parametrize("seed", range(4))
def test_natural_twins_are_estimated_from_near_ones(seed: int) -> None:
    frame = coarse(6000, seed)
    parts = column_hashes(frame)
    seen = twins()(total(parts, len(frame))).sum()
    assert natural_partners(parts, twins()).sum() == pytest.approx(seen, rel=0.25)


def test_planted_copies_do_not_raise_what_chance_explains() -> None:
    frame = coarse(6000, 0)
    doubled = pd.concat([frame, frame.sample(frac=0.2, random_state=0)])
    before, after = (natural_partners(column_hashes(one), twins()).mean() for one in (frame, doubled))
    assert after == pytest.approx(before, rel=0.3)


def test_clean_coarse_tables_stay_under_one_percent() -> None:
    shares = [extra_copies(column_hashes(coarse(3000, seed))).share for seed in range(30)]
    assert np.mean(np.array(shares) > 0.01) <= 0.04


def test_sampled_ratio_agrees_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = coarse(6000, 1)
    doubled = pd.concat([frame, frame.head(600)], ignore_index=True)
    parts = column_hashes(doubled)
    whole = extra_copies(parts).share
    monkeypatch.setattr("audit.tabular.rows.SAMPLE", 3000)
    assert extra_copies(parts).share == pytest.approx(whole, abs=0.02)


def test_conflicts_and_overlap_agree_with_pandas_where_nothing_repeats_by_nature() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 3)))
    table = pd.concat([frame, frame.head(40)], ignore_index=True)
    y = np.append(rng.integers(0, 2, 400), np.ones(40, dtype=np.int64))
    wrong = int((y[:40] != 1).sum())
    assert conflicts(column_hashes(table), y).share == pytest.approx(2 * wrong / 440)
    assert overlap(column_hashes(table), np.arange(400, 440), np.arange(400)).share == 1


def test_one_row_and_no_column() -> None:
    assert extra_copies(column_hashes(pd.DataFrame({"a": [1]}))).share == 0
    assert column_hashes(pd.DataFrame(index=[0, 1])) == []
