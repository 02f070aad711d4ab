"""Which class is taken for which."""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import exact
from audit.estimate.tally import Tally
from audit.evidence import Predictions
from reports.record import Matrix, Measurement

MOST_CLASSES = 30


@check(title="Confusion matrix", family="performance", tasks=("binary", "multiclass"))
def confusion(predictions: Predictions) -> Measurement:
    """Count true against predicted classes on the test rows.

    Reading. Rows are what is true, columns what the model said; the diagonal is right.

    Limits. Counts depend on how many rows of each class were collected. With many classes only the most
    frequent are drawn.
    """
    test = predictions.select(split="test")
    counts = Tally.of(test).n.sum(axis=0).astype(float)
    classes = test.classes
    order = sorted(range(len(classes)), key=lambda code: -counts[code].sum())[:MOST_CLASSES]
    shown = sorted(order)
    matrix = Matrix(
        title="Confusion matrix",
        row_label="true class",
        column_label="predicted class",
        rows=tuple(classes[code] for code in shown),
        columns=tuple(classes[code] for code in shown),
        values=tuple(tuple(float(counts[row, column]) for column in shown) for row in shown),
        caption="Rows of the test set.",
    )
    right = int(counts.trace())
    wrong = test.total - right
    estimate = exact("wrong_decisions", wrong, test.where, n=test.total, unit="count")
    left_out = len(classes) - len(shown)
    return Measurement(
        summary=f"{right:,} of {test.total:,} decisions are right, {wrong:,} are wrong.",
        estimates=(estimate,),
        exhibits=(matrix,),
        notes=(f"the {left_out} rarest of {len(classes)} classes are not drawn",) if left_out else (),
    )
