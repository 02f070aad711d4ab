"""``modelassay compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.cli import main
from audit.comparing.pairing import pack
from audit.data.factor import Factor
from audit.evidence import Predictions
from reports.record import AuditRecord, GroupInfo, Verdict, VerdictOutcome
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


def test_on_a_screen(records: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *records]) == 0
    out = capsys.readouterr().out
    assert "Paired on the same 1,000 rows" in out
    assert "-0.100 [-0.120, -0.083]" in out
    assert "worse" in out
    assert "McNemar" in out
    assert "floor" in out.split("Gates that turned")[1]
    assert "twins" in out
    assert not any(line.lstrip().startswith("::") for line in out.splitlines())


def test_for_a_machine(records: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *records, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["paired"] is True
    assert found["rows"] == 1000
    gap = next(one for one in found["changes"] if one["metric"] == "accuracy" and set(one["where"]) == {"split"})
    assert gap["direction"] == "worse"
    assert gap["difference"]["method"] == "tango"
    assert gap["difference"]["value"] == pytest.approx(-0.1)
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
    assert "worse, not paired" in out


def test_what_cannot_be_compared(records: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = audited(0.9)
    save(replace(other, data=replace(other.data, positive="0")), tmp_path / "c.json")
    assert main(["compare", records[0], str(tmp_path / "c.json")]) == 2
    assert "positive class" in capsys.readouterr().err
    assert main(["compare", records[0], str(tmp_path / "none.json")]) == 2
    assert main(["compare", *records, "--format", "yaml"]) == 2
    assert "there are 'text', 'json', 'md'" in capsys.readouterr().err
    assert main(["compare", *records, "--out", str(tmp_path / "no" / "such.md")]) == 2
