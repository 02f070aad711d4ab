"""Windows of a log: alarms that keep their promise, labels that come late, and a state that is a folder of records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.checks.expected_performance import expected_performance
from audit.checks.label_coverage import label_coverage
from audit.checks.window_drift import window_drift
from audit.checks.window_performance import window_performance
from audit.cli import main
from audit.data.factor import Factor
from audit.errors import DataError
from audit.estimate.monitoring import change, detectable_change, is_worse
from audit.estimate.season import weekly_pattern
from audit.estimate.watched import Watched, correlation
from audit.evidence import Predictions, Repeats, Window, Windows
from audit.logs.connection import connect
from audit.logs.sources import log_files, open_files
from audit.logs.stored import load
from audit.monitoring.reference import KEPT_OUT, Reference, reference_of
from audit.statistics.sequential import joint_alpha
from reports.answers import answers as first_screen
from reports.store import load as load_record
from reports.summary import subtitle

NONE = np.zeros(0, dtype=np.int64)


def counted(tables: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Predictions:
    """Answers of one window from counts by group, truth and answer, shape (2, 2, 2)."""
    group, true, predicted = np.indices(tables.shape).reshape(3, -1)
    n = tables.reshape(-1)
    return Predictions(
        task="binary", classes=("no", "yes"), y_true=true, y_pred=predicted, weight=n.astype(np.float64),
        repeats=Repeats(n, n.astype(np.float64)), sensitive=("sex",),
        keys={"sex": Factor(codes=group.astype(np.int32), levels=("f", "m"))},
    ).take(n > 0)  # fmt: skip


def drawn(generator: np.random.Generator, rows: int, recall: float) -> Predictions:
    shares = np.array([[[0.45, 0.05], [0.5 * (1 - recall), 0.5 * recall]]]) * np.array([0.4, 0.6])[:, None, None]
    return counted(generator.multinomial(rows, shares.reshape(-1)).reshape(2, 2, 2))


def window(name: str, labeled: Predictions) -> Window:
    return Window(name=name, labeled=labeled, unlabeled=labeled.take(NONE))


def alarmed(windows: Windows) -> bool:
    found = (*window_performance(windows).estimates, *window_drift(windows).estimates)
    return any(one.value for one in found if one.metric in ("performance_alarm", "drift_alarm"))


def year(seed: int, *, recall: tuple[float, ...], rows: int = 2000) -> int | None:
    """Return after how many windows the first alarm comes; ``None`` for none."""
    generator = np.random.default_rng(seed)
    reference = window("reference", drawn(generator, 50_000, 0.9))
    recent: list[Window] = []
    for place, level in enumerate(recall):
        recent.append(window(f"{place:02d}", drawn(generator, rows, level)))
        if alarmed(Windows(reference=reference, recent=tuple(recent[-3:]))):
            return place + 1
    return None


def test_a_year_without_change_rarely_alarms() -> None:
    alarms = [year(seed, recall=(0.9,) * 26) for seed in range(8)]
    assert sum(one is not None for one in alarms) <= 1


def test_a_drop_of_three_points_is_found_within_three_windows() -> None:
    found = [year(100 + seed, recall=(0.87,) * 3) for seed in range(40)]
    assert sum(one is not None for one in found) >= 34


def test_the_reference_grows_until_a_window_alarms() -> None:
    generator = np.random.default_rng(0)
    windows = [window(f"{place:02d}", drawn(generator, 100, 0.9)) for place in range(20)]
    start = reference_of(windows[:4])
    reference = Reference(start=start, now=start, windows=windows, size=4, most=8)
    sizes, frozen = [], reference
    for judged in range(5, 20):
        reference = reference.after(judged, alarm=False)
        frozen = frozen.after(judged, alarm=judged == 11)
        sizes.append(reference.size)
        assert reference.size <= max(4, judged + 1 - KEPT_OUT)
    assert sizes == [4, 4, 4, 4, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8]
    assert reference.now.labeled.total == 800
    assert reference.now.name == "00 to 07"
    assert reference.start is start
    assert frozen.size == 5


def test_a_change_of_the_size_that_is_told_is_found_nine_times_of_ten() -> None:
    generator, tail = np.random.default_rng(5), 2e-4
    told = detectable_change(drawn(generator, 8000, 0.9), [drawn(generator, 2000, 0.9)], "recall", {}, tail, 3)
    assert told is not None
    assert told.value == pytest.approx(0.036, abs=0.002)
    found = 0
    for _ in range(200):
        old, new = drawn(generator, 8000, 0.9), drawn(generator, 6000, 0.9 - (told.value or 0.0))
        change_of_recall = change(old, new, "recall", {}, tail)
        found += change_of_recall is not None and is_worse(change_of_recall, "recall", 0.0)
    assert 168 <= found <= 192


@pytest.mark.parametrize(("swing", "step", "said"), [(0.05, 0.0, True), (0.0, 0.1, False), (0.0, 0.0, False)])
def test_days_that_follow_the_week_are_no_change_that_comes_once(swing: float, step: float, said: bool) -> None:
    generator = np.random.default_rng(1)
    days = []
    for place in range(35):
        rate = 0.3 + swing * (place % 7 >= 5) + step * (place >= 17)
        shares = np.array([[0.9 * (1 - rate), 0.1 * (1 - rate)], [0.1 * rate, 0.9 * rate]])
        table = generator.multinomial(1000, (shares * np.array([0.4, 0.6])[:, None, None]).reshape(-1))
        day = pd.Timestamp(2025, 3, 3) + pd.Timedelta(days=place)
        days.append(window(day.date().isoformat(), counted(table.reshape(2, 2, 2))))
    weekly = weekly_pattern(days)
    assert (weekly is not None) == said
    assert weekly is None or (weekly.metric == "base_rate" and weekly.low < 0.32 < 0.33 < weekly.high)


@pytest.mark.parametrize("period", [1, 3, 52, 104])
def test_numbers_that_move_together_share_the_chance_of_a_false_alarm(period: int) -> None:
    """Of independent numbers hardly more than Bonferroni is to be had, of one number twice twice as much."""
    shares, sides = (0.25,) * 4, (1, 1, 2, 2)
    apart, alike = (
        joint_alpha(0.04, period=period, shares=shares, sides=sides, correlation=matrix)
        for matrix in (np.eye(4), np.ones((4, 4)))
    )
    assert 0.04 <= apart < 0.055
    assert 1.8 * apart < alike < 4 * apart


def test_groups_move_with_the_whole_and_not_with_each_other() -> None:
    answers = drawn(np.random.default_rng(0), 50_000, 0.9)
    series = [Watched("recall", 0.5), Watched("recall", 0.25, {"sex": "f"}), Watched("recall", 0.25, {"sex": "m"})]
    found = correlation(answers, series)
    assert found[1, 2] == pytest.approx(0, abs=1e-6)
    assert (found[0, 1], found[0, 2]) == pytest.approx((0.4**0.5, 0.6**0.5), abs=0.02)
    persons = Factor.of([str(place) for place in range(len(answers))])
    clustered = correlation(replace(answers, cluster=persons), [Watched("accuracy", 0.5), Watched("recall", 0.5)])
    assert 0 < clustered[0, 1] < 1


def test_labels_that_have_not_come_are_counted_by_group() -> None:
    known, unknown = np.full((2, 2, 2), 50), np.zeros((2, 2, 2), dtype=np.int64)
    unknown[1, 0, 1] = 100
    one = Window(name="w", labeled=counted(known), unlabeled=counted(unknown))
    measured = label_coverage(Windows(reference=one, recent=(one,)))
    values = {tuple(sorted(one.where.items())): one.value for one in measured.estimates}
    assert values[("split", "test"), ("window", "w")] == 0.2
    assert values[("sex", "f"), ("split", "test"), ("window", "w")] == pytest.approx(-0.2)
    assert values[("sex", "m"), ("split", "test"), ("window", "w")] == pytest.approx(1 / 3 - 0.2)


def test_expected_performance_covers_what_the_labels_will_say() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(60):
        score = generator.beta(1, 2, 500)
        truth = generator.random(500) < score
        part = Predictions(
            task="binary", classes=("no", "yes"), y_true=truth.astype(int), y_pred=(score > 0.4).astype(int),
            y_score=score, probabilities=True,
        )  # fmt: skip
        windows = Windows(
            reference=window("r", part), recent=(Window(name="w", labeled=part.take(NONE), unlabeled=part),)
        )
        made = {one.metric: one for one in expected_performance(windows).estimates}
        actual = float(((score > 0.4) == truth).mean())
        low, high = made["expected_accuracy"].low, made["expected_accuracy"].high
        assert low is not None
        assert high is not None
        hits += low <= actual <= high
    assert hits >= 52


# --- the verb -------------------------------------------------------------------------------------

TOML = """
[data]
log = "log-*.csv"
target = "y"
favorable = 1
prediction = "p"
score = "s"
time = "t"
id = "id"
sensitive = ["sex"]
{more}
[report]
formats = ["json"]
[monitor]
reference = 2
"""


def month(place: int, rows: int = 600) -> pd.DataFrame:
    generator = np.random.default_rng(place)
    score = generator.beta(2, 2, rows)
    start = pd.Timestamp(2025, place, 1)
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 10_000 * place,
            "t": start + pd.to_timedelta(generator.integers(0, 28 * 24, rows), unit="h"),
            "y": (generator.random(rows) < score).astype(int),
            "p": (score > 0.5).astype(int),
            "s": score,
            "sex": generator.choice(["f", "m"], rows),
        }
    )


def test_windows_are_judged_once_and_again_when_a_late_file_comes(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text(TOML.format(more=""))
    for place in (1, 2, 3, 4):
        month(place).to_csv(tmp_path / f"log-{place}.csv", index=False)
    command = ["monitor", str(tmp_path / "audit.toml")]
    assert main(command) == 0
    state = tmp_path / "monitor"
    assert sorted(one.name for one in state.glob("*.json")) == ["2025-03.json", "2025-04.json"]
    record = load_record(state / "2025-04.json")
    assert record.data.splits[0].rows == 600
    assert {one.gate for one in record.verdicts} == {"MON001", "MON002", "MON003", "ROB007"}
    before = {one: one.stat().st_mtime_ns for one in state.rglob("*") if one.is_file() and "latest" not in str(one)}
    assert main(command) == 0
    assert {one: one.stat().st_mtime_ns for one in before} == before
    month(3, 50).assign(id=lambda frame: frame["id"] + 5000).to_csv(tmp_path / "log-late.csv", index=False)
    assert main(command) == 0
    assert load_record(state / "2025-03.json").data.splits[0].rows == 650
    assert list(state.rglob("*.part")) == []
    with connect(folder=state / "tallies") as store:
        parts = [load(one, store) for one in (state / "tallies").iterdir()]
    assert sum(one.rows for one in parts if one is not None) == 4 * 600 + 50
    page = tmp_path / "h.html"
    assert main(["history", *map(str, state.glob("2025-*.json")), "--out", str(page)]) == 0
    assert "MON001" in page.read_text()
    assert main([*command, "--window", "800"]) == 0
    assert (state / "rows-1601-to-2400.json").is_file()


def test_the_screen_says_what_alarms_and_how_small_a_change_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit.toml").write_text(TOML.format(more=""))
    for place in range(1, 11):
        frame = month(place)
        (frame.assign(p=1 - frame["p"]) if place == 10 else frame).to_csv(tmp_path / f"log-{place}.csv", index=False)
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[:7] == [f"2025-{place:02d}: no alarm." for place in range(3, 10)]
    assert lines[7].startswith("2025-10: alarm: accuracy −")
    assert (
        "2025-10 was compared with 2025-01 to 2025-04. Found within three windows nine times in ten: a change of acc"
        in err
    )
    assert "modelassay history" in lines[-1]
    assert "window 2025-10: 600" in out
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    assert not capsys.readouterr().err.startswith("2025-03")


def test_windows_of_several_classes_watch_each_score(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = 1500
    truth = generator.integers(0, 3, rows)
    score = np.full((rows, 3), 0.2)
    score[np.arange(rows), np.where(generator.random(rows) < 0.8, truth, generator.integers(0, 3, rows))] = 0.6
    frame = pd.DataFrame(score, columns=["sa", "sb", "sc"])
    names = np.array(["a", "b", "c"])
    frame = frame.assign(y=names[truth], p=names[score.argmax(axis=1)])
    frame["t"] = pd.Timestamp(2025, 1, 1) + pd.to_timedelta(np.arange(rows) // 300, unit="D")
    frame.loc[frame["t"] >= "2025-01-05", "p"] = "a"
    frame.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\nlog = "log.csv"\ntarget = "y"\nprediction = "p"\ntime = "t"\n'
        '[data.score]\na = "sa"\nb = "sb"\nc = "sc"\n[report]\nformats = ["json"]\n'
        '[monitor]\nwindow = "day"\nreference = 3\n'
    )
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    outcomes = {
        day: {
            verdict.where["of"]: verdict.outcome
            for verdict in load_record(tmp_path / "monitor" / f"2025-01-0{day}.json").verdicts
            if verdict.gate == "MON002"
        }
        for day in (4, 5)
    }
    quiet = {"score of a": "pass", "score of b": "pass", "score of c": "pass", "prediction": "pass", "labels": "pass"}
    assert outcomes == {4: quiet, 5: {**quiet, "prediction": "fail"}}


def test_labels_that_come_later_meet_their_rows(tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text(TOML.format(more='labels = "labels.csv"'))
    frames = [month(place) for place in (1, 2, 3)]
    for place, frame in enumerate(frames):
        frame.drop(columns="y").to_csv(tmp_path / f"log-{place}.csv", index=False)
    known = pd.concat([frames[0], frames[1], frames[2][:300]])[["id", "y"]]
    known.to_csv(tmp_path / "labels.csv", index=False)
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 0
    record = load_record(tmp_path / "monitor" / "2025-03.json")
    assert (record.data.splits[0].rows, record.data.splits[0].dropped_rows) == (300, 300)
    by_gate = {(one.gate, one.estimate.metric if one.estimate else ""): one.outcome for one in record.verdicts}
    assert by_gate["MON003", "missing_label_share"] == "fail"
    assert {one.check: one.outcome for one in record.findings}["expected_performance"] == "measured"
    assert "window 2025-03: 300 of 600 test rows have a label" in subtitle(record)
    texts = {answer.id: (answer.sentence, *answer.details) for answer in first_screen(record)}
    assert "This is of the 300 rows with a label; 300 have none." in texts["good"]
    assert "Whether the answers to 300 of 600 rows are right: they have no label." in texts["unknown"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda frame: frame.assign(t="soon"),
            "time column 't' holds 600 values that are not times, such as 'soon' in 'log-2.csv'",
        ),
        (lambda frame: frame.assign(id=7), "id column 'id' does not distinguish rows: 1 values belong to 600 rows"),
        (lambda frame: frame.drop(columns="t"), "time column 't' is not in 'log-2.csv'"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: object, said: str) -> None:
    (tmp_path / "audit.toml").write_text(TOML.format(more=""))
    assert callable(spoil)
    spoil(month(2)).to_csv(tmp_path / "log-2.csv", index=False)
    assert main(["monitor", str(tmp_path / "audit.toml")]) == 2
    assert said in capsys.readouterr().err


def test_labels_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    month(1).drop(columns="y").to_csv(tmp_path / "log.csv", index=False)
    pd.DataFrame({"id": [10_000, 10_000], "y": [0, 1]}).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(
        DataError,
        match=r"labels contradict each other: 1 values of 'id' have more than one, such as '10000' in 'labels.csv'",
    ):
        open_files(
            log_files(tmp_path, "log.csv"), {"id": "id", "y": "target", "p": "prediction"},
            labels=log_files(tmp_path, "labels.csv"),
        )  # fmt: skip


def test_a_thousand_records_make_a_small_page(tmp_path: Path) -> None:
    gates = [f"G{place:02d}" for place in range(40)]
    for place in range(1000):
        verdicts = [
            {
                "gate": gate,
                "outcome": ("pass", "fail")[(place + at) % 3 == 0],
                "estimate": {"value": 0.5, "low": 0.4, "high": 0.6},
            }
            for at, gate in enumerate(gates)
        ]
        splits = [{"name": "test", "sha256": f"{place % 7}" * 64}]
        record = {"schema_version": 2, "created": f"{place:05d}", "verdicts": verdicts, "data": {"splits": splits}}
        (tmp_path / f"{place}.json").write_text(json.dumps(record))
    assert main(["history", str(tmp_path), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert len(page) < 500_000
    assert "<script" not in page
    assert "changed from" in page
