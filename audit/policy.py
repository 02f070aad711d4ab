"""Read a policy: which gates are in force, and which failures somebody has taken upon themselves."""

from __future__ import annotations

import datetime
import hashlib
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Literal

from audit.errors import PolicyError, hint, listed, shown
from audit.strict import read_toml, validate
from reports.record import Gate, OnInconclusive, Operator, Policy, Waiver

LONGEST_WAIVER = datetime.timedelta(days=180)
FORBID = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTable:
    """One ``[[gate]]``, or the fields that an ``[[override]]`` changes."""

    __pydantic_config__ = FORBID

    id: str
    title: str | None = None
    check: str | None = None
    metric: str | None = None
    where: dict[str, str] | None = None
    by: list[str] | None = None
    kind: Literal["value", "difference", "ratio", "no_regression"] | None = None
    reference: str | dict[str, str] | None = None
    op: Operator | None = None
    threshold: float | list[float] | None = None
    margin: float | None = None
    severity: Literal["error", "warning", "warn", "note", "off"] | None = None
    on_inconclusive: OnInconclusive | None = None
    min_n: int | None = None
    min_share: float | None = None
    family: str | None = None
    because: str | None = None
    rationale: str | None = None
    remedy: str | None = None
    owner: str | None = None
    references: list[str] | None = None
    evidence_for: list[str] | None = None
    evidence: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverTable:
    """One ``[[waiver]]``."""

    __pydantic_config__ = FORBID

    gate: str
    owner: str
    reason: str
    created: datetime.date
    expires: datetime.date
    where: dict[str, str] = field(default_factory=dict)
    ticket: str = ""
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """The ``[policy]`` table."""

    __pydantic_config__ = FORBID

    name: str = ""
    extends: str = ""
    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    confidence: float = 0.95
    correction: Literal["holm", "none"] = "holm"
    margin: float = 0.01
    on_inconclusive: OnInconclusive | None = None
    min_n: int | None = None
    require_committed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A whole ``gates.toml``."""

    __pydantic_config__ = FORBID

    schema_version: Literal[1] = 1
    policy: PolicyTable = field(default_factory=PolicyTable)
    gate: list[GateTable] = field(default_factory=list)
    override: list[GateTable] = field(default_factory=list)
    waiver: list[WaiverTable] = field(default_factory=list)


def default_policy() -> Policy:
    """Return the rule catalogue that ships with the package.

    Examples
    --------
    >>> policy = default_policy()
    >>> "FAIR001" in {gate.id for gate in policy.gates}
    True
    """
    with resources.as_file(resources.files("audit") / "policies" / "default.toml") as path:
        return replace(read_policy(path), name="default", file="audit/policies/default.toml")


def read_policy(path: Path) -> Policy:
    """Read a policy file, with what it extends.

    Raises
    ------
    PolicyError
        For unknown keys, contradictions, thresholds that do not fit, waivers without an end, or a file
        that should be committed and is not.
    """
    tables, text = read_toml(path, PolicyError)
    parsed = validate(PolicyFile, tables, file=path.name, text=text, error=PolicyError)
    if not 0.5 < parsed.policy.confidence < 1:
        raise PolicyError(f"{path.name}: [policy] confidence is {parsed.policy.confidence}; expected e.g. 0.95.")
    beneath = _extended(parsed.policy.extends, path)
    own = tuple(gate for table in parsed.gate for gate in _gates(table, parsed.policy, path.name))
    gates = _overridden((*(beneath.gates if beneath else ()), *own), parsed.override, path.name)
    gates = _selected(gates, parsed.policy.select, parsed.policy.ignore, path.name)
    committed = _committed(path)
    if parsed.policy.require_committed and not committed:
        raise PolicyError(
            f"{path.name} differs from what is committed, and [policy] require_committed is set: gates must stand "
            "before the results. Commit it, then run again."
        )
    return Policy(
        name=parsed.policy.name or path.stem,
        file=path.name,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        committed=committed,
        confidence=parsed.policy.confidence,
        correction=parsed.policy.correction,
        margin=parsed.policy.margin,
        gates=gates,
        waivers=tuple(_waiver(one, gates, path.name) for one in parsed.waiver),
        lines={gate.id: _line_of(text, gate.id) for gate in gates},
    )


def _extended(name: str, path: Path) -> Policy | None:
    if not name:
        return None
    if name == "default":
        return default_policy()
    other = (path.parent / name).resolve()
    if other == path.resolve():
        raise PolicyError(f"{path.name}: [policy] extends names itself.")
    return read_policy(other)


def _gates(table: GateTable, policy: PolicyTable, file: str) -> list[Gate]:
    """Make gates of one table: one, or one for each entry of ``by``."""
    if table.metric is None:
        raise PolicyError(f"{file}: gate {shown(table.id)} names no metric.")
    kind = table.kind or "value"
    blank = Gate(
        id=table.id,
        title=table.title or table.id,
        check="",
        metric=table.metric,
        where={"split": "test"},
        kind=kind,
        reference="largest" if kind == "difference" else "most_favored" if kind == "ratio" else "",
        op=">=",
        threshold=0.0,
        on_inconclusive=policy.on_inconclusive or "warn",
        min_n=policy.min_n if policy.min_n is not None else 30,
        family=table.id,
    )
    if kind == "no_regression":
        margin = table.margin if table.margin is not None else policy.margin
        if not margin >= 0:
            raise PolicyError(f"{file}: gate {shown(table.id)} has margin {margin}; expected 0 or more.")
        blank = replace(blank, threshold=-margin)
    elif table.threshold is None:
        raise PolicyError(f"{file}: gate {shown(table.id)} names no threshold.")
    gate = _changed(blank, table, file)
    addresses = [dict.fromkeys(one.split("*"), "*") for one in table.by or []]
    return [replace(gate, where={**gate.where, **extra}) for extra in addresses] or [gate]


def _changed(gate: Gate, table: GateTable, file: str) -> Gate:
    """Put the fields that a table states over those of a gate."""
    stated = {
        name: getattr(table, name)
        for name in ("title", "check", "metric", "where", "kind", "reference", "op", "on_inconclusive", "min_n")
        if getattr(table, name) is not None
    }
    stated |= {
        name: getattr(table, name) for name in ("min_share", "family", "remedy") if getattr(table, name) is not None
    }
    because = table.because or table.rationale
    evidence = table.evidence_for or table.evidence
    stated |= {"because": because} if because else {}
    stated |= {"evidence_for": tuple(evidence)} if evidence else {}
    stated |= {"references": tuple(table.references)} if table.references else {}
    if table.severity is not None:
        stated["severity"] = "warning" if table.severity == "warn" else table.severity
    if table.threshold is not None:
        stated["threshold"] = tuple(table.threshold) if isinstance(table.threshold, list) else float(table.threshold)
    if stated.get("reference") == "most_favoured":
        stated["reference"] = "most_favored"
    try:
        changed = replace(gate, **stated)
    except ValueError as error:
        raise PolicyError(f"{file}: {error}") from error
    _require_sense(changed, file)
    return changed


def _require_sense(gate: Gate, file: str) -> None:
    known = {"largest", "most_favored", "overall", ""}
    if isinstance(gate.reference, str) and gate.reference not in known:
        raise PolicyError(
            f"{file}: gate {shown(gate.id)} has reference {shown(gate.reference)}; expected 'largest', 'most_favored', "
            f"'overall' or a table such as {{ sex = \"Male\" }}." + hint(gate.reference, known)
        )
    if isinstance(gate.threshold, tuple) and (len(gate.threshold) != 2 or gate.threshold[0] > gate.threshold[1]):
        raise PolicyError(
            f"{file}: gate {shown(gate.id)} has threshold {list(gate.threshold)}; expected two rising numbers."
        )
    if gate.op == "abs<=" and isinstance(gate.threshold, float) and gate.threshold < 0:
        raise PolicyError(f"{file}: gate {shown(gate.id)} holds |x| under {gate.threshold}, which nothing can pass.")


def _overridden(gates: tuple[Gate, ...], overrides: Iterable[GateTable], file: str) -> tuple[Gate, ...]:
    for table in overrides:
        ids = {gate.id for gate in gates}
        if table.id not in ids:
            raise PolicyError(f"{file}: [[override]] of {shown(table.id)}, which no gate is.{hint(table.id, ids)}")
        gates = tuple(_changed(gate, table, file) if _is_meant(gate, table) else gate for gate in gates)
    return gates


def _is_meant(gate: Gate, table: GateTable) -> bool:
    """Tell whether an override speaks of a gate: one that names a metric changes that part of a rule alone."""
    return gate.id == table.id and (table.metric is None or table.metric == gate.metric)


def _selected(gates: tuple[Gate, ...], select: list[str], ignore: list[str], file: str) -> tuple[Gate, ...]:
    """Keep and leave out by code, or by the beginning of a code as linters do."""
    for word in (*select, *ignore):
        if not any(gate.id.startswith(word) for gate in gates):
            raise PolicyError(f"{file}: no gate is called {shown(word)}.{hint(word, [gate.id for gate in gates])}")
    kept = [gate for gate in gates if not select or any(gate.id.startswith(word) for word in select)]
    return tuple(gate for gate in kept if not any(gate.id.startswith(word) for word in ignore))


def narrowed(policy: Policy, *, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Policy:
    """Return the policy with the gates that a configuration selects and does not ignore.

    Raises
    ------
    PolicyError
        If a word is the beginning of no gate's id.
    """
    return replace(policy, gates=_selected(policy.gates, list(select), list(ignore), policy.file or policy.name))


def overridden(policy: Policy, overrides: Iterable[Mapping[str, object]], file: str) -> Policy:
    """Return the policy with ``[[policy.override]]`` tables of a configuration put over its gates.

    Raises
    ------
    PolicyError
        If an override names no gate, or a key or value that does not fit.
    """
    tables = [validate(GateTable, dict(one), file=file, text="", error=PolicyError) for one in overrides]
    return replace(policy, gates=_overridden(policy.gates, tables, file))


def _waiver(table: WaiverTable, gates: tuple[Gate, ...], file: str) -> Waiver:
    ids = {gate.id for gate in gates}
    if table.gate not in ids:
        raise PolicyError(f"{file}: a waiver of {shown(table.gate)}, which no gate is.{hint(table.gate, ids)}")
    for name in ("owner", "reason"):
        if not getattr(table, name).strip():
            raise PolicyError(f"{file}: the waiver of {shown(table.gate)} has no {name}.")
    if not table.created <= table.expires <= table.created + LONGEST_WAIVER:
        raise PolicyError(
            f"{file}: the waiver of {shown(table.gate)} runs from {table.created} to {table.expires}; "
            f"expected an end within {LONGEST_WAIVER.days} days."
        )
    return Waiver(
        gate=table.gate,
        owner=table.owner,
        reason=table.reason,
        created=table.created.isoformat(),
        expires=table.expires.isoformat(),
        where=table.where,
        ticket=table.ticket,
        limit=table.limit,
    )


def _line_of(text: str, gate_id: str) -> int:
    """Return the line where a gate's id stands, 1 if it comes from another file."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*id\s*=\s*([\"']){re.escape(gate_id)}\1", line):
            return number
    return 1


def _committed(path: Path) -> str:
    """Return the time of the commit that holds this very content, or ``""``."""
    folder, name = str(path.resolve().parent), path.name
    try:
        changed = subprocess.run(
            ["git", "-C", folder, "status", "--porcelain", "--ignored", "--", name],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        last = subprocess.run(
            ["git", "-C", folder, "log", "-1", "--format=%cI", "--", name],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if changed.stdout.strip() else last.stdout.strip()


def rule(policy: Policy, code: str) -> tuple[Gate, ...]:
    """Return the gates of one rule.

    Raises
    ------
    PolicyError
        If no gate has that code; the nearest is named.
    """
    found = tuple(gate for gate in policy.gates if gate.id.lower() == code.lower())
    if not found:
        ids = sorted({gate.id for gate in policy.gates})
        raise PolicyError(f"no rule {shown(code)}; there are {listed(ids, limit=5)}.{hint(code, ids)}")
    return found
