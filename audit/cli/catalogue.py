"""``rule`` and ``checks``: what can be asked and what can be measured."""

from __future__ import annotations

from itertools import groupby

from audit.cli.output import say
from audit.policy.read import default_policy
from audit.policy.read import rule as gates_of
from reports.record import Gate


def rule(code: str | None) -> int:
    """Print the catalogue, or one rule whole."""
    policy = default_policy()
    if code is None:
        for one in {gate.id: gate for gate in policy.gates}.values():
            say(f"{one.id:9} {one.severity:8} {one.title:26} {one.because}")
        say()
        say("modelassay rule CODE tells one rule whole.")
        return 0
    gates = gates_of(policy, code)
    say(f"{gates[0].id} {gates[0].title} ({gates[0].severity})")
    for gate in gates:
        say()
        say(f"Asks       {_asks(gate)}")
        say(f"Measured   by check {gate.check}, where {_where(gate)}")
        say(f"Why        {gate.because}")
        say(f"Decided    {_decided(gate)}")
        say(f"What to do {gate.remedy}")
        say(f"Sources    {'; '.join(gate.references) or 'none'}")
        if gate.evidence_for:
            say(f"Evidence for {', '.join(gate.evidence_for)}")
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
    from audit.checks import discover

    found = sorted(discover().values(), key=lambda one: (one.family, one.id))
    for family, group in groupby(found, key=lambda one: one.family):
        say()
        say(family)
        for one in group:
            wants = f" (and {', '.join(one.wants)} if there)" if one.wants else ""
            say(f"  {one.id:26} {one.title}; needs {', '.join(one.needs) or 'nothing'}{wants}")
    return 0
