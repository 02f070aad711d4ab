"""A metric of the user's own: a function that this house did not write, and what must be known to call it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMetric:
    """A metric of the user's own.

    Examples
    --------
    >>> OwnMetric(name="profit", function=lambda y_true, y_pred: 1.0, origin="shop.money:profit").better
    'higher'
    """

    name: str
    function: Callable[..., object]
    """``(y_true, y_pred)`` or ``(y_true, y_score)``, with or without ``sample_weight``; or a scikit-learn scorer."""
    origin: str
    """Where the code stands: ``package.module:function``."""
    reads: Literal["y_pred", "y_score", "scorer"] = "y_pred"
    weighs: bool = False
    """Whether it takes ``sample_weight``."""
    better: Literal["higher", "lower", "neither"] = "higher"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Least and greatest number there can be, where both are known: intervals stay inside."""

    @property
    def unit(self) -> str:
        """The unit of its estimates."""
        return "score" if self.bounds == (0.0, 1.0) else "own"
