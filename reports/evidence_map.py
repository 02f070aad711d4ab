"""Which items of regulation and standards this audit gives evidence for, by a dated data file.

A person decides what evidence proves. The file says when each row was read and where; a row older
than a year says so.
"""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from reports.phrases import visible
from reports.record import AuditRecord

MAPPING = Path(__file__).parent / "templates" / "regulation.toml"
MAX_AGE = datetime.timedelta(days=365)
Supply = Literal["supplied", "partly", "needs a person", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a regulation or standard, as the data file has it."""

    id: str
    regime: str
    title: str
    status: str
    as_of: datetime.date | None
    """Day the source was read; ``None`` for an item that only the policy names."""
    source: str
    checked: str
    """``primary`` or ``secondary``: what was read."""
    families: tuple[str, ...]
    """Families of findings that give evidence."""
    facts: tuple[str, ...]
    """Facts of the record that give evidence: ``policy``, ``groups``, ``environment`` …"""
    person: tuple[str, ...]
    """What only a person can supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the evidence map."""

    item: Item
    supply: Supply
    gates: tuple[str, ...]
    """Gates of this audit that name the item."""
    checks: tuple[str, ...]
    stale: bool


@cache
def items() -> tuple[Item, ...]:
    """Read the data file."""
    data = tomllib.loads(MAPPING.read_text(encoding="utf-8"))
    return tuple(
        Item(
            id=row["id"],
            regime=row["regime"],
            title=row["title"],
            status=row["status"],
            as_of=row["as_of"],
            source=row["source"],
            checked=row["checked"],
            families=tuple(row.get("families", ())),
            facts=tuple(row.get("facts", ())),
            person=tuple(row.get("person_supplies", ())),
        )
        for row in data["evidence"]
    )


def evidence_map(record: AuditRecord) -> tuple[Row, ...]:
    """Say for each item whether this audit supplies evidence, in part, or none."""
    known = {item.id for item in items()}
    named = dict.fromkeys(text for gate in record.policy.gates for text in gate.evidence_for if text not in known)
    return tuple(_row(record, item) for item in (*items(), *(_unmapped(text) for text in named)))


def _unmapped(name: str) -> Item:
    """Return an item that a gate names and the data file does not: a house rule, or a newer text."""
    return Item(
        id=name,
        regime="Named by the policy alone",
        title=visible(name),
        status="not in the mapping of this tool",
        as_of=None,
        source="the policy",
        checked="",
        families=(),
        facts=(),
        person=("what it asks for",),
    )


def _row(record: AuditRecord, item: Item) -> Row:
    named = [gate.id for gate in record.policy.gates if item.id in gate.evidence_for]
    decided = {
        verdict.gate for verdict in record.verdicts if verdict.outcome in ("pass", "fail", "inconclusive", "waived")
    }
    gates = tuple(visible(gate) for gate in named if gate in decided)
    checks = tuple(
        dict.fromkeys(
            visible(finding.check)
            for finding in record.findings
            if finding.family in item.families and finding.outcome == "measured"
        )
    )
    facts = any(_holds(record, fact) for fact in item.facts)
    return Row(
        item=item,
        supply=_supply(item, bool(gates or checks or facts), bool(named)),
        gates=gates,
        checks=checks,
        stale=_stale(record, item),
    )


def _supply(item: Item, evidence: bool, named: bool) -> Supply:
    if evidence:
        return "partly" if item.person else "supplied"
    return "not run" if named or item.families or item.facts else "needs a person"


def _holds(record: AuditRecord, fact: str) -> bool:
    """Return whether the record holds a fact that the data file names."""
    facts = {
        "policy": bool(record.policy.sha256),
        "verdicts": bool(record.verdicts),
        "groups": bool(record.data.groups),
        "sensitive": bool(record.data.sensitive),
        "environment": bool(record.environment.packages),
        "fingerprints": bool(record.model.sha256 or any(split.sha256 for split in record.data.splits)),
        "limits": any(finding.outcome != "measured" for finding in record.findings),
    }
    return facts[fact]


def _stale(record: AuditRecord, item: Item) -> bool:
    if item.as_of is None:
        return False
    try:
        created = datetime.date.fromisoformat(record.created[:10])
    except ValueError:
        return False
    return created - item.as_of > MAX_AGE
