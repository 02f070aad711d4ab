"""What these rows do not settle, one line a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.phrases import BEYOND_REACH, count_noun, roughly, visible
from reports.ranking import families, usual_reach
from reports.record import AuditRecord, Verdict
from reports.results import GateResult, gate_results, slices


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One question that stays open, over all its slices."""

    name: str
    gate_id: str
    open: int
    """Slices that are inconclusive."""
    asked: int
    """Slices that were judged."""
    why: str
    """What an answer needs, or that nothing will."""

    @property
    def line(self) -> str:
        """The topic in a line."""
        of = f" ({self.open} of {self.asked})" if self.asked > 1 else ""
        return f"{self.name}{of}: {self.why}"


def topics(record: AuditRecord, results: Sequence[GateResult] | None = None) -> tuple[Topic, ...]:
    """List the questions with inconclusive verdicts: about people and performance first, notes last."""
    entries: list[tuple[float, Topic]] = []
    names = families(record)
    for result in gate_results(record) if results is None else results:
        asked = [verdict for verdict in result.verdicts if verdict.outcome != "not_assessed"]
        unsettled = [verdict for verdict in asked if verdict.outcome == "inconclusive"]
        if unsettled and result.worst.outcome == "inconclusive":
            topic = Topic(
                name=topic_name(result),
                gate_id=result.gate_id,
                open=slices(unsettled),
                asked=slices(asked),
                why=_why(unsettled),
            )
            entries.append((-usual_reach(result, names), topic))
    return tuple(topic for _, topic in sorted(entries, key=lambda pair: pair[0]))


def topic_name(result: GateResult) -> str:
    """Name a gate's question in a few words: its topic, else its title without hyphens."""
    gate = result.gate
    words = gate.topic or gate.title.replace("-", " ") if gate is not None else ""
    return visible(words, 80) or visible(result.gate_id, 60)


def _why(unsettled: Sequence[Verdict]) -> str:
    """Say how many rows the nearest needs and how many slices no number of rows will settle."""
    reachable = [verdict.n_needed for verdict in unsettled if verdict.n_needed is not None and not _beyond(verdict)]
    if not reachable:
        flag = any(verdict.n_needed is not None for verdict in unsettled)
        return "practically at the threshold; more rows will not help" if flag else "these rows cannot tell"
    least, most = (roughly(count) for count in (min(reachable), max(reachable)))
    here = {verdict.estimate.n for verdict in unsettled if verdict.estimate is not None}
    now = f" in place of {here.pop():,}" if len(here) == 1 and None not in here else ""
    rows = f"needs about {least} rows{now}" if least == most else f"needs about {least} to {most} rows in each"
    hopeless = len(unsettled) - len(reachable)
    rest = f"; {count_noun(hopeless, 'slice')} too close to the limit" if hopeless else ""
    return f"{rows}{rest}"


def _beyond(verdict: Verdict) -> bool:
    n = verdict.estimate.n if verdict.estimate else None
    return verdict.n_needed is not None and n is not None and verdict.n_needed > BEYOND_REACH * max(n, 1)
