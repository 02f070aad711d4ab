"""What was asked: gates, waivers and the policy that holds them.

:mod:`reports.record` offers all of them under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reports.exhibit import require_finite

GateKind = Literal["value", "difference", "ratio", "no_regression"]
Operator = Literal[">=", "<=", "abs<=", "between"]
Severity = Literal["error", "warning", "note", "off"]
OnInconclusive = Literal["block", "warn", "pass"]
Decided = Literal["count", "interval", "proof"]
Where = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One rule of a policy: which number, compared with which threshold, and what then."""

    id: str
    title: str
    check: str
    """The check whose estimates are judged; ``""`` looks in every finding."""
    metric: str
    where: Where = field(default_factory=dict)
    """The whole address; ``"*"`` as a value means every level, ``"*"`` as a key any further keys."""
    kind: GateKind = "value"
    reference: str | Mapping[str, str] = ""
    """For differences and ratios: ``largest``, ``most_favored``, ``overall``, or ``{feature: level}``."""
    op: Operator = ">="
    threshold: float | tuple[float, float] = 0.0
    severity: Severity = "warning"
    on_inconclusive: OnInconclusive = "warn"
    decide: Literal["interval", "point"] = "interval"
    """``point``: the number alone decides, whatever its interval; chance trips such a gate as it likes."""
    min_n: int = 30
    min_share: float = 0.0
    """Groups that hold a smaller share of the rows are shown, not judged."""
    family: str = ""
    """Verdicts of one family share Holm's correction; by default a gate is its own family."""
    because: str = ""
    remedy: str = ""
    references: tuple[str, ...] = ()
    evidence_for: tuple[str, ...] = ()
    """Items of regulation or standards that this gives evidence for; a person decides what it proves."""
    from_catalogue: bool = False
    """Whether this is a rule of the catalogue, which raises concerns; a team's own gate is a release criterion."""
    invalidates: bool = False
    """Whether the audit itself cannot be relied on when this fails: leakage, invalid output, nondeterminism."""
    decided: Decided = "interval"
    """``count``: a fact about the rows at hand; ``interval``: inferred; ``proof``: must be shown to hold."""
    topic: str = ""
    """The question in a few plain words, such as ``calibration by group``; ``""``: the title's own."""

    def __post_init__(self) -> None:
        pair = isinstance(self.threshold, tuple)
        if pair != (self.op == "between"):
            raise ValueError(f"gate {self.id!r}: op {self.op!r} does not fit threshold {self.threshold!r}")
        for bound in self.threshold if isinstance(self.threshold, tuple) else (self.threshold,):
            require_finite(f"gate {self.id!r}", threshold=bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A person's decision to let one gate's failure stand for a while."""

    gate: str
    owner: str
    reason: str
    expires: str
    """ISO date; from the next day on the gate counts again."""
    where: Where = field(default_factory=dict)
    created: str = ""
    ticket: str = ""
    limit: float | None = None
    """The ratchet: a value worse than this fails in spite of the waiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The line of a policy file that a verdict goes back to."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The gates that were in force, where they came from, and the waivers granted."""

    name: str = "default"
    file: str = ""
    sha256: str = ""
    committed: str = ""
    """Time of the commit that holds the file, where that is known."""
    confidence: float = 0.95
    correction: Literal["holm", "none"] = "holm"
    margin: float = 0.01
    """Largest loss against a baseline that would be accepted."""
    gates: tuple[Gate, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line of each gate in ``file``, by id; further gates of one id are numbered: ``FAIR002 (2)``. Under ``""`` stands
    the line that brings in all others."""

    def line_of(self, gate: Gate) -> int:
        """Return the line of a gate in the policy file; where the file does not name it, the line that brings it in.

        Examples
        --------
        >>> one, other = (Gate(id="floor", title="", check="", metric=name, op=">=", threshold=0.8) for name in "ab")
        >>> policy = Policy(gates=(one, other), lines={"floor": 3, "floor (2)": 9})
        >>> policy.line_of(one), policy.line_of(other)
        (3, 9)
        """
        alike = [rule for rule in self.gates if rule.id == gate.id]
        number = alike.index(gate) + 1 if gate in alike else 1
        return self.lines.get(numbered_id(gate.id, number), self.lines.get(gate.id, self.lines.get("", 1)))


def numbered_id(name: str, number: int) -> str:
    """Write the id of the first, second … gate of one id.

    Examples
    --------
    >>> numbered_id("floor", 1), numbered_id("floor", 2)
    ('floor', 'floor (2)')
    """
    return name if number == 1 else f"{name} ({number})"
