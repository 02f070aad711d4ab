"""``modelassay policy``, and the files of examples/ci that use it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from audit.cli import main
from audit.cli.app import app
from reports.formats import FORMATS

CI = Path(__file__).parents[3] / "examples" / "ci"
FLOOR = '[[gate]]\nid = "floor"\nmetric = "accuracy"\nop = ">="\nthreshold = 0.8\nseverity = "error"\n'
WAIVER = '[[waiver]]\ngate = "floor"\nowner = "a.person"\nreason = "late"\ncreated = 2020-01-01\nexpires = 2020-02-01\n'


def test_what_is_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gates.toml"
    path.write_text("[policy]\nrequire_committed = true\n" + FLOOR)
    assert main(["policy", str(path)]) == 0
    out = capsys.readouterr().out
    assert "accuracy ≥ 0.8" in out
    assert "gates: 1 gate (1 error)" in out


def test_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy"]) == 0
    assert "FAIR001" in capsys.readouterr().out


@pytest.mark.parametrize("text", [FLOOR + WAIVER, FLOOR + "treshold = 1\n", FLOOR + "[test_set]\nmax_uses = 0\n"])
def test_what_must_be_mended(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(text)
    assert main(["policy", str(path)]) == 2
    assert capsys.readouterr().err.startswith("modelassay: gates.toml")


def test_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "gates.toml of modelassay"


@pytest.mark.parametrize("name", ["github-workflow.yml", "gitlab-ci.yml", "pre-commit-config.yaml", "README.md"])
def test_examples_call_what_exists(name: str) -> None:
    text = (CI / name).read_text(encoding="utf-8")
    verbs = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    called = set(re.findall(r"modelassay (run|judge|render|compare|policy|init|audit|gate|check)\b", text))
    assert called
    assert called <= verbs
    for found in re.findall(r"--format ([a-z,]+)", text):
        assert set(found.split(",")) <= set(FORMATS)
    for found in re.findall(r"audit-report/([a-z-]+\.[a-z]+)", text):
        assert found in {one.file for one in FORMATS.values()}


def test_examples_are_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    for path in sorted(CI.glob("*.y*ml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
