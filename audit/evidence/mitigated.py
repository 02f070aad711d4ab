"""A model before and after mitigation, and a control, on the same test rows."""

from __future__ import annotations

from dataclasses import dataclass

from audit.costs import Costs
from audit.evidence.perturbed import Pair, Perturbed
from audit.evidence.predictions import Predictions

MITIGATED, CONTROL = "mitigated", "control"
"""Variants: the model after mitigation; the old model with one threshold moved to the same selection rate."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strength:
    """Test rows answered at one strength of a method."""

    label: str
    chosen: bool
    predictions: Predictions
    tuning_gap: float
    """Gap on the rows that the strength was chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guess:
    """How a group is guessed from what the model reads."""

    model: str
    """``linear`` or ``nonlinear``."""
    after: bool
    """Whether the model reads other columns after mitigation, and these were used."""
    predictions: Predictions
    """Of the group, on test rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mitigated:
    """What was done to narrow a gap, and how test rows are answered since."""

    method: str
    constraint: str
    words: str
    """What the gap is, for people."""
    rates: tuple[str, ...]
    higher: bool
    """Whether more of the rate is good for a group."""
    features: tuple[str, ...]
    """Sensitive features whose groups are compared: one, or several that are crossed."""
    arms: Perturbed
    """Variants ``none`` (the model as it was), ``mitigated`` and, where there is one, ``control``."""
    reads_group: bool
    """Whether each decision reads the sensitive feature."""
    read_before: tuple[str, ...]
    """Which of the sensitive features the model itself reads."""
    front: tuple[Strength, ...] = ()
    seeds: tuple[Predictions, ...] = ()
    """Test rows answered after mitigation on rows drawn anew."""
    proxies: tuple[Guess, ...] = ()
    costs: Costs | None = None
    """What decisions cost: as stated, or as the threshold of the model before weighs mistakes."""
    notes: tuple[str, ...] = ()

    @property
    def feature(self) -> str:
        """Return how the features are called together."""
        return " × ".join(self.features)

    @property
    def before_and_after(self) -> Pair:
        """Return the rows as they were answered and as they are."""
        return self.arms.pair(MITIGATED)

    @property
    def control(self) -> Pair | None:
        """Return the rows as they were answered and as the control answers them."""
        return self.arms.pair(CONTROL) if CONTROL in self.arms.names else None
