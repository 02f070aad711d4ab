"""Read a policy: which gates are in force, and which failures somebody has accepted.

A policy may extend another file, or the catalogue; the files of such a chain are laid one over the
other, the extended one first.
"""

from __future__ import annotations

import datetime
import hashlib
import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from audit.errors import PolicyError, hint, quote, quote_all
from audit.policy.gate_tables import gates_of, overridden_by, require_consistent, with_margin
from audit.policy.policy_file import GateTable, PolicyFile, WaiverTable
from audit.toml_files import lines, read_toml, validate
from reports.record import Gate, Policy, Waiver
from reports.rules import numbered_id

__all__ = [
    "Terms",
    "default_policy",
    "overridden",
    "read_policy",
    "read_policy_and_terms",
    "require_current_waivers",
    "rule",
    "select_gates",
    "with_margin",
]

LONGEST_WAIVER = datetime.timedelta(days=180)
PROJECT_FILE, PROJECT_TABLE = "pyproject.toml", "modelassay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a policy file asks for beside its gates."""

    baseline: Path | None = None
    """Record of an earlier audit."""
    on_missing: Literal["skip", "error"] = "skip"
    on_data_change: Literal["error", "unpaired"] = "error"
    suppress_n: int | None = None
    max_uses: int | None = None
    """Different models that may be judged on the same test rows."""
    on_exhausted: Literal["warn", "error"] = "warn"
    ledger: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One file of a chain."""

    path: Path
    text: str
    """Of the file, as far as it is the policy's."""
    tables: PolicyFile
    catalogue: bool = False


def default_policy() -> Policy:
    """Return the rule catalogue that ships with the package.

    Examples
    --------
    >>> policy = default_policy()
    >>> "FAIR001" in {gate.id for gate in policy.gates}
    True
    """
    return replace(_policy((_catalogue(),)), name="default", file="", lines={})


def brought_in_by(policy: Policy, file: Path) -> Policy:
    """Return a policy with the configuration that brought it in as its place, where it has no file of its own.

    Verdicts of the catalogue then point at a file of the user's: the configuration's table ``[policy]``, or its start.
    """
    if policy.file:
        return policy
    text = read_toml(file, PolicyError)[1]
    heads = [line.number for line in lines(text) if line.head == "policy"]
    return replace(policy, file=_place(file), lines={"": min(heads, default=1), **_lines(text, policy.gates)})


def read_policy(path: Path, *, drafting: bool = False) -> Policy:
    """Read a policy file, with what it extends.

    Parameters
    ----------
    path : Path
        A policy file, or a ``pyproject.toml`` whose table ``[tool.modelassay]`` is one.
    drafting : bool
        Whether the file may differ from what is committed even where it says that it must not: before a commit.

    Raises
    ------
    PolicyError
        For unknown keys, contradictions, thresholds that do not fit, waivers without an end, a file that
        extends itself, or one that should be committed and is not.
    """
    return read_policy_and_terms(path, drafting=drafting)[0]


def read_policy_and_terms(path: Path, *, drafting: bool = False) -> tuple[Policy, Terms]:
    """Read a policy file once: its gates, and what it asks for beside them.

    Parameters
    ----------
    path : Path
    drafting : bool
        As for :func:`read_policy`.

    Raises
    ------
    PolicyError
        As :func:`read_policy` does.
    """
    chain = _chain(path)
    policy = _policy(chain)
    if not drafting and any(layer.tables.policy.require_committed for layer in chain):
        for layer in chain:
            _require_committed(layer)
    return replace(policy, committed=_commit(path)), _terms(chain)


