"""Columns of every type meet: read, left out by name, or refused by name, and never another exception."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

import modelassay as ma
from audit.data.dataset import Roles, build
from audit.errors import AuditError

ROWS = 60


def odd(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        0: rng.normal(size=ROWS),
        "sex": pd.array(rng.choice(np.array(["f", "m", None], dtype=object), ROWS), dtype="string"),
        "lists": [[1, 2]] * ROWS,
        "records": [{"a": 1}] * ROWS,
        "lasting": pd.to_timedelta(rng.integers(0, 9, ROWS), unit="s"),
        "zoned": pd.date_range("2020", periods=ROWS, tz="Europe/Paris"),
        "whole": pd.array(rng.choice(np.array([1, 2, None], dtype=object), ROWS), dtype="Int64"),
        "cut": pd.cut(rng.normal(size=ROWS), [-9, 0, 9]),
        "month": pd.period_range("2020", periods=ROWS, freq="D"),
        "sparse": pd.arrays.SparseArray(rng.integers(0, 2, ROWS)),
        "bytes": [b"a"] * ROWS,
        "complex": np.ones(ROWS) * 1j,
        "clock": [datetime.time(1)] * ROWS,
        "pixel": rng.integers(0, 255, ROWS).astype(np.uint8),
    })  # fmt: skip
    return frame.assign(y=np.arange(ROWS) % 2, p=(frame[0] > 0).astype(int))


def test_columns_of_every_type_are_read_or_left_out_by_name(tmp_path: object) -> None:
    record = ma.run(
        test=odd(1), train=odd(2), target="y", prediction="p", task="binary", sensitive=["sex", "whole"],
        checks=["classification", "missing_values", "duplicate_rows", "constant_feature", "feature_drift"],
    )  # fmt: skip
    assert [(one.check, one.reason) for one in record.findings if one.outcome == "error"] == []
    left_out = {"lists", "records", "lasting", "bytes", "complex", "clock"}
    assert {name for name in odd(1).columns if any(f"column '{name}'" in told for told in record.warnings)} == left_out
    ma.save(record, f"{tmp_path}/audit.json")


@pytest.mark.parametrize(
    "said", [{"sensitive": ["lists"]}, {"cluster": "records"}, {"time": "sex"}, {"features": ["lists"]}]
)
def test_a_part_that_a_column_cannot_play_is_refused_by_name(said: dict[str, object]) -> None:
    with pytest.raises(AuditError, match=r"column '(lists|records|sex)'"):
        ma.run(test=odd(1), target="y", prediction="p", task="binary", **said)  # type: ignore[arg-type]


def test_bytes_of_pixels_stay_bytes() -> None:
    frames = {name: odd(seed)[["pixel", "y"]] for seed, name in enumerate(("train", "test"))}
    assert build(frames, Roles(target="y", task="binary")).frame["pixel"].dtype == np.uint8
