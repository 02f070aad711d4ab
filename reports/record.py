"""The vocabulary of an audit: every type that stands in an audit record, and nothing else.

The record is the product of a run. Checks write it, gates judge it, renderers draw it; each of them
needs this module alone, and this module needs the standard library alone.

Rules that hold for every value here, checked when it is made:

* no NaN and no infinity: a number that does not exist is ``None`` and carries a reason;
* collections are tuples, mappings are never changed after they were handed over;
* ``where`` is an address such as ``{"split": "test", "sex": "Female"}``: rows carry it, estimates
  are addressed by it, gates select by it and renderers group by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reports.exhibit import (
    Bar as Bar,
)
from reports.exhibit import (
    Bars as Bars,
)
from reports.exhibit import (
    Cell as Cell,
)
from reports.exhibit import (
    Curve as Curve,
)
from reports.exhibit import (
    Exhibit as Exhibit,
)
from reports.exhibit import (
    Forest as Forest,
)
from reports.exhibit import (
    ForestRow as ForestRow,
)
from reports.exhibit import (
    Image as Image,
)
from reports.exhibit import (
    Matrix as Matrix,
)
from reports.exhibit import (
    Prose as Prose,
)
from reports.exhibit import (
    Series as Series,
)
from reports.exhibit import (
    Table as Table,
)
from reports.exhibit import (
    require_finite,
)
from reports.identity import (
    Card as Card,
)
from reports.identity import (
    DataInfo as DataInfo,
)
from reports.identity import (
    Environment as Environment,
)
from reports.identity import (
    FeatureInfo as FeatureInfo,
)
from reports.identity import (
    GroupInfo as GroupInfo,
)
from reports.identity import (
    ModelInfo as ModelInfo,
)
from reports.identity import (
    SplitInfo as SplitInfo,
)
from reports.identity import (
    blank_sections as blank_sections,
)
from reports.pairing import PairedGroups as PairedGroups
from reports.pairing import Pairing as Pairing

SCHEMA_VERSION = 1

Task = Literal["binary", "multiclass", "regression"]
FindingOutcome = Literal["measured", "not_applicable", "skipped", "error"]
VerdictOutcome = Literal["pass", "fail", "inconclusive", "error", "waived", "not_assessed"]
GateKind = Literal["value", "difference", "ratio", "no_regression"]
Operator = Literal[">=", "<=", "abs<=", "between"]
Severity = Literal["error", "warning", "note", "off"]
OnInconclusive = Literal["block", "warn", "pass"]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Where = Mapping[str, str]
HOUSE_WORDS = frozenset({"split", "fold", "variant", "class", "feature", "slice", "layer"})
"""Keys of addresses that are no feature of the rows."""


# --- numbers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number, its interval and its address: the atom of a record.

    Examples
    --------
    >>> recall = Estimate(metric="recall", value=0.8, low=0.7, high=0.87, n=100, where={"split": "test"})
    >>> str(recall)
    '0.800 [0.700, 0.870]'
    >>> str(Estimate(metric="recall", value=None, reason="no positive rows"))
    'undefined: no positive rows'
    """

    metric: str
    """Name of the quantity, as scikit-learn or fairlearn call it: ``recall``, ``selection_rate_ratio``."""
    value: float | None
    """The number, or ``None`` where it does not exist."""
    low: float | None = None
    """Lower end of the interval; equal to ``value`` for an exact count."""
    high: float | None = None
    """Upper end of the interval; equal to ``value`` for an exact count."""
    level: float = 0.95
    """Two-sided level of the interval, between 0 and 1."""
    method: str = ""
    """How the interval was made: ``wilson``, ``delong``, ``bootstrap`` …; ``count`` where the number is exact."""
    n: int | None = None
    """Rows (of the relevant kind) behind the number; ``None`` where it must not be shown."""
    where: Where = field(default_factory=dict)
    """The slice that the number speaks of."""
    unit: str = ""
    """``proportion``, ``score``, ``difference``, ``ratio``, ``count``, ``p-value``, or the unit of the target."""
    reason: str = ""
    """Why there is no value or no interval."""

    def __post_init__(self) -> None:
        require_finite(f"estimate {self.metric!r}", value=self.value, low=self.low, high=self.high, level=self.level)
        if not 0 < self.level < 1:
            raise ValueError(f"estimate {self.metric!r}: level is {self.level}; expected a number between 0 and 1")
        if self.value is None and not self.reason:
            raise ValueError(f"estimate {self.metric!r}: no value and no reason; say why it does not exist")
        if self.value is None and (self.low is not None or self.high is not None):
            raise ValueError(f"estimate {self.metric!r}: an interval without a value")
        if self.value is not None:
            low = self.value if self.low is None else self.low
            high = self.value if self.high is None else self.high
            if not low <= self.value <= high:
                raise ValueError(
                    f"estimate {self.metric!r}: interval [{low}, {high}] does not hold the value {self.value}"
                )

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined: {self.reason}"
        if self.method == "count":
            return f"{self.value:g}"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


# --- what was found -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All that a check returns: it draws nothing and judges nothing."""

    summary: str
    """One sentence for the card."""
    estimates: tuple[Estimate, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[str, ...] = ()
    """Limits of this very measurement: what was sampled, merged or left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A check's measurement, or the reason why there is none."""

    check: str
    title: str
    family: str
    """Section of the card: ``performance``, ``fairness``, ``data`` …"""
    revision: int
    """Goes up when the same evidence would give other numbers."""
    outcome: FindingOutcome
    reason: str = ""
    measurement: Measurement | None = None
    about: str = ""
    """How to read it and what limits it, from the check's own docstring."""
    references: tuple[str, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.outcome == "measured") != (self.measurement is not None):
            raise ValueError(f"finding {self.check!r}: outcome {self.outcome!r} does not fit its measurement")
        if self.outcome != "measured" and not self.reason:
            raise ValueError(f"finding {self.check!r}: outcome {self.outcome!r} needs a reason")


# --- what was asked and what was decided ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One rule of a policy: which number, held against which threshold, and what then."""

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
class Verdict:
    """What became of one gate on one slice."""

    gate: str
    where: Where
    outcome: VerdictOutcome
    severity: Severity
    estimate: Estimate | None = None
    n_needed: int | None = None
    """Rows that would settle an inconclusive verdict if the estimate holds."""
    detectable: float | None = None
    """Smallest shortfall that this many rows would show with 80 % power."""
    p_adjusted: float | None = None
    """One-sided p-value of failing, after Holm's correction within the family."""
    message: str = ""
    next_step: str = ""
    source: Source | None = None

    def __post_init__(self) -> None:
        require_finite(f"verdict {self.gate!r}", detectable=self.detectable, p_adjusted=self.p_adjusted)


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
    """Line of each gate in ``file``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Everything an audit found out and decided; all reports are drawn from it alone."""

    tool: str
    created: str
    """ISO time, from ``SOURCE_DATE_EPOCH`` where that is set."""
    seed: int
    task: Task
    model: ModelInfo
    data: DataInfo
    environment: Environment
    schema_version: int = SCHEMA_VERSION
    headline: str = ""
    """The metric that comparisons and the verdict speak of first."""
    config: Mapping[str, Json] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    policy: Policy = field(default_factory=Policy)
    verdicts: tuple[Verdict, ...] = ()
    card: Card = field(default_factory=Card)
    warnings: tuple[str, ...] = ()
    pairing: Pairing | None = None
    """Answers by row, without which a later audit can only be compared by independent intervals."""
