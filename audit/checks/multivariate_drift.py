"""Are training rows and test rows distinguished by all features together?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import from_reading
from audit.evidence import Separation
from reports.record import Bar, Bars, Measurement


@check(
    title="Multivariate drift",
    family="drift",
    references=("Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests", "DeLong et al. 1988"),
)
def multivariate_drift(separation: Separation) -> Measurement:
    """Measure how well a small classifier distinguishes test rows from training rows.

    Reading. ``split_auc`` is the chance that a test row looks more like a test row than a training row does,
    on rows held out from the fit: 0.5 if both come from one population. It sees changes in how features go
    together that no single feature shows. The bars name the features that it uses.

    Limits. A drift that matters to the model may be small here and the other way round. Of free text only the
    length is looked at.
    """
    reading = separation.auc
    estimate = from_reading("split_auc", reading, {"split": "test"}, unit="score")
    bars = tuple(Bar(label=name, value=drop) for name, drop in separation.by_feature[:15])
    exhibits = (
        (Bars(title="Features that distinguish test rows", x_label="fall of the AUC when shuffled", bars=bars),)
        if bars
        else ()
    )
    return Measurement(
        summary=f"A classifier distinguishes test rows from training rows with ROC AUC {estimate}.",
        estimates=(estimate,),
        exhibits=exhibits,
        notes=separation.notes,
    )
