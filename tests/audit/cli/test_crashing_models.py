"""A model file whose library crashes ends every verb that opens one with a message, not with the process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest

from audit.cli import main

VERBS = {
    "run": "run audit.toml",
    "init": "init --model model.onnx --test t.csv --target y --out new",
    "export": "export model.onnx --data t.csv --out out.onnx",
    "compress": "compress model.onnx --calibrate t.csv --int8 weights --out out.onnx",
    "serve": "serve model.onnx --data t.csv",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_crash_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    if verb == "serve":
        pytest.importorskip("fastapi")
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(40), "y": [0, 1] * 20}).to_csv("t.csv", index=False)
    Path("model.onnx").write_bytes(b"\x08\x07")
    Path("audit.toml").write_text('[model]\npath = "model.onnx"\n[data]\ntest = "t.csv"\ntarget = "y"\npositive = 1\n')

    def crash(*_: object) -> NoReturn:
        os.abort()

    monkeypatch.setattr("audit.models.load._loader", lambda *_: crash)
    assert main(VERBS[verb].split()) == 2
    assert "the model crashed the process (SIGABRT) in loading model.onnx" in " ".join(capsys.readouterr().err.split())
    assert not Path("out.onnx").exists()
