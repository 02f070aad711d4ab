"""Windows of a regression: errors by window and group, alarms in either direction, labels that have not come."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from reports.record import AuditRecord, Curve
from reports.store import load

STATED = {"target": "y", "prediction": "p", "task": "regression", "time": "t", "id": "id", "sensitive": ["sex"]}


def amounts(months: int = 6, rows: int = 1500) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    n = months * rows
    y = generator.lognormal(3, 0.4, n)
    month = np.repeat(np.arange(months), rows)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "t": pd.Timestamp("2025-01-15") + pd.to_timedelta(31 * month, unit="D"),
            "y": y,
            "p": y + generator.normal(0, 3, n),
            "sex": generator.choice(["f", "m"], n),
            "month": month,
        }
    )


def watch(frame: pd.DataFrame, **more: object) -> tuple[AuditRecord, ...]:
    return modelassay.monitor(frame.drop(columns="month"), window="month", reference=2, **STATED, **more)  # type: ignore[arg-type]


def alarms(record: AuditRecord, metric: str) -> set[tuple[str, str]]:
    """Return which number alarms, and of which group or distribution."""
    found = [one for finding in record.findings if finding.measurement for one in finding.measurement.estimates]
    return {
        (one.where.get("metric") or one.where["of"], one.where.get("sex", ""))
        for one in found
        if one.metric == metric and one.value
    }


def test_windows_have_the_errors_of_their_rows() -> None:
    frame = amounts()
    records = watch(frame)
    assert [one.data.splits[0].file for one in records] == [f"window 2025-0{at}" for at in (3, 4, 5, 6)]
    for place, record in enumerate(records):
        part = frame[frame["month"] == place + 2]
        error = part["p"] - part["y"]
        assert record.metric("mean_absolute_error").value == pytest.approx(error.abs().mean(), rel=1e-6)
        assert record.metric("root_mean_squared_error").value == pytest.approx((error**2).mean() ** 0.5, rel=1e-3)
        assert record.metric("r2_score").value == pytest.approx(1 - (error**2).mean() / part["y"].var(ddof=0), rel=1e-3)
        of_women = error[part["sex"] == "f"].mean()
        assert record.metric("mean_error", sex="f").value == pytest.approx(of_women, abs=1e-6)
        assert not alarms(record, "performance_alarm") | alarms(record, "drift_alarm")


@pytest.mark.parametrize("bias", [-2.0, 2.0])
def test_a_group_that_is_promised_too_much_or_too_little_alarms(bias: float) -> None:
    frame = amounts()
    moved = (frame["month"] == 5) & (frame["sex"] == "f")
    found = alarms(watch(frame.assign(p=frame["p"] + bias * moved))[-1], "performance_alarm")
    assert {("mean_error", "f"), ("mean_error", "")} <= found
    assert ("mean_error", "m") not in found


def test_larger_errors_and_moved_amounts_alarm() -> None:
    frame = amounts()
    last = frame["month"] == 5
    wider = watch(frame.assign(p=frame["p"] + 1.0 * last * (frame["p"] - frame["y"])))[-1]
    sizes = ("typical_error", "mean_absolute_error", "root_mean_squared_error", "r2_score")
    assert {(name, "") for name in sizes} <= alarms(wider, "performance_alarm")
    dearer = watch(frame.assign(y=frame["y"] * (1 + last), p=frame["p"] * (1 + last)))[-1]
    assert {("prediction", ""), ("labels", "")} <= alarms(dearer, "drift_alarm")


def test_amounts_without_a_label_keep_their_predictions(tmp_path: Path) -> None:
    frame = amounts()
    late = (frame["month"] == 5) & (frame["id"] % 2 == 0)
    frame.drop(columns=["month", "y"]).to_csv(tmp_path / "log.csv", index=False)
    frame.loc[~late, ["id", "y"]].to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log.csv"\nlabels = "labels.csv"\ntarget = "y"\ntask = "regression"\nprediction = "p"\n'
        'time = "t"\nid = "id"\nsensitive = ["sex"]\n[report]\nformats = ["json"]\n[monitor]\nreference = 2\n'
        'window = "month"\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    record = load(tmp_path / "monitor" / "2025-06.json")
    assert (record.data.splits[0].rows, record.data.splits[0].dropped_rows) == (750, 750)
    assert record.metric("missing_label_share", window="2025-06").value == 0.5
    assert not alarms(record, "drift_alarm")


def test_sizes_of_changes_that_say_nothing_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few errors a thousand times as large decide all means, and not the typical error."""
    frame = amounts()
    far = np.arange(len(frame)) % 400 == 0
    frame["p"] = frame["p"].where(~far, frame["y"] * np.random.default_rng(8).pareto(0.8, len(frame)) * 1000)
    frame.drop(columns="month").to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log.csv"\ntask = "regression"\ntarget = "y"\nprediction = "p"\ntime = "t"\n'
        '[monitor]\nreference = 2\n[report]\nformats = ["json"]\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    screen, said = (" ".join(text.split()) for text in capsys.readouterr())
    assert re.search(r"Misses y by \d\S* \[.*\] on average, half of the time by less than (1\.9|2|2\.[01])", screen)
    assert "Found within three windows nine times in ten: a change of typical error by 0." in said
    hidden = "mean absolute error, root mean squared error, mean error, R² score"
    assert f"Of {hidden} no change smaller than the number itself would be found." in said
    for record in watch(frame):
        sizes = [
            one
            for finding in record.findings
            if finding.measurement
            for one in finding.measurement.estimates
            if one.metric == "detectable_change" and one.value is not None
        ]
        assert {one.where["metric"] for one in sizes if "sex" not in one.where} == {"typical_error"}
        assert any("typical error" in one for one in _captions(record, "nine times in ten"))
        assert len(_captions(record, "No change smaller than the number itself would be found")) == 4


def _captions(record: AuditRecord, words: str) -> list[str]:
    return [
        exhibit.title
        for finding in record.findings
        if finding.check == "window_performance" and finding.measurement
        for exhibit in finding.measurement.exhibits
        if isinstance(exhibit, Curve) and words in exhibit.caption
    ]
