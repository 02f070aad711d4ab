"""Verdicts gathered by gate, worst first, and the exit code they call for.

Every renderer says the same because every renderer asks here. Nothing is measured and nothing is
judged anew: the verdicts are in the record.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.phrases import address, count_noun, estimate_text, visible
from reports.record import HOUSE_WORDS, AuditRecord, Finding, Gate, Severity, Verdict, VerdictOutcome

OUTCOMES: tuple[VerdictOutcome, ...] = ("fail", "error", "inconclusive", "waived", "not_assessed", "pass")
"""Worst first."""
OUTCOME_WORDS: Mapping[VerdictOutcome, str] = {
    "fail": "failed",
    "error": "could not be decided",
    "inconclusive": "inconclusive",
    "waived": "waived",
    "not_assessed": "not assessed",
    "pass": "passed",
}
OUTCOME_MARKS: Mapping[VerdictOutcome, str] = {
    "fail": "▲",
    "error": "✖",
    "inconclusive": "◆",
    "waived": "◇",
    "not_assessed": "○",
    "pass": "●",
}
"""A shape for each outcome, so that color never speaks alone."""

INTERRUPTED = "Interrupted"
"""How the record of a run that did not end begins to say that it is partial."""
FEW_SLICES = 20
"""Verdicts of one gate that are all shown; of more, those that passed are counted."""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note", "off")
"""Gravest first."""
LOOK_WORDS = frozenset({"metric", "of", "over", "against"})
"""Keys of addresses that say which number of a window is looked at."""


def summary_of(record: AuditRecord, check: str) -> str:
    """Return what a check says it found; ``""`` where it found nothing."""
    return next(
        (
            visible(finding.measurement.summary, 400)
            for finding in record.findings
            if finding.check == check and finding.measurement is not None
        ),
        "",
    )


def _features(verdict: Verdict) -> set[str]:
    return set(verdict.where) - HOUSE_WORDS - LOOK_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate with all its verdicts, worst first."""

    gate: Gate | None
    """``None`` where the policy of the record does not hold the gate any more."""
    gate_id: str
    verdicts: tuple[Verdict, ...]

    @property
    def worst(self) -> Verdict:
        """The verdict that speaks for the gate: the worst of those that could be assessed, if any could."""
        return self.verdicts[0]

    @property
    def lead(self) -> Verdict:
        """The verdict to tell first: of the worst outcome, groups of one feature before crossed ones, widest reach."""
        alike = [verdict for verdict in self.verdicts if verdict.outcome == self.worst.outcome]
        single = [verdict for verdict in alike if len(_features(verdict)) <= 1]
        return min(single or alike, key=_reach)

    @property
    def crossed(self) -> tuple[Verdict, ...]:
        """Verdicts on groups of several features at once, which are folded under those of one."""
        return tuple(verdict for verdict in self.verdicts if len(_features(verdict)) > 1)

    @property
    def passed(self) -> str:
        """Say how many slices of a passed gate passed; nothing of any other gate, or of a single slice."""
        if self.worst.outcome != "pass" or len(self.verdicts) == 1:
            return ""
        held, of = slices(self.verdicts, "pass"), slices(self.verdicts)
        every = count_noun(of, "slice")
        return f"all {every} passed" if held == of else f"{held} of {every} passed; the rest unassessed"

    def first_verdicts(self, most: int) -> tuple[Verdict, ...]:
        """Return the slices to tell below a gate: none where all are alike, all of a few, else those without a pass."""
        first = (self.worst.outcome, self.worst.estimate, self.worst.message)
        if all((verdict.outcome, verdict.estimate, verdict.message) == first for verdict in self.verdicts):
            return ()
        if self.worst.outcome != "pass" and len(self.verdicts) <= min(most, FEW_SLICES):
            return self.verdicts
        return tuple(verdict for verdict in self.verdicts if verdict.outcome != "pass")[:most]

    @property
    def mixed(self) -> bool:
        """Whether its verdicts speak of several metrics, so that each must say which."""
        return len({verdict.estimate.metric for verdict in self.verdicts if verdict.estimate}) > 1

    @property
    def title(self) -> str:
        """The gate's title, or nothing where the policy does not hold it."""
        return visible(self.gate.title) if self.gate else ""


