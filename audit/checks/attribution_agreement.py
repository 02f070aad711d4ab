"""Whether two explainers tell the same story."""

from __future__ import annotations

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.evidence import Attributions, FloatArray, Predictions
from audit.explain.importance import band, rank_correlation, resampled_means, shares
from reports.record import Estimate, Measurement, Table


@check(
    by_column=True,
    title="Agreement of SHAP and LIME",
    family="explanations",
    references=(
        "Ribeiro, Singh and Guestrin 2016, Why Should I Trust You? Explaining the Predictions of Any Classifier",
        "Krishna et al. 2022, The Disagreement Problem in Explainable Machine Learning",
    ),
    requires=("attributions",),
)
def attribution_agreement(
    attributions: tuple[Attributions, ...], lime: Attributions, predictions: Predictions, *, top: int = 12
) -> Measurement:
    """Compare the importances that SHAP and LIME give to the same rows.

    Reading. Both explainers rank the features by their mean absolute weight over the same rows; the rank
    correlation of the two rankings is 1 where they agree and 0 where they have nothing in common. The fit
    of LIME (R² of its local models) says how far its straight lines describe the model at all.

    Limits. Agreement is not truth: both explain the model, not the world, and both perturb features one by
    one. A low correlation among many unimportant features matters little; look at the strongest rows of
    the table.
    """
    shap, level = attributions[0], predictions.settings.level
    n = min(len(shap.values), len(lime.values))
    if not np.array_equal(shap.row[:n], lime.row[:n]):
        raise NotApplicable("SHAP and LIME explained different rows")
    ours, theirs = np.abs(shap.values[:n]), np.abs(lime.values[:n])
    correlation = _correlation(ours, theirs, shap.seed, level)
    fit = _fit(lime.fit[:n] if lime.fit is not None else np.zeros(0), level)
    said = str(correlation) if correlation.value is None else f"rank correlation {correlation}"
    return Measurement(
        summary=f"SHAP and LIME importances on {n} test rows: {said}.",
        estimates=(correlation, *fit),
        exhibits=(_table(shap, ours, theirs, top),),
        notes=(f"SHAP values by the method {shap.method}; both on the scale {shap.scale}", *lime.notes),
    )


def _correlation(ours: FloatArray, theirs: FloatArray, seed: int, level: float) -> Estimate:
    n, width = ours.shape
    where = {"split": "test"}
    value = rank_correlation(ours.mean(axis=0), theirs.mean(axis=0))
    if width < 3 or not np.isfinite(value):
        reason = f"{width} features have no ranking to compare" if width < 3 else "one explainer ranks nothing"
        return absent("explainer_rank_correlation", where, reason, n=n, unit="")
    drawn = resampled_means(np.concatenate([ours, theirs], axis=1), seed=seed)
    repeated = rank_correlation(drawn[:, :width], drawn[:, width:])
    repeated = repeated[np.isfinite(repeated)]
    limits = band(np.array([value]), repeated[:, None], level)
    return with_interval(
        "explainer_rank_correlation",
        float(value),
        (float(limits.low[0]), float(limits.high[0])),
        where,
        method="bootstrap over rows",
        n=n,
        unit="score",
        level=level,
    )


def _fit(fit: FloatArray, level: float) -> tuple[Estimate, ...]:
    if not len(fit):
        return ()
    limits = band(np.array([fit.mean()]), resampled_means(fit[:, None], seed=0), level)
    return (
        with_interval(
            "lime_fit",
            float(fit.mean()),
            (float(limits.low[0]), float(limits.high[0])),
            {"split": "test"},
            method="bootstrap over rows",
            n=len(fit),
            unit="score",
            level=level,
        ),
    )


def _table(shap: Attributions, ours: FloatArray, theirs: FloatArray, top: int) -> Table:
    first, second = shares(ours.mean(axis=0)), shares(theirs.mean(axis=0))
    ranks = [np.argsort(np.argsort(-values, kind="stable"), kind="stable") + 1 for values in (first, second)]
    order = np.argsort(-np.maximum(first, second), kind="stable")[: max(top, 1)]
    return Table(
        title="Importance by explainer",
        columns=("feature", "share by SHAP", "share by LIME", "rank by SHAP", "rank by LIME"),
        rows=tuple(
            (shap.features[k], float(first[k]), float(second[k]), int(ranks[0][k]), int(ranks[1][k])) for k in order
        ),
        caption="Shares of mean absolute weight; the features that either explainer finds strong.",
    )
