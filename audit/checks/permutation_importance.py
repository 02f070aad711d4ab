"""What the score loses when a feature is shuffled."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.influence import linear_form, smooth_headline
from audit.estimate.making import absent, exact, with_interval
from audit.estimate.metrics import metric
from audit.estimate.shares import Masses, proportion
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.statistics.intervals import on_scale
from audit.statistics.variance import Undefined, Variance, variance
from reports.phrases import metric_words
from reports.record import Bar, Bars, Estimate, Measurement, Table

MOVED = 0.01
"""Share of the target's standard deviation by which a prediction must move to count as changed."""
ROUNDING = 1e-12


@check(
    by_column=True,
    title="Permutation importance",
    family="explanations",
    references=(
        "Breiman 2001, Random Forests",
        "Fisher, Rudin and Dominici 2019, All Models are Wrong, but Many are Useful",
    ),
)
def permutation_importance(
    shuffled: Mapping[str, tuple[Predictions, ...]], predictions: Predictions, *, top: int = 15
) -> Measurement:
    """Measure what the headline score loses when one feature is shuffled among the test rows.

    Reading. The importance is the score on the rows as they are less the score with the feature shuffled,
    paired row by row; its interval says how far other rows could move it. Shown with it is the share
    of decisions that the shuffle changes (in regression: predictions that move by over a hundredth of the
    target's standard deviation). The feature use is the larger of the two: a feature whose use lies under
    0.001 at the upper limit can be left out. Where not one score moves, the model does not read the feature:
    its use is 0, however few the rows.

    Limits. Features that carry the same information replace each other: each looks unimportant while
    both together are not. Shuffled rows may not occur in reality. Importance for the score is not the
    effect on the outcome.
    """
    if not shuffled:
        raise NotApplicable("no feature was shuffled")
    name = smooth_headline(predictions)
    plain = _same_rows(predictions, next(iter(shuffled.values()))[0])
    rows = {feature: _feature(plain, runs, name, feature) for feature, runs in shuffled.items()}
    order = sorted(rows, key=lambda feature: -(rows[feature][0].value or 0.0))
    strongest = rows[order[0]][0]
    return Measurement(
        summary=(
            f"Shuffling {order[0]} costs the most {metric_words(name)}: {strongest}."
            if strongest.value is not None
            else f"{metric_words(name)} cannot be compared: {strongest.reason}."
        ),
        estimates=tuple(row for feature in order for row in rows[feature]),
        exhibits=_exhibits(rows, order[: max(top, 1)], name),
        notes=_notes(shuffled),
    )


def _same_rows(predictions: Predictions, part: Predictions) -> Predictions:
    """Return the answers to the rows as they are, in the order of the shuffled ones."""
    place = np.full(int(max(predictions.row.max(), part.row.max())) + 1, -1, dtype=np.int64)
    place[predictions.row] = np.arange(len(predictions))
    return predictions.take(place[part.row], {"split": "test"})


def _feature(
    plain: Predictions, runs: tuple[Predictions, ...], name: str, feature: str
) -> tuple[Estimate, Estimate, Estimate]:
    where = {"split": "test", "feature": feature}
    importance = _importance(plain, runs, name, where)
    changes = _changes(plain, runs, where)
    if _ignored(plain, runs):
        return importance, changes, exact("feature_use", 0.0, where, n=len(plain), unit="difference")
    return importance, changes, _use(importance, changes, where)


def _ignored(plain: Predictions, runs: tuple[Predictions, ...]) -> bool:
    """Tell whether not one score, or number, moves in any row: the model does not read the feature."""
    if plain.task != "regression" and plain.y_score is None:
        return False
    before = plain.y_pred if plain.y_score is None else plain.y_score
    return all(np.array_equal(before, run.y_pred if run.y_score is None else run.y_score) for run in runs)