def slices(verdicts: Iterable[Verdict], outcome: VerdictOutcome | None = None) -> int:
    """Count the slices that verdicts speak for, of one outcome or of any."""
    return sum(verdict.slices for verdict in verdicts if outcome in (None, verdict.outcome))


def _reach(verdict: Verdict) -> tuple[float, float]:
    rank = verdict.rank if verdict.rank is not None else 1_000_000
    extent = verdict.extent.value if verdict.extent is not None and verdict.extent.value is not None else 0.0
    return rank, -extent


# --- the word and the code ------------------------------------------------------------------------


def exit_code(record: AuditRecord, strict: bool = False) -> int:
    """Return the exit code that the verdicts of a record call for.

    Parameters
    ----------
    record : AuditRecord
        A judged record.
    strict : bool, default=False
        Whether gates of severity ``warning`` count like those of severity ``error``; notes never do.

    Returns
    -------
    int
        1: a gate failed; 2: a gate could not be decided; 3: nothing worse than inconclusive under
        ``block``; 5: no gate was evaluated, a run was interrupted, or a partial record leaves one of the team's
        own open; 0: nothing blocks. Precedence 2 > 1 > 3 > 5 > 0.
    """
    counted_as = ("error", "warning") if strict else ("error",)
    binding = [verdict for verdict in record.verdicts if verdict.severity in counted_as]
    if any(verdict.outcome == "error" for verdict in binding):
        return 2
    if any(verdict.outcome == "fail" for verdict in binding):
        return 1
    if any(blocks(record, verdict) for verdict in binding):
        return 3
    if record.partial.startswith(INTERRUPTED):
        return 5
    own = {gate.id for gate in record.policy.gates if not gate.from_catalogue}
    if record.partial and any(verdict.outcome == "not_assessed" and verdict.gate in own for verdict in binding):
        return 5
    return 0 if any(_decide(verdict) for verdict in record.verdicts) else 5


def blocking(record: AuditRecord, strict: bool = False) -> tuple[Verdict, ...]:
    """Return the verdicts that make the exit code more than 0: failed, undecided or not shown, as :func:`exit_code`."""
    counted_as = ("error", "warning") if strict else ("error",)
    return tuple(
        verdict
        for verdict in record.verdicts
        if verdict.severity in counted_as and (verdict.outcome in ("fail", "error") or blocks(record, verdict))
    )


def blocks(record: AuditRecord, verdict: Verdict) -> bool:
    """Return whether a verdict is inconclusive where its gate demands proof."""
    if verdict.outcome != "inconclusive":
        return False
    return any(gate.id == verdict.gate and gate.on_inconclusive == "block" for gate in record.policy.gates)


def _decide(verdict: Verdict) -> bool:
    return verdict.severity != "off" and verdict.outcome in ("pass", "fail", "inconclusive", "waived")


def found_words(verdict: Verdict) -> str:
    """Say what was found for a verdict and where, each once; most messages begin with the slice and its number.

    Examples
    --------
    >>> one = Verdict(gate="g", where={"sex": "f"}, outcome="fail", severity="warning", message="sex: f: recall is 0.4")
    >>> found_words(one)
    'sex: f: recall is 0.4.'
    """
    place, message = address(verdict.where), visible(verdict.message, 600).rstrip(".")
    if message.startswith(f"{place}:"):
        return f"{message}."
    head = f"{place}: {estimate_text(verdict.estimate)}."
    return f"{head} {message}." if message else head


# --- worst first ----------------------------------------------------------------------------------


def gate_results(record: AuditRecord) -> tuple[GateResult, ...]:
    """Gather the verdicts by gate, worst gate first and worst slice first."""
    return _ordered.of(record)


