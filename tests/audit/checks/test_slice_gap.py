"""GEN006: a group whose training rows were memorized."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from reports.record import AuditRecord, Verdict

GATE = """
[[gate]]
id = "gen006"
check = "slice_gap"
metric = "gap_beyond_overall"
where = { split = "test", "*" = "*" }
op = "<="
threshold = 0.1
"""
Judged = Callable[..., AuditRecord]
Failing = Callable[[AuditRecord], list[Verdict]]


def tables(rows: int, gap: float, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers right in 90 % of training rows; on test rows of group b by `gap` less."""
    generator = np.random.default_rng(seed)
    made = []
    for split in ("train", "test"):
        group = generator.choice(["a", "b"], rows, p=[0.8, 0.2])
        right = generator.uniform(size=rows) < 0.9 - gap * ((group == "b") & (split == "test"))
        y = generator.integers(0, 2, rows)
        made.append(pd.DataFrame({"answer": np.where(right, y, 1 - y), "group": group, "y": y}))
    return made[0], made[1]


class Told:
    """Answers what stands in the column ``answer``."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return X["answer"].to_numpy()


@pytest.mark.parametrize(("gap", "count"), [(0.4, 1), (0.25, 1), (0.05, 0), (0.0, 0)])
def test_a_group_that_falls_behind_fails(judged: Judged, failing: Failing, gap: float, count: int) -> None:
    train, test = tables(4000, gap)
    found = failing(judged("slice_gap", GATE, Told(), test, train, positive=1, sensitive=("group",)))
    assert [dict(one.where) for one in found] == [{"split": "test", "group": "b"}] * count


def test_the_interval_covers(judged: Judged) -> None:
    """The gap of b beyond the overall one is 0.8 of its drop, as b is a fifth of the rows."""
    hits = 0
    for seed in range(60):
        train, test = tables(600, 0.2, seed)
        record = judged("slice_gap", GATE, Told(), test, train, positive=1, sensitive=("group",))
        made = record.findings[0].measurement.estimates[1]  # type: ignore[union-attr]
        assert made.low is not None
        assert made.high is not None
        hits += made.low <= 0.16 <= made.high
    assert hits >= 53


@pytest.mark.parametrize(("noise", "count"), [(1.2, 1), (0.0, 0)])
def test_regression_compares_shares_of_variance(judged: Judged, failing: Failing, noise: float, count: int) -> None:
    made = []
    for split in ("train", "test"):
        generator = np.random.default_rng(len(split))
        group, y = generator.choice(["a", "b"], 3000), generator.normal(size=3000)
        off = 0.3 + noise * ((group == "b") & (split == "test"))
        made.append(pd.DataFrame({"answer": y + off * generator.normal(size=3000), "group": group, "y": y}))
    record = judged("slice_gap", GATE, Told(), made[1], made[0], task="regression", sensitive=("group",))
    assert len(failing(record)) == count


def test_clusters_and_weights_are_heard(judged: Judged) -> None:
    train, test = (one.assign(w=1.0, who=np.arange(len(one)) // 5) for one in tables(400, 0.3))
    plain = judged("slice_gap", GATE, Told(), test, train, positive=1, sensitive=("group",), drop=("w", "who"))
    other = judged("slice_gap", GATE, Told(), test, train, positive=1, sensitive=("group",), weight="w", cluster="who")
    first, second = (one.findings[0].measurement.estimates[1] for one in (plain, other))  # type: ignore[union-attr]
    assert first.value == pytest.approx(second.value)
    assert second.method == "influence, t"


def test_groups_without_rows_and_tables_without_groups(judged: Judged) -> None:
    train, test = tables(20, 0.0)
    train["group"] = "a"
    record = judged(
        "slice_gap", GATE, Told(), test.assign(group=["b", "a"] * 10), train, positive=1, sensitive=("group",)
    )
    assert {one.outcome for one in record.verdicts} == {"not_assessed"}
    assert judged("slice_gap", GATE, Told(), test, train, positive=1).findings[0].outcome == "not_applicable"
