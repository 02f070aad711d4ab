"""The tables of ``gates.toml``, and the JSON Schema that editors check them against."""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reports.record import GateKind, OnInconclusive, Operator
from reports.rules import Decided

FORBID = {"extra": "forbid"}
SCHEMA_FILE = Path(__file__).parent / "gates.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTable:
    """One ``[[gate]]``, or the fields that an ``[[override]]`` changes."""

    __pydantic_config__ = FORBID

    id: str
    """Name of the gate: lower case with hyphens; codes such as FAIR001 belong to the catalogue."""
    title: str | None = None
    """A few words for reports."""
    check: str | None = None
    """Check whose numbers are judged; without one, the first that measured the metric at the address."""
    metric: str | None = None
    """Name of the number, as `modelassay checks` and the record have it."""
    where: dict[str, str] | None = None
    """The whole address, { split = "test" } without one; "*" as a level means every level, "*" as a key any
    sensitive features."""
    by: list[str] | None = None
    """Sensitive features, or crossings such as "sex*race": one gate for each, on every level."""
    kind: GateKind | None = None
    """value (default), difference or ratio of groups, or no_regression against a baseline."""
    reference: str | dict[str, str] | None = None
    """Of a difference or ratio: largest, most_favored, overall, or a table such as { sex = "Male" }."""
    op: Operator | None = None
    """How the number is compared with the threshold."""
    threshold: float | list[float] | None = None
    """A number, or two rising numbers for "between"."""
    margin: float | None = None
    """Of no_regression: the largest loss that is accepted; else that of [policy]."""
    severity: Literal["error", "warning", "warn", "note", "off"] | None = None
    """error decides the exit code, warning does so under --strict, note never; off switches the gate off."""
    decide: Literal["interval", "point"] | None = None
    """interval (default): pass, fail or inconclusive; point: by the number alone, which chance trips."""
    decided: Decided | None = None
    """interval (default): inferred for the population; count: a fact about the rows at hand, decided by the number
    alone; proof: must be shown to hold, so an open verdict blocks."""
    invalidates: bool | None = None
    """Whether the audit itself cannot be relied on when this fails."""
    topic: str | None = None
    """The question in a few plain words; reports sum open verdicts up by it."""
    on_inconclusive: OnInconclusive | None = None
    """What an open verdict does: block (must be shown), warn, or pass."""
    min_n: int | None = None
    """Slices of fewer rows are not assessed."""
    min_share: float | None = None
    """Groups that hold a smaller share of the rows are shown, not judged, and are never the reference."""
    family: str | None = None
    """Gates of one family share Holm's correction; by default a gate is its own family."""
    because: str | None = None
    """Why this number and this threshold."""
    rationale: str | None = None
    """Another word for because."""
    remedy: str | None = None
    """What to do when it fails."""
    owner: str | None = None
    """Who answers for the gate; kept in the file alone."""
    references: list[str] | None = None
    """Sources of the convention."""
    evidence_for: list[str] | None = None
    """Items of regulation that the number gives evidence for, such as eu-ai-act:15(1)."""
    evidence: list[str] | None = None
    """Another word for evidence_for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverTable:
    """One ``[[waiver]]``: a person lets a gate's failure stand for a while."""

    __pydantic_config__ = FORBID

    gate: str
    """Id of the gate."""
    owner: str
    """Who accepts it."""
    reason: str
    """Why."""
    created: datetime.date
    """The day it was granted."""
    expires: datetime.date
    """The last day it holds, at most 180 days later."""
    where: dict[str, str] = field(default_factory=dict)
    """Levels that it is confined to; without them it covers the whole gate."""
    ticket: str = ""
    """Where it is tracked."""
    limit: float | None = None
    """The ratchet: a worse number fails in spite of the waiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """The ``[policy]`` table; what it leaves out comes from the file it extends."""

    __pydantic_config__ = FORBID

    name: str = ""
    """Name for reports; else that of the file."""
    extends: str = ""
    """"default", the catalogue, or a policy file, relative to this one."""
    select: list[str] = field(default_factory=list)
    """Codes, or their beginnings, of the gates to keep; all without one."""
    ignore: list[str] = field(default_factory=list)
    """Codes, or their beginnings, of the gates to leave out."""
    confidence: float | None = None
    """Two-sided level at which intervals are judged; 0.95 without one."""
    correction: Literal["holm", "none"] | None = None
    """Correction of failures within a family; holm without one."""
    margin: float | None = None
    """Largest loss against a baseline that is accepted; 0.01 without one."""
    decide: Literal["interval", "point"] | None = None
    """For gates of this file that do not say; interval without one."""
    on_inconclusive: OnInconclusive | None = None
    """For gates of this file that do not say; warn without one."""
    min_n: int | None = None
    """For gates of this file that do not say; 30 without one."""
    suppress_n: int | None = None
    """Slices of fewer rows leave no count anywhere; a saved record that shows smaller ones is refused."""
    require_committed: bool = False
    """Refuse to judge by a file that differs from what is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineTable:
    """The ``[baseline]`` table: the audit that ``no_regression`` gates look back to."""

    __pydantic_config__ = FORBID

    source: str
    """audit.json of an earlier run, relative to this file."""
    on_missing: Literal["skip", "error"] = "skip"
    """What happens where the file does not exist (yet)."""
    on_data_change: Literal["error", "unpaired"] = "error"
    """What happens where it was made on other rows: refuse, or compare by independent intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSetTable:
    """The ``[test_set]`` table: a test set wears out with every model that is judged on it."""

    __pydantic_config__ = FORBID
    __test__ = False  # not a test of pytest's

    max_uses: int
    """How many different models may be judged on the same rows."""
    on_exhausted: Literal["warn", "error"] = "warn"
    """What happens with the next one."""
    ledger: str = "test-set-uses.json"
    """File that counts them, relative to this file; keep it under version control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A whole ``gates.toml``, or the table ``[tool.modelassay]`` of a ``pyproject.toml``."""

    __pydantic_config__ = FORBID

    schema_version: Literal[1] = 1
    """Version of this format."""
    policy: PolicyTable = field(default_factory=PolicyTable)
    """What holds for the whole file."""
    baseline: BaselineTable | None = None
    """The audit to compare with."""
    test_set: TestSetTable | None = None
    """How often the test set may be used."""
    gate: list[GateTable] = field(default_factory=list)
    """The gates."""
    override: list[GateTable] = field(default_factory=list)
    """Changes to gates of the extended policy."""
    waiver: list[WaiverTable] = field(default_factory=list)
    """Failures that somebody accepts for a limited time."""


def schema() -> str:
    """Describe the file as a JSON Schema (draft 2020-12), as checked in beside the default policy."""
    from pydantic import TypeAdapter

    fields = TypeAdapter(PolicyFile).json_schema()
    entries = _told_fields()
    for name, table in {**fields["$defs"], "PolicyFile": fields}.items():
        table.pop("title", None)
        for key, value in table["properties"].items():
            table["properties"][key] = {**_without_null(value), "description": entries[name][key]}
    fields = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gates.toml of modelassay",
        **fields,
    }
    return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _without_null(value: dict[str, object]) -> dict[str, object]:
    """Leave out null, which TOML does not have."""
    plain = {name: part for name, part in value.items() if name != "title" and part is not None}
    kinds = plain.pop("anyOf", None)
    if not isinstance(kinds, list):
        return plain
    left = [kind for kind in kinds if kind != {"type": "null"}]
    return {**plain, **left[0]} if len(left) == 1 else {**plain, "anyOf": left}


def _told_fields() -> dict[str, dict[str, str]]:
    """Read what stands below each field of this file's tables."""
    tree = ast.parse(inspect.getsource(sys.modules[__name__]))
    entries: dict[str, dict[str, str]] = {}
    for table in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        entries[table.name] = {
            statement.target.id: " ".join(str(after.value.value).split())
            for statement, after in zip(table.body, table.body[1:], strict=False)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        }
    return entries


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema(), encoding="utf-8")
