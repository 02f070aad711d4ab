"""Waivers: a person lets one gate's failure stand for a while, in the open.

A waiver is *active* (the failure is shown, and does not count), *expired* (the gate counts again),
*exceeded* (the number is worse than the ratchet allows: it fails in spite of the waiver) or *unused*
(nothing it covers fails: it should be deleted).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from audit.judging.selection import names_of
from reports.record import Gate, Policy, Verdict, Waiver

State = Literal["active", "expired", "early", "exceeded"]


def apply_waivers(verdict: Verdict, policy: Policy, day: datetime.date) -> Verdict:
    """Let an active waiver stand for what does not pass, and say why others do not.

    Parameters
    ----------
    verdict : Verdict
    policy : Policy
    day : date
        The day the waivers are compared with.
    """
    if verdict.outcome not in {"fail", "inconclusive"}:
        return verdict
    gates = [gate for gate in policy.gates if gate.id == verdict.gate]
    states = [(waiver, state_of(waiver, verdict, gates, day)) for waiver in policy.waivers if covers(waiver, verdict)]
    active = next((waiver for waiver, state in states if state == "active"), None)
    if active is not None:
        return replace(verdict, outcome="waived", message=f"{verdict.message}; {_who(active)}")
    text = "".join(f"; {_refusal(waiver, state)}" for waiver, state in states)
    return replace(verdict, message=verdict.message + text)


def covers(waiver: Waiver, verdict: Verdict) -> bool:
    """Tell whether a waiver speaks of a verdict: the same gate, and every level that the waiver names."""
    return waiver.gate == verdict.gate and all(
        verdict.where.get(key) == level or (level == "*" and key in verdict.where)
        for key, level in waiver.where.items()
    )


def state_of(waiver: Waiver, verdict: Verdict, gates: Iterable[Gate], day: datetime.date) -> State:
    """Return what a waiver comes to for a verdict it covers.

    Examples
    --------
    >>> one = Waiver(gate="g", owner="o", reason="r", expires="2026-12-31", created="2026-10-01")
    >>> late = Verdict(gate="g", where={}, outcome="fail", severity="error")
    >>> state_of(one, late, [], datetime.date(2026, 12, 31)), state_of(one, late, [], datetime.date(2027, 1, 1))
    ('active', 'expired')
    """
    if datetime.date.fromisoformat(waiver.expires) < day:
        return "expired"
    if waiver.created and datetime.date.fromisoformat(waiver.created) > day:
        return "early"
    value = None if verdict.estimate is None else verdict.estimate.value
    if waiver.limit is None or value is None:
        return "active"
    gate = next((gate for gate in gates if _is_judged_by(gate, verdict)), None)
    return "exceeded" if gate is not None and _is_worse(value, waiver.limit, gate) else "active"


def _is_judged_by(gate: Gate, verdict: Verdict) -> bool:
    """Tell which of several gates of one id a verdict came from, by the metric."""
    return verdict.estimate is not None and verdict.estimate.metric.startswith(names_of(gate))


def _is_worse(value: float, limit: float, gate: Gate) -> bool:
    if gate.op == ">=":
        return value < limit
    if gate.op == "<=":
        return value > limit
    if isinstance(gate.threshold, tuple):
        return value < min(limit, gate.threshold[0]) or value > max(limit, gate.threshold[1])
    return abs(value) > abs(limit)


def _who(waiver: Waiver) -> str:
    ticket = f" ({waiver.ticket})" if waiver.ticket else ""
    return f"waiver of {waiver.owner} until {waiver.expires}{ticket}: {waiver.reason}"


def _refusal(waiver: Waiver, state: State) -> str:
    if state == "exceeded":
        return f"worse than the limit {waiver.limit:g} of the {_who(waiver)}"
    table: Mapping[State, str] = {"expired": "has expired", "early": f"begins on {waiver.created}"}
    return f"the {_who(waiver)} {table[state]}"


def unused_waivers(policy: Policy, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Name the waivers that nothing needs any more, one line each."""
    open_ones = [verdict for verdict in verdicts if verdict.outcome in {"waived", "fail", "inconclusive"}]
    return tuple(
        f"waiver of {waiver.gate} by {waiver.owner} is not used: nothing it covers fails; delete it"
        for waiver in policy.waivers
        if not any(covers(waiver, verdict) for verdict in open_ones)
    )
