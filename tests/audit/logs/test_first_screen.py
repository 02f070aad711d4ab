"""The first screen of a window of a log says how its numbers went, what has changed and what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import modelassay
from audit.cli import main
from reports import history, store
from reports.answer import Answer
from reports.answers import answers
from reports.exhibit import Curve
from reports.html import render
from reports.lookup import Estimates
from reports.record import AuditRecord
from reports.strips import StripRow, Trend, points
from reports.summary import verdict_sentence
from reports.text import lines


def weeks(*, right: float, labeled: float = 1.0, windows: int = 6, rows: int = 900) -> pd.DataFrame:
    """Rows of a log whose last three weeks are right in so many of 100 decisions, with so many of their labels."""
    generator = np.random.default_rng(7)
    week = np.repeat(np.arange(windows), rows)
    y = generator.integers(0, 2, len(week)).astype(float)
    late = week >= windows - 3
    answered = np.where(generator.random(len(week)) < np.where(late, right, 0.9), y, 1 - y)
    frame = pd.DataFrame({"t": pd.Timestamp("2025-01-06") + pd.to_timedelta(7 * week, unit="D"), "y": y, "p": answered})
    frame["sex"] = generator.choice(["f", "m"], len(week))
    frame.loc[late & (generator.random(len(week)) >= labeled), "y"] = np.nan
    return frame


def last(frame: pd.DataFrame, **more: object) -> AuditRecord:
    stated = {"target": "y", "prediction": "p", "time": "t", "reference": 2, "grow_to": 0, **more}
    return modelassay.monitor(frame, window="week", **stated)[-1]  # type: ignore[arg-type]


def by_id(record: AuditRecord) -> dict[str, Answer]:
    return {answer.id: answer for answer in answers(record)}


def test_a_fall_is_said_with_its_size_and_drawn() -> None:
    record = last(weeks(right=0.78), positive=1, sensitive=["sex"])
    said = by_id(record)
    assert verdict_sentence(record).startswith("1 alarm.")
    assert said["breaks"].question == "What has changed?"
    sentence = said["breaks"].sentence
    change = Estimates(record).get(
        "performance_change", {"split": "test", "window": "2025-W07", "metric": "accuracy", "over": "3 windows"}
    )
    assert change is not None
    assert change.value is not None
    size = f"{100 * abs(change.value):.1f}".removesuffix(".0")
    assert sentence.startswith(
        f"Compared with 2025-W02 to 2025-W03, over 3 windows: accuracy −{size} points (lower since 2025-W05), "
    )
    assert "sex" not in sentence
    assert re.match(r"Alarms by group: (accuracy|recall) of sex: [fm] −1\d(\.\d)? points,", said["worse"].details[0])
    strip = said["breaks"].strip
    assert strip is not None
    assert [row.label for row in strip.rows] == ["accuracy", "recall", "precision"]
    assert all(row.strong for row in strip.rows)
    page = render(record)
    assert f"accuracy is worse than in the reference by {size} points [" in page
    assert "Changed" in "\n".join(line.text for line in lines(record))


def test_numbers_are_drawn_as_they_went() -> None:
    record = last(weeks(right=0.9), positive=1)
    chart = by_id(record)["good"].strip
    assert chart is not None
    curve = next(
        exhibit
        for finding in record.findings
        if finding.check == "window_performance" and finding.measurement is not None
        for exhibit in finding.measurement.exhibits
        if isinstance(exhibit, Curve)
    )
    trend = chart.rows[0].trend
    assert trend is not None
    assert trend.values == curve.series[0].y
    assert trend.reference == curve.series[1].y[0]
    assert (trend.places[0], trend.places[-1]) == (0.0, 100.0)
    assert chart.note == "2025-W04 to 2025-W07; dashed: the reference, 2025-W02 to 2025-W03"
    assert by_id(record)["breaks"].sentence == "No alarm, compared with 2025-W02 to 2025-W03."
    assert verdict_sentence(record).startswith("No alarms.")
    numbers = re.findall(r'class="(?:band|course|point)" d="([^"]*)"', render(record))
    assert numbers
    assert not [text for text in numbers if "nan" in text or "inf" in text]


def test_labels_that_are_missing_are_said() -> None:
    record = last(weeks(right=0.9, labeled=0.3), positive=1)
    trusted = by_id(record)["trusted"]
    share = Estimates(record).of("missing_label_share")[0].value
    assert share is not None
    assert trusted.sentence == f"Read the numbers with care: {100 * share:.1f} % of the rows have no label."
    assert {tick.words: tick.outcome for tick in trusted.ticks}["missing labels"] == "fail"
    calm = by_id(last(weeks(right=0.9), positive=1))["trusted"]
    assert calm.sentence == "No test gives a reason to doubt the numbers."


@pytest.mark.parametrize("every", [True, False])
def test_answers_that_are_not_a_class_are_quoted(every: bool) -> None:
    frame = weeks(right=0.9)
    frame["p"] = frame["p"].astype(int).astype(str)
    late = frame.index[frame["t"] >= frame["t"].max() - pd.Timedelta(days=3)]
    frame.loc[late if every else late[:7], "p"] = "may<b>e"
    screen = by_id(last(frame, positive=1))
    rows = len(late) if every else 7
    said = f"Invalid outputs: {rows:,} labels that the target does not have ('may<b>e' {rows:,})"
    assert screen["trusted"].details[0].startswith(said)
    assert ("no row has an answer that can be used" in screen["unknown"].sentence) == every


def test_labels_of_a_group_that_are_missing_are_said() -> None:
    frame = weeks(right=0.9)
    gone = (frame["t"] >= "2025-02-10") & (frame["sex"] == "f") & (np.arange(len(frame)) % 3 == 0)
    frame.loc[gone, "y"] = np.nan
    record = last(frame, positive=1, sensitive=["sex"])
    assert "labels of sex: f are missing more often than others, by" in by_id(record)["trusted"].sentence


def test_errors_of_a_regression_are_drawn() -> None:
    generator = np.random.default_rng(3)
    frame = weeks(right=0.9)
    frame["y"] = generator.lognormal(0, 0.5, len(frame))
    late = frame["t"] >= "2025-01-27"
    frame["p"] = frame["y"] + generator.normal(0, np.where(late, 0.3, 0.2))
    said = by_id(last(frame, task="regression"))
    chart = said["good"].strip
    assert chart is not None
    assert [row.label for row in chart.rows if row.trend] == [
        "typical error",
        "mean absolute error",
        "R² score",
    ]
    assert said["breaks"].sentence.startswith("Compared with 2025-W02 to 2025-W03, over 3 windows: typical error +0.0")
    assert "(higher since 2025-W05)" in said["breaks"].sentence
    strip = said["breaks"].strip
    assert strip is not None
    assert strip.note.endswith("each on an axis of its own")
    for row in strip.rows:
        assert row.low is not None
        assert row.high is not None
        assert max(abs(row.low), abs(row.high)) == pytest.approx(1.0)  # none is dwarfed by another's interval
    assert said["breaks"].sentence.count("typical error") == 1


def test_a_window_without_others_is_drawn_without_a_line() -> None:
    record = last(weeks(right=0.9, windows=3), positive=1)
    chart = by_id(record)["good"].strip
    assert chart is not None
    assert [row.trend for row in chart.rows] == [None, None, None]


def test_a_trend_that_never_moves_is_level() -> None:
    level = (1.0, 1.0, 1.0)
    trend = Trend(places=(0.0, 50.0, 100.0), values=level, lows=level, highs=level, reference=1.0)
    assert trend.line == "M0 14L50 14L100 14"


def test_a_new_version_is_marked_where_numbers_are_drawn() -> None:
    frame = weeks(right=0.9)
    frame["release"] = np.where(frame["t"] >= "2025-02-03", "<b>2", "1")
    record = last(frame, positive=1, version="release")
    chart = by_id(record)["good"].strip
    assert chart is not None
    trend = chart.rows[0].trend
    assert trend is not None
    assert len(trend.marks) == 1
    assert 0 < trend.marks[0] < 100
    assert "upright: <b>2" in chart.note
    assert "upright: &lt;b&gt;2" in render(record)


def test_a_window_without_labels_says_that_nothing_is_known() -> None:
    said = by_id(last(weeks(right=0.9, labeled=0.0), positive=1))
    assert said["breaks"].sentence == "Not known: no row here has a label."
    assert said["trusted"].sentence == "Read the numbers with care: 100 % of the rows have no label."


def test_a_version_that_is_worse_is_named() -> None:
    frame = weeks(right=0.9, rows=2000)
    new = (frame["t"] >= "2025-02-03") & (np.arange(len(frame)) % 2 == 0)
    wrong = new & (np.random.default_rng(1).random(len(frame)) < 0.15)
    frame["release"] = np.where(new, "2", "1")
    frame.loc[wrong, "p"] = 1 - frame.loc[wrong, "y"]
    said = by_id(last(frame, positive=1, version="release"))["breaks"].sentence
    assert re.search(r"accuracy of 2 −\d+(\.\d)? points against 1\.$", said)


def test_a_number_that_came_back_and_fell_again_is_lower_since_it_fell_again() -> None:
    frame = weeks(right=0.78, windows=8)
    back = frame["t"].dt.isocalendar().week == 8
    frame.loc[back, "p"] = frame.loc[back, "y"]
    sentence = by_id(last(frame, positive=1))["breaks"].sentence
    assert "(lower since 2025-W09)" in sentence


def test_the_head_of_a_terminal_is_whole_or_without_how_it_answers() -> None:
    record = last(weeks(right=0.9, labeled=0.9), positive=1)
    for width in range(60, 130):
        head = lines(record, width)[0].text
        whole = "Predicts whether y is “1” · window 2025-W07: "
        assert not head.startswith(whole) or head.endswith(("label", "answers only", "…"))
    assert lines(record, 130)[0].text.endswith(" have a label · answers only")
    assert lines(record, 88)[0].text.endswith(" have a label")


def test_labels_of_one_answer_alone_are_said_in_run_and_monitor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where nobody learns how refused loans would have gone."""
    frame = weeks(right=0.9)
    words = "labels are known of 100 % of the rows answered '1' and of 0 % of those answered '0'"
    for name, gone in (("all", False), ("granted", frame["p"] == 0)):
        frame.mask(
            pd.DataFrame({"y": gone}, index=frame.index).reindex(columns=frame.columns, fill_value=False)
        ).to_csv(tmp_path / f"{name}.csv", index=False)
        (tmp_path / "audit.toml").write_text(
            f'[data]\nlog = "{name}.csv"\ntarget = "y"\npositive = 1\nprediction = "p"\nsensitive = ["sex"]\n'
            f'time = "t"\ndrop_missing_target = true\n[monitor]\nwindow = "week"\nreference = 2\nstate = "{name}"\n'
        )
        for verb in ("run", "monitor"):
            main([verb, str(tmp_path / "audit.toml")])
            out, err = capsys.readouterr()
            assert (words in err) == (name == "granted"), verb
            assert (", of rows with a label" in " ".join(out.split())) == (name == "granted"), verb
    assert words.replace("'", "&#39;") in (tmp_path / "granted" / "latest" / "card.html").read_text()


