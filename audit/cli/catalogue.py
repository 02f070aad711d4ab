"""``rule`` and ``checks``: what can be asked and what can be measured."""

from __future__ import annotations

from itertools import groupby

from audit.policy.read import default_policy
from audit.policy.read import rule as gates_of
from reports.record import Gate


def rule(code: str | None) -> int:
    """Print the catalogue, or one rule whole."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    policy = default_policy()
    if code is None:
        for one in {gate.id: gate for gate in policy.gates}.values():
            console.print(f"{one.id:9} {one.severity:8} {one.title:26} {one.because}", soft_wrap=True)
        console.print("\nmodelassay rule CODE tells one rule whole.")
        return 0
    gates = gates_of(policy, code)
    console.print(f"{gates[0].id} {gates[0].title} ({gates[0].severity})")
    for gate in gates:
        console.print(f"\nAsks       {_asks(gate)}")
        console.print(f"Measured   by check {gate.check}, where {_where(gate)}")
        console.print(f"Why        {gate.because}")
        console.print(f"Decided    {_decided(gate)}")
        console.print(f"What to do {gate.remedy}")
        console.print(f"Sources    {'; '.join(gate.references) or 'none'}")
        if gate.evidence_for:
            console.print(f"Evidence for {', '.join(gate.evidence_for)}")
    return 0


def _asks(gate: Gate) -> str:
    if isinstance(gate.threshold, tuple):
        return f"{gate.metric} between {gate.threshold[0]:g} and {gate.threshold[1]:g}"
    return f"{gate.metric} {gate.op} {gate.threshold:g}"


def _where(gate: Gate) -> str:
    words = [f"{key}={level}" if key != "*" else "any sensitive features" for key, level in gate.where.items()]
    return ", ".join(words) or "the whole audit"


def _decided(gate: Gate) -> str:
    if gate.decided == "count":
        return "exactly: a fact about the rows at hand."
    told = "pass if the whole interval holds, fail if none of it does (Holm within the rule), else inconclusive"
    if gate.on_inconclusive == "block":
        told += "; inconclusive blocks, for this must be shown"
    return f"{told}; slices under {gate.min_n} rows are not assessed." if gate.min_n else f"{told}."


def checks() -> int:
    """Print every check with its evidence, section by section."""
    from rich.console import Console

    from audit.checks import discover

    console = Console(highlight=False, markup=False)
    found = sorted(discover().values(), key=lambda one: (one.family, one.id))
    for family, group in groupby(found, key=lambda one: one.family):
        console.print(f"\n{family}")
        for one in group:
            wants = f" (and {', '.join(one.wants)} if there)" if one.wants else ""
            console.print(
                f"  {one.id:26} {one.title}; needs {', '.join(one.needs) or 'nothing'}{wants}", soft_wrap=True
            )
    return 0
