"""An audit as an assertion of one's own test."""

from __future__ import annotations

from reports.lookup import Estimates
from reports.record import AuditRecord
from reports.results import blocking
from reports.sentences import report_words


def assert_passes(record: AuditRecord, *, strict: bool = False) -> None:
    """Raise if a gate of a record blocks, as ``modelassay run`` would end with an exit code above 0.

    Parameters
    ----------
    record : AuditRecord
    strict : bool
        Treat gates of severity warning as errors.

    Raises
    ------
    AssertionError
        Naming each gate that blocks, its group and its number; also if no gate was evaluated.

    Examples
    --------
    >>> from reports.record import DataInfo, Environment, ModelInfo
    >>> record = AuditRecord(tool="modelassay", created="2026-01-01T00:00:00+00:00", seed=0, task="binary",
    ...     model=ModelInfo(name="m", kind="k", format="object"), data=DataInfo(target="y"), environment=Environment())
    >>> assert_passes(record)
    Traceback (most recent call last):
    AssertionError: no gate was evaluated; give the audit a policy, and predictions that it can judge
    """
    if all(verdict.outcome == "not_assessed" for verdict in record.verdicts):
        raise AssertionError("no gate was evaluated; give the audit a policy, and predictions that it can judge")
    bad = blocking(record, strict)
    if bad:
        known = Estimates(record)
        lines = [f"{verdict.gate}: {report_words(record, known, verdict)}" for verdict in bad]
        raise AssertionError(f"{len(bad)} verdicts block:\n" + "\n".join(f"  {line}" for line in lines))
