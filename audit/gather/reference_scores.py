"""The distribution of answers that an earlier audit wrote down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import ConfigError, NotApplicable, quote
from audit.evidence import SCORE_TABLE, ReferenceScores
from reports.record import AuditRecord, Table
from reports.store import load

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, path: str = "") -> ReferenceScores:  # noqa: ARG001 -- every gatherer takes one
    """Read the distribution from a record.

    Parameters
    ----------
    context : Context
    path : str
        An ``audit.json``; without one there is no reference.

    Raises
    ------
    NotApplicable
        If no record is named, or it holds no distribution.
    ConfigError
        If there is no such file.
    """
    if not path:
        raise NotApplicable("needs an earlier record: name it with [gather.reference_scores] path")
    if not Path(path).is_file():
        raise ConfigError(f"[gather.reference_scores] path: no file {quote(path)}.")
    return scores_of(load(path), Path(path).name)


def scores_of(record: AuditRecord, source: str) -> ReferenceScores:
    """Find the distribution in a record.

    Raises
    ------
    NotApplicable
        If there is none.
    """
    for finding in record.findings:
        for exhibit in finding.measurement.exhibits if finding.measurement else ():
            if isinstance(exhibit, Table) and exhibit.title == SCORE_TABLE and len(exhibit.rows) > 1:
                return _read(exhibit, source)
    raise NotApplicable(f"the reference record {quote(source)} holds no distribution of predictions")


def _read(table: Table, source: str) -> ReferenceScores:
    counts = tuple(float(row[1]) for row in table.rows if isinstance(row[1], int | float))
    names = [row[0] for row in table.rows]
    edges = tuple(float(name) for name in names[:-1] if isinstance(name, int | float))
    if table.columns[0] == "up to" and len(edges) == len(counts) - 1:
        return ReferenceScores(source=source, counts=counts, edges=edges)
    return ReferenceScores(source=source, counts=counts, labels=tuple(str(name) for name in names))
