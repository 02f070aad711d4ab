"""Whatever a model does while it is loaded, asked or refitted: it never ends, silences or spoils the audit."""

from __future__ import annotations

import copyreg
import gc
import json
import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.cli import main
from audit.errors import ModelError
from audit.models import containment
from audit.models.answers import call
from audit.models.containment import Limits, contain, guard_call
from audit.progress import Progress

MODELS = """
import ctypes, os, random, sys, time
import numpy as np
class Sound:
    classes_ = np.array(["no", "yes"])
    def predict(self, X): return np.where(X["a"] > 0, "yes", "no")
class Exits(Sound):
    def predict(self, X): sys.exit(0)
class Leaves(Sound):
    def predict(self, X): os._exit(0)
class Interrupts(Sound):
    def predict(self, X): raise KeyboardInterrupt
class Own(Sound):
    def predict(self, X):
        class Mine(BaseException): pass
        raise Mine("gone")
class Mine(BaseException): pass
class OwnAttribute(Sound):
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        raise Mine("gone")
class Answer(list):
    def __array__(self, *a, **k): raise Mine("gone")
    def __len__(self): raise Mine("gone")
    def __iter__(self): raise Mine("gone")
class OwnAnswer(Sound):
    def predict(self, X): return Answer()
class ExitsAttribute(Sound):
    @property
    def feature_names_in_(self): sys.exit(0)
class Crashes(Sound):
    def predict(self, X): ctypes.string_at(0)
class Sleeps(Sound):
    def predict(self, X): time.sleep(600)
class Deaf(Sound):
    def predict(self, X):
        while True:
            try: time.sleep(600)
            except BaseException: pass
class Greedy(Sound):
    def predict(self, X): return np.ones(2**40)
class Prints(Sound):
    def predict(self, X):
        print("{}::error::hello"); os.write(1, b"raw"); print("told", file=sys.stderr)
        return super().predict(X)
class Forks(Sound):
    def predict(self, X):
        os.fork()
        return super().predict(X)
class Mutates(Sound):
    def predict(self, X):
        answer = super().predict(X); X["a"] = 0.0
        return answer
class Seeds(Sound):
    def predict(self, X):
        np.random.seed(0); random.seed(0)
        return super().predict(X)
class Draws(Sound):
    def predict(self, X): return np.where(np.random.random(len(X)) < 0.5, "yes", "no")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"a": generator.normal(size=120), "b": generator.normal(size=120)})
    frame["y"] = np.where(frame["a"] + 0.3 * generator.normal(size=120) > 0, "yes", "no")
    frame.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.chdir(folder)  # a configuration of the current folder runs its code

    def run(name: str, *, timeout: float = 60.0) -> tuple[int, str, str]:
        module = f"odd_{name.lower()}"  # a file of its own: within a second, Python would reuse the code of the last
        (folder / "audit.toml").write_text(
            f'[model]\nobject = "{module}:{name}"\ntimeout = {timeout}\n[data]\ntest = "test.csv"\ntarget = "y"\n'
            'positive = "yes"\n[checks]\nselect = ["skill", "determinism"]\n'
        )
        (folder / f"{module}.py").write_text(f"{MODELS}\n{name} = {name}()\n")
        code = main(["run", str(folder / "audit.toml"), "--format", "json", "--out", "-"])
        return code, *capfd.readouterr()

    return run


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Exits", "SystemExit"),
        ("Leaves", "ended the process"),
        ("Interrupts", "KeyboardInterrupt"),
        ("Crashes", "SIGSEGV"),
        ("Greedy", "memory"),
    ],
)
def test_a_model_cannot_end_the_audit(run: Run, name: str, told: str) -> None:
    code, out, err = run(name)
    assert (code, out) == (2, "")
    assert told in err
    assert "predict on 120 rows" in err or "predict ran out" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["Sleeps", "Deaf"])
def test_a_model_that_never_answers_is_ended(run: Run, name: str) -> None:
    code, _, err = run(name, timeout=0.5)
    assert code == 2
    assert "no answer in predict on 120 rows" in err
    assert "timeout" in err


def test_errors_are_sent_without_their_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracebacks that are pickled whole, as Dask does, would bring along causes that the parent cannot read."""
    monkeypatch.setitem(
        copyreg.dispatch_table, ModelError, lambda error: (_refused, (error.args, error.__cause__, error.__context__))
    )
    error = ModelError("told")
    error.__cause__ = error.__context__ = ValueError(lambda: None)  # cannot be pickled
    assert containment._portable(error) is error


def _refused(args: tuple[str, ...], *causes: BaseException | None) -> ModelError:
    assert causes == (None, None)
    return ModelError(*args)


