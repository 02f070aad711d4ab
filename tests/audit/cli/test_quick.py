"""A quick audit: the same numbers for what it measures, and nothing that it leaves out looks met."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from audit.check import Check
from audit.checks import discover
from audit.cli import main
from audit.integrations.auditing import run
from reports.record import LEFT_OUT, AuditRecord
from reports.results import exit_code
from reports.store import dumps

RNG = np.random.default_rng(2)
X = pd.DataFrame({"age": RNG.integers(20, 70, 400), "debt": RNG.normal(size=400), "sex": RNG.choice(["f", "m"], 400)})
Y = np.where(X["debt"] + RNG.normal(0, 0.7, 400) > 0, "yes", "no")
READ = ["age", "debt"]


class Counted(LogisticRegression):  # type: ignore[misc]
    """Count how often it is fitted and asked."""

    calls = 0

    def fit(self, *given: object, **more: object) -> Counted:
        raise AssertionError("a quick audit fits nothing")

    def predict(self, rows: object) -> object:
        type(self).calls += 1
        return super().predict(rows)


def audited(*, quick: bool, model: object | None = None, **more: object) -> AuditRecord:
    model = model or LogisticRegression().fit(X[READ][:200], Y[:200])
    given = {"train": (X[READ][:200], Y[:200]), "sensitive": X[["sex"]][200:], "positive": "yes", "favorable": "yes"}
    return run(model, X[READ][200:], Y[200:], quick=quick, **given, **more)  # type: ignore[arg-type]


def test_numbers_are_those_of_the_whole_audit() -> None:
    chosen = ["skill", "classification", "disparities", "group_performance", "roc", "missing_values", "calibration"]
    whole, quick = (audited(quick=one, checks=chosen) for one in (False, True))
    assert [one.measurement for one in quick.findings] == [one.measurement for one in whole.findings]
    assert quick.partial == ""  # nothing was left out


def test_nothing_left_out_looks_met_and_the_model_is_asked_for_answers_alone() -> None:
    model = Counted()
    model.__dict__.update(vars(LogisticRegression().fit(X[READ][:200], Y[:200])))
    record = audited(quick=True, model=model)
    assert Counted.calls <= 2  # train and test
    left = {one.check for one in record.findings if one.reason == LEFT_OUT}
    assert {"cross_validation", "learning_curve", "permutation_importance", "weak_slices", "determinism"} <= left
    measured = {one.check for one in record.findings if one.outcome == "measured"}
    assert {
        "skill",
        "classification",
        "disparities",
        "group_performance",
        "missing_values",
        "feature_drift",
    } <= measured
    assert record.partial == f"A quick audit: {len(left)} of {len(record.findings)} checks are left out."
    gates = {gate.id: gate.check for gate in record.policy.gates}
    outcomes = {one.outcome for one in record.verdicts if gates[one.gate] in left}
    assert outcomes == {"not_assessed"}


def test_every_check_that_a_quick_audit_runs_is_quick_to_say_why() -> None:
    searches = {one.id for one in discover().values() if isinstance(one, Check) and one.searches}
    assert searches == {"weak_slices"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    X.assign(y=Y)[:200].to_csv(tmp_path / "train.csv", index=False)
    X.assign(y=Y)[200:].to_csv(tmp_path / "test.csv", index=False)
    skops.io.dump(LogisticRegression().fit(X[READ][:200], Y[:200]), tmp_path / "model.skops")
    (tmp_path / "audit.toml").write_text(
        '[model]\npath = "model.skops"\n[data]\ntrain = "train.csv"\ntest = "test.csv"\ntarget = "y"\n'
        'positive = "yes"\nfavorable = "yes"\nsensitive = ["sex"]\n'
    )
    gate = '[[gate]]\nid = "{0}"\ncheck = "{1}"\nmetric = "{2}"\nop = ">="\nthreshold = 0.6\nseverity = "error"\n'
    gates = gate.format("auc", "roc", "roc_auc") + gate.format("folds", "cross_validation", "cross_validated_roc_auc")
    (tmp_path / "gates.toml").write_text("schema_version = 1\n" + gates)
    return tmp_path


def test_a_criterion_that_is_left_out_is_not_met(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["run", str(folder / "audit.toml"), "--policy", str(folder / "gates.toml"), "--quick"]
    assert main(told) == 5
    said = " ".join(capsys.readouterr().out.split())
    assert "Partial A quick audit: " in said
    assert "Meets 1 of 2 release criteria; not tested: " in said
    report = folder / "audit-report"
    assert "This record is partial" in (report / "card.html").read_text(encoding="utf-8")
    assert json.loads((report / "audit.json").read_text())["partial"].startswith("A quick audit: ")
    assert main(["judge", str(report / "audit.json"), "--policy", str(folder / "gates.toml")]) == 5


@pytest.mark.parametrize("verb", [["judge"], ["render", "--format", "text"]])
def test_the_record_of_an_interrupted_run_says_so_and_never_exits_with_0(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = audited(quick=False, checks=["classification"])
    assert exit_code(record) in (0, 5)
    (tmp_path / "audit.json").write_text(dumps(replace(record, partial="Interrupted: 1 of 2 checks were not run.")))
    code = main([verb[0], str(tmp_path / "audit.json"), *verb[1:], "--out", str(tmp_path / "out")])
    told = capsys.readouterr()
    print(code, told.out, told.err)
    assert "Interrupted: 1 of 2 checks were not run." in told.out + told.err
    assert code == 5
