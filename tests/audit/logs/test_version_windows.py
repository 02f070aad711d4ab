"""Versions over the windows of a log: each beside the one before, and alarms that keep the promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.checks.window_drift import window_drift
from audit.checks.window_performance import window_performance
from audit.checks.window_versions import window_versions
from audit.cli import main
from audit.data.factor import Factor
from audit.estimate.monitoring import together
from audit.estimate.versions import comparisons, deciders
from audit.evidence import Predictions, Window, Windows
from benchmarks.logs import alarms_of_year, rolled_out
from reports.record import AuditRecord, Curve
from reports.store import load

NONE = np.zeros(0, dtype=np.int64)


def part(version: str, right: int, wrong: int) -> Predictions:
    """Answers of a version, half of the rows positive."""
    n = right + wrong
    true = np.arange(n) % 2
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=true, y_pred=np.where(np.arange(n) < right, true, 1 - true),
        keys={"version": Factor.constant(version, n)}, deciders=("version",),
    )  # fmt: skip


def window(name: str, *parts: Predictions, shadow: Predictions | None = None) -> Window:
    labeled = together(parts)
    return Window(name=name, labeled=labeled, unlabeled=labeled.take(NONE), shadow=shadow)


def compared(reference: Window, *recent: Window) -> list[tuple[str, str, int, int, str]]:
    """Return version, the one before, windows looked at, rows of the one before, and where these are from."""
    return [
        (one.decider.address[0][1], one.decider.before[0][1], one.look, one.old.total, one.against)
        for one in comparisons(Windows(reference=reference, recent=recent))
    ]


def test_a_version_is_compared_with_the_one_it_replaced_or_runs_beside() -> None:
    a, b, c = (partial(part, name) for name in "abc")
    reference = window("r", a(90, 10))
    assert compared(reference, window("1", a(90, 10))) == []
    assert compared(reference, window("1", a(45, 5), b(45, 5))) == [("b", "a", 1, 50, "in the same windows")]
    assert compared(reference, window("1", a(9, 1), b(90, 10))) == [("b", "a", 1, 100, "in the reference")]
    whole = [window(str(place), b(90, 10)) for place in range(3)]
    assert compared(reference, *whole) == [
        ("b", "a", 1, 100, "in the reference"),
        ("b", "a", 3, 100, "in the reference"),
    ]
    later = [*whole, window("4", c(90, 10))]
    assert compared(reference, *later) == [("c", "b", 1, 300, "in the windows before")]
    gone = [*later, window("5", a(90, 10))]
    assert compared(reference, *gone) == []
    together_from_the_start = window("r", a(90, 10), b(60, 10))
    beside = window("1", a(90, 10), b(60, 10))
    assert compared(together_from_the_start, beside) == [("b", "a", 1, 100, "in the same windows")]


def test_a_reference_without_versions_is_none_to_compare_with() -> None:
    bare = replace(part("a", 90, 10), keys={}, deciders=())
    assert compared(window("r", bare), window("1", part("a", 90, 10))) == []
    beside = window("1", part("a", 90, 10), part("b", 45, 5))
    assert compared(window("r", bare), beside) == [("b", "a", 1, 100, "in the same windows")]


def test_a_worse_version_alarms_and_one_in_the_shadow_does_not() -> None:
    reference = window("r", part("a", 9000, 1000))
    worse = Windows(reference=reference, recent=(window("1", part("b", 800, 200)),))
    measured = window_versions(worse)
    assert {one.where["metric"] for one in measured.estimates if one.metric == "version_alarm" and one.value} == {
        "accuracy", "recall", "precision",
    }  # fmt: skip
    assert "accuracy of version b is 10 points below that of a over 1 window" in measured.summary
    lenient = window_versions(worse, margin=0.2)
    assert not any(one.value for one in lenient.estimates if one.metric == "version_alarm")
    shadow = Windows(reference=reference, recent=(window("1", part("a", 900, 100), shadow=part("b", 800, 200)),))
    measured = window_versions(shadow)
    assert {one.metric for one in measured.estimates} == {"version_change"}
    assert {one.where["split"] for one in measured.estimates} == {"shadow"}
    assert [one.decides for one in deciders(shadow)] == [False]


def test_drift_gives_half_of_its_chance_to_versions_and_is_as_before_without() -> None:
    reference, recent = window("r", part("a", 900, 100)), window("1", part("a", 850, 150))
    plain, halved = (
        [1 - one.level for one in window_drift(seen).estimates if one.metric == "performance_change"]
        for seen in (
            Windows(reference=bare(reference), recent=(bare(recent),)),
            Windows(reference=reference, recent=(recent,)),
        )
    )
    assert plain == pytest.approx([2 * 0.01 * 0.1 / 52 / 2] * 2)
    assert halved == pytest.approx([chance / 2 for chance in plain])


def bare(of: Window) -> Window:
    plain = replace(of.labeled, keys={}, deciders=())
    return Window(name=of.name, labeled=plain, unlabeled=plain.take(NONE))


@pytest.mark.parametrize("changes", [(2,), (2, 6, 10, 14)])
def test_years_without_change_rarely_alarm_however_many_versions_come(changes: Sequence[int]) -> None:
    alarms = [
        alarms_of_year(partial(rolled_out, np.random.default_rng(seed), 0.5, 2000, changes, 0.0), 18)
        for seed in range(5)
    ]
    assert sum(map(bool, alarms)) <= 1


def test_a_version_whose_recall_is_three_points_lower_is_found() -> None:
    found = 0
    for seed in range(8):
        draw = partial(rolled_out, np.random.default_rng(seed), 0.5, 2000, (0,), 0.03)
        found += "version_alarm" in alarms_of_year(draw, 4, reference=25, until="version_alarm")
    assert found >= 5


# --- records --------------------------------------------------------------------------------------


def log(months: int, change: int) -> pd.DataFrame:
    generator = np.random.default_rng(months)
    month = np.repeat(np.arange(months), 600)
    y = generator.integers(0, 2, len(month))
    new = month >= change
    frame = pd.DataFrame({"id": np.arange(len(month)), "y": y, "release": np.where(new, "1.10", "1.9")})
    wrong = generator.random(len(month)) < np.where(new, 0.3, 0.1)
    days = pd.to_timedelta(generator.integers(0, 28, len(month)), unit="D")
    return frame.assign(p=np.where(wrong, 1 - y, y), t=pd.to_datetime([f"2025-{m + 1:02d}-01" for m in month]) + days)


TOML = """
[data]
log = "log-*.csv"
target = "y"
favorable = 1
prediction = "p"
time = "t"
{more}
[report]
formats = ["json", "html"]
[monitor]
reference = 3
"""


def monitored(folder: Path, more: str) -> list[AuditRecord]:
    (folder / "audit.toml").write_text(TOML.format(more=more))
    assert main(["monitor", str(folder / "audit.toml")]) == 0
    return [load(path) for path in sorted((folder / "monitor").glob("2025-*.json"))]


def test_windows_say_which_version_is_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log(6, 4).to_csv(tmp_path / "log-1.csv", index=False)
    before, after, _ = monitored(tmp_path, 'version = "release"')
    assert "2025-05: alarm: accuracy" in capsys.readouterr().err
    assert [one.outcome for one in before.verdicts if one.gate == "MON004"] == ["not_assessed"]
    failed = [one for one in after.verdicts if one.gate == "MON004" and one.outcome == "fail"]
    assert {one.where["metric"] for one in failed} == {"accuracy", "recall", "precision"}
    assert {(one.where["version"], one.where["against"]) for one in failed} == {("1.10", "1.9")}
    page = (tmp_path / "monitor" / "latest" / "card.html").read_text()
    assert "is worse than that of 1.9 by" in page


def test_each_version_has_a_line_of_its_own() -> None:
    recent = (window("1", part("a", 90, 10), part("b", 40, 10), part("c", 5, 1)), window("2", part("b", 80, 20)))
    seen = Windows(reference=window("r", part("a", 90, 10)), recent=recent)
    curve = window_versions(seen).exhibits[0]
    assert isinstance(curve, Curve)
    assert {line.name: (line.x, line.y) for line in curve.series} == {
        "a": ((0.0,), (0.9,)),
        "b": ((0.0, 1.0), (0.8, 0.8)),
    }
    alone = Windows(reference=window("r", part("a", 90, 10)), recent=(window("1", part("a", 90, 10)),))
    assert window_versions(alone).exhibits == ()


def test_marks_say_when_versions_came_and_rules_changed(tmp_path: Path) -> None:
    frame = log(6, 4)
    mixed = (frame["t"].dt.month == 4) & (frame["id"] % 5 == 0)
    frame.assign(release=lambda one: one["release"].mask(mixed, "1.10")).to_csv(tmp_path / "log-1.csv", index=False)
    monitored(tmp_path, 'version = "release"')
    override = '[[policy.override]]\nid = "MON003"\nthreshold = 0.5'
    *_, last = monitored(tmp_path, f'version = "release"\n{override}')
    (finding,) = (finding for finding in last.findings if finding.check == "window_performance")
    assert finding.measurement is not None
    curve = finding.measurement.exhibits[0]
    assert isinstance(curve, Curve)
    assert [(curve.x_names[int(mark.x)], mark.label) for mark in curve.marks] == [
        ("2025-04", "1.10 first answers"), ("2025-05", "1.10 takes over"), ("2025-06", "rules changed"),
    ]  # fmt: skip
    page = tmp_path / "h.html"
    assert main(["history", *map(str, (tmp_path / "monitor").glob("2025-*.json")), "--out", str(page)]) == 0
    assert "<li>2025-05: 1.10 takes over</li><li>2025-06: rules changed</li>" in page.read_text()


def test_marks_stand_at_their_windows_where_curves_show_the_last_period_alone() -> None:
    recent = [window(f"{place:02d}", part("ab"[place > 3], 90, 10)) for place in range(6)]
    seen = Windows(reference=window("r", part("a", 90, 10)), recent=tuple(recent), period=4, rules=("00", "05"))
    curve = window_performance(seen).exhibits[0]
    assert isinstance(curve, Curve)
    marked = [(curve.x_names[int(mark.x)], mark.label) for mark in curve.marks]
    assert marked == [("04", "b takes over"), ("05", "rules changed")]


def test_a_version_that_comes_changes_no_record_of_an_earlier_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = log(6, 4).assign(release=lambda one: one["release"].replace({"1.10": "0.1"}))
    months = frame["t"].dt.month
    frame[months <= 4].to_csv(tmp_path / "log-1.csv", index=False)
    first = monitored(tmp_path, 'version = "release"')
    frame[months > 4].to_csv(tmp_path / "log-2.csv", index=False)
    capsys.readouterr()
    assert monitored(tmp_path, 'version = "release"')[:1] == first
    assert "2025-04" not in capsys.readouterr().err


def test_without_a_version_column_windows_are_what_they_were(tmp_path: Path) -> None:
    log(5, 9).to_csv(tmp_path / "log-1.csv", index=False)
    records = monitored(tmp_path, "")
    assert "window_versions" not in {finding.check for finding in records[0].findings}
    assert "MON004" not in {gate.id for gate in records[0].policy.gates}


def test_python_takes_the_same_names() -> None:
    frame = log(6, 4)
    (*_, last) = modelassay.monitor(
        frame, target="y", prediction="p", time="t", version="release", id="id", positive=1, reference=3
    )
    assert any(one.gate == "MON004" and one.outcome == "fail" for one in last.verdicts)
