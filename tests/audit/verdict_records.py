"""Records typed by hand, small enough to be judged in the head."""

from __future__ import annotations

from collections.abc import Mapping

from audit.statistics.intervals import wilson
from reports.record import (
    AuditRecord,
    DataInfo,
    Environment,
    Estimate,
    Finding,
    FindingOutcome,
    Gate,
    GroupInfo,
    Measurement,
    ModelInfo,
    Policy,
    SplitInfo,
)


def rate(metric: str, hits: int, n: int, **where: str) -> Estimate:
    """Return a proportion with Wilson's interval."""
    low, high, _ = wilson(hits, n)
    address = {"split": "test", **where}
    return Estimate(
        metric=metric, value=hits / n, low=low, high=high, method="wilson", n=n, unit="proportion", where=address
    )


def count(metric: str, value: float, **where: str) -> Estimate:
    """Return an exact number."""
    return Estimate(metric=metric, value=value, low=value, high=value, method="count", unit="count", where=where)


def finding(
    check: str, *estimates: Estimate, outcome: FindingOutcome = "measured", reason: str = "because of a test"
) -> Finding:
    """Return what a check would have found."""
    measured = outcome == "measured"
    return Finding(
        check=check,
        title=check,
        family="performance",
        revision=1,
        outcome=outcome,
        reason="" if measured else reason,
        measurement=Measurement(summary="", estimates=estimates) if measured else None,
    )


def record(*findings: Finding, suppress_n: int | None = None, groups: Mapping[str, int] | None = None) -> AuditRecord:
    """Return a record with these findings; `groups` are sizes by level of the feature sex."""
    sized = tuple(GroupInfo(feature="sex", level=name, rows=rows) for name, rows in (groups or {}).items())
    return AuditRecord(
        tool="modelassay test",
        created="2026-11-01T00:00:00+00:00",
        seed=0,
        task="binary",
        model=ModelInfo(name="m", kind="k", format="skops", sha256="a" * 64),
        data=DataInfo(
            target="y",
            positive="1",
            classes=("0", "1"),
            splits=(SplitInfo(name="test", rows=1000, sha256="b" * 64),),
            sensitive=("sex",) if sized else (),
            groups=sized,
        ),
        environment=Environment(),
        headline="accuracy",
        config={} if suppress_n is None else {"audit": {"suppress_n": suppress_n}},
        findings=findings,
    )


def gate(**fields: object) -> Gate:
    """Return a gate on accuracy, with these fields changed."""
    blank: dict[str, object] = {
        "id": "floor",
        "title": "floor",
        "check": "",
        "metric": "accuracy",
        "where": {"split": "test"},
        "op": ">=",
        "threshold": 0.7,
        "severity": "error",
    }
    return Gate(**{**blank, **fields})  # type: ignore[arg-type]


def policy(*gates: Gate, **fields: object) -> Policy:
    """Return a policy of these gates."""
    return Policy(gates=gates, **fields)  # type: ignore[arg-type]