def _importance(plain: Predictions, runs: tuple[Predictions, ...], name: str, where: Mapping[str, str]) -> Estimate:
    level = plain.settings.level
    try:
        kept = with_weight(plain)
        own = linear_form(kept, name)
        others = [linear_form(with_weight(run), name) for run in runs]
    except Undefined as signal:
        return absent("permutation_importance", where, str(signal), n=len(plain), unit="")
    sign = -1.0 if metric(name).better == "lower" else 1.0
    value = sign * (own.value - float(np.mean([other.value for other in others])))
    influence = own.influence - np.mean([other.influence for other in others], axis=0)
    spread = variance(influence, kept.weight, kept.cluster)
    low, high, method, reason = _limits(value, spread, level)
    limits = None if low is None or high is None else (low, high)
    return with_interval(
        "permutation_importance", value, limits, where, method=method, n=len(kept), unit="difference", level=level,
        reason=reason,
    )  # fmt: skip


def _limits(value: float, spread: Variance, level: float) -> tuple[float | None, float | None, str, str]:
    """Return limits, method, and the reason where there are none."""
    if spread.value > ROUNDING**2 and spread.degrees > 0:
        low, high, _ = on_scale(value, math.sqrt(spread.value), level=level, degrees=spread.degrees)
        return low, high, "paired, linearized", ""
    if abs(value) > ROUNDING:
        return None, None, "", "the spread is not known: all rows alike"
    return value, value, "no score changed", ""


def _changes(plain: Predictions, runs: tuple[Predictions, ...], where: Mapping[str, str]) -> Estimate:
    level = plain.settings.level
    reach = MOVED * float(np.std(plain.y_true.astype(np.float64))) if plain.task == "regression" else 0.0
    changed = np.mean([_change(plain, run, reach) for run in runs], axis=0)
    return proportion("shuffle_decision_changes", changed, where, Masses(plain.weight, plain.cluster), level=level)


def _change(plain: Predictions, run: Predictions, reach: float) -> FloatArray:
    if plain.task == "regression":
        moved = np.abs(plain.y_pred.astype(np.float64) - run.y_pred.astype(np.float64))
        return np.asarray(moved > reach, dtype=np.float64)
    return np.asarray(plain.y_pred != run.y_pred, dtype=np.float64)


def _use(importance: Estimate, changes: Estimate, where: Mapping[str, str]) -> Estimate:
    """Return the larger of the two, limit by limit: under 0.001 only if both are."""
    if importance.value is None or importance.high is None or changes.value is None or changes.high is None:
        return absent("feature_use", where, importance.reason or "no interval", unit="")
    return with_interval(
        "feature_use",
        max(importance.value, changes.value),
        (max(importance.low or 0.0, changes.low or 0.0), max(importance.high, changes.high)),
        where,
        method="larger of score loss and decision changes",
        n=importance.n,
        unit="difference",
        level=importance.level,
    )


def _exhibits(
    rows: Mapping[str, tuple[Estimate, Estimate, Estimate]], order: list[str], name: str
) -> tuple[Bars | Table, ...]:
    known = [rows[feature][0] for feature in order if rows[feature][0].value is not None]
    bars = tuple(
        Bar(label=estimate.where["feature"], value=estimate.value or 0.0, low=estimate.low, high=estimate.high)
        for estimate in known
    )
    table = Table(
        title="Importance for the score and for decisions",
        columns=("feature", f"loss of {metric_words(name)}", "low", "high", "decisions changed", "low", "high"),
        rows=tuple(
            (feature, estimate.value, estimate.low, estimate.high, two.value, two.low, two.high)
            for feature, (estimate, two, _) in ((feature, rows[feature]) for feature in order)
        ),
        folded=True,
    )
    if not bars:
        return (table,)
    drawn = Bars(
        title=f"Loss of {metric_words(name)} when a feature is shuffled",
        x_label=f"loss of {metric_words(name)}",
        bars=bars,
        caption="Whiskers: what other test rows could show.",
    )
    return drawn, table


def _notes(shuffled: Mapping[str, tuple[Predictions, ...]]) -> tuple[str, ...]:
    first = next(iter(shuffled.values()))
    return (f"each feature was shuffled {len(first)} times", *first[0].notes)
