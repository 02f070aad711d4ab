"""Does a single feature give the target away?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import from_reading
from audit.estimate.shares import worst_first
from audit.evidence import Leaks
from reports.phrases import metric_words
from reports.record import Bar, Bars, Measurement


@check(
    by_column=True,
    title="Target leakage",
    family="leakage",
    references=("Kaufman et al. 2012, Leakage in data mining", "Kapoor and Narayanan 2023"),
)
def target_leakage(leaks: Leaks, *, most: int = 1000) -> Measurement:
    """Measure how well each feature alone predicts the target on rows held out from the fit.

    Reading. ``leak_score`` is the ROC AUC (over several classes its mean, weighted by their size), in
    regression R². Near 1, one column nearly gives the answer. Where a column tells more on a part of the
    rows (those where it is filled, or is not one common value), the number is that of the part, and a note says
    so. Such a column is usually written after the outcome is known, and will not be there, or not yet be
    filled, when the model is used.

    Limits. A leak may be spread over several features, or be weaker than near-perfect; and a feature may
    predict the target perfectly for a good reason. Only a person who knows how the table was made can decide that.
    """
    estimates = [
        from_reading("leak_score", strongest.reading, {"feature": strongest.feature}, unit="score")
        for strongest in leaks.found
    ]
    measured = sorted(
        (estimate for estimate in estimates if estimate.value is not None),
        key=lambda estimate: -(estimate.value or 0.0),
    )
    name = metric_words(leaks.metric).removesuffix(" score")
    summary = "No feature could be measured."
    if measured:
        summary = f"The most telling single feature is {measured[0].where['feature']!r}: {name} {measured[0]}."
    kept, notes = worst_first(estimates, most)
    bars = tuple(
        Bar(label=estimate.where["feature"], value=estimate.value, low=estimate.low, high=estimate.high)
        for estimate in measured[:15]
        if estimate.value is not None
    )
    exhibit = Bars(title="How well single features predict the target", x_label=f"{name}, held out", bars=bars)
    return Measurement(summary=summary, estimates=kept, exhibits=(exhibit,), notes=(*leaks.notes, *notes))
