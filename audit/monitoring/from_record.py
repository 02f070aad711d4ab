"""The record of an earlier audit as the reference of monitoring: its confusion matrix, no groups, no scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audit.data.factor import Factor
from audit.errors import ConfigError, quote, quote_all
from audit.evidence import Predictions, Repeats, Window
from audit.logs.cells import Counted
from audit.logs.windows import REFERENCE_NAME
from audit.monitoring.dividing import digest_of
from reports.record import AuditRecord, Matrix
from reports.store import RecordError, load


def is_record(reference: object) -> bool:
    """Tell whether a reference is the record of an audit, and not a log.

    Examples
    --------
    >>> is_record("audit.json"), is_record("old/*.parquet"), is_record(4)
    (True, False, False)
    """
    return isinstance(reference, str | Path) and str(reference).endswith(".json")


def read_reference(path: Path) -> AuditRecord:
    """Read a record that windows can be compared with.

    Raises
    ------
    ConfigError
        If it cannot be read, or counts weights or clusters.
    """
    try:
        record = load(path)
    except (RecordError, OSError) as error:
        raise ConfigError(f"reference {quote(path.name)} cannot be read as a record: {str(error)[:150]}") from error
    if record.data.weight or record.data.cluster:
        raise ConfigError(
            f"reference {quote(path.name)} counts weights or clusters, which its matrix does not hold; name the log "
            "that it was made of."
        )
    return record


def reference_from(path: Path, counted: Counted) -> Window:
    """Return the answers that a record tells of, by true and predicted class.

    Raises
    ------
    ConfigError
        If the record cannot be read, has other classes, counts weights or clusters, or has no confusion matrix.
    """
    record = read_reference(path)
    counts, classes = _counts(record, path), counted.target.classes
    true, predicted = np.indices(counts.shape).reshape(2, -1)
    n = counts.reshape(-1)
    if record.data.classes != classes:
        raise ConfigError(
            f"reference {quote(path.name)} has classes {quote_all(record.data.classes)}, the log has "
            f"{quote_all(classes)}."
        )
    whole = n.astype(np.float64)
    answers = Predictions(
        task=counted.target.task, y_true=true, y_pred=predicted, classes=classes, weight=whole,
        repeats=Repeats(n, whole), keys={"split": Factor.constant("test", len(n))},
        settings=counted.predictions.settings, score_reason="the reference is a record, which holds no scores",
    ).take(n > 0)  # fmt: skip
    none = answers.take(np.zeros(0, dtype=np.int64))
    return Window(name=REFERENCE_NAME, labeled=answers, unlabeled=none, sha256=digest_of([answers]))


def _counts(record: AuditRecord, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return rows by true and predicted class."""
    for finding in record.findings:
        for exhibit in finding.measurement.exhibits if finding.measurement else ():
            if finding.check == "confusion" and isinstance(exhibit, Matrix) and exhibit.rows == record.data.classes:
                return np.array(exhibit.values, dtype=np.int64)
    raise ConfigError(f"reference {quote(path.name)} has no confusion matrix of all its classes; name a log instead.")
