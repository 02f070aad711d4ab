"""What a comparison comes to: one word, and what it rests on.

"Worse" is said at the risk of one in twenty in all: the headline metric keeps half of it, the other
metrics over all rows a quarter, the groups a quarter, each corrected for their number (Holm 1979). What lies
within rounding, three decimals, is not a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from audit.comparing.changes import Change, Turn
from audit.estimate.comparing import span_of
from audit.estimate.metrics import twin
from audit.statistics.intervals import holm, p_above, p_below
from reports.record import HOUSE_WORDS, Estimate

Word = Literal["worse", "better", "mixed", "no difference shown", "same answers"]
ROUNDING = 0.0005
"""Half of the last decimal that is shown; for numbers in the unit of a target, that share of the larger one."""
RISK = 0.05
"""Chance that "worse" is said although nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What became better, what worse, for whom, each shown beyond chance."""

    word: Word
    worse: tuple[Change, ...] = ()
    """Metrics over all rows, the headline first."""
    better: tuple[Change, ...] = ()
    groups_worse: tuple[Change, ...] = ()
    """Metrics of groups, those of one feature first, then the largest loss."""
    groups: int = 0
    """Groups that were compared; 0: none are declared or large enough."""
    turned: tuple[Turn, ...] = ()
    """Gates of severity error that failed only afterwards, under the same policy."""


def within_rounding(gap: Estimate, before: Estimate | None = None, after: Estimate | None = None) -> bool:
    """Tell whether a difference vanishes at three decimals.

    Examples
    --------
    >>> gap = Estimate(metric="brier_score_difference", value=0.0002, low=0.0001, high=0.0003, unit="difference")
    >>> within_rounding(gap)
    True
    """
    if gap.value is None:
        return False
    if gap.unit in ("difference", "proportion", "score", "ratio", ""):
        return abs(gap.value) < ROUNDING
    size = max(
        (abs(estimate.value) for estimate in (before, after) if estimate is not None and estimate.value is not None),
        default=0.0,
    )
    return abs(gap.value) < ROUNDING * size


def conclude(
    changes: Sequence[Change],
    turns: Sequence[Turn],
    names: Mapping[str, str],
    *,
    min_n: int,
    same: bool,
) -> Conclusion:
    """Say whether a model is better or worse than another.

    Parameters
    ----------
    changes : sequence of Change
        All numbers of both audits.
    turns : sequence of Turn
        Gates whose verdict differs, under the same policy.
    names : mapping of str to str
        Metrics that count and which way each is better, the headline first.
    min_n : int
        Smaller groups are shown, not judged.
    same : bool
        Whether both models gave the same answer to every row.
    """
    once, order = _once(changes, names), list(names)
    whole = [change for change in once if set(change.where) <= {"split"}]
    groups = [change for change in once if set(change.where) - HOUSE_WORDS and _n(change) >= min_n]
    headline, others = ([change for change in whole if (change.metric == order[0]) == first] for first in (True, False))
    loss, gain = (partial(_against, names, loss=loss) for loss in (True, False))
    worse = [*_show(headline, RISK / 2, loss), *_show(others, RISK / 4, loss)]
    better = [*_show(headline, RISK / 2, gain), *_show(others, RISK / 4, gain)]
    groups_worse = sorted(_show(groups, RISK / 4, loss), key=_size)
    turned = tuple(
        turn for turn in turns if turn.severity == "error" and turn.before == "pass" and turn.after == "fail"
    )
    lost = bool(worse or groups_worse or turned)
    word: Word = "worse" if lost else "better" if better else "same answers" if same else "no difference shown"
    return Conclusion(
        word="mixed" if lost and better else word,
        worse=tuple(worse),
        better=tuple(better),
        groups_worse=tuple(groups_worse),
        groups=len({tuple(sorted(group.where.items())) for group in groups}),
        turned=turned,
    )


def _once(changes: Sequence[Change], names: Mapping[str, str]) -> list[Change]:
    """Return each number of the test rows that counts once, the headline first."""
    table: dict[tuple[str, tuple[tuple[str, str], ...]], Change] = {}
    for change in changes:
        counts = names.get(change.metric, "neither") != "neither" and "class" not in change.where
        if counts and change.difference is not None and change.where.get("split", "test") == "test":
            table.setdefault((change.metric, tuple(sorted(change.where.items()))), change)
    order = list(names)
    once = [
        change for (metric, where), change in table.items() if metric == order[0] or (twin(metric), where) not in table
    ]
    return sorted(once, key=lambda change: order.index(change.metric))


def _size(change: Change) -> tuple[int, float]:
    """Order groups: those of one feature first, then the larger loss."""
    gap = change.difference.value if change.difference is not None else None
    return len(set(change.where) - HOUSE_WORDS), -abs(gap or 0.0)


def _n(change: Change) -> int:
    return min((estimate.n or 0 for estimate in (change.before, change.after) if estimate is not None), default=0)


def _show(changes: Sequence[Change], risk: float, chance: Callable[[Change], float]) -> list[Change]:
    adjusted = holm([chance(change) for change in changes])
    return [
        change
        for change, p in zip(changes, adjusted, strict=True)
        if p <= risk and not within_rounding(change.difference, change.before, change.after)  # type: ignore[arg-type]
    ]


def _against(names: Mapping[str, str], change: Change, *, loss: bool) -> float:
    """Return the one-sided p-value of "it is not worse than before", else of "it is not better"."""
    return _chance(change, below=(names[change.metric] == "higher") == loss)


def _chance(change: Change, *, below: bool) -> float:
    gap = change.difference
    span = None if gap is None else span_of(gap)
    if span is None or gap is None:
        return 1.0
    return (p_below if below else p_above)(span, 0.0, gap.level)
