"""A penalty on gaps among groups: what is added to the loss while a network is trained, and never read afterwards.

Of each group the mean score is compared with that of all rows; the penalty is the weighted sum of squared differences,
the variance of the score between groups. It is a covariance of score and group in the sense of Zafar et al. (2017), of
probabilities in place of distances from the boundary. In batches it is estimated over pairs of different rows, so that
chance among few rows is not taken for a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainers.errors import TrainerError, hint, quote, quote_all

Floats = NDArray[np.float64]
CONSTRAINTS = ("demographic-parity", "equal-opportunity", "equalized-odds", "error-rate", "bounded-group-loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class GapPenalty:
    """What `fit` is to hold down beside the loss.

    Examples
    --------
    >>> GapPenalty(groups=["f", "m"], constraint="demographic-party").check(2)
    Traceback (most recent call last):
    ...
    trainers.errors.TrainerError: constraint is 'demographic-party'; expected one of 'demographic-parity', ...
    """

    groups: ArrayLike
    """Group of each row of `fit`; read in training alone."""
    strength: float = 1.0
    """Weight of the penalty beside the mean loss; 0 is none."""
    constraint: str = "demographic-parity"
    """What groups are to share: the mean probability of the favorable class (``demographic-parity``), the same among
    rows of that class (``equal-opportunity``) or of each class (``equalized-odds``), the mean probability of a wrong
    answer (``error-rate``), the mean squared error of a regression (``bounded-group-loss``)."""
    favorable: object = None
    """Class whose probability counts; the last one unless set."""

    def check(self, rows: int) -> NDArray[np.int64]:
        """Return the groups as codes.

        Raises
        ------
        TrainerError
            If the penalty cannot be computed for so many rows.
        """
        if self.constraint not in CONSTRAINTS:
            raise TrainerError(
                f"constraint is {quote(self.constraint)}; expected one of {quote_all(CONSTRAINTS)}."
                f"{hint(self.constraint, CONSTRAINTS)}"
            )
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise TrainerError(f"strength is {self.strength}; expected a number of at least 0")
        return group_codes(self.groups, rows)


def group_codes(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
    """Return groups as codes from 0, missing ones refused.

    Examples
    --------
    >>> group_codes(["m", "f", "m"], 3).tolist()
    [1, 0, 1]
    """
    column = np.asarray(groups, dtype=object)
    if column.shape != (rows,):
        raise TrainerError(f"groups has shape {column.shape}; expected ({rows},), one group a row")
    if missing := sum(value is None or value != value for value in column):
        raise TrainerError(f"groups is missing in {missing} of {rows} rows; leave those rows out, or fill them in")
    return np.unique(column.astype(str), return_inverse=True)[1].astype(np.int64)


class Contrasts(NamedTuple):
    """The penalty as numbers beside each row."""

    values: Floats
    """Shape (rows, comparisons): the mean over rows of value times score is one group's difference, in the unit of
    the score, by the square root of strength and share."""
    aims: NDArray[np.int64] | None
    """Class whose probability is the row's score; none where the squared error is."""


def require_task(penalty: GapPenalty, *, regression: bool) -> None:
    """Refuse a constraint of another task.

    Raises
    ------
    TrainerError
    """
    if regression != (penalty.constraint == "bounded-group-loss"):
        fitting = ["bounded-group-loss"] if regression else CONSTRAINTS[:-1]
        task = "a regression" if regression else "a classifier"
        raise TrainerError(f"constraint {quote(penalty.constraint)} is not for {task}; expected {quote_all(fitting)}")


def contrasts(
    penalty: GapPenalty, groups: NDArray[np.int64], target: NDArray[np.generic], weights: Floats | None, favorable: int
) -> Contrasts:
    """Lay a penalty out by row.

    Parameters
    ----------
    penalty : GapPenalty
    groups : ndarray of int
    target : ndarray of class codes, or numbers
    weights : ndarray or None
    favorable : int
        Code of the favorable class; -1 in regression.

    Returns
    -------
    Contrasts

    Examples
    --------
    >>> found = contrasts(GapPenalty(groups=["f", "f", "m", "m"]), np.array([0, 0, 1, 1]), np.zeros(4), None, 1)
    >>> score = np.array([0.2, 0.2, 0.6, 0.6])
    >>> np.isclose(((found.values * score[:, None]).mean(axis=0) ** 2).sum(), score.var()).item()
    True
    """
    own = np.ones(len(groups)) if weights is None else weights / weights.mean()
    if penalty.constraint == "equal-opportunity":
        strata = [target == favorable]
    elif penalty.constraint == "equalized-odds":
        strata = [target == favorable, target != favorable]
    else:
        strata = [np.ones(len(groups), dtype=np.bool_)]
    columns = [column for inside in strata for column in _between(groups, own * inside)]
    values = np.stack(columns, axis=1) if columns else np.zeros((len(groups), 1))
    if favorable < 0:
        aims = None
    elif penalty.constraint == "error-rate":
        aims = target.astype(np.int64)
    else:
        aims = np.full(len(groups), favorable, dtype=np.int64)
    return Contrasts(values * math.sqrt(penalty.strength), aims)


def _between(groups: NDArray[np.int64], weights: Floats) -> list[Floats]:
    """Compare each group with all rows that count."""
    total = weights.sum()
    if not total > 0:
        return []
    shares = np.bincount(groups, weights) / total
    scale = len(groups) / total
    return [
        scale * weights * ((groups == code) - share) / math.sqrt(share)
        for code, share in enumerate(shares)
        if 0 < share < 1
    ]
