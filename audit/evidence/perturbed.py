"""One model's answers to the same rows, changed in several ways.

The rows as they are stand under the variant ``none``; every other variant is compared with it row by row.
Where the truth is replaced by the model's own first answer, an error rate is the share of decisions that
changed, so the metrics and intervals of the house serve perturbations too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audit.errors import NotApplicable
from audit.evidence.predictions import FloatArray, Predictions

NONE = "none"
"""The variant that holds rows as they are."""
MISSING, SWAPPED, UNSEEN = "missing: ", "another row's: ", "unseen: "
"""What a variant's name starts with where a feature is left out, taken from another row, or a new category."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perturbed:
    """Answers by variant, and what the model raised on those it did not answer.

    Examples
    --------
    >>> from audit.evidence.predictions import join
    >>> y = np.array([1.0, 2.0])
    >>> rows = Predictions(task="regression", y_true=y, y_pred=y, row=np.arange(2))
    >>> moved = replace(rows, y_pred=np.array([1.5, 2.0]))
    >>> seen = Perturbed(predictions=join([rows, moved], "variant", ["none", "noise"]))
    >>> seen.names, seen.pair("noise").changed_rows().tolist()
    (('noise',), [True, False])
    """

    predictions: Predictions
    """With a key ``variant``; every variant's rows are among those of ``none``."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """What the model raised, by variant."""
    notes: tuple[str, ...] = ()
    """What was sampled, capped or left out."""
    spread: float = 1.0
    """Regression: standard deviation of the target, the unit of moves."""
    pictures: Mapping[str, FloatArray] = field(default_factory=dict)
    """Of images: the first row by variant, shape (channels, height, width)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name the variants that were answered, without ``none``."""
        return tuple(name for name in self.predictions.keys["variant"].levels if name != NONE)

    def pair(self, variant: str) -> Pair:
        """Return the rows of a variant as they are and as they were changed, row for row.

        Raises
        ------
        NotApplicable
            If the variant was not answered; the text says what the model raised.
        """
        if variant not in self.names:
            raise NotApplicable(self.failed.get(variant, f"variant {variant!r} was not asked for"))
        changed = _bare(self.predictions, variant)
        plain = _bare(self.predictions, NONE)
        if not np.array_equal(plain.row, changed.row):
            order = np.argsort(plain.row, kind="stable")
            plain = plain.take(order[np.searchsorted(plain.row[order], changed.row)])
        return Pair(plain, changed, self.spread)


def _bare(predictions: Predictions, variant: str) -> Predictions:
    """Select a variant; the variant is not part of the address of what is measured by pairs."""
    chosen = predictions.take(predictions.keys["variant"].mask(variant))
    keys = {name: factor for name, factor in chosen.keys.items() if name != "variant"}
    return replace(chosen, keys=keys, where={**chosen.where, "split": "test"})


class Pair(NamedTuple):
    """The same rows before and after a change."""

    before: Predictions
    after: Predictions
    spread: float = 1.0

    def changed_rows(self) -> npt.NDArray[np.bool_]:
        """Tell which rows have another label or, in regression, another number."""
        return np.asarray(self.before.y_pred != self.after.y_pred)

    def score_moves(self) -> FloatArray:
        """Return by how much each row's score moved, at most over classes; 0 where there are no scores.

        In regression the prediction's move, in standard deviations of the target.
        """
        if self.before.task == "regression":
            gap = np.abs(self.after.y_pred.astype(np.float64) - self.before.y_pred.astype(np.float64))
            return np.asarray(gap / self.spread)
        if self.before.y_score is None or self.after.y_score is None:
            return np.zeros(len(self.before))
        apart = np.abs(self.after.y_score - self.before.y_score).reshape(len(self.before), -1)
        return np.asarray(apart.max(axis=1, initial=0.0))
