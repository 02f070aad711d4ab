"""Which numbers of a log are watched, what share of the false alarms each may have, and how they move together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from audit.estimate.influence import linear_form
from audit.estimate.metrics import metric
from audit.estimate.monitoring import groups_of
from audit.estimate.views import with_weight
from audit.evidence import FloatArray, Predictions
from audit.statistics.sequential import joint_alpha
from audit.statistics.variance import Undefined, cluster_codes

WATCHED: Mapping[str, tuple[str, ...]] = {
    "binary": ("accuracy", "recall", "precision"),
    "multiclass": ("accuracy",),
    "regression": ("typical_error", "mean_absolute_error", "root_mean_squared_error", "mean_error", "r2_score"),
}
OF_GROUPS: Mapping[str, tuple[str, ...]] = {
    "binary": ("accuracy", "recall"),
    "multiclass": ("accuracy",),
    "regression": ("mean_absolute_error", "mean_error"),
}
GROUPS = 0.25
"""Share of the chance of a false alarm that groups have together."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A number that is compared with the reference's, of all rows or of a group.

    Examples
    --------
    >>> Watched("mean_error", 0.25).sides, Watched("recall", 0.25).sides
    (2, 1)
    """

    name: str
    share: float
    """Its part of the chance of a false alarm."""
    group: Mapping[str, str] = field(default_factory=dict)

    @property
    def sides(self) -> int:
        """2 where a change in either direction is one for the worse."""
        return 2 if metric(self.name).better == "neither" else 1

    def of(self, part: Predictions) -> Predictions:
        """Keep the rows that it speaks of."""
        for feature, level in self.group.items():
            part = part.take(part.keys[feature].mask(level))
        return part


def watched_series(reference: Predictions) -> tuple[Watched, ...]:
    """Return what is watched: numbers of all rows, and fewer of each group that is large enough."""
    task = reference.task
    groups = [group for group, _ in groups_of(reference, reference.settings.min_n)]
    of_group = GROUPS / max(len(groups) * len(OF_GROUPS[task]), 1)
    whole = (1 - GROUPS if groups else 1) / len(WATCHED[task])
    of_groups = [Watched(name, of_group, group) for group in groups for name in OF_GROUPS[task]]
    return (*(Watched(name, whole) for name in WATCHED[task]), *of_groups)


def alpha_to_share(reference: Predictions, series: Sequence[Watched], *, alpha: float, period: int) -> float:
    """Return the chance of a false alarm to share out, so that the whole of them has `alpha` in a period."""
    return joint_alpha(
        alpha,
        period=period,
        shares=[number.share for number in series],
        sides=[number.sides for number in series],
        correlation=correlation(reference, series),
    )


def correlation(reference: Predictions, series: Sequence[Watched]) -> FloatArray:
    """Return how the numbers move together from one sample of rows to the next; upwards is for the worse.

    The correlation of their influence values, weighted as the rows are and added up by cluster; a number that does
    not exist of the reference moves with no other.

    Examples
    --------
    >>> answers = Predictions(task="binary", classes=("no", "yes"), y_true=np.repeat([0, 1], 50),
    ...                       y_pred=np.repeat([0, 1, 0, 1], [45, 5, 5, 45]))
    >>> correlation(answers, [Watched("accuracy", 0.5), Watched("recall", 0.5)]).round(2).tolist()
    [[1.0, 0.71], [0.71, 1.0]]
    """
    part = with_weight(reference)
    weight = np.ones(len(part)) if part.weight is None else part.weight
    codes = np.arange(len(part)) if part.cluster is None else cluster_codes(part.cluster)
    own = part.repeats is not None and part.cluster is None
    heavy = np.sqrt(part.repeats.squares) if own and part.repeats is not None else weight
    parts = np.zeros((len(series), int(codes.max(initial=-1)) + 1), dtype=np.float32)
    for row, number in zip(parts, series, strict=True):
        influence = _influence(part, number)
        row[:] = np.bincount(codes, heavy * influence, minlength=len(row))
        row /= max(float(np.linalg.norm(row)), 1e-30)
    matrix = (parts @ parts.T).astype(np.float64)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _influence(part: Predictions, number: Watched) -> FloatArray:
    """Return the influence of each row on a number, towards the worse; 0 of rows that it does not speak of."""
    influence = np.zeros(len(part))
    inside = np.ones(len(part), dtype=np.bool_)
    for feature, level in number.group.items():
        inside &= part.keys[feature].mask(level)
    try:
        form = linear_form(part.take(inside), number.name)
    except Undefined:
        return influence
    influence[inside] = form.influence if metric(number.name).better != "higher" else -form.influence
    return influence
