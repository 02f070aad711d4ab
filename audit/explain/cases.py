"""Single rows, shown from several sides."""

from __future__ import annotations

from dataclasses import dataclass

from audit.explain.encoding import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """One feature of a counterfactual: what it is and what it would have to be."""

    feature: str
    now: str
    needed: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalCase:
    """A row with its attributions by two methods and the nearest row with another decision."""

    why: str
    """Why this row is looked at."""
    row: int
    """Number of the row in the data set."""
    predicted: str
    actual: str
    output: float
    """Explained output, on the scale of the attributions."""
    base: float
    features: tuple[str, ...]
    values: tuple[str, ...]
    """Value of each feature, in words."""
    shap: FloatArray
    """Shape (features,)."""
    lime: FloatArray
    """Shape (features,)."""
    fit: float
    """R² of LIME's local model."""
    changes: tuple[Change, ...] | None
    """Smallest change found that turns the decision; ``None`` where none was found or none was looked for."""
    method: str
    scale: str
    decided_otherwise: str = ""
    """The decision after the changes."""
    fixed: tuple[str, ...] = ()
    """Features that were not allowed to change."""
