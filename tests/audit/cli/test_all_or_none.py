"""A verb that fails, is interrupted or killed while it writes leaves the old files or the new ones, never a mixture."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from audit.cli import main
from audit.integrations.mitigation import Mitigation
from audit.models import containment
from audit.monitoring import watching
from audit.progress import Progress, silent
from reports import together
from reports.record import AuditRecord
from reports.store import load

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "golden" / "record.v2.json"
Work = Callable[[Path, int], object]
STEPS = ("replace", "rename", "link", "fsync", "mkdir")
"""Calls of the system by which files are written; each may fail, and before each the writer may be killed."""


MOST = 60


class Ended(Exception):  # noqa: N818 -- it is the outcome, not an accident
    """A verb could not do what it was asked to."""


@contextmanager
def fault(at: int, end: Callable[[], None]) -> Iterator[list[str]]:
    """Let work end at the step of that number; tell which steps were reached."""
    seen: list[str] = []
    patch = pytest.MonkeyPatch()

    def stepped(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **more: object) -> object:
            seen.append(name)
            if len(seen) == at:
                end()
            return real(*arguments, **more)

        return step

    for name in STEPS:
        patch.setattr(os, name, stepped(name, getattr(os, name)))
    patch.setattr(together, "_swap", stepped("swap", together._swap))
    try:
        yield seen
    finally:
        patch.undo()


def full() -> None:
    raise OSError(28, "No space left on device")


def interrupted() -> None:
    raise KeyboardInterrupt


def state(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


# --- the verbs ----------------------------------------------------------------------------------------


@cache
def inputs() -> dict[str, bytes]:
    """Return two flavors of what the verbs read."""
    generator = np.random.default_rng(0)
    files = {}
    for flavor in (0, 1):
        frame = pd.DataFrame(generator.normal(size=(60, 2)), columns=["a", "b"])
        frame["y"] = np.where(frame["a"] + flavor * frame["b"] > 0, "yes", "no")
        frame["p"] = np.where(frame["a"] > 0, "yes", "no")
        files[f"in/table{flavor}.csv"] = frame.to_csv(index=False).encode()
        model = LogisticRegression().fit(frame[["a", "b"]], frame["y"])
        files[f"in/model{flavor}.skops"] = skops.io.dumps(model)
        files[f"in/record{flavor}.json"] = RECORD.read_bytes().replace(b"Adult income", f"Model {flavor}".encode())
    files["in/rows.csv"] = frame[["a", "b"]].to_csv(index=False).encode()
    with suppress(ImportError):
        files["in/model.onnx"] = as_onnx(
            MLPClassifier(16, solver="lbfgs", alpha=1.0, max_iter=500).fit(frame[["a", "b"]], frame["y"])
        )
    rows = 400
    day = pd.date_range("2025-01-01", periods=rows, freq="6h")
    log = pd.DataFrame({"t": day, "y": generator.integers(0, 2, rows), "s": generator.random(rows).round(2)})
    log["p"] = (log["s"] > 0.5).astype(int)
    files["in/log0.csv"] = log[:300].to_csv(index=False).encode()
    files["in/log1.csv"] = log.to_csv(index=False).encode()
    for flavor in (0, 1):
        files[f"in/monitor{flavor}.toml"] = (
            f'[data]\nlog = "log{flavor}.csv"\ntarget = "y"\ntask = "binary"\npositive = 1\nprediction = "p"\n'
            'score = "s"\ntime = "t"\n[monitor]\nwindow = "month"\nreference = 1\nstate = "../state"\n'
            '[report]\nformats = ["json", "md"]\n'
        ).encode()
        files[f"in/audit{flavor}.toml"] = (
            f'[data]\ntest = "table{flavor}.csv"\ntarget = "y"\ntask = "binary"\npositive = "yes"\nprediction = "p"\n'
            '[checks]\nselect = ["classification"]\n[report]\nout = "../out"\nformats = ["json", "md"]\n'
        ).encode()
        files[f"in/train{flavor}.toml"] = (
            f'[data]\ntrain = "table{flavor}.csv"\ntarget = "y"\ntask = "binary"\n'
            '[model]\npath = "../net.safetensors"\n[network]\nepochs = 1\nhidden = [4]\n'
        ).encode()
    return files


def as_onnx(model: MLPClassifier) -> bytes:
    from skl2onnx import to_onnx

    content: bytes = to_onnx(model, np.zeros((1, 2), dtype=np.float32)).SerializeToString()
    return content


def command(text: str) -> Work:
    def work(folder: Path, flavor: int) -> None:
        del folder
        code = main([word.format(f=flavor) for word in text.split()])
        if code in (2, 4, 130):
            raise Ended(code)

    return work


def mitigated(folder: Path, flavor: int) -> None:
    record = load(folder / "in" / f"record{flavor}.json")
    Mitigation(record=record, model=None, file=f"model {flavor}".encode()).write(folder / "out")


def mitigate(folder: Path, flavor: int) -> None:
    record = load(folder / "in" / f"record{flavor}.json")
    outcome = SimpleNamespace(file=f"model {flavor}".encode(), reason="")
    done = SimpleNamespace(value=(outcome, record), printed="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.cli.mitigate.contain", lambda *_, **__: done)
        patch.setattr("audit.cli.mitigate._tell", lambda *_, **__: 0)
        words = "mitigate in/monitor{f}.toml --method reweigh --constraint error-rate --out out"
        command(words)(folder, flavor)


INIT = "init --train in/table{f}.csv --test in/table{f}.csv --target y --model in/model{f}.skops --force --out "
VERBS: dict[str, Work] = {
    "init": command(INIT + "out"),
    "init beside other files": command(INIT + "."),
    "export": command("export in/model{f}.skops --data in/table{f}.csv --out out/m.onnx"),
    "compress": command("compress in/model.onnx --prune 0.{f}1 --calibrate in/rows.csv --out out/m.onnx"),
    "train": command("train in/train{f}.toml"),
    "run": command("run in/audit{f}.toml"),
    "history": command("history in/record{f}.json --out out.html"),
    "render": command("render in/record{f}.json --format html --out out.html"),
    "judge": command("judge in/record{f}.json --out out"),
    "compare": command("compare in/record0.json in/record{f}.json --out out.txt"),
    "mitigate": mitigate,
    "mitigation from Python": mitigated,
}
NEEDS = {"export": ("skl2onnx",), "compress": ("skl2onnx", "onnxruntime"), "train": ("torch", "safetensors")}
monitor = command("monitor in/monitor{f}.toml")


def fresh(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder hold some files and nothing else."""
    for one in folder.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def contain_here(
    work: Callable[[Progress], object], *, early: Callable[[object], None] | None = None, **_: object
) -> SimpleNamespace:
    """Do in this process, where steps are counted, what is done in a child."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containment._child, "hand", early)
        return SimpleNamespace(value=work(silent), printed="")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("MODELASSAY_CACHE", "off")
    for verb in ("export", "compress", "run", "monitor"):
        monkeypatch.setattr(f"audit.cli.{verb}.contain", contain_here)
    monkeypatch.setattr("audit.deploy.compress._time_ratios", lambda *_: (1.0, 1.0))
    return tmp_path


def before_and_after(folder: Path, work: Work) -> tuple[dict[str, bytes], dict[str, bytes]]:
    fresh(folder, inputs())
    work(folder, 0)
    old = state(folder)
    work(folder, 1)
    new = state(folder)
    assert old != new
    return old, new


@pytest.fixture(params=VERBS)
def name(request: pytest.FixtureRequest) -> str:
    verb: str = request.param
    for module in NEEDS.get(verb, ()):
        pytest.importorskip(module)
    return verb


def test_a_disk_that_is_full_at_any_step_leaves_the_old_files_or_the_new(folder: Path, name: str) -> None:
    old, new = before_and_after(folder, VERBS[name])
    for at in range(1, MOST):
        fresh(folder, old)
        with fault(at, full) as seen, suppress(Ended, OSError):
            VERBS[name](folder, 1)
        assert state(folder) in (old, new), (at, seen)
        if len(seen) < at:
            break
    assert 1 < len(seen) < MOST


@pytest.mark.parametrize(
    "name", ["init", "init beside other files", "mitigation from Python", "train", "compress"], indirect=True
)
def test_an_interruption_at_any_step_leaves_the_old_files_or_the_new(folder: Path, name: str) -> None:
    old, new = before_and_after(folder, VERBS[name])
    for at in range(1, MOST):
        fresh(folder, old)
        with fault(at, interrupted) as seen, suppress(Ended, KeyboardInterrupt):
            VERBS[name](folder, 1)
        assert state(folder) in (old, new), (at, seen)
        if len(seen) < at:
            break
    assert 1 < len(seen) < MOST


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places in one step on Linux only")
def test_a_kill_at_any_step_leaves_the_old_files_or_the_new(folder: Path, name: str) -> None:
    old, new = before_and_after(folder, VERBS[name])
    for at in range(1, MOST):
        fresh(folder, old)
        if not killed(VERBS[name], folder, at):
            break
        found = {path: content for path, content in state(folder).items() if not path.startswith(".")}
        assert found in (old, new), at
    assert 1 < at < MOST


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places in one step on Linux only")
def test_two_at_once_leave_the_files_of_one(folder: Path, name: str) -> None:
    old, new = before_and_after(folder, VERBS[name])
    for at in range(1, MOST):
        fresh(folder, old)
        others: list[int] = []
        with fault(at, lambda: others.append(begun(VERBS[name], folder))) as seen:  # noqa: B023 -- called at once
            VERBS[name](folder, 1)
        for other in others:
            assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
        assert state(folder) in (old, new), (at, seen)
        if len(seen) < at:
            break
    assert 1 < at < MOST


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="folders change places in one step on Linux only")
def test_two_monitors_at_once_write_what_one_writes(folder: Path) -> None:
    old, new = before_and_after(folder, monitor)
    for at in range(1, MOST, 6):
        fresh(folder, old)
        others: list[int] = []
        with fault(at, lambda: others.append(begun(monitor, folder, 1))) as seen:  # noqa: B023 -- called at once
            monitor(folder, 1)
        for other in others:
            assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
        assert state(folder) == new, (at, seen)
        if len(seen) < at:
            break
    assert 1 < at < MOST


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_records_are_kept_by_one_monitor_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, new = before_and_after(folder, monitor)
    fresh(folder, inputs())
    monitor(folder, 0)
    others: list[int] = []
    keep, says = watching.keep, watching._says

    def kept(every: Sequence[watching.Watched], place: Path) -> None:
        def compared(before: AuditRecord | None, record: AuditRecord) -> bool:
            if not others:
                others.append(begun(lambda *_: keep(every, place), folder))
            return says(before, record)

        monkeypatch.setattr(watching, "_says", compared)
        keep(every, place)

    monkeypatch.setattr("audit.cli.monitor.keep", kept)
    monitor(folder, 1)
    assert os.waitstatus_to_exitcode(os.waitpid(others[0], 0)[1]) == 0
    assert state(folder) == new


def begun(work: Work, folder: Path, flavor: int = 0) -> int:
    """Let another process do the same with other inputs, and give it time to come in between."""
    child = os.fork()
    if child == 0:
        for handle in Path("/proc/self/fd").iterdir():
            if handle.is_dir():  # a lock that its parent holds
                os.close(int(handle.name))
        try:
            work(folder, flavor)
            os._exit(0)
        finally:
            os._exit(1)
    for _ in range(10):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            break
        time.sleep(0.01)
    return child


def killed(work: Work, folder: Path, at: int) -> bool:
    """Let a process work until a step, and end it there; tell whether it came so far."""
    child = os.fork()
    if child == 0:
        with fault(at, lambda: os._exit(9)):
            try:
                work(folder, 1)
            finally:
                os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_no_alarm_of_a_window_is_lost_where_monitoring_ends_early(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = before_and_after(folder, monitor)
    capsys.readouterr()
    for at in range(1, MOST):
        fresh(folder, old)
        with fault(at, full) as seen, suppress(Ended, OSError):
            monitor(folder, 1)
        found = state(folder)
        assert all(whole(found, one) in (whole(old, one), whole(new, one)) for one in ("state/2", "state/latest"))
        if len(seen) < at:
            break
        capsys.readouterr()
        monitor(folder, 1)
        said = capsys.readouterr().err
        assert state(folder) == new
        assert whole(found, "state/2") == whole(new, "state/2") or {"2025-03:", "2025-04:"} <= set(said.split())
    assert 1 < len(seen) < MOST


def whole(files: dict[str, bytes], beginning: str) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.startswith(beginning)}


@pytest.mark.parametrize("word", ["train.csv", "gates.toml"])
def test_the_demo_writes_over_nothing(folder: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    pytest.importorskip("torch")
    (folder / word).write_text("mine")
    assert main(["demo", "--out", "."]) == 2
    assert f"already holds '{word}'" in " ".join(capsys.readouterr().err.split())
    assert state(folder) == {word: b"mine"}