def _terms(chain: tuple[_Layer, ...]) -> Terms:
    terms = Terms()
    for layer in chain:
        base, asked = layer.tables.baseline, layer.tables.test_set
        if base is not None:
            source = layer.path.parent / base.source
            terms = replace(terms, baseline=source, on_missing=base.on_missing, on_data_change=base.on_data_change)
        if asked is not None:
            if asked.max_uses < 1:
                raise PolicyError(f"{layer.path.name}: [test_set] max_uses is {asked.max_uses}; expected 1 or more.")
            ledger = layer.path.parent / asked.ledger
            terms = replace(terms, max_uses=asked.max_uses, on_exhausted=asked.on_exhausted, ledger=ledger)
        if layer.tables.policy.suppress_n is not None:
            terms = replace(terms, suppress_n=layer.tables.policy.suppress_n)
    return terms


# --- the chain of files ---------------------------------------------------------------------------


@cache
def _catalogue() -> _Layer:
    with resources.as_file(resources.files("audit") / "policy" / "default.toml") as path:
        return replace(_layer(path), catalogue=True)


def _layer(path: Path) -> _Layer:
    tables, text = read_toml(path, PolicyError)
    if path.name == PROJECT_FILE:
        tables, text = _of_project(tables, text)
    parsed = validate(PolicyFile, tables, file=path.name, text=text, error=PolicyError)
    return _Layer(path=path, text=text, tables=parsed)


def _of_project(tables: Mapping[str, object], text: str) -> tuple[dict[str, object], str]:
    """Return ``[tool.modelassay]`` of a pyproject.toml, with the other tables' lines blank so that lines count."""
    tools = tables.get("tool")
    result = tools.get(PROJECT_TABLE) if isinstance(tools, dict) else None
    if not isinstance(result, dict):
        known = list(tools) if isinstance(tools, dict) else []
        raise PolicyError(
            f"{PROJECT_FILE} has no table [tool.{PROJECT_TABLE}]; expected gates there, as "
            f"[[tool.{PROJECT_TABLE}.gate]]." + hint(PROJECT_TABLE, known)
        )
    kept, ours = [], False
    for line in lines(text):
        if line.head:
            ours = re.match(rf"tool\s*\.\s*[\"']?{PROJECT_TABLE}[\"']?(\s*\.|$)", line.head) is not None
        own = re.sub(rf"(\[+\s*)tool\s*\.\s*[\"']?{PROJECT_TABLE}[\"']?\s*\.?", r"\1", line.text)
        kept.append(own if ours else "")
    return result, "\n".join(kept) + "\n"


def _chain(path: Path, above: tuple[Path, ...] = ()) -> tuple[_Layer, ...]:
    """Return the layers of a file, the most extended first."""
    here = path.resolve()
    if here in above:
        names = " → ".join(file.name for file in (*above[above.index(here) :], here))
        raise PolicyError(f"{path.name}: [policy] extends forms a circle: {names}. Remove one 'extends'.")
    layer = _layer(path)
    name = layer.tables.policy.extends
    if not name:
        return (layer,)
    beneath = (_catalogue(),) if name == "default" else _chain(_extend(path, name), (*above, here))
    return (*beneath, layer)


def _extend(path: Path, name: str) -> Path:
    file = path.parent / name
    try:
        exists = file.exists()
    except OSError:  # a name that no file can have
        exists = False
    if not exists:
        siblings = [file.name for file in path.parent.glob("*.toml")]
        raise PolicyError(
            f"{path.name}: [policy] extends {quote(name)}, which is neither 'default' nor a file here."
            + hint(name, ("default", *siblings))
        )
    return file


def _policy(chain: tuple[_Layer, ...]) -> Policy:
    policy = Policy()
    for layer in chain:
        policy = _laid_over(policy, layer)
    leaf = chain[-1]
    return replace(
        policy,
        name=leaf.tables.policy.name or leaf.path.stem,
        file=_place(leaf.path),
        sha256=hashlib.sha256(_own_text(leaf).encode()).hexdigest(),
        lines=_extending(leaf.text) | _lines(leaf.text, policy.gates),
    )


