"""How many labels are probably wrong?"""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import from_reading
from audit.evidence import LabelDoubts, Reading
from reports.record import Estimate, Measurement, Table


@check(
    title="Suspected label errors",
    family="data",
    tasks=("binary", "multiclass"),
    references=(
        "Copas 1988, Binary regression models for contaminated data",
        "Northcutt et al. 2021, Confident learning",
    ),
)
def label_errors(label_doubts: LabelDoubts) -> Measurement:
    """Estimate the share of training labels that are wrong, by rows whose class is nearly certain.

    Reading. A small additive model scores each training row out of fold. Natural overlap of the classes
    fades as the score goes up, wrong labels do not: what remains is taken out of the probabilities. Among
    rows that then have a class with probability 0.9 or more, ``label_error_share`` is the share labeled
    differently less the share these probabilities themselves expect; it stands for all rows.
    ``doubted_label_share`` is the same excess as a share of all rows.

    Limits. Labels that are wrong for one kind of row only, or always in the same way, look right to every
    model that learns from them. Where classes overlap everywhere, nothing can be reported.
    Which labels are wrong must be looked up by a person.
    """
    estimates = (
        _estimate("label_error_share", label_doubts.errors),
        _estimate("doubted_label_share", label_doubts.doubted),
    )
    rows = tuple((name, sure, against, round(expected, 1)) for name, sure, against, expected in label_doubts.by_class)
    table = Table(
        title="Labels of rows whose class is nearly certain",
        columns=("class", "nearly certain rows", "labeled differently", "explained by overlap"),
        rows=rows,
        folded=True,
    )
    return Measurement(
        summary=_tell(estimates[0], label_doubts.sure), estimates=estimates, exhibits=(table,), notes=label_doubts.notes
    )


def _tell(share: Estimate, sure: float) -> str:
    if share.value is None:
        return f"Not measured: {share.reason}."
    if share.value <= 0:
        return (
            f"Natural overlap of the classes explains all differing labels among the {sure:.0%} of rows "
            "whose class is nearly certain."
        )
    return (
        f"About {share} of the training labels are wrong, judging by the {sure:.0%} of rows "
        "whose class is nearly certain."
    )


def _estimate(metric: str, reading: Reading) -> Estimate:
    return from_reading(metric, reading, {"split": "train"}, unit="difference", bounds=(0.0, 1.0))
