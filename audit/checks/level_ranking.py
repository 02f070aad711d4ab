"""How much the groups of a feature with many levels differ, and which stand out."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.data.factor import Factor
from audit.data.suppression import hidden_levels
from audit.errors import NotApplicable
from audit.estimate.levels import Levels, gap_from_rest, levels_of, spread_estimate
from audit.estimate.making import absent
from audit.evidence import Predictions
from reports.phrases import metric_words
from reports.record import Cell, Estimate, Measurement, Table

METRICS = {
    "binary": ("error_rate", "selection_rate", "true_positive_rate", "false_positive_rate"),
    "multiclass": ("error_rate",),
    "regression": ("mean_error",),
}
MANY = 10
"""Levels from which on their spread is measured: with fewer, each is shown by itself."""


@check(
    title="Groups of a feature with many levels",
    family="groups",
    references=(
        "Paule and Mandel 1982, Consensus values and weighting factors",
        "Viechtbauer 2007, Confidence intervals for the amount of heterogeneity in meta-analysis",
        "Holm 1979",
        "Goldstein and Spiegelhalter 1996, League tables and their limitations",
    ),
)
def level_ranking(predictions: Predictions, *, most: int = 10) -> Measurement:
    """Measure how much the levels of a feature differ beyond chance, and rank them.

    Reading. The spread is the standard deviation of the groups' true rates: what would be left of their
    differences if every group had very many rows. Near zero, the groups are alike, whatever the extremes show.
    Of a feature with more than fifty levels, such as a county or a shop, the largest are compared one by one and
    the others together; here every level with enough rows is compared with all other rows. Intervals of these
    differences, and their p-values, hold for all levels together; the level that is farthest beyond chance is
    judged. "Drawn in" is the best guess of a group's rate: its own rate, moved
    toward the mean the more the fewer rows it has.

    Limits. A ranking is not a verdict on those at its end: with many groups some are always last. Levels of few
    rows are in no table, though a few rows may hide a large harm.

    Parameters
    ----------
    most : int
        Levels that are listed of each metric.
    """
    test = predictions.select(split="test")
    wide = {name: _factor(test, name) for name in test.sensitive if len(_factor(test, name).levels) >= MANY}
    if not wide:
        raise NotApplicable(
            f"for sensitive features with {MANY} or more levels only; smaller ones are compared group by group"
        )
    estimates: list[Estimate] = []
    tables: list[Table] = []
    lines: list[str] = []
    for feature, factor in wide.items():
        ranked = feature in test.levels
        for metric in METRICS[test.task]:
            levels = _measure(test, feature, factor, metric, least=2)
            if isinstance(levels, str):
                at = {**test.where, "feature": feature}
                estimates.append(absent(f"{metric}_spread", at, levels, unit="difference", level=test.settings.level))
                continue
            estimates.append(spread_estimate(levels, feature, test.where, test.settings.level))
            lines += [] if metric != METRICS[test.task][0] else [_sentence(feature, factor, levels, estimates[-1])]
            large = _measure(test, feature, factor, metric, least=test.settings.min_n) if ranked else ""
            if isinstance(large, Levels):
                places = large.farthest(most, test.settings.level)
                gaps = [gap_from_rest(large, at, feature, test.where, test.settings.level) for at in places]
                estimates += gaps[:1] if test.task != "regression" else []
                tables += [_table(large, places, gaps, feature, folded=bool(tables))]
    return Measurement(
        summary=" ".join(lines) or "No feature has two levels of enough rows.",
        estimates=tuple(estimates),
        exhibits=tuple(tables),
        notes=tuple(_note(feature, test) for feature in wide if feature in test.levels),
    )


def _factor(test: Predictions, name: str) -> Factor:
    return test.levels.get(name, test.keys[name])


def _measure(test: Predictions, feature: str, factor: Factor, metric: str, *, least: int) -> Levels | str:
    settings = test.settings
    rows = np.ones(len(test), dtype=np.int64) if test.repeats is None else test.repeats.n.astype(np.int64)
    out = set(hidden_levels(factor, rows, settings.suppress_n))
    if feature not in test.levels:
        out |= {level for level in factor.levels if settings.why_hidden({feature: level}, settings.suppress_n)}
    hidden = frozenset(code for code, level in enumerate(factor.levels) if level in out)
    return levels_of(test, factor, metric, least=max(least, settings.suppress_n), level=settings.level, hidden=hidden)


def _table(levels: Levels, places: list[int], gaps: list[Estimate], feature: str, *, folded: bool) -> Table:
    p, drawn, names = levels.p_values(), levels.drawn_in(), levels.names()
    rows: list[tuple[Cell, ...]] = [
        (names[at], int(levels.n[at]), round(float(levels.value[at]), 4), round(float(drawn[at]), 4), str(gap),
         round(float(p[at]), 6))
        for at, gap in zip(places, gaps, strict=True)
    ]  # fmt: skip
    beyond = int((p < 0.05).sum())
    return Table(
        title=f"Levels of {feature} that differ most from the rest: {metric_words(levels.metric)}",
        columns=("level", "n", metric_words(levels.metric), "drawn in", "less the rest", "p"),
        rows=tuple(rows),
        caption=f"{len(levels.code):,} levels have enough rows; {beyond:,} of them differ from the rest beyond chance "
        "(p < 0.05, corrected over all of them).",
        folded=folded,
    )


def _sentence(feature: str, factor: Factor, levels: Levels, spread: Estimate) -> str:
    return (
        f"{metric_words(levels.metric).capitalize()} of the {len(levels.code):,} largest of {len(factor.levels):,} "
        f"levels of {feature}: standard deviation between them {spread} beyond chance."
    )


def _note(feature: str, test: Predictions) -> str:
    named = len(test.keys[feature].levels) - 1
    return (
        f"{feature} has {len(test.levels[feature].levels):,} levels: where groups are compared one by one, the {named} "
        f"largest are named and the others stand together as {test.keys[feature].levels[-1]!r}"
    )
