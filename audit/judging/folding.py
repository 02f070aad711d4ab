"""Similar verdicts shown as one, where an audit asks more questions than anybody reads.

Everything is decided first, each number by itself and with Holm's correction over all of them. Only then, where
there are more verdicts than `MOST`, those that hold no question are folded: crossings of features that all passed,
then columns that all passed, then crossings that all stay open. What failed is never folded, nor is a group of a
single feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.record import HOUSE_WORDS, Verdict, VerdictOutcome, Where

MOST = 2_000
"""Verdicts that a record holds before alike ones are folded."""
COLUMN = "feature"
"""The key of verdicts on single columns."""

_Kind = tuple[str, str, VerdictOutcome, tuple[tuple[str, str], ...]]
_DONE: frozenset[VerdictOutcome] = frozenset({"pass", "not_assessed"})
_OPEN: frozenset[VerdictOutcome] = frozenset({"inconclusive"})


def fold_verdicts(verdicts: Sequence[Verdict], most: int = MOST) -> tuple[Verdict, ...]:
    """Fold alike verdicts until no more than `most` are left, or none can be folded.

    Parameters
    ----------
    verdicts : sequence of Verdict
        Ranked.
    most : int

    Returns
    -------
    tuple of Verdict
        A folded verdict stands at the place of the first that it speaks for, has the estimate of the one nearest
        to failing, and says for how many it speaks (``slices``).

    Examples
    --------
    >>> made = [Verdict(gate="g", where={"sex": sex, "race": race}, outcome="pass", severity="note")
    ...         for sex in "fm" for race in "ab"]
    >>> [(dict(one.where), one.slices) for one in fold_verdicts(made, most=2)]
    [({'sex': '*', 'race': '*'}, 4)]
    """
    pair = tuple(verdicts)
    for crossed, outcomes in ((True, _DONE), (False, _DONE), (True, _OPEN), (False, _OPEN)):
        if len(pair) <= most:
            break
        pair = _without_alike(pair, crossed, outcomes)
    return pair


def _without_alike(
    verdicts: Sequence[Verdict], crossed: bool, outcomes: frozenset[VerdictOutcome]
) -> tuple[Verdict, ...]:
    kinds: dict[_Kind | int, list[Verdict]] = {}
    for place, verdict in enumerate(verdicts):
        free = _free(verdict.where, crossed) if verdict.outcome in outcomes else ()
        kinds.setdefault(_kind(verdict, free) if free else place, []).append(verdict)
    return tuple(_one_for(alike, crossed) if len(alike) > 1 else alike[0] for alike in kinds.values())


def _free(where: Where, crossed: bool) -> tuple[str, ...]:
    """Return the keys whose levels may be folded: crossed features, or the column."""
    groups = tuple(key for key in where if key not in HOUSE_WORDS)
    if crossed:
        return groups if len(groups) > 1 else ()
    return (COLUMN,) if COLUMN in where and not groups else ()


def _kind(verdict: Verdict, free: tuple[str, ...]) -> _Kind:
    where = {key: "*" if key in free else level for key, level in verdict.where.items()}
    return (
        verdict.gate,
        verdict.estimate.metric if verdict.estimate else "",
        verdict.outcome,
        tuple(sorted(where.items())),
    )


def _one_for(alike: Sequence[Verdict], crossed: bool) -> Verdict:
    nearest = min(
        alike, key=lambda verdict: (1.0 if verdict.p_adjusted is None else verdict.p_adjusted, verdict.rank or 0)
    )
    free = _free(nearest.where, crossed)
    count = sum(verdict.slices for verdict in alike)
    words = {"pass": "all pass", "not_assessed": "none is assessed", "inconclusive": "all stay open"}[nearest.outcome]
    head = f"{count:,} of {' × '.join(free)}, of which {words}" if crossed else f"{count:,} columns, of which {words}"
    lead = ": " if nearest.outcome == "not_assessed" else "; nearest to the limit: "
    return replace(
        nearest,
        where={key: "*" if key in free else level for key, level in nearest.where.items()},
        slices=count,
        message=f"{head}{lead}{nearest.message}" if nearest.message else head,
    )
