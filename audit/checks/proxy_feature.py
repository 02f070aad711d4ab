"""Does a feature stand in for a sensitive one?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import from_reading
from audit.estimate.shares import worst_first
from audit.evidence import Proxies
from audit.exhibits import label
from reports.record import Estimate, Measurement, Table


@check(
    by_column=True,
    title="Proxies of sensitive features",
    family="data",
    references=("Barocas and Selbst 2016, Big data's disparate impact", "DeLong et al. 1988"),
)
def proxy_feature(proxies: Proxies, *, most: int = 1000) -> Measurement:
    """Measure how well each feature alone distinguishes the members of each sensitive group from the rest.

    Reading. ``proxy_auc`` is the chance that a member of the group is distinguished from somebody outside it by this
    feature alone, on rows held out from the fit: 0.5 is a coin, 1 gives the group away. Leaving a
    sensitive feature out of a model changes little if a proxy of it stays in.

    Limits. Features are examined one by one: several weak ones may give a group away together. Groups are
    those of single sensitive features, not of their crossings. Numbers are cut into quantile bins.
    """
    estimates = [
        from_reading(
            "proxy_auc",
            strongest.reading,
            {"split": proxies.split, "feature": strongest.feature, **strongest.where},
            unit="score",
        )
        for strongest in proxies.found
    ]
    kept, notes = worst_first(estimates, most)
    return Measurement(
        summary=_summary(estimates), estimates=kept, exhibits=(_table(estimates),), notes=(*proxies.notes, *notes)
    )


def _name(estimate: Estimate) -> str:
    return label(estimate.where, leave_out=("split", "feature"))


def _summary(estimates: list[Estimate]) -> str:
    measured = [estimate for estimate in estimates if estimate.value is not None]
    if not measured:
        return "There is no other feature, or no group, to measure."
    top = max(measured, key=lambda estimate: estimate.value or 0.0)
    return f"{top.where['feature']!r} predicts a sensitive group best: {_name(top)} with ROC AUC {top}."


def _table(estimates: list[Estimate]) -> Table:
    ranked = sorted(
        (estimate for estimate in estimates if estimate.value is not None),
        key=lambda estimate: -(estimate.value or 0.0),
    )[:30]
    return Table(
        title="How well single features predict sensitive groups",
        columns=("feature", "group", "ROC AUC", "low", "high", "rows of the group"),
        rows=tuple(
            (estimate.where["feature"], _name(estimate), estimate.value, estimate.low, estimate.high, estimate.n)
            for estimate in ranked
        ),
        caption="The 30 strongest.",
        folded=True,
    )
