"""More than two models: each against the best of all, with the choice of the best allowed for (Hsu 1984)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from audit.comparing.baseline import answers_of, better_of, by_address, is_paired, names_for, own_directions
from audit.estimate.best import against_best, paired_with_best
from audit.estimate.paired import churn, paired_difference
from audit.evidence import Predictions
from reports.record import AuditRecord, Estimate

Standing = Literal["best shown", "may be the best", "worse than the best", "not measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of several models."""

    name: str
    value: Estimate | None
    """Its headline metric on the test rows."""
    behind: Estimate | None
    """The metric less the best model's; at most 0 where more is better."""
    standing: Standing
    paired: bool
    churn: Estimate | None = None
    """Share of its decisions that differ from the first model's."""


def contenders(records: Sequence[AuditRecord], names: Sequence[str]) -> tuple[Contender, ...]:
    """Compare each model with the best of all on the headline metric of the last.

    Parameters
    ----------
    records : sequence of AuditRecord
    names : sequence of str
        What the models are called.
    """
    metric, task = records[-1].headline, records[-1].task
    better = better_of(metric, own_directions(records[-1]))
    highest = better != "lower"
    own = [by_address(record).get((metric, (("split", "test"),))) for record in records]
    answers = _answers(records, metric)
    entries = []
    for place, name in enumerate(names):
        behind = None if better == "neither" else _behind(place, own, answers, metric, highest)
        moved = churn(answers[place], answers[0]) if answers and place and task != "regression" else None
        entries.append(
            Contender(
                name=name, value=own[place], behind=behind, standing=_standing(behind, highest),
                paired=bool(answers), churn=moved,
            )
        )  # fmt: skip
    return _leader(entries)


def _answers(records: Sequence[AuditRecord], metric: str) -> list[Predictions]:
    """Return all models' answers to the same rows, or nothing where they are not the same or lack the metric."""
    if not all(is_paired(record.pairing, records[-1].pairing) for record in records):
        return []
    answers = [answers_of(record.pairing, records[-1]) for record in records]
    answers = [replace(answer, y_true=answers[-1].y_true) for answer in answers]
    return answers if all(metric in names_for(answer, answers[-1]) for answer in answers) else []


def _behind(
    place: int, own: Sequence[Estimate | None], answers: Sequence[Predictions], metric: str, highest: bool
) -> Estimate | None:
    mine = own[place]
    if mine is None:
        return None
    if not answers:
        peers = [estimate for estimate in own if estimate is not None]
        return against_best([mine], peers, "difference", highest=highest)[0]
    gaps = [
        paired_difference(answers[place], predictions, metric) for k, predictions in enumerate(answers) if k != place
    ]
    return paired_with_best(mine, gaps, highest=highest)


def _standing(behind: Estimate | None, highest: bool) -> Standing:
    if behind is None or behind.low is None or behind.high is None:
        return "not measured"
    return "worse than the best" if (behind.high < 0 if highest else behind.low > 0) else "may be the best"


def _leader(contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Name a single model that may still be the best the best that is shown."""
    open_ = [contender for contender in contenders if contender.standing == "may be the best"]
    settled = len(open_) == 1 and all(contender.standing != "not measured" for contender in contenders)
    return tuple(
        replace(contender, standing="best shown") if settled and contender in open_ else contender
        for contender in contenders
    )
