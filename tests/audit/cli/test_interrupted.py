"""A run that is killed leaves the old files or the new ones, and the next goes on from what was complete."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from audit.data.user_key import with_seal
from audit.evidence import Predictions, Settings
from audit.gather import _resume, _stored
from audit.gather._resume import open_unfinished

CONFIG = """
[model]
path = "model.skops"
[data]
train = "train.csv"
test = "test.csv"
target = "ill"
task = "binary"
positive = 1
sensitive = ["sex"]
[checks]
select = ["classification", "group_performance", "cross_validation", "decision_flips", "noise_sensitivity",
          "batch_invariance", "gap_against_chance"]
[report]
formats = ["json", "md", "sarif"]
"""


def table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "b": generator.normal(size=rows)})
    frame["sex"] = generator.choice([0, 1], rows)
    return frame.assign(ill=(frame["a"] + frame["b"] + generator.normal(size=rows) > 0).astype(int))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    train, test = table(300, 0), table(400, 1)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    skops.io.dump(LogisticRegression().fit(train[["a", "b", "sex"]], train["ill"]), folder / "model.skops")
    (folder / "audit.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def started(folder: Path, out: str, cache: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "MODELASSAY_CACHE": str(cache), "SOURCE_DATE_EPOCH": "0"}
    command = [sys.executable, "-m", "audit", "run", str(folder / "audit.toml"), "--out", str(folder / out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(folder: Path, out: str, cache: Path) -> tuple[dict[str, Any], str]:
    process = started(folder, out, cache)
    told = process.communicate(timeout=120)[1].decode()
    assert process.returncode in (0, 1, 3), told
    data = json.loads((folder / out / "audit.json").read_text())
    return data, told


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Compare two records apart from what says that evidence was reused."""
    return {**one, "reused": []} == {**other, "reused": []}


def kinds(cache: Path) -> list[Path]:
    return [one for one in cache.rglob("*") if one.is_file() and not one.name.startswith(".")]


def test_the_next_run_goes_on_from_what_was_complete(folder: Path, tmp_path: Path) -> None:
    whole, _ = finished(folder, "whole", tmp_path / "one")
    assert not whole["reused"]
    assert not kinds(tmp_path / "one"), "a run that ends leaves nothing"
    cache = tmp_path / "two"
    process = started(folder, "killed", cache)
    until = time.monotonic() + 60
    first_stage = folder / "killed" / "audit.json"
    while not (len(kinds(cache)) >= 2 and first_stage.exists()) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert json.loads((folder / "killed" / "audit.json").read_text())["partial"].startswith("Interrupted: ")
    assert {one.stat().st_mode & 0o777 for one in kinds(cache)} == {0o600}
    again, told = finished(folder, "killed", cache)
    assert "predictions" in again["reused"]
    assert "Continued an interrupted run" in told
    assert same(whole, again)
    assert not kinds(cache)


@pytest.mark.slow
def test_fifty_kills_at_random_change_nothing(folder: Path, tmp_path: Path) -> None:
    whole, _ = finished(folder, "plain", tmp_path / "one")
    generator = np.random.default_rng(0)
    cache = tmp_path / "two"
    for number in range(50):
        process = started(folder, "often", cache)
        time.sleep(float(generator.uniform(0.5, 6.0)))
        process.send_signal(signal.SIGKILL if number % 2 else signal.SIGINT)
        process.communicate()
        written = {one.name: one.read_text() for one in (folder / "often").glob("*")}
        assert not any(name.startswith(".") for name in written), "nothing half written is left"
        if written:
            assert set(written) >= {"audit.json", "card.md", "gates.sarif"}, "all files or none"
    again, _ = finished(folder, "often", cache)
    assert same(whole, again)


# --- what is kept -----------------------------------------------------------------------------------


def evidence() -> Predictions:
    hidden = frozenset({frozenset({("sex", "f")})})
    return Predictions(
        task="binary", classes=("a", "b"), y_true=np.array([0, 1]), y_pred=np.array([1, 1]),
        y_score=np.array([0.25, np.nan]), row=np.arange(2), settings=Settings(suppressed=hidden),
    )  # fmt: skip


def test_evidence_comes_back_as_it_was(tmp_path: Path) -> None:
    value = {"x": (evidence(), [1.5, float("inf"), None, "text\ud800"]), 3: np.array(["a", None, 1], dtype=object)}
    assert _stored.write(tmp_path / "kept", value)
    again = _stored.read(tmp_path / "kept")
    assert again["x"][1] == value["x"][1]  # type: ignore[index]
    assert again[3].tolist() == ["a", None, 1]
    back, first = again["x"][0], evidence()
    assert back.settings == first.settings
    assert back.y_score is not None
    assert back.y_score[0] == 0.25
    assert np.isnan(back.y_score[1])
    assert back.y_true.dtype == first.y_true.dtype


