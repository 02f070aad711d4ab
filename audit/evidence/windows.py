"""Answers by window of time, beside those of a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.evidence.invalid import InvalidRows
from audit.evidence.predictions import Predictions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """One window of a prediction log.

    Examples
    --------
    >>> import numpy as np
    >>> none = Predictions(task="binary", y_true=np.zeros(0), y_pred=np.zeros(0))
    >>> Window(name="2025-01", labeled=none, unlabeled=none).name
    '2025-01'
    """

    name: str
    labeled: Predictions
    """Answers whose truth is known."""
    unlabeled: Predictions
    """Answers whose truth is not known yet."""
    with_scores: Predictions | None = None
    """Of windows taken together: all answers of those whose scores can be used; ``None`` where that is all or none."""
    shadow: Predictions | None = None
    """Labeled answers of models that decided nothing, to requests on which another model decided."""
    invalid: Mapping[str, int] = field(default_factory=dict)
    """Answers of all its rows that a model of this task must not give, by kind."""
    invalid_rows: InvalidRows | None = None
    """Where these answers are."""
    sha256: str = ""
    """Fingerprint of its counts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """A reference and the windows since, of which the last is looked at.

    Parameters
    ----------
    reference : Window
        Taken together: what a window is compared with.
    recent : tuple of Window
        In order of time; those before the last three may lack groups and scores.
    period : int
        Number of windows over which false alarms keep their promise.
    features : tuple of str
        Keys whose distribution is watched beside scores, decisions, labels and groups.
    start : Window, optional
        What the reference was before it grew: what is watched, and what share of the false alarms each number has, is
        planned from it. The reference itself unless given.
    rules : tuple of str
        Recent windows that were judged by other rules than the one before.
    """

    reference: Window
    recent: tuple[Window, ...]
    period: int = 52
    features: tuple[str, ...] = ()
    start: Window | None = None
    rules: tuple[str, ...] = ()

    @property
    def current(self) -> Window:
        """The window that is looked at."""
        return self.recent[-1]