def test_a_number_that_hardly_moves_is_drawn_level() -> None:
    """A recall of 100 % in each window has limits of a hundredth of a point, which fill no picture."""
    trend = Trend(places=(0.0, 100.0), values=(1.0, 1.0), lows=(0.9995, 0.9996), highs=(1.0, 1.0), reference=1.0)
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", trend.band)]
    assert max(heights) - min(heights) < 1
    chart = points([StripRow(label="x", value=-0.13, low=-0.15, high=0.0001)], share=True, note="n")
    assert chart is not None
    assert chart.note.endswith("axis from −15 to 0 %")


def test_the_history_of_amounts_draws_the_typical_error(tmp_path: Path) -> None:
    frame = weeks(right=0.9)
    frame["y"] = np.random.default_rng(3).lognormal(3, 0.5, len(frame)) * 1000
    frame["p"] = frame["y"] * np.random.default_rng(4).lognormal(0, 0.2, len(frame))
    stated = {"target": "y", "prediction": "p", "time": "t", "task": "regression", "reference": 2}
    records = modelassay.monitor(frame, window="week", **stated)  # type: ignore[arg-type]
    entries = [history.entry(f"{place}", json.loads(store.dumps(one))) for place, one in enumerate(records)]
    curve = next(
        exhibit
        for finding in records[-1].findings
        if finding.measurement is not None
        for exhibit in finding.measurement.exhibits
        if isinstance(exhibit, Curve) and exhibit.y_label == "typical error"
    )
    assert entries[-1].numbers["typical error"][0] == curve.series[0].y[-1]
    page = history.page(entries)
    assert f"{curve.series[0].y[-1]:,.0f} [" in page
    assert not re.search(r"\de\+0|>-\d", page)


def test_what_moved_alone_is_said_with_its_size() -> None:
    frame = weeks(right=0.9)
    late = frame["t"] >= "2025-02-03"
    frame["channel"] = np.where(late & (np.arange(len(frame)) % 2 == 0), "web", "shop")
    frame.loc[late & (np.arange(len(frame)) % 5 < 2), ["y", "p"]] = 1.0
    sentence = by_id(last(frame, positive=1, features=["channel"]))["breaks"].sentence
    said = (
        r"Compared with \S+ to \S+: channel \(index \d(\.\d+)?\), decisions \(\+\d+(\.\d)? points\) and 1 more moved\."
    )
    assert re.fullmatch(said, sentence)
