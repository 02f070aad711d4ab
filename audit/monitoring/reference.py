"""What the windows of a log are compared with: the first of them, which later ones join; another log; a record."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from audit.errors import DataError
from audit.estimate.monitoring import everyone, merge_cells, together
from audit.evidence import Window
from audit.logs.windows import REFERENCE_NAME
from audit.statistics.sequential import LONGEST
from reports.phrases import span_words
from reports.record import AuditRecord

KEPT_OUT = 2 * LONGEST
"""How many of the latest windows have not joined: a change is looked for in each of them before it can join."""
ALARMS = ("performance_alarm", "drift_alarm", "version_alarm")


def reference_of(windows: Sequence[Window]) -> Window:
    """Take windows together as the reference.

    Raises
    ------
    DataError
        If there are none.
    """
    if not windows:
        raise DataError("no row of the log has a time.")
    first, last = windows[0].name, windows[-1].name
    every = [everyone(window) if window.with_scores is None else window.with_scores for window in windows]
    usable = [part for part in every if part.y_score is not None]
    partly = len(usable) < len(windows) or any(window.with_scores is not None for window in windows)
    return Window(
        name=span_words(first, last),
        labeled=merge_cells(together([window.labeled for window in windows])),
        unlabeled=merge_cells(together([window.unlabeled for window in windows])),
        with_scores=merge_cells(together(usable)) if usable and partly else None,
        invalid=sum((Counter(window.invalid) for window in windows), Counter[str]()),
        sha256=hashlib.sha256(" ".join(window.sha256 for window in windows).encode()).hexdigest(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The reference as it stands, and how it grows.

    Windows that were judged without an alarm join it, so that its own uncertainty hides less. The differences between
    a window and all those before it are independent of each other (the recursive residuals of Brown, Durbin and Evans
    1975), and those that leave a few windows out move together, so that the promise holds as with a fixed reference.

    Parameters
    ----------
    start : Window
        What it was at first.
    now : Window
        What it is now.
    windows : sequence of Window
        The log's windows in order of time, of which it holds the first ones.
    size : int
        How many of them it holds; 0 where it is a log of its own, or a record.
    most : int
        How many it may hold.
    """

    start: Window
    now: Window
    windows: Sequence[Window]
    size: int = 0
    most: int = 0

    def after(self, judged: int, *, alarm: bool) -> Reference:
        """Return the reference for the next window.

        Parameters
        ----------
        judged : int
            The log's windows up to the latest one that was judged.
        alarm : bool
            Whether that one alarms: the reference then stays what it is.
        """
        if alarm:
            return replace(self, most=self.size)
        size = min(judged + 1 - KEPT_OUT, self.most)
        if size <= self.size:
            return self
        now = reference_of([self.now, *self.windows[self.size : size]])
        name = span_words(self.windows[0].name, self.windows[size - 1].name)
        return replace(self, now=replace(now, name=name), size=size)


def has_alarm(record: AuditRecord) -> bool:
    """Tell whether the record of a window holds an alarm, whatever the policy says of it."""
    return any(
        estimate.metric in ALARMS and estimate.value
        for finding in record.findings
        if finding.measurement is not None
        for estimate in finding.measurement.estimates
    )


def own_log(windows: Sequence[Window]) -> Window:
    """Return the reference that is a log of its own, counted beside the windows."""
    return reference_of([window for window in windows if window.name == REFERENCE_NAME])
