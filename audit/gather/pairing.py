"""Answers by row, packed for a later audit of the same rows to be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.comparing import pairing
from audit.data.dataset import Dataset
from audit.errors import NotApplicable
from audit.evidence import COUNTED, Predictions
from reports.record import Pairing

if TYPE_CHECKING:
    from audit.gather import Context


def gather(context: Context, *, rows: int = pairing.MOST_ROWS) -> Pairing:
    """Pack the answers to the test rows in the order of the rows' hashes.

    Parameters
    ----------
    context : Context
    rows : int
        Rows that are kept at most; 0 keeps none, and later audits cannot be paired with this one.
    """
    if rows < 1:
        raise NotApplicable("[gather.pairing] rows is 0: no answers are kept")
    predictions = context.need("predictions")
    assert isinstance(predictions, Predictions)  # noqa: S101 -- the name says so
    if predictions.repeats is not None:
        raise NotApplicable(COUNTED)
    test = predictions.select(split="test")
    if not len(test):
        raise NotApplicable("there are no test rows")
    return pairing.pack(test, evaluation_hashes(context.dataset)[positions(context.dataset, test)], most=rows)


def evaluation_hashes(dataset: Dataset) -> pairing.Hashes:
    """Hash the test rows by every column that was read but the model's answers."""
    roles = dataset.roles
    answers = {roles.prediction, *roles.score_columns()}
    names = [name for name in dataset.frame.columns if name not in answers]
    return pairing.row_hashes(dataset.frame.loc[:, names].take(dataset.rows("test")))


def positions(dataset: Dataset, test: Predictions) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return which of the test rows each answer belongs to."""
    place = np.zeros(len(dataset), dtype=np.intp)
    rows = dataset.rows("test")
    place[rows] = np.arange(len(rows))
    return place[test.row]


def fingerprint(dataset: Dataset) -> str:
    """Return the fingerprint of the test rows, before any model has answered them."""
    return pairing.fingerprint(evaluation_hashes(dataset))
