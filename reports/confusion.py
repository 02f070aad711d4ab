"""The confusion matrix of a binary model as four counts in words."""

from __future__ import annotations

from reports.people import class_words, other_class
from reports.record import AuditRecord, Matrix


def confusion_words(record: AuditRecord) -> tuple[str, ...]:
    """Count right and wrong decisions of both kinds in words; nothing where there are not two classes.

    The rows of the matrix are what is true, the columns what the model said.
    """
    matrix = _matrix(record)
    positive, negative = record.data.positive, other_class(record)
    if matrix is None or set(matrix.rows) != {positive, negative} or matrix.columns != matrix.rows:
        return ()
    yes, no = class_words(record, positive), class_words(record, negative)
    cell = {
        (true, said): matrix.values[row][column]
        for row, true in enumerate(matrix.rows)
        for column, said in enumerate(matrix.columns)
    }
    return (
        f"{cell[positive, positive]:,.0f} correctly called {yes}",
        f"{cell[negative, positive]:,.0f} called {yes} although {no}",
        f"{cell[positive, negative]:,.0f} called {no} although {yes}",
        f"{cell[negative, negative]:,.0f} correctly called {no}",
    )


def _matrix(record: AuditRecord) -> Matrix | None:
    for finding in record.findings:
        if finding.check == "confusion" and finding.measurement is not None:
            for exhibit in finding.measurement.exhibits:
                if isinstance(exhibit, Matrix):
                    return exhibit
    return None
