"""Gates as tests: ``pytest audit.toml`` runs the audit once and makes one test of each gate.

A file is collected where it is named on the command line, or everywhere with ``--modelassay``. Only what
blocks fails: gates of severity *error*, and what must be shown and was not. Concerns are warnings,
inconclusive gates are skipped with the reason, waived ones are expected failures. ``audit.json`` is judged
as it stands; ``audit.toml`` is run, once for all workers of pytest-xdist.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reports.record import AuditRecord, Gate, Verdict

CONFIGURATION, RECORD = "audit.toml", "audit.json"


class ModelConcern(UserWarning):
    """A gate of severity warning or note has failed: a person should look at it."""


class GateFailed(Exception):  # noqa: N818 -- pytest shows the name; it is the outcome, not an accident
    """A gate blocks."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer ``--modelassay`` and ``--modelassay-record``."""
    group = parser.getgroup("modelassay")
    group.addoption(
        "--modelassay", action="store_true", help="collect every audit.toml and audit.json, not only those named"
    )
    group.addoption(
        "--modelassay-record", metavar="PATH", help="audit.toml or audit.json that the fixture modelassay_record reads"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> AuditFile | None:
    """Collect an audit's file where it was asked for."""
    if file_path.name not in {CONFIGURATION, RECORD}:
        return None
    if parent.config.getoption("--modelassay") or _name(file_path, parent.config):
        return AuditFile.from_parent(parent, path=file_path)
    return None


@pytest.fixture(scope="session")
def modelassay_record(pytestconfig: pytest.Config) -> AuditRecord:
    """Return the record that ``--modelassay-record`` names, run once where it is a configuration."""
    path = pytestconfig.getoption("--modelassay-record")
    if not path:
        pytest.skip("no record: name an audit.toml or audit.json with --modelassay-record")
    return record_of(pytestconfig.invocation_params.dir / path)


class AuditFile(pytest.File):
    """One audit, a test for each of its gates."""

    def collect(self) -> Iterator[GateItem]:
        """Yield a test for each gate of the policy; the audit itself runs with the first of them."""
        for gate in gates_of(self.path):
            yield GateItem.from_parent(self, name=gate.id, gate=gate)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """Show what is wrong with the file; no trace of this program."""
        return _say(excinfo) or str(super().repr_failure(excinfo))


class GateItem(pytest.Item):
    """One gate of an audit."""

    def __init__(self, *, gate: Gate, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.gate = gate
        self.add_marker(f"modelassay_{gate.severity}")

    def runtest(self) -> None:
        """Run the audit unless another test did, and report what became of this gate."""
        record = record_of(self.path)
        report(record, [verdict for verdict in record.verdicts if verdict.gate == self.gate.id])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """Show the verdict, or what the audit said when it could not run; no trace of this program."""
        return _say(excinfo) or str(super().repr_failure(excinfo, style))  # type: ignore[arg-type]

    def reportinfo(self) -> tuple[Path, None, str]:
        """Name the gate by its code and title."""
        return self.path, None, f"{self.gate.id} {self.gate.title}".strip()


def _say(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return what a gate or an audit said for people; ``""`` for a fault of this program."""
    from audit.errors import AuditError
    from reports.store import RecordError

    known = excinfo.errisinstance((GateFailed, AuditError, RecordError, OSError))
    return str(excinfo.value) if known else ""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of gates, so that ``-m modelassay_error`` selects them."""
    for severity in ("error", "warning", "note"):
        config.addinivalue_line("markers", f"modelassay_{severity}: a gate of severity {severity}")


def report(record: AuditRecord, verdicts: list[Verdict]) -> None:
    """End a test as its gate ended.

    Raises
    ------
    GateFailed
        If a verdict blocks.
    """
    from reports.results import blocking

    bad = [verdict for verdict in blocking(record) if verdict in verdicts]
    if bad:
        raise GateFailed("\n".join(lines(record, bad)))
    outcomes = {
        outcome: [verdict for verdict in verdicts if verdict.outcome == outcome] for outcome in ("fail", "error")
    }
    for verdict in (*outcomes["fail"], *outcomes["error"]):
        warnings.warn(lines(record, [verdict])[0], ModelConcern, stacklevel=1)
    if outcomes["fail"] or outcomes["error"]:
        return
    for outcome, end in (("waived", pytest.xfail), ("inconclusive", pytest.skip)):
        entries = [verdict for verdict in verdicts if verdict.outcome == outcome]
        if entries:
            end("; ".join(lines(record, entries[:3])))
    if not any(verdict.outcome == "pass" for verdict in verdicts):
        pytest.skip(lines(record, verdicts[:1])[0] if verdicts else "the audit did not look at this gate")


def gates_of(path: Path) -> tuple[Gate, ...]:
    """Return the gates that a configuration or a record asks for, without running anything.

    Raises
    ------
    AuditError, RecordError
        If the file cannot be read.
    """
    if path.name == RECORD:
        gates = record_of(path).policy.gates
    else:
        from audit.config.configuration import load_policy
        from audit.config.own_code import open_config

        gates = load_policy(open_config(path), path.parent)[0].gates
    return tuple(gate for gate in gates if gate.severity != "off")


_KNOWN: dict[tuple[Path, int], AuditRecord] = {}


def record_of(path: Path) -> AuditRecord:
    """Load a record, or run a configuration: once for a session, also among workers of pytest-xdist."""
    from reports.store import load

    path = path.resolve()
    key = (path, path.stat().st_mtime_ns)
    if key not in _KNOWN:
        _KNOWN[key] = load(path) if path.name == RECORD else _run_once(path, key[1])
    return _KNOWN[key]


def _run_once(path: Path, stamp: int) -> AuditRecord:
    from reports.store import load, save

    shared = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if not shared:
        return _run(path)
    name = hashlib.sha256(f"{shared}:{path}:{stamp}".encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"modelassay-{os.getuid() if hasattr(os, 'getuid') else 0}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _lock(folder / f"{name}.lock"):
        kept = folder / f"{name}.json"
        if not kept.exists():
            save(_run(path), kept)
        return load(kept)


def _run(path: Path) -> AuditRecord:
    from audit.config.configuration import limits_of
    from audit.config.own_code import open_config
    from audit.config.plan import plan_from_config
    from audit.models.containment import contain
    from audit.pipeline import execute

    config = open_config(path)
    done = contain(lambda _: execute(plan_from_config(config, path.parent, file=path)), limits=limits_of(config))
    record: AuditRecord = done.value
    return record


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a file's lock; where the system has none, every worker runs the audit for itself."""
    with path.open("w") as file:
        try:
            import fcntl
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _name(path: Path, config: pytest.Config) -> bool:
    """Tell whether a file was named on the command line."""
    here: Callable[[str], Path] = lambda text: (config.invocation_params.dir / text.split("::")[0]).resolve()  # noqa: E731
    return path.resolve() in {here(argument) for argument in config.args}


def lines(record: AuditRecord, verdicts: list[Verdict]) -> list[str]:
    """Say each verdict in a line, as the card does."""
    from reports.lookup import Estimates
    from reports.sentences import report_words

    known = Estimates(record)
    return [f"{verdict.gate}: {report_words(record, known, verdict)}" for verdict in verdicts]
