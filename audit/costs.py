"""What each outcome of a decision costs: the cost matrix of a binary task."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from audit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Cost of one row by what is true and what was decided, in any unit; a gain is a negative cost.

    Parameters
    ----------
    false_positive, false_negative : float
        Of the two mistakes. At least one costs something over the right decision, and neither less.
    true_positive, true_negative : float, default=0
        Of the two right decisions.

    Raises
    ------
    ConfigError
        If a cost is not finite, or a mistake costs less than the right decision for the same row
        (Elkan 2001 calls such a matrix unreasonable: one decision would be best for every row).

    Examples
    --------
    >>> costs = Costs(false_positive=1, false_negative=5)
    >>> costs.by_row(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).tolist()
    [0.0, 1.0, 5.0, 0.0]
    >>> round(costs.threshold, 4)
    0.1667
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 -- read by pydantic, no field

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ConfigError(f"[costs] {field.name} is {value!r}; expected a finite number.")
        for mistake, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
            if getattr(self, mistake) < getattr(self, right):
                raise ConfigError(
                    f"[costs] {mistake} = {getattr(self, mistake):g} is less than {right} = {getattr(self, right):g}: "
                    "the mistake would be cheaper than the right decision. Costs are positive, gains negative."
                )
        if self.of_alarm == 0 and self.of_miss == 0:
            raise ConfigError(
                "[costs] no mistake costs more than the right decision, so all thresholds cost the same. State what a "
                "mistake costs."
            )

    @property
    def of_alarm(self) -> float:
        """What a false positive costs over a true negative."""
        return self.false_positive - self.true_negative

    @property
    def of_miss(self) -> float:
        """What a false negative costs over a true positive."""
        return self.false_negative - self.true_positive

    @property
    def threshold(self) -> float:
        """Probability from which on a positive decision is the cheaper one (Elkan 2001, eq. 2)."""
        return self.of_alarm / (self.of_alarm + self.of_miss)

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest cost of a row."""
        every = [float(getattr(self, field.name)) for field in fields(self)]
        return min(every), max(every)

    def by_row(self, y_true: npt.NDArray[np.generic], y_pred: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Return the cost of each row; code 1 is the positive class."""
        table = np.array([[self.true_negative, self.false_positive], [self.false_negative, self.true_positive]])
        return np.asarray(table[y_true.astype(np.int64), y_pred.astype(np.int64)], dtype=np.float64)
