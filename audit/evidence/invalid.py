"""Where answers are that a model of the task must not give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidRows:
    """Rows with an answer that cannot be, by what they say and by group.

    Examples
    --------
    >>> InvalidRows(rows=10, said={"maybe": 2}).left_out
    0.0
    """

    rows: int
    """Rows that were looked at."""
    said: Mapping[str, int] = field(default_factory=dict)
    """How many rows have each label that the target does not have, the most frequent first."""
    groups: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Such rows, and all rows, by sensitive feature and level."""
    left_out: float = 0.0
    """Weight of the test rows whose answer is not a class; no measure counts them."""
