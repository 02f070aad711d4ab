"""A check of another package is found through its entry point, runs, and can be gated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

PLUGIN = Path(__file__).resolve().parent.parent / "golden" / "plugin"


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Lay the package out as an installer does: its module, and metadata that names the entry point."""
    site = tmp_path / "site"
    shutil.copytree(PLUGIN, site, ignore=shutil.ignore_patterns("__pycache__", "pyproject.toml"))
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    metadata = site / "modelassay_sample_checks-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": str(site)}


def _run(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "audit", *arguments], env=env, capture_output=True, text=True, check=False
    )


def test_is_listed(installed: dict[str, str]) -> None:
    assert "rows_scored" in _run(["checks"], installed).stdout


def test_runs_and_is_gated(installed: dict[str, str], tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1] * 30, "says": [0, 1] * 30}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nid = "enough"\ncheck = "rows_scored"\nmetric = "rows"\nthreshold = 100\nseverity = "error"\n'
    )
    (tmp_path / "audit.toml").write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\nprediction = "says"\n[policy]\npath = "gates.toml"\n'
        '[checks]\nselect = ["rows_scored"]\n'
    )
    done = _run(["run", str(tmp_path / "audit.toml")], installed)
    assert done.returncode == 1, done.stderr
    record = json.loads((tmp_path / "audit-report" / "audit.json").read_text())
    assert [one["outcome"] for one in record["verdicts"]] == ["fail"]


def test_a_broken_package_is_named(installed: dict[str, str]) -> None:
    module = Path(installed["PYTHONPATH"]) / "sample_checks.py"
    module.write_text("import no_such_module_anywhere\n")
    done = _run(["checks"], installed)
    assert done.returncode == 2
    assert "'sample'" in done.stderr
    assert "Traceback" not in done.stderr