@pytest.mark.parametrize("name", ["Own", "OwnAttribute", "OwnAnswer", "ExitsAttribute"])
def test_what_is_no_error_of_python_is_the_models_fault(run: Run, name: str) -> None:
    code, out, err = run(name)
    assert (code, out) == (2, ""), err
    assert "Mine" in err or "SystemExit" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_what_a_model_prints_never_mixes_with_the_record(run: Run) -> None:
    _, out, err = run("Prints")
    record = json.loads(out)
    assert any("prints to standard output" in one for one in record["warnings"])
    assert "::error" not in out + err


def test_forks_changes_and_seeds_leave_the_record_as_it_would_be(run: Run) -> None:
    def measured(name: str) -> tuple[object, list[str]]:
        code, out, err = run(name)
        assert code != 2, err
        record = json.loads(out)
        return [one["measurement"] for one in record["findings"]], record["warnings"]

    expected, _ = measured("Sound")
    for name in ("Forks", "Mutates", "Seeds"):
        found, warnings = measured(name)
        assert found == expected, name
        assert any("changes the table" in one for one in warnings) == (name == "Mutates")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork there is no copy")
def test_a_copy_that_the_model_left_behind_writes_nothing_among_what_its_parent_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = mmap.mmap(-1, 4096)
    monkeypatch.setattr(containment._child, "board", board)
    with guard_call("predict on 2 rows"):
        if copy := os.fork():  # the copy leaves the call, and ends there
            os.waitpid(copy, 0)
        assert containment._read(board)[0] == "predict on 2 rows"
    assert containment._read(board) == ("", 0.0)


def test_a_model_that_draws_global_numbers_is_found_and_found_again(run: Run) -> None:
    first, second = run("Draws")[1], run("Draws")[1]
    assert first == second
    outcome = {one["gate"]: one["outcome"] for one in json.loads(first)["verdicts"]}
    assert outcome["ROB004"] == "fail"


def test_global_random_states_belong_to_the_caller() -> None:
    np.random.seed(7)
    expected = np.random.RandomState(7).random(3)
    with guard_call("predict"):
        np.random.seed(0)
        np.random.random(10)
    assert np.array_equal(np.random.random(3), expected)


class Database:
    """What has threads of its own, which a fork does not have, dies where it is taken down in one."""

    def __init__(self) -> None:
        self.itself, self.home = self, os.getpid()

    def __del__(self) -> None:
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)


def test_what_the_caller_left_is_not_taken_down_elsewhere() -> None:
    gc.collect()
    gc.disable()
    try:
        Database()
        assert contain(lambda tell: gc.collect() >= 0).value is True
    finally:
        gc.enable()
        gc.collect()


def test_errors_and_values_come_through() -> None:
    assert contain(lambda tell: {"a": (1, 2)}).value == {"a": (1, 2)}

    def broken(tell: object) -> None:
        raise ModelError("'a' is broken")

    with pytest.raises(ModelError, match="'a' is broken"):
        contain(broken)


def test_progress_is_told_by_the_parent() -> None:
    told: list[tuple[str, int, int]] = []

    class Bar:
        def __enter__(self) -> object:
            return lambda *step: told.append(step)

        def __exit__(self, *_: object) -> None: ...

    def work(tell: Progress) -> None:
        for step in (0, 2):
            tell("predicting", step, 2)

    contain(work, bar=Bar)  # type: ignore[arg-type]
    assert told == [("predicting", 0, 2), ("predicting", 2, 2)]


def test_memory_is_limited() -> None:
    def work(tell: object) -> int:
        try:
            return len(bytearray(3 * 2**30))
        except MemoryError:
            return -1

    assert contain(work, limits=Limits(memory=2)).value == -1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (np.array(["2024-01-01"] * 3, dtype="datetime64[D]"), "expected numbers"),
        (np.ones((3, 2, 2)), "expected numbers"),
        (np.array(["a", "b", "c"]), "expected numbers"),
        (np.ones((2, 3)), "2 answers for 3 rows"),
        (np.ones(3) * 1j, "expected numbers"),
    ],
)
def test_scores_that_are_none_are_refused(answer: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        call(lambda X: answer, np.ones((3, 1)), 3, "predict_proba")


def test_masked_and_missing_answers_are_missing() -> None:
    scores = call(lambda X: np.ma.masked_array([0.1, 0.2, 0.3], [False, True, False]), None, 3, "predict_proba")
    assert np.isnan(scores.astype(float)).tolist() == [False, True, False]
    labels = call(lambda X: np.ma.masked_array(["a", "b", "a"], [False, True, False]), None, 3, "predict")
    assert labels.tolist() == ["a", None, "a"]
    nullable = call(lambda X: pd.array([0.5, None, 1.0], dtype="Float64"), None, 3, "predict_proba")
    assert np.isnan(nullable.astype(float)).tolist() == [False, True, False]


def test_an_exception_that_ends_programs_is_the_models_fault() -> None:
    class Mine(BaseException):
        pass

    with pytest.raises(ModelError, match=r"Mine.*predict on 3 rows"), guard_call("predict on 3 rows"):
        raise Mine("gone")
