"""A log is divided into windows whose counts rest on nothing that comes later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.config.configuration import DataTable
from audit.config.plan import RunPlan
from audit.data.factor import Factor
from audit.data.roles import Roles
from audit.estimate.measure import estimate
from audit.estimate.monitoring import merge_cells, span_of, together
from audit.evidence import Predictions
from audit.integrations.monitoring import monitor
from audit.logs.cells import Cells, Counted, answers
from audit.logs.columns import LogColumns
from audit.logs.counting import count, count_files
from audit.logs.frames import open_frame
from audit.logs.sources import Source
from audit.monitoring import tallies
from audit.monitoring.dividing import answers_alone, digest_of, divide_by_window, windows_until
from audit.pipeline import execute
from reports.record import AuditRecord

COLUMNS = LogColumns(target="y", prediction="p", score="s", sensitive=("sex",), time="t")


def rows(months: int, per_month: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    n = months * per_month
    score = generator.beta(2, 3, n)
    return pd.DataFrame(
        {
            "y": (generator.random(n) < score).astype(int), "p": (score > 0.5).astype(int), "s": score,
            "sex": generator.choice(["f", "m"], n),
            "t": pd.Timestamp(2025, 1, 15) + pd.to_timedelta(30 * (np.arange(n) // per_month), unit="D"),
        }
    )  # fmt: skip


def counted(frame: pd.DataFrame, means_of: int | None = 2) -> Counted:
    cells = count(open_frame(frame, COLUMNS.parts()), COLUMNS, window="month")
    return answers(cells, COLUMNS, Roles(target="y", sensitive=("sex",)), window="month", means_of=means_of)


def test_a_new_file_is_counted_and_judged_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    def judge(plan: RunPlan) -> AuditRecord:
        judged.append(plan.dataset.splits[0].file)
        return execute(plan)

    monkeypatch.setattr("audit.integrations.monitoring.execute", judge)
    frame = rows(7)
    month = frame["t"].dt.month
    for last in (6, 7):
        for place in range(1, last + 1):
            frame[month == place].to_parquet(tmp_path / f"{place}.parquet", index=False)
        monitor(
            str(tmp_path / "*.parquet"), reference=2, state=tmp_path / "state", time="t", target="y", prediction="p",
            score="s", sensitive=["sex"], positive=1,
        )  # fmt: skip
    assert judged == [f"window 2025-0{place}" for place in (3, 4, 5, 6, 7)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_counted_in_one_pass_are_counted_as_each_alone(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among them one without rows, one with another type, and one whose labels have not come."""
    passes: list[int] = []

    def count_together(source: Source, columns: LogColumns, *, window: str) -> dict[str, Cells]:
        passes.append(len(source.files))
        return count_files(source, columns, window=window)

    monkeypatch.setattr("audit.monitoring.tallies.count_files", count_together)
    frame = rows(6, 50).assign(y=lambda table: table["y"].astype("Int64"))
    frame.loc[frame["t"].dt.month == 6, "y"] = pd.NA
    parts = [part for _, part in frame.groupby(frame["t"].dt.month)]
    parts[1] = parts[1].assign(p=parts[1]["p"] + 0.0)
    for place, part in enumerate([*parts, parts[0][:0]]):
        path = tmp_path / f"{place}.{suffix}"
        part.to_csv(path, index=False) if suffix == "csv" else part.to_parquet(path, index=False)
    data = DataTable(log=f"*.{suffix}", target="y", prediction="p", score="s", sensitive=["sex"], time="t")
    counts = []
    for at_once in (tallies.AT_ONCE, 1):
        monkeypatch.setattr(tallies, "AT_ONCE", at_once)
        counts.append(tallies.count_windows(data, tmp_path, COLUMNS, "month", None))
    assert passes[0] == max(passes) >= 5
    assert counts[0].sha256() == counts[1].sha256()
    assert counts[0].rows == 300


def test_windows_are_the_same_whatever_comes_later() -> None:
    few, many = (divide_by_window(counted(rows(5)[: 300 * months])) for months in (3, 5))
    assert [window.name for window in many] == [f"2025-0{place}" for place in range(1, 6)]
    assert [window.sha256 for window in few] == [window.sha256 for window in many[:3]]
    assert sum(window.labeled.total for window in many) == 1500


def test_a_mean_score_is_that_of_the_first_windows_or_of_its_own() -> None:
    scores = [0.3000, 0.3001, 0.3002, 0.7001, 0.7003, 0.9]
    frame = pd.DataFrame({"y": [0, 1, 0, 1, 0, 1], "p": [0, 0, 0, 1, 1, 1], "s": scores, "sex": "f"})
    frame["t"] = pd.to_datetime(["2025-01-15"] * 2 + ["2025-02-15"] * 2 + ["2025-03-15"] * 2)
    values = counted(frame, 1).predictions
    assert values.y_score is not None
    assert sorted(values.y_score.round(6).tolist()) == [0.30005, 0.30005, 0.30005, 0.7001, 0.7003, 0.9]


def test_merged_cells_tell_the_same() -> None:
    parts = [window.labeled for window in divide_by_window(counted(rows(4)))]
    whole = together(parts)
    merged, small = merge_cells(whole), merge_cells(whole, (), scores=False)
    assert len(small) == 4 < len(merged) < len(whole)
    assert {part.total for part in (whole, merged, small)} == {1200}
    for name in ("accuracy", "recall", "precision"):
        assert span_of(small, name, 0.95) == span_of(whole, name, 0.95)
    assert estimate(merged, "roc_auc").value == pytest.approx(estimate(whole, "roc_auc").value, abs=1e-12)
    assert merged.keys["sex"].levels == whole.keys["sex"].levels
    assert [merged.count(merged.keys["sex"].mask(level)) for level in "fm"] == [
        whole.count(whole.keys["sex"].mask(level)) for level in "fm"
    ]


def test_clusters_stay_apart_and_rows_stay_rows() -> None:
    one = Predictions(task="binary", y_true=np.array([1, 1, 1]), y_pred=np.array([1, 1, 1]))
    assert merge_cells(one) is one
    part = divide_by_window(counted(rows(1)))[0].labeled
    apart = replace(part, cluster=Factor.of(["a", "b"] * (len(part) // 2) + ["a"] * (len(part) % 2)))
    assert len(merge_cells(apart, (), scores=False)) == 8


def test_windows_long_past_keep_their_answers_alone() -> None:
    every = divide_by_window(counted(rows(6)))
    recent = windows_until(5, 1, every, [answers_alone(window) for window in every])
    assert [window.name for window in recent] == [f"2025-0{place}" for place in range(2, 7)]
    assert [window.labeled.y_score is None for window in recent] == [True, True, False, False, False]
    assert [window.labeled.total for window in recent] == [300] * 5


@pytest.mark.parametrize(
    "change",
    [
        {"keys": {"sex": Factor.of(["f", "x"])}},
        {"keys": {"gender": Factor.of(["f", "m"])}},
        {"y_pred": np.array([1, 1])},
        {"weight": np.array([1.0, 3.0])},
        {"y_score": np.array([0.5, 0.6])},
        {"classes": ("no", "YES")},
    ],
)
def test_a_fingerprint_is_of_all_that_is_counted(change: dict[str, Any]) -> None:
    part = Predictions(
        task="binary", classes=("no", "yes"), y_true=np.array([0, 1]), y_pred=np.array([0, 1]),
        weight=np.array([1.0, 2.0]), y_score=np.array([0.5, 0.7]), keys={"sex": Factor.of(["f", "m"])},
    )  # fmt: skip
    assert digest_of([replace(part, **change)]) != digest_of([part])
