"""``modelassay compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from audit.cli import main
from audit.comparing.comparison import compare
from audit.comparing.conclusion import within_rounding
from audit.comparing.pairing import pack
from audit.data.factor import Factor
from audit.estimate.measure import by_group, estimate
from audit.evidence import Predictions
from reports.record import AuditRecord, Estimate, GroupInfo, Verdict, VerdictOutcome
from reports.store import save
from tests.audit.verdict_records import count, finding, rate, record

HOSTILE = "<img src=x>|`a`\n::error::"


def audited(accuracy: float, *, seed: int = 0) -> AuditRecord:
    rows = 1000
    wrong = round(rows * (1 - accuracy))
    y = np.tile([0, 1], rows // 2)
    y_pred = np.where(np.arange(rows) < wrong, 1 - y, y)
    sex = Factor.of(["f", "m", "m", "f", HOSTILE] * 200)
    answers = Predictions(
        task="binary", classes=("0", "1"), y_true=y, y_pred=y_pred, row=np.arange(rows),
        keys={"sex": sex}, sensitive=("sex",),
    )  # fmt: skip
    hashes = np.random.default_rng(seed).integers(0, 2**63, rows).astype(np.uint64)
    by_sex = [
        rate("accuracy", int((y == y_pred)[sex.mask(level)].sum()), int(sex.mask(level).sum()), sex=level)
        for level in sex.levels
    ]
    made = record(
        finding("classification", rate("accuracy", rows - wrong, rows), *by_sex), finding("data", count("twins", wrong))
    )
    outcome: VerdictOutcome = "pass" if accuracy > 0.9 else "fail"
    groups = tuple(GroupInfo(feature="sex", level=level, rows=200) for level in sex.levels)
    return replace(
        made,
        data=replace(made.data, sensitive=("sex",), groups=groups),
        pairing=pack(answers, hashes),
        verdicts=(Verdict(gate="floor", where={"split": "test"}, outcome=outcome, severity="error"),),
    )


@pytest.fixture
def records(tmp_path: Path) -> tuple[str, str]:
    save(audited(0.95), tmp_path / "a.json")
    save(audited(0.85), tmp_path / "b.json")
    return str(tmp_path / "a.json"), str(tmp_path / "b.json")


def test_the_bottom_line_comes_first(records: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *records]) == 0
    out = capsys.readouterr().out
    first = out.splitlines()[0]
    assert first.startswith("Worse: accuracy −0.100 [−0.120, −0.083]; criterion floor is no longer met; 100 of 1,000")
    assert "worse for sex: " in first
    assert first.endswith("and 2 more groups.")
    assert "Paired on the same 1,000 rows" in out
    assert "floor" in out.split("Criteria that turned")[1]
    assert "McNemar" not in out
    assert not any(line.lstrip().startswith("::") for line in out.splitlines())
    assert main(["compare", *records, "--all"]) == 0
    whole = capsys.readouterr().out
    assert "McNemar" in whole
    assert "twins" in whole


def test_the_exit_code_says_worse_only_if_asked(records: tuple[str, str]) -> None:
    before, after = records
    assert main(["compare", before, after, "--fail-on", "worse"]) == 1
    assert main(["compare", after, before, "--fail-on", "worse"]) == 0
    assert main(["compare", before, before, "--fail-on", "worse"]) == 0
    assert main(["compare", before, after, "--fail-on", "wrose"]) == 2
    assert main(["compare", before]) == 2


def test_the_same_answers_are_said_to_be_the_same(records: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", records[0], records[0]]) == 0
    assert capsys.readouterr().out.startswith("The same answer to every row.\n")


def test_several_models_are_compared_with_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, accuracy in (("a", 0.85), ("b", 0.95), ("c", 0.948)):
        save(audited(accuracy), tmp_path / f"{name}.json")
    paths = [str(tmp_path / f"{name}.json") for name in "abc"]
    assert main(["compare", *paths, "--fail-on", "worse"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Best in accuracy: not settled among m (b), m (c); 1 model is shown to be worse.\n")
    assert main(["compare", *paths, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["standing"] for one in found["contenders"]] == [
        "worse than the best",
        "may be the best",
        "may be the best",
    ]
    assert found["contenders"][1]["behind"]["high"] == 0
    assert found["contenders"][0]["behind"]["value"] == pytest.approx(-0.1)
    assert main(["compare", paths[1], paths[2], paths[0], "--fail-on", "worse"]) == 1


def test_decisions_are_told_by_what_they_mean_to_people(tmp_path: Path) -> None:
    made = [audited(0.95), audited(0.85)]
    made = [replace(one, data=replace(one.data, classes=("0", "1"), positive="1", favorable="0")) for one in made]
    found = compare(*made)
    assert "(50 to unfavorable, 50 to favorable)" in repr(found)
    moves = {one.metric: one.value for one in found.churn if set(one.where) == {"split"}}
    assert moves == {
        "churn": pytest.approx(0.1),
        "churn_to_unfavorable": pytest.approx(0.05),
        "churn_to_favorable": pytest.approx(0.05),
    }
    assert len(repr(found).splitlines()) <= 10


def test_rounding_is_no_change() -> None:
    gap = Estimate(metric="brier_score_difference", value=0.0004, low=0.0001, high=0.0007, unit="difference")
    assert within_rounding(gap)
    assert not within_rounding(replace(gap, value=0.0006))
    dollars = replace(gap, value=3.0, low=1.0, high=5.0, unit="dollars")
    large = Estimate(metric="mean_absolute_error", value=10_000.0, unit="dollars")
    assert within_rounding(dollars, large, large)
    assert not within_rounding(dollars, replace(large, value=100.0), replace(large, value=103.0))


def test_no_change_is_seldom_called_worse() -> None:
    generator, alarms = np.random.default_rng(3), 0
    for _ in range(60):
        truth = generator.integers(0, 2, 400)
        made = [answered(truth, generator) for _ in range(2)]
        alarms += compare(*made).worse
    assert alarms <= 7  # of 60 at 5 %: more has a chance under 2 %


def answered(truth: npt.NDArray[np.int64], generator: np.random.Generator) -> AuditRecord:
    """Return the audit of a model that is right in 80 % of the rows, whichever they are."""
    sex = Factor.of(["f", "m", "x", "y"] * 100)
    y_pred = np.where(generator.random(400) < 0.2, 1 - truth, truth)
    answers = Predictions(
        task="binary", classes=("0", "1"), y_true=truth, y_pred=y_pred, row=np.arange(400), where={"split": "test"},
        keys={"sex": sex, "split": Factor.constant("test", 400)}, sensitive=("sex",),
    )  # fmt: skip
    numbers = [estimate(answers, name) for name in ("accuracy", "recall", "precision")]
    made = record(finding("classification", *numbers, *by_group(answers, ("accuracy", "recall"), ("sex",))))
    data = replace(made.data, sensitive=("sex",), classes=("0", "1"), positive="1")
    return replace(made, data=data, pairing=pack(answers, np.arange(400).astype(np.uint64)))


def test_for_a_machine(records: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *records, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["paired"] is True
    assert found["rows"] == 1000
    gap = next(one for one in found["changes"] if one["metric"] == "accuracy" and set(one["where"]) == {"split"})
    assert gap["direction"] == "worse"
    assert gap["difference"]["method"] == "tango"
    assert gap["difference"]["value"] == pytest.approx(-0.1)
    assert found["worse"] is True
    assert found["bottom_line"].startswith("Worse: accuracy")
    assert found["churn"][0]["value"] == pytest.approx(0.1)
    assert found["turns"] == [
        {"gate": "floor", "where": {"split": "test"}, "before": "pass", "after": "fail", "severity": "error"}
    ]
    assert next(one for one in found["changes"] if one["metric"] == "twins")["difference"]["value"] == 100


def test_for_a_pull_request(records: tuple[str, str], tmp_path: Path) -> None:
    assert main(["compare", *records, "--format", "md", "--out", str(tmp_path / "change.md")]) == 0
    text = (tmp_path / "change.md").read_text()
    assert "| floor |" in text
    assert "<img" not in text
    assert "\n::error" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") - line.count("\\|") >= 3 for line in lines)


def test_other_rows_are_compared_as_independent_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(audited(0.95), tmp_path / "a.json")
    save(audited(0.85, seed=1), tmp_path / "b.json")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    out = capsys.readouterr().out
    assert "Not paired: the two were audited on different rows" in out
    assert out.startswith("Worse: accuracy")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--all"]) == 0
    assert "worse, not paired" in capsys.readouterr().out


def test_what_cannot_be_compared(records: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = audited(0.9)
    save(replace(other, data=replace(other.data, positive="0")), tmp_path / "c.json")
    assert main(["compare", records[0], str(tmp_path / "c.json")]) == 2
    assert "positive class" in capsys.readouterr().err
    assert main(["compare", records[0], str(tmp_path / "none.json")]) == 2
    assert main(["compare", *records, "--format", "yaml"]) == 2
    assert "there are 'text', 'json', 'md'" in capsys.readouterr().err
    assert main(["compare", *records, "--out", str(tmp_path / "no" / "such.md")]) == 2
