"""``modelassay judge``: exit codes, baselines, budgets, and everything that cannot be judged."""

from __future__ import annotations

import datetime
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audit.cli import main
from audit.comparing.pairing import pack
from audit.evidence import Predictions
from reports.record import AuditRecord
from reports.store import save
from tests.audit.verdict_records import count, finding, rate, record

FLOOR = '[[gate]]\nid = "floor"\nmetric = "accuracy"\nop = ">="\nthreshold = {}\nseverity = "error"\n'
Judge = Callable[..., int]


def with_answers(accuracy: float, *, model: str = "a", rows: int = 2000, seed: int = 0) -> AuditRecord:
    """Return a record that keeps answers of a model that errs on the first rows."""
    wrong = round(rows * (1 - accuracy))
    y = np.tile([0, 1], rows // 2)
    y_pred = np.where(np.arange(rows) < wrong, 1 - y, y)
    answers = Predictions(task="binary", classes=("0", "1"), y_true=y, y_pred=y_pred, row=np.arange(rows))
    hashes = np.random.default_rng(seed).integers(0, 2**63, rows).astype(np.uint64)
    made = record(finding("classification", rate("accuracy", rows - wrong, rows)))
    return replace(made, model=replace(made.model, sha256=model * 64), pairing=pack(answers, hashes))


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge a record under a policy's text, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def verb(of: AuditRecord, policy: str, *more: str) -> int:
        save(of, tmp_path / "audit.json")
        (tmp_path / "gates.toml").write_text(policy, encoding="utf-8")
        return main(["judge", "audit.json", "--policy", "gates.toml", *more])

    return verb


GOOD = record(finding("classification", rate("accuracy", 800, 1000), count("overlap", 0.0)))


@pytest.mark.parametrize(
    ("threshold", "more", "code"),
    [("0.7", "", 0), ("0.9", "", 1), ("0.8", "", 0), ("0.8", 'on_inconclusive = "block"\n', 3)],
)
def test_exit_codes(judge: Judge, threshold: str, more: str, code: int) -> None:
    assert judge(GOOD, FLOOR.format(threshold) + more) == code


@pytest.mark.parametrize(("threshold", "said"), [("0.9", r"\(exit 1: floor\)$"), ("0.7", r"\(exit 0\)$")])
def test_the_last_line_names_what_blocks(
    judge: Judge, threshold: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(GOOD, FLOOR.format(threshold))
    assert re.search(said, capsys.readouterr().out.strip())


def test_no_gate_evaluated_is_a_code_of_its_own(judge: Judge) -> None:
    assert judge(GOOD, "[policy]\n") == 5


def test_warnings_count_under_strict(judge: Judge) -> None:
    text = FLOOR.format("0.9").replace("error", "warning")
    assert judge(GOOD, text) == 0
    assert judge(GOOD, text, "--strict") == 1


def test_a_broken_check_cannot_be_judged(judge: Judge) -> None:
    broken = record(finding("c", outcome="error", reason="boom"))
    assert judge(broken, FLOOR.format("0.7") + 'check = "c"\n') == 2


def test_reports_are_written_where_asked(judge: Judge, tmp_path: Path) -> None:
    assert judge(GOOD, FLOOR.format("0.9"), "--out", "out", "--format", "json,junit,sarif,md") == 1
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["audit.json", "card.md", "gates.sarif", "junit.xml"]
    saved = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert saved["verdicts"][0]["outcome"] == "fail"
    assert saved["verdicts"][0]["source"] == {"file": "gates.toml", "line": 2}


def test_standard_output_holds_the_record_alone(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(GOOD, FLOOR.format("0.7"), "--out", "-", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["verdicts"][0]["outcome"] == "pass"


# --- bad input: exit code 2, one message, nothing written ---------------------------------------------


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


WAIVER = '[[waiver]]\ngate = "floor"\nowner = "a.person"\nreason = "late"\ncreated = 2026-01-01\nexpires = 2026-02-01\n'
BAD_POLICIES = {
    "a typing error": (FLOOR.format("0.7") + "treshold = 1\n", "Did you mean 'threshold'"),
    "a contradiction": (
        FLOOR.format("0.9") + FLOOR.format("0.2").replace("floor", "roof").replace(">=", "<="),
        "contradict",
    ),
    "an unknown metric": (FLOOR.format("0.7").replace("accuracy", "acuracy"), "Did you mean 'accuracy'"),
    "an unknown check": (FLOOR.format("0.7") + 'check = "clasification"\n', "Did you mean 'classification'"),
    "an unknown group": (FLOOR.format("0.7") + 'by = ["sex"]\n', "not a sensitive feature"),
    "a threshold of text": (FLOOR.format('"high"'), "threshold"),
    "percent": (FLOOR.format("70"), "Did you mean 0.7"),
    "a waiver without owner": (FLOOR.format("0.7") + WAIVER.replace('owner = "a.person"\n', ""), "owner"),
    "a waiver past its end": (FLOOR.format("0.7") + WAIVER, "ended on 2026-02-01"),
    "no TOML": ("[[gate", "not readable as TOML"),
    "gates that are not committed": ("[policy]\nrequire_committed = true\n" + FLOOR.format("0.7"), "Commit it"),
}


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_a_bad_policy(judge: Judge, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, told = BAD_POLICIES[name]
    assert judge(GOOD, text, "--out", "out") == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert files(tmp_path) == ["audit.json", "gates.toml"]


def _edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


BAD_RECORDS: dict[str, tuple[Callable[[str], str], str]] = {
    "no JSON": (lambda _: "{", "not JSON"),
    "another version": (lambda text: _edited(text, '"schema_version": 2', '"schema_version": 9'), "schema_version"),
    "a value outside its interval": (lambda text: _edited(text, '"value": 0.8', '"value": 0.1'), "interval"),
    "a number of NaN": (lambda text: _edited(text, '"value": 0.8', '"value": NaN'), "NaN"),
    "text for a number": (lambda text: _edited(text, '"seed": 0', '"seed": "0"'), "seed"),
    "an unknown key": (lambda text: _edited(text, '"seed": 0', '"seed": 0, "seeed": 1'), "seeed"),
    "a key twice": (lambda text: _edited(text, '"seed": 0', '"seed": 0, "seed": 1'), "twice"),
    "a list": (lambda _: "[]", "expected an object"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_record_edited_into_invalidity(
    judge: Judge, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, told = BAD_RECORDS[name]
    judge(GOOD, FLOOR.format("0.7"))
    path = tmp_path / "audit.json"
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
    capsys.readouterr()
    assert main(["judge", "audit.json", "--policy", "gates.toml", "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert files(tmp_path) == ["audit.json", "gates.toml"]


def test_a_missing_record_and_a_missing_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(tmp_path / "no.json")]) == 2
    assert "cannot read" in capsys.readouterr().err
    save(GOOD, tmp_path / "audit.json")
    assert main(["judge", str(tmp_path / "audit.json"), "--policy", str(tmp_path / "no.toml")]) == 2
    assert "no file" in capsys.readouterr().err


# --- baselines ----------------------------------------------------------------------------------------

NO_WORSE = '[[gate]]\nid = "no-worse"\nkind = "no_regression"\nmetric = "accuracy"\nseverity = "error"\n'


def outcome(folder: Path, gate: str = "no-worse") -> str:
    saved = json.loads((folder / "out" / "audit.json").read_text())
    return str(next(one["outcome"] for one in saved["verdicts"] if one["gate"] == gate))


@pytest.mark.parametrize(("accuracy", "code", "told"), [(0.9, 0, "pass"), (0.8, 1, "fail"), (0.89, 0, "inconclusive")])
def test_no_worse_than_the_baseline(judge: Judge, tmp_path: Path, accuracy: float, code: int, told: str) -> None:
    save(with_answers(0.9), tmp_path / "main.json")
    args = "--baseline", "main.json", "--out", "out", "--format", "json"
    assert judge(with_answers(accuracy, model="c"), NO_WORSE, *args) == code
    assert outcome(tmp_path) == told


def test_the_policy_names_its_baseline(judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[baseline]\nsource = "main.json"\n' + NO_WORSE
    assert judge(with_answers(0.8), text) == 5
    assert "baseline 'main.json' does not exist yet" in capsys.readouterr().err
    assert judge(with_answers(0.8), text.replace('main.json"', 'main.json"\non_missing = "error"')) == 2
    save(with_answers(0.9), tmp_path / "main.json")
    assert judge(with_answers(0.8), text) == 1


def test_a_baseline_of_another_test_set(judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(with_answers(0.9, seed=7), tmp_path / "main.json")
    assert judge(with_answers(0.9), NO_WORSE, "--baseline", "main.json", "--out", "out") == 2
    assert "measured on other rows" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    args = "--baseline", "main.json", "--unpaired", "--out", "out", "--format", "json"
    assert judge(with_answers(0.9), NO_WORSE, *args) == 0
    assert "not paired" in (tmp_path / "out" / "audit.json").read_text()
    text = '[baseline]\nsource = "main.json"\non_data_change = "unpaired"\n' + NO_WORSE
    assert judge(with_answers(0.9), text) == 0


def test_a_baseline_that_is_none(judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "main.json").write_text('{"schema_version": 9}')
    assert judge(GOOD, NO_WORSE, "--baseline", "main.json") == 2
    assert "install a newer" in capsys.readouterr().err.lower()
    assert judge(GOOD, NO_WORSE, "--baseline", "mian.json") == 2
    assert "Did you mean 'main.json'" in capsys.readouterr().err
    save(replace(GOOD, data=replace(GOOD.data, target="z")), tmp_path / "main.json")
    assert judge(GOOD, NO_WORSE, "--baseline", "main.json") == 2
    assert "the baseline's target is 'z'" in capsys.readouterr().err


# --- the budget of a test set -------------------------------------------------------------------------


def test_a_test_set_wears_out(judge: Judge, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "[test_set]\nmax_uses = 2\n" + FLOOR.format("0.5")
    for model in ("a", "a", "b"):
        assert judge(with_answers(0.9, model=model), text) == 0
    assert "used for" not in capsys.readouterr().err
    assert judge(with_answers(0.9, model="c"), text, "--out", "out", "--format", "json") == 0
    assert "used for 3 different models, more than the 2" in capsys.readouterr().err
    assert "used for 3 different models" in (tmp_path / "out" / "audit.json").read_text()
    ledger = json.loads((tmp_path / "test-set-uses.json").read_text())
    (models,) = ledger.values()
    assert sorted(name[0] for name in models) == ["a", "b", "c"]
    assert set(models.values()) == {"2026-11-01"}


def test_a_spent_test_set_can_be_an_error(judge: Judge, tmp_path: Path) -> None:
    text = '[test_set]\nmax_uses = 1\non_exhausted = "error"\nledger = "uses.json"\n' + FLOOR.format("0.5")
    assert judge(with_answers(0.9, model="a"), text) == 0
    before = (tmp_path / "uses.json").read_text()
    assert judge(with_answers(0.9, model="b"), text, "--out", "out") == 2
    assert (tmp_path / "uses.json").read_text() == before
    assert not (tmp_path / "out").exists()
    assert judge(with_answers(0.9, model="b", seed=3), text) == 0  # other rows have a budget of their own
    (tmp_path / "uses.json").write_text("[1]")
    assert judge(with_answers(0.9, model="a"), text) == 2


# --- speed --------------------------------------------------------------------------------------------


def test_judging_needs_neither_numbers_nor_models_and_is_quick(tmp_path: Path) -> None:
    groups = [rate("recall", 50 + k % 40, 100, sex=f"g{k}") for k in range(200)]
    save(record(finding("g", *groups), groups={f"g{k}": 100 for k in range(200)}), tmp_path / "audit.json")
    code = (
        "import sys; from audit.cli import main; code = main(['judge', sys.argv[1]]); "
        "heavy = {'numpy', 'pandas', 'scipy', 'sklearn', 'torch', 'matplotlib', 'jinja2'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "audit.json")], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 5, done.stderr
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 1.5, "judging takes about 0.4 s of a processor"


def test_a_waiver_holds_on_its_last_day(judge: Judge, tmp_path: Path) -> None:
    today = datetime.datetime.now(tz=datetime.UTC).date()
    text = FLOOR.format("0.9") + WAIVER.replace("2026-02-01", today.isoformat()).replace(
        "2026-01-01", (today - datetime.timedelta(days=10)).isoformat()
    )
    assert judge(GOOD, text, "--out", "out", "--format", "json") == 0
    assert outcome(tmp_path, "floor") == "waived"
