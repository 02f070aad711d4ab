"""Whether explanations repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.evidence import Attributions, FloatArray, Predictions
from audit.explain.importance import band, mean_rank_correlation, resampled_means, shares
from audit.statistics.variance import mean
from reports.record import Estimate, Measurement, Table

WHERE = {"split": "test"}


@check(
    by_column=True,
    title="Stability of explanations",
    family="explanations",
    references=(
        "Alvarez-Melis and Jaakkola 2018, On the Robustness of Interpretability Methods",
        "Visani et al. 2022, Statistical stability indices for LIME",
    ),
)
def explanation_stability(
    attribution_runs: tuple[Attributions, ...], predictions: Predictions, *, top: int = 12
) -> Measurement:
    """Explain the same rows several times and compare the rankings of the features.

    Reading. Each run has its own seed and its own background rows (SHAP) or samples (LIME). The rank
    correlation of the features' importances between runs, mean over pairs of runs, is 1 where chance
    plays no part. The local number does the same for each row by itself, where chance weighs more.

    Limits. Stable is not right: a method can be wrong in the same way each time. Features with next to no
    importance change places freely and lower the number without doing harm.
    """
    level = predictions.settings.level
    shap = [attribution_run for attribution_run in attribution_runs if attribution_run.method != "lime"]
    lime = [attribution_run for attribution_run in attribution_runs if attribution_run.method == "lime"]
    if len(shap) < 2:
        raise NotApplicable(
            "needs at least two runs of the explanation; the budget allows one for a large model or table"
        )
    estimates = [_global("explanation_stability", shap, level), _local("local_explanation_stability", shap, level)]
    if len(lime) > 1:
        estimates += [_global("lime_stability", lime, level), _local("local_lime_stability", lime, level)]
    first = estimates[0]
    said = str(first) if first.value is None else f"rank correlation {first}"
    return Measurement(
        summary=f"Importances of {len(shap)} runs on the same {_common(shap)} test rows: {said}.",
        estimates=tuple(estimates),
        exhibits=(_table(shap, top),),
        notes=tuple(
            dict.fromkeys((f"methods: {', '.join(attributions.method for attributions in shap)}", *shap[0].notes))
        ),
    )


def _common(runs: Sequence[Attributions]) -> int:
    return min(len(run.values) for run in runs)


def _absolute(runs: Sequence[Attributions]) -> FloatArray:
    """Stack absolute attributions of the rows that every run explained, shape (runs, n, features)."""
    return np.stack([np.abs(run.values[: _common(runs)]) for run in runs])


def _global(metric: str, runs: Sequence[Attributions], level: float) -> Estimate:
    absolute = _absolute(runs)
    count, n, width = absolute.shape
    value = mean_rank_correlation(absolute.mean(axis=1))
    if width < 3 or not np.isfinite(value):
        reason = f"{width} features have no ranking to compare" if width < 3 else "a run ranks nothing"
        return absent(metric, WHERE, reason, n=n, unit="")
    drawn = resampled_means(absolute.transpose(1, 0, 2).reshape(n, -1), seed=0).reshape(-1, count, width)
    repeated = mean_rank_correlation(drawn.transpose(1, 0, 2))
    limits = band(np.array([value]), repeated[np.isfinite(repeated)][:, None], level)
    return with_interval(
        metric,
        float(value),
        (float(limits.low[0]), float(limits.high[0])),
        WHERE,
        method="bootstrap over rows",
        n=n,
        unit="score",
        level=level,
    )


def _local(metric: str, runs: Sequence[Attributions], level: float) -> Estimate:
    by_row = mean_rank_correlation(_absolute(runs))
    by_row = by_row[np.isfinite(by_row)]
    if not len(by_row) or runs[0].values.shape[1] < 3:
        return absent(metric, WHERE, "no row has a ranking to compare", unit="")
    span = mean(by_row, level=level)
    value = float(by_row.mean())
    return with_interval(
        metric,
        value,
        span or (value, value),
        WHERE,
        method="t over rows" if span is not None else "all rows alike",
        n=len(by_row),
        unit="score",
        level=level,
        bounds=(-1.0, 1.0),
    )


def _table(runs: Sequence[Attributions], top: int) -> Table:
    share = shares(_absolute(runs).mean(axis=1))
    order = np.argsort(-share.mean(axis=0), kind="stable")[: max(top, 1)]
    return Table(
        title="Share of mean absolute attribution by run",
        columns=("feature", *(f"run {number + 1}" for number in range(len(runs)))),
        rows=tuple((runs[0].features[place], *(float(value[place]) for value in share)) for place in order),
        caption="Each run has other background rows and another seed; the rows explained are the same.",
        folded=True,
    )
