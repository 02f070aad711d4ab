"""Which column plays which part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reports.record import Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roles:
    """Which column plays which part, as the user states it.

    Examples
    --------
    >>> Roles(target="income").sensitive
    ()
    """

    target: str
    task: Task | None = None
    positive: str | int | float | bool | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    weight: str | None = None
    cluster: str | None = None
    time: str | None = None
    prediction: str | None = None
    score: str | Mapping[str, str] | None = None
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    drop_missing_target: bool = False
    favorable: str | int | float | bool | None = None
    """The class that is good for the person, where that was stated."""
    order: tuple[str | int | float | bool, ...] = ()
    """Several classes from least to most, where they have an order."""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Value labels for people: column → value → words."""
    monotone: Mapping[str, str] = field(default_factory=dict)
    """Direction, ``increasing`` or ``decreasing``, in which the score should move when a feature is raised."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels as one side writes them → as the other does, where table and model differ."""
    text: tuple[str, ...] = ()
    """Columns that hold words although they look like numbers."""
    number: tuple[str, ...] = ()
    """Columns that hold numbers although they are written as words."""
    indexes: tuple[str, ...] = ()
    """Columns that are a written row index, and so no features unless the model or the user names them."""

    def score_columns(self) -> tuple[str, ...]:
        """Name the columns that hold scores."""
        if self.score is None:
            return ()
        return (self.score,) if isinstance(self.score, str) else tuple(self.score.values())

    def not_features(self) -> set[str]:
        """Name the columns that a model cannot be meant to read."""
        single = {
            self.target,
            self.weight,
            self.cluster,
            self.time,
            self.prediction,
            *self.drop,
            *self.indexes,
            *self.score_columns(),
        }
        return {name for name in single if name is not None}