def test_what_is_more_than_data_is_not_kept(tmp_path: Path) -> None:
    assert not _stored.write(tmp_path / "kept", (LogisticRegression(),))
    assert not _stored.write(tmp_path / "kept", np.array([[print]], dtype=object))
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "named",
    [["os", "system"], ["audit.cli", "main"], ["audit.gather._resume", "shutil"], ["audit.missing", "X"],
     ["audit.__main__", "main"],
     ["audit.evidence.predictions", "join"], ["audit.evidence", "Settings"]],
)  # fmt: skip
def test_a_forged_file_names_no_other_class(tmp_path: Path, named: list[str]) -> None:
    text = json.dumps({"version": _stored.VERSION, "value": {"c": named, "v": {}}})
    content = io.BytesIO()
    np.savez(content, tree=np.frombuffer(text.encode(), dtype=np.uint8))
    (tmp_path / "kept").write_bytes(with_seal(_stored._purpose(tmp_path / "kept"), content.getvalue()))
    with pytest.raises(_stored.NotPlainError):
        _stored.read(tmp_path / "kept")


def test_a_damaged_file_is_not_there(tmp_path: Path) -> None:
    assert _stored.write(tmp_path / "kept", evidence())
    content = (tmp_path / "kept").read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2], b"x" + content[1:], b"\x80\x04N."):
        (tmp_path / "kept").write_bytes(damaged)
        with pytest.raises(_stored.NotPlainError):
            _stored.read(tmp_path / "kept")


def test_other_inputs_are_another_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELASSAY_CACHE", str(tmp_path))
    one, other = open_unfinished({"seed": 0}), open_unfinished({"seed": 1})
    assert one is not None
    assert other is not None
    assert one.folder != other.folder
    monkeypatch.setenv("MODELASSAY_CACHE", "off")
    assert open_unfinished({"seed": 0}) is None


def test_what_was_left_long_ago_or_is_too_much_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELASSAY_CACHE", str(tmp_path))
    monkeypatch.setattr(_resume, "MOST_BYTES", 3000)
    ages = {"new": 0, "older": 3600, "oldest": 7200, "ancient": 10 * 86_400}
    for name, seconds in ages.items():
        place = tmp_path / "interrupted" / name
        place.mkdir(parents=True)
        (place / "predictions").write_bytes(b"x" * 1400)
        os.utime(place, (time.time() - seconds, time.time() - seconds))
    open_unfinished({})
    assert sorted(one.name for one in (tmp_path / "interrupted").iterdir()) == ["new", "older"]


def test_a_run_that_is_killed_leaves_what_it_knew_and_no_report_of_before_is_lost(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"

    def killed(cache: Path) -> None:
        process = started(folder, str(out), cache)
        for _ in range(1200):
            if b"cross-validating" in (line := process.stderr.readline()) or not line:  # type: ignore[union-attr]
                break
        process.kill()
        process.communicate()

    killed(tmp_path / "first")
    partial = json.loads((out / "audit.json").read_text())
    assert {one.name for one in out.iterdir()} == {"audit.json"}
    assert partial["partial"].startswith("Interrupted: ")
    outcomes = {one["check"]: one["outcome"] for one in partial["findings"]}
    assert outcomes["classification"] == "measured"
    assert outcomes["cross_validation"] == "skipped"
    whole, _ = finished(folder, str(out), tmp_path / "other")
    assert whole["partial"] == ""
    files = {one.name: one.read_bytes() for one in out.iterdir()}
    killed(tmp_path / "second")  # nothing to go on from, so that it is not done before it is killed
    assert {one.name: one.read_bytes() for one in out.iterdir()} == files


def test_the_first_stage_changes_nothing_of_the_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    from audit.config.configuration import read_config
    from audit.config.plan import plan_from_config
    from audit.pipeline import execute
    from reports.record import AuditRecord

    seen: list[AuditRecord] = []
    records = [
        execute(plan_from_config(read_config(folder / "audit.toml"), folder), stage=stage)
        for stage in (None, seen.append)
    ]
    assert records[0] == records[1]
    assert len(seen) == 1
    assert seen[0].partial.startswith("Interrupted: ")
    assert seen[0].headline == records[0].headline
