"""What is counted of several files adds up: nothing overflows, and what would be rounded away is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.errors import DataError
from audit.logs.adding import add
from audit.logs.columns import LogColumns
from audit.logs.counting import count
from audit.logs.frames import open_frame
from reports.record import AuditRecord, Task

WEIGHTED = LogColumns(target="y", prediction="p", weight="w")
AMOUNTS = LogColumns(target="y", prediction="p", amounts=True)


def month(number: int, rows: int, kind: str) -> pd.DataFrame:
    generator = np.random.default_rng(number)
    frame = pd.DataFrame({"t": f"2025-{number:02d}-01", "y": generator.integers(0, 2, rows)}, index=range(rows))
    frame["w"] = generator.random(rows) + 1
    if kind == "regression":
        frame["y"] = generator.normal(10, 3, rows)
        return frame.assign(p=frame["y"] + generator.normal(0, 1, rows))
    return frame.assign(p=np.where(generator.random(rows) < 0.8, frame["y"], 0))


def watched(folder: Path, kind: Task) -> tuple[AuditRecord, ...]:
    weight = "w" if kind == "binary" else None
    return modelassay.monitor(
        str(folder / "*.csv"), time="t", target="y", prediction="p", task=kind, reference=1, weight=weight,
        positive=1 if kind == "binary" else None, state=folder / "state",
    )  # fmt: skip


@pytest.mark.parametrize(("columns", "kind"), [(WEIGHTED, "binary"), (AMOUNTS, "regression")])
def test_a_thousand_small_files_add_up_to_one_large_one(columns: LogColumns, kind: str) -> None:
    """Each of them is counted in units so small that the sum of all would not fit into 64 bits."""
    frame = month(1, 40, kind)
    part = count(open_frame(frame, columns.parts()), columns)
    alone = count(open_frame(pd.concat([frame] * 1000), columns.parts()), columns)
    together = add([part] * 1000)
    for name, scale in alone.scales.items():
        expected = (alone.sums[name] / scale).to_numpy()
        assert (together.sums[name] / together.scales[name]).to_numpy() == pytest.approx(expected, rel=1e-9)
    assert together.rows == 40_000


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1.0, 1e9])
def test_weights_and_amounts_of_any_unit_are_counted(unit: float) -> None:
    frame = month(1, 100, "binary").assign(w=lambda rows: rows["w"] * unit)
    cells = count(open_frame(frame, WEIGHTED.parts()), WEIGHTED)
    assert cells.sums["square_sum"].sum() / cells.scales["square_sum"] == pytest.approx((frame["w"] ** 2).sum())
    frame = month(1, 100, "regression").assign(y=lambda rows: rows["y"] * unit, p=lambda rows: rows["p"] * unit)
    cells = count(open_frame(frame, AMOUNTS.parts()), AMOUNTS)
    assert cells.sums["true_sum"].sum() / cells.scales["true_sum"] == pytest.approx(frame["y"].sum())


@pytest.mark.parametrize(
    ("kind", "column", "value", "what"),
    [
        ("binary", "w", 1e9, "weights"),
        ("binary", "w", 1e30, "weights"),
        ("regression", "y", 1e300, "amounts"),
        ("regression", "p", 1e19, "amounts"),
    ],
)
def test_what_would_be_rounded_away_is_refused(
    tmp_path: Path, kind: Task, column: str, value: float, what: str
) -> None:
    for number in (1, 2, 3):
        frame = month(number, 100, kind)
        frame.loc[3, column] = value if number == 2 else 1.0
        frame.to_csv(tmp_path / f"{number}.csv", index=False)
    with pytest.raises(DataError, match=f"{what} in '2.csv' are so large that others would be rounded away"):
        watched(tmp_path, kind)
    month(2, 100, kind).to_csv(tmp_path / "2.csv", index=False)
    assert len(watched(tmp_path, kind)) == 2


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_larger_file_changes_no_record_of_an_earlier_window(tmp_path: Path, kind: Task) -> None:
    for number in (1, 2, 3):
        month(number, 600, kind).to_csv(tmp_path / f"{number}.csv", index=False)
    before = [record.data.splits[0].sha256 for record in watched(tmp_path, kind)]
    month(4, 3000, kind).to_csv(tmp_path / "4.csv", index=False)
    assert [record.data.splits[0].sha256 for record in watched(tmp_path, kind)][:2] == before
    assert not (tmp_path / "state" / "earlier").exists()
