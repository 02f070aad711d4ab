"""A check of another package: one function and one entry point."""

from __future__ import annotations

from audit.check import check
from audit.estimate.making import exact
from audit.evidence import Predictions
from reports.record import Measurement


@check(title="Rows scored", family="data")
def rows_scored(predictions: Predictions) -> Measurement:
    """Count the test rows.

    Reading. How many rows stand behind the card.

    Limits. More rows of the same kind do not make the kind right.
    """
    test = predictions.select(split="test")
    n = len(test)
    made = exact("rows", n, test.where, n=n, unit="count")
    return Measurement(summary=f"{n} test rows.", estimates=(made,))