def _own_text(layer: _Layer) -> str:
    """Return what a fingerprint is taken of: in a pyproject.toml other tools' tables may come and go."""
    return layer.text if layer.path.name != PROJECT_FILE else "\n".join(filter(None, layer.text.splitlines()))


def _laid_over(beneath: Policy, layer: _Layer) -> Policy:
    """Lay one file over the policy it extends."""
    asked, file = layer.tables.policy, layer.path.name
    _require_ranges(layer)
    policy = replace(
        beneath,
        confidence=beneath.confidence if asked.confidence is None else asked.confidence,
        correction=asked.correction or beneath.correction,
    )
    if asked.margin is not None:
        policy = with_margin(policy, asked.margin)
    own = [
        replace(gate, from_catalogue=layer.catalogue)
        for table in layer.tables.gate
        for gate in gates_of(table, asked, policy.margin, file)
    ]
    taken = {gate.id for gate in policy.gates}
    for gate in own:
        if gate.id in taken:
            raise PolicyError(
                f"{file}: [[gate]] {quote(gate.id)} is a gate of the policy that this one extends; change it by "
                "[[override]], or give a gate of your own another id."
            )
    gates = overridden_by((*policy.gates, *own), layer.tables.override, file)
    gates = _select(gates, asked.select, asked.ignore, file)
    require_consistent(gates, file)
    waivers = (*policy.waivers, *(_waiver(waiver_table, gates, file) for waiver_table in layer.tables.waiver))
    ids = {gate.id for gate in gates}
    return replace(policy, gates=gates, waivers=tuple(waiver for waiver in waivers if waiver.gate in ids))


def _require_ranges(layer: _Layer) -> None:
    asked, file = layer.tables.policy, layer.path.name
    if asked.confidence is not None and not 0.5 < asked.confidence < 1:
        raise PolicyError(f"{file}: [policy] confidence is {asked.confidence}; expected e.g. 0.95.")
    if asked.margin is not None and not 0 <= asked.margin < math.inf:
        raise PolicyError(f"{file}: [policy] margin is {asked.margin}; expected 0 or more, e.g. 0.01.")
    for name in ("min_n", "suppress_n"):
        value = getattr(asked, name)
        if value is not None and value < 0:
            raise PolicyError(f"{file}: [policy] {name} is {value}; expected 0 or more.")


def _select(gates: tuple[Gate, ...], select: list[str], ignore: list[str], file: str) -> tuple[Gate, ...]:
    """Keep and leave out by code, or by the beginning of a code as linters do."""
    for word in (*select, *ignore):
        if not any(gate.id.startswith(word) for gate in gates):
            codes = [gate.id for gate in gates]
            starts = {code.rstrip("0123456789") for code in codes}
            raise PolicyError(f"{file}: no gate is called {quote(word)}.{hint(word, (*codes, *sorted(starts)))}")
    kept = [gate for gate in gates if not select or any(gate.id.startswith(word) for word in select)]
    return tuple(gate for gate in kept if not any(gate.id.startswith(word) for word in ignore))


