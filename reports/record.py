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

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from reports.addresses import HOUSE_WORDS, address
from reports.exhibit import (
    Bar,
    Bars,
    Cell,
    Curve,
    Exhibit,
    Forest,
    ForestRow,
    Image,
    Mark,
    Matrix,
    Prose,
    Series,
    Table,
    require_count,
    require_finite,
)
from reports.identity import (
    Card,
    DataInfo,
    Environment,
    FeatureInfo,
    GroupInfo,
    ModelInfo,
    RecordCard,
    SplitInfo,
    blank_sections,
)
from reports.pairing import PairedGroups, Pairing
from reports.rules import Gate, GateKind, OnInconclusive, Operator, Policy, Severity, Source, Waiver, Where

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "HOUSE_WORDS", "LEFT_OUT", "SCHEMA_VERSION", "UNREACHED", "AuditRecord", "Bar", "Bars", "Card", "Cell", "Curve",
    "DataInfo", "Environment", "Estimate", "Exhibit", "FeatureInfo", "Finding", "FindingOutcome", "Forest",
    "ForestRow", "Gate", "GateKind", "GroupInfo", "Image", "Json", "Mark", "Matrix", "Measurement", "ModelInfo",
    "OnInconclusive", "Operator", "PairedGroups", "Pairing", "Policy", "Prose", "Series", "Severity", "Source",
    "SplitInfo", "Table", "Task", "Verdict", "VerdictOutcome", "Waiver", "Where", "blank_sections", "require_finite",
]  # fmt: skip

SCHEMA_VERSION = 2

Task = Literal["binary", "multiclass", "regression"]
LEFT_OUT = "left out of a quick audit"
"""Reason of a finding that only an audit without ``--quick`` looks for."""
UNREACHED = "not reached before the run was interrupted"
"""Reason of a finding that a run did not come to."""
FindingOutcome = Literal["measured", "not_applicable", "skipped", "error"]
VerdictOutcome = Literal["pass", "fail", "inconclusive", "error", "waived", "not_assessed"]
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


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
        require_count(f"estimate {self.metric!r}", n=self.n)
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

    @property
    def address(self) -> str:
        """The slice in words, as :func:`reports.addresses.address` writes every one."""
        return address(self.where)

    def affine(self, slope: float, intercept: float = 0.0) -> Estimate:
        """Return the estimate of `slope` times the number plus `intercept`; a negative slope swaps the limits.

        Examples
        --------
        >>> recall = Estimate(metric="recall", value=0.8, low=0.7, high=0.87)
        >>> str(recall.affine(-1.0)), str(recall.affine(-1.0, 1.0))
        ('-0.800 [-0.870, -0.700]', '0.200 [0.130, 0.300]')
        """
        low, value, high = (
            None if end is None else slope * end + intercept for end in (self.low, self.value, self.high)
        )
        low, high = (high, low) if slope < 0 else (low, high)
        return replace(self, value=value, low=low, high=high)

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
    """Processor time of the check, and of the evidence that it was the first to ask for."""
    reused: bool = False
    """Whether the measurement comes from an earlier run of the same evidence."""

    def __post_init__(self) -> None:
        if (self.outcome == "measured") != (self.measurement is not None):
            raise ValueError(f"finding {self.check!r}: outcome {self.outcome!r} does not fit its measurement")
        if self.outcome != "measured" and not self.reason:
            raise ValueError(f"finding {self.check!r}: outcome {self.outcome!r} needs a reason")


# --- what was decided ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Verdict:
    """What became of one gate on one slice.

    Examples
    --------
    >>> Verdict(gate="FAIR001", where={"sex": "f"}, outcome="fail", severity="warning", message="sex: f: too few")
    Verdict('FAIR001', fail, 'sex: f: too few')
    """

    gate: str
    where: Where
    outcome: VerdictOutcome
    severity: Severity
    estimate: Estimate | None = None
    n_needed: int | None = None
    """Rows needed to settle an inconclusive verdict if the estimate holds."""
    detectable: float | None = None
    """Smallest distance past the limit that these rows would show with 80 % power."""
    p_adjusted: float | None = None
    """One-sided p-value of failing, after Holm's correction within the family."""
    extent: Estimate | None = None
    """Rows per 1,000 decisions that would have to come out differently for the rule to hold, with interval."""
    rank: int | None = None
    """Place among the verdicts that ask for attention; 1 is looked at first."""
    message: str = ""
    next_step: str = ""
    source: Source | None = None
    slices: int = 1
    """Slices that it speaks for: more than one where similar verdicts are shown as one."""

    def __post_init__(self) -> None:
        require_finite(f"verdict {self.gate!r}", detectable=self.detectable, p_adjusted=self.p_adjusted)

    def __repr__(self) -> str:
        """Say in a line which gate came to what, and why."""
        return f"Verdict({self.gate!r}, {self.outcome}, {self.message!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, weakref_slot=True)
