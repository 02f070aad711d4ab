"""What happens when one feature of a row is not known?"""

from __future__ import annotations

from collections.abc import Mapping

from audit.check import check
from audit.errors import NotApplicable, quote_all
from audit.estimate.changes import move, paired_ratio, share
from audit.estimate.comparing import span_of
from audit.estimate.making import absent, exact, with_interval
from audit.evidence import MISSING, SWAPPED, UNSEEN, Pair, Perturbed
from audit.exhibits import by_address_table
from reports.record import Estimate, Exhibit, Measurement, Table


@check(by_column=True, title="Sensitivity to missing values", family="robustness")
def missing_sensitivity(missing: Perturbed, *, least: float = 1 / 6) -> Measurement:
    """Leave one feature of each row out, or make it a new category, and count what breaks and what changes.

    Reading. First: features on which the model raises an error when a value is missing. Second, by feature: the share
    of decisions that a missing value changes, over the share that another row's value changes; that is what
    knowing nothing of the feature costs by itself. A ratio well above one says that the model treats
    "missing" as a signal in itself. The share below the line is taken as at least `least`, so that a
    feature which changes few decisions has a low ratio. Third: features on which the model raises when a
    category is one that it never saw, and the decisions that such a category changes; these are shown, not
    judged, since every list of categories grows sooner or later.

    Limits. One feature at a time; values are removed for no reason, while in practice they are often missing
    for one. In regression moves of the prediction are shown, not judged.
    """
    pairs = {name.removeprefix(MISSING): name for name in (*missing.names, *missing.failed) if name.startswith(MISSING)}
    if not pairs:
        raise NotApplicable("no feature has a value that could be removed")
    raised = {feature: missing.failed[name] for feature, name in pairs.items() if name in missing.failed}
    estimates = [exact("features_that_raise_when_missing", len(raised), {"split": "test"}, n=len(pairs), unit="count")]
    for feature in pairs:
        estimates += _of(feature, missing, least)
    strange = [name for name in (*missing.names, *missing.failed) if name.startswith(UNSEEN)]
    estimates += _of_unseen(missing, strange)
    text = f"A missing value stops the model with an error in {len(raised)} of {len(pairs)} features."
    by_feature = [estimate for estimate in estimates if "feature" in estimate.where]
    exhibits: list[Exhibit] = [by_address_table("What a missing value changes", by_feature, first="feature")]
    raised |= {f"{name}, unseen": missing.failed[UNSEEN + name] for name in _features(strange, missing.failed)}
    if raised:
        exhibits.append(_say(raised))
    return Measurement(summary=text, estimates=tuple(estimates), exhibits=tuple(exhibits), notes=missing.notes)


def _say(raised: Mapping[str, str]) -> Table:
    """Tell each error once, with the features that bring it about."""
    features: dict[str, list[str]] = {}
    for feature, reason in raised.items():
        features.setdefault(reason[:300], []).append(feature)
    rows = tuple((quote_all(names, limit=6), reason) for reason, names in list(features.items())[:20])
    return Table(title="What the model raised", columns=("features", "error"), rows=rows)


def _features(variants: list[str], among: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(UNSEEN) for name in variants if name in among]


def _of_unseen(missing: Perturbed, variants: list[str]) -> list[Estimate]:
    """Say what categories change that nobody saw before."""
    if not variants:
        return []
    raising = len(_features(variants, missing.failed))
    estimates = [exact("features_that_raise_when_unseen", raising, {"split": "test"}, n=len(variants), unit="count")]
    for variant in variants:
        feature = variant.removeprefix(UNSEEN)
        where = {"split": "test", "feature": feature}
        regression = missing.predictions.task == "regression"
        metric = "unseen_move" if regression else "unseen_flip_share"
        if variant in missing.failed:
            estimates.append(absent(metric, where, missing.failed[variant]))
            continue
        if why := missing.predictions.settings.hides_missing(feature):
            estimates.append(absent(metric, where, why))
            continue
        pair = missing.pair(variant)
        estimates.append(
            move(metric, pair, where) if regression else share(metric, pair.changed_rows(), pair.before, where)
        )
    return estimates


def _of(feature: str, missing: Perturbed, least: float) -> list[Estimate]:
    where = {"split": "test", "feature": feature}
    ratio = "missing_flip_ratio"
    if MISSING + feature in missing.failed:
        return [absent(ratio, where, "the model raises where it is missing", unit="ratio")]
    if why := missing.predictions.settings.hides_missing(feature):
        return [absent(ratio, where, why, unit="ratio")]
    pair = missing.pair(MISSING + feature)
    if pair.before.task == "regression":
        return [move("missing_move", pair, where), absent(ratio, where, "applies to decisions only", unit="ratio")]
    estimates = [share("missing_flip_share", pair.changed_rows(), pair.before, where)]
    if SWAPPED + feature not in missing.names:
        reason = missing.failed.get(SWAPPED + feature, "another row's value was not tried in time")
        return [*estimates, absent(ratio, where, reason, unit="ratio")]
    other = missing.pair(SWAPPED + feature)
    estimates.append(share("swapped_flip_share", other.changed_rows(), other.before, where))
    return [*estimates, _ratio(estimates[0], pair, other, least, where)]


def _ratio(flips: Estimate, pair: Pair, other: Pair, least: float, where: dict[str, str]) -> Estimate:
    """Return the lesser of two ratios: flips over those of another row's value, and flips over `least`.

    It lies past a limit where both do, so the lesser of the lower limits and of the upper limits bound it
    (intersection-union).
    """
    assert flips.value is not None  # noqa: S101 -- rows are there
    value, low, high = (number / least for number in (flips.value, flips.low or 0.0, flips.high or 1.0))
    paired = span_of(paired_ratio("missing_flip_ratio", pair.changed_rows(), other.changed_rows(), pair.before, where))
    if paired is not None:
        value, low, high = min(value, paired.value), min(low, paired.low), min(high, paired.high)
    return with_interval(
        "missing_flip_ratio",
        value,
        (low, high),
        where,
        method="intersection-union of wilson and paired log ratio",
        n=flips.n,
        unit="ratio",
        level=flips.level,
    )