def select_gates(policy: Policy, *, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Policy:
    """Return the policy with the gates that a configuration selects and does not ignore.

    Raises
    ------
    PolicyError
        If a word is the beginning of no gate's id.
    """
    gates = _select(policy.gates, list(select), list(ignore), policy.file or policy.name)
    ids = {gate.id for gate in gates}
    return replace(policy, gates=gates, waivers=tuple(waiver for waiver in policy.waivers if waiver.gate in ids))


def overridden(policy: Policy, overrides: Iterable[Mapping[str, object]], file: str) -> Policy:
    """Return the policy with ``[[policy.override]]`` tables of a configuration put over its gates.

    Raises
    ------
    PolicyError
        If an override names no gate, or a key or value that does not fit.
    """
    tables = [validate(GateTable, dict(override), file=file, text="", error=PolicyError) for override in overrides]
    gates = overridden_by(policy.gates, tables, file)
    require_consistent(gates, file)
    return replace(policy, gates=gates)


def _waiver(table: WaiverTable, gates: tuple[Gate, ...], file: str) -> Waiver:
    ids = {gate.id for gate in gates}
    if table.gate not in ids:
        raise PolicyError(f"{file}: waiver names unknown gate {quote(table.gate)}.{hint(table.gate, ids)}")
    for name in ("owner", "reason"):
        if not getattr(table, name).strip():
            raise PolicyError(f"{file}: the waiver of {quote(table.gate)} has no {name}; a person must sign it.")
    if not table.created <= table.expires <= table.created + LONGEST_WAIVER:
        raise PolicyError(
            f"{file}: the waiver of {quote(table.gate)} runs from {table.created} to {table.expires}; "
            f"expected an end within {LONGEST_WAIVER.days} days."
        )
    if table.limit is not None and not math.isfinite(table.limit):
        raise PolicyError(f"{file}: the waiver of {quote(table.gate)} has limit {table.limit}; expected a number.")
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


def require_current_waivers(policy: Policy, day: datetime.date) -> None:
    """Refuse waivers whose end has passed: they are renewed by a person, or deleted so that the gate counts.

    Raises
    ------
    PolicyError
        Naming gate, owner and day.
    """
    for waiver in policy.waivers:
        if datetime.date.fromisoformat(waiver.expires) < day:
            raise PolicyError(
                f"{policy.file}: the waiver of {quote(waiver.gate)} by {quote(waiver.owner)} ended on "
                f"{waiver.expires}. Delete it, so that the gate counts again, or let its owner renew it."
            )


# --- where a policy stands ------------------------------------------------------------------------


def _place(path: Path) -> str:
    """Return where a file stands in its repository, as reports of CI servers name files; else its name."""
    here = path.resolve()
    roots = [folder for folder in here.parents if (folder / ".git").exists()]
    return here.relative_to(roots[0]).as_posix() if roots else here.name


def _extending(text: str) -> dict[str, int]:
    """Return under ``""`` the line that brings in the gates of another file."""
    numbers = [line.number for line in lines(text) if line.key == "extends"]
    return {"": numbers[0]} if numbers else {}


def _lines(text: str, gates: Iterable[Gate]) -> dict[str, int]:
    """Return the line of each gate's id in a file, of its metric's where several share the id; others have none."""
    places: dict[str, list[tuple[str, int]]] = {}
    for id_, metric, number in _stated(text):
        places.setdefault(id_, []).append((metric, number))
    counts: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for gate in gates:
        own = places.get(gate.id, [])
        seen[gate.id] += 1
        if own:
            mine = [pair for pair in own if pair[0] == gate.metric] or own
            counts[numbered_id(gate.id, seen[gate.id])] = mine[0][1]
            if len(mine) > 1:
                own.remove(mine[0])  # the next gate of this id and metric stands further down
    return counts


def _stated(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield id, metric and the id's line of each table that states an id."""
    id_, metric, place = "", "", 0
    for line in lines(text):
        if line.head and id_:
            yield id_, metric, place
        if line.head:
            id_, metric = "", ""
        elif line.key == "id" and not id_:
            id_, place = line.value, line.number
        elif line.key == "metric" and not metric:
            metric = line.value
    if id_:
        yield id_, metric, place


def _require_committed(layer: _Layer) -> None:
    if not layer.catalogue and not _commit(layer.path):
        raise PolicyError(
            f"{layer.path.name} differs from what is committed, and [policy] require_committed is set: gates must "
            "be committed before the results. Commit it, then run again."
        )


def _commit(path: Path) -> str:
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
    gates = tuple(gate for gate in policy.gates if gate.id.lower() == code.lower())
    if not gates:
        ids = sorted({gate.id for gate in policy.gates})
        raise PolicyError(f"no rule {quote(code)}; there are {quote_all(ids, limit=5)}.{hint(code, ids)}")
    return gates
