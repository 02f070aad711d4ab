"""What a constraint compares among groups, and which estimate tells it."""

from __future__ import annotations

from dataclasses import dataclass

from audit.errors import ConfigError, hint, quote, quote_all
from reports.record import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A measure of fairness that groups are to share.

    Examples
    --------
    >>> constraint("equal-opportunity", "binary").rates
    ('true_positive_rate',)
    """

    name: str
    rates: tuple[str, ...]
    """Rates that should not differ; the larger gap counts. They speak of the favorable outcome."""
    tasks: tuple[Task, ...]
    higher: bool
    """Whether more of the rate is good for a group."""
    words: str
    """What the gap is, for people."""


BOTH: tuple[Task, ...] = ("binary", "multiclass")
CONSTRAINTS = (
    Constraint(
        name="demographic-parity", rates=("selection_rate",), tasks=BOTH, higher=True,
        words="how often each group gets the favorable answer",
    ),
    Constraint(
        name="equalized-odds", rates=("true_positive_rate", "false_positive_rate"), tasks=BOTH, higher=True,
        words="how often the favorable answer is given to those who earned it, and to those who did not",
    ),
    Constraint(
        name="equal-opportunity", rates=("true_positive_rate",), tasks=BOTH, higher=True,
        words="how often the favorable answer is given to those who earned it",
    ),
    Constraint(
        name="error-rate", rates=("error_rate",), tasks=BOTH, higher=False,
        words="how often the answer is wrong",
    ),
    Constraint(
        name="bounded-group-loss", rates=("mean_squared_error",), tasks=("regression",), higher=False,
        words="mean squared error, in variances of the target",
    ),
)  # fmt: skip


def constraint(name: str, task: Task) -> Constraint:
    """Look a constraint up.

    Raises
    ------
    ConfigError
        If there is none of that name, or none for the task.

    Examples
    --------
    >>> constraint("error-rat", "regression")
    Traceback (most recent call last):
    audit.errors.ConfigError: no constraint 'error-rat' for regression tasks; there are 'bounded-group-loss'.
    """
    known = {constraint.name: constraint for constraint in CONSTRAINTS if task in constraint.tasks}
    if name not in known:
        raise ConfigError(
            f"no constraint {quote(name)} for {task} tasks; there are {quote_all(known)}.{hint(name, known)}"
        )
    return known[name]
