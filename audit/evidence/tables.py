"""Evidence on the data that the audit's own small models gather: plain numbers with addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCORE_TABLE = "Distribution of the answers on the test rows"
"""Title of the table by which a later audit finds the distribution in a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A number with its interval, or the reason why there is none.

    Examples
    --------
    >>> Reading(value=0.9, low=0.8, high=0.95, n=100, method="delong").reason
    ''
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    method: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """How well one feature alone tells something, on rows held out from the fit.

    Examples
    --------
    >>> Alone(feature="zip", reading=Reading(value=0.5, reason="")).where
    {}
    """

    feature: str
    reading: Reading
    where: Mapping[str, str] = field(default_factory=dict)
    """What is predicted: a sensitive group as ``{"sex": "f"}``; empty for the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """How well each feature alone tells each sensitive group from the rest."""

    split: str
    found: tuple[Alone, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """How well each feature alone predicts the target."""

    metric: str
    """``roc_auc`` (its mean over classes, weighted by size) or ``r2_score``."""
    found: tuple[Alone, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How well a classifier tells training rows from test rows, and by which features."""

    auc: Reading
    by_feature: tuple[tuple[str, float], ...]
    """How much the AUC falls when one feature is shuffled, strongest first."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceScores:
    """The distribution of a reference record's answers: counts between edges, or by class."""

    source: str
    counts: tuple[float, ...]
    edges: tuple[float, ...] = ()
    """Rising, one less than there are counts; empty where `labels` distinguish the counts."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDoubts:
    """How many labels contradict a class that their row is all but sure to have."""

    errors: Reading
    """Estimated share of wrong labels, from the rows of which a class is sure."""
    doubted: Reading
    """Share of all rows whose label is contradicted, less the share expected by honest overlap."""
    sure: float
    """Share of rows of which a class is sure."""
    by_class: tuple[tuple[str, int, int, float], ...]
    """Class, rows all but sure to have it, those labeled otherwise, and how many of these overlap explains."""
    notes: tuple[str, ...] = ()
