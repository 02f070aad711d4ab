"""DATA002: extra copies of rows, beyond what chance repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.audit.checks.tables import clean, dataset, measured, outcome


@pytest.mark.parametrize(("copies", "said"), [(120, "fail"), (30, "fail"), (8, "pass"), (0, "pass")])
def test_copies_of_rows(copies: int, said: str) -> None:
    train, test = clean()
    doubled = pd.concat([train, train.head(copies)])
    assert outcome(dataset((doubled, test)), "duplicate_rows", "DATA002") == said


def test_first_of_each_kind_is_kept() -> None:
    train, test = clean()
    data = dataset((pd.concat([train, train.head(10), train.head(10)]), test))
    one = measured(data, "duplicate_rows")["duplicate_share split=train"]
    assert one.value == pytest.approx(20 / (len(train) + 20))
    assert one.method == "count"
    assert one.low == one.value == one.high


def coarse(rows: int, seed: int = 0, levels: int = 6) -> pd.DataFrame:
    """Make rows that repeat by nature: dependent categories, a common and a rare half."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    frame = pd.DataFrame({f"c{k}": (kind + rng.geometric(0.4, rows)) % levels for k in range(6)})
    return frame.assign(y=rng.integers(0, 2, rows), sex="f")


def test_coarse_tables_repeat_by_nature_and_pass() -> None:
    frame = coarse(8000)
    one = measured(dataset((frame.head(5000), frame.tail(3000))), "duplicate_rows")["duplicate_share split=train"]
    assert float(frame.head(5000).duplicated().mean()) > 0.1
    assert one.value is not None
    assert one.value < 0.01


def test_copies_are_seen_in_a_coarse_table() -> None:
    frame = coarse(8000)
    train = pd.concat([frame.head(5000), frame.head(500)])
    assert outcome(dataset((train, frame.tail(3000))), "duplicate_rows", "DATA002") == "fail"


def test_tables_of_few_combinations_are_not_assessed() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 900), "b": rng.integers(0, 2, 900), "y": rng.integers(0, 2, 900)})
    data = dataset((frame.head(600), frame.tail(300)), sensitive=())
    assert outcome(data, "duplicate_rows", "DATA002") == "not_assessed"
    assert "distinct combinations" in measured(data, "duplicate_rows")["duplicate_share split=train"].reason


def test_census_repeats_by_nature_and_planted_copies_are_seen(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "adult" / "adult_train.csv").drop(columns="fnlwgt")
    roles = {"target": "income", "positive": ">50K"}
    train, test = frame.head(24_000), frame.tail(8_000)
    assert outcome(dataset((train, test), **roles), "duplicate_rows", "DATA002") == "pass"
    more = pd.concat([train, train.sample(frac=0.03, random_state=0)])
    assert outcome(dataset((more, test), **roles), "duplicate_rows", "DATA002") == "fail"
