"""The order in which a reader should look at what was found.

What makes the audit itself unreliable comes first, then criteria that are not met, then concerns by how
many decisions they reach times how severe they are, then hygiene of data and files, then paperwork. A
rank that the record holds goes before what is worked out here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.families import WEIGHTS, family_named, unknown_reach
from reports.record import AuditRecord
from reports.results import GateResult, gate_results

TROUBLE = ("fail", "error")


def families(record: AuditRecord) -> dict[str, str]:
    """Return the family of each check of a record."""
    return {finding.check: finding.family for finding in record.findings}


def by_attention(record: AuditRecord) -> tuple[GateResult, ...]:
    """Return the gates that failed, criteria and concerns alike, the first to look at first."""
    known = families(record)
    troubled = [gate_result for gate_result in gate_results(record) if gate_result.worst.outcome in TROUBLE]
    return tuple(sorted(troubled, key=lambda result: _key(result, known)))


def concerns_of(record: AuditRecord, names: Sequence[str]) -> list[GateResult]:
    """Return the gates of these families that failed, notes left out, the first to look at first."""
    return [
        of_family
        for of_family in of_families(record, by_attention(record), names)
        if of_family.worst.severity != "note"
    ]


def _key(result: GateResult, known: Mapping[str, str]) -> tuple[int, int, float]:
    ranks = [verdict.rank for verdict in result.verdicts if verdict.rank is not None and verdict.outcome in TROUBLE]
    return min(ranks, default=1_000_000), _class(result, known), -_weight(result, known)


def family_of(result: GateResult, known: Mapping[str, str]) -> str:
    """Return the family of a gate's check, or nothing where the record does not hold the check."""
    return known.get(result.gate.check, "") if result.gate is not None else ""


def _class(result: GateResult, known: Mapping[str, str]) -> int:
    gate = result.gate
    if gate is not None and gate.invalidates and result.worst.outcome == "fail":
        return 0
    if gate is not None and not gate.from_catalogue:
        return 1
    kind = family_named(family_of(result, known)).kind
    return 4 if kind == "paperwork" else 3 if kind == "hygiene" or result.worst.severity == "note" else 2


def usual_reach(result: GateResult, known: Mapping[str, str]) -> float:
    """Return what a gate's question counts for where no extent is known: rows per 1,000 times severity."""
    return WEIGHTS[result.worst.severity] * unknown_reach(family_of(result, known), result.worst.severity)


def _weight(result: GateResult, known: Mapping[str, str]) -> float:
    """Return rows per 1,000 that the worst slice reaches, times the severity."""
    reaches = [
        verdict.extent.value
        for verdict in result.verdicts
        if verdict.extent and verdict.extent.value and verdict.outcome == "fail"
    ]
    return WEIGHTS[result.worst.severity] * max(reaches) if reaches else usual_reach(result, known)


def of_families(record: AuditRecord, results: Sequence[GateResult], names: Sequence[str]) -> list[GateResult]:
    """Keep the gates whose checks are of these families."""
    known = families(record)
    return [result for result in results if family_of(result, known) in names]
