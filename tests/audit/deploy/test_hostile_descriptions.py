"""What model.json says is compared with the model, and no model ends the service with the exit code of success."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from audit.cli import main
from audit.deploy.description import describe, description_text, read_description
from audit.errors import AuditError, ModelError
from audit.models.load import load
from audit.models.supervision import supervise

TABLE = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
NUMBER = {"kind": "number", "low": 0.0, "high": 1.0, "categories": [], "missing": False}


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Any]:
    model = LogisticRegression().fit(TABLE, [0, 0, 1, 1])
    skops.io.dump(model, tmp_path / "m.skops")
    text = description_text(describe(load(tmp_path / "m.skops"), tmp_path / "m.skops", TABLE))
    (tmp_path / "model.json").write_text(text)
    result: dict[str, Any] = json.loads(text)
    return result


def test_what_export_writes_is_read(described: dict[str, Any], tmp_path: Path) -> None:
    assert read_description(tmp_path / "model.json")[0].columns[0].name == described["columns"][0]["name"] == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"columns": []},
        {"columns": [{"name": "a", **NUMBER}] * 2},
        {"columns": [{"name": "b", **NUMBER}, {"name": "a", **NUMBER}]},
        {"columns": [{"name": name, **NUMBER} for name in "abc"]},
        {"columns": [{"name": "a", **NUMBER, "low": float("-inf")}, {"name": "b", **NUMBER}]},
        {"columns": [{"name": "a", **NUMBER, "low": float("nan")}, {"name": "b", **NUMBER}]},
        {"columns": [{"name": "a", **NUMBER, "low": 2.0}, {"name": "b", **NUMBER}]},
        {"columns": [{"name": "a", **NUMBER, "low": None}, {"name": "b", **NUMBER}]},
        {"classes": ["1", "0"]},
        {"classes": ["0"]},
        {"classes": ["0", "0"]},
        {"classes": []},
        {"version": "{x:path}"},
        {"version": "../.."},
        {"version": "a\n::error::b"},
        {"version": ""},
        {"version": "1" * 5_000},
        {"name": "m" * 5_000},
        {"file": "../m.skops"},
        {"file": "/etc/passwd"},
        {"file": ""},
        {"file": ".."},
        {"file": "m.skops\0"},
        {"sha256": "0" * 64},
        {"format": "another"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_is_refused(
    described: dict[str, Any], change: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "model.json").write_text(json.dumps(described | change))
    with pytest.raises(ModelError):
        read_description(tmp_path / "model.json")


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b'{"name": 1' + b"0" * 5_000 + b"}"])
def test_what_is_no_description_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.json"):
        read_description(tmp_path / "model.json")


def test_a_version_that_is_no_part_of_an_address_is_refused(described: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="part of addresses"):
        describe(load(tmp_path / described["file"]), tmp_path / "m.skops", TABLE, version="1/2")


# --- who ends a service ---------------------------------------------------------------------------------


def leave() -> None:
    os._exit(0)


def fail() -> None:
    raise ValueError("port is taken")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the service is a fork")
@pytest.mark.parametrize("work", [leave, fail, crash, lambda: None, lambda: exit(0)])
def test_work_that_ends_by_itself_is_no_success(work: Callable[[], None]) -> None:
    with pytest.raises(ModelError, match="ended by itself"):
        supervise(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the service is a fork")
def test_a_signal_reaches_the_work_and_then_us() -> None:
    parent = os.getpid()

    def work() -> None:
        os.kill(parent, signal.SIGINT)
        for _ in range(200):  # one long sleep would miss a signal that comes just before it begins
            time.sleep(0.1)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        supervise(work)
    assert time.monotonic() - started < 15


class Leaving(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A model that ends the process it is asked in."""

    def predict(self, X: Any) -> Any:  # noqa: ANN401
        os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="models are asked in a fork")
def test_a_model_that_ends_the_process_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastapi")
    joblib.dump(Leaving().fit(TABLE, [0, 0, 1, 1]), tmp_path / "m.joblib")
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    assert main(["serve", str(tmp_path / "m.joblib"), "--data", str(tmp_path / "t.csv"), "--trust"]) == 2
    assert "ended the process (exit code 0) in predict" in capsys.readouterr().err