class _LastOrdered:
    """The verdicts of the record that is being drawn: a card asks for their order at every turn."""

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[AuditRecord], tuple[GateResult, ...]] | None = None

    def of(self, record: AuditRecord) -> tuple[GateResult, ...]:
        """Order the verdicts of a record, once as long as the same object is asked for; records never change."""
        if self._last is None or self._last[0]() is not record:
            self._last = (weakref.ref(record), _worst_gate_first(record))
        return self._last[1]


_ordered = _LastOrdered()


def _worst_gate_first(record: AuditRecord) -> tuple[GateResult, ...]:
    order = {gate.id: position for position, gate in reversed(list(enumerate(record.policy.gates)))}
    grouped: dict[str, list[Verdict]] = {}
    for verdict in record.verdicts:
        if verdict.severity != "off":
            grouped.setdefault(verdict.gate, []).append(verdict)
    results: list[GateResult] = []
    for name, verdicts in grouped.items():
        ranked = _assessed_first(tuple(sorted(verdicts, key=lambda verdict: _rank(record, verdict))))
        results.append(GateResult(gate=gate_of(record, ranked[0]), gate_id=name, verdicts=ranked))
    return tuple(
        sorted(results, key=lambda result: (_rank(record, result.worst)[:2], order.get(result.gate_id, len(order))))
    )


def _assessed_first(ranked: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Let a pass speak before slices that could not be assessed."""
    if ranked[0].outcome != "not_assessed":
        return ranked
    return tuple(sorted(ranked, key=lambda verdict: verdict.outcome == "not_assessed"))


def gate_of(record: AuditRecord, verdict: Verdict) -> Gate | None:
    """Find the gate a verdict speaks of; a rule may ask two questions under one code, distinguished by their metric."""
    alike = [gate for gate in record.policy.gates if gate.id == verdict.gate]
    metric = verdict.estimate.metric if verdict.estimate else ""
    return next((gate for gate in alike if gate.metric == metric), alike[0] if alike else None)


def worst_first(record: AuditRecord) -> tuple[Verdict, ...]:
    """Order all verdicts that count: failures of errors, then warnings, then notes; passes last."""
    return tuple(
        sorted(
            (verdict for verdict in record.verdicts if verdict.severity != "off"),
            key=lambda verdict: _rank(record, verdict),
        )
    )


def _rank(record: AuditRecord, verdict: Verdict) -> tuple[int, int, float, str, str]:
    severity = SEVERITIES.index(verdict.severity)
    outcome = OUTCOMES.index(verdict.outcome)
    troubled = verdict.outcome in ("fail", "error", "inconclusive")
    if verdict.outcome == "inconclusive" and not blocks(record, verdict):
        severity = max(severity, 1)
        outcome += 3  # behind failures of the same severity, and behind those that block
    first = severity if troubled else 10 + outcome
    tie = verdict.p_adjusted if verdict.p_adjusted is not None else 1.0
    return first, outcome, tie, visible(verdict.gate), address(verdict.where)


def calm_checks(record: AuditRecord) -> frozenset[str]:
    """Name the checks that gates speak of and of which every verdict is a pass."""
    outcomes: dict[str, set[VerdictOutcome]] = {}
    for result in gate_results(record):
        if result.gate is not None:
            outcomes.setdefault(result.gate.check, set()).update(verdict.outcome for verdict in result.verdicts)
    return frozenset(check for check, seen in outcomes.items() if seen == {"pass"})


# --- findings -------------------------------------------------------------------------------------


def finding_words(finding: Finding) -> str:
    """Say in words what became of a check.

    Examples
    --------
    >>> finding_words(Finding(check="c", title="t", family="data", revision=1, outcome="not_applicable", reason="r"))
    'does not apply'
    """
    words = {"measured": "measured", "not_applicable": "does not apply", "skipped": "skipped", "error": "failed to run"}
    return words[finding.outcome]
