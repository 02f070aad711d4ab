"""What drives decisions in each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from audit.check import check
from audit.data.factor import Factor
from audit.data.suppression import shown_levels
from audit.errors import NotApplicable
from audit.estimate.making import bare, p_value, with_interval
from audit.evidence import Attributions, FloatArray, Predictions
from audit.explain.importance import Band, share_band, shares
from audit.statistics.intervals import holm
from reports.record import Cell, Estimate, Exhibit, Measurement, Table

SHUFFLES = 999
DRAWN = "(drawn)"


@check(
    by_column=True,
    title="What drives decisions by group",
    family="explanations",
    references=("Lundberg 2020, Explaining quantitative measures of fairness", "Good 2005, Permutation Tests"),
)
def group_attribution(group_attributions: Attributions, predictions: Predictions, *, top: int = 8) -> Measurement:
    """Compare the features' shares of mean absolute attribution among groups.

    Reading. Each group has its own shares. The distance is half the sum of their absolute differences from
    the shares of all other rows: 0 if the same features drive the output to the same degree, 1 if entirely
    others do. The p-value says how often groups drawn at random lie as far apart, corrected over groups.

    Limits. Groups may differ in what drives decisions because they differ in the values they hold; that is
    not unequal treatment by itself. Groups of few explained rows are left out.
    """
    least = max(predictions.settings.min_n, predictions.settings.suppress_n)
    level = predictions.settings.level
    estimates: list[Estimate] = []
    exhibits: list[Exhibit] = []
    for name in predictions.sensitive:
        rows = _rows_for(group_attributions, name)
        if rows is None:
            continue
        factor = shown_levels(name, rows.keys[name], predictions.settings.suppressed)
        levels = _levels(factor, least)
        if len(levels) < 2:
            continue
        bands = {text: share_band(rows.values[factor.mask(text)], seed=0, level=level) for text in levels}
        order = np.argsort(-np.mean([band.value for band in bands.values()], axis=0), kind="stable")[: max(top, 1)]
        estimates += _distances(rows, name, levels)
        estimates += _shares(rows, name, factor, bands, order, level)
        exhibits.append(_table(rows, name, factor, bands, order))
    if not estimates:
        raise NotApplicable(
            f"needs two groups with at least {least} explained rows each: provide more rows of the smaller groups"
        )
    return Measurement(
        summary=_summary(estimates),
        estimates=tuple(estimates),
        exhibits=tuple(exhibits),
        notes=(
            f"method: {group_attributions.method}, on the scale {group_attributions.scale}",
            *group_attributions.notes,
        ),
    )


def _rows_for(given: Attributions, name: str) -> Attributions | None:
    """Return the rows of the plain sample and those added for one feature."""
    if name not in given.keys:
        return None
    variant = given.keys.get("variant")
    if variant is None:
        return given
    kept = variant.mask(DRAWN) | variant.mask(name)
    return replace(
        given, values=given.values[kept], keys={key: factor.take(kept) for key, factor in given.keys.items()}
    )


def _levels(factor: Factor, least: int) -> list[str]:
    return [level for level, n in zip(factor.levels, factor.counts(), strict=True) if n >= least]


def _distances(given: Attributions, name: str, levels: list[str]) -> list[Estimate]:
    """Compare each group with the drawn rows of all others, and with groups drawn at random."""
    generator = np.random.default_rng(0)
    factor = given.keys[name]
    variant = given.keys.get("variant")
    drawn = np.ones(len(given.values), dtype=np.bool_) if variant is None else variant.mask(DRAWN)
    entries = []
    for level in levels:
        mask = factor.mask(level)
        kept = mask | (drawn & (factor.codes >= 0))
        absolute, inside = np.abs(given.values[kept]), mask[kept].astype(np.float64)
        own = float(_apart(absolute, inside[None])[0])
        shuffled = np.stack([generator.permutation(inside) for _ in range(SHUFFLES)])
        chance = (1 + int((_apart(absolute, shuffled) >= own - 1e-12).sum())) / (SHUFFLES + 1)
        entries.append((own, chance))
    p_values = holm([p for _, p in entries]) if len(levels) > 2 else tuple(p for _, p in entries)
    estimates: list[Estimate] = []
    for level, (own, _), p in zip(levels, entries, p_values, strict=True):
        where, n = {"split": "test", name: level}, int(factor.mask(level).sum())
        estimates += [_distance(own, where, n), _p_value(p, where, n)]
    return estimates


def _distance(value: float, where: Mapping[str, str], n: int) -> Estimate:
    reason = "no interval: a distance is biased upward by noise; see its p-value"
    return bare("group_attribution_distance", value, where, reason, n=n, unit="score")


def _p_value(value: float, where: Mapping[str, str], n: int) -> Estimate:
    method = f"{SHUFFLES} shuffles of the groups, Holm"
    return p_value("group_attribution_p_value", value, where, method=method, n=n)


def _apart(absolute: FloatArray, inside: FloatArray) -> FloatArray:
    """Return half the sum of absolute differences of shares inside and outside, by row of `inside`."""
    within, without = shares(inside @ absolute), shares((1 - inside) @ absolute)
    return np.asarray(np.abs(within - without).sum(axis=1) / 2)


def _shares(
    given: Attributions, name: str, factor: Factor, bands: dict[str, Band], order: np.ndarray, level: float
) -> list[Estimate]:
    return [
        with_interval(
            "group_attribution_share",
            float(band.value[place]),
            (float(band.low[place]), float(band.high[place])),
            {"split": "test", name: group, "feature": given.features[place]},
            method="bootstrap over rows",
            n=int(factor.mask(group).sum()),
            unit="proportion",
            level=level,
        )
        for group, band in bands.items()
        for place in order
    ]


def _table(given: Attributions, name: str, factor: Factor, bands: dict[str, Band], order: np.ndarray) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for place in order:
        cells = [f"{band.value[place]:.1%} [{band.low[place]:.1%}, {band.high[place]:.1%}]" for band in bands.values()]
        rows.append((given.features[place], *cells))
    columns = ("feature", *(f"{level} (n={int(factor.mask(level).sum())})" for level in bands))
    return Table(
        title=f"Shares of mean absolute attribution by {name}",
        columns=columns,
        rows=tuple(rows),
        caption="Each column adds up to 100 % over all features.",
    )


def _summary(estimates: list[Estimate]) -> str:
    p = [estimate for estimate in estimates if estimate.metric == "group_attribution_p_value"]
    far = [estimate for estimate in p if (estimate.value or 0.0) < 0.05]
    if not far:
        return f"What drives decisions does not differ among {len(p)} groups by more than chance."
    names = ", ".join(" ".join(v for k, v in estimate.where.items() if k != "split") for estimate in far[:4])
    return f"What drives decisions differs by more than chance in {len(far)} of {len(p)} groups: {names}."
