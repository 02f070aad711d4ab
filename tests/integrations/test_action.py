"""The action's own shell steps, run here as a runner would; what needs GitHub is left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit.cli import main

yaml = pytest.importorskip("yaml", reason="PyYAML reads the action; it comes with the test tools")
ROOT = Path(__file__).resolve().parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step.get("name", ""): step for step in ACTION["runs"]["steps"]}


def _step(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return _shell(STEPS[name]["run"], folder, **environment)


def _shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    command = tools / "modelassay"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n')
    command.chmod(0o755)
    given = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
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


GH = """#!/usr/bin/env bash
echo "$*" >> "$HOME/gh.log"
[ -n "$RIGHTS" ] || { echo "HTTP 403: Resource not accessible by integration" >&2; exit 1; }
case "$1 $2" in
  "run list") printf '11\\n12\\n' ;;
  "run download")
    [ "$3" = 12 ] || { echo "no artifact matches" >&2; exit 1; }
    mkdir -p .modelassay-baseline && cp "$HOME/kept.json" .modelassay-baseline/audit.json ;;
  "api repos/me/shop/issues/7/comments") cat "$HOME/comments" 2> /dev/null || true ;;
  "pr comment") echo 501 > "$HOME/comments" ;;
esac
"""
"""Stands in for GitHub's command: the second run kept a record; a comment, once written, is found again."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a table of answers, its configuration, and GitHub's command."""
    pd.DataFrame({"y": [0, 1] * 60, "p": [0, 1, 0, 1, 1, 1] * 20}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\ntask = "binary"\npositive = 1\nprediction = "p"\n'
        '[checks]\nselect = ["skill", "classification"]\n'
    )
    (tmp_path / "bin").mkdir()
    for name, text in (("gh", GH), ("python", '#!/bin/sh\necho "$@" >> "$HOME/pip.log"\n')):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_a_pull_request_is_compared_with_the_default_branch_and_gets_one_comment(repository: Path) -> None:
    rights = {"RIGHTS": "yes", "GH_TOKEN": "t", "REPOSITORY": "me/shop", "BRANCH": "main", "NUMBER": "7"}
    asked = {"CONFIG": "audit.toml", "POLICY": "", "STRICT": "false"}
    assert _step("Audit", repository, **asked).returncode == 0
    (repository / "modelassay-report" / "audit.json").rename(repository / "kept.json")
    assert _step("Record of the default branch", repository, **rights).returncode == 0
    assert (repository / ".modelassay-baseline" / "audit.json").is_file(), "the newest run that kept a record"
    done = _step("Audit", repository, **asked)
    assert done.returncode == 0, done.stderr
    assert "baseline" in (repository / "modelassay-report" / "audit.json").read_text()
    for _ in range(2):
        assert _step("Comment", repository, **rights).returncode == 0
    calls = (repository / "gh.log").read_text().splitlines()
    assert len([one for one in calls if one.startswith("pr comment 7")]) == 1
    assert len([one for one in calls if one.startswith("api -X PATCH repos/me/shop/issues/comments/501")]) == 1
    assert (repository / "modelassay-comment.md").read_text().startswith("<!-- modelassay -->\n## ")


def test_a_fork_without_rights_is_audited_alone(repository: Path) -> None:
    rights = {"RIGHTS": "", "GH_TOKEN": "", "REPOSITORY": "me/shop", "BRANCH": "main"}
    done = _step("Record of the default branch", repository, **rights)
    assert (done.returncode, done.stdout.strip()) == (0, "no earlier record; nothing is compared")
    assert _step("Audit", repository, CONFIG="audit.toml", POLICY="", STRICT="false").returncode == 0
    assert (repository / "summary").read_text().strip()


@pytest.mark.parametrize("earlier", ["no json", '{"schema_version": 99}'])
def test_an_earlier_record_that_does_not_fit_stops_no_audit(repository: Path, earlier: str) -> None:
    (repository / ".modelassay-baseline").mkdir()
    (repository / ".modelassay-baseline" / "audit.json").write_text(earlier)
    done = _step("Audit", repository, CONFIG="audit.toml", POLICY="", STRICT="false")
    assert done.returncode == 0
    assert (repository / "output").read_text().strip() in {"code=0", "code=1", "code=3"}, done.stdout + done.stderr
    assert "without comparison" in done.stdout


@pytest.mark.parametrize(
    ("package", "installed"), [("", "/action"), ("modelassay[onnx]==1.2", "modelassay[onnx]==1.2")]
)
def test_what_the_model_needs_is_installed_before_the_action_itself(
    repository: Path, package: str, installed: str
) -> None:
    given = {"REQUIREMENTS": "requirements.txt", "PACKAGE": package, "GITHUB_ACTION_PATH": "/action"}
    assert _step("Install", repository, **given).returncode == 0
    calls = (repository / "pip.log").read_text().splitlines()
    assert calls == ["-m pip install -q -r requirements.txt", f"-m pip install -q {installed}"]


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
    assert re.search(hook["files"], "gates.toml")
    assert re.search(hook["files"], "models/loans/gates.toml")


def test_the_hook_is_given_all_files_that_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As pre-commit calls it: one call, every changed file behind the entry; one bad file fails it."""
    for name, metric in (("a", "recall"), ("b", "precision"), ("c", "recal")):
        gate = f'[[gate]]\nid = "floor-{name}"\nmetric = "{metric}"\nop = ">="\nthreshold = 0.8\n'
        (tmp_path / f"{name}.toml").write_text(gate)
    good, bad = [str(tmp_path / f"{name}.toml") for name in "ab"], str(tmp_path / "c.toml")
    assert main(["policy", *good]) == 0
    assert {"floor-a", "floor-b"} <= set(capsys.readouterr().out.split())
    assert main(["policy", *good, bad]) == 2
    assert "recall" in capsys.readouterr().err


def test_the_jobs_to_copy_leave_what_they_publish(repository: Path) -> None:
    """The GitLab job's script and the GitHub workflow's steps, as far as a shell goes."""
    job = yaml.safe_load((ROOT / "examples" / "ci" / "gitlab-ci.yml").read_text())["audit"]
    assert _shell(job["script"], repository).returncode in {0, 1, 3}
    for path in job["artifacts"]["reports"].values():
        assert (repository / path).stat().st_size > 0
    (repository / "audit-report" / "audit.json").rename(repository / "main.audit.json")
    jobs = yaml.safe_load((ROOT / "examples" / "ci" / "github-workflow.yml").read_text())["jobs"]
    steps = {step["name"]: step["run"] for step in jobs["audit"]["steps"] if "name" in step}
    codes = [_shell(script, repository).returncode for script in steps.values()]
    assert codes[0] in {0, 1, 3}
    assert codes[1:] == [0, 0]
    assert "The same answer to every row." in (repository / "summary").read_text()
