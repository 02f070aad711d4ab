"""What CONTRIBUTING says of adding a check, a rule, a format, a kind of model and of table, followed to the letter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import audit
import audit.checks
import reports
from audit.cli import main
from audit.data import tables
from audit.errors import PolicyError
from audit.policy import pages, read
from reports.formats import FORMATS, Format, render
from reports.record import AuditRecord
from tests.audit.test_recipes import ROOT, examples


def _audited(**more: object) -> AuditRecord:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    y = (X["a"] + rng.normal(size=300) > 0).to_numpy().astype(int)
    model = LogisticRegression().fit(X[:150], y[:150])
    return audit.run(model, X[150:], y[150:], train=(X[:150], y[:150]), **more)  # type: ignore[arg-type]


@pytest.fixture
def _added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    code = examples("Adding a check")[0]
    (tmp_path / "positive_share.py").write_text(code.replace('family="data"', f'family="{request.param}"'))
    monkeypatch.setattr(audit.checks, "__path__", [*audit.checks.__path__, str(tmp_path)])
    catalogue = Path(read.__file__).with_name("default.toml").read_text()
    (tmp_path / "default.toml").write_text(catalogue + "\n" + examples("Adding a check", "toml")[0])
    layer = replace(read._layer(tmp_path / "default.toml"), catalogue=True)
    monkeypatch.setattr(read, "_catalogue", lambda: layer)
    audit.checks.discover.cache_clear()
    yield
    audit.checks.discover.cache_clear()
    sys.modules.pop("audit.checks.positive_share", None)


@pytest.mark.parametrize("_added", ["data", "uncertainty"], indirect=True)
@pytest.mark.usefixtures("_added")
def test_a_check_with_a_rule_of_a_new_family_goes_all_the_way(tmp_path: Path) -> None:
    record = _audited(checks=["positive_share", "skill"])
    verdict = next(one for one in record.verdicts if one.gate == "UNC001")
    assert verdict.outcome == "pass"
    assert verdict.estimate is not None
    failed = _audited(checks=["positive_share"], override=[{"id": "UNC001", "threshold": 0.9}])
    assert next(one.outcome for one in failed.verdicts if one.gate == "UNC001") == "fail"
    for name in FORMATS:
        assert "UNC001" in render(failed, name), name
    assert "few positives" in render(failed, "html")
    judged = audit.judge(failed, audit.default_policy())
    assert next(one.outcome for one in judged.verdicts if one.gate == "UNC001") == "pass"
    page = pages.pages(audit.default_policy().gates, tmp_path)[tmp_path / "UNC001.md"]
    assert page.startswith("# UNC001 few-positives\n")


@pytest.mark.parametrize("_added", ["data"], indirect=True)
@pytest.mark.usefixtures("_added")
def test_a_run_without_the_check_does_not_trip_over_its_rule(capsys: pytest.CaptureFixture[str]) -> None:
    record = _audited(checks=["skill"])
    outcomes = {one.gate: one.outcome for one in record.verdicts}
    assert (outcomes["UNC001"], outcomes["PERF001"]) == ("not_assessed", "pass")
    assert main(["rule", "UNC001"]) == 0
    assert "Collect more rows of the positive class." in capsys.readouterr().out
    assert main(["checks"]) == 0
    assert "positive_share" in capsys.readouterr().out
    narrowed = _audited(select=["UNC001"])
    assert [one.gate for one in narrowed.verdicts] == ["UNC001"]
    with pytest.raises(PolicyError, match="UNC001"):
        _audited(checks=["skill"], ignore=["UNC002"])


def test_the_page_s_code_is_clean(tmp_path: Path) -> None:
    """ruff and mypy accept what the page says, so that following it does not end in the linter."""
    for heading in ("Adding a check", "Adding a metric", "Adding an exhibit or a format"):
        (tmp_path / f"{heading.rpartition(' ')[2]}.py").write_text(examples(heading)[0])
    command = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "INP001"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    if "No module named ruff" in done.stderr:
        pytest.skip("ruff is not installed")
    assert done.returncode == 0, done.stdout


def test_a_format_added_by_the_recipe_is_written_and_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, line = examples("Adding an exhibit or a format")
    (tmp_path / "lines.py").write_text(module)
    monkeypatch.setattr(reports, "__path__", [*reports.__path__, str(tmp_path)])
    name, made = next(iter(eval("{" + line + "}", {"Format": Format}).items()))  # noqa: S307 -- the page's own line
    monkeypatch.setitem(FORMATS, name, made)
    record = _audited(checks=["skill"], select=["PERF001"])
    assert render(record, "lines") == "PERF001 all test rows pass\n"
    audit.save(record, tmp_path / "audit.json")
    out = tmp_path / "drawn"
    assert main(["render", str(tmp_path / "audit.json"), "--format", "lines", "--out", str(out)]) == 0
    monkeypatch.delitem(sys.modules, "reports.lines")


class Sign:
    """A model of a kind that nobody knows."""

    def __init__(self, column: str) -> None:
        self.column = column

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.int64]:
        return (X[self.column] > 0).to_numpy().astype(np.int64)


def test_a_kind_of_model_and_of_table_of_another_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loader, line = examples("Adding a kind of model or table")
    site = tmp_path / "site"
    (site / "signs-1.0.dist-info").mkdir(parents=True)
    (site / "signs-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: signs\nVersion: 1.0\n")
    (site / "signs-1.0.dist-info" / "entry_points.txt").write_text("[audit.loaders]\nsign = signs:load\n")
    begin = "from pathlib import Path\nfrom tests.audit.test_recipes_further import Sign\n\n\n"
    (site / "signs.py").write_text(begin + loader)
    monkeypatch.syspath_prepend(str(site))
    names = {"pd": pd}
    ((suffix, reader),) = eval("{" + line + "}", names).items()  # noqa: S307 -- the page's own line
    monkeypatch.setitem(tables.TYPED, suffix, reader)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=120), "b": rng.normal(size=120)})
    frame.assign(y=(frame["a"] > 0.1).astype(int)).to_json(tmp_path / "test.jsonl", orient="records", lines=True)
    (tmp_path / "model.sign").write_text("a\n")
    (tmp_path / "audit.toml").write_text(
        '[model]\npath = "model.sign"\n[data]\ntest = "test.jsonl"\ntarget = "y"\ntask = "binary"\npositive = 1\n'
        '[checks]\nselect = ["classification"]\n'
    )
    assert main(["run", str(tmp_path / "audit.toml"), "--out", str(tmp_path / "out")]) in (0, 3, 5)
    record = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert record["model"]["format"] == "sign"
    assert record["findings"][0]["outcome"] == "measured"
