"""What a record keeps of each evaluated row, so that a later audit can be compared pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.exhibit import require_finite


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedGroups:
    """Group of each kept row by one sensitive feature; groups too small to be shown are not named."""

    feature: str
    levels: tuple[str, ...]
    codes: str
    """Packed; the number after the last level means that the row has no group here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a later audit of the same rows needs to be compared pair by pair: answers, and no features.

    Columns are packed as base64 of zlib; rows stand in the order of a keyed hash of their content, which
    whoever has the rows and the key can repeat, and nobody else. See ``audit/comparing/pairing.py``.
    """

    fingerprint: str
    """SHA-256 over the sorted hashes of all evaluated rows: equal where the rows are the same, in any order."""
    rows: int
    """Evaluated rows."""
    kept: int
    """Rows whose answers are kept: all, or those with the smallest hashes."""
    y_true: str
    y_pred: str
    y_score: str = ""
    """Coarse scores of the positive class, or of each of several classes one after the other, where kept."""
    score_scale: Literal["", "logit", "rank"] = ""
    """``logit`` of a probability, or the ``rank`` of another score, which pairs ROC AUC alone."""
    ranges: tuple[float, ...] = ()
    """Regression: least and greatest target, least and greatest error, between which 16 bits are spread."""
    weight: str = ""
    cluster: str = ""
    groups: tuple[PairedGroups, ...] = ()
    key: str = ""
    """Name of the secret key by which rows were put in order; records of different keys cannot be paired."""

    def __post_init__(self) -> None:
        if not 0 <= self.kept <= self.rows:
            raise ValueError(f"pairing: {self.kept} of {self.rows} rows are kept; expected no more than there are")
        for number in self.ranges:
            require_finite("pairing", ranges=number)
