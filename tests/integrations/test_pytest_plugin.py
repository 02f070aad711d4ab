"""``pytest audit.toml``: a test for each gate, run once, failing only for what blocks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import audit
from reports.record import AuditRecord

GATE = """
[[gate]]
id = "{id}"
title = "{title}"
check = "classification"
metric = "{metric}"
where = {{ split = "test" }}
op = ">="
threshold = {threshold}
severity = "{severity}"
"""


def _gates(severity: str) -> str:
    wanted = (
        ("ACC", "accurate enough", "accuracy", 0.5, "error"),
        ("RECALL", "finds nearly all", "recall", 0.99, severity),
        ("CLOSE", "at the threshold", "accuracy", 0.8, "warning"),
    )
    keys = ("id", "title", "metric", "threshold", "severity")
    gates = "".join(GATE.format(**dict(zip(keys, one, strict=True))) for one in wanted)
    return f'schema_version = 1\n[policy]\nname = "team"\n{gates}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 300)
    answer = np.where(np.arange(300) % 5 == 0, 1 - truth, truth)
    pd.DataFrame({"y": truth, "p": answer}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "audit.toml").write_text(
        '[data]\ntest = "test.csv"\ntarget = "y"\ntask = "binary"\npositive = 1\nprediction = "p"\n'
        '[policy]\npath = "gates.toml"\n[checks]\nselect = ["classification"]\n'
    )
    (tmp_path / "gates.toml").write_text(_gates("warning"))
    return tmp_path


def _audited(folder: Path) -> AuditRecord:
    table, policy = pd.read_csv(folder / "test.csv"), folder / "gates.toml"
    return audit.run(test=table, target="y", prediction="p", positive=1, policy=policy, checks=["classification"])


def _pytest(folder: Path, *arguments: str) -> str:
    plugin = () if entry_points(group="pytest11", name="modelassay") else ("-p", "audit.integrations.pytest_plugin")
    command = [sys.executable, "-m", "pytest", *plugin, "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    # a worker of this very test run must not hand its run on to the tests inside
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    done = subprocess.run([*command, *arguments], cwd=folder, env=alone, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_only_what_blocks_fails(folder: Path) -> None:
    said = _pytest(folder, "audit.toml")
    assert re.search(r"2 passed, 1 skipped, 1 warning", said), said
    assert "ModelConcern: RECALL" in said
    (folder / "gates.toml").write_text(_gates("error"))
    said = _pytest(folder, "audit.toml")
    assert re.search(r"1 failed, 1 passed, 1 skipped", said), said
    assert "FAILED audit.toml::RECALL" in said
    assert "Traceback" not in said


def test_marks_and_names_select_gates(folder: Path) -> None:
    assert "1 passed, 2 deselected" in _pytest(folder, "audit.toml", "-m", "modelassay_error")
    assert "1 passed" in _pytest(folder, "audit.toml::ACC")


def test_a_saved_record_is_judged_as_it_stands(folder: Path) -> None:
    record = audit.run(
        test=pd.read_csv(folder / "test.csv"),
        target="y",
        prediction="p",
        positive=1,
        policy=folder / "gates.toml",
        checks=["classification"],
    )
    audit.save(record, folder / "audit.json")
    assert "2 passed, 1 skipped" in _pytest(folder, "audit.json")


def test_workers_share_one_run(folder: Path) -> None:
    pytest.importorskip("xdist")
    assert "2 passed, 1 skipped" in _pytest(folder, "audit.toml", "-n", "2")


def test_an_audit_that_cannot_run_says_so_without_a_trace(folder: Path) -> None:
    (folder / "test.csv").write_text("y,q\n1,1\n")
    said = _pytest(folder, "audit.toml::ACC")
    assert "Traceback" not in said
    assert "'p'" in said


def test_a_configuration_from_elsewhere_runs_no_code_and_says_so_without_a_trace(folder: Path) -> None:
    text = (folder / "audit.toml").read_text().replace('prediction = "p"\n', "")
    (folder / "audit.toml").write_text(f'[model]\nobject = "its_module:model"\n{text}')
    (folder / "its_module.py").write_text("import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n")
    (folder / "here").mkdir()
    said = _pytest(folder / "here", "../audit.toml")
    assert "names code to run: '[model] object'" in said
    assert "Traceback" not in said
    assert "own_code.py" not in said
    assert not (folder / "ran").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash is contained where there is fork")
def test_a_model_that_crashes_fails_its_gates_and_not_the_session(folder: Path) -> None:
    text = (folder / "audit.toml").read_text().replace('prediction = "p"\n', "")
    (folder / "audit.toml").write_text(f'[model]\nobject = "its_module:model"\n{text}')
    (folder / "its_module.py").write_text(
        "import os\nclass Model:\n    def predict(self, X):\n        os.abort()\nmodel = Model()\n"
    )
    (folder / "test_other.py").write_text("def test_other():\n    pass\n")
    said = _pytest(folder, "audit.toml", "test_other.py")
    assert "the model crashed the process (SIGABRT)" in said
    assert "1 passed" in said
    assert "Traceback" not in said


def test_files_that_nobody_named_are_left_alone(folder: Path) -> None:
    (folder / "test_other.py").write_text("def test_other():\n    pass\n")
    said = _pytest(folder)
    assert "1 passed" in said
    assert "audit.toml" not in said
    assert "audit.toml::ACC" in _pytest(folder, "--modelassay", "--collect-only", "-q")


def test_the_fixture_hands_over_the_record(folder: Path) -> None:
    (folder / "test_mine.py").write_text(
        "def test_mine(modelassay_record):\n    assert modelassay_record.data.splits[0].rows == 300\n"
    )
    assert "1 passed" in _pytest(folder, "test_mine.py", "--modelassay-record", "audit.toml")
    assert "1 skipped" in _pytest(folder, "test_mine.py")


def test_assert_passes(folder: Path) -> None:
    record = _audited(folder)
    audit.assert_passes(record)
    with pytest.raises(AssertionError, match="RECALL"):
        audit.assert_passes(record, strict=True)
    (folder / "gates.toml").write_text(_gates("error"))
    record = _audited(folder)
    with pytest.raises(AssertionError, match="1 verdicts block"):
        audit.assert_passes(record)
