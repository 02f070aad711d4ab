"""The action's own shell steps, run here as a runner would; what needs GitHub is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML reads the action; it comes with the test tools")
ROOT = Path(__file__).resolve().parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step.get("name", ""): step for step in ACTION["runs"]["steps"]}


def _step(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    command = tools / "modelassay"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n')
    command.chmod(0o755)
    given = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder, env={**given, **files, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_audit_step_keeps_its_code_and_the_verdict_step_ends_with_it(tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1] * 60, "p": [0, 0] * 60}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\ntask = "binary"\npositive = 1\nprediction = "p"\n'
        '[checks]\nselect = ["skill"]\n'
    )
    done = _step("Audit", tmp_path, CONFIG="audit.toml", POLICY="", STRICT="false")
    assert done.returncode == 0, done.stderr
    code = (tmp_path / "output").read_text().strip().removeprefix("code=")
    assert code in {"1", "3"}
    assert (tmp_path / "summary").read_text().strip()
    assert _step("Verdict", tmp_path, CODE=code).returncode == int(code)
    assert _step("Verdict", tmp_path, CODE="").returncode == 4


def test_nothing_a_stranger_writes_is_put_into_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_steps_that_write_are_left_out_on_forks() -> None:
    for name in ("Comment", "Failures at their lines"):
        assert "fork != true" in STEPS[name]["if"]


def test_the_hook_reads_policies() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "modelassay policy"
