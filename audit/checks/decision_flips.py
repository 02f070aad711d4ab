"""Would the decision change if only the group changed?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audit.check import check
from audit.estimate.changes import share
from audit.estimate.making import absent
from audit.evidence import Perturbed
from audit.exhibits import forest
from reports.record import Estimate, Exhibit, Measurement


@check(
    title="Decisions under another group",
    family="fairness",
    tasks=("binary", "multiclass"),
    references=("Kusner et al. 2017, Counterfactual fairness (a weaker question is asked here)",),
)
def decision_flips(flips: Mapping[str, Perturbed]) -> Measurement:
    """Change only the sensitive feature of each row, to every other frequent level, and count changed decisions.

    Reading. The share of rows whose decision changes under any other level: people whose decision depends on the
    group alone, all else equal.

    Limits. Only the feature itself is changed, not what goes along with it, so a model that reads proxies may
    show no flips. A model that does not read the feature cannot be asked. Where numbers are cut into bands,
    the band's middle value is written.
    """
    estimates: list[Estimate] = []
    detailed: list[Estimate] = []
    for feature, seen in flips.items():
        estimates.append(_any(feature, seen))
        detailed += _by_level(feature, seen)
    text = "; ".join(f"{estimate.where['feature']}: {estimate}" for estimate in estimates)
    exhibits: list[Exhibit] = [
        forest(
            "Decisions that change with the group",
            [*estimates, *detailed],
            x_label="share of rows",
            reference=0.0,
            caption="First under any other level, then by the level written in.",
        )
    ]
    notes = tuple(dict.fromkeys(note for seen in flips.values() for note in seen.notes))
    return Measurement(
        summary=f"Decisions that change with the group alone: {text}.",
        estimates=(*estimates, *detailed),
        exhibits=tuple(exhibits),
        notes=notes,
    )


def _any(feature: str, seen: Perturbed) -> Estimate:
    """Return the share of rows that change under any level."""
    where = {"split": "test", "feature": feature}
    if not seen.names:
        return absent("decision_flip_share", where, next(iter(seen.failed.values()), "no level was asked for"))
    rows = seen.pair(seen.names[0]).before
    plain = seen.predictions.select(variant="none")
    changed = np.zeros(len(plain), dtype=np.bool_)
    tried = np.zeros(len(plain), dtype=np.bool_)
    for level in seen.names:
        pair = seen.pair(level)
        changed |= np.isin(plain.row, pair.before.row[pair.changed_rows()])
        tried |= np.isin(plain.row, pair.before.row)
    rows = plain.take(tried)
    return share("decision_flip_share", changed[tried], rows, where)


def _by_level(feature: str, seen: Perturbed) -> list[Estimate]:
    estimates = []
    for level in (*seen.names, *seen.failed):
        where = {"split": "test", "feature": feature, "variant": level}
        if level in seen.failed:
            estimates.append(absent("decision_flip_share", where, seen.failed[level]))
        else:
            pair = seen.pair(level)
            estimates.append(share("decision_flip_share", pair.changed_rows(), pair.before, where))
    return estimates