class AuditRecord:
    """Everything an audit found out and decided; all reports are drawn from it alone.

    Examples
    --------
    >>> found = Measurement(summary="", estimates=(Estimate(metric="recall", value=0.8, where={"sex": "f"}),))
    >>> finding = Finding(
    ...     check="c", title="t", family="groups", revision=1, outcome="measured", measurement=found
    ... )
    >>> record = AuditRecord(
    ...     tool="modelassay", created="", seed=0, task="binary", findings=(finding,),
    ...     model=ModelInfo(name="m", kind="", format="none"), data=DataInfo(target="y"), environment=Environment(),
    ... )
    >>> record.metric("recall", sex="f").value
    0.8
    >>> record.verdict
    'Not judged: no rule was evaluated.'
    """

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
    """The people's words; called, ``report.card(path)``, they return the card's page and write it."""
    warnings: tuple[str, ...] = ()
    pairing: Pairing | None = None
    """Answers by row, without which a later audit can only be compared by independent intervals."""
    reused: tuple[str, ...] = ()
    """Kinds of evidence that an interrupted run had gathered, and this one went on from."""
    partial: str = ""
    """Why the record holds less than was asked for; ``""`` where it is whole."""

    @property
    def verdict(self) -> str:
        """What the audit comes to, in a sentence."""
        return str(_drawn("summary", "verdict_sentence", self))

    @property
    def concerns(self) -> tuple[Verdict, ...]:
        """Verdicts of catalogue rules that failed, the first to look at first."""
        return tuple(_drawn("summary", "concerns", self))

    @property
    def criteria(self) -> tuple[Verdict, ...]:
        """Verdicts of the release criteria (gates of the team's own), the first to look at first."""
        return tuple(_drawn("summary", "criteria", self))

    def metric(self, name: str, where: Where | None = None, /, **levels: str) -> Estimate:
        """Return the estimate of a metric on a slice.

        Parameters
        ----------
        name : str
            As in the record: ``recall``, ``selection_rate``.
        where : mapping, optional
            Levels by key, for keys that are not Python names.
        **levels : str
            Levels by key; the test rows, where no ``split`` is named.

        Returns
        -------
        Estimate

        Raises
        ------
        LookupError
            If there is no such metric, or not on this slice; the text names the nearest.
        """
        if not isinstance(where, Mapping | None):
            raise TypeError(f"where is {where!r}; expected a mapping, or the column: metric({name!r}, group='level')")
        estimate: Estimate = _drawn("lookup", "metric", self, name, {**(where or {}), **levels})
        return estimate

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:  # noqa: ANN401 -- the user's library
        """Return all estimates as a data frame of pandas or polars, one a row, keys of addresses as columns."""
        return _drawn("lookup", "frame", self, library)

    @property
    def plot(self) -> Any:  # noqa: ANN401 -- a record is typed without knowing renderers
        """Charts on matplotlib's axes, see :class:`reports.figures.Plots`: ``.roc()``, ``.rates("sex")`` …"""
        return _drawn("figures", "Plots", self)

    def save(self, path: str | Path) -> None:
        """Write the record as JSON, whole or not at all; :func:`modelassay.load` reads it.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        _drawn("store", "save", self, path)

    def write_card(self, path: str | Path, edition: Literal["full", "short"] = "full") -> None:
        """Write the card as one HTML file, whole or not at all; the same as ``report.card(path)``.

        Parameters
        ----------
        path : str or Path
        edition : {'full', 'short'}, default='full'
            ``short`` leaves out the annex: at most eight printed pages.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        self._page(path, edition)

    def _page(self, path: str | Path | None, edition: str) -> str:
        """Return the card as a page, and write it where `path` is given."""
        page = str(_drawn("html", "render", self, edition))
        if path is not None:
            _drawn("store", "write_text_atomically", path, page)
        return page

    def __repr__(self) -> str:
        return str(_drawn("summary", "short", self))

    def _repr_html_(self) -> str:
        return str(_drawn("html", "notebook", self))


_WORDS = AuditRecord.__dict__["card"]
setattr(  # noqa: B010 -- a field whose words can be called, which the class statement cannot say
    AuditRecord,
    "card",
    property(
        lambda record: RecordCard.of(_WORDS.__get__(record), record._page),
        lambda record, words: _WORDS.__set__(record, RecordCard.plain(words)),
    ),
)


def _drawn(module: str, function: str, *arguments: object) -> Any:  # noqa: ANN401 -- as the function returns
    """Call a renderer, imported only now: the record itself needs the standard library alone."""
    return getattr(importlib.import_module(f"reports.{module}"), function)(*arguments)
