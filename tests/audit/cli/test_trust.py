"""A configuration from elsewhere runs no code unless somebody says that it is trusted."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from audit.cli import main
from audit.errors import ConfigError
from audit.integrations import pytest_plugin

WITNESS = "ran"
MODULE = f"""
import pathlib
pathlib.Path(__file__).with_name("{WITNESS}").touch()
import numpy as np
class Model:
    def predict(self, X): return np.where(X["a"] > 0, "yes", "no")
model = Model()
def cost(y_true, y_pred): return float((y_true != y_pred).mean())
"""
DATA = '[data]\ntest = "test.csv"\ntarget = "y"\npositive = "yes"\n[checks]\nselect = ["classification"]\n'


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was downloaded below the current one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "downloaded"
    folder.mkdir()
    frame = pd.DataFrame({"a": [(-1) ** k * (k % 7 + 1) for k in range(80)]})
    frame.assign(y=["yes" if a > 0 else "no" for a in frame["a"]]).to_csv(folder / "test.csv", index=False)
    (folder / "its_module.py").write_text(MODULE)
    (folder / "model.pkl").write_bytes(pickle.dumps(_Touch(folder / WITNESS)))
    return folder


TABLES = {
    "object": '[model]\nobject = "its_module:model"\n',
    "torch": '[model]\ntorch = "its_module:model"\n',
    "metric": '[metrics]\ncost = "its_module:cost"\n[model]\npath = "none.onnx"\n',
    "metric with a table": '[metrics.cost]\nfunction = "its_module:cost"\n[model]\npath = "none.onnx"\n',
}


def _command(*words: str) -> Callable[[Path, pytest.CaptureFixture[str]], str]:
    def said(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
        assert main([words[0], str(path), *words[1:]]) == 2
        return capsys.readouterr().err

    return said


def _raised(work: Callable[[Path], object]) -> Callable[[Path, pytest.CaptureFixture[str]], str]:
    def said(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
        del capsys
        with pytest.raises(ConfigError) as refused:
            work(path)
        return str(refused.value)

    return said


DOORS = {
    "run": _command("run"),
    "monitor": _command("monitor"),
    "mitigate": _command("mitigate", "--method", "reweigh", "--constraint", "error-rate"),
    "tests of pytest": _raised(pytest_plugin.gates_of),
    "record of pytest": _raised(pytest_plugin.record_of),
}


@pytest.mark.parametrize("tables", TABLES.values(), ids=list(TABLES))
@pytest.mark.parametrize("door", DOORS.values(), ids=list(DOORS))
def test_nothing_of_a_downloaded_folder_runs(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tables: str,
    door: Callable[[Path, pytest.CaptureFixture[str]], str],
) -> None:
    (folder / "audit.toml").write_text(tables + DATA)
    assert "trust = true" in " ".join(door(Path("downloaded/audit.toml"), capsys).split())
    assert not (folder / WITNESS).exists()


def test_a_link_does_not_make_it_ones_own(folder: Path) -> None:
    (folder / "audit.toml").write_text(TABLES["object"] + DATA)
    Path("audit.toml").symlink_to(folder / "audit.toml")
    assert main(["run", "audit.toml"]) == 2
    assert not (folder / WITNESS).exists()


@pytest.mark.parametrize(("word", "option"), [("", ["--trust"]), ("trust = true\n", [])])
def test_the_users_word_lets_it_run_and_the_record_says_so(folder: Path, word: str, option: list[str]) -> None:
    (folder / "audit.toml").write_text(TABLES["object"] + word + DATA)
    assert main(["run", "downloaded/audit.toml", *option]) in {0, 1, 3, 5}
    assert (folder / WITNESS).exists()
    assert json.loads((folder / "audit-report" / "audit.json").read_text())["model"]["runs_code"] is True


@pytest.mark.parametrize("word", ["[metrics.cost]\ntrust = true\n", "[metrics.cost]\n"])
def test_the_word_for_a_metric_counts(folder: Path, word: str) -> None:
    option = [] if "trust" in word else ["--trust"]
    function = 'function = "its_module:cost"\n'
    (folder / "audit.toml").write_text(
        word
        + function
        + DATA.replace("positive", 'prediction = "y"\npositive').replace("classification", "own_metrics")
    )
    assert main(["run", "downloaded/audit.toml", *option]) in {0, 1, 3, 5}
    assert (folder / WITNESS).exists()


def test_in_its_own_folder_it_is_the_users(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "audit.toml").write_text(TABLES["object"] + DATA)
    monkeypatch.chdir(folder)
    assert main(["run", "audit.toml"]) in {0, 1, 3, 5}


def test_data_and_models_without_code_need_no_trust(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "audit.toml").write_text('[model]\npath = "none.onnx"\n[metrics]\nfit = "accuracy"\n' + DATA)
    assert main(["run", "downloaded/audit.toml"]) == 2
    assert "trust" not in capsys.readouterr().err
