"""``modelassay policy``: what a policy file puts in force, without an audit."""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audit.cli.output import say
from audit.judging.vocabulary import require_known_words
from audit.policy.policy_file import SCHEMA_FILE
from audit.policy.read import default_policy, read_policy_and_terms, require_current_waivers
from reports.phrases import count_noun, rule, visible


def policy(files: Sequence[Path], *, schema: bool = False) -> int:
    """Read policies and list their gates; what cannot be read or measured, and waivers past their end, are refused."""
    if schema:
        sys.stdout.write(SCHEMA_FILE.read_text(encoding="utf-8"))
        return 0
    for file in files or (None,):
        _read(file)
    return 0


def _read(file: Path | None) -> None:
    gates = default_policy() if file is None else read_policy_and_terms(file, drafting=True)[0]
    require_known_words(gates)
    require_current_waivers(gates, datetime.datetime.now(tz=datetime.UTC).date())
    for gate in gates.gates:
        say(f"{gate.severity:8} {visible(gate.id, 40):24} {rule(gate)}")
    for waiver in gates.waivers:
        say(f"waived   {visible(waiver.gate, 40):24} by {visible(waiver.owner, 60)} until {waiver.expires}")
    tally = Counter(gate.severity for gate in gates.gates)
    parts = ", ".join(f"{number} {severity}" for severity, number in sorted(tally.items()))
    say(f"{visible(gates.name, 60)}: {count_noun(len(gates.gates), 'gate')} ({parts or 'none'}).")
