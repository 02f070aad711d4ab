"""Which features drive the model's answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import absent, with_interval
from audit.evidence import Attributions, FloatArray, Predictions, Proxies
from audit.explain.importance import Band, band, resampled_means, share_band, shares
from reports.record import Bar, Bars, Estimate, Exhibit, Forest, ForestRow, Measurement, Table

MOST_ESTIMATES = 100
FEW_FEATURES = 6
STRONGEST = 3


@check(
    by_column=True,
    title="Strongest features",
    family="explanations",
    references=(
        "Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions",
        "Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees",
        "Štrumbelj and Kononenko 2014, Explaining prediction models and individual predictions",
    ),
    requires=("attributions",),
)
def attribution_ranking(
    attributions: tuple[Attributions, ...],
    predictions: Predictions,
    proxies: Proxies | None = None,
    *,
    top: int = 15,
    proxy_area: float = 0.9,
) -> Measurement:
    """Rank the features by how much they move the model's output.

    Reading. A feature's share is its part of the mean absolute attribution (SHAP value) over a sample
    of test rows: 100 % is all that moves the output away from its average. The interval says how far
    another sample of rows could shift it. The spread shows in which direction and how far single rows
    are moved. How well the attributions add up to the model's output is stated as the residual. Sensitive
    features that the model reads, and known proxies of them, are shown separately: their share, and the rank
    excess, which compares them with the third strongest of all other features (above 0: among the three
    strongest).

    Limits. A share tells what the model reads, not what causes the outcome, and is never a reason for a
    decision. Features that carry the same information split their share. Combinations of values that do
    not occur in reality are put to the model when features depend on each other. A model that does not
    read a sensitive feature can still rely on what goes along with it.
    """
    first, level = attributions[0], predictions.settings.level
    if len(first.features) < 2:
        raise NotApplicable("the model reads a single column, which by definition gets all of the attribution")
    band = share_band(first.values, seed=first.seed, level=level)
    if not band.value.any():
        raise NotApplicable("no feature moves the model's output: it is constant on the rows explained")
    order = np.argsort(-band.value, kind="stable")
    strongest = order[0]
    n = len(first.values)
    watched = _watch(first, predictions, proxies, proxy_area)
    apart, forest = _sensitive(first, band, watched, level)
    return Measurement(
        summary=(
            f"{first.features[strongest]} moves the output most, with {band.value[strongest]:.1%} of the mean "
            f"absolute attribution [{band.low[strongest]:.1%}, {band.high[strongest]:.1%}] over {n} test rows."
        ),
        estimates=(*_estimates(first, band, order[:MOST_ESTIMATES], level), *apart),
        exhibits=(*_exhibits(first, band, order, top, level), *forest),
        notes=_notes(first, len(order)),
    )


def _estimates(first: Attributions, band: Band, order: np.ndarray, level: float) -> tuple[Estimate, ...]:
    return tuple(_share("attribution_share", first, band, place, level) for place in order)


def _exhibits(first: Attributions, band: Band, order: np.ndarray, top: int, level: float) -> tuple[Exhibit, ...]:
    shown = order[: max(top, 1)]
    bars = tuple(
        Bar(
            label=first.features[place],
            value=float(band.value[place]),
            low=float(band.low[place]),
            high=float(band.high[place]),
        )
        for place in shown
    )
    share = Bars(
        title="Share of what moves the output",
        x_label="share of mean absolute attribution",
        bars=bars,
        caption="Longer bars: features that move the output more. Whiskers: other samples of rows.",
    )
    return share, _spread(first, shown), _table(first, band, shown, level)


def _spread(first: Attributions, shown: np.ndarray) -> Forest:
    low, middle, high = np.quantile(first.values, [0.05, 0.5, 0.95], axis=0)
    rows = tuple(
        ForestRow(
            label=first.features[place],
            value=float(middle[place]),
            low=float(low[place]),
            high=float(high[place]),
            n=len(first.values),
        )
        for place in shown
    )
    return Forest(
        title="How far single rows are moved",
        x_label=f"attribution ({first.scale})",
        rows=rows,
        reference=0.0,
        caption="Mark: the median row. Line: nine rows in ten. Right of zero the feature raises the output.",
    )


def _table(first: Attributions, band: Band, shown: np.ndarray, level: float) -> Table:
    absolute = np.abs(first.values)
    tail = (1 - level) / 2
    low, high = np.quantile(resampled_means(absolute, seed=first.seed), [tail, 1 - tail], axis=0)
    rows = tuple(
        (
            first.features[place],
            float(absolute[:, place].mean()),
            float(low[place]),
            float(high[place]),
            float(first.values[:, place].mean()),
            float(band.value[place]),
        )
        for place in shown
    )
    columns = ("feature", f"mean |attribution| ({first.scale})", "low", "high", "mean attribution", "share")
    return Table(title="Importance by feature", columns=columns, rows=rows, folded=True)


def _notes(first: Attributions, features: int) -> tuple[str, ...]:
    notes = [f"method: {first.method}, on the scale {first.scale}"]
    if first.residual is not None:
        notes.append(f"the attributions miss the model's output by {first.residual:.2%} of its spread")
    if features > MOST_ESTIMATES:
        notes.append(f"estimates are given for the {MOST_ESTIMATES} strongest of {features} features")
    return (*notes, *first.notes)


# --- sensitive features among the drivers ---------------------------------------------------------


def _watch(first: Attributions, predictions: Predictions, proxies: Proxies | None, proxy_area: float) -> dict[str, str]:
    """Return each feature to look at with what makes it so.

    A proxy is a feature that alone tells a group from the rest with a ROC AUC of `proxy_area` or more.
    """
    watched = {}
    for name in predictions.sensitive:
        column = name.removesuffix(" (column)")
        if column in first.features:
            watched[column] = "sensitive"
    for strongest in proxies.found if proxies else ():
        if strongest.feature in first.features and (strongest.reading.value or 0.0) >= proxy_area:
            watched.setdefault(strongest.feature, f"proxy of {', '.join(strongest.where)}")
    return watched


def _sensitive(
    first: Attributions, band: Band, watched: Mapping[str, str], level: float
) -> tuple[tuple[Estimate, ...], tuple[Exhibit, ...]]:
    if not watched:
        return (), ()
    drawn = shares(resampled_means(np.abs(first.values), seed=first.seed))
    places = [first.features.index(name) for name in watched]
    share = [_share("sensitive_attribution_share", first, band, place, level) for place in places]
    excess = [_excess(first, band.value, drawn, place, level) for place in places]
    return (*share, *excess), (_forest(first, band, watched),)


def _share(metric: str, first: Attributions, band: Band, place: int, level: float) -> Estimate:
    return with_interval(
        metric,
        float(band.value[place]),
        (float(band.low[place]), float(band.high[place])),
        {"split": "test", "feature": first.features[place]},
        method="bootstrap over rows",
        n=len(first.values),
        unit="proportion",
        level=level,
    )


def _excess(first: Attributions, value: FloatArray, drawn: FloatArray, place: int, level: float) -> Estimate:
    where = {"split": "test", "feature": first.features[place]}
    if len(first.features) <= FEW_FEATURES:
        reason = f"with {len(first.features)} features, being among the three strongest says little"
        return absent("sensitive_rank_excess", where, reason, n=len(first.values), unit="")
    own = _over_third(value[None, :], place)
    limits = band(own, _over_third(drawn, place)[:, None], level)
    return with_interval(
        "sensitive_rank_excess",
        float(own[0]),
        (float(limits.low[0]), float(limits.high[0])),
        where,
        method="bootstrap over rows",
        n=len(first.values),
        unit="difference",
        level=level,
    )


def _over_third(share: FloatArray, place: int) -> FloatArray:
    """Return a feature's share less that of the third strongest other feature, by resample."""
    others = np.delete(share, place, axis=1)
    return np.asarray(share[:, place] - np.sort(others, axis=1)[:, -STRONGEST])


def _forest(first: Attributions, band: Band, watched: Mapping[str, str]) -> Forest:
    rows = []
    for name, why in watched.items():
        place = first.features.index(name)
        rows.append(
            ForestRow(
                label=f"{name} ({why})",
                value=float(band.value[place]),
                low=float(band.low[place]),
                high=float(band.high[place]),
                n=len(first.values),
            )
        )
    return Forest(
        title="Sensitive features and proxies",
        x_label="share of mean absolute attribution",
        rows=tuple(rows),
        reference=0.1,
        caption="The line at 10 % marks where the default policy takes notice.",
    )
