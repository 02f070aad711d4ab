"""``rule`` and ``checks``: what can be asked and what can be measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from audit.cli.output import say
from audit.policy.read import default_policy
from audit.policy.read import rule as gates_of
from reports.phrases import address
from reports.record import Gate, Policy

KNOWN_AS = {
    "demographic parity": ("FAIR001",),
    "statistical parity": ("FAIR001",),
    "disparate impact": ("FAIR001",),
    "four-fifths rule": ("FAIR001",),
    "80 % rule": ("FAIR001",),
    "equal opportunity": ("FAIR002",),
    "equalized odds": ("FAIR002", "FAIR003"),
    "predictive equality": ("FAIR003",),
    "predictive parity": ("FAIR004",),
    "overall accuracy equality": ("FAIR005",),
    "calibration within groups": ("CAL003",),
    "counterfactual fairness": ("FAIR007",),
    "covariate shift": ("DRIFT001", "DRIFT003"),
    "data leakage": ("LEAK001", "LEAK002", "LEAK003", "LEAK004", "LEAK005"),
    "membership inference": ("GEN005",),
}
"""What the field calls the questions of rules."""


def rule(asked: str | None) -> int:
    """Print the catalogue, or one rule whole, by its code, its title, its check or the field's name of its question."""
    policy = default_policy()
    first = {gate.id: gate for gate in reversed(policy.gates)}
    if asked is None:
        _list([gate for gate in policy.gates if first[gate.id] is gate])
        say()
        say("modelassay rule CODE explains one rule in full.")
        return 0
    codes = _codes(policy, asked)
    if len(codes) > 1:
        _list([first[code] for code in codes])
        return 0
    _tell(gates_of(policy, codes[0] if codes else asked))
    return 0


def _list(gates: Iterable[Gate]) -> None:
    for gate in gates:
        say(f"{gate.id:9} {gate.severity:8} {gate.title:26} {gate.because}")


def _codes(policy: Policy, asked: str) -> tuple[str, ...]:
    """Name the rules that are meant: of that code or name, else those that hold all of its words."""
    wanted = _bare(asked)
    for name, codes in KNOWN_AS.items():
        if _bare(name) == wanted:
            return codes
    named = [gate.id for gate in policy.gates if wanted in {_bare(gate.id), _bare(gate.title), _bare(gate.check)}]
    if not named and wanted:
        named = [
            gate.id
            for gate in policy.gates
            if set(wanted.split()) <= set(_bare(f"{gate.title} {gate.metric} {gate.check} {gate.because}").split())
        ]
    return tuple(dict.fromkeys(named))


def _bare(words: str) -> str:
    """Return words in small letters with single blanks between, whatever joined them."""
    return " ".join(re.findall(r"[a-z0-9]+", words.casefold()))


def _tell(gates: Sequence[Gate]) -> None:
    say(f"{gates[0].id} {gates[0].title} ({gates[0].severity})")
    for gate in gates:
        say()
        say(f"Asks       {_asks(gate)}")
        say(f"Measured   by check {gate.check}, {_where(gate)}")
        say(f"Why        {gate.because}")
        say(f"Decided    {_decide(gate)}")
        say(f"What to do {gate.remedy}")
        say(f"Sources    {'; '.join(gate.references) or 'none'}")
        if gate.evidence_for:
            say(f"Evidence for {', '.join(gate.evidence_for)}")


def _asks(gate: Gate) -> str:
    if isinstance(gate.threshold, tuple):
        return f"{gate.metric} between {gate.threshold[0]:g} and {gate.threshold[1]:g}"
    return f"{gate.metric} {gate.op} {gate.threshold:g}"


def _where(gate: Gate) -> str:
    return f"of {address(gate.where)}" if gate.where else "of the whole audit"


def _decide(gate: Gate) -> str:
    if gate.decided == "count":
        return "exactly: a fact about the rows at hand."
    text = "pass if the whole interval holds, fail if none of it does (Holm within the rule), otherwise inconclusive"
    if gate.on_inconclusive == "block":
        text += "; inconclusive blocks, for this must be shown"
    return f"{text}; slices under {gate.min_n} rows are not assessed." if gate.min_n else f"{text}."


def checks() -> int:
    """Print every check with its evidence, section by section."""
    from audit.checks import discover

    entries = sorted(discover().values(), key=lambda check: (check.family, check.id))
    for family, group in groupby(entries, key=lambda check: check.family):
        say()
        say(family)
        for check in group:
            wants = f" (and {', '.join(check.wants)} if there)" if check.wants else ""
            say(f"  {check.id:26} {check.title}; needs {', '.join(check.needs) or 'nothing'}{wants}")
    return 0
