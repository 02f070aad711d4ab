"""Answers by row, packed for a later audit of the same rows to be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.comparing import pairing
from audit.comparing.baseline import RowsSeen
from audit.data.dataset import Dataset
from audit.data.user_key import key_name, pairing_key
from audit.errors import NotApplicable
from audit.evidence import COUNTED, Predictions
from audit.evidence.requirements import require_evidence
from reports.record import Pairing

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = pairing.MOST_ROWS, levels: int = pairing.MOST_LEVELS) -> Pairing:
    """Pack the answers to the test rows in the order of the rows' keyed hashes.

    Parameters
    ----------
    context : Context
    rows : int
        Rows that are kept at most; 0 keeps none, and later audits cannot be paired with this one.
    levels : int
        Different scores, targets and weights that are kept: fewer say less of a single row, more are closer
        to the audit's own numbers.
    """
    if rows < 1:
        raise NotApplicable("no predictions are kept, since [gather.pairing] rows is 0")
    predictions = context.need("predictions", Predictions)
    if predictions.repeats is not None:
        raise NotApplicable(COUNTED)
    test = predictions.select(split="test")
    require_evidence("test", predictions=test)
    key = pairing_key()
    hashes = evaluation_hashes(context.dataset, key)[positions(context.dataset, test)]
    return pairing.pack(test, hashes, most=rows, levels=levels, key_name=key_name(key))


def evaluation_hashes(dataset: Dataset, key: bytes) -> pairing.Hashes:
    """Hash the test rows by every column that was read but the model's answers."""
    roles = dataset.roles
    answers = {roles.prediction, *roles.score_columns()}
    names = [name for name in dataset.frame.columns if name not in answers]
    return pairing.row_hashes(dataset.frame.loc[:, names].take(dataset.rows("test")), key)


def positions(dataset: Dataset, test: Predictions) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return which of the test rows each answer belongs to."""
    place = np.zeros(len(dataset), dtype=np.intp)
    rows = dataset.rows("test")
    place[rows] = np.arange(len(rows))
    return place[test.row]


def rows_seen(dataset: Dataset) -> RowsSeen:
    """Return the fingerprint of the test rows, before any model has answered them."""
    key = pairing_key()
    return RowsSeen(fingerprint=pairing.fingerprint(evaluation_hashes(dataset, key)), key=key_name(key))
