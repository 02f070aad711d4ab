"""What a metric is: one object that holds its name, its meaning, its number and its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from audit.estimate.cells import Counts, Margins, Rows, margins
from audit.estimate.rates import Rate
from audit.evidence import Predictions
from audit.statistics.intervals import Interval
from audit.statistics.variance import Linear, Measured
from reports.record import Task

Inexact = npt.NDArray[np.inexact]
Array = npt.NDArray[np.float64]
Needs = Literal["counts", "score", "probabilities", "residuals", "rows"]
Place = Literal["performance", "groups", "gaps", "comparison", "paired"]
Edge = Callable[[float, Counts, float, Rows | None], Interval]

CLASSES: tuple[Task, ...] = ("binary", "multiclass")
BINARY: tuple[Task, ...] = ("binary",)
NUMBER: tuple[Task, ...] = ("regression",)


class Difference(Protocol):
    """Subtract a metric of two models on the same rows."""

    def __call__(self, predictions: Predictions, other: Predictions, /) -> tuple[float, Interval | None]:
        """Return the difference with its interval."""


def one_class(counts: Counts, _names: tuple[str, ...]) -> str:
    """Say that rows or predictions are of one class only."""
    few = int((margins(counts.weight).true > 0).sum()) < 2
    return "rows of one class only" if few else "predictions of one class only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """How a metric that is not one proportion follows from counts."""

    value: Callable[[Margins], Inexact]
    """Of any number of leading axes, in operations that complex numbers know: influence is taken by complex steps."""
    edge: Edge | None = None
    """Its interval where the rows do not vary, as where none is wrong; without one, what rows that were not seen
    could move, by Wilson's interval of the rarest class."""
    undefined: Callable[[Counts, tuple[str, ...]], str] = one_class
    """Why it does not exist on these counts."""
    penalty: Callable[[int], Array] | None = None
    """Penalty of each cell of a table of so many classes, whose sum is ``Margins.penalty``."""
    over: Literal["true", "predicted"] | None = None
    """A mean over classes of the hits among the rows that are truly, or predicted as, each: independent shares."""
    measured: Callable[[Counts, float, Rows | None], Measured] | None = None
    """Number and interval together, where a better form than the linearized one is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a metric is called, what it is made of, which way is better, and how it is measured.

    Examples
    --------
    >>> from audit.estimate.metrics import metric
    >>> metric("recall").unit, metric("recall").perfect
    ('proportion', 1.0)
    """

    name: str
    needs: Needs
    """What it is made of; ``rows``: a function of the user's own, of which nothing more is known."""
    tasks: tuple[Task, ...]
    """Tasks in which the metric speaks of all rows; with a class named, every binary metric does."""
    unit: str = "proportion"
    """``proportion`` in [0, 1], ``score``, or ``target`` for the unit of the target."""
    better: Literal["higher", "lower", "neither"] = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    """Least and greatest number there can be."""
    ordered: bool = False
    """Whether it exists of ordered classes only."""
    place: int = 500
    """Its place in tables: lower first."""
    performance: tuple[Task, ...] = ()
    """Tasks in which it is measured over all rows; the headline metric is in any case."""
    groups: tuple[Task, ...] = ()
    """Tasks in which it is measured by group."""
    gaps: tuple[Task, ...] = ()
    """Tasks in which groups are compared by it, with each other and with groups shuffled by chance."""
    comparison: tuple[Task, ...] = ()
    """Tasks in which it is compared with a baseline."""
    paired: tuple[Task, ...] = ()
    """Tasks in which two audits compare it row by row although neither direction is better."""
    same_as: str = ""
    """Metric that says the same and is judged in its place where both are compared."""
    rate: Rate | None = None
    """Counts: the proportion that it is."""
    composite: Composite | None = None
    """Counts: how it follows from them where it is not a proportion."""
    linear: Callable[[Predictions, int | None], Linear] | None = None
    """Scores and residuals: value and influence of each row, of a class where one is given; ``None``: not smooth."""
    measured: Callable[[Predictions, int | None], Measured] | None = None
    """All but counts: the number with its interval."""
    of_error: Callable[[Array], Array] | None = None
    """Residuals: what of each error it is the mean of, where it is a mean; groups can then be shuffled."""
    difference: Difference | None = None
    """Two models on the same rows, where neither proportions nor influence values tell."""
    paired_method: str = "paired, linearized"

    @property
    def perfect(self) -> float:
        """The best number there can be; infinite where there is none."""
        return self.bounds[0] if self.better == "lower" else self.bounds[1]
