"""Which verdicts to look at first.

What makes the audit itself unreliable comes first, then release criteria that are not met, then concerns
by how many decisions they reach times how severe they are, then hygiene of data and files, then
paperwork. What is open comes after what failed, in the same order. Codes and p-values have no say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.families import WEIGHTS, family_named, unknown_reach
from reports.record import HOUSE_WORDS, Gate, Verdict

DECLARATIONS = frozenset({"favorable_outcome_not_stated"})
"""Numbers that only say what people have left unsaid."""
OPEN = 10
"""What is open ranks behind everything that failed."""


def rank_verdicts(
    verdicts: Sequence[Verdict], gates: Sequence[Gate], families: Mapping[str, str]
) -> tuple[Verdict, ...]:
    """Give a rank to each verdict that asks for attention; 1 is looked at first.

    Parameters
    ----------
    verdicts : sequence of Verdict
    gates : sequence of Gate
        The gate that each verdict came from, one for one.
    families : mapping of str to str
        Family of each check.

    Examples
    --------
    >>> skill = Gate(id="b", title="", check="skill", metric="m", severity="error", from_catalogue=True)
    >>> blank = Gate(id="a", title="", check="card_blanks", metric="m", from_catalogue=True)
    >>> made = [Verdict(gate=one.id, where={}, outcome="fail", severity=one.severity) for one in (blank, skill)]
    >>> [one.rank for one in rank_verdicts(made, [blank, skill], {"skill": "performance", "card_blanks": "card"})]
    [2, 1]
    """
    asking = [place for place, verdict in enumerate(verdicts) if verdict.outcome in ("fail", "error", "inconclusive")]
    keys = {place: _key(verdicts[place], gates[place], families) for place in asking}
    parts: dict[_Part, tuple[int, float]] = {}
    for place in asking:
        if len(groups := _groups(verdicts[place])) == 1:
            part = (verdicts[place].gate, *groups[0])
            parts[part] = min(parts.get(part, keys[place][:2]), keys[place][:2])
    asking.sort(key=lambda place: _fold(keys[place], verdicts[place], parts))
    order = {place: rank for rank, place in enumerate(asking, start=1)}
    return tuple(replace(verdict, rank=order.get(place)) for place, verdict in enumerate(verdicts))


_Key = tuple[int, float, float, float]


def _key(verdict: Verdict, gate: Gate, families: Mapping[str, str]) -> _Key:
    family = families.get(gate.check, "")
    return _tier(verdict, gate, family), -reach(verdict, family), -_surely(verdict), -_beyond(verdict, gate)


_Part = tuple[str, str, str]
"""A gate, a feature and its level."""


def _groups(verdict: Verdict) -> list[tuple[str, str]]:
    return [(key, level) for key, level in sorted(verdict.where.items()) if key not in HOUSE_WORDS]


def _fold(
    key: _Key, verdict: Verdict, parts: Mapping[_Part, tuple[int, float]]
) -> tuple[int, float, int, float, float]:
    """Put a crossing behind the single features it is made of, where those ask for attention as well."""
    groups = _groups(verdict)
    tier, reached, surely, beyond = key
    if len(groups) < 2:
        return tier, reached, 0, surely, beyond
    ahead = [parts[part] for group in groups if (part := (verdict.gate, *group)) in parts]
    return (*max([(tier, reached), *ahead]), 1, surely, beyond)


def _tier(verdict: Verdict, gate: Gate, family: str) -> int:
    if verdict.outcome == "inconclusive":
        blocks = gate.on_inconclusive == "block" and verdict.severity == "error"
        return 1 if blocks else OPEN + _kind(verdict, gate, family)
    if gate.invalidates and verdict.outcome == "fail":
        return 0
    return _kind(verdict, gate, family)


def _kind(verdict: Verdict, gate: Gate, family: str) -> int:
    if not gate.from_catalogue:
        return 1
    kind = family_named(family).kind
    if kind == "paperwork" or gate.metric in DECLARATIONS:
        return 4
    return 3 if kind == "hygiene" or verdict.severity == "note" else 2


def reach(verdict: Verdict, family: str) -> float:
    """Return rows per 1,000 times severity; where the number has no extent, the usual one of the family."""
    known = verdict.extent.value if verdict.extent is not None else None
    return WEIGHTS[verdict.severity] * (unknown_reach(family, verdict.severity) if known is None else known)


def _surely(verdict: Verdict) -> float:
    """Return the rows per 1,000 that are certain."""
    return (verdict.extent.low or 0.0) if verdict.extent is not None else 0.0


def _beyond(verdict: Verdict, gate: Gate) -> float:
    """Return how many times its limit a number is, which orders what reaches nobody knows how many decisions."""
    value = verdict.estimate.value if verdict.estimate is not None else None
    if value is None or isinstance(gate.threshold, tuple) or not gate.threshold:
        return 0.0
    times = abs(value / gate.threshold)
    return -times if gate.op == ">=" else times
