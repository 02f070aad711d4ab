"""Old records brought up to date, one step a schema version; data in, data out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_RULE_CODE = re.compile(r"(DATA|LEAK|DRIFT|PERF|CAL|FAIR|GEN|TRAIN|SLICE|ROB|EXP|COMP|BASE|SEC|CARD|MIT|MON)\d{3}")
_INVALIDATING = frozenset({"LEAK001", "LEAK002", "LEAK003", "LEAK004", "ROB004", "ROB005", "ROB007"})
_COUNTED = frozenset(
    {
        *(f"DATA{k:03d}" for k in (2, 3, 4, 5, 6, 7, 10, 12)), *(f"TRAIN{k:03d}" for k in range(1, 8)),
        "LEAK001", "LEAK003", "LEAK004", "LEAK005", "PERF004", "ROB004", "ROB005", "ROB007", "SEC001", "SEC002",
        "SEC003", "CARD001", "MON003",
    }
)  # fmt: skip


def from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """Tell catalogue rules from release criteria, which version 1 did not; all other new fields have defaults.

    Examples
    --------
    >>> old = {"schema_version": 1, "policy": {"gates": [{"id": "LEAK001", "check": "overlap"}]}}
    >>> from_version_1(old)["policy"]["gates"]
    [{'id': 'LEAK001', 'check': 'overlap', 'from_catalogue': True, 'invalidates': True, 'decided': 'count'}]
    """
    policy = data.get("policy")
    if isinstance(policy, dict) and isinstance(policy.get("gates"), list):
        gates = [_gate(gate) if isinstance(gate, dict) else gate for gate in policy["gates"]]
        data = {**data, "policy": {**policy, "gates": gates}}
    return {**data, "schema_version": 2}


def _gate(gate: dict[str, Any]) -> dict[str, Any]:
    code = gate.get("id")
    if not (isinstance(code, str) and gate.get("check") and _RULE_CODE.fullmatch(code)):
        return gate
    decided = "proof" if code == "PERF001" else "count" if code in _COUNTED else "interval"
    return {**gate, "from_catalogue": True, "invalidates": code in _INVALIDATING, "decided": decided}


UPGRADES: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (from_version_1,)
"""``UPGRADES[k]`` turns a file of schema version k + 1 into one of version k + 2."""
