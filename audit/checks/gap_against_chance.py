"""Are the gaps among groups larger than chance makes them?"""

from __future__ import annotations

from dataclasses import replace

from audit.check import check
from audit.estimate.chance import Chance
from audit.estimate.making import p_value
from audit.statistics.intervals import holm
from reports.record import Cell, Estimate, Measurement, Table


@check(
    title="Gaps against chance",
    family="fairness",
    references=(
        "Westfall and Young 1993, Resampling-based multiple testing",
        "Holm 1979",
        "DiCiccio et al. 2020, Evaluating fairness using permutation tests",
        "Janssen 1997, Studentized permutation tests for non-i.i.d. hypotheses",
    ),
    revision=3,
)
def gap_against_chance(gaps_by_chance: tuple[Chance, ...]) -> Measurement:
    """Compare the gaps among the groups of each feature with those of shuffled groups.

    Reading. Some gap is always there: the largest less the smallest of several rates is above zero by chance
    alone. The p-value is the share of shuffles with an equally extreme group, over all groups and metrics of
    the feature, corrected by Holm over features. The detectable gap is the smallest that this many rows show
    four times out of five: where it is large, a small gap that was not found may still be there.

    Rates of a binary task count the favorable outcome where it is stated, and otherwise the positive class.

    Limits. A gap beyond chance may be small, and one within chance may be real. Rows count with their weights,
    rows of one cluster stay together, and groups under the least number of rows take no part.
    """
    known = [chance for chance in gaps_by_chance if chance.p is not None]
    corrected = dict(
        zip((chance.feature for chance in known), holm([chance.p or 0.0 for chance in known]), strict=True)
    )
    estimates: list[Estimate] = []
    for chance in gaps_by_chance:
        raw = chance.estimates()
        estimates += [_adjust(raw[0], corrected.get(chance.feature), len(known)), *raw]
    outcomes = sorted({chance.outcome for chance in gaps_by_chance} - {""})
    table = Table(
        title="Gaps among groups, and what chance makes of shuffled ones",
        columns=("feature", "metric", "gap", "by chance", "limit of chance", "p", "detectable", "farthest"),
        rows=tuple(row for chance in gaps_by_chance for row in _rows(chance)),
        caption="A gap is the largest value less the smallest; p is corrected for groups and metrics of the feature."
        + "".join(f" Rates count the favorable outcome, “{name}”." for name in outcomes),
    )
    beyond = [name for name, p in corrected.items() if p < 0.05]
    text = f"Gaps beyond chance: {', '.join(beyond)}." if beyond else "No gap is beyond what shuffled groups show."
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=(table,))


def _adjust(raw: Estimate, p: float | None, features: int) -> Estimate:
    """Carry the Monte-Carlo interval of a p-value over to its corrected value."""
    if p is None or raw.value is None or raw.low is None or raw.high is None:
        return replace(raw, metric="gap_p_value_adjusted")
    factor = p / raw.value
    method = f"{raw.method}, Holm over {features} features" if features > 1 else raw.method
    limits = (factor * raw.low, factor * raw.high)
    return p_value("gap_p_value_adjusted", p, raw.where, method=method, n=raw.n, limits=limits, level=raw.level)


def _rows(chance: Chance) -> list[tuple[Cell, ...]]:
    return [
        (
            chance.feature,
            gap.metric,
            round(gap.value, 6),
            round(gap.expected, 6),
            round(gap.limit, 6),
            round(gap.p, 6),
            round(gap.detectable, 6),
            gap.group,
        )
        for gap in chance.gaps
    ]
